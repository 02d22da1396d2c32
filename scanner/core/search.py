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
_COMB = 64  # units of each position tried at once where rounding decides, and where few are left
_COMB_ROOM = 4_096  # ... so many for all of them together
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
    walk = _Walk(judge, present, near, far, step, limit)
    rounds = 0
    while len(rows := walk.unfinished()):
        rounds += 1
        if rounds > _CERTIFIED_ROUNDS:
            walk.stop_showing(rows)
        walk.clear_fog(rows)
        walk.try_units(rows)
        walk.try_stretch(rows)
    return walk.safe, walk.known


class _Walk:
    """Where each position's search stands; every array has shape (n,).

    `safe` is healthy, `beyond` the nearest integer found liquidatable (where `known`, else the
    limit). All the way to `shown` was shown or tried to be healthy. A position is looked at in one
    of three ways: stretches shown healthy from their ends, plain bisection, or unit by unit.
    """

    def __init__(
        self, judge: Judge, present: I64, near: I64, far: I64, step: I64, limit: I64
    ) -> None:
        size = len(present)
        self.judge, self.present, self.step = judge, present, step
        self.safe, self.beyond, self.shown = present.copy(), limit.copy(), present.copy()
        self.known = np.zeros(size, np.bool_)
        healthy, self.trace = judge.at(np.arange(size), self.safe)
        if not healthy.all():
            raise ValueError("every position must be healthy at its present price")
        self.reach = np.maximum((far - present) * step, 1)
        self.stride = np.maximum((near - present) * step, 1)  # how far the next trial may go
        self.trust = np.full(size, _UNLIMITED)  # ... and not farther than this
        self.way = np.full(size, _CERTIFY, np.int8)

    def unfinished(self) -> I64:
        """Positions that do not stand right before a liquidatable integer or at the limit."""
        return np.flatnonzero((self.beyond - self.safe) * self.step > self.known)

    def gap(self, rows: I64) -> I64:
        """Units from the last healthy price to the first liquidatable one known, or the limit."""
        return np.asarray((self.beyond[rows] - self.safe[rows]) * self.step[rows])

    def left(self, rows: I64) -> I64:
        """Units to the far end of where the edge is expected; negative behind it."""
        done = (self.safe[rows] - self.present[rows]) * self.step[rows]
        return np.asarray(self.reach[rows] - done)

    def stop_showing(self, rows: I64) -> None:
        """From now on bisect where stretches were to be shown healthy."""
        self.way[rows[self.way[rows] == _CERTIFY]] = _BISECT

    def clear_fog(self, rows: I64) -> None:
        """A bisected gap that is narrow enough now is tried whole, with some units before it."""
        gap = self.gap(rows)
        end = rows[(self.way[rows] == _BISECT) & self.known[rows] & (gap <= _FOG)]
        if not len(end):
            return
        back = np.minimum((self.safe[end] - self.shown[end]) * self.step[end], _COMB)
        start = self.safe[end] - self.step[end] * back
        healthy, trace = self.judge.at(end, start)
        fine, ill = end[healthy], end[~healthy]
        self.safe[fine], self.trace[fine], self.way[fine] = start[healthy], trace[healthy], _TRY_ALL
        self.beyond[ill], self.safe[ill] = start[~healthy], self.shown[ill]

    def try_units(self, rows: I64) -> None:
        """One comb of single units for each position that is looked at unit by unit."""
        each = rows[self.way[rows] == _TRY_ALL]
        if not len(each):
            return
        step = self.step[each]
        longest = self.gap(each) - self.known[each]
        ahead, self.trace[each], hit = _comb(self.judge, each, self.safe[each], step, longest)
        self.safe[each] += step * ahead
        self.shown[each] = self.safe[each]
        self.beyond[each[hit]] = (self.safe[each] + step)[hit]
        self.known[each[hit]] = True
        lost = each[~self.known[each] & (self.left(each) < -_FOG)]  # far behind the expected edge
        self.way[lost], self.stride[lost], self.trust[lost] = _BISECT, _FOG, _UNLIMITED

    def try_stretch(self, rows: I64) -> None:
        """One longer step for each position that is bisected or shown healthy by stretches."""
        some = rows[self.way[rows] != _TRY_ALL]
        some = some[self.gap(some) > self.known[some]]
        if not len(some):
            return
        longest = self.gap(some) - self.known[some]
        length = np.minimum(np.minimum(self.stride[some], self.trust[some]), longest)
        trial = self.safe[some] + self.step[some] * length
        healthy, trace = self.judge.at(some, trial)
        bisected = self.way[some] == _BISECT
        sure = bisected | (length == 1) | self.judge.sure(some, self.trace[some], trace)
        passed, unsure = healthy & sure, healthy & ~sure
        fog = self._fog(some, unsure)
        ahead = np.where(self.known[some], self.gap(some), self.left(some))[fog]
        self.way[some[fog]] = np.where(ahead <= _FOG, _TRY_ALL, _BISECT)

        moved, fell = some[passed], some[~healthy]
        self.safe[moved], self.trace[moved] = trial[passed], trace[passed]
        certified = some[passed & ~bisected]
        self.shown[certified] = self.safe[certified]
        self.beyond[fell], self.known[fell] = trial[~healthy], True

        # Go past the far end at once, then double; once something liquidatable is known beyond,
        # halve the gap to it. Where a stretch could not be shown healthy, try half of it.
        left = self.left(some)
        onward = np.where(left > 0, left, 2 * length)
        self.stride[some] = np.maximum(np.where(self.known[some], self.gap(some) // 2, onward), 1)
        trust = self.trust[some]
        doubled = np.where(trust < _UNLIMITED // 2, 2 * trust, trust)
        self.trust[some] = np.where(unsure, np.maximum(length // 2, 1), doubled)
        self.trust[some[fog]] = _UNLIMITED

    def _fog(self, some: I64, unsure: Bool) -> Bool:
        """Where not even the price known to be healthy is clear of rounding, or hardly."""
        ahead = np.where(self.known[some], self.gap(some), self.left(some))
        fog = unsure & (ahead > 0) & (ahead <= self.safe[some] // _NARROW)
        clear = unsure & ~fog
        here = self.trace[some[clear]]
        fog[clear] = ~self.judge.sure(some[clear], here, here)
        return fog


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
    width = min(max(_COMB, _COMB_ROOM // len(rows)), int(longest.max()))
    units = np.minimum(np.arange(1, width + 1), longest[:, None])
    trial = safe[:, None] + step[:, None] * units
    healthy, trace = judge.at(np.repeat(rows, width), trial.ravel())
    bad = ~healthy.reshape(trial.shape)
    hit = np.asarray(bad.any(axis=1), np.bool_)
    ahead = np.where(hit, units[np.arange(len(rows)), bad.argmax(axis=1)] - 1, units[:, -1])
    return ahead, trace.reshape(*trial.shape, -1)[:, -1], hit
