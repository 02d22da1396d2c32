"""The last healthy price, as an integer of the feed, by the protocol's own arithmetic.

The closed form (price.py) says about where a position stops being healthy; the protocol decides
in integers with its own rounding. `last_healthy` walks from the present price towards and past
that place and ends between two neighbouring integers: healthy on this side, liquidatable one
unit beyond. It does not skip: a stretch is passed only where the protocol's arithmetic can be
shown to stay healthy all along it (rules that truncate have several crossings; the one met first
counts), else the stretch is halved, down to single units.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Rounds of certified steps before plain bisection takes over. A smooth rule ends in under 60;
# only dust under a truncating rule, where each unit can matter, would go on.
_CERTIFIED_ROUNDS = 300


@dataclass(frozen=True)
class Judge:
    """A protocol's verdict at trial prices.

    Attributes
    ----------
    at : (rows, prices) -> (healthy, trace)
        For positions `rows` (int64 array, shape (k,)) at feed integers `prices` (shape (k,)): a
        bool array and a float array of shape (k, columns) for `sure`.
    sure : (rows, trace here, trace there) -> bool array
        True where a position that is healthy at two prices is healthy at all between them.
    """

    at: Callable[[I64, I64], tuple[Bool, F64]]
    sure: Callable[[I64, F64, F64], Bool]


def last_healthy(
    judge: Judge, present: I64, near: I64, far: I64, step: I64, limit: I64
) -> tuple[I64, Bool]:
    """Last healthy price of each position, going away from the present one.

    Parameters
    ----------
    judge : Judge
    present : int64 array, shape (n,)
        Present feed integer; every position is healthy there.
    near, far : int64 array, shape (n,)
        Where the edge is expected, from its near and its far end (guesses: they cost rounds,
        never correctness).
    step : int64 array, shape (n,)
        -1 for positions liquidated by a fall, +1 by a rise.
    limit : int64 array, shape (n,)
        Last price to look at.

    Returns
    -------
    price : int64 array, shape (n,)
        The last healthy integer.
    found : bool array, shape (n,)
        False where the position is still healthy at the limit (price is then the limit).
    """
    safe = present.copy()
    beyond = limit.copy()  # the nearest integer found liquidatable, where `known`
    known = np.zeros(len(present), np.bool_)
    rows = np.arange(len(present))
    healthy, trace = judge.at(rows, safe)
    if not healthy.all():
        raise ValueError("every position must be healthy at its present price")
    reach = np.maximum((far - present) * step, 1)
    stride = np.maximum((near - present) * step, 1)  # how far the next trial may go
    trust = np.full(len(present), np.iinfo(np.int64).max)  # ... and not farther than this
    certified = 0
    while True:
        gap = (beyond[rows] - safe[rows]) * step[rows]
        unfinished = gap > np.where(known[rows], 1, 0)
        rows, gap = rows[unfinished], gap[unfinished]
        if not len(rows):
            return safe, known
        longest = np.where(known[rows], gap - 1, gap)
        length = np.minimum(np.minimum(stride[rows], trust[rows]), longest)
        trial = safe[rows] + step[rows] * length
        healthy, there = judge.at(rows, trial)
        certified += 1
        passed = healthy.copy()
        if certified <= _CERTIFIED_ROUNDS:
            passed &= (length == 1) | judge.sure(rows, trace[rows], there)
        unsure = healthy & ~passed

        moved, fell = rows[passed], rows[~healthy]
        safe[moved], trace[moved] = trial[passed], there[passed]
        beyond[fell], known[fell] = trial[~healthy], True

        # Go past the far end at once, then double; once something liquidatable is known beyond,
        # halve the gap to it. Where a stretch could not be shown healthy, try half of it.
        left = (reach - (safe - present) * step)[rows]
        onward = np.where(left > 0, left, 2 * length)
        gap = (beyond[rows] - safe[rows]) * step[rows]
        stride[rows] = np.maximum(np.where(known[rows], gap // 2, onward), 1)
        doubled = np.where(trust[rows] < 2**61, 2 * trust[rows], trust[rows])
        trust[rows] = np.where(unsure, np.maximum(length // 2, 1), doubled)
