"""Which accounts are held against the protocol's own view, when not all are."""

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


def chosen(accounts: U8, block_hash: bytes, count: int | None) -> I64:
    """Indices of `count` accounts (None: all), ascending.

    Those with the smallest hash of address and block, so that nobody chooses them.
    """
    size = len(accounts)
    if count is None or count >= size:
        return np.arange(size)
    order = np.argsort(_mix(accounts[:, :20], block_hash), kind="stable")
    return np.sort(order[:count])


def _mix(accounts: U8, block_hash: bytes) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of (address, block), vectorised (splitmix64 over the words of both)."""
    padded = np.zeros((len(accounts), 24), np.uint8)
    padded[:, :20] = accounts
    seeds = np.frombuffer(block_hash[:24], ">u8").astype(np.uint64)
    state = np.zeros(len(accounts), np.uint64)
    with np.errstate(over="ignore"):
        for word, seed in zip(padded.view(">u8").astype(np.uint64).T, seeds, strict=True):
            state = (state ^ word) + seed + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state ^= state >> np.uint64(31)
    return state
