"""JSON-RPC values, strictly: what is not exactly right is not believed."""

import binascii
import re

import msgspec

_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,15})", re.IGNORECASE)
_text = msgspec.json.Decoder(str)


class Untrue(Exception):
    """An answer that cannot be believed; `str` says why and carries nothing secret."""


def quantity(raw: msgspec.Raw | str) -> int:
    """A QUANTITY below 2**64: `0x`, no leading zero.

    >>> quantity("0x1f")
    31
    """
    text = raw if isinstance(raw, str) else _text.decode(raw)
    if not _QUANTITY.fullmatch(text):
        raise Untrue("a number that is none")
    return int(text, 16)


def data(raw: msgspec.Raw | str, size: int | None = None) -> bytes:
    """DATA: `0x` and whole bytes, `size` of them where the caller knows.

    >>> data("0xdead", 2).hex()
    'dead'
    """
    content = raw.encode() if isinstance(raw, str) else memoryview(raw)
    if not isinstance(raw, str):
        if len(content) < 2 or content[0] != 0x22 or content[-1] != 0x22:
            raise Untrue("data that is no string")
        content = content[1:-1]
    if bytes(content[:2]) != b"0x":
        raise Untrue("data without 0x")
    try:
        found = binascii.unhexlify(content[2:])
    except binascii.Error:
        raise Untrue("data that is not hexadecimal") from None
    if size is not None and len(found) != size:
        raise Untrue(f"{len(found)} bytes where {size} were due")
    return found


def hex_of(number: int) -> bytes:
    """A QUANTITY as JSON.

    >>> hex_of(31)
    b'"0x1f"'
    """
    return b'"0x%x"' % number
