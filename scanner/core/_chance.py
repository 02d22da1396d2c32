"""Account sizes, and how likely chance alone piles up as much as was seen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

_EXACT = 256
"""So many of the largest accounts keep their own size; the others share classes 2^(1/8) wide."""
_CLASS_SHIFT = 49  # keeps the exponent and three bits of a double: eight classes per octave
_DUST = 1 / 256
"""Accounts below this part of the cap are thrown as one class with their mean and variance."""
_STEPS = 8


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


def tail_exponent(sizes: Sizes, amount: F64, chance: F64) -> F64:
    """Exponent psi of the Chernoff bound: P(amount or more lands in a range) <= exp(-psi).

    Every account is thrown on its own and lands in range s with probability `chance[s]`:
    psi = max over t >= 0 of t * amount - sum over accounts log(1 + chance (e^(t v) - 1)).
    Any t gives a valid bound, so a t that is a little off only makes the bound more careful.

    Args:
        sizes: the accounts.
        amount: float64[S], what was seen in each range, in the unit of `sizes`.
        chance: float64[S], below 1.

    Returns:
        float64[S]; 0 where no more was seen than expected.
    """
    unit = sizes.size[-1]
    v = sizes.size / unit
    seen = (amount / unit)[:, None]
    q = np.clip(chance, 1e-300, 1.0 - 1e-9)[:, None]
    mass = sizes.count * v
    low = np.zeros_like(seen)
    high = np.full_like(seen, 60.0)
    t = np.minimum(np.log(np.maximum(seen / (q * mass.sum()), 1.0)), 60.0)
    for _ in range(_STEPS):
        lands = q * np.exp(t * v)
        lands /= 1.0 - q + lands
        gap = seen - (lands @ mass)[:, None]
        curve = ((lands * (1.0 - lands)) @ (mass * v))[:, None]
        low, high = np.where(gap >= 0, t, low), np.where(gap < 0, t, high)
        newton = t + gap / np.maximum(curve, 1e-300)
        t = np.where((newton > low) & (newton < high), newton, (low + high) / 2)
    psi = (t * seen)[:, 0] - np.log1p(q * np.expm1(t * v)) @ sizes.count
    return np.asarray(np.maximum(psi, 0.0))
