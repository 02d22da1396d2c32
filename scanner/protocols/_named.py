"""Accounts that logs name in their topics."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from scanner.chain.log_columns import LogChunk

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


def accounts_named(
    logs: LogChunk, places: Mapping[bytes, tuple[int, ...]], makers: frozenset[bytes]
) -> tuple[U8, I64, Bool]:
    """Accounts, the blocks, and whether the log makes a borrower.

    `places` says for each first topic which other topics hold an account; `makers` are the first
    topics that make one.
    """
    first = logs.topics[:, 0]
    rows, topics, adds = [], [], []
    for topic, named in places.items():
        hit = np.flatnonzero((first == np.frombuffer(topic, np.uint8)).all(axis=1))
        for place in named:
            rows.append(hit)
            topics.append(np.full(len(hit), place))
            adds.append(np.full(len(hit), topic in makers))
    row, column = np.concatenate(rows), np.concatenate(topics)
    return logs.topics[row, column, 12:], logs.block[row], np.concatenate(adds)
