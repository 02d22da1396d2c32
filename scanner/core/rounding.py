"""Numbers as the document shows them: rounded once, the same on every machine."""

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


def digits(value: float) -> float:
    """Six significant digits: what is left of exp and log when the last place is the machine's.

    >>> digits(0.0041741491065)
    0.00417415
    """
    return float(f"{value:.6g}")


def cents(value: float) -> float:
    """Dollars, rounded to cents for show."""
    return round(float(value), 2)


def to_cents(values: F64) -> F64:
    """Dollars, each rounded to the cent: done once per position, so that all sums agree.

    >>> to_cents(np.array([1.005, 2.675, 0.004])).tolist()
    [1.0, 2.68, 0.0]
    """
    whole: F64 = np.rint(values * 100.0)
    return whole / 100.0


def summed(values: F64) -> float:
    """The exact sum of dollars that are whole cents, whatever their order, up to 9e13 dollars.

    >>> summed(np.array([0.1] * 10))
    1.0
    """
    return float(np.rint(values * 100.0).sum()) / 100.0


def summed_by(place: I64, values: F64, groups: int = 0) -> F64:
    """Like `summed`, of the values that share a `place` (0 to n - 1): float64[max(n, groups)].

    >>> summed_by(np.array([0, 1, 0]), np.array([0.1, 5.0, 0.2])).tolist()
    [0.3, 5.0]
    """
    whole = np.bincount(place, np.rint(values * 100.0), groups)
    return whole.astype(np.float64, copy=False) / 100.0


def significant(values: F64) -> F64:
    """Positive numbers to 15 significant digits: what is left of a product when its noise is not.

    >>> significant(np.array([1781.0900000000001, 1.2345678901234567e-9, np.nan])).tolist()
    [1781.09, 1.23456789012346e-09, nan]
    """
    result = values.copy()
    some = np.flatnonzero(values > 0)
    exponent = 14.0 - np.floor(np.log10(values[some]))
    # Powers of ten from 1e0 to 1e22 are exact, so one division gives the float nearest the decimal.
    exact = (exponent >= 0) & (exponent <= 22)
    scale = 10.0 ** exponent[exact]
    result[some[exact]] = np.rint(values[some[exact]] * scale) / scale
    for k in some[~exact].tolist():  # prices below 1e-8 or above 1e15: hardly any
        result[k] = float(f"{values[k]:.15g}")
    return result


def rounded(values: F64, digits: int) -> list[float]:
    """`round(value, digits)` of each, to the bit.

    Scaled, a value is off by half a unit in its last place. Where that could turn a tie (or the
    value has no digits left to round), Python's exact `round` decides; a whole number below 2^53
    divided by the scale is the float nearest to the decimal, which is what `round` gives.

    >>> rounded(np.array([2.675, 1.005, 0.125, 1e300]), 2)
    [2.67, 1.0, 0.12, 1e+300]
    """
    with np.errstate(over="ignore", invalid="ignore"):  # infinities are left to `round` as well
        scaled = values * 10.0**digits
        whole = np.rint(scaled)
        result = whole / 10.0**digits
        unsure = ~(np.abs(np.abs(scaled - whole) - 0.5) > np.abs(scaled) * 2.0**-51)
    for k in np.flatnonzero(unsure).tolist():
        result[k] = round(float(values[k]), digits)
    out: list[float] = result.tolist()
    return out


def shown(price: float) -> float:
    """A price rounded for show: to cents, or to six digits where those are finer.

    A tick is a quarter of a percent: at $1.26 a cent would be three of them.

    >>> shown(1781.0899999), shown(68_123.456), shown(1.2649811), shown(0.000123456789)
    (1781.09, 68123.46, 1.26498, 0.000123457)
    """
    return round(price, 2) if price >= 1000.0 else digits(price)


def decimal(raw: int, unit: int) -> str:
    """Whole tokens as an exact decimal string.

    >>> decimal(1_500_000, 10**6), decimal(3 * 10**18, 10**18)
    ('1.5', '3.0')
    """
    whole, rest = divmod(raw, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits or '0'}"
