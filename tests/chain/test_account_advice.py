"""What to repay or to add, really repaid and added on the real pools, and scanned again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from localchain import LocalChain, Reverted
from scanning import priced, scan, table

from scanner import answers, reading

MOVES = (0.9, 0.7)  # of the distance from spot to p*, for longs; shorts by the same the other way
UNITS = 4  # what a balance may be off: the pool keeps scaled ones
ADAPTED = {"wstETH"}  # priced through an exchange rate, of which the scan keeps the product only


@dataclass(frozen=True)
class Deed:
    """One payment, and where it is to bring p*. `amount` in token units, `target` of the feed."""

    account: str
    kind: str
    symbol: str
    amount: int
    target: int
    side: str
    sharp: bool


@pytest.fixture
def deeds(movable_chain: LocalChain, tmp_path: Path) -> tuple[LocalChain, list[Deed]]:
    """Every position with an ETH price, and for each of its tokens what is to be done."""
    finished = scan(movable_chain, tmp_path / "store")
    stored = reading.newest(tmp_path / "store", None)
    rows = priced(finished, "ETH")
    found = []
    for k, (account, row) in enumerate(rows.iterrows()):
        way = MOVES[k % len(MOVES)]
        raw = row["raw"]
        target = round(raw * way) if row["side"] == "long" else round(raw / way)
        answer = answers.account(stored, str(account), driver="ETH", reach=target / 1e8)
        [one] = answer["reach"]["positions"]
        assert one["rule"] == "integers", one
        assert one["needed"] is True
        adapted = any(leg["symbol"] in ADAPTED for leg in answer["legs"])
        for kind in ("repay", "add"):
            for token in one[kind]:
                if token["amount_raw"] is None:
                    assert token["reason"]
                    continue
                amount, price = int(token["amount_raw"]), token["liquidation_price_usd"]
                assert price is None or (
                    price <= target / 1e8 if row["side"] == "long" else price >= target / 1e8
                )
                found.append(Deed(str(account), kind, token["symbol"], amount, target,
                                  row["side"], sharp=not adapted))  # fmt: skip
    assert len(found) > 60
    return movable_chain, found


def do(chain: LocalChain, deed: Deed, amount: int) -> bool:
    """Pay on behalf of the account; False where the pool does not let anybody."""
    token = chain.tokens[deed.symbol]
    balance = "balanceOf(address)(uint256)"
    payer = chain.account("payer").address
    chain.send(payer, token.address, "mint(address,uint256)", payer, amount)
    chain.send(payer, token.address, "approve(address,uint256)", chain.pool, amount)
    try:
        if deed.kind == "add":
            call = "supply(address,uint256,address,uint16)"
            chain.send(payer, chain.pool, call, token.address, amount, deed.account, 0)
            return True
        if token.sdebt and chain.call(token.sdebt, balance, deed.account):
            return False  # in two parts: one call does not do it
        call = "repay(address,uint256,uint256,address)"
        chain.send(payer, chain.pool, call, token.address, amount, 2, deed.account)
    except Reverted:
        return False
    return True


def results(
    chain: LocalChain, deeds: list[Deed], store: Path, less: int
) -> list[tuple[Deed, bool, Any]]:
    """Each deed done with so many units less; whether p* is at or beyond, by a new scan.

    One deed an account and scan: they are done in rounds.
    """
    told: list[tuple[Deed, bool, Any]] = []
    rounds: dict[int, list[Deed]] = {}
    seen: dict[str, int] = {}
    for deed in deeds:
        turn = seen[deed.account] = seen.get(deed.account, -1) + 1
        rounds.setdefault(turn, []).append(deed)
    for turn, some in rounds.items():
        with chain.undone():
            done = [deed for deed in some if do(chain, deed, deed.amount - less)]
            rows = table(scan(chain, store / str(turn)), "ETH")
            for deed in done:
                if deed.account not in rows.index:  # owes nothing any more
                    told.append((deed, True, None))
                    continue
                row = rows.loc[deed.account]
                fine = not row["already_liquidatable"]
                if row["side"] != "none":
                    raw = int(row["liquidation_price_raw"])
                    away = row["side"] != deed.side
                    long = deed.side == "long"
                    fine &= away or (raw <= deed.target if long else raw >= deed.target)
                told.append((deed, bool(fine), row["liquidation_price_raw"]))
    return told


def test_what_is_said_is_enough_and_a_little_less_is_not(
    deeds: tuple[LocalChain, list[Deed]], tmp_path: Path
) -> None:
    """With the amount p* is at or beyond the price that was asked for; with a few units of the
    token less it is not."""
    chain, every = deeds
    told = results(chain, every, tmp_path / "done", 0)
    assert [one for one in told if not one[1]] == []
    assert len(told) > 0.8 * len(every)
    assert {deed.kind for deed, *_ in told} == {"repay", "add"}
    assert {deed.side for deed, *_ in told} == {"long", "short"}

    sharp = [deed for deed in every if deed.sharp and deed.amount > UNITS]
    told = results(chain, sharp, tmp_path / "less", UNITS)
    assert [one for one in told if one[1]] == []
    assert len(told) > 40
