"""Account sizes, and how likely chance alone piles up as much as was seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_EXACT = 256
"""So many of the largest accounts keep their own size; the others share classes 2^(1/8) wide."""
_CLASS_SHIFT = 49  # keeps the exponent and three bits of a double: eight classes per octave
_DUST = 1 / 256
"""Accounts below this part of the cap are thrown as one class with their mean and variance."""
_STEPS = 8
_STEEPEST = 60.0
"""Largest t that is tried."""
_SETTLED = 1e-9
"""A t this near to the best one gives psi to the last digit: it is flat there."""


@dataclass(frozen=True)
class Sizes:
    """Account sizes in rising order: `count[i]` accounts of size `size[i]`."""

    size: F64
    count: F64

    def capped(self, cap: float) -> "Sizes":
        """The same accounts, none larger than `cap`; dust gathered in one class."""
        below = self.size < cap
        size = np.append(self.size[below], cap)
        count = np.append(self.count[below], self.count[~below].sum())
        dust = size < cap * _DUST
        if np.count_nonzero(dust) > 1:
            first = float((count[dust] * size[dust]).sum())
            second = float((count[dust] * size[dust] ** 2).sum())
            size = np.append(second / first, size[~dust])
            count = np.append(first * first / second, count[~dust])
        return Sizes(size, count)


def size_table(total: F64) -> Sizes:
    """Sizes of accounts from their totals (whole numbers above zero, float64[m], m > 0)."""
    split = max(0, len(total) - _EXACT)
    ordered = np.partition(total, split) if split else total
    large = np.sort(ordered[split:])
    if not split:
        return Sizes(large, np.ones(len(large)))
    code = np.ascontiguousarray(ordered[:split]).view(np.int64) >> _CLASS_SHIFT
    code -= code.min()
    count = np.bincount(code).astype(np.float64)
    held = np.bincount(code, weights=ordered[:split])
    used = count > 0
    return Sizes(
        np.append(held[used] / count[used], large), np.append(count[used], np.ones(len(large)))
    )


def size_cap(sizes: Sizes, share: float) -> float:
    """The account size up to which `share` of the sum of square roots of sizes lies.

    A quantile by count would be moved by dust, one by dollars by a giant. By square roots neither
    moves it: beside 1,000 accounts of 10,000 USD, 1,000 of 1 USD weigh 1 % as much, and
    a giant of 10,000,000 USD (half of everything) 3 %.
    """
    held = np.cumsum(np.sqrt(sizes.size) * sizes.count)
    return float(sizes.size[int(np.searchsorted(held, share * held[-1]))])


def even_exponent(tables: Sequence[Sizes], table: I64, amount: F64, chance: F64) -> F64:
    """What `tail_exponent` would be if all accounts of a table had one size: never less than it.

    The exponent of equal accounts is textbook, n KL(amount / total || chance), and the sum in
    `tail_exponent` is convex in the sizes (Jensen), so evening them out can only raise psi.
    """
    accounts = np.array([one.count.sum() for one in tables])[table]
    total = np.array([(one.count * one.size).sum() for one in tables])[table]
    k, q = np.clip(amount / total, 1e-300, 1.0 - 1e-9), np.clip(chance, 1e-300, 1.0 - 1e-9)
    psi = accounts * (k * np.log(k / q) + (1.0 - k) * np.log((1.0 - k) / (1.0 - q)))
    return np.where(k > q, psi, 0.0)


def tail_exponent(tables: Sequence[Sizes], table: I64, amount: F64, chance: F64) -> F64:
    """Exponent psi of the Chernoff bound: P(amount or more lands in a range) <= exp(-psi).

    Every account is thrown on its own and lands in range s with probability `chance[s]`:
    psi = max over t >= 0 of t * amount - sum over accounts log(1 + chance (e^(t v) - 1)).
    Any t gives a valid bound, so a t that is a little off only makes the bound more careful.

    Args:
        tables: tables of accounts.
        table: int64[S], which of them was thrown at each range.
        amount: float64[S], what was seen in each range, in the unit of the sizes.
        chance: float64[S], below 1.

    Returns:
        float64[S]; 0 where no more was seen than expected.
    """
    width = max(len(one.size) for one in tables)
    # One row per table in units of its largest account; what is padded has no accounts.
    every_v, every_count = np.zeros((2, len(tables), width))
    for k, one in enumerate(tables):
        every_v[k, : len(one.size)] = one.size / one.size[-1]
        every_count[k, : len(one.size)] = one.count
    unit = np.array([one.size[-1] for one in tables])
    whole = (every_count * every_v).sum(axis=1)
    psi = np.zeros(len(amount))
    seen = amount / unit[table]
    q = np.clip(chance, 1e-300, 1.0 - 1e-9)
    more = np.flatnonzero(seen > q * whole[table])
    if not len(more):
        return psi
    table, seen, q = table[more], seen[more][:, None], q[more][:, None]
    v, count = every_v[table], every_count[table]
    mass = count * v
    low = np.zeros_like(seen)
    high = np.full_like(seen, _STEEPEST)
    t = np.minimum(np.log(seen / (q * whole[table][:, None])), _STEEPEST)
    for _ in range(_STEPS):
        lands = q * np.exp(t * v)
        lands /= 1.0 - q + lands
        held = lands * mass
        gap = seen - held.sum(axis=1, keepdims=True)
        held *= (1.0 - lands) * v
        curve = held.sum(axis=1, keepdims=True)
        low, high = np.where(gap >= 0, t, low), np.where(gap < 0, t, high)
        newton = t + gap / np.maximum(curve, 1e-300)
        # The ends count: a t that has settled is one of them, and must not be thrown back.
        t, last = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2), t
        if np.abs(t - last).max() < _SETTLED:
            break
    psi[more] = (t * seen)[:, 0] - (np.log1p(q * np.expm1(t * v)) * count).sum(axis=1)
    return np.maximum(psi, 0.0)
