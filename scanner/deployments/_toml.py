"""TOML files into checked values; a refusal names the file, the row, the field, what was meant.

The text of a file is untrusted: what is echoed has its control characters removed and is cut.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import UsageError

MAX_BYTES = 8_000_000  # a deployments file is kilobytes; this stops a device file, not a user
LARGEST = 2**63 - 1  # what the store's integer columns hold

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "a list",
    dict: "a table",
}


def clean(text: object, limit: int = 80) -> str:
    r"""One printable line of at most `limit` characters.

    >>> clean("a\x1b[31mb\nc")
    'a?[31mb?c'
    """
    line = "".join(c if c.isprintable() else "?" for c in str(text))
    return line if len(line) <= limit else line[: limit - 3] + "..."


def shown(value: object) -> str:
    """An untrusted TOML value for a message: its type, and the value where it is short."""
    kind = _TYPES.get(type(value), "a date or time")
    if isinstance(value, dict | list):
        return kind
    # Python refuses to print integers of thousands of digits
    if isinstance(value, int) and abs(value) > 10**40:
        return "a huge integer"
    if isinstance(value, str):
        return f'{kind}, "{clean(value)}"'
    return f"{kind}, {clean(value).lower() if isinstance(value, bool) else clean(value)}"


def near(word: str, known: Iterable[str]) -> str:
    """The known words most like `word`, for the end of a fix line; empty where none is."""
    import difflib  # costs a millisecond, needed only on the way out

    folded = {name.casefold(): name for name in known}
    hits = difflib.get_close_matches(word.casefold(), list(folded), n=3, cutoff=0.6)
    return ", ".join(folded[hit] for hit in hits)


def read(path: Path) -> dict[str, Any]:
    """The file as a dict of TOML values.

    Raises UsageError for a file that cannot be read, is a directory, is empty or larger than
    `MAX_BYTES`, is not UTF-8, or is no TOML (with line and column).
    """
    file = clean(path, 300)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise UsageError(f"The deployments file cannot be read: {reason}.", file=file) from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"The deployments file is larger than {MAX_BYTES:,} bytes.", file=file)
    if not raw.strip():
        raise UsageError("The deployments file is empty.", fix=EXAMPLE, file=file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"The deployments file is not UTF-8 text (line {line}).",
            fix="save it as UTF-8",
            file=file,
        ) from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else clean(error, 160)
        raise UsageError(f"The deployments file is not TOML: {reason}.", file=file) from None


EXAMPLE = (
    'a row looks like: [[market]] protocol = "aave_v3", name = "core", chain_id = 1, pool = "0x…"'
)


def known_fields(table: Mapping[str, Any], allowed: Iterable[str], where: dict[str, str]) -> None:
    """Refuse a field that nobody reads: it is a typo, and silence would hide it."""
    allowed = list(allowed)
    for field in table:
        if field not in allowed:
            hint = near(field, allowed)
            raise UsageError(
                f'Unknown field "{clean(field)}".',
                fix=f"did you mean {hint}?" if hint else "",
                **where,
                known=", ".join(allowed),
            )


def required(table: Mapping[str, Any], field: str, expected: str, where: dict[str, str]) -> Any:
    """The value of a field that must be there."""
    if field not in table:
        raise UsageError(
            f'The field "{field}" is missing.', **where, field=field, expected=expected
        )
    return table[field]


def refuse(value: object, field: str, expected: str, where: dict[str, str]) -> UsageError:
    """The error for a value of the wrong type or form."""
    return UsageError(
        f'The field "{clean(field)}" is {shown(value)}.',
        **where,
        field=clean(field),
        expected=expected,
    )


def integer(value: object, field: str, where: dict[str, str], *, least: int) -> int:
    """An integer of [least, 2**63 - 1]; TOML's true and false are none."""
    if type(value) is not int or not least <= value <= LARGEST:
        raise refuse(value, field, f"an integer from {least} to 2^63 - 1", where)
    return value


def matching(
    value: object, pattern: re.Pattern[str], field: str, expected: str, where: dict[str, str]
) -> str:
    """A string of the given form."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise refuse(value, field, expected, where)
    return value


def address(value: object, field: str, where: dict[str, str]) -> bytes:
    """20 raw bytes of a `0x…` string. Mixed case must carry the right EIP-55 checksum."""
    text = matching(value, _ADDRESS, field, "an address: 0x and 40 hexadecimal digits", where)
    raw = bytes.fromhex(text[2:])
    if not any(raw):
        raise refuse(text, field, "an address that is not zero", where)
    digits = text[2:]
    if digits != digits.lower() and digits != digits.upper() and text != checksummed(raw):
        raise UsageError(
            f'The checksum of the address in "{clean(field)}" is wrong: {text}.',
            fix="copy it again; one digit or its case was changed",
            **where,
            field=clean(field),
            expected="an address with a right EIP-55 checksum, or all in lower case",
        )
    return raw


def checksummed(raw: bytes) -> str:
    """The EIP-55 spelling of an address.

    >>> checksummed(bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11"))
    '0xcA11bde05977b3631167028862bE2a173976CA11'
    """
    from eth_hash.auto import keccak  # a tenth of a second: only where an address is checked

    digest = keccak(raw.hex().encode()).hex()
    return "0x" + "".join(
        c.upper() if mark >= "8" else c for c, mark in zip(raw.hex(), digest, strict=False)
    )
