"""The large dollar tokens of a chain (stablecoins.toml): whose supply is stored beside the debt."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from . import _toml

FILE = Path(__file__).with_name("stablecoins.toml")


def stablecoins(chain_id: int) -> tuple[bytes, ...]:
    """Their addresses (20 bytes each), in the file's order; empty for a chain that has no list."""
    return _by_chain().get(chain_id, ())


@cache
def issued_symbols() -> frozenset[str]:
    """Symbols of dollar tokens that are no receipt of another one: for chains without a list."""
    return frozenset(_toml.read(FILE)["symbols"])


@cache
def _by_chain() -> Mapping[int, tuple[bytes, ...]]:
    return {
        row["id"]: tuple(bytes.fromhex(token[2:]) for token in row["tokens"])
        for row in _toml.read(FILE)["chain"]
    }
