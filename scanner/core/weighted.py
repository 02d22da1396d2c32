"""Weighted shocks, spelled: `shock:BTC=0.8,ETH=1` moves ETH's feed as the axis, BTC's by 0.8 of it.

Two spellings of one shock have one name: drivers in the order of the alphabet, weights without
needless digits, those of weight 0 left out; a single driver of weight 1 is `driver:ETH`.
"""

import re
from collections.abc import Mapping
from fractions import Fraction

PREFIX = "shock:"
DECIMALS, LARGEST = 3, 100  # of a weight: so that every price stays exact in 64 bits

_WEIGHT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")


def weights_of(shock: str) -> dict[str, Fraction]:
    """The weight of each driver of a weighted shock, none of them 0, by driver.

    Raises
    ------
    ValueError
        With what is wrong, in words that can be shown.

    Examples
    --------
    >>> weights_of("shock:ETH=1,BTC=0.80")
    {'BTC': Fraction(4, 5), 'ETH': Fraction(1, 1)}
    """
    found: dict[str, Fraction] = {}
    for part in shock.removeprefix(PREFIX).split(","):
        name, sign, number = part.rpartition("=")
        if not sign or not name or name != name.strip() or re.search(r"\s", name):
            raise ValueError(f'"{part}" is not a driver and its weight, like ETH=1 or BTC=0.8')
        if name in found:
            raise ValueError(f"{name} has two weights")
        found[name] = _weight(name, number)
    if not any(found.values()):
        raise ValueError("a shock needs a weight that is not 0")
    return {name: found[name] for name in sorted(found) if found[name]}


def _weight(name: str, number: str) -> Fraction:
    if len(number) > 40 or not _WEIGHT.fullmatch(number):
        raise ValueError(f'the weight of {name}, "{number[:40]}", is not a number like 0.8')
    weight = Fraction(number)
    if abs(weight) > LARGEST or (weight * 10**DECIMALS).denominator != 1:
        raise ValueError(
            f"the weight of {name}, {number}, has more than {DECIMALS} decimals,"
            f" or is beyond {LARGEST}"
        )
    return weight


def spelling(weights: Mapping[str, Fraction]) -> str:
    """The one spelling of these weights, none of them 0.

    >>> spelling({"ETH": Fraction(1), "BTC": Fraction(4, 5)}), spelling({"ETH": Fraction(1)})
    ('shock:BTC=0.8,ETH=1', 'driver:ETH')
    """
    if len(weights) == 1 and set(weights.values()) == {1}:
        return f"driver:{next(iter(weights))}"
    return PREFIX + ",".join(f"{name}={_digits(weights[name])}" for name in sorted(weights))


def canonical(shock: str) -> str:
    """The one spelling of a shock of any kind; ValueError as in `weights_of`."""
    return spelling(weights_of(shock)) if shock.startswith(PREFIX) else shock


def named(shock: str) -> str:
    """What a shock is called in every output, however it is spelled; other text as it is.

    >>> named("shock:ETH=1,BTC=0.80"), named("shock:ETH=1"), named("driver:ETH"), named("ETH")
    ('shock:BTC=0.8,ETH=1', 'ETH', 'ETH', 'ETH')
    """
    try:
        kind, _, name = canonical(shock).partition(":")
    except ValueError:
        return shock
    if kind == PREFIX[:-1]:
        return f"{PREFIX}{name}"
    return name if kind in ("driver", "token") and name else shock


def kind_and_name(shock: str) -> tuple[str, str]:
    """The kind of a shock, spelled in its one way, and what it is called in every output.

    >>> kind_and_name("driver:ETH"), kind_and_name("market"), kind_and_name("shock:BTC=0.8,ETH=1")
    (('driver', 'ETH'), ('market', 'market'), ('shock', 'shock:BTC=0.8,ETH=1'))
    """
    return shock.partition(":")[0], named(shock)


def _digits(weight: Fraction) -> str:
    thousandths = int(weight * 10**DECIMALS)
    whole, rest = divmod(abs(thousandths), 10**DECIMALS)
    text = f"{whole}.{rest:0{DECIMALS}d}".rstrip("0").rstrip(".")
    return f"-{text}" if thousandths < 0 else text
