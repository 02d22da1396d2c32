"""The fixed price grid: tick k covers prices in [g^k, g^(k+1)) USD with g = 1.0025.

The grid is anchored at 1 USD and never moves, so that two scans can be subtracted tick by tick.
Tick edges are computed with IEEE multiplications only (no libm), so they are the same floats on
every machine, and `tick_of` is exact against them.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from .rounding import summed_by

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

TICK_RATIO: Final = 1.0025
"""g: the ratio of two neighbouring tick edges."""

_LN_RATIO: Final = float(np.log(TICK_RATIO))
# g^(2^i), each rounded once: a product of them is off by a few units in the last place only,
# where repeated squaring in floats would lose five digits at tick 10,000. 2^18 ticks are the
# whole range of a double.
_POWERS: Final = tuple(float(Context(60).power(Decimal("1.0025"), 2**i)) for i in range(18))
_LARGEST_TICK: Final = 2**18 - 1
# A logarithm is wrong by far less than this (in ticks); nearer to an edge the edge itself decides.
_NEAR_EDGE: Final = 1e-6


def tick_low(tick: npt.ArrayLike) -> F64:
    """The lower edge g^tick of each tick [USD].

    Args:
        tick: whole numbers between -262,143 and 262,143, any shape.

    Returns:
        float64 of the same shape, strictly increasing in `tick`.

    Raises:
        ValueError: a tick outside the range of doubles.

    >>> tick_low([0, 1, -1]).tolist()
    [1.0, 1.0025, 0.9975062344139651]
    """
    ticks = np.asarray(tick, dtype=np.int64)
    size = np.abs(ticks)
    if size.size and int(size.max()) > _LARGEST_TICK:
        raise ValueError(f"tick outside -{_LARGEST_TICK}..{_LARGEST_TICK}")
    power = np.ones(ticks.shape)
    for bit, factor in enumerate(_POWERS):
        power = np.where(size >> bit & 1, power * factor, power)
    return np.where(ticks < 0, 1.0 / power, power)


def tick_of(price: npt.ArrayLike) -> I64:
    """The tick that holds each price: `tick_low(k) <= price < tick_low(k + 1)`, exactly.

    Args:
        price: finite prices above zero [USD], any shape.

    Returns:
        int64 of the same shape; negative for prices below 1.

    Raises:
        ValueError: a price that is zero, negative, infinite or not a number.

    >>> tick_of([1.0, 1781.09, 0.5]).tolist()
    [0, 2997, -278]
    """
    prices = np.asarray(price, dtype=np.float64)
    if prices.size and not (prices.min() > 0.0 and prices.max() < np.inf):
        raise ValueError("a price must be finite and above zero")
    exact = np.log(prices)
    exact /= _LN_RATIO
    ticks = np.floor(exact).astype(np.int64)
    exact -= np.rint(exact)
    near = np.abs(exact, out=exact) < _NEAR_EDGE
    if near.any():
        # The tick whose lower edge is the one nearby, or the tick below it.
        edge = np.rint(np.log(prices[near]) / _LN_RATIO).astype(np.int64)
        ticks[near] = np.where(prices[near] >= tick_low(edge), edge, edge - 1)
    return ticks


@dataclass(frozen=True)
class TickTable:
    """Occupied ticks in rising order; columns of one length.

    Attributes:
        tick: index on the fixed grid.
        low, high: the tick's edges [USD]; `high` belongs to the next tick.
        collateral_at_risk: sum over its positions, each at its own liquidation price [USD].
        debt: sum over its positions [USD].
        positions: how many.
    """

    tick: I64
    low: F64
    high: F64
    collateral_at_risk: F64
    debt: F64
    positions: I64


def tick_table(price: F64, at_risk: F64, debt: F64) -> TickTable:
    """Collateral at risk, debt and number of positions per occupied tick.

    Args:
        price: liquidation prices [USD], float64[n], finite and above zero.
        at_risk: collateral at risk at that price [USD, whole cents], float64[n].
        debt: debt [USD, whole cents], float64[n].

    Raises:
        ValueError: a price that is not finite and above zero, or columns of different length.
    """
    if not len(price) == len(at_risk) == len(debt):
        raise ValueError("price, at_risk and debt must have the same length")
    place = tick_of(price)
    first = int(place.min()) if len(place) else 0
    place -= first
    # Dense over the span of ticks (at most 2^19, whatever the prices), then the occupied ones.
    positions = np.bincount(place)
    occupied = np.flatnonzero(positions)
    ticks = occupied + first
    return TickTable(
        tick=ticks,
        low=tick_low(ticks),
        high=tick_low(ticks + 1),
        collateral_at_risk=summed_by(place, at_risk)[occupied],
        debt=summed_by(place, debt)[occupied],
        positions=positions[occupied].astype(np.int64),
    )
