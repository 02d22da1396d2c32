"""The contracts we call: one JSON file of `abis/` each, trimmed to what is used.

Selectors and topics are computed from the entries, never typed in. Names that are overloaded
must be asked for by their full signature ("balanceOf(address)").
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Entry:
    """One function or event: its canonical signature and types (a struct is `(a,b)`)."""

    signature: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    output_names: tuple[str, ...]


class Abi:
    """Functions and events of one contract, by name or by full signature."""

    def __init__(self, name: str, entries: list[dict[str, Any]]) -> None:
        self.name = name
        self._functions = _by_name(e for e in entries if e.get("type") == "function")
        self._events = _by_name(e for e in entries if e.get("type") == "event")

    def __repr__(self) -> str:
        return f"Abi({self.name!r})"

    def signature(self, function: str) -> str:
        """The canonical input signature: `getReserveData(address)`."""
        return self._entry(self._functions, function).signature

    def selector(self, function: str) -> bytes:
        """The first 4 bytes of a call."""
        return keccak(self.signature(function).encode())[:4]

    def topic(self, event: str) -> bytes:
        """The 32 bytes that mark a log of this event."""
        return keccak(self._entry(self._events, event).signature.encode())

    def inputs(self, function: str) -> tuple[str, ...]:
        """Canonical types of the arguments; a struct is a tuple: `(uint256,address)`."""
        return self._entry(self._functions, function).inputs

    def outputs(self, function: str) -> tuple[str, ...]:
        """Canonical types of the return values."""
        return self._entry(self._functions, function).outputs

    def output_names(self, function: str) -> tuple[str, ...]:
        """Names of the return values, or of the fields when one struct is returned."""
        return self._entry(self._functions, function).output_names

    def _entry(self, table: Mapping[str, Entry | None], name: str) -> Entry:
        if name not in table:
            raise KeyError(f"{name} is not in abis/{self.name}.json")
        entry = table[name]
        if entry is None:
            raise KeyError(f"{name} is overloaded in abis/{self.name}.json: give its signature")
        return entry


def load(name: str) -> Abi:
    """`abis/<name>.json`, from a wheel (scanner/abis) or from a checkout (abis beside scanner)."""
    return _load(name)


@cache
def _load(name: str) -> Abi:
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "abis", package.parent / "abis"):
        path = folder / f"{name}.json"
        if path.is_file():
            return Abi(name, json.loads(path.read_text(encoding="utf-8")))
    raise FileNotFoundError(f"abis/{name}.json is not part of this installation")


@cache
def keccak(content: bytes) -> bytes:
    """Keccak-256, by the library that web3 uses."""
    from eth_hash.auto import keccak as digest

    return bytes(digest(content))


def pack(selector: bytes, *columns: U8 | npt.NDArray[Any] | int) -> U8:
    """Call data for many calls of one function: U8[n, 4 + 32 * len(columns)].

    A column is `U8[n, 20]` (addresses), `U8[n, 32]` (words as they stand), a one-dimensional
    integer array of n (unsigned), or one value for all rows: `U8[20]`-like bytes or an int.

    >>> rows = pack(bytes.fromhex("70a08231"), np.full((2, 20), 17, np.uint8))
    >>> rows.shape, bytes(rows[0]).hex()[:40]
    ((2, 36), '70a0823100000000000000000000000011111111')
    """
    parts = [_column(column) for column in columns]
    count = max((len(part) for part in parts if part.ndim == 2), default=1)
    rows = np.zeros((count, 4 + 32 * len(parts)), np.uint8)
    rows[:, :4] = np.frombuffer(selector, np.uint8)
    for number, part in enumerate(parts):
        end = 4 + 32 * (number + 1)
        rows[:, end - part.shape[-1] : end] = part
    return rows


def _column(column: U8 | npt.NDArray[Any] | int) -> U8:
    if isinstance(column, int):
        return np.frombuffer(column.to_bytes(32, "big"), np.uint8)
    if column.dtype == np.uint8 and column.shape[-1] in (20, 32):
        return column
    if column.ndim == 1 and np.issubdtype(column.dtype, np.integer):
        if len(column) and int(column.min()) < 0:
            raise ValueError("negative numbers cannot be packed as unsigned words")
        return column.astype(">u8").view(np.uint8).reshape(-1, 8)
    raise ValueError(f"a column of shape {column.shape} and type {column.dtype} cannot be packed")


def _by_name(entries: Iterable[dict[str, Any]]) -> dict[str, Entry | None]:
    table: dict[str, Entry | None] = {}
    for entry in entries:
        name, outputs = str(entry["name"]), entry.get("outputs", [])
        fields = outputs
        if len(outputs) == 1 and outputs[0]["type"] == "tuple":
            fields = outputs[0]["components"]
        inputs = _types(entry["inputs"])
        made = Entry(
            f"{name}({','.join(inputs)})",
            inputs,
            _types(outputs),
            tuple(str(field.get("name", "")) for field in fields),
        )
        table[name] = None if name in table else made
        table[made.signature] = made
    return table


def _types(parameters: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(_type(parameter) for parameter in parameters)


def _type(parameter: dict[str, Any]) -> str:
    kind = str(parameter["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_types(parameter['components']))}){kind[5:]}"
