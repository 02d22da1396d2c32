"""Compound v2's real contracts: every borrower, exact prices, real liquidations.

Interest is pending on every market when the scan is made. The referee accrues it in the same
execution, as anybody may, so its verdict is of the same block and second as ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ctokens import liquidates_as_said, refused, scan, table, turns_exactly
from localchain.compound import EXP, MARKETS, Compound
from localchain.ground import Ground
from localchain.node import Node

from scanner import scan as scanning
from scanner.errors import MarketError
from scanner.scan import Finished, Request


@dataclass(frozen=True)
class Scene:
    """A populated chain and its scan, every account verified."""

    compound: Compound
    finished: Finished


@pytest.fixture(scope="module")
def compound() -> Iterator[Compound]:
    """Sixty accounts, of which some repaid; 500 blocks of interest that nobody accrued."""
    node = Node()
    try:
        made = Compound(Ground(node))
        made.populate(60, 7)
        node.mine(500)
        yield made
    finally:
        node.close()


@pytest.fixture(scope="module")
def scene(compound: Compound, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Scanned under every driver."""
    return Scene(compound, scan(compound, tmp_path_factory.mktemp("compound")))


def test_every_borrower_is_found_and_the_totals_are_met(scene: Scene) -> None:
    document, compound = scene.finished.document, scene.compound
    assert document["complete"]
    owing = {
        who
        for who in compound.borrowers_ever
        if any(compound.owed(who, token) for token in MARKETS)
    }
    assert set(scene.finished.positions["account"]) == owing
    assert 40 < len(owing) < len(compound.borrowers_ever)
    rows = {row["symbol"]: row for row in document["certificate"]}
    assert set(rows) == set(MARKETS)
    for token, row in rows.items():
        assert (row["identity"], row["bound"]) == ("approximate", 1e-5)
        [answer] = compound.within({}, (compound.markets[token].address, "totalBorrows()", ()))
        total = int.from_bytes(answer, "big")
        assert int(row["debt_total"]) == total
        assert abs(int(row["debt_found"]) - total) <= max(1e-9 * total, 100)


def test_the_verdict_is_the_comptrollers_own(scene: Scene) -> None:
    [row] = scene.finished.document["parity"]
    assert row["checked"] == row["accounts"] > 40
    assert (row["mismatches"], row["unread"], row["max_rel_error"]) == (0, 0, 0.0)


def test_the_comptroller_turns_exactly_at_the_price(scene: Scene) -> None:
    """No shortfall at the oracle's integer, a shortfall one unit beyond: every price there is."""
    rows = table(scene.finished)
    assert len(rows) > 60
    assert {"long", "short"} == set(rows["side"])
    turns_exactly(scene.compound, rows)


def test_a_real_liquidation_takes_what_was_said(scene: Scene) -> None:
    """The best of all pairs: as much debt as may be repaid and the collateral covers."""
    rows = table(scene.finished)
    assert len(rows) > 60
    assert liquidates_as_said(scene.compound, rows) > 5


def test_a_market_without_a_price_is_unknown_mass(compound: Compound, tmp_path: Path) -> None:
    """An account that has only entered it counts as well: the comptroller asks for its price."""
    with compound.ground.undone():
        market = compound.markets["LINK"].address
        compound.ground.send(
            compound.node.owner, compound.oracle, "force(address,uint256)", market, 0
        )
        document = scan(compound, tmp_path).document
        assert not document["complete"]
        [row] = document["unknown"]
        assert row["why"] == "no price for LINK"
        assert row["accounts"] > 10
        assert row["debt_usd"] is None or row["debt_usd"] > 0
        [problem] = [p for p in document["problems"] if p["kind"] == "oracle_zero"]
        assert "LINK" in problem["message"]
        assert sum(row["mismatches"] for row in document["parity"]) == 0


def test_debt_of_a_deprecated_market_can_be_called_at_any_health(
    compound: Compound, tmp_path: Path
) -> None:
    """Comptroller.isDeprecated: no collateral factor, borrowing paused, interest to reserves."""
    with compound.ground.undone():
        market = compound.markets["DAI"].address
        compound.admin("_setReserveFactor(uint256)", EXP, to=market)
        compound.admin("_setCollateralFactor(address,uint256)", market, 0)
        node = compound.node
        node.send(node.owner, compound.comptroller, "_setBorrowPaused(address,bool)", market, True)
        frame = pd.DataFrame(scan(compound, tmp_path).positions)
        frame = frame[frame["driver"] != ""].drop_duplicates("account")
        free = [row for row in frame.itertuples() if compound.owed(row.account, "DAI")]
        assert len(free) >= 10
        assert all(row.already_liquidatable for row in free)
        sound = [row for row in free if compound.shortfall(row.account, {}) <= 0]
        assert len(sound) > 3
        for row in sound:
            assert row.callable
            assert row.health_factor >= 1
            debts, held = compound.holdings(row.account, {})
            token = max(held, key=lambda t: held[t] * compound.price(t))
            code, taken = compound.liquidate(row.account, {}, "DAI", token, debts["DAI"] // 100)
            assert (code, taken > 0) == (0, True)


def test_the_guardian_keeps_every_seizure_away(compound: Compound, tmp_path: Path) -> None:
    """Comptroller.seizeAllowed; prices stay, and with the pause lifted the calls go again."""
    with compound.ground.undone():
        before = table(scan(compound, tmp_path, 1))
        pause = (compound.node.owner, compound.comptroller, "_setSeizePaused(bool)")
        compound.node.send(*pause, True)
        finished = scan(compound, tmp_path, 1)
        after = table(finished)
        assert len(after) == len(before) > 60
        assert set(after["not_callable_reason"]) == {"seize_paused"}
        refused(compound, after.head(12), "seize is paused")
        for band in finished.document["bands"]:
            assert band["not_callable_usd"] == band["collateral_at_risk_usd"] > 0
            assert band["seizable_usd"] == 0
        compound.node.send(*pause, False)
        rows = table(scan(compound, tmp_path, 1))
        liquidates_as_said(compound, rows.head(12))


def test_a_second_scan_reads_only_who_was_touched(compound: Compound, tmp_path: Path) -> None:
    """And says what a scan from nothing says, up to two units of a debt's token (WBTC has 8
    decimals: on a debt of a hundred dollars two units are 1e-5 of it)."""
    with compound.ground.undone():
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        scan(compound, tmp_path / "a", verify=1)
        late = compound.ground.account("late")
        compound.mint(late, "WETH", 100 * EXP)
        compound.enter(late, "WETH")
        compound.borrow_part(late, "USDC", 0.9)
        compound.mint(late, "LINK", 5 * EXP)
        compound.node.mine(100)
        again = scan(compound, tmp_path / "a")
        cold = scan(compound, tmp_path / "b")
        assert again.document["complete"]
        assert sum(row["mismatches"] for row in again.document["parity"]) == 0
        left, right = pd.DataFrame(again.positions), pd.DataFrame(cold.positions)
        keys = ["account", "driver", "side", "already_liquidatable", "largest_debt"]
        pd.testing.assert_frame_equal(left[keys], right[keys])
        for column in ("liquidation_price_usd", "health_factor", "debt_usd", "collateral_usd"):
            close = np.isclose(left[column], right[column], rtol=5e-5, atol=0.01, equal_nan=True)
            assert close.all(), column
        assert late in set(left["account"])
        assert again.stats["bytes_received"] < cold.stats["bytes_received"]


def test_no_comptroller_is_a_clear_refusal(compound: Compound, tmp_path: Path) -> None:
    deployments = tmp_path / "wrong.toml"
    text = compound.deployments_toml().replace(compound.comptroller, compound.oracle)
    deployments.write_text(text)
    request = Request(None, (compound.node.url,), (), deployments, tmp_path, patience=30)
    with pytest.raises(MarketError, match="does not answer like a comptroller"):
        scanning.run(request)
