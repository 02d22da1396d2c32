"""The rows in view of one side, with the rows of one owner known as one account.

How rows of one owner are merged: positions keep their own prices, but the account's size is the
sum of its rows in view. Capped to c, each of its rows is scaled by min(1, c / size), so that the
account as a whole weighs min(size, c) however many rows it has. What the largest account of a
range of ticks holds there is the sum of its rows in the range, at most c. Owners with one row never
need a merge. Rows of the others are kept sorted by tick, the largest owners apart: a range costs at
most as much as it holds rows, and mostly the largest owners settle it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scanner.core._chance import Sizes, size_table
from scanner.core.ticks import tick_of

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_UNITS = 51
"""Weights are counted in whole units of which the view holds about 2^51: whole numbers below 2^53
add up exactly in doubles, so no sum depends on the order of the rows."""

_LARGE = 4096  # so many of the largest accounts are looked at first


@dataclass(frozen=True)
class View:
    """Rows in the window, struct of arrays.

    Attributes:
        row: index of each row in the caller's arrays, int64[m].
        price: float64[m] [USD].
        units: weight in whole units, float64[m].
        unit: one unit [USD].
        tick: int64[m], counted from `first_tick`.
        owner: int64[m], dense account number below `len(size)`.
        first_tick: the grid index of tick 0 of the view.
        ticks: T, how many ticks the window touches.
        size: units per account, float64[accounts].
        size_of_owner: the same per row, at least 1 (empty where every owner has one row).
        total: units in view.
        sizes: the table of account sizes.
        lone_peak: largest one-row account in each tick, float64[T].
        shared: the rows of the view whose owner has several, int64.
    """

    row: I64
    price: F64
    units: F64
    unit: float
    tick: I64
    owner: I64
    first_tick: int
    ticks: int
    size: F64
    size_of_owner: F64
    total: float
    sizes: Sizes
    lone_peak: F64
    shared: I64

    def capped(self, cap: float, at: I64 | slice = slice(None)) -> F64:
        """Units of the rows `at` when no account weighs more than `cap` (whole units)."""
        if not len(self.shared):
            return np.minimum(self.units[at], cap)
        scaled = np.minimum(cap / self.size_of_owner[at], 1.0)
        scaled *= self.units[at]
        return np.rint(scaled, out=scaled)

    def histogram(self, units: F64) -> F64:
        """Sum of `units` per tick, float64[T]; exact."""
        return _sums(self.tick, units, self.ticks)

    def owners(self, at: I64, units: F64) -> tuple[I64, F64]:
        """The owners of the rows `at` of the view, each once, and how many of `units` each has.

        `units` are those of the rows `at`, one each.
        """
        owner = self.owner[at]
        if not len(self.shared):
            return owner, units
        if len(at) > len(self.size) // 64:  # counting beats sorting unless the rows are few
            owners = np.flatnonzero(np.bincount(owner))
            return owners, _sums(owner, units)[owners]
        owners, place = np.unique(owner, return_inverse=True)
        return owners, _sums(place, units)

    def largest_in(self, start: I64, stop: I64, cap: F64) -> F64:
        """What the largest account holds in each range of ticks [start, stop), at most `cap`.

        Args:
            start, stop: int64[S], no range empty.
            cap: float64[S] [units].

        Returns:
            float64[S] [units].
        """
        if not len(start):
            return np.zeros(0)
        edges = np.stack((start, stop), axis=1).ravel()
        best = np.maximum.reduceat(np.append(self.lone_peak, 0.0), edges)[::2]
        if len(self.shared):
            for k in np.flatnonzero(best < np.minimum(cap, self._large.largest)).tolist():
                best[k] = max(best[k], self._large.peak(start[k], stop[k]))
                if best[k] < min(cap[k], self._small.largest):
                    best[k] = max(best[k], self._small.peak(start[k], stop[k]))
        return np.minimum(best, cap)

    @cached_property
    def _large(self) -> "_Shared":
        return self._group(self.size_of_owner[self.shared] >= self._least_large)

    @cached_property
    def _small(self) -> "_Shared":
        return self._group(self.size_of_owner[self.shared] < self._least_large)

    @cached_property
    def _least_large(self) -> float:
        """Size of the account below which owners of several rows are rarely the largest."""
        return float(np.partition(self.size, -_LARGE)[-_LARGE]) if len(self.size) > _LARGE else 0.0

    def _group(self, chosen: npt.NDArray[np.bool_]) -> "_Shared":
        rows = self.shared[chosen]
        rows = rows[np.argsort(self.tick[rows].astype(np.int16), kind="stable")]
        largest = float(self.size_of_owner[rows].max()) if len(rows) else 0.0
        begin = np.searchsorted(self.tick[rows], np.arange(self.ticks + 1))
        return _Shared(self.units[rows], _dense(self.owner[rows]), begin, largest)


@dataclass(frozen=True)
class _Shared:
    """Rows, by tick, of owners with several, of whom none has more than `largest` in view."""

    units: F64
    owner: I64
    begin: I64  # where each tick's rows begin, int64[T + 1]
    largest: float

    def peak(self, start: np.int64, stop: np.int64) -> float:
        """What the largest of these owners holds in ticks [start, stop)."""
        part = slice(self.begin[start], self.begin[stop])
        return float(_sums(self.owner[part], self.units[part], 1).max())


def _sums(place: I64, units: F64, length: int = 0) -> F64:
    """Units per place: float64 also where there are no rows, unlike a bare bincount."""
    return np.bincount(place, weights=units, minlength=length).astype(np.float64, copy=False)


def _dense(owner: I64) -> I64:
    """Owners renumbered 0, 1, ...; numbers already small enough are left as they are."""
    if not len(owner) or (owner.min() >= 0 and owner.max() < 4 * len(owner) + 1024):
        return owner
    return np.unique(owner, return_inverse=True)[1].astype(np.int64)


def look(price: F64, weight: F64, account: I64, low: float, high: float) -> View | None:
    """The rows with `low <= price <= high` and a weight above zero; None if there are none."""
    row = np.flatnonzero((price >= low) & (price <= high) & (weight > 0.0))
    if not len(row):
        return None
    first, last = (int(t) for t in tick_of([low, high]))
    seen, held = price[row], weight[row]
    tick = tick_of(seen) - first
    # A sum depends on the order of the rows in its last digits: the factor keeps round totals
    # away from the next power of two, where that would change the unit.
    scale = _UNITS - int(np.frexp(held.sum() * 1.0001)[1])
    units = np.rint(np.ldexp(held, scale))
    owner = _dense(account[row])
    rows_of = np.bincount(owner)
    size = _sums(owner, units)
    lone_peak = np.zeros(last - first + 1)
    shared = np.zeros(0, dtype=np.int64)
    if int(rows_of.max()) == 1:
        np.maximum.at(lone_peak, tick, units)
    else:
        several = rows_of[owner] > 1
        np.maximum.at(lone_peak, tick[~several], units[~several])
        shared = np.flatnonzero(several)
    return View(
        row=row,
        price=seen,
        units=units,
        unit=float(np.ldexp(1.0, -scale)),
        tick=tick,
        owner=owner,
        first_tick=first,
        ticks=last - first + 1,
        size=size,
        size_of_owner=np.maximum(size[owner], 1.0) if len(shared) else np.zeros(0),
        total=float(units.sum()),
        sizes=size_table(size[size > 0.0]),
        lone_peak=lone_peak,
        shared=shared,
    )
