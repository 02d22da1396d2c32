"""A price of zero and an oracle that reverts: unknown, counted and named; the rest is kept."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from localchain import LocalChain
from scanning import debtors, scan, table

from scanner.store import snapshots

REVERTS = "0x60006000fd"  # PUSH1 0 PUSH1 0 REVERT


def zero(chain: LocalChain, symbol: str) -> None:
    """The feed answers 0."""
    chain.set_price(symbol, 0)


def reverting(chain: LocalChain, symbol: str) -> None:
    """The feed is replaced by a contract that always reverts."""
    chain.rpc("anvil_setCode", chain.tokens[symbol].feed, REVERTS)


def flagged(chain: LocalChain, people: set[str], symbol: str) -> set[str]:
    """Who has the reserve set as collateral or borrowed, by the pool's own bitmap."""
    number = chain.tokens[symbol].id
    return {
        who
        for who in people
        if chain.call(chain.pool, "getUserConfiguration(address)(uint256)", who) >> 2 * number & 3
    }


@pytest.mark.parametrize("breaking", [zero, reverting])
@pytest.mark.parametrize("symbol", ["LINK", "WBTC"])
def test_what_has_no_price_is_unknown_and_the_rest_is_kept(
    movable_chain: LocalChain,
    tmp_path: Path,
    breaking: Callable[[LocalChain, str], None],
    symbol: str,
) -> None:
    """Whose position needs the price is counted and named; everybody else's rows do not change."""
    store = tmp_path / "store"
    whole = scan(movable_chain, store)
    blind = flagged(movable_chain, debtors(movable_chain), symbol)
    assert len(blind) >= 10
    breaking(movable_chain, symbol)
    broken = scan(movable_chain, store)

    assert whole.complete
    assert not broken.complete
    assert broken.document["complete"] is False
    [row] = broken.document["unknown"]
    token = movable_chain.tokens[symbol]
    assert (row["accounts"], row["asset"]) == (len(blind), token.address)
    assert symbol in row["why"]
    kinds = {problem["kind"]: problem for problem in broken.document["problems"]}
    # Of a feed that answers 0 the Aave oracle asks its fallback; there is none, so it reverts too.
    assert symbol in kinds["oracle_reverted"]["message"]
    assert kinds["unknown_debt"]["fatal"]

    before, after = pd.DataFrame(whole.positions), pd.DataFrame(broken.positions)
    kept = before[~before["account"].isin(blind)].reset_index(drop=True)
    pd.testing.assert_frame_equal(after, kept)
    assert set(after["account"]) == debtors(movable_chain) - blind
    # Debts are counted in scaled units: completeness does not need the price.
    assert broken.document["certificate"] == whole.document["certificate"]

    newest = snapshots.newest(store, movable_chain.chain_id, complete=True)
    assert newest is not None
    assert newest.path == whole.path  # "latest complete" stays the older scan


def test_a_price_that_comes_back(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Once the feed answers again a scan is complete, and says what one from scratch says."""
    store = tmp_path / "store"
    present = movable_chain.price_raw("LINK")
    zero(movable_chain, "LINK")
    assert not scan(movable_chain, store).complete
    movable_chain.set_price("LINK", present)
    again = scan(movable_chain, store)
    assert again.complete
    assert again.document_bytes == scan(movable_chain, tmp_path / "fresh").document_bytes


def test_a_market_without_any_ether_price(movable_chain: LocalChain, tmp_path: Path) -> None:
    """The root feed of most tokens is dead: a document all the same, and all accounted for."""
    zero(movable_chain, "WETH")
    finished = scan(movable_chain, tmp_path / "store")
    everybody = debtors(movable_chain)
    blind = flagged(movable_chain, everybody, "WETH") | flagged(movable_chain, everybody, "wstETH")
    assert set(table(finished)["account"]) == everybody - blind
    assert sum(row["accounts"] for row in finished.document["unknown"]) == len(blind)
    assert not finished.complete
