"""Venus' real diamond and VAI: thresholds by pool, exact prices, real liquidations."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ctokens import liquidates_as_said, prices, refused, scan, table, turns_exactly
from localchain.compound import EXP
from localchain.ground import Ground
from localchain.node import Node
from localchain.venus import CORE, Venus

from scanner.scan import Finished


@dataclass(frozen=True)
class Scene:
    """A populated chain and its scan, every account verified."""

    venus: Venus
    finished: Finished


@pytest.fixture(scope="module")
def venus() -> Iterator[Venus]:
    """Accounts in the core pool and two e-mode pools, a quarter with VAI; interest pending."""
    node = Node()
    try:
        made = Venus(Ground(node))
        made.populate(64, 7)
        node.mine(500)
        yield made
    finally:
        node.close()


@pytest.fixture(scope="module")
def scene(venus: Venus, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Scanned under every driver."""
    return Scene(venus, scan(venus, tmp_path_factory.mktemp("venus")))


def pool(venus: Venus, who: str) -> int:
    """The e-mode pool of an account."""
    return int(venus.ground.call(venus.comptroller, "userPoolId(address)(uint96)", who))


def test_every_borrower_is_found_those_of_vai_too(scene: Scene) -> None:
    document, venus = scene.finished.document, scene.venus
    assert document["complete"]
    owing = {who for who in venus.borrowers_ever if venus.holdings(who, {})[0]}
    assert set(scene.finished.positions["account"]) == owing
    assert len(owing) > 50
    assert sum(venus.vai_owed(who) > 0 for who in owing) > 10
    assert {pool(venus, who) for who in owing} == {0, *venus.pools.values()}
    assert {row["symbol"] for row in document["certificate"]} == set(CORE)
    assert all(abs(row["coverage"] - 1) < 1e-6 for row in document["certificate"])


def test_an_account_that_only_minted_vai_is_a_borrower(venus: Venus, tmp_path: Path) -> None:
    with venus.ground.undone():
        who = venus.ground.account("only vai")
        venus.mint(who, "WETH", 10 * EXP)
        venus.enter(who, "WETH")
        venus.mint_vai(who, 0.9)
        finished = scan(venus, tmp_path)
        rows = table(finished)
        [row] = rows[rows["account"] == who].itertuples()
        assert row.largest_debt == "VAI"
        assert row.debt_usd == pytest.approx(venus.vai_owed(who) / EXP, abs=0.01)
        assert venus.shortfall(who, prices(venus, row)) <= 0
        assert venus.shortfall(who, prices(venus, row, 1)) > 0


def test_the_verdict_is_the_comptrollers_own(scene: Scene) -> None:
    [row] = scene.finished.document["parity"]
    assert row["checked"] == row["accounts"] > 50
    assert (row["mismatches"], row["unread"], row["max_rel_error"]) == (0, 0, 0.0)


def test_the_comptroller_turns_exactly_at_the_price(scene: Scene) -> None:
    rows = table(scene.finished)
    assert len(rows) > 50
    assert {"long", "short"} == set(rows["side"])
    assert {pool(scene.venus, who) for who in rows["account"]} == {0, *scene.venus.pools.values()}
    turns_exactly(scene.venus, rows)


def test_a_real_liquidation_takes_what_was_said(scene: Scene) -> None:
    """With the incentive of the borrower's pool, of the core pool where VAI is repaid."""
    rows = table(scene.finished)
    assert liquidates_as_said(scene.venus, rows) > 5
    assert sum(scene.venus.vai_owed(who) > 0 for who in rows["account"]) > 5


def test_a_forced_market_can_be_called_at_any_health(venus: Venus, tmp_path: Path) -> None:
    with venus.ground.undone():
        market = venus.markets["DAI"].address
        venus.ground.send(
            venus.node.owner,
            venus.comptroller,
            "setForcedLiquidation(address,bool)",
            market,
            True,
        )
        frame = pd.DataFrame(scan(venus, tmp_path).positions)
        frame = frame[frame["driver"] != ""].drop_duplicates("account")
        free = [row for row in frame.itertuples() if venus.owed(row.account, "DAI")]
        sound = [row for row in free if venus.shortfall(row.account, {}) <= 0]
        assert len(sound) > 3
        for row in sound:
            assert row.already_liquidatable
            assert row.health_factor >= 1
            debts, held = venus.holdings(row.account, {})
            token = max(held, key=lambda t: venus.dollars(t, held[t], {}))
            code, taken = venus.liquidate(row.account, {}, "DAI", token, debts["DAI"] // 100)
            assert (code, taken > 0, row.callable) == (0, True, True)


def test_paused_liquidations_leave_the_price_and_nothing_to_call(
    venus: Venus, tmp_path: Path
) -> None:
    with venus.ground.undone():
        before = table(scan(venus, tmp_path))
        markets = [market.address for market in venus.markets.values()]
        signature = "setActionsPaused(address[],uint8[],bool)"
        venus.ground.send(venus.node.owner, venus.comptroller, signature, markets, [4], True)
        after = table(scan(venus, tmp_path))
        assert not after["callable"].any()
        assert before["callable"].all()
        assert np.allclose(before["liquidation_price_usd"], after["liquidation_price_usd"], 1e-3)


@pytest.mark.parametrize(
    ("action", "reason"), [(4, "seize_paused"), (5, "liquidation_paused"), (None, "paused")]
)
def test_paused_actions_are_told_apart(
    venus: Venus, tmp_path: Path, action: int | None, reason: str
) -> None:
    """SEIZE of all collateral markets, LIQUIDATE of all debt markets, or the whole protocol."""
    with venus.ground.undone():
        markets = [market.address for market in venus.markets.values()]
        owner, comptroller = venus.node.owner, venus.comptroller
        if action is None:
            venus.ground.send(owner, comptroller, "_setProtocolPaused(bool)", True)
        else:
            signature = "setActionsPaused(address[],uint8[],bool)"
            venus.ground.send(owner, comptroller, signature, markets, [action], True)
        rows = table(scan(venus, tmp_path, 1))
        rows = rows[rows["largest_debt"] != "VAI"]
        mine = [not venus.vai_owed(who) for who in rows["account"]]
        rows = rows[mine]
        assert len(rows) > 20
        assert set(rows["not_callable_reason"]) == {reason}
        refused(venus, rows.head(8), "protocol is paused" if action is None else "action is paused")


def test_a_pool_that_is_switched_off_counts_as_the_core_pool(venus: Venus, tmp_path: Path) -> None:
    with venus.ground.undone():
        signature = "setPoolActive(uint96,bool)"
        number = venus.pools["only"]
        venus.ground.send(venus.node.owner, venus.comptroller, signature, number, False)
        finished = scan(venus, tmp_path)
        [row] = finished.document["parity"]
        assert (row["mismatches"], row["checked"]) == (0, row["accounts"])
        rows = table(finished)
        mine = rows[[pool(venus, who) == number for who in rows["account"]]]
        assert len(mine) > 2
        turns_exactly(venus, mine)


def test_a_second_scan_sees_pools_and_vai_change(venus: Venus, tmp_path: Path) -> None:
    with venus.ground.undone():
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        scan(venus, tmp_path / "a", verify=1)
        late, mover = venus.ground.account("late"), venus.ground.account("mover")
        for who in (late, mover):
            venus.mint(who, "WETH", 20 * EXP)
            venus.enter(who, "WETH")
        venus.mint_vai(late, 0.8)
        venus.enter_pool(mover, "only")
        venus.borrow_part(mover, "WETH", 0.5)
        again, cold = scan(venus, tmp_path / "a"), scan(venus, tmp_path / "b")
        for finished in (again, cold):
            assert finished.document["complete"]
            assert sum(row["mismatches"] for row in finished.document["parity"]) == 0
        left, right = pd.DataFrame(again.positions), pd.DataFrame(cold.positions)
        assert left["account"].tolist() == right["account"].tolist()
        assert {late, mover} <= set(left["account"])
        for column in ("liquidation_price_usd", "health_factor", "debt_usd"):
            assert np.allclose(left[column], right[column], 5e-5, 0.01, equal_nan=True), column
        assert again.stats["bytes_received"] < cold.stats["bytes_received"]
