"""What is normal around each tick: smooth baselines of a histogram, in counts per tick."""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_EVERY = 4
"""The fit is made at every fourth tick (1 % apart) and joined by straight lines."""
_STEPS = 6
"""Newton steps of the local fit: the slope is settled to four digits after five."""
_STEEPEST = 8.0
"""Largest slope of the local fit, in factors of e from the middle of a window to its end."""


def block_median(mass: F64, reach: int, block: int, shortest: int) -> F64:
    """Median of the `block`-tick means within `reach` ticks on either side.

    At the ends of the view the window is kept symmetric, down to `shortest` ticks a side, because
    a one-sided window on a slope is biased.

    Args:
        mass: float64[T], T >= block.

    Returns:
        float64[T], mass per tick.
    """
    size = len(mass)
    tick = np.arange(size)
    half = np.minimum(np.minimum(tick, size - 1 - tick), reach)
    half = np.maximum(half, min(shortest, reach))
    sums = np.convolve(mass, np.ones(block), mode="valid")
    start = tick[:, None] + np.arange(-reach, reach - block + 2)[None, :]
    inside = (start >= np.maximum(tick - half, 0)[:, None]) & (
        start + block - 1 <= np.minimum(tick + half, size - 1)[:, None]
    )
    values = np.where(inside, sums[np.clip(start, 0, len(sums) - 1)], np.inf)
    values.sort(axis=1)
    count = inside.sum(axis=1)
    lower = values[tick, (count - 1) // 2]
    upper = values[tick, count // 2]
    return np.asarray((lower + upper) / (2 * block))


def local_loglinear(count: F64, keep: Mask, reach: int, fallback: F64) -> F64:
    """Local Poisson fit of log density = a + b x around each tick, over the kept ticks.

    Tricube weights K over +-`reach` ticks, x = offset / reach, and a ridge b^2 / 2 on the slope.
    `a` has a closed form given `b`, which leaves one concave function of `b` per tick:
    sum K h (a(b) + b x) - sum K e^(a(b) + b x) - b^2 / 2.

    Args:
        count: float64[T], roughly in accounts per tick (the unit decides what the ridge weighs).
        keep: bool[T], ticks that take part.
        fallback: float64[T], used where no kept tick is within reach.

    Returns:
        float64[T], counts per tick.
    """
    x = np.arange(-reach, reach + 1) / (reach + 1.0)
    tricube = (1.0 - np.abs(x) ** 3) ** 3
    tick = np.arange(len(count))
    nodes = np.unique(np.append(tick[::_EVERY], tick[-1]))
    taken = sliding_window_view(np.pad(keep.astype(np.float64), reach), 2 * reach + 1)
    mass = sliding_window_view(np.pad(count, reach), 2 * reach + 1)
    kernel = taken[nodes] * tricube
    mass = mass[nodes] * kernel
    total, moment = mass.sum(axis=1), mass @ x
    slope = np.zeros(len(nodes))
    for _ in range(_STEPS):
        tilted = kernel * _exponentials(slope, x)
        norm = np.maximum(tilted.sum(axis=1), 1e-300)
        mean = (tilted @ x) / norm
        spread = (tilted @ (x * x)) / norm - mean * mean
        step = (moment - total * mean - slope) / (total * spread + 1.0)
        slope = np.clip(slope + np.clip(step, -2.0, 2.0), -_STEEPEST, _STEEPEST)
    norm = (kernel * _exponentials(slope, x)).sum(axis=1)
    known = norm > 0.0
    fitted = np.where(known, total / np.where(known, norm, 1.0), fallback[nodes])
    return np.asarray(np.interp(tick, nodes, fitted))


def _exponentials(slope: F64, x: F64) -> F64:
    """e^(slope x), float64[slopes, x], for offsets `x` symmetric around 0: half are reciprocals."""
    right = np.exp(slope[:, None] * x[len(x) // 2 :])
    return np.concatenate((1.0 / right[:, :0:-1], right), axis=1)
