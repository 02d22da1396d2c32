"""Strings from a chain are strangers: for show only, never trusted."""

import unicodedata
from typing import Any

LONGEST_SYMBOL = 20


def clean_symbol(answer: Any, address: bytes) -> str:
    """A token's symbol without control and format characters, at most 20 long.

    A token that gives none (or bytes instead of text) is named by its address.

    >>> clean_symbol("WE\\x1b[31mTH", bytes(20)), clean_symbol(None, bytes(20))
    ('WE[31mTH', '0x000000…0000')
    """
    text = answer if isinstance(answer, str) else ""
    kept = "".join(c for c in text if unicodedata.category(c)[0] not in "CZ")[:LONGEST_SYMBOL]
    return kept or f"0x{address.hex()[:6]}…{address.hex()[-4:]}"
