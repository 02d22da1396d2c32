"""Calls, answers and reverts, from signatures written as text.

A signature is `name(inputs)` or `name(inputs)(outputs)`; structs are written as
their types in brackets, as Solidity's own canonical signatures are:

>>> encode_call("transfer(address,uint256)", "0x" + "11" * 20, 5).hex()[:8]
'a9059cbb'
>>> parse("aggregate3((address,bool,bytes)[])((bool,bytes)[])")
('aggregate3', ['(address,bool,bytes)[]'], ['(bool,bytes)[]'])
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from localchain.errors import LocalChainError

MAX = 2**256 - 1

_ERROR = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)


class Reverted(LocalChainError):
    """A contract refused. `reason` is its text, error name or panic code; `data` the raw bytes."""

    def __init__(self, reason: str, data: bytes, doing: str = "") -> None:
        super().__init__(f"{doing}: {reason}" if doing else reason)
        self.reason = reason
        self.data = data


@cache
def parse(signature: str) -> tuple[str, list[str], list[str]]:
    """Name, input types and output types of a signature."""
    name, _, rest = signature.partition("(")
    inside, after = _to_closing_bracket(rest)
    outputs: list[str] = []
    if after:
        if not after.startswith("("):
            raise ValueError(f"not a signature: {signature!r}")
        out, tail = _to_closing_bracket(after[1:])
        if tail:
            raise ValueError(f"not a signature: {signature!r}")
        outputs = _split(out)
    return name, _split(inside), outputs


@cache
def selector(signature: str) -> bytes:
    """The four bytes a call starts with (outputs do not count)."""
    name, inputs, _ = parse(signature)
    return keccak(text=f"{name}({','.join(inputs)})")[:4]


@cache
def topic(signature: str) -> str:
    """The first topic of an event, as 0x hex."""
    return "0x" + keccak(text=signature).hex()


def encode_call(signature: str, *args: Any) -> bytes:
    """The data of a call."""
    _, inputs, _ = parse(signature)
    if len(args) != len(inputs):
        raise ValueError(f"{signature} takes {len(inputs)} arguments, not {len(args)}")
    return selector(signature) + encode(inputs, args)


def decode_answer(signature: str, answer: bytes) -> Any:
    """One output gives the value itself, several a tuple, none gives None."""
    _, _, outputs = parse(signature)
    if not outputs:
        return None
    values = decode(outputs, answer)
    return values[0] if len(outputs) == 1 else values


def encode_arrays(signature: str, *arrays: Sequence[bytes]) -> bytes:
    """A call whose arguments are all arrays of one-word elements, given as 32-byte strings.

    The same as `encode_call`, without looking at each element: tens of thousands of words.
    """
    head, tail = b"", b""
    offset = 32 * len(arrays)
    for array in arrays:
        head += word(offset + len(tail))
        tail += word(len(array)) + b"".join(array)
    return selector(signature) + head + tail


def word(value: int) -> bytes:
    """32 bytes, big-endian."""
    return value.to_bytes(32, "big")


def address_word(address: str) -> bytes:
    """An address, left-padded to 32 bytes."""
    return bytes(12) + bytes.fromhex(address[2:])


class ErrorNames:
    """What the reverts of a set of contracts mean.

    Parameters
    ----------
    custom : dict of selector to "Name(types)"
    codes : dict of text code to name
        Aave v3.0 reverts with numbers as text: "35".
    """

    def __init__(self, custom: dict[bytes, str], codes: dict[str, str]) -> None:
        self.custom = custom
        self.codes = codes

    def explain(self, data: bytes) -> str:
        """Revert data in words."""
        if not data:
            return "reverted without a reason"
        head, body = data[:4], data[4:]
        if head == _ERROR:
            (text,) = decode(["string"], body)
            return f"{text} ({self.codes[text]})" if text in self.codes else str(text)
        if head == _PANIC:
            return f"panic 0x{int.from_bytes(body, 'big'):02x}"
        if head not in self.custom:
            return f"unknown error 0x{data.hex()}"
        name, types, _ = parse(self.custom[head])
        values = decode(types, body) if types else ()
        return f"{name}({', '.join(map(str, values))})"


def _to_closing_bracket(text: str) -> tuple[str, str]:
    depth = 1
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[:at], text[at + 1 :]
    raise ValueError(f"no closing bracket in {text!r}")


def _split(types: str) -> list[str]:
    """Types separated by commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(types):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(types[start:at])
            start = at + 1
    return [*parts, types[start:]] if types else []
