"""The upright price axis: its zooms, its labels, and notes that must not overlap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scanner.core.window import Window, around

PER_ROW = 4  # ticks of a bar: 1 % of price
REACHES = (0.45, 0.60, 0.30, 0.15)  # of the zooms, from spot; the first is shown first
_LABELS = 11  # at most, on the axis
_LEAST_GAP = 5.4  # of the height, between two labels [%]
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class View:
    """A part of the whole window, with the prices at its edges. [USD]"""

    name: str
    reach: float
    window: Window
    low: float
    high: float

    def y(self, price: float) -> float:
        """0 at the top, 100 at the bottom, beyond them outside. [%]"""
        return 100 * math.log(self.high / price) / math.log(self.high / self.low)

    def seen(self, low: float, high: float) -> float | None:
        """The middle of what can be seen of a range of prices; None where nothing can. [%]"""
        if high < self.low or low > self.high:
            return None
        return (self.y(max(low, self.low)) + self.y(min(high, self.high))) / 2


def views(spot: float, window: Window, first: float) -> list[View]:
    """The zooms, the one with reach `first` in front; the widest is the whole window."""
    reaches = sorted(REACHES, key=lambda reach: (reach != first, -reach))
    found = []
    for reach in reaches:
        shown = window if reach == max(REACHES) else around(spot, reach, PER_ROW)
        low, high = shown.edges()
        found.append(View(f"{reach * 100:.0f}", reach, shown, low, high))
    return found


def layer(view: View, window: Window) -> str:
    """Where the drawing of the whole window lies so that the view shows its part."""
    low, high = window.edges()
    part = math.log(view.high / view.low)
    above = math.log(high / view.high)
    return f"top:{-100 * above / part:.4f}%;height:{100 * math.log(high / low) / part:.4f}%"


def labels(view: View, spot: float) -> list[float]:
    """Round prices for the axis, none of them hidden by spot's own label."""
    power = 10.0 ** math.floor(math.log10(view.high - view.low) - 2)
    while True:
        for nice in _NICE:
            step = nice * power
            first = math.ceil(view.low / step)
            prices = [k * step for k in range(first, math.floor(view.high / step) + 1)][:200]
            clear = len(prices) <= _LABELS and all(
                view.y(a) - view.y(b) >= _LEAST_GAP for a, b in pairwise(prices)
            )
            if clear:
                return [
                    round(price, 12)
                    for price in prices
                    if 2 <= view.y(price) <= 97 and abs(view.y(price) - view.y(spot)) > 4.2
                ]
        power *= 10


def steps(most: float, count: int) -> list[float]:
    """Round amounts from zero, at most `count` above it.

    >>> steps(515e6, 4), steps(3.1e9, 5)
    ([0.0, 200000000.0, 400000000.0], [0.0, 1000000000.0, 2000000000.0, 3000000000.0])
    """
    if not most > 0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(most) - 1)
    while True:
        for nice in _NICE[:4]:
            if most / (nice * power) <= count:
                return [k * nice * power for k in range(math.floor(most / (nice * power)) + 1)]
        power *= 10


def spread(
    wanted: Sequence[float], heights: Sequence[float], low: float, high: float
) -> list[float]:
    """Middles of notes as near to `wanted` as they can be without overlapping.

    Parameters
    ----------
    wanted, heights : sequences of n, `wanted` rising [% of the picture's height]
    low, high : what they must stay between

    >>> spread([10.0, 11.0, 50.0], [4.0, 4.0, 4.0], 0.0, 100.0)
    [8.5, 12.5, 50.0]
    """
    if not wanted:
        return []
    offsets = [0.0]
    for before, after in pairwise(heights):
        offsets.append(offsets[-1] + (before + after) / 2)
    # Without their offsets the middles only have to rise: pool what does not (least squares).
    pools: list[list[float]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        pools.append([want - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, weight = pools.pop()
            pools[-1] = [
                (pools[-1][0] * pools[-1][1] + mean * weight) / (pools[-1][1] + weight),
                pools[-1][1] + weight,
            ]
    middles = [mean for mean, weight in pools for _ in range(round(weight))]
    least = low + heights[0] / 2
    most = max(high - heights[-1] / 2 - offsets[-1], least)
    return [min(max(m, least), most) + offset for m, offset in zip(middles, offsets, strict=True)]
