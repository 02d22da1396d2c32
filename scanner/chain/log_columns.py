"""A log answer as columns, every field looked at: what is not exactly right is not believed."""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import msgspec
import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.values import Untrue

I64 = npt.NDArray[np.int64]

WORDS, EVENT_WORDS = 2, 8  # of a log's data that are kept: of any log, of a whole event


@dataclass(frozen=True)
class LogChunk:
    """All logs of the blocks `first` .. `last`, in block order.

    Arrays: block[n], address[n, 20], topics[n, 4, 32] (zero where there are fewer),
    topic_count[n], and words[n, 2, 32], the first two words of the data (zero where it is shorter).
    `last_hash` is the hash of block `last` where that may still be reorganised away, else None.
    `hashes[n, 32]` are the hashes of the logs' blocks, as the logs themselves name them.

    Where whole events were asked for (`Filter.whole`), `words` are the first EVENT_WORDS of the
    data, in order of block and log, `index[n]` is each log's place in its block and
    `transaction[n, 32]` its transaction.
    """

    first: int
    last: int
    last_hash: bytes | None
    block: I64
    address: U8
    topics: U8
    topic_count: npt.NDArray[np.int8]
    words: U8
    hashes: U8
    index: I64 | None = None
    transaction: U8 | None = None

    def __len__(self) -> int:
        return len(self.block)

    def above(self, block: int) -> tuple[I64, U8]:
        """The distinct blocks above `block` that have a log, and their hashes [k, 32].

        Raises `Untrue` where logs of one block name two hashes.
        """
        mine = self.block > block
        pairs = np.concatenate(
            [self.block[mine].astype(">i8").view(np.uint8).reshape(-1, 8), self.hashes[mine]], 1
        )
        pairs = np.unique(pairs, axis=0)
        blocks = np.ascontiguousarray(pairs[:, :8]).view(">i8").reshape(-1).astype(np.int64)
        if bool((np.diff(blocks) == 0).any()):
            raise Untrue("logs of one block that name two")
        return blocks, pairs[:, 8:]


class _Log(msgspec.Struct, gc=False):
    address: str
    topics: list[str]
    blockNumber: str
    blockHash: str
    data: str = "0x"
    removed: bool = False


class _Event(_Log, gc=False, kw_only=True):
    logIndex: str
    transactionHash: str


_decoder = msgspec.json.Decoder(list[_Log])
_events = msgspec.json.Decoder(list[_Event])


@dataclass(frozen=True)
class Filter:
    """Logs of some contracts whose first topic is one of `topics` (any, if empty).

    `loose` asks the node for all logs of the contracts and sorts out here: the same question by
    another way, past an index of topics that may have holes. `whole` keeps all of an event: more
    of its data, its place in the block, its transaction.
    """

    addresses: tuple[bytes, ...]
    topics: tuple[bytes, ...]
    loose: bool = False
    whole: bool = False

    def json(self) -> bytes:
        """The members of the JSON filter, without the range."""
        asked = b'"address":%b' % msgspec.json.encode(_texts(self.addresses))
        if self.topics and not self.loose:
            asked += b',"topics":[%b]' % msgspec.json.encode(_texts(self.topics))
        return asked


def columns(
    raw: msgspec.Raw, asked: Filter, low: int, high: int, last_hash: bytes | None
) -> LogChunk:
    """The logs of blocks `low` .. `high`, in block order; `last_hash` is that of block `high`.

    Raises `Untrue`.
    """
    logs: Sequence[_Log] = (_events if asked.whole else _decoder).decode(raw)
    count, size = len(logs), EVENT_WORDS if asked.whole else WORDS
    if any(log.removed for log in logs):
        raise Untrue("a log of a block that was removed")
    block = _numbers([log.blockNumber for log in logs])
    if count and not (low <= int(block.min()) and int(block.max()) <= high):
        raise Untrue("a log outside the range that was asked")
    address = _matrix([log.address for log in logs], 20)
    if not _among(address, asked.addresses):
        raise Untrue("a log of an address that was not asked for")
    hashes = _matrix([log.blockHash for log in logs], 32)
    if not hashes.any(axis=1).all():
        raise Untrue("a log of a block without a hash")
    counts = np.fromiter((len(log.topics) for log in logs), np.int8, count)
    if count and int(counts.max()) > 4:
        raise Untrue("a log with a wrong number of topics")
    topics = np.zeros((count, 4, 32), np.uint8)
    topics[np.arange(4) < counts[:, None]] = _matrix(
        list(chain.from_iterable(log.topics for log in logs)), 32
    )
    end, digits = 2 + 64 * size, 64 * size
    words = _matrix(
        [f"{log.data[:2]}{log.data[2:end]:0<{digits}}" for log in logs], 32 * size
    ).reshape(count, size, 32)
    found = LogChunk(low, high, last_hash, block, address, topics, counts, words, hashes)
    if asked.whole:
        events = [log for log in logs if isinstance(log, _Event)]
        index = _numbers([log.logIndex for log in events])
        transaction = _matrix([log.transactionHash for log in events], 32)
        found = replace(found, index=index, transaction=transaction)
    if asked.topics:
        wanted = (counts > 0) & _among_each(topics[:, 0], asked.topics)
        if not wanted.all():
            if not asked.loose:
                raise Untrue("a log of an event that was not asked for")
            found = picked(found, np.flatnonzero(wanted))
    if last_hash is not None:
        ends = found.hashes[found.block == high]
        if bool((ends != np.frombuffer(last_hash, np.uint8)).any()):
            raise Untrue(f"a log of another block {high} than the chain's")
    if found.index is not None:
        return picked(found, np.lexsort((found.index, found.block)))
    if bool((np.diff(found.block) < 0).any()):
        found = picked(found, np.argsort(found.block, kind="stable"))
    return found


def picked(logs: LogChunk, rows: I64) -> LogChunk:
    """Some logs of a chunk."""
    return replace(
        logs,
        block=logs.block[rows],
        address=logs.address[rows],
        topics=logs.topics[rows],
        topic_count=logs.topic_count[rows],
        words=logs.words[rows],
        hashes=logs.hashes[rows],
        index=None if logs.index is None else logs.index[rows],
        transaction=None if logs.transaction is None else logs.transaction[rows],
    )


def _texts(values: Sequence[bytes]) -> list[str]:
    return ["0x" + value.hex() for value in values]


def _matrix(texts: list[str], size: int) -> U8:
    """Hexadecimal strings of `size` bytes each as U8[n, size]; anything else is `Untrue`."""
    try:
        joined = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
        rows = joined.reshape(len(texts), 2 + 2 * size)
        if bool((rows[:, :2] != (0x30, 0x78)).any()):
            raise Untrue("a log with data that is not hexadecimal")
        content = binascii.unhexlify(rows[:, 2:].tobytes())
    except ValueError:  # also wrong lengths and characters beyond ASCII
        content = None
    if content is None:
        raise Untrue("a log with data of the wrong length or kind")
    return np.frombuffer(content, np.uint8).reshape(len(texts), size)


def _numbers(texts: list[str]) -> I64:
    padded = [text[:2] + text[2:].rjust(16, "0") for text in texts]
    numbers = _matrix(padded, 8).reshape(-1).view(">u8")
    if len(numbers) and int(numbers.max()) >= 1 << 62:
        raise Untrue("a log of an impossible block")
    return numbers.astype(np.int64)


def _among_each(rows: U8, asked: Sequence[bytes]) -> npt.NDArray[np.bool_]:
    """Whether each row is one of the asked values, all of the rows' width."""
    width = rows.shape[1]
    wanted = np.frombuffer(b"".join(asked), f"V{width}")
    return np.isin(np.ascontiguousarray(rows).view(f"V{width}").reshape(-1), wanted)


def _among(rows: U8, asked: Sequence[bytes]) -> bool:
    return bool(_among_each(rows, asked).all())
