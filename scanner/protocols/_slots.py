"""Slot numbers of stored state that no later change of a market's list can move."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scanner.errors import MarketError

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


def numbers_of(addresses: Sequence[bytes]) -> dict[bytes, int]:
    """A number below 2**28 for each address, by its last bytes.

    Raises `MarketError` where two addresses end alike: it has not happened yet.
    """
    table = np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 20)
    found = dict(zip(addresses, slot_numbers(table).tolist(), strict=True))
    if len(set(found.values())) < len(found):
        raise MarketError("two tokens of the market have addresses that end alike")
    return found


def slot_numbers(addresses: U8) -> I64:
    """The numbers of addresses, shape (n, 20) -> (n,)."""
    ends = np.ascontiguousarray(addresses[:, -4:]).view(">u4").ravel()
    return ends.astype(np.int64) % 2**28


def places_of(numbers: I64, addresses: Sequence[bytes]) -> I64:
    """The place among `addresses` that each number stands for, -1 for none of them."""
    known = numbers_of(addresses)
    if not known:
        return np.full(len(numbers), -1, np.int64)
    column = np.array([known[address] for address in addresses], np.int64)
    order = np.argsort(column, kind="stable")
    found = np.clip(np.searchsorted(column[order], numbers), 0, len(column) - 1)
    return np.where(column[order][found] == numbers, order[found], -1).astype(np.int64)
