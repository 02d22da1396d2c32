"""What to repay, or to add, so that a position's liquidation price moves to a chosen one.

One position at a time, in Python integers, from what a stored scan keeps of it: its legs' amounts,
prices and weights. Two rules:

* whole units of the oracle with the protocol's own rounding (Aave v3: GenericLogic.
  calculateUserAccountData; the average threshold cut to basis points up to v3.4), where the scan
  keeps all that this rule needs;
* else the same sum with a margin on the debt that is larger than what is not kept.

An answer is the smallest amount at a boundary: with it the position is healthy at the chosen answer
of the feed and all the way there from the present one; with one unit less it is not.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from .price import HIGHEST, LOWEST

BPS = 10_000
_NEAR = 64  # units before the chosen price that are looked at one by one: rounding is of a few
_WORST = 16  # of the prices at which a cut average drops: so many are looked at in integers
_LARGEST = 2**200  # token units: beyond it nothing can be added


@dataclass(frozen=True)
class Leg:
    """One collateral or debt of the position.

    Attributes
    ----------
    debt : bool
    amount, unit : int
        Balance, and what makes one token. [token units]
    price : int
        Of one token at the scanned block. [`Rule.grain` units a dollar]
    weight : int
        Of a collateral; 0 where it is not counted. [`Rule.full` is one]
    slope : Fraction
        How much of the shock its root makes: the root is at 1 + slope * (p / present - 1) times its
        present answer.
    plain : bool
        The price follows in proportion, cut to whole units, and not through an exchange rate that
        the scan does not keep.
    knots : tuple of (root, price)
        How the price follows its root where that is not in proportion, both over their present
        ones: straight from knot to knot and on beyond the ends (curves.py).
    """

    debt: bool
    amount: int
    unit: int
    price: int
    weight: int
    slope: Fraction
    plain: bool
    knots: tuple[tuple[Fraction, Fraction], ...] = ()

    def factor(self, ratio: Fraction) -> Fraction:
        """What the price is multiplied by where the axis is at `ratio` times its present."""
        root = max(1 + self.slope * (ratio - 1), Fraction(0))
        if not self.knots:
            return root
        inner = [k for k in range(1, len(self.knots) - 1) if self.knots[k][0] <= root]
        (at, value), (to, end) = self.knots[len(inner)], self.knots[len(inner) + 1]
        return max(value + (root - at) * (end - value) / (to - at), Fraction(0))


@dataclass(frozen=True)
class Rule:
    """How the sum is rounded and compared.

    Attributes
    ----------
    grain : int
        Units of value a dollar.
    full : int
        The weight that is one.
    cuts : bool
        The average weight is cut to whole basis points.
    up : bool
        A debt's value is rounded up.
    margin : Fraction
        Of the debt: so much more collateral than debt is asked for.
    spare : int
        Billionths of a token that a payment may be credited short, at least one unit of it. 0: one
        unit of the token alone.
    """

    grain: int
    full: int
    cuts: bool
    up: bool
    margin: Fraction
    spare: int


@dataclass(frozen=True)
class Book:
    """A position at trial answers of the feed, which now answers `present`."""

    rule: Rule
    present: int
    legs: tuple[Leg, ...]

    def price(self, leg: Leg, answer: int) -> int:
        """A leg's price at an answer, to the safe side where the scan does not know its digits."""
        if not leg.slope or answer == self.present:
            return leg.price
        factor = leg.factor(Fraction(answer, self.present))
        # An exchange rate is known as far as the present price has digits.
        known = leg.price + (leg.debt and not leg.plain)
        return known * factor.numerator // factor.denominator

    def healthy(self, answer: int) -> bool:
        """Whether the position is healthy when the feed answers so."""
        rule = self.rule
        held = weighted = owed = 0
        for leg in self.legs:
            worth = leg.amount * self.price(leg, answer)
            if leg.debt:
                owed += -(-worth // leg.unit) if rule.up else worth // leg.unit
            elif leg.weight:
                value = worth // leg.unit
                held, weighted = held + value, weighted + value * leg.weight
        if not owed:
            return True
        need = owed * (rule.margin.denominator + rule.margin.numerator)
        scale = rule.margin.denominator
        if not rule.cuts:
            return weighted * scale >= need * rule.full
        average = self._average(held, weighted)
        return (held * average + BPS // 2) * scale >= need * BPS

    def _average(self, held: int, weighted: int) -> int:
        """The average weight of the collateral, cut. [basis points]"""
        weights = {leg.weight for leg in self.legs if not leg.debt and leg.weight and leg.amount}
        if len(weights) == 1:
            return weights.pop() * BPS // self.rule.full
        # What the scan does not keep decides an average that is whole basis points: the lower one.
        margin = self.rule.margin
        most = weighted * (margin.denominator - margin.numerator) * BPS
        return most // (held * self.rule.full * margin.denominator) if held else 0

    def reaches(self, target: int) -> bool:
        """Healthy at `target`, and at every answer between the present one and it."""
        step = 1 if target < self.present else -1
        room = abs(self.present - target)
        near = (target + step * k for k in range(min(_NEAR, room) + 1))
        if not all(map(self.healthy, near)) or not self.healthy(self.present):
            return False
        return all(map(self.healthy, [*self._bends(target), *self._drops(target)]))

    def _bends(self, target: int) -> list[int]:
        """The answers around the bends of any leg between `target` and the present one."""
        low, high = sorted((target, self.present))
        found = set()
        for leg in self.legs:
            corners = [at for at, _ in leg.knots] or [Fraction(0)]
            for root in corners if leg.slope else ():
                at = self.present * (1 + (root - 1) / leg.slope)
                found |= {k for k in (at.__floor__(), at.__ceil__()) if low < k < high}
        return sorted(found)

    def _drops(self, target: int) -> list[int]:
        """Where between `target` and the present answer a cut average may be too low: it steps from
        one basis point to the next there, and between two steps the sum is a straight line."""
        if not self.rule.cuts:
            return []
        held, weighted, owed = np.zeros(2), np.zeros(2), np.zeros(2)  # constant, per p / present
        for leg in self.legs:
            value, slope = float(leg.amount * leg.price) / leg.unit, float(leg.slope)
            line = np.array([value * (1 - slope), value * slope])
            if leg.debt:
                owed += line
            elif leg.weight:
                held, weighted = held + line, weighted + line * leg.weight / self.rule.full
        ends = np.array([target / self.present, 1.0])
        total = held[0] + held[1] * ends
        if not (total > 0).all():
            return []
        average = (weighted[0] + weighted[1] * ends) / total * BPS
        steps = np.arange(np.floor(average.min()), np.ceil(average.max()) + 1) / BPS
        with np.errstate(divide="ignore", invalid="ignore"):
            at = (steps * held[0] - weighted[0]) / (weighted[1] - steps * held[1])
        inside = np.isfinite(at) & (at >= ends.min()) & (at <= ends.max())
        at, steps = at[inside], steps[inside]
        if not len(at):
            return []
        short = (held[0] + held[1] * at) * (steps - 1 / BPS) - (owed[0] + owed[1] * at)
        worst = at[np.argsort(short, kind="stable")[:_WORST]]
        low, high = sorted((target, self.present))
        found = {
            min(max(int(ratio * self.present) + k, low), high)
            for ratio in worst.tolist()
            for k in (-1, 0, 1, 2)
        }
        return sorted(found)

    def edge(self, target: int) -> int | None:
        """The last healthy answer beyond `target`, itself healthy; None where there is none."""
        away = -1 if target < self.present else 1
        far = max(1, int(self.present * LOWEST)) if away < 0 else int(self.present * HIGHEST)
        if (far - target) * away <= 0 or self.healthy(far):
            return None
        safe, beyond = target, far
        while abs(beyond - safe) > 1:
            trial = (safe + beyond) // 2
            safe, beyond = (trial, beyond) if self.healthy(trial) else (safe, trial)
        return safe

    def repaid(self, place: int, amount: int) -> "Book":
        """After a payment of `amount`, credited short by what one may be; all of it is all."""
        leg = self.legs[place]
        left = (
            0 if amount >= leg.amount else min(leg.amount, leg.amount - amount + self._spare(leg))
        )
        return self._with(place, left)

    def added(self, place: int, amount: int) -> "Book":
        """After a deposit of `amount`, credited short by what one may be."""
        leg = self.legs[place]
        return self._with(place, leg.amount + max(amount - self._spare(leg), 0))

    def _spare(self, leg: Leg) -> int:
        return max(1, self.rule.spare * leg.unit // 10**9)

    def _with(self, place: int, amount: int) -> "Book":
        legs = list(self.legs)
        legs[place] = replace(legs[place], amount=amount)
        return replace(self, legs=tuple(legs))


def to_repay(book: Book, place: int, target: int) -> int | None:
    """The smallest payment on the debt `place` with which the book reaches `target`; None where
    not even all of it is enough. [token units]"""
    most = book.legs[place].amount
    if not book.repaid(place, most).reaches(target):
        return None
    return _smallest(lambda amount: book.repaid(place, amount).reaches(target), most)


def to_add(book: Book, place: int, target: int) -> int | None:
    """The smallest deposit to the collateral `place` with which the book reaches `target`; None
    where no amount does. [token units]"""

    def enough(amount: int) -> bool:
        return book.added(place, amount).reaches(target)

    most = max(book.legs[place].amount, book.legs[place].unit)
    while not enough(most):
        most *= 4
        if most > _LARGEST:
            return None
    return _smallest(enough, most)


def _smallest(enough: Callable[[int], bool], most: int) -> int:
    """An amount that is enough where one unit less is not; 0 where nothing is needed."""
    if enough(0):
        return 0
    least = 0
    while most - least > 1:
        trial = (least + most) // 2
        least, most = (least, trial) if enough(trial) else (trial, most)
    return most
