"""Numbers as they are printed on a page, read back: a second way from text to number.

Nothing here knows how the report writes them; a text stands for every number that rounds to it.
"""

import re
from dataclasses import dataclass

_UNITS = {"": 1.0, "K": 1e3, "k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "%": 0.01}
_NUMBER = re.compile(r"([−+-]?)\$?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)([KkMBT%]?)")


@dataclass(frozen=True)
class Printed:
    """A printed number; equal to every float that rounds to it, half a unit of its last digit."""

    text: str
    value: float
    half: float

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int | float):
            return NotImplemented
        return abs(self.value - other) <= self.half * 1.0001

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{self.text!r} ({self.value:,} ± {self.half:g})"


def read(text: str) -> Printed:
    """The first number in a text.

    >>> read("$1.20B") == 1.2049e9, read("$1.20B") == 1.206e9, read("−13.4%") == -0.1341
    (True, False, True)
    >>> read("2,004 positions") == 2004, read("2,004 positions") == 2005
    (True, False)
    """
    found = _NUMBER.search(text)
    assert found, f"no number in {text!r}"
    sign, digits, unit = found.groups()
    plain = digits.replace(",", "")
    decimals = len(plain.partition(".")[2])
    size = float(plain) * _UNITS[unit] * (-1 if sign in ("−", "-") else 1)
    whole = not decimals and not unit and "$" not in found[0]
    half = 0.0 if whole else 0.5 * 10**-decimals * _UNITS[unit]
    return Printed(found[0], size, half + abs(size) * 1e-12)


def every(text: str) -> list[Printed]:
    """All numbers in a text.

    >>> [one.value for one in every("$1,781–$1,862")]
    [1781.0, 1862.0]
    """
    return [read(found[0]) for found in _NUMBER.finditer(text)]
