"""Oracles of the real contracts that revert or answer zero, through the real command."""

import json
from pathlib import Path
from typing import Any

import pytest
from command import Ended, bandscan, scanning
from localchain import LocalChain, Reverted
from scanning import debtors

REVERTS = "0x60006000fd"  # PUSH 0, PUSH 0, REVERT
ANSWERS_ZERO = "0x600060005260206000f3"  # store 0 at 0, return those 32 bytes
FALLBACK = "0x" + "fa" * 20


def users_of(chain: LocalChain, symbol: str) -> set[str]:
    """Debtors who owe the token or have it enabled as collateral, by the pool's own bitmap."""
    place = chain.tokens[symbol].id
    flags = chain.configurations(sorted(debtors(chain)))
    return {who for who, (bits, _) in flags.items() if bits >> 2 * place & 3}


def break_feed(chain: LocalChain, symbol: str, how: str) -> None:
    """Let the oracle fail for a token: its feed reverts, or answers 0 and so does the fallback."""
    if how == "reverts":
        chain.rpc("anvil_setCode", chain.tokens[symbol].feed, REVERTS)
        return
    chain.rpc("anvil_setCode", FALLBACK, ANSWERS_ZERO)
    chain.send(chain.owner, chain.oracle, "setFallbackOracle(address)", FALLBACK)
    chain.set_price(symbol, 0)
    assert chain.price_raw(symbol) == 0


def scanned(chain: LocalChain, folder: Path, *more: object) -> tuple[Ended, dict[str, Any]]:
    """Run the command; how it ended, and its document."""
    table = ["--positions", folder / "rows.csv", "--verify", "all"]
    outcome = bandscan(*scanning(chain, folder, *table, *more))
    return outcome, json.loads((folder / "scan.json").read_bytes())


def listed(folder: Path) -> set[str]:
    """The accounts of the positions table."""
    lines = (folder / "rows.csv").read_text().splitlines()
    place = lines[0].split(",").index("account")
    return {line.split(",")[place] for line in lines[1:]}


@pytest.mark.parametrize("symbol", ["LINK", "WETH"])
@pytest.mark.parametrize("how", ["reverts", "answers 0"])
def test_without_a_price_only_that_assets_positions_are_unknown(
    movable_chain: LocalChain, tmp_path: Path, symbol: str, how: str
) -> None:
    """Exit 3; they are counted and named with their debts, the rest is kept; a price heals it."""
    chain = movable_chain
    before, whole = scanned(chain, tmp_path)
    assert before.code == 0, before.err
    code = chain.rpc("eth_getCode", chain.tokens[symbol].feed, "latest")
    price = chain.price_raw(symbol)
    lost = users_of(chain, symbol)
    blind = [symbol]
    if symbol == "WETH":  # the adapter of wstETH multiplies ether's price by its rate
        lost |= users_of(chain, "wstETH")
        blind.append("wstETH")
    everybody = debtors(chain)
    assert 5 < len(lost) < len(everybody)

    break_feed(chain, symbol, how)
    outcome, document = scanned(chain, tmp_path)

    assert outcome.code == 3, outcome
    assert "Traceback" not in outcome.err
    assert document["complete"] is False
    assert listed(tmp_path) == everybody - lost
    assert sum(row["accounts"] for row in document["unknown"]) == len(lost)
    assert {row["why"] for row in document["unknown"]} == {f"no price for {s}" for s in blind}
    owed = {row["asset"]: row for row in document["certificate"]}
    assert all(row["coverage"] == 1.0 for row in owed.values())  # debts are found all the same
    kind = "oracle_reverted" if how == "reverts" else "oracle_zero"
    told = [row["message"] for row in document["problems"] if row["kind"] == kind]
    assert len(told) == len(blind)
    assert all(any(name in message for message in told) for name in blind)
    [fatal] = [row for row in document["problems"] if row["fatal"]]
    assert (fatal["kind"], str(len(lost)) in fatal["message"]) == ("unknown_debt", True)
    assert [row["mismatches"] for row in document["parity"]] == [0]
    gone = {row["symbol"]: row["price_usd"] for row in document["tokens"]}
    assert all(gone[name] is None for name in blind)
    assert "INCOMPLETE" in outcome.out
    assert f"no price for {symbol}" in outcome.out
    assert f"{len(lost)} accounts" in outcome.out
    if how == "reverts":  # the pool itself cannot say how healthy they are
        with pytest.raises(Reverted):
            chain.account_data(min(users_of(chain, symbol)))
    shown = bandscan("bands", "BTC", "--store", tmp_path / "store")
    assert shown.code == 0  # the complete scan of before stays the one that is read
    newer = "a later but incomplete scan of the same block"  # breaking by code mines no block
    assert (newer if how == "reverts" else "a newer but incomplete scan, of block") in shown.err

    chain.rpc("anvil_setCode", chain.tokens[symbol].feed, code)
    chain.set_price(symbol, price)
    (tmp_path / "fresh").mkdir()
    after, healed = scanned(chain, tmp_path)
    fresh, _ = scanned(chain, tmp_path / "fresh")
    assert (after.code, fresh.code, healed["complete"]) == (0, 0, True)
    assert healed["unknown"] == []
    assert healed["bands"] == whole["bands"]
    assert (tmp_path / "scan.json").read_bytes() == (tmp_path / "fresh/scan.json").read_bytes()


@pytest.mark.parametrize("shock", ["driver:LINK", "token:LINK"])
def test_a_driver_whose_price_is_missing_is_no_driver_without_risk(
    origin_chain: LocalChain, tmp_path: Path, shock: str
) -> None:
    """Asked for by name it is no mistyped name (exit 2) and no empty list, but unknown: exit 3."""
    with origin_chain.undone():
        lost = users_of(origin_chain, "LINK")
        break_feed(origin_chain, "LINK", "reverts")
        outcome, document = scanned(origin_chain, tmp_path, "--shock", shock)
    assert outcome.code == 3, outcome
    assert "this says nothing about the risk" in outcome.out
    assert (document["shocks"], document["drivers"], document["bands"]) == ([shock], [], [])
    assert [row["accounts"] for row in document["unknown"]] == [len(lost)]
