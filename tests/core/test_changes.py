"""What became of each range from one scan to the next."""

import math
from typing import Any

from scanner.core.changes import changes
from scanner.core.ticks import tick_of


def band(low: float, high: float, usd: float, **more: Any) -> dict[str, Any]:
    """A row of the document, as far as changes look at it."""
    ticks = tick_of([low, high]).tolist()
    row = {"driver": "ETH", "side": "long", "kind": "band", "low_usd": low, "high_usd": high,
           "tick_low": ticks[0], "tick_high": ticks[1], "collateral_at_risk_usd": usd,
           "owner": None}  # fmt: skip
    return row | more


def told(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(row["change"], row["collateral_change_usd"]) for row in changes(before, after)]


def test_a_range_is_born_and_dissolves() -> None:
    """Nothing lies near it in the other scan."""
    one = band(1781.09, 1862.02, 100.0)

    assert told([], [one]) == [("born", 100.0)]
    assert told([one], []) == [("dissolved", -100.0)]
    assert told([one], [band(1500.0, 1550.0, 100.0)]) == [
        ("dissolved", -100.0),
        ("born", 100.0),
    ]


def test_growth_starts_at_a_quarter() -> None:
    """1.25 times is growth, 0.8 times is shrinking, less is nothing."""
    one = band(1781.09, 1862.02, 100.0)

    assert told([one], [band(1781.09, 1862.02, 125.0)]) == [("grew", 25.0)]
    assert told([one], [band(1781.09, 1862.02, 124.99)]) == [("same", 24.99)]
    assert told([one], [band(1781.09, 1862.02, 80.0)]) == [("shrank", -20.0)]
    assert told([one], [band(1781.09, 1862.02, 80.01)]) == [("same", -19.99)]


def test_a_range_moves_when_its_middle_does() -> None:
    """More than one percent of price, whatever its amount does."""
    one = band(1781.09, 1862.02, 100.0)

    assert told([one], [band(1758.0, 1830.0, 300.0)]) == [("moved", 200.0)]
    assert told([one], [band(1775.0, 1862.02, 100.0)]) == [("same", 0.0)]


def test_a_neighbour_within_two_percent_is_the_same_range() -> None:
    """No tick in common, but nothing nearer."""
    one = band(1700.0, 1720.0, 100.0)

    assert told([one], [band(1735.0, 1755.0, 100.0)]) == [("moved", 0.0)]
    assert [change for change, _ in told([one], [band(1790.0, 1800.0, 100.0)])] == [
        "dissolved",
        "born",
    ]


def test_each_range_is_matched_once_the_closest_first() -> None:
    """A range that splits goes on in the part that covers most of it; the other part is born."""
    whole = band(1700.0, 1800.0, 100.0)
    left, right = band(1700.0, 1770.0, 90.0), band(1780.0, 1800.0, 50.0)

    rows = changes([whole], [right, left])

    assert {row["change"] for row in rows if row["after"] is left} == {"same"}
    assert {row["change"] for row in rows if row["after"] is right} == {"born"}


def test_a_wall_is_its_account() -> None:
    """One account's wall is followed wherever it goes, and never taken for another account's."""
    mine = band(1800.0, 1800.0, 50.0, kind="wall", owner="0xa")
    far = band(1500.0, 1500.0, 50.0, kind="wall", owner="0xa")
    other = band(1800.0, 1800.0, 50.0, kind="wall", owner="0xb")

    assert told([mine], [far]) == [("moved", 0.0)]
    assert sorted(change for change, _ in told([mine], [other])) == ["born", "dissolved"]


def test_sides_never_mix() -> None:
    """A long range at spot and a short one at spot are two."""
    long, short = band(2100.0, 2150.0, 10.0), band(2100.0, 2150.0, 10.0, side="short")

    assert [row["change"] for row in changes([long], [short])] == ["dissolved", "born"]


def test_ratios_have_a_middle_too() -> None:
    """Under the market shock prices are null and ratios carry the axis."""
    unpriced = {"low_usd": None, "high_usd": None}
    ticks = tick_of([0.8, 0.85]).tolist()
    one = band(1.0, 1.0, 10.0, **unpriced, low_ratio=0.8, high_ratio=0.85,
               tick_low=ticks[0], tick_high=ticks[1])  # fmt: skip

    assert told([one], [{**one, "low_ratio": 0.82}]) == [("moved", 0.0)]
    assert math.isclose(math.sqrt(0.82 * 0.85) / math.sqrt(0.8 * 0.85), 1.0124, rel_tol=1e-3)


def test_a_wall_whose_account_is_not_known_goes_by_where_it_lies() -> None:
    """Scans of the first release do not name it; a wall must not dissolve with every scan."""
    old = band(1795.0, 1795.0, 100.0, kind="wall")
    del old["owner"]
    new = band(1796.0, 1796.0, 100.0, kind="wall", owner="0xa")

    assert told([old], [new]) == [("same", 0.0)]
    assert told([old], [band(1500.0, 1500.0, 100.0, kind="wall", owner=None)]) == [
        ("dissolved", -100.0),
        ("born", 100.0),
    ]
