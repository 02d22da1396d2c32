"""Random ways for prices to move with a shock, and exact prices along them: the referee of shocks.

Written from what a weighted shock and a curve mean, in fractions, sharing nothing with the scanner
but the class `Curve` that carries the knots.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from scanner.core.curves import Curve

WEIGHTS = tuple(Fraction(n, 10) for n in (0, 3, 8, 10, 12))
MORE_WEIGHTS = (*WEIGHTS, Fraction(-1, 2), Fraction(5, 2))
# Knots in thousandths: root, price. Caps and floors near and far, half slopes, a pool, a plateau.
LINES: tuple[tuple[tuple[int, int], ...], ...] = (
    ((700, 700), (1000, 1000), (1040, 1040), (1300, 1040)),  # capped above
    ((700, 737), (950, 1000), (1000, 1000), (1300, 1000)),  # at its cap
    ((500, 900), (900, 900), (1000, 1000), (2000, 2000)),  # a floor below
    ((700, 910), (1000, 1000), (1300, 1090)),  # 0.3 of the move
    ((700, 640), (1000, 1000), (1300, 1360)),  # 1.2 of it
    ((250, 500), (640, 800), (1000, 1000), (1440, 1200)),  # concave, a pool
    ((400, 400), (600, 700), (800, 700), (1000, 1000), (1500, 1100)),  # a plateau
    ((700, 1000), (1000, 1000), (1200, 1000), (1300, 1100)),  # still, then not
)


@dataclass(frozen=True)
class Way:
    """How a price moves: its root by `weight` of the axis, it along `line` or in proportion."""

    weight: Fraction
    line: tuple[tuple[int, int], ...] | None = None

    @property
    def curve(self) -> Curve | None:
        if self.line is None:
            return None
        at, value = zip(*self.line, strict=True)
        return Curve(np.array(at) / 1000, np.array(value) / 1000)

    def factor(self, ratio: Fraction, price: int = 0, present: int = 0) -> Fraction:
        """What the price is multiplied by where the axis is at `ratio` of its present.

        With a price and the present axis the knots of the line are whole numbers of their units.
        """
        root = max(1 + self.weight * (ratio - 1), Fraction(0))
        if self.line is None or self.weight == 0:
            return root
        unit = present * self.weight.denominator
        knots = [
            (Fraction(x / 1000), Fraction(y / 1000)) for x, y in self.line
        ]  # as floats have them
        if price:
            knots = [
                (Fraction(round(x * unit), unit), Fraction(round(y * price), price))
                for x, y in knots
            ]
        place = max([k for k in range(len(knots) - 1) if knots[k][0] <= root], default=0)
        (x0, y0), (x1, y1) = knots[place : place + 2]
        return max(y0 + (root - x0) * (y1 - y0) / (x1 - x0), Fraction(0))

    def price(self, now: int, axis: int, present: int) -> int:
        """The oracle price when the axis is at `axis`, of `now` when it is at `present`."""
        exact = now * self.factor(Fraction(axis, present), now, present)
        return exact.numerator // exact.denominator


def random_ways(rng: random.Random, size: int, kind: str) -> list[Way]:
    """One for each of some tokens, the first of them moving. `kind`: "driver", "market" or
    "weighted"."""
    found = []
    for place in range(size):
        weights: Sequence[Fraction] = {
            "driver": (Fraction(0), Fraction(1)),
            "market": (Fraction(0), Fraction(1), Fraction(1)),
            "weighted": MORE_WEIGHTS if rng.random() < 0.3 else WEIGHTS,
        }[kind]
        weight = rng.choice([w for w in weights if w] if place == 0 else weights)
        line = rng.choice(LINES) if rng.random() < 0.5 else None
        found.append(Way(weight, line))
    return found


def spelled(ways: Sequence[Way], kind: str) -> tuple[str, str, list[str | None]]:
    """Kind and name of the shock that moves tokens so, and the driver of each."""
    if kind == "driver":
        return "driver", "X", ["X" if way.weight else None for way in ways]
    if kind == "market":
        return "market", "market", [f"D{k}" if w.weight else None for k, w in enumerate(ways)]
    drivers = [f"D{k}" for k in range(len(ways))]
    named = ",".join(f"{d}={float(w.weight)}" for d, w in zip(drivers, ways, strict=True))
    return "shock", f"shock:{named}", list(drivers)


def spots(rng: random.Random, present: int, low: int, high: int, ways: Sequence[Way]) -> list[int]:
    """Places along the axis to look at: at random, and around every bend."""
    found = [round(present * 1000 ** rng.uniform(-1, 1)) for _ in range(30)]
    found += [round(present * rng.uniform(0.5, 1.5)) for _ in range(30)]
    for way in ways:
        for at, _ in way.line or ((0, 0),):
            if way.weight:
                corner = present * (1 + (Fraction(at, 1000) - 1) / way.weight)
                found += [round(corner) + k for k in (-2, -1, 0, 1, 2)]
    return sorted(p for p in set(found) if low <= p <= high)
