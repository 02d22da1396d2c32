"""How one integer price follows one integer feed, found by trying answers of the feed.

Two trials, at 0.7 and 1.3 of the present answer, tell whether the price moves, wider ones whether
it goes on in the same straight line. Where it does not, a stretch between two straight lines is cut
where the lines meet (a cap, a floor: one trial), any other one in the middle. Prices are integers,
cut by the oracle and by adapters below it: points within two units of a line are on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import isqrt

import numpy as np

from .curves import Curve

TRIALS = (Fraction(7, 10), Fraction(13, 10))  # of the present answer: does it move, and straight?
# ... of a price that moves, where it goes on. Uneven, so that a floor and a cap at equal distances
# are not taken for a straight line.
WIDER = tuple(
    Fraction(n, d)
    for n, d in ((1, 16), (1, 4), (7, 8), (49, 50), (101, 100), (10, 9), (4, 1), (16, 1))
)
FAR = 10**17  # an answer at which a price in proportion shows many more digits of its ratio
UNITS = 2  # a price may be off a line by so many of its units: each of two adapters cuts one
CLOSE = 1e-9  # ... or by this part of it
MOST = 257  # trials of one price
_MOST_ROUNDS = 14
_SHARP = 4  # rounds after which a bend is taken for a smooth one
_ALIKE = 1e-3  # slopes that part by so much here are of one smooth bend
_TINY = Fraction(1, 4096)  # how near the slope of a smooth bend is measured

Point = tuple[int, int]  # an answer of the feed, and the price at it


@dataclass(frozen=True)
class Line:
    """How a price follows a feed.

    Attributes
    ----------
    sensitivity, sensitivity_up : float
        The slope at the present answer, of the price over its present one by the answer over its
        present one: when the feed falls, and when it rises. 0 where the price stands still; 0 or 1
        where the rounding of the price cannot tell it from them.
    curve : Curve or None
        The broken line; None for a straight one that stands still or moves in proportion.
    error : float
        How far a price may be off the curve, as a part of it: within `CLOSE` where the line was
        shown to be straight between its knots, more where trials ran out (a smooth bend).
    inverse : bool
        Whether all this is of one over the price: what a feed under the line of a fraction does.
    ratio : (int, int) or None
        Of a price in proportion: it is floor(answer * numerator / denominator), to more digits than
        the present price has; None where that was not seen.
    """

    sensitivity: float
    sensitivity_up: float
    curve: Curve | None = None
    error: float = 0.0
    inverse: bool = False
    ratio: tuple[int, int] | None = None

    @property
    def moves(self) -> bool:
        """Whether the feed moves the price anywhere that was looked at."""
        return self.curve is not None or self.sensitivity != 0.0

    @property
    def bent(self) -> bool:
        """Whether the price follows otherwise below the present answer than above it, or farther
        off than near."""
        return self.curve is not None and self.curve.bent


STILL = Line(0.0, 0.0)


class Trace:
    """One price under trials of one feed. Ask `wanted`, tell `see`, until nothing is wanted.

    Parameters
    ----------
    answer : int
        The feed's present answer, above 0.
    price : int
        The price at it, above 0.
    either : bool
        Whether one over the price may be followed where that is the straight line.
    most : int
        Trials at most.

    Examples
    --------
    A stable at 1.00 that is capped at 1.04:

    >>> trace = Trace(10**8, 10**8)
    >>> while wanted := trace.wanted():
    ...     for answer in wanted:
    ...         trace.see(answer, min(answer, 104 * 10**6))
    >>> line = trace.line()
    >>> line.sensitivity, float(line.curve.at[2]), float(line.curve.slopes[2])
    (1.0, 1.04, 0.0)
    """

    def __init__(self, answer: int, price: int, *, either: bool = False, most: int = MOST) -> None:
        if answer <= 0 or price <= 0:
            raise ValueError("only a price and an answer above 0 can be followed")
        self.answer, self.price = answer, price
        self.seen: dict[int, int] = {answer: price}
        self._asked: set[int] = {answer}
        self._silent: set[int] = set()  # answers at which the price was refused
        self._rounds = 0
        self._either, self._most = either, most
        self.inverse = False
        self._far: int | None = None

    def wanted(self) -> list[int]:
        """Answers of the feed to try next; none where the line is known."""
        trials = self._fresh(TRIALS)
        if trials:
            return trials
        if not self._moved():
            return []
        wider = self._fresh(WIDER)
        if wider:
            return wider if self.answer > FAR // 16 else [*wider, FAR]
        self._rounds += 1
        if self._either and self._rounds == 1:
            self._turn()
        if self._rounds > _MOST_ROUNDS or len(self._asked) >= self._most:
            return []
        points, good = self._points(), self._straight()
        cuts = {self._cut(points, good, i): i for i in self._open(points, good)}
        places = {x: i for x, i in cuts.items() if x is not None and x not in self._asked}
        if not places:
            return []
        bend = self._bends(points)
        if self._rounds > _SHARP:  # no cap or floor, or many: the slope here is told apart
            tiny = {self._at(1 - _TINY), self._at(1 + _TINY)} - self._asked
            bend.append(float("inf"))
            places |= dict.fromkeys(tiny, len(bend) - 1)
        worst = sorted(places, key=lambda x: (-bend[places[x]], x))
        return sorted(worst[: self._most - len(self._asked)])

    def see(self, answer: int, price: int | None) -> None:
        """The price at an answer of the feed; None where the oracle refuses it."""
        self._asked.add(answer)
        if answer == FAR:
            self._far = price
        elif price is None or price < 0:
            self._silent.add(answer)
        elif not self.inverse:
            self.seen[answer] = price
        elif price > 0:
            self.seen[answer] = self.price**2 // price

    def _turn(self) -> None:
        """Follow one over the price (times its square now) if that is straight and it is not."""
        if all(self._straight()) or 0 in self.seen.values():
            return
        direct, self.seen = self.seen, {x: self.price**2 // y for x, y in self.seen.items()}
        self.inverse = all(self._straight())
        if not self.inverse:
            self.seen = direct

    @property
    def silent(self) -> bool:
        """Whether a trial near the present answer was refused: the line is then not known."""
        return any(x in self._silent for x in map(self._at, TRIALS))

    def _at(self, ratio: Fraction) -> int:
        return max(1, round(self.answer * ratio))

    def _fresh(self, ratios: Sequence[Fraction]) -> list[int]:
        return sorted({self._at(r) for r in ratios} - self._asked)

    def _moved(self) -> bool:
        """By more than rounding, and by a part that is not nothing."""
        near = [self.seen[x] for x in map(self._at, TRIALS) if x in self.seen]
        return any(abs(y - self.price) > max(1, self.price * CLOSE) for y in near)

    # --- stretches between neighbouring trials

    def _points(self) -> list[Point]:
        return sorted(self.seen.items())

    def _straight(self) -> list[bool]:
        """Of each stretch, whether three neighbouring points on one line hold it."""
        points = self._points()
        good = [False] * (len(points) - 1)
        for i in range(len(points) - 2):
            if _on_line(points[i], points[i + 1], points[i + 2]):
                good[i] = good[i + 1] = True
        return good

    def _open(self, points: Sequence[Point], good: Sequence[bool]) -> list[int]:
        """Stretches that are not known to be straight, and wide enough to be cut."""
        return [
            i for i, fine in enumerate(good) if not fine and points[i + 1][0] - points[i][0] > 1
        ]

    def _cut(self, points: Sequence[Point], good: Sequence[bool], i: int) -> int | None:
        """Where to cut stretch i: where the straight lines beside it meet, else in the middle."""
        (x0, y0), (x1, y1) = points[i], points[i + 1]
        meet = _meeting(points, good, i)
        if meet is not None:
            at = round(meet)
            beside = [x for x in (at, at - 1, at + 1) if x0 < x < x1 and x not in self._asked]
            return beside[0] if beside else None  # the bend is at one of its ends
        if abs(y1 - y0) <= UNITS and 0 < i < len(good) - 1:
            return None
        return min(max(isqrt(x0 * x1), x0 + 1), x1 - 1)

    @staticmethod
    def _bends(points: Sequence[Point]) -> list[float]:
        """How far each stretch may be off the chord between its ends: an eighth of the change of
        slope at either end, over its length."""
        slope = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
        change = [0.0, *(abs(b - a) for a, b in pairwise(slope)), 0.0]
        return [
            max(change[i], change[i + 1]) * (b[0] - a[0]) / 8 / max(a[1], b[1], 1)
            for i, (a, b) in enumerate(pairwise(points))
        ]

    # --- the line

    def line(self) -> Line:
        """What the trials have shown."""
        return replace(self._line(), inverse=self.inverse)

    def _line(self) -> Line:
        if not self._moved():
            return STILL
        points = self._points()
        good = self._straight()
        knots = _knots(points, good, self.answer)
        bends = self._bends(points)
        error = max([CLOSE, *(bends[i] for i in self._open(points, good))])
        if len(knots) == 3 and _on_line(*knots):  # one straight line through the present point
            slope = self._slope(knots[0], knots[2])
            if slope in (0.0, 1.0):
                return Line(slope, slope, ratio=self._ratio() if slope else None)
            lowest = knots[0][0] / self.answer
            if 1 + slope * (lowest - 1) < 0:
                lowest = 1 - 1 / slope
            at = np.array([lowest, 1.0, knots[2][0] / self.answer])
            curve = Curve(at, np.maximum(1 + slope * (at - 1), 0.0))
            return Line(slope, slope, curve, error)
        at = np.array([x / self.answer for x, _ in knots])
        curve = Curve(at, np.array([y / self.price for _, y in knots]))
        here = int(np.flatnonzero(at == 1.0)[0])
        down = self._slope(knots[here - 1], knots[here]) if here else None
        up = self._slope(knots[here], knots[here + 1]) if here < len(knots) - 1 else None
        smooth = self._smooth()
        if smooth is not None:
            down = up = smooth
        return Line(
            down if down is not None else up or 0.0,
            up if up is not None else down or 0.0,
            curve,
            error,
        )

    def _ratio(self) -> tuple[int, int] | None:
        """Of a price in proportion, where it gives every price that was seen."""
        if not self._far or self.inverse:
            return None
        alike = all(x * self._far // FAR == y for x, y in self.seen.items())
        return (self._far, FAR) if alike else None

    def _smooth(self) -> float | None:
        """The slope here of a line that bends smoothly; None for one of straight parts."""
        low, high = (self._at(1 + tiny) for tiny in (-_TINY, _TINY))
        if self._rounds <= _SHARP or not {low, high} <= self.seen.keys():
            return None
        here = (self.answer, self.price)
        below, above = (low, self.seen[low]), (high, self.seen[high])
        down, up = self._slope(below, here), self._slope(here, above)
        alike = abs(down - up) <= _ALIKE * max(abs(down), abs(up))
        return self._slope(below, above) if alike else None

    def _slope(self, one: Point, other: Point) -> float:
        """Between two points, in ratios; 0 or 1 where rounding cannot tell it from that."""
        (x0, y0), (x1, y1) = one, other
        run = Fraction(x1 - x0, self.answer)
        slope = float(Fraction(y1 - y0, self.price) / run)
        doubt = max(CLOSE, float(Fraction(UNITS, self.price) / run))
        if abs(slope) <= doubt:
            return 0.0
        if abs(slope - 1) <= doubt + abs(slope) * UNITS / self.price:
            return 1.0
        return slope


def _on_line(a: Point, b: Point, c: Point) -> bool:
    """Whether b is on the line from a to c, as far as integers can tell."""
    (x0, y0), (x1, y1), (x2, y2) = a, b, c
    off = abs(Fraction((y2 - y0) * (x1 - x0), x2 - x0) + y0 - y1)
    return off <= max(UNITS, abs(y1) * CLOSE)


def _meeting(points: Sequence[Point], good: Sequence[bool], i: int) -> Fraction | None:
    """Where the straight lines on both sides of stretch i meet inside it."""
    left, right = _beside(good, i, -1), _beside(good, i, +1)
    if left is None or right is None:
        return None
    (x0, y0), (x1, y1) = points[left], points[i]
    (x2, y2), (x3, y3) = points[i + 1], points[right]
    one, other = Fraction(y1 - y0, x1 - x0), Fraction(y3 - y2, x3 - x2)
    if one == other:
        return None
    meet = (y2 - y0 + one * x0 - other * x2) / (one - other)
    return meet if points[i][0] <= meet <= points[i + 1][0] else None


def _beside(good: Sequence[bool], i: int, step: int) -> int | None:
    """The far end (a point) of the straight stretches that touch stretch i on one side."""
    j = i + step
    if not 0 <= j < len(good) or not good[j]:
        return None
    return j if step < 0 else j + 1


def _knots(points: Sequence[Point], good: Sequence[bool], present: int) -> list[Point]:
    """The fewest points that hold the line: ends, bends and the present one."""
    kept = [0]
    for i in range(1, len(points) - 1):
        a = points[kept[-1]]
        between = points[kept[-1] + 1 : i + 1]
        whole = all(good[kept[-1] : i + 1]) and all(
            _on_line(a, one, points[i + 1]) for one in between
        )
        if not whole or points[i][0] == present:
            kept.append(i)
    kept.append(len(points) - 1)
    return [points[i] for i in kept]


__all__ = ["CLOSE", "MOST", "STILL", "TRIALS", "Line", "Trace"]
