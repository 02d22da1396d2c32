"""Legs: what every protocol is translated into.

    healthy  <=>  sum over legs of  sign * amount * price * weight  >= 0

A leg is one collateral or one debt of one position; its weight is the liquidation threshold
(LLTV, 1/mat, ...) of a collateral and 1 for a debt.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .rounding import to_cents

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Legs:
    """The legs of `positions` positions, as columns of equal length sorted by position.

    Attributes
    ----------
    positions : int
        How many positions there are; each has at least one leg.
    position : int64 array
        The position a leg belongs to. [index, 0 to positions - 1]
    token : int32 array
        The leg's token. [index into the market's tokens]
    debt : bool array
        True for a debt, False for a collateral that the protocol counts.
    amount : float64 array
        [whole tokens]
    value : float64 array
        amount * price at the scanned block, always positive. [USD]
    weight : float64 array
        Liquidation threshold of a collateral as a fraction; 1 for a debt.
    """

    positions: int
    position: I64
    token: I32
    debt: Bool
    amount: F64
    value: F64
    weight: F64

    def signed(self) -> F64:
        """sign * amount * price * weight of each leg. [USD]"""
        return np.where(self.debt, -self.value, self.value * self.weight)

    def total(self, values: F64) -> F64:
        """Sums of a leg column over positions. Shape (legs,) -> (positions,)."""
        return np.bincount(self.position, values, self.positions).astype(np.float64, copy=False)

    def collateral(self) -> F64:
        """Counted collateral of each position. [USD, whole cents]"""
        return to_cents(self.total(np.where(self.debt | (self.weight == 0), 0.0, self.value)))

    def owed(self) -> F64:
        """Debt of each position. [USD, whole cents]"""
        return to_cents(self.total(np.where(self.debt, self.value, 0.0)))


def runs(position: I64, positions: int) -> I64:
    """Where each position's legs begin, and the end: shape (positions + 1,)."""
    return np.searchsorted(position, np.arange(positions + 1)).astype(np.int64)


def rows_of(starts: I64, chosen: I64) -> tuple[I64, I64]:
    """The legs of the chosen positions.

    Parameters
    ----------
    starts : int64 array, shape (positions + 1,)
        As `runs` gives them.
    chosen : int64 array, shape (k,)
        Positions, each with at least one leg.

    Returns
    -------
    rows : int64 array
        Leg indices, grouped in the order of `chosen`.
    begin : int64 array, shape (k,)
        Where each chosen position's legs begin in `rows`.
    """
    counts = starts[chosen + 1] - starts[chosen]
    ends = np.cumsum(counts)
    begin = ends - counts
    rows = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts[chosen] - begin, counts)
    return rows, begin
