"""Amounts and counts of one scan: of an incomplete one each is at least so much, marked ≥."""

import math
from dataclasses import dataclass

from scanner.outputs.site import figures
from scanner.outputs.words import MISSING, number


@dataclass(frozen=True)
class Amounts:
    """Writes what a scan adds up.

    >>> Amounts(True).usd(1.2e9), Amounts(False).usd(1.2e9), Amounts(False).usd(None)
    ('$1.20B', '≥$1.20B', 'n/a')
    """

    complete: bool

    @property
    def more(self) -> str:
        """What stands before a number that can only grow."""
        return "" if self.complete else "≥"

    def usd(self, value: object) -> str:
        """Dollars; a lower bound is never "less than", so a small one is written out.

        >>> Amounts(True).usd(412.5), Amounts(False).usd(412.5)
        ('<$1K', '≥$412')
        """
        shown = figures.usd(value)
        if self.complete or shown == MISSING:
            return shown
        amount = number(value) or 0.0
        return f"≥${math.floor(amount)}" if 0 < amount < 1e3 else f"≥{shown}"

    def count(self, value: int, one: str = "", many: str = "") -> str:
        """
        >>> Amounts(True).count(1, "account"), Amounts(False).count(3039, "account")
        ('1 account', '≥3,039 accounts')
        """
        word = "" if not one else " " + (one if value == 1 else many or one + "s")
        return f"{self.more}{value:,}{word}"

    def tokens(self, amount: object) -> str:
        """An amount of tokens."""
        shown = figures.tokens(amount)
        return shown if shown == MISSING else self.more + shown

    def said(self, value: object) -> str:
        """
        >>> Amounts(False).said(1.2e9)
        'At least $1.20B'
        """
        return figures.usd(value) if self.complete else f"At least {figures.usd(value)}"
