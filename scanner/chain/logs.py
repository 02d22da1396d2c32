"""Logs in adaptive ranges: in order, checked, as columns.

A node cannot prove that its log answer is complete (there is no root over a filtered subset); the
protocols' own totals do that later. What can be checked is checked here, and a range is never
skipped: it is asked smaller until one single block is refused, and that is an error.
"""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec
import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.client import Client, Refused
from scanner.chain.faults import SHRINK, Fault, Kind, narrower
from scanner.chain.headers import Block, header_of
from scanner.chain.transport import LOGS_LIMIT, Endpoint
from scanner.chain.values import Untrue, hex_of

I64 = npt.NDArray[np.int64]

METHOD = "eth_getLogs"
FIRST_SPAN, LONGEST_SPAN = 10_000, 1_000_000  # blocks
MANY = 5_000  # logs in one answer, above which the span does not grow
CLEAN = 20
NEAR = 2_048  # blocks behind the pinned one within which a chunk names its last block's hash


@dataclass(frozen=True)
class LogChunk:
    """All logs of the blocks `first` .. `last`, in block order.

    Arrays: block[n], address[n, 20], topics[n, 4, 32] (zero where there are fewer),
    topic_count[n], and words[n, 2, 32], the first two words of the data (zero where it is shorter).
    `last_hash` is the hash of block `last` where that is within 2048 blocks of the pinned one, else
    None.
    """

    first: int
    last: int
    last_hash: bytes | None
    block: I64
    address: U8
    topics: U8
    topic_count: npt.NDArray[np.int8]
    words: U8

    def __len__(self) -> int:
        return len(self.block)


class _Log(msgspec.Struct, gc=False):
    address: str
    topics: list[str]
    blockNumber: str
    blockHash: str
    data: str = "0x"
    removed: bool = False


_logs = msgspec.json.Decoder(list[_Log])


@dataclass
class Span:
    """How many blocks one request asks for; learned per endpoint."""

    blocks: int = FIRST_SPAN
    refused: int = LONGEST_SPAN + 1  # the narrowest span that was refused
    clean: int = 0

    def shrink(self, asked: int, hint: int | None) -> None:
        self.refused = min(self.refused, asked)
        self.blocks = min(self.blocks, max(1, hint if hint else asked // 2))
        self.clean = 0

    def grow(self, asked: int, logs: int) -> None:
        """After an answer of `logs` logs over `asked` blocks."""
        if asked < self.blocks or logs > MANY:
            return
        self.clean += 1
        if 2 * self.blocks < self.refused:
            self.blocks = min(LONGEST_SPAN, 2 * self.blocks)
        elif self.clean >= CLEAN:
            self.blocks = min(LONGEST_SPAN, max(self.blocks + 1, self.blocks * 5 // 4))
            self.refused = max(self.refused, self.blocks + 1)
            self.clean = 0


class Finder:
    """Asks for one filter's logs, for blocks up to the pinned one."""

    def __init__(
        self,
        client: Client,
        pinned: Block,
        addresses: Sequence[bytes],
        topic0: Sequence[bytes],
        spans: dict[str, Span],
    ) -> None:
        if not addresses:
            raise ValueError("logs of no address")
        self._client, self._pinned, self._spans = client, pinned, spans
        self._addresses = [bytes(address) for address in dict.fromkeys(addresses)]
        self._topic0 = [bytes(topic) for topic in dict.fromkeys(topic0)]
        self._filter = b'"address":%b' % msgspec.json.encode(_texts(self._addresses))
        if self._topic0:
            self._filter += b',"topics":[%b]' % msgspec.json.encode(_texts(self._topic0))

    def span(self) -> int:
        """How many blocks to ask for next."""
        return self._span(self._client.likely(METHOD)).blocks

    def _span(self, endpoint: Endpoint) -> Span:
        return self._spans.setdefault(endpoint.name, Span())

    async def fetch(self, first: int, last: int) -> list[LogChunk]:
        """The logs of `first` .. `last`, in one chunk or, where refused, in several, in order.

        Raises `ReadError` for a single block that nobody answers.
        """
        if last > self._pinned.number:
            raise ValueError("logs above the pinned block")
        waiting = [(first, last)]
        most = last - first + 1
        chunks: list[LogChunk] = []
        while waiting:
            low, high = waiting.pop()
            width = min(most, self.span())
            if high - low >= width:
                waiting += [(low + width, high), (low, low + width - 1)]
                continue
            try:
                chunks.append(await self._ask(low, high, shrinkable=True))
            except Refused as refused:
                most = await self._narrow(refused, low, high)
                waiting.append((low, high))
        return chunks

    async def _narrow(self, refused: Refused, low: int, high: int) -> int:
        """How many blocks to ask for after a refusal."""
        fault, endpoint, asked = refused.fault, refused.endpoint, high - low + 1
        span = self._span(endpoint)
        if fault.kind in SHRINK:
            if asked == 1:
                raise refused.error(f"the logs of block {low} alone are refused")
            span.shrink(asked, narrower(fault, low, high))
            return span.blocks
        if fault.kind not in (Kind.UNKNOWN, Kind.LIMIT):
            raise refused.error(f"the logs of blocks {low} to {high} are refused")
        # An unknown refusal: too wide, or never? One block tells.
        if asked > 1 and await self._single(low):
            span.shrink(asked, None)
            return span.blocks
        self._client.punish(endpoint, Fault(Kind.METHOD, str(fault)), METHOD, "")
        return asked

    async def _single(self, block: int) -> bool:
        await self._client.pause()
        try:
            await self._ask(block, block, shrinkable=True)
        except Refused as refused:
            return refused.fault.kind not in (Kind.UNKNOWN, Kind.LIMIT)
        return True

    async def _ask(self, low: int, high: int, *, shrinkable: bool) -> LogChunk:
        params = b'[{%b,"fromBlock":%b,"toBlock":%b}]' % (self._filter, hex_of(low), hex_of(high))
        last_hash = await self._hash(high)

        def accept(raw: msgspec.Raw) -> LogChunk:
            return self._columns(_logs.decode(raw), low, high, last_hash)

        chunk = await self._client.ask(
            METHOD,
            params,
            accept,
            need=f"logs of blocks {low} to {high}",
            shrinkable=shrinkable,
            limit=LOGS_LIMIT,
        )
        self._span(self._client.likely(METHOD)).grow(high - low + 1, len(chunk))
        return chunk

    async def _hash(self, block: int) -> bytes | None:
        if block == self._pinned.number:
            return self._pinned.hash
        if self._pinned.number - block > NEAR:
            return None
        header = await header_of(self._client, block)
        return header.hash

    def _columns(self, logs: list[_Log], low: int, high: int, last_hash: bytes | None) -> LogChunk:
        count = len(logs)
        if any(log.removed for log in logs):
            raise Untrue("a log of a block that was removed")
        block = _numbers([log.blockNumber for log in logs])
        if count and not (low <= int(block.min()) and int(block.max()) <= high):
            raise Untrue("a log outside the range that was asked")
        address = _matrix([log.address for log in logs], 20)
        counts = np.fromiter((len(log.topics) for log in logs), np.int8, count)
        if count and (int(counts.max()) > 4 or (self._topic0 and not counts.all())):
            raise Untrue("a log with a wrong number of topics")
        topics = np.zeros((count, 4, 32), np.uint8)
        topics[np.arange(4) < counts[:, None]] = _matrix(
            list(chain.from_iterable(log.topics for log in logs)), 32
        )
        words = _matrix([f"{log.data[:2]}{log.data[2:130]:0<128}" for log in logs], 64).reshape(
            count, 2, 32
        )
        if not _among(address, self._addresses):
            raise Untrue("a log of an address that was not asked for")
        if self._topic0 and not _among(topics[:, 0], self._topic0):
            raise Untrue("a log of an event that was not asked for")
        if last_hash is not None:
            ends = [log.blockHash for log in logs if int(log.blockNumber, 16) == high]
            if ends and bool((_matrix(ends, 32) != np.frombuffer(last_hash, np.uint8)).any()):
                raise Untrue(f"a log of another block {high} than the chain's")
        if count and bool((np.diff(block) < 0).any()):
            order = np.argsort(block, kind="stable")
            block, address = block[order], address[order]
            topics, counts, words = topics[order], counts[order], words[order]
        return LogChunk(low, high, last_hash, block, address, topics, counts, words)


def _texts(values: list[bytes]) -> list[str]:
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


def _among(rows: U8, asked: list[bytes]) -> bool:
    """Whether every row is one of the asked values."""
    width = rows.shape[1]
    wanted = np.frombuffer(b"".join(asked), f"S{width}")
    return bool(np.isin(np.ascontiguousarray(rows).view(f"S{width}").reshape(-1), wanted).all())
