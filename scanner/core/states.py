"""Raw stored state of accounts, as columns: what an adapter reads and the store keeps.

A record is a slot number, which the protocol's adapter gives a meaning, and a 32-byte word.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """Stored state of n accounts, m records in all; the records of account i follow those of i-1.

    Attributes
    ----------
    accounts : uint8[n, width]
        20-byte addresses; where one address may hold several positions, with the market's 32-byte
        id behind it.
    counts : int64[n]
        Records of each account; 0 for one that has nothing (left).
    slot : int64[m]
        0 to 2**32 - 1, ascending within an account.
    value : uint8[m, 32]
        Big-endian 256-bit words.
    """

    accounts: U8
    counts: I64
    slot: I64
    value: U8


def keys(accounts: U8) -> npt.NDArray[np.bytes_]:
    """Rows of uint8[n, width] as n byte strings that sort and compare like them."""
    width = accounts.shape[1]
    return np.ascontiguousarray(accounts).view(f"S{width}").ravel()
