"""The straight stretches of a shock between its bends, walked away from the present.

Between two bends every price, and with them every position's health, is a straight line in the
axis: it crosses 1 at most once there (up to a protocol's own rounding). So a search that is right
for straight lines is right for bent ones, stretch by stretch, if each begins healthy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .integers import Integers
from .legs import Legs
from .price import NOISE
from .shocks import Shock

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stretch:
    """One straight part: `start` and `end` are answers, `end` the farther from the present.

    `factor` is what each token's price is multiplied by at the start, `slope` how fast that grows
    with the axis (as a ratio of its present). Shape (tokens,).
    """

    start: int
    end: int
    factor: F64
    slope: F64


def whole(shock: Shock) -> Stretch:
    """The one stretch of a shock without a bend, be it a fall or a rise (`end` is the present)."""
    slope = shock.slope
    return Stretch(shock.present, shock.present, np.ones(len(slope)), slope)


def stretches(shock: Shock, step: int, most: int | None = None) -> list[Stretch]:
    """All stretches of a fall (`step` -1) or a rise (+1), as far as anything is claimed, and no
    farther up than `most`."""
    assert shock.moves is not None
    low, high = shock.reach
    high = high if most is None else min(high, most)
    ahead = [p for p in shock.moves.bends if (p - shock.present) * step > 0]
    inside = sorted(p for p in ahead if low < p < high)
    ends = [*(inside if step > 0 else inside[::-1]), high if step > 0 else low]
    found, start, factor = [], shock.present, shock.moves.factors(shock.present)
    for end in ends:
        there = shock.moves.factors(end)
        slope = (there - factor) / ((end - start) / shock.present)
        found.append(Stretch(start, end, factor, slope))
        start, factor = end, there
    return found


def touched(legs: Legs, shock: Shock) -> Bool:
    """Positions with a leg in a token that bends. Shape (positions,)."""
    if shock.moves is None or not shock.moves.bends:
        return np.zeros(legs.positions, np.bool_)
    bent = shock.moves.bent[legs.token]
    return np.asarray(legs.total(bent.astype(np.float64)) > 0, np.bool_)


def falls_below(legs: Legs, parts: list[Stretch], slack: float = 0.0) -> Bool:
    """Positions that are below health 1 at the end of any stretch; `slack` is a share of their
    collateral that may be lost besides. Health is straight in between, so no other place matters.
    """
    signed, held = legs.signed(), np.where(legs.debt, 0.0, legs.value)
    found = np.zeros(legs.positions, np.bool_)
    for part in parts:
        factor = (part.factor + part.slope * ((part.end - part.start) / parts[0].start))[legs.token]
        gross = legs.total(np.abs(signed) * factor)
        found |= legs.total((signed - slack * held) * factor) < -NOISE * gross
    return found


Seek = Callable[[I64, Stretch], tuple[Integers, Bool]]


def walk(rows: I64, parts: list[Stretch], seek: Seek) -> tuple[Integers, Bool]:
    """The last healthy answer of positions that are healthy now, over all stretches of one way.

    `seek(rows, stretch)` looks for it in one stretch, of positions that are healthy at its start,
    and says what it found and where; what is not found is healthy at the end.
    """
    raw, found = np.zeros(len(rows), object), np.zeros(len(rows), np.bool_)
    for part in parts:
        left = np.flatnonzero(~found)
        if not len(left):
            break
        at, here = seek(rows[left], part)
        raw[left[here]], found[left[here]] = at[here], True
    return raw, found


def nearer(present: int, fall: tuple[Integers, Bool], rise: tuple[Integers, Bool]) -> Bool:
    """Where a fall is to be told: found, and no rise of a smaller factor was."""
    (down, fell), (up, rose) = fall, rise
    below = np.where(fell, down, 0).astype(np.float64)
    above = np.where(rose, up, 1).astype(np.float64)
    return np.asarray(fell & (~rose | (below * above >= float(present) ** 2)), np.bool_)
