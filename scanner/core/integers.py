"""Exact integer arithmetic on columns, where the protocol's own numbers outgrow 64 bits.

Contracts compute with 256-bit integers; Python integers follow them but cost a hundred
nanoseconds an operation. Both tricks here stay in int64 and are still exact:

* `mul_div` estimates the quotient in floats and repairs it with the remainder, which is right
  modulo 2**64 and small enough to be read as it is;
* `Wide` keeps a number as `high * 2**30 + low`.

Both also accept object columns (Python integers), for the few positions too large for int64.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[Any]  # int64, or object (Python integers) for values beyond int64
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_BITS = 30
_MASK = (1 << _BITS) - 1

LARGEST_FACTOR = 2**53 - 1  # mul_div's float estimate is off by at most 5 below this
LARGEST_RESULT = 2**61  # sums of some legs must stay below 2**63


def mul_div(
    whole: Integers, rest: Integers, unit: Integers, factor: Integers, ceil: Bool | bool = False
) -> Integers:
    """`(whole * unit + rest) * factor / unit`, rounded down (or up where `ceil`).

    Parameters
    ----------
    whole, rest : int64 or object array
        An amount split by `unit`: `0 <= rest < unit`.
    unit : int64 or object array
        What to divide by, at most 10**18.
    factor : int64 or object array
        A price, below 2**53. The result must stay below 2**63.
    ceil : bool or bool array
        Where to round up.

    Examples
    --------
    1.5 tokens of 18 decimals at 2,350.00000001 dollars of 8 decimals:

    >>> one = np.array([1])
    >>> mul_div(one, np.array([5 * 10**17]), np.array([10**18]), np.array([235_000_000_001]))
    array([352500000001])
    """
    if factor.dtype == object or whole.dtype == object:
        amount = whole.astype(object) * unit.astype(object) + rest.astype(object)
        product = amount * factor.astype(object)
        return np.asarray(np.where(ceil, -(-product // unit), product // unit))
    quotient = (rest.astype(np.float64) * factor / unit).astype(np.int64)
    remainder = rest * factor - quotient * unit  # both wrap; their difference is small and right
    repair = remainder // unit
    quotient += repair
    result = whole * factor + quotient
    if ceil is not False:
        result += (remainder != repair * unit) & ceil
    return result


@dataclass(frozen=True)
class Wide:
    """A column of integers of up to about 90 bits: `high * 2**30 + low`, not normalised."""

    high: Integers
    low: Integers

    @staticmethod
    def product(value: Integers, factor: Integers | int) -> "Wide":
        """`value * factor` for `0 <= value < 2**62` and `0 <= factor < 2**20`."""
        return Wide((value >> _BITS) * factor, (value & _MASK) * factor)

    def __add__(self, other: "Wide") -> "Wide":
        return Wide(self.high + other.high, self.low + other.low)

    def __sub__(self, other: "Wide") -> "Wide":
        return Wide(self.high - other.high, self.low - other.low)

    def __getitem__(self, rows: Any) -> "Wide":
        return Wide(self.high[rows], self.low[rows])

    def sums(self, starts: npt.NDArray[np.int64]) -> "Wide":
        """Sums over runs that begin at `starts` (strictly increasing, so no run is empty)."""
        return Wide(np.add.reduceat(self.high, starts), np.add.reduceat(self.low, starts))

    def nonnegative(self) -> Bool:
        """True where the number is >= 0."""
        return np.asarray(self.high + (self.low >> _BITS) >= 0, dtype=np.bool_)

    def to_float(self) -> F64:
        """The nearest floats (normalised first, so that nothing cancels)."""
        high = self.high + (self.low >> _BITS)
        low: F64 = (self.low & _MASK).astype(np.float64)
        return np.asarray(high.astype(np.float64) * 2.0**_BITS + low)

    def quotient(self, divisor: Integers) -> Integers:
        """`self // divisor` where the quotient is below 2**20; 0 where the divisor is 0."""
        safe = np.where(divisor == 0, 1, divisor)
        guess = np.floor(self.to_float() / safe.astype(np.float64)).astype(np.int64)
        guess = np.maximum(guess - 1, 0)  # at most one too low now, never too high
        for _ in range(2):
            guess = guess + (self - Wide.product(safe, guess + 1)).nonnegative()
        return np.where(divisor == 0, 0, guess)


def from_words(words: npt.NDArray[np.uint8]) -> npt.NDArray[np.object_]:
    """Big-endian 32-byte words as a column of Python integers. Shape (n, 32) -> (n,)."""
    limbs = np.ascontiguousarray(words).view(">u8").astype(np.uint64).reshape(-1, 4)
    number = limbs[:, 3].astype(object)
    for shift, column in ((64, 2), (128, 1), (192, 0)):
        if limbs[:, column].any():
            number = number + (limbs[:, column].astype(object) << shift)
    return number


def sum_words(words: npt.NDArray[np.uint8]) -> int:
    """The exact sum of big-endian 32-byte words, shape (n, 32), n below 2**32."""
    limbs = np.ascontiguousarray(words).view(">u4").reshape(-1, 8).sum(axis=0, dtype=np.uint64)
    return sum(int(limb) << (32 * (7 - place)) for place, limb in enumerate(limbs))
