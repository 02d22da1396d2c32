"""The last healthy price by a protocol's own integers, of any size.

For rules that hold on one side of the edge and fail on the other, up to the rounding of a few
units: gallop from a guess, halve the gap to neighbouring integers, then look whether rounding lets
an earlier unit fail. Prices are Python integers in object arrays, since oracles count up to 1e36
and beyond. `search.py` is for rules that truncate and for int64.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .integers import Integers

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Verdict = Callable[[I64, Integers], Bool]

_FLOATS = 46
TEETH = 24  # units before the edge that are looked at one by one: rounding is a matter of a few


def last_healthy_price(
    healthy: Verdict,
    present: Integers,
    guess: npt.NDArray[Any],
    step: I64,
    limit: Integers,
    monotone: Bool | None = None,
) -> tuple[Integers, Bool]:
    """Last healthy price of each position, going away from the present one.

    Parameters
    ----------
    healthy : (rows, prices) -> bool array
        The protocol's verdict for positions `rows` (int64, shape (k,)) at feed integers `prices`
        (Python integers, shape (k,)).
    present : object array, shape (n,)
        Present feed integer; every position is healthy there.
    guess : float64 or object array, shape (n,)
        Where the edge is expected; it costs rounds, never correctness.
    step : int64 array, shape (n,)
        -1 for positions liquidated by a fall, +1 by a rise.
    limit : object array, shape (n,)
        Last price to look at.
    monotone : bool array, shape (n,), optional
        Where the verdict is known to turn once only, so that nothing before the edge is looked at.

    Returns
    -------
    price : object array, shape (n,)
        The last healthy integer: one unit beyond the position is liquidatable.
    found : bool array, shape (n,)
        False where the position is still healthy at the limit (price is then the limit).
    """
    size = len(present)
    everyone = np.arange(size)
    away = step.astype(object)
    safe, end = present.astype(object), limit.astype(object)
    if not size:
        return safe, np.zeros(0, np.bool_)
    found = ~_verdict(healthy, everyone, end)
    beyond = end.copy()
    safe = np.where(found, safe, end)
    trial = _between(_whole(guess), safe, beyond, away)
    # A guess out of floats is off by some parts in 2**50: smaller steps would lead nowhere.
    stride = np.maximum(present.astype(object) >> _FLOATS, 1)
    rows = _open(safe, beyond, away, found)
    gallops = np.ones(size, np.bool_)
    while len(rows):
        good = _verdict(healthy, rows, trial[rows])
        fine, bad = rows[good], rows[~good]
        safe[fine], beyond[bad] = trial[fine], trial[bad]
        gap = (beyond[rows] - safe[rows]) * away[rows]
        trial[rows] = safe[rows] + away[rows] * (gap // 2)
        # A small step past the last trial first: the guess is mostly within a few units.
        far = gallops[rows]
        if far.any():
            mine, ahead = rows[far], good[far]
            stride[mine] = stride[mine] * 8
            jump = np.asarray(stride[mine] * 2 < gap[far], np.bool_)
            gallops[mine] = jump
            on, back = mine[jump & ahead], mine[jump & ~ahead]
            trial[on] = safe[on] + away[on] * stride[on]
            trial[back] = beyond[back] - away[back] * stride[back]
        rows = rows[np.asarray(gap > 1, np.bool_)]
    look = found if monotone is None else found & ~monotone
    return _first_tooth(healthy, safe, present.astype(object), away, look), found


def _first_tooth(
    healthy: Verdict, safe: Integers, present: Integers, away: Integers, found: Bool
) -> Integers:
    """Where one of the units just before the edge fails by rounding, the last one before that."""
    edge, first = safe.copy(), safe.copy()
    waiting = found.copy()
    for back in range(TEETH, 0, -1):
        unit = edge - away * back
        rows = np.flatnonzero(waiting & np.asarray((unit - present) * away > 0, np.bool_))
        bad = rows[~_verdict(healthy, rows, unit[rows])] if len(rows) else rows
        first[bad] = unit[bad] - away[bad]
        waiting[bad] = False
    rows = np.flatnonzero(found & ~waiting)  # a tooth at the very end of the look: go on before it
    while len(rows := rows[~_verdict(healthy, rows, first[rows])] if len(rows) else rows):
        first[rows] -= away[rows]
    return first


def _verdict(healthy: Verdict, rows: I64, prices: Integers) -> Bool:
    return np.asarray(healthy(rows, prices), np.bool_)


def _open(safe: Integers, beyond: Integers, away: Integers, found: Bool) -> I64:
    """Positions that do not yet stand between neighbouring integers."""
    return np.flatnonzero(found & np.asarray((beyond - safe) * away > 1, np.bool_))


def _between(trial: Integers, safe: Integers, beyond: Integers, away: Integers) -> Integers:
    """Trials moved strictly between `safe` and `beyond`; as they are where there is no room."""
    ahead = (trial - safe) * away
    room = (beyond - safe) * away
    inside = np.minimum(np.maximum(ahead, 1), np.maximum(room - 1, 1))
    return np.asarray(safe + away * inside, object)


def _whole(guess: npt.NDArray[Any]) -> Integers:
    if guess.dtype == object:
        return guess
    finite = np.nan_to_num(guess, nan=0.0, posinf=1e60, neginf=0.0)
    return np.array([int(value) for value in finite.tolist()], object)
