"""Numbers as the report writes them: three digits for dollars, a real minus, no blank before %.

A missing number is `MISSING`, never a zero. Ties round upwards, as the page's script does it.
"""

import math
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from scanner.outputs import words
from scanner.outputs.words import MISSING, number

_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def fixed(value: float, decimals: int) -> str:
    """`value` with so many decimals and commas.

    >>> fixed(1.125, 2), fixed(21240, 0), fixed(-0.04, 1)
    ('1.13', '21,240', '0.0')
    """
    step = Decimal(1).scaleb(-decimals)
    shown = Decimal(value).quantize(step, rounding=ROUND_HALF_UP)
    return f"{abs(shown) if shown == 0 else shown:,.{decimals}f}"


def usd(value: object) -> str:
    """
    >>> usd(1.2e9), usd(90.46e6), usd(940_000), usd(999_600), usd(412), usd(0), usd(None)
    ('$1.20B', '$90.5M', '$940K', '$1.00M', '<$1K', '$0', 'n/a')
    >>> usd(-118e6)
    '−$118M'
    """
    amount = number(value)
    if amount is None:
        return MISSING
    sign, size = ("−" if amount < 0 else ""), abs(amount)
    if size < 1e3:
        return "$0" if size == 0 else f"{sign}<$1K"
    for unit, letter in _UNITS:
        if size >= unit * 0.9995 or letter == "K":
            return f"{sign}${_three(size / unit)}{letter}"
    raise AssertionError("the last unit takes all")


def whole_usd(value: float) -> float:
    """Dollars for the page's script: cut, as the bound of an incomplete scan must be; what is less
    than one keeps its cents, so that it is not nothing.

    >>> whole_usd(1_234_999.7), whole_usd(0.3), whole_usd(0.0)
    (1234999, 0.3, 0.0)
    """
    return int(value) if value >= 1 else round(value, 2)


def axis_usd(value: float) -> str:
    """
    >>> axis_usd(50e6), axis_usd(2.5e9), axis_usd(0), axis_usd(200)
    ('$50M', '$2.5B', '$0', '$200')
    """
    for unit, letter in _UNITS:
        if value >= unit:
            return f"${value / unit:g}{letter}"
    return f"${value:g}"


def price(value: object) -> str:
    """
    >>> price(1862.02), price(68_000), price(27.314), price(0.0912345), price(1.2345e-7)
    ('$1,862', '$68,000', '$27.31', '$0.09123', '$1.235 × 10⁻⁷')
    """
    amount = number(value)
    if amount is None or amount < 0:
        return MISSING
    if amount >= 999.95 or amount == 0:
        return f"${fixed(amount, 0)}"
    decimals = 3 - math.floor(math.log10(amount))
    return f"${fixed(amount, decimals)}" if decimals <= 9 else f"${scientific(amount, 3)}"


def spot(value: object) -> str:
    """
    >>> spot(2150.4), spot(0.0912345)
    ('$2,150.40', '$0.09123')
    """
    amount = number(value)
    return f"${fixed(amount, 2)}" if amount is not None and amount >= 1 else price(value)


def axis_price(value: float) -> str:
    """
    >>> axis_price(1800), axis_price(110_000), axis_price(67_500), axis_price(0.25)
    ('$1,800', '$110k', '$67.5k', '$0.25')
    """
    if value < 1e-3:
        return price(value)
    return f"${value / 1e3:,g}k" if value >= 1e4 else f"${value:,g}"


def prices(low: object, high: object) -> str:
    """
    >>> prices(1781.09, 1862.02), prices(1795.02, 1795.31)
    ('$1,781–$1,862', '$1,795')
    """
    first, last = price(low), price(high)
    return first if first == last else f"{first}–{last}"


def move(fraction: object) -> str:
    """A signed move; two digits where one would say nothing.

    >>> move(-0.134), move(0.0981), move(-0.0004), move(0.0), move(None)
    ('−13.4%', '+9.8%', '−0.04%', '0.0%', 'n/a')
    """
    share = number(fraction)
    if share is None:
        return MISSING
    return {-1: "−", 0: "", 1: "+"}[(share > 0) - (share < 0)] + size(share)


def size(fraction: float) -> str:
    """A move without its direction.

    >>> size(-0.134), size(0.0004)
    ('13.4%', '0.04%')
    """
    part = abs(fraction) * 100
    return f"{fixed(part, 2 if 0 < part < 0.05 else 1)}%"


def share(fraction: object) -> str:
    """
    >>> share(0.414), share(0.004), share(0), share(0.999)
    ('41%', '<1%', '0%', '>99%')
    """
    part = number(fraction)
    if part is None:
        return MISSING
    if 0.995 <= part < 1:
        return ">99%"
    return "<1%" if 0 < part < 0.005 else f"{fixed(part * 100, 0)}%"


def finer_share(fraction: object) -> str:
    """
    >>> finer_share(0.4141), finer_share(0.0004)
    ('41.4%', '<0.1%')
    """
    part = number(fraction)
    if part is None:
        return MISSING
    return "<0.1%" if 0 < part < 0.0005 else f"{fixed(part * 100, 1)}%"


def coverage(fraction: object) -> str:
    """Rounded down: 100.000% means nothing is missing.

    >>> coverage(1.0), coverage(0.9999999), coverage(0.93318), coverage(1.0000001)
    ('100.000%', '99.999%', '93.318%', 'over 100%')
    """
    return words.coverage(fraction).replace(" %", "%")


def health_factor(value: object) -> str:
    """Cut, not rounded.

    >>> health_factor(1.1918), health_factor(0.99996), health_factor(math.inf)
    ('1.191', '0.999', 'no debt')
    """
    if value == math.inf:
        return "no debt"
    factor = number(value)
    if factor is None:
        return MISSING
    return ">100" if factor > 100 else f"{math.floor(factor * 1e3 + 1e-9) / 1e3:.3f}"


def tokens(value: object) -> str:
    """
    >>> tokens("660123.4"), tokens(12.345), tokens("1234567"), tokens("0.000412"), tokens("x")
    ('660k', '12.3', '1.23M', '0.000412', 'n/a')
    """
    try:
        amount = number(float(value)) if isinstance(value, str) else number(value)
    except ValueError:
        amount = None
    if amount is None or amount < 0:
        return MISSING
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if amount >= unit * 0.9995:
            return _three(amount / unit) + letter
    if amount >= 1:
        return _three(amount)
    return "0" if amount == 0 else f"{amount:.3g}" if amount >= 1e-4 else scientific(amount, 2)


def scientific(value: float, decimals: int = 0) -> str:
    """
    >>> scientific(3e-10), scientific(0), scientific(1.25e-5, 1)
    ('3 × 10⁻¹⁰', '0', '1.3 × 10⁻⁵')
    """
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    return f"{fixed(value / 10.0**power, decimals)} × 10{str(power).translate(_RAISED)}"


def error(value: object) -> str:
    """The largest relative error of a comparison.

    >>> error(0.0), error(3e-10), error(0.02), error(None)
    ('0, exact', '3 × 10⁻¹⁰', '0.02', 'n/a')
    """
    amount = number(value)
    if amount is None:
        return MISSING
    if amount == 0:
        return "0, exact"
    return f"{amount:.2g}" if amount >= 1e-3 else scientific(amount)


def filesize(size: int) -> str:
    """
    >>> filesize(412), filesize(28_300), filesize(3_800_000)
    ('412 B', '28 KB', '3.8 MB')
    """
    if size < 1000:
        return f"{size} B"
    if size < 999_500:
        return f"{fixed(size / 1e3, 0)} KB"
    return f"{fixed(size / 1e6, 1)} MB"


def moment(timestamp: float) -> str:
    """
    >>> moment(1_795_296_960)
    '21 Nov 2026, 21:36 UTC'
    """
    when = datetime.fromtimestamp(timestamp, UTC)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


def day(timestamp: float) -> str:
    """
    >>> day(1_794_187_000)
    '9 Nov'
    """
    when = datetime.fromtimestamp(timestamp, UTC)
    return f"{when.day} {_MONTHS[when.month - 1]}"


def iso(timestamp: float) -> str:
    """
    >>> iso(1_795_296_960)
    '2026-11-21T21:36:00Z'
    """
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _three(value: float) -> str:
    """Three digits of a value between 1 and 1000, or one above: 1,234."""
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return fixed(value, decimals)
