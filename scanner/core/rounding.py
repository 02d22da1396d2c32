"""Numbers as the document shows them: rounded once, the same on every machine."""

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]


def digits(value: float) -> float:
    """Six significant digits: what is left of exp and log when the last place is the machine's.

    >>> digits(0.0041741491065)
    0.00417415
    """
    return float(f"{value:.6g}")


def cents(value: float) -> float:
    """Dollars, rounded to cents for show."""
    return round(float(value), 2)


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
    """A price rounded for show: cents from a dollar up, six significant digits below.

    >>> shown(1781.0899999), shown(0.000123456789)
    (1781.09, 0.000123457)
    """
    return round(price, 2) if price >= 1.0 else digits(price)


def decimal(raw: int, unit: int) -> str:
    """Whole tokens as an exact decimal string.

    >>> decimal(1_500_000, 10**6), decimal(3 * 10**18, 10**18)
    ('1.5', '3.0')
    """
    whole, rest = divmod(raw, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits or '0'}"
