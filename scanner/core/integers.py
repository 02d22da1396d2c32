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


_DIGIT = 10**9  # three of these digits are a ray, two are the unit of most tokens


def ray_products(
    words: npt.NDArray[np.uint8],
    factor: npt.NDArray[np.int64],
    factors: list[int],
    unit: npt.NDArray[np.int64],
    rounding: str,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """`word * factor / 1e27`, split by a unit: `whole * unit + rest`. Exact, without objects.

    In digits of base 1e9 a product is a convolution that fits 64 bits, a division by 1e27 leaves
    out three digits, and a power of ten cuts between or inside digits.

    Parameters
    ----------
    words : uint8 array, shape (n, 32)
        Big-endian.
    factor : int64 array, shape (n,)
        Which of `factors` a word is multiplied by.
    factors : list of int
        Below 1e36.
    unit : int64 array, shape (n,)
        Powers of ten up to 10**18.
    rounding : str
        "half" (up), "floor" or "ceil".

    Raises
    ------
    OverflowError
        A result of 2**62 units or more.

    Examples
    --------
    1.5 tokens of 18 decimals with an index of 1.04:

    >>> word = np.frombuffer((15 * 10**17).to_bytes(32, "big"), np.uint8)[None]
    >>> none, unit = np.zeros(1, np.int64), np.array([10**18])
    >>> ray_products(word, none, [104 * 10**25], unit, "half")
    (array([1]), array([560000000000000000]))
    """
    number = _digits(words)
    table = np.array([[f // _DIGIT**k % _DIGIT for k in range(4)] for f in factors], np.uint64)
    first = {"half": (0, 0, _DIGIT // 2), "floor": (0, 0, 0), "ceil": (_DIGIT - 1,) * 3}[rounding]
    carry = np.zeros(len(words), np.uint64)
    kept: list[npt.NDArray[np.uint64]] = []
    other = [table[factor, k] for k in range(4)]
    for place in range(len(number) + 4):
        total = carry + np.uint64(first[place] if place < 3 else 0)
        for k in range(max(0, place - len(number) + 1), min(4, place + 1)):
            total += number[place - k] * other[k]  # four products below 1e18 each
        carry = total // np.uint64(_DIGIT)
        if place >= 3:
            kept.append(total - carry * np.uint64(_DIGIT))
    return _split(kept, unit)


def _digits(words: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint64]]:
    """Digits of base 1e9 of big-endian words, the lowest first."""
    limbs = np.ascontiguousarray(words).view(">u4").reshape(-1, 8).astype(np.uint64).T.copy()
    while len(limbs) and not limbs[0].any():
        limbs = limbs[1:]
    digits = []
    base = np.uint64(_DIGIT)
    while len(limbs):
        rest = np.zeros(limbs.shape[1], np.uint64)
        for limb in limbs:
            value = (rest << np.uint64(32)) | limb
            np.floor_divide(value, base, out=limb)
            rest = value - limb * base
        digits.append(rest)
        while len(limbs) and not limbs[0].any():
            limbs = limbs[1:]
    return digits


def _split(
    digits: list[npt.NDArray[np.uint64]], unit: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Digits of base 1e9 divided by a power of ten up to 1e18: quotient and remainder."""
    columns = [digit.astype(np.int64) for digit in digits]
    columns += [np.zeros(len(unit), np.int64)] * (3 - len(columns))
    low, middle = columns[0], columns[1]
    large = unit >= _DIGIT
    part = np.where(large, unit // _DIGIT, unit)  # of the digit that the unit cuts
    cut = np.where(large, middle, low)
    quotient = cut // part
    rest = cut - quotient * part
    rest = np.where(large, rest * _DIGIT + low, rest)
    above = _DIGIT // part
    whole = quotient + np.where(large, 0, middle * above)
    size = whole.astype(np.float64)
    for place, digit in enumerate(columns[2:], 2):
        power = np.where(large, place - 2, place - 1)
        size += digit * (above * 1e9**power)
        if digit.any():
            whole += digit * above * _DIGIT ** np.minimum(power, 2)
    if len(size) and size.max() >= 2.0**62:
        raise OverflowError("a balance of 2**62 tokens or more")
    return whole, rest
