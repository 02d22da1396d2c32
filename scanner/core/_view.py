"""The rows in view of one side, with the rows of one owner known as one account.

How rows of one owner are merged: positions keep their own prices, but the account's size is the
sum of its rows in view. Capped to c, each of its rows is scaled by min(1, c / size), so that the
account as a whole weighs min(size, c) however many rows it has. In a range of ticks the account
weighs the sum of its (scaled) rows there. Owners with one row never need a merge; the rows of the
others are kept sorted by tick, so a range costs as much as it holds rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core._chance import Sizes, size_table
from scanner.core.ticks import tick_of

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_UNITS = 51
"""Weights are counted in whole units of which the view holds about 2^51: whole numbers below 2^53
add up exactly in doubles, so no sum depends on the order of the rows."""


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
        total: units in view.
        sizes: the table of account sizes.
        lone_peak: largest one-row account in each tick, float64[T].
        shared: positions in this view of rows whose owner has several, sorted by tick.
        shared_start: int64[T + 1], where each tick's part of `shared` begins.
        shared_owner: the owners of `shared`, numbered densely, int64.
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
    total: float
    sizes: Sizes
    lone_peak: F64
    shared: I64
    shared_start: I64
    shared_owner: I64

    def capped(self, cap: float) -> F64:
        """Units of each row when no account weighs more than `cap` (whole units)."""
        if not len(self.shared):
            return np.minimum(self.units, cap)
        size = self.size[self.owner]
        return np.where(size > cap, np.rint(self.units * (cap / size)), self.units)

    def histogram(self, units: F64) -> F64:
        """Sum of `units` per tick, float64[T]; exact."""
        return _sums(self.tick, units, self.ticks)

    def owners(self, at: I64) -> tuple[I64, F64]:
        """The owners of these rows of the view, each once, and the units each holds in them."""
        if not len(self.shared):
            return self.owner[at], self.units[at]
        owners, place = np.unique(self.owner[at], return_inverse=True)
        return owners, _sums(place, self.units[at])

    def largest_in(self, start: int, stop: int, cap: float, units: F64) -> float:
        """What the largest account holds in ticks [start, stop), capped as `units` is."""
        alone = min(float(self.lone_peak[start:stop].max()), cap)
        some = slice(self.shared_start[start], self.shared_start[stop])
        if some.start == some.stop:
            return alone
        merged = np.bincount(self.shared_owner[some], weights=units[self.shared[some]])
        return max(alone, float(merged.max()))


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
        shared = shared[np.argsort(tick[shared].astype(np.int16), kind="stable")]
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
        total=float(units.sum()),
        sizes=size_table(size[size > 0.0]),
        lone_peak=lone_peak,
        shared=shared,
        shared_start=np.searchsorted(tick[shared], np.arange(last - first + 2)),
        shared_owner=_dense(owner[shared]),
    )
