"""The last healthy price, as an integer of the feed, by the protocol's own arithmetic.

The closed form (price.py) says about where a position stops being healthy; the protocol decides
in integers with its own rounding. `last_healthy` walks from the present price towards and past
that place and ends between two neighbouring integers: healthy on this side, liquidatable one
unit beyond. It does not skip: a stretch is passed only where the protocol's arithmetic can be
shown to stay healthy all along it (rules that truncate have several crossings; the one met first
counts), else the stretch is halved. Right at the edge rounding decides and nothing can be shown:
there every single unit is tried, as far as that is a few hundred; a wider fog, of dust, is bisected.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Rounds of certified steps before plain bisection takes over; nearly everything ends in under 60.
_CERTIFIED_ROUNDS = 300
_COMB = 64  # units tried at once where rounding decides
_FOG = 4 * _COMB  # a fog wider than this is bisected
_NARROW = 2**26  # a part of the price so small that, not shown to be healthy, it is taken for fog
_UNLIMITED = np.iinfo(np.int64).max


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
    trust = np.full(len(present), _UNLIMITED)  # ... and not farther than this
    certify = np.ones(len(present), np.bool_)  # False: only bisected from now on
    combed = np.zeros(len(present), np.int64)
    rounds = 0
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
        rounds += 1
        if rounds > _CERTIFIED_ROUNDS:
            certify[rows] = False
        sure = ~certify[rows] | (length == 1) | judge.sure(rows, trace[rows], there)
        unsure = healthy & ~sure

        # In the fog: not even the price known to be healthy is clear of rounding, or hardly.
        ahead = np.where(known[rows], gap, (reach - (safe - present) * step)[rows])
        fog = unsure & (ahead <= safe[rows] // _NARROW)
        far_off = unsure & ~fog
        here = trace[rows[far_off]]
        fog[far_off] = ~judge.sure(rows[far_off], here, here)
        blind = fog & ((ahead > _FOG) | (combed[rows] >= _FOG // _COMB))
        certify[rows[blind]] = False
        unsure &= ~blind
        fog &= ~blind

        passed, fell = healthy & ~unsure, rows[~healthy]
        moved = rows[passed]
        safe[moved], trace[moved] = trial[passed], there[passed]
        beyond[fell], known[fell] = trial[~healthy], True
        if fog.any():
            among = rows[fog]
            ahead, trace[among], hit = _comb(judge, among, safe[among], step[among], longest[fog])
            safe[among] += step[among] * ahead
            beyond[among[hit]], known[among[hit]] = (safe + step)[among[hit]], True
            combed[among] += 1

        # Go past the far end at once, then double; once something liquidatable is known beyond,
        # halve the gap to it. Where a stretch could not be shown healthy, try half of it.
        left = (reach - (safe - present) * step)[rows]
        onward = np.where(left > 0, left, 2 * length)
        gap = (beyond[rows] - safe[rows]) * step[rows]
        stride[rows] = np.maximum(np.where(known[rows], gap // 2, onward), 1)
        doubled = np.where(trust[rows] < _UNLIMITED // 2, 2 * trust[rows], trust[rows])
        trust[rows] = np.where(unsure & ~fog, np.maximum(length // 2, 1), doubled)
        trust[rows[blind]] = _UNLIMITED


def _comb(judge: Judge, rows: I64, safe: I64, step: I64, longest: I64) -> tuple[I64, F64, Bool]:
    """Try the next units one by one, at most `longest` of them, all at once.

    Returns
    -------
    ahead : int64 array
        How many units ahead the position is still healthy without a gap.
    trace : float array
        Of the last unit tried; where nothing was hit it is that of the last healthy one.
    hit : bool array
        Whether the unit after those is liquidatable.
    """
    units = np.minimum(np.arange(1, _COMB + 1), longest[:, None])
    trial = safe[:, None] + step[:, None] * units
    healthy, trace = judge.at(np.repeat(rows, _COMB), trial.ravel())
    bad = ~healthy.reshape(trial.shape)
    hit = bad.any(axis=1)
    ahead = np.where(hit, units[np.arange(len(rows)), bad.argmax(axis=1)] - 1, units[:, -1])
    return ahead, trace.reshape(*trial.shape, -1)[:, -1], hit
