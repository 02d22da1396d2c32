"""Numbers, prices and untrusted text as people read them. Pure, no terminal here.

A missing number is `MISSING`, never a zero: "no data" must not look like "no risk".
"""

import math
import unicodedata
from datetime import UTC, datetime

MISSING = "n/a"
_SYMBOL_LENGTH = 20


def printable(text: str) -> str:
    r"""`text` without anything that could steer a terminal; newlines stay.

    Category C holds control, format (bidi, zero width), surrogate and unassigned characters.

    >>> printable("a\x1b[31mb\u202ec\nd")
    'a[31mbc\nd'
    """
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in _UNPRINTABLE)


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def one_line(text: str) -> str:
    r"""`printable`, with line breaks and runs of blanks as one blank.

    >>> one_line("oracle\r\n  reverts")
    'oracle reverts'
    """
    return " ".join(printable(text.replace("\r", "\n")).split())


def symbol(text: object) -> str:
    r"""A token's symbol: for show only, never trusted.

    >>> symbol("WETH"), symbol("\x1b]0;x\x07USDC\n"), symbol("V" * 30), symbol("")
    ('WETH', ']0;xUSDC', 'VVVVVVVVVVVVVVVVVVV…', '?')
    """
    line = one_line(str(text)) or "?"
    return line if len(line) <= _SYMBOL_LENGTH else line[: _SYMBOL_LENGTH - 1] + "…"


def number(value: object) -> float | None:
    """`value` as a finite float, None for everything that is none.

    >>> number(2), number(float("nan")), number(float("inf")), number(None), number("x")
    (2.0, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def usd(value: object) -> str:
    """Dollars, short.

    >>> usd(1.19e9), usd(240.5e6), usd(12_300), usd(940), usd(0.4), usd(0), usd(None)
    ('$1.19B', '$240.5M', '$12.3k', '$940', '<$1', '$0', 'n/a')
    >>> usd(999_990_000), usd(999_960), usd(-5_000)  # rounding reaches the next unit
    ('$1.00B', '$1.0M', '-$5.0k')
    """
    amount = number(value)
    if amount is None:
        return MISSING
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if 0 < size < 1:
        return f"{sign}<$1"
    for least, unit, letter, digits in (
        (999.95e9, 1e12, "T", 2),
        (999.95e6, 1e9, "B", 2),
        (999.95e3, 1e6, "M", 1),
        (999.5, 1e3, "k", 1),
    ):
        if size >= least:
            return f"{sign}${size / unit:,.{digits}f}{letter}"
    return f"{sign}${size:.0f}"


def price(value: object) -> str:
    """A price: to the cent from one dollar, four significant digits below.

    >>> price(1862.02), price(1), price(0.091234), price(0.0000012345), price(None)
    ('$1,862.02', '$1.00', '$0.09123', '$0.000001234', 'n/a')
    """
    amount = number(value)
    if amount is None:
        return MISSING
    if amount >= 1 or amount <= 0:
        return f"${amount:,.2f}"
    decimals = 3 - math.floor(math.log10(amount))
    return f"${amount:.{decimals}f}" if decimals <= 15 else f"${amount:.3e}"


def price_range(low: object, high: object) -> str:
    """
    >>> price_range(1781.09, 1862.02), price_range(1807.001, 1807.002)
    ('$1,781.09-$1,862.02', '$1,807.00')
    """
    first, last = price(low), price(high)
    return first if first == last else f"{first}-{last}"


def ratio_range(low: object, high: object) -> str:
    """The axis of the `market` shock: present prices times so much.

    >>> ratio_range(0.82831, 0.8660)
    '0.8283x-0.8660x'
    """
    ends = [MISSING if x is None else f"{x:.4f}x" for x in (number(low), number(high))]
    return ends[0] if ends[0] == ends[1] else "-".join(ends)


def percent(fraction: object) -> str:
    """A signed move; two digits where one would say nothing.

    >>> percent(-0.134), percent(0.2), percent(-0.0004), percent(None)
    ('-13.4 %', '+20.0 %', '-0.04 %', 'n/a')
    """
    share = number(fraction)
    if share is None:
        return MISSING
    return f"{share * 100:+.{2 if abs(share) < 0.01 else 1}f} %"


def share(fraction: object) -> str:
    """A part of a whole, in whole percent.

    >>> share(0.41), share(0.004), share(0)
    ('41 %', '<1 %', '0 %')
    """
    part = number(fraction)
    if part is None:
        return MISSING
    return "<1 %" if 0 < part < 0.005 else f"{part * 100:.0f} %"


def coverage(fraction: object) -> str:
    """How much of the debt was found, rounded down: 100.000 % means nothing is missing.

    >>> coverage(1.0), coverage(0.9999999), coverage(0.93318), coverage(1.0000001)
    ('100.000 %', '99.999 %', '93.318 %', 'over 100 %')
    """
    found = number(fraction)
    if found is None:
        return MISSING
    # 1e-9 of a percent: 0.93318 is stored as 0.93317999…, which is no missing debt
    return "over 100 %" if found > 1 else f"{math.floor(found * 1e5 + 1e-9) / 1e3:.3f} %"


def health_factor(value: object) -> str:
    """Cut, not rounded: 0.99996 must not read as 1.

    >>> health_factor(1.18904), health_factor(0.99996), health_factor(float("inf"))
    ('1.1890', '0.9999', 'no debt')
    >>> health_factor(1234.5), health_factor(float("nan"))
    ('>100', 'n/a')
    """
    if isinstance(value, float) and value == math.inf:
        return "no debt"
    factor = number(value)
    if factor is None:
        return MISSING
    return ">100" if factor > 100 else f"{math.floor(factor * 1e4 + 1e-9) / 1e4:.4f}"


def tokens(value: object) -> str:
    """An amount of tokens.

    >>> tokens("650412.337"), tokens(12.3456), tokens(0.00012345), tokens(0), tokens("x")
    ('650,412', '12.35', '0.0001234', '0', 'n/a')
    """
    try:
        amount = number(float(value)) if isinstance(value, str) else number(value)
    except ValueError:
        amount = None
    if amount is None:
        return MISSING
    if amount == 0 or abs(amount) >= 999.5:
        return f"{amount:,.0f}"
    return f"{amount:.4g}" if abs(amount) >= 1e-4 else f"{amount:.3e}"


def times(value: object) -> str:
    """How many times normal.

    >>> times(13.2), times(2.34), times(None)
    ('13x', '2.3x', 'n/a')
    """
    factor = number(value)
    if factor is None:
        return MISSING
    return f"{factor:,.0f}x" if factor >= 9.95 else f"{factor:.1f}x"


def strength(value: object) -> str:
    """A range against the fullest one nearby, 0 to 1.

    >>> strength(1.0), strength(0.2541), strength(0.0004), strength(0.0), strength(None)
    ('1.00', '0.25', '<0.01', '0', '-')
    """
    part = number(value)
    if part is None:
        return "-"
    return f"{part:.2f}" if part >= 0.005 else "<0.01" if part else "0"


def odds(long: object, short: object) -> str:
    """Longs against shorts.

    >>> odds(1.06e9, 248e6), odds(3e6, 12e6), odds(5.0, 0.0), odds(0.0, 0.0), odds(None, 1.0)
    ('4.3 : 1', '1 : 4', 'longs only', 'nothing on either side', 'n/a')
    """
    one, other = number(long), number(short)
    if one is None or other is None:
        return MISSING
    if not one or not other:
        only = "longs only" if one else "shorts only"
        return only if one or other else "nothing on either side"
    larger = max(one, other) / min(one, other)
    shown = f"{larger:,.0f}" if larger >= 9.95 else f"{larger:.1f}".removesuffix(".0")
    return f"{shown} : 1" if one >= other else f"1 : {shown}"


def change(value: object) -> str:
    """Dollars more or less, with their sign.

    >>> change(12_300.0), change(-2.4e9), change(0.0), change(None)
    ('+$12.3k', '-$2.40B', '$0', 'n/a')
    """
    amount = number(value)
    return f"+{usd(amount)}" if amount is not None and amount > 0 else usd(amount)


def count(value: int, one: str, many: str = "") -> str:
    """
    >>> count(1, "account"), count(21240, "account"), count(2, "is", "are")
    ('1 account', '21,240 accounts', '2 are')
    """
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def duration(seconds: object) -> str:
    """A length of time in its largest fitting unit.

    >>> duration(0.2), duration(45), duration(840), duration(3 * 3600), duration(9e6)
    ('1 second', '45 seconds', '14 minutes', '3 hours', '104 days')
    """
    length = number(seconds)
    if length is None:
        return MISSING
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if length >= 2 * unit:
            return count(round(length / unit), name)
    return count(max(1, round(length)), "second")


def short_hex(text: object, head: int = 6, tail: int = 4) -> str:
    """
    >>> short_hex("0x6d1c0e7f9f6dd1f0cbad4a3a3f4a6a3f3a1b2c3d"), short_hex("0x12")
    ('0x6d1c…2c3d', '0x12')
    """
    line = one_line(str(text))
    return line if len(line) <= head + tail + 1 else f"{line[:head]}…{line[-tail:]}"


def utc(timestamp: object) -> str:
    """
    >>> utc(1_770_645_900), utc(None)
    ('2026-02-09 14:05 UTC', 'n/a')
    """
    seconds = number(timestamp)
    try:
        moment = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        moment = None
    return MISSING if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
