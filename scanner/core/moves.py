"""How every token's price moves with the axis of a shock, where that is not simply one for one.

A token stands on a root feed. When the axis is at `s` times its present value, the root is at
1 + weight * (s - 1) times its own, never below 0, and the token's price follows the root: in
proportion, or along its curve. Everything is straight in `s` between a few bends; `reach` and
`bends` say where. Prices are exact in integers, as everywhere: one floor of a fraction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .curves import Curve
from .integers import LARGEST_FACTOR, Integers, mul_div
from .price import HIGHEST, LOWEST

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Moves:
    """The tokens of one market under one shock.

    Attributes
    ----------
    present : int
        The axis now: a feed's answer, or 10**9 where the axis is a ratio.
    weights : sequence of Fraction, one per token
        How much of the axis' move its root makes; 0 for a token that stays.
    curves : sequence of Curve or None, one per token
        How it follows its root; None: in proportion.
    now : sequence of int, one per token
        Present oracle prices, 0 for none: what the knots of curves are rounded to.
    base : int or None
        The token that all prices are quoted in; None for dollars.
    """

    present: int
    weights: Sequence[Fraction]
    curves: Sequence[Curve | None]
    now: Sequence[int]
    base: int | None = None

    @cached_property
    def numerator(self) -> I64:
        """Of each weight. Shape (tokens,)."""
        return np.array([w.numerator for w in self.weights], np.int64)

    @cached_property
    def denominator(self) -> I64:
        """Of each weight. Shape (tokens,)."""
        return np.array([w.denominator for w in self.weights], np.int64)

    @cached_property
    def moving(self) -> Bool:
        """Which prices move at all. Shape (tokens,)."""
        flat = [c is not None and not c.slopes.any() for c in self.curves]
        return np.asarray((self.numerator != 0) & ~np.array(flat, np.bool_), np.bool_)

    @cached_property
    def slope(self) -> F64:
        """Slope of each price at present, towards a fall of the axis. Shape (tokens,)."""
        return self._slopes(-1)

    @cached_property
    def rise(self) -> F64:
        """As `slope`, towards a rise."""
        return self._slopes(1)

    def _slopes(self, way: int) -> F64:
        found = np.array([float(w) for w in self.weights])
        for token, curve in self._curved:
            here = int(np.flatnonzero(curve.at == 1.0)[0])
            up = way * found[token] > 0
            place = here if up else here - 1
            found[token] *= curve.slopes[min(max(place, 0), len(curve.slopes) - 1)]
        return found

    @cached_property
    def _curved(self) -> list[tuple[int, Curve]]:
        some = [(t, c) for t, c in enumerate(self.curves) if c is not None]
        return [(t, c) for t, c in some if self.weights[t] != 0]

    @cached_property
    def reach(self) -> tuple[int, int]:
        """The lowest and the highest axis of which anything is claimed: 0.001 and 1,000 times the
        present one, no root beyond 1,000 times its own, and nothing where what prices are quoted
        in would be worth less than 0.001 of itself."""
        most = max([Fraction(1), *self.weights])
        low = max(1, int(self.present * LOWEST))
        high = int(self.present * (1 + (int(HIGHEST) - 1) / most))
        weight = Fraction(0) if self.base is None else self.weights[self.base]
        room = (1 - Fraction(1, 1_000)) * self.present
        if weight < 0:
            high = min(high, (self.present - room / weight).__floor__())
        elif weight > 1:
            low = max(low, (self.present - room / weight).__ceil__())
        return low, high

    @cached_property
    def bends(self) -> tuple[int, ...]:
        """The axis at the bends of any token inside the reach, rising: both whole numbers around
        each, so that between two neighbours everything is straight."""
        found: set[int] = set()
        for token in np.flatnonzero(self.moving).tolist():
            found |= self._bends_of(token)
        return tuple(sorted(found))

    @cached_property
    def bent(self) -> Bool:
        """Which tokens bend inside the reach, or at the present. Shape (tokens,)."""
        size = len(self.weights)
        some = [bool(self.moving[t] and self._bends_of(t)) for t in range(size)]
        return np.array(some, np.bool_)

    def _bends_of(self, token: int) -> set[int]:
        number, unit = int(self.numerator[token]), int(self.denominator[token])
        curve = self.curves[token]
        corners = [Fraction(0)]
        if curve is not None:
            # Of whole numbers and of ratios: they part where a price of few units comes to 0.
            corners += self._lines[token].corners()
            corners += [Fraction(zero) * unit * self.present for zero in curve.zeros]
        low, high = self.reach
        found: set[int] = set()
        for corner in corners:
            at = Fraction(corner - (unit - number) * self.present, number)
            if low < at < high:
                found |= {at.__floor__(), at.__ceil__()}
        return found

    @cached_property
    def _lines(self) -> dict[int, "_Line"]:
        found = {}
        for token, curve in self._curved:
            root = int(self.denominator[token]) * self.present
            found[token] = _line(curve, root, int(self.now[token]))
        return found

    def root(self, token: I32 | I64, axis: Integers) -> Integers:
        """Each token's root, in units of `present * denominator`; equal shapes."""
        number, unit = self.numerator[token], self.denominator[token]
        if axis.dtype == object:
            number, unit = number.astype(object), unit.astype(object)
        return np.maximum(number * axis + (unit - number) * self.present, 0)

    def curved(self, token: I32 | I64, axis: Integers, price: Integers) -> None:
        """Put the oracle prices of tokens that follow a curve into `price`; equal shapes."""
        for number, line in self._lines.items():
            rows = np.flatnonzero(token == number)
            if len(rows):
                price[rows] = line.prices(self.root(token[rows], axis[rows]))

    def parts(self, token: I32 | I64, axis: Integers) -> tuple[Integers, Integers]:
        """What each present price is multiplied by, as a fraction of two Python integers."""
        axis = axis.astype(object)
        above = self.root(token, axis)
        below = self.denominator[token].astype(object) * self.present
        for number, line in self._lines.items():
            rows = np.flatnonzero(token == number)
            if len(rows):
                above[rows], below[rows] = line.parts(above[rows], int(self.now[number]))
        return above, below

    def factor(self, token: I32 | I64, ratio: F64) -> F64:
        """What each price is multiplied by where the axis is at `ratio` times its present; equal
        shapes, NaN where the ratio is."""
        weight = np.array([float(w) for w in self.weights])[token]
        root = np.where(weight == 1.0, ratio, np.maximum(1.0 + weight * (ratio - 1.0), 0.0))
        found = np.where(weight == 0.0, 1.0, root)
        for number, curve in self._curved:
            rows = np.flatnonzero(token == number)
            if len(rows):
                found[rows] = curve.of(found[rows])
        return found

    def factors(self, axis: int) -> F64:
        """`factor` of every token where the axis is at `axis`. Shape (tokens,)."""
        size = len(self.weights)
        return self.factor(np.arange(size), np.full(size, axis / self.present))


@dataclass(frozen=True)
class _Line:
    """A broken line in integers.

    From root at[k] on the price is value[k] + (root - at[k]) * slope[k], floored, where slope =
    whole + rest / unit; below at[0] likewise, with slope[0]; never below 0.
    """

    at: Integers
    value: Integers
    whole: Integers
    rest: Integers
    unit: Integers

    def corners(self) -> list[Fraction]:
        """Roots above 0 at which the slope changes."""
        rows = zip(self.whole.tolist(), self.rest.tolist(), self.unit.tolist(), strict=True)
        slopes = [whole + Fraction(rest, unit) for whole, rest, unit in rows]
        at, value = self.at.tolist(), self.value.tolist()
        pairs = zip(at[1:], slopes, slopes[1:], strict=False)
        found = [Fraction(x) for x, before, after in pairs if before != after]
        if slopes[0] > 0 and at[0] - value[0] / slopes[0] > 0:  # the price is 0 before the root is
            found.append(at[0] - value[0] / slopes[0])
        if slopes[-1] < 0:
            found.append(at[-1] - value[-1] / slopes[-1])
        return found

    def prices(self, root: Integers) -> Integers:
        """Oracle prices at these roots."""
        place, below = self._place(root), root < self.at[0]
        whole, rest, unit = self.whole[place], self.rest[place], self.unit[place]
        far = mul_div(whole, rest, unit, np.abs(root - self.at[place]), ceil=below)
        return np.asarray(np.maximum(self.value[place] + np.where(below, -far, far), 0))

    def parts(self, root: Integers, now: int) -> tuple[Integers, Integers]:
        """Price over `now`, as a fraction of Python integers."""
        place = self._place(root)
        whole, rest, unit = (x[place].astype(object) for x in (self.whole, self.rest, self.unit))
        ahead = root - self.at[place].astype(object)
        above = self.value[place].astype(object) * unit + ahead * (whole * unit + rest)
        return np.maximum(above, 0), unit * now

    def _place(self, root: Integers) -> I64:
        return np.maximum(np.searchsorted(self.at, root, "right").astype(np.int64) - 1, 0)


def _line(curve: Curve, present: int, now: int) -> _Line:
    """A curve in integers: the root now is `present`, the price `now`.

    Knots go to the nearest integers, and the line from knot to knot: it is exact at every knot.
    """
    knots: dict[int, int] = {}
    for x, y in zip(curve.at.tolist(), curve.value.tolist(), strict=True):
        knots[round(Fraction(x) * present)] = round(Fraction(y) * now)
    if len(knots) == 1:  # a root of so few units that all knots fall together
        knots[present + 1] = now
    at, value = list(knots), list(knots.values())
    slopes = [
        Fraction(b - a, y - x) for a, b, x, y in zip(value, value[1:], at, at[1:], strict=False)
    ]
    slopes.append(slopes[-1])
    kind = object if max(*at, *value, now) >= LARGEST_FACTOR else np.int64
    split = [divmod(slope.numerator, slope.denominator) for slope in slopes]
    return _Line(
        np.array(at, kind),
        np.array(value, kind),
        np.array([whole for whole, _ in split], kind),
        np.array([rest for _, rest in split], kind),
        np.array([slope.denominator for slope in slopes], kind),
    )
