"""Small pictures: a range's past, a protocol's shape, the lying ladder of the home page."""

from collections.abc import Sequence

import numpy as np

from scanner.core.window import Window, rows
from scanner.outputs.site.ladder import by_protocol, ends
from scanner.outputs.site.model import Driver, Row
from scanner.outputs.site.views import PER_ROW

SPARK = (96, 26)
SHAPE = 34  # high; as many units wide as the window has rows


def spark(past: Sequence[tuple[int, float]], start: int, end: int) -> str:
    """A range's collateral over time, from zero. Needs two points."""
    if len(past) < 2 or end <= start:
        return ""
    wide, high = SPARK
    most = max(usd for _, usd in past) or 1.0
    points = [
        f"{wide * (when - start) / (end - start):.1f} {high - 1 - (high - 2) * usd / most:.1f}"
        for when, usd in past
    ]
    return "M" + "L".join(points)


def mix(amounts: dict[int, float]) -> list[tuple[int, float, float]]:
    """(colour, start, width) of a bar that is 100 wide; the largest first."""
    total = sum(amounts.values())
    found, x = [], 0.0
    for slot, usd in sorted(amounts.items(), key=lambda item: (-item[1], item[0])):
        width = 100 * usd / total if total else 0.0
        found.append((slot, round(x, 2), round(width, 2)))
        x += width
    return found


def shape(ticks: Sequence[Row], window: Window, protocol: str | None = None) -> str:
    """Square-root heights by price, the lowest price on the left; of one protocol or of all."""
    amounts = [
        by_protocol(tick).get(protocol, 0.0) if protocol else tick["collateral_at_risk_usd"]
        for tick in ticks
    ]
    sums = np.sqrt(rows(window, PER_ROW, [tick["tick"] for tick in ticks], amounts))[::-1]
    most = float(sums.max(initial=0.0))
    if not most:
        return ""
    heights = np.maximum(np.rint((SHAPE - 1) * sums / most), np.where(sums > 0, 1, 0)).astype(int)
    path, before = f"M0 {SHAPE}", 0
    for high in heights.tolist():
        path += f"v{before - high}h1" if high != before else "h1"
        before = high
    return f"{path}V{SHAPE}z"


def spot_at(driver: Driver, window: Window) -> float:
    """Where spot lies in a shape, in rows from the left."""
    return round((1 - window.place(driver.spot)) * window.ticks / PER_ROW, 2)


def lying(driver: Driver, window: Window) -> list[tuple[float, float, str]]:
    """(start, width, letter) of the ranges in a shape, in rows from the left."""
    found = []
    for one in driver.ranges:
        low, high = ends(one.row)
        left, right = (1 - window.place(low), 1 - window.place(high))
        if right > 0 and left < 1:
            unit = window.ticks / PER_ROW
            width = max(
                round((right - left) * unit, 2), 0.01
            )  # a wall has none, and would not show
            found.append((round(left * unit, 2), width, one.letter))
    return found
