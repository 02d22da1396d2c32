"""The last healthy price, as an integer of the feed, by the protocol's own arithmetic.

The closed form (price.py) says about where a position stops being healthy; the protocol decides
in integers with its own rounding. `last_healthy` walks from the present price towards and past
that place and ends between two neighbouring integers: healthy on this side, liquidatable one
unit beyond. It does not skip: a stretch is passed only where the protocol's arithmetic can be
shown to stay healthy all along it (rules that truncate have several crossings; the one met first
counts), else the stretch is halved. Right at the edge rounding decides and nothing can be shown:
there every single unit is tried; a fog of more than 2,000 units is bisected down to so many first.
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
_FOG = 2_048  # units; a fog wider than this is bisected until so much is left
_NARROW = 2**26  # a part of the price so small that, not shown to be healthy, it is taken for fog
_UNLIMITED = np.iinfo(np.int64).max
_CERTIFY, _BISECT, _TRY_ALL = 0, 1, 2  # how a position is looked at


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
    way = np.full(len(present), _CERTIFY, np.int8)
    shown = present.copy()  # all the way to here was shown or tried to be healthy
    rounds = 0
    while True:
        gap = (beyond[rows] - safe[rows]) * step[rows]
        unfinished = gap > np.where(known[rows], 1, 0)
        rows, gap = rows[unfinished], gap[unfinished]
        if not len(rows):
            return safe, known
        rounds += 1
        if rounds > _CERTIFIED_ROUNDS:
            way[rows[way[rows] == _CERTIFY]] = _BISECT
        # A bisected gap that is narrow enough now, with some units before it, is tried whole.
        end = rows[(way[rows] == _BISECT) & known[rows] & (gap <= _FOG)]
        if len(end):
            back = np.minimum((safe[end] - shown[end]) * step[end], _COMB)
            start = safe[end] - step[end] * back
            well, there = judge.at(end, start)
            fine, ill = end[well], end[~well]
            safe[fine], trace[fine], way[fine] = start[well], there[well], _TRY_ALL
            beyond[ill], safe[ill] = start[~well], shown[ill]
        each = rows[way[rows] == _TRY_ALL]
        if len(each):
            longest = (beyond[each] - safe[each]) * step[each] - known[each]
            ahead, trace[each], hit = _comb(judge, each, safe[each], step[each], longest)
            safe[each] += step[each] * ahead
            shown[each] = safe[each]
            beyond[each[hit]], known[each[hit]] = (safe + step)[each[hit]], True
            left = (reach - (safe - present) * step)[each]
            lost = each[~known[each] & (left < -_FOG)]  # far behind where the edge was expected
            way[lost], stride[lost], trust[lost] = _BISECT, _FOG, _UNLIMITED

        some = rows[way[rows] != _TRY_ALL]
        gap = (beyond[some] - safe[some]) * step[some]
        some = some[gap > known[some]]
        if not len(some):
            continue
        gap = (beyond[some] - safe[some]) * step[some]
        length = np.minimum(np.minimum(stride[some], trust[some]), gap - known[some])
        trial = safe[some] + step[some] * length
        healthy, there = judge.at(some, trial)
        bisected = way[some] == _BISECT
        sure = bisected | (length == 1) | judge.sure(some, trace[some], there)
        passed, unsure = healthy & sure, healthy & ~sure

        # In the fog: not even the price known to be healthy is clear of rounding, or hardly.
        ahead = np.where(known[some], gap, (reach - (safe - present) * step)[some])
        fog = unsure & (ahead > 0) & (ahead <= safe[some] // _NARROW)
        open_ = unsure & ~fog
        fog[open_] = ~judge.sure(some[open_], trace[some[open_]], trace[some[open_]])
        way[some[fog]] = np.where(ahead[fog] <= _FOG, _TRY_ALL, _BISECT)

        moved, fell = some[passed], some[~healthy]
        safe[moved], trace[moved] = trial[passed], there[passed]
        certified = some[passed & ~bisected]
        shown[certified] = safe[certified]
        beyond[fell], known[fell] = trial[~healthy], True

        # Go past the far end at once, then double; once something liquidatable is known beyond,
        # halve the gap to it. Where a stretch could not be shown healthy, try half of it.
        left = (reach - (safe - present) * step)[some]
        onward = np.where(left > 0, left, 2 * length)
        gap = (beyond[some] - safe[some]) * step[some]
        stride[some] = np.maximum(np.where(known[some], gap // 2, onward), 1)
        doubled = np.where(trust[some] < _UNLIMITED // 2, 2 * trust[some], trust[some])
        trust[some] = np.where(unsure, np.maximum(length // 2, 1), doubled)
        trust[some[fog]] = _UNLIMITED


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
    hit = np.asarray(bad.any(axis=1), np.bool_)
    ahead = np.where(hit, units[np.arange(len(rows)), bad.argmax(axis=1)] - 1, units[:, -1])
    return ahead, trace.reshape(*trial.shape, -1)[:, -1], hit
