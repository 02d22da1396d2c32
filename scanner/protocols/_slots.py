"""Slot numbers of stored state that no later change of a market's list can move."""

from collections.abc import Sequence

from scanner.errors import MarketError


def numbers_of(addresses: Sequence[bytes]) -> dict[bytes, int]:
    """A number below 2**28 for each address, by its last bytes.

    Raises `MarketError` where two addresses end alike: it has not happened yet.
    """
    found = {address: int.from_bytes(address[-4:], "big") % 2**28 for address in addresses}
    if len(set(found.values())) < len(found):
        raise MarketError("two tokens of the market have addresses that end alike")
    return found
