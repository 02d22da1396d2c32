"""What a fall or a rise to a level makes liquidatable: cumulative sums from spot outwards.

Long: once the driver falls below a level, every position with p* at or above it is liquidatable,
since p* is the last healthy answer. Short: once it rises above, every one with p* at or below it.
Dollars are whole cents, so each sum is exact and equals that of the ticks and positions in it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .rounding import summed, summed_by
from .ticks import tick_low, tick_of

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Side = Literal["long", "short"]

MOVES = (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50)
"""The fixed moves away from spot, as fractions, where nobody asks for a level."""


@dataclass(frozen=True)
class Priced:
    """Positions with a liquidation price under one shock, on one side; columns of one length.

    `price` [USD; a ratio under the market shock], `at_risk`, `debt`, `seizable` [USD, whole cents],
    `owner`: any values that are equal for one owner; `callable`: whether a call can be made there.
    """

    side: Side
    price: F64
    at_risk: F64
    debt: F64
    seizable: F64
    owner: npt.NDArray[np.object_]
    callable: Bool


@dataclass(frozen=True)
class Sums:
    """Dollars and positions, one entry per row of a table. [USD, whole cents]

    `barred` is the part of `at_risk` that nobody can call.
    """

    at_risk: F64
    debt: F64
    seizable: F64
    barred: F64
    positions: I64


@dataclass(frozen=True)
class LevelTable:
    """Occupied ticks from spot outwards: long downwards, short upwards.

    Attributes
    ----------
    tick : int64 array
    level : float64 array
        The tick's far edge from spot: its low edge on the long side, its high edge on the short.
    own : Sums
        Of the tick itself.
    reached : Sums
        Of all ticks from spot to the level.
    """

    tick: I64
    level: F64
    own: Sums
    reached: Sums


def level_table(held: Priced) -> LevelTable:
    """The levels of one side, one per occupied tick."""
    tick, place = np.unique(tick_of(held.price), return_inverse=True)
    size = len(tick)
    order = np.arange(size)[::-1] if held.side == "long" else np.arange(size)
    at_risk, debt, seizable, barred = (summed_by(place, c, size)[order] for c in _dollars(held))
    positions = np.bincount(place, minlength=size)[order].astype(np.int64)
    own = Sums(at_risk, debt, seizable, barred, positions)
    at_risk, debt, seizable, barred = map(_cumulative, (at_risk, debt, seizable, barred))
    reached = Sums(at_risk, debt, seizable, barred, np.cumsum(positions))
    ticks = tick[order]
    far = ticks if held.side == "long" else ticks + 1
    return LevelTable(ticks, tick_low(far), own, reached)


@dataclass(frozen=True)
class Reached:
    """What one level makes liquidatable. [USD, whole cents]"""

    at_risk: float
    debt: float
    seizable: float
    barred: float
    positions: int
    accounts: int


def reached(held: Priced, level: float) -> Reached:
    """What is liquidatable once the driver falls below (long) or rises above (short) `level`."""
    there: Bool = held.price >= level if held.side == "long" else held.price <= level
    at_risk, debt, seizable, barred = (summed(column[there]) for column in _dollars(held))
    accounts = len(set(held.owner[there].tolist()))
    return Reached(at_risk, debt, seizable, barred, int(there.sum()), accounts)


def _dollars(held: Priced) -> tuple[F64, F64, F64, F64]:
    return held.at_risk, held.debt, held.seizable, np.where(held.callable, 0.0, held.at_risk)


def _cumulative(dollars: F64) -> F64:
    return np.cumsum(np.rint(dollars * 100.0)) / 100.0
