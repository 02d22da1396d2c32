"""Strength: the definition, redone the slow way on random books, and its corners."""

import numpy as np
import pytest

from scanner.core.strength import NEARBY, REACH, range_strength, strengthened, tick_strength
from scanner.core.ticks import TICK_RATIO


def book(seed: int, ticks: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Occupied ticks with whole cents."""
    rng = np.random.default_rng(seed)
    tick = np.sort(rng.choice(np.arange(-500, 3_000), ticks, replace=False))
    return tick.astype(np.int64), np.round(rng.pareto(1.2, ticks) * 1e5, 2)


def slow(tick: np.ndarray, usd: np.ndarray, low: int, high: int, amount: float) -> float:
    """As the definition says it, run by run."""
    held = dict(zip(tick.tolist(), usd.tolist(), strict=True))
    width = high - low + 1
    most = max(
        sum(held.get(t, 0.0) for t in range(first, first + width))
        for first in range(low - REACH, high + REACH - width + 2)
    )
    return amount / most


def test_nearby_is_twenty_percent() -> None:
    assert TICK_RATIO**REACH <= 1 + NEARBY < TICK_RATIO ** (REACH + 1)


@pytest.mark.parametrize("seed", range(5))
def test_ticks_and_ranges_follow_the_definition(seed: int) -> None:
    tick, usd = book(seed)
    found = tick_strength(tick, usd)
    for k in range(0, len(tick), 7):
        one = int(tick[k])
        assert found[k] == pytest.approx(slow(tick, usd, one, one, usd[k]), abs=1e-6)
    for low, width in ((int(tick[40]), 5), (int(tick[100]), 40), (int(tick[0]) - 3, 20)):
        high = low + width - 1
        amount = float(usd[(tick >= low) & (tick <= high)].sum())
        got = range_strength(tick, usd, low, high, amount)
        assert got == pytest.approx(slow(tick, usd, low, high, amount), abs=1e-6)
    assert max(found) == 1.0
    assert min(found) >= 0.0


def test_a_range_of_one_tick_has_that_tick_s_strength() -> None:
    tick, usd = book(9)
    ticks = tick_strength(tick, usd)
    ranges = [
        range_strength(tick, usd, int(t), int(t), float(u)) for t, u in zip(tick, usd, strict=True)
    ]
    assert ranges == ticks


def test_order_does_not_matter_and_dollars_scale_out() -> None:
    tick, usd = book(3)
    order = np.random.default_rng(0).permutation(len(tick))
    ahead = tick_strength(tick, usd)
    assert [ahead[k] for k in order] == tick_strength(tick[order], usd[order])
    assert tick_strength(tick, usd * 4) == ahead


def test_a_neighbour_beyond_reach_does_not_count_and_one_within_does() -> None:
    usd = np.array([1.0, 10.0])
    assert tick_strength(np.array([0, REACH]), usd) == [0.1, 1.0]
    assert tick_strength(np.array([0, REACH + 1]), usd) == [1.0, 1.0]


def test_nothing_at_risk_has_no_strength() -> None:
    """A position worth less than half a cent is there, with zero dollars."""
    assert tick_strength(np.array([5]), np.array([0.0])) == [0.0]
    assert range_strength(np.array([5]), np.array([0.0]), 5, 5, 0.0) == 0.0
    assert tick_strength(np.zeros(0, np.int64), np.zeros(0)) == []


def test_rows_keep_sides_and_drivers_apart_and_a_wall_counts_its_own_account() -> None:
    def row(driver: str, side: str, tick: int, usd: float) -> dict[str, object]:
        return {"driver": driver, "side": side, "tick": tick, "collateral_at_risk_usd": usd,
                "debt_usd": 1.0}  # fmt: skip

    ticks = [row("ETH", "long", 10, 4.0), row("ETH", "long", 20, 8.0), row("ETH", "short", 10, 1.0),
             row("BTC", "long", 10, 2.0)]  # fmt: skip
    wall = {"driver": "ETH", "side": "long", "tick_low": 10, "tick_high": 10,
            "collateral_at_risk_usd": 3.0, "debt_usd": 1.0}  # fmt: skip

    rows, [band] = strengthened(ticks, [wall])

    assert [one["strength"] for one in rows] == [0.5, 1.0, 1.0, 1.0]
    assert band["strength"] == 0.375
    assert list(band)[-2:] == ["strength", "debt_usd"]
    assert strengthened(rows, [band]) == (rows, [band])
