"""Edges of positions of one collateral and one debt, where prices do not simply move one for one.

Such a position is on the edge where the price of its collateral in its debt has fallen to a known
part of the present one. That price is a quotient of two broken lines in the axis of the shock; on
each straight stretch it only falls or only rises, so that the end of the stretch tells.
"""

import numpy as np
import numpy.typing as npt

from .shocks import Shock
from .stretches import Stretch, stretches

I8 = npt.NDArray[np.int8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]


def edges(shock: Shock, held: I64, owed: I64, fall: F64) -> tuple[F64, I8]:
    """s* and side of each position; of a fall and a rise of the axis the nearer one.

    Parameters
    ----------
    shock : Shock
        With `moves`.
    held, owed : int64 arrays, shape (positions,)
        The token of each position's collateral and debt.
    fall : float64 array
        The part of the present price of the one in the other at which the position is on its edge;
        NaN for one that has none. At most 1: the position is healthy.

    Returns
    -------
    ratio : float64 array
        NaN where the shock cannot liquidate the position.
    side : int8 array
        +1 long, -1 short, 0 none.
    """
    below, above = (_one_way(shock, step, held, owed, fall) for step in (-1, 1))
    with np.errstate(invalid="ignore"):
        down = ~np.isnan(below) & (np.isnan(above) | (below * above >= 1.0))
    up = ~np.isnan(above) & ~down
    side = np.where(down, 1, np.where(up, -1, 0)).astype(np.int8)
    return np.where(down, below, np.where(up, above, np.nan)), side


def _one_way(shock: Shock, step: int, held: I64, owed: I64, fall: F64) -> F64:
    """s* of a fall (-1) or a rise (+1), NaN for none."""
    found = np.full(len(fall), np.nan)
    left = np.flatnonzero(~np.isnan(fall))
    for part in stretches(shock, step):
        c, d, level = held[left], owed[left], fall[left]
        length = (part.end - part.start) / shock.present
        end = part.factor + part.slope * length
        hit = end[c] < level * end[d]
        rows = left[hit]
        found[rows] = _crossing(shock, part, c[hit], d[hit], level[hit], length)
        left = left[~hit]
    return found


def _crossing(shock: Shock, part: Stretch, held: I64, owed: I64, level: F64, length: float) -> F64:
    ahead = (level * part.factor[owed] - part.factor[held]) / (
        part.slope[held] - level * part.slope[owed]
    )
    return part.start / shock.present + np.clip(ahead, min(length, 0.0), max(length, 0.0))
