"""A stretch of prices around spot, in whole ticks, and what falls into its rows. Pure numpy.

Pictures of a scan share one window: rows of a few ticks each, the highest price first. Sums over
rows are sums over ticks, so a picture and a table of the same scan agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .ticks import TICK_RATIO, tick_low, tick_of

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

_LN_RATIO = float(np.log(TICK_RATIO))


@dataclass(frozen=True)
class Window:
    """Ticks `first` to `last` (not included); `last - first` is a multiple of the row's ticks."""

    first: int
    last: int

    @property
    def ticks(self) -> int:
        """How many ticks it spans."""
        return self.last - self.first

    def place(self, price: float) -> float:
        """Where a price lies: 0 at the upper edge, 1 at the lower, beyond them outside."""
        return (self.last - float(np.log(price)) / _LN_RATIO) / self.ticks

    def edges(self) -> tuple[float, float]:
        """The lower and the upper edge. [USD]"""
        low, high = tick_low([self.first, self.last]).tolist()
        return low, high


def around(spot: float, reach: float, per_row: int) -> Window:
    """The window from `reach` below spot to `reach` above it, cut on edges of whole rows.

    Parameters
    ----------
    spot : float
        [USD], above zero.
    reach : float
        A fraction, below 1.
    per_row : int
        Ticks of a row; rows begin at multiples of it, the same at every block.

    >>> [round(edge) for edge in around(2150.40, 0.6, 4).edges()]
    [855, 3463]
    """
    low, high = tick_of([spot * (1 - reach), spot * (1 + reach)]).tolist()
    return Window(low // per_row * per_row, (high // per_row + 1) * per_row)


def rows(window: Window, per_row: int, tick: npt.ArrayLike, usd: npt.ArrayLike) -> F64:
    """Dollars per row of `per_row` ticks, the highest price first; ticks outside are left out.

    >>> rows(Window(8, 16), 4, [8, 15, 16, 12], [1.0, 2.0, 4.0, 8.0]).tolist()
    [10.0, 1.0]
    """
    ticks, amounts = np.asarray(tick, np.int64), np.asarray(usd, np.float64)
    inside = (ticks >= window.first) & (ticks < window.last)
    place = (window.last - 1 - ticks[inside]) // per_row
    sums = np.bincount(place, amounts[inside], minlength=window.ticks // per_row)
    return sums.astype(np.float64)


def smoothed(amounts: F64, edge: float) -> F64:
    """Each row with a quarter of each neighbour; rows above `edge` keep theirs to themselves.

    `amounts` [USD], shape (rows, columns) or (rows,). A crowd reads as a surface, a whale stays
    one row.

    >>> smoothed(np.array([0.0, 4.0, 0.0, 100.0, 0.0]), 30.0).tolist()
    [1.0, 2.0, 1.0, 100.0, 0.0]
    """
    crowd = np.where(amounts > edge, 0.0, amounts)
    padded = np.pad(crowd, [(1, 1), *[(0, 0)] * (crowd.ndim - 1)])
    spread = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return np.where(amounts > edge, amounts, spread)


def graded(amounts: F64, steps: Sequence[float]) -> U8:
    """How many of the rising `steps` each amount reaches.

    >>> graded(np.array([0.0, 1.0, 5.9, 6.0]), [1.0, 6.0]).tolist()
    [0, 1, 1, 2]
    """
    return np.searchsorted(np.asarray(steps), amounts, side="right").astype(np.uint8)


def scale(amount: float) -> float:
    """The largest of 1, 2, 5, 10, 20 … (and 0.5, 0.2, …) that is not above `amount`.

    >>> scale(3.9e9), scale(0.07), scale(0.0)
    (2000000000.0, 0.05, 1.0)
    """
    if not 0 < amount < np.inf:
        return 1.0
    ten: float = 10.0 ** float(np.floor(np.log10(amount)))
    return max(
        (step * ten for step in (1, 2, 5) if step * ten <= amount * (1 + 1e-12)), default=ten
    )


def share_of_largest(owner: npt.ArrayLike, usd: npt.ArrayLike, count: int) -> float | None:
    """What part of all dollars the `count` owners with most of them hold; None where there is none.

    >>> share_of_largest(["a", "b", "a", "c"], [1.0, 2.0, 4.0, 3.0], 2)
    0.8
    """
    amounts = np.asarray(usd, np.float64)
    if not amounts.sum() > 0:
        return None
    _, owners = np.unique(np.asarray(owner), return_inverse=True)
    held = np.sort(np.bincount(owners, amounts))[::-1]
    return float(held[:count].sum() / held.sum())
