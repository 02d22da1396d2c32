"""How one oracle price follows a root feed that does not move it one for one.

A price that stands on a feed through caps, floors or a pool is a broken line in the feed's answer:
flat above a cap, half as steep for a pool's share. `Curve` is that line, in ratios of both.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

_STRAIGHT = 1e-9  # slopes that differ by no more than this are one line


@dataclass(frozen=True, eq=False)
class Curve:
    """One oracle price as a function of a root feed's answer.

    Attributes
    ----------
    at : float64 array, shape (knots,)
        The root's answer over its present one; ascending, not negative, at least two, one of them
        exactly 1.
    value : float64 array, shape (knots,)
        The oracle price over its present one at each knot; 1 at the present answer.

    Between knots the line is straight, beyond the ends their slopes go on; never below 0.

    Raises
    ------
    ValueError
        Where the knots are not such.

    Examples
    --------
    A stable that follows its feed up to a cap of 1.04:

    >>> cap = Curve(np.array([0.7, 1.0, 1.04, 1.3]), np.array([0.7, 1.0, 1.04, 1.04]))
    >>> cap.of(np.array([0.5, 1.02, 2.0])), cap.sensitivity, cap.bent
    (array([0.5 , 1.02, 1.04]), 1.0, True)
    """

    at: F64
    value: F64

    def __post_init__(self) -> None:
        at, value = (np.array(x, np.float64) for x in (self.at, self.value))
        if at.ndim != 1 or at.shape != value.shape or len(at) < 2:
            raise ValueError("a curve has two or more knots, and a value for each")
        if not (np.isfinite(at).all() and np.isfinite(value).all()):
            raise ValueError("the knots of a curve are finite")
        if (np.diff(at) <= 0).any() or at[0] < 0 or (value < 0).any():
            raise ValueError("the knots of a curve ascend, and nothing is negative")
        if not (at == 1.0).any() or abs(value[at == 1.0][0] - 1.0) > _STRAIGHT:
            raise ValueError("a curve passes through (1, 1): the present answer and price")
        for name, column in (("at", at), ("value", value)):
            column.setflags(write=False)
            object.__setattr__(self, name, column)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Curve):
            return NotImplemented
        return np.array_equal(self.at, other.at) and np.array_equal(self.value, other.value)

    def __hash__(self) -> int:
        return hash((self.at.tobytes(), self.value.tobytes()))

    @cached_property
    def slopes(self) -> F64:
        """Slope of each straight part, shape (knots - 1,)."""
        return np.diff(self.value) / np.diff(self.at)

    def of(self, ratio: F64) -> F64:
        """The price over its present one where the root is at `ratio` times its present answer."""
        place = np.clip(np.searchsorted(self.at, ratio, "right") - 1, 0, len(self.slopes) - 1)
        return np.maximum(self.value[place] + self.slopes[place] * (ratio - self.at[place]), 0.0)

    @property
    def sensitivity(self) -> float:
        """The slope at the present answer, downwards (upwards where no knot lies below it)."""
        here = int(np.flatnonzero(self.at == 1.0)[0])
        return float(self.slopes[max(here - 1, 0)])

    @property
    def zeros(self) -> list[float]:
        """Where the price comes to 0 beyond the knots, and stays there."""
        first, last = float(self.slopes[0]), float(self.slopes[-1])
        found = []
        if first > 0 and self.at[0] - self.value[0] / first > 0:
            found.append(float(self.at[0] - self.value[0] / first))
        if last < 0:
            found.append(float(self.at[-1] - self.value[-1] / last))
        return found

    @property
    def proportional(self) -> bool:
        """Whether the price simply follows one for one."""
        return bool((np.abs(self.slopes - 1.0) <= _STRAIGHT).all())

    @property
    def bent(self) -> bool:
        """Whether the line is no straight one."""
        return bool(np.ptp(self.slopes) > _STRAIGHT)
