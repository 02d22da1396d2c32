"""Stored state on disk: one packed BLOB per account.

A record is a slot number, which the protocol's adapter gives a meaning, and a 32-byte word. On
disk it is 36 bytes, both parts big-endian; an account's records follow one another by slot.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from scanner.core.states import States, keys

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]

RECORD = np.dtype([("slot", ">u4"), ("value", "u1", 32)])


def packed(states: States) -> list[bytes]:
    """One BLOB for each account, its records sorted by slot.

    Raises
    ------
    ValueError
        The columns do not belong together, or a slot does not fit 32 bits.
    """
    n, m = len(states.accounts), len(states.slot)
    shapes = (states.accounts.ndim, states.counts.shape, states.value.shape)
    if shapes != (2, (n,), (m, 32)) or states.counts.sum() != m or (states.counts < 0).any():
        raise ValueError(f"state columns disagree: shapes {shapes}, {m} slots")
    if m and not 0 <= states.slot.min() <= states.slot.max() < 2**32:
        raise ValueError("a slot does not fit 32 bits")
    order = np.lexsort((states.slot, np.repeat(np.arange(n), states.counts)))
    records = np.empty(m, RECORD)
    records["slot"] = states.slot[order]
    records["value"] = states.value[order]
    data = records.tobytes()
    ends = np.cumsum(states.counts) * RECORD.itemsize
    starts = ends - states.counts * RECORD.itemsize
    return [data[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


def unpacked(chunks: Iterable[tuple[Sequence[bytes], Sequence[bytes]]], width: int = 20) -> States:
    """The inverse of `packed`, from chunks of (keys of `width` bytes, blobs).

    Raises
    ------
    ValueError
        A key is not `width` bytes or a blob is not made of whole records.
    """
    accounts: list[U8] = [np.empty((0, width), np.uint8)]
    counts: list[I64] = [np.empty(0, np.int64)]
    slot: list[I64] = [np.empty(0, np.int64)]
    value: list[U8] = [np.empty((0, 32), np.uint8)]
    for addresses, blobs in chunks:
        sizes = np.fromiter(map(len, blobs), np.int64, len(blobs))
        joined = b"".join(addresses)
        if len(joined) != width * len(addresses) or (sizes % RECORD.itemsize).any():
            raise ValueError("a stored state is not made of whole records")
        records = np.frombuffer(b"".join(blobs), RECORD)
        accounts.append(np.frombuffer(joined, np.uint8).reshape(-1, width))
        counts.append(sizes // RECORD.itemsize)
        slot.append(records["slot"].astype(np.int64))
        value.append(np.ascontiguousarray(records["value"]))
    return States(
        np.concatenate(accounts),
        np.concatenate(counts),
        np.concatenate(slot),
        np.concatenate(value),
    )


def per_account(
    accounts: U8, blocks: I64, add: bool | npt.NDArray[np.bool_]
) -> tuple[U8, I64, I64, npt.NDArray[np.bool_]]:
    """Distinct accounts, sorted: (address, first adding block, last block, whether any row adds).

    Raises
    ------
    ValueError
        The columns differ in length.
    """
    adds = np.broadcast_to(np.asarray(add, np.bool_), blocks.shape)
    if accounts.ndim != 2 or len(accounts) != len(blocks):
        raise ValueError(f"{len(blocks)} blocks for accounts of shape {accounts.shape}")
    if not len(blocks):
        return accounts, blocks, blocks, adds
    key = keys(accounts)
    order = np.argsort(key, kind="stable")
    key = key[order]
    start = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    first = np.minimum.reduceat(np.where(adds, blocks, np.iinfo(np.int64).max)[order], start)
    last = np.maximum.reduceat(blocks[order], start)
    return accounts[order[start]], first, last, np.logical_or.reduceat(adds[order], start)


def address_bytes(accounts: U8) -> list[bytes]:
    """Rows of uint8[n, width] as n bytes objects."""
    data, width = accounts.tobytes(), accounts.shape[1]
    return [data[i : i + width] for i in range(0, len(data), width)]
