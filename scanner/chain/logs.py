"""Logs in adaptive ranges: in order, checked, as columns.

A node cannot prove that its log answer is complete (there is no root over a filtered subset); the
protocols' own totals do that later. What can be checked is checked here: whatever is near enough to
the pinned block to be asked of its own chain (BLOCKHASH reaches 256 blocks back) must be of that
chain, and a range is never skipped: it is asked smaller until one single block is refused, and that
is an error.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.client import LIES, Client, Form, Question, Refused
from scanner.chain.faults import SHRINK, Fault, Kind, narrower
from scanner.chain.headers import Block, header_of
from scanner.chain.log_columns import Filter, LogChunk, columns
from scanner.chain.transport import LOGS_LIMIT, Endpoint
from scanner.chain.values import Untrue, hex_of

I64 = npt.NDArray[np.int64]

METHOD = "eth_getLogs"
FIRST_SPAN, LONGEST_SPAN = 10_000, 1_000_000  # blocks
MANY = 5_000  # logs in one answer, above which the span does not grow
CLEAN = 20
ANCESTORS = 256  # blocks whose hashes the EVM knows


@dataclass
class Span:
    """How many blocks one request asks for; learned per endpoint."""

    blocks: int = FIRST_SPAN
    refused: int = LONGEST_SPAN + 1  # the narrowest span that was refused
    clean: int = 0

    def shrink(self, asked: int, hint: int | None) -> None:
        # A width that was named is the limit: wider ones are tried again later, not at once.
        self.refused = min(self.refused, hint + 1 if hint else asked)
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


@dataclass(frozen=True)
class Way:
    """By which way logs are asked.

    Attributes
    ----------
    only : Endpoint, optional
        Ask nobody else.
    loose : bool
        See `Filter`.
    narrow : int
        Ask for so many times fewer blocks than the endpoint allows.
    trust : callable, optional
        Whether an endpoint may be believed in history; see `Question`.
    whole : bool
        See `Filter`.
    """

    only: Endpoint | None = None
    loose: bool = False
    whole: bool = False
    narrow: int = 1
    trust: Callable[[Endpoint], Awaitable[bool]] | None = None


class Finder:
    """Asks for one filter's logs, for blocks up to the pinned one.

    Parameters
    ----------
    final : int
        Chunks that end above this block name the hash of their last one.
    ancestors : callable
        The hashes, as the pinned block's own chain has them, of blocks at most 256 before it; zero
        where they are not known.
    """

    def __init__(
        self,
        client: Client,
        pinned: Block,
        asked: Filter,
        spans: dict[str, Span],
        *,
        final: int,
        ancestors: Callable[[I64], Awaitable[U8]],
        way: Way,
    ) -> None:
        if not asked.addresses:
            raise ValueError("logs of no address")
        self._client, self._pinned, self._spans = client, pinned, spans
        self._asked, self._way, self._final, self._ancestors = asked, way, final, ancestors
        self._members = asked.json()

    def span(self) -> int:
        """How many blocks to ask for next."""
        endpoint = self._way.only or self._client.likely(METHOD)
        return max(1, self._span(endpoint).blocks // self._way.narrow)

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
                chunks.append(await self._ask(low, high))
            except Refused as refused:
                most = await self._narrow(refused, low, high)
                waiting.append((low, high))
        return chunks

    async def attempt(self, first: int, last: int) -> bool:
        """Whether a range is answered as a whole; if not, the span is narrower from now on."""
        try:
            await self._ask(first, last)
        except Refused as refused:
            await self._narrow(refused, first, last)
            return False
        return True

    async def of_block(self, number: int, block_hash: bytes) -> LogChunk | None:
        """The logs of one block by its hash: a node that lacks the block has to say so.

        None where the node refuses to be asked by hash.
        """
        where = b'"blockHash":"0x%b"' % block_hash.hex().encode()
        try:
            return await self._put(where, number, number, block_hash)
        except Refused:
            return None

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
            await self._ask(block, block)
        except Refused as refused:
            return refused.fault.kind not in (Kind.UNKNOWN, Kind.LIMIT)
        return True

    async def _ask(self, low: int, high: int) -> LogChunk:
        where = b'"fromBlock":%b,"toBlock":%b' % (hex_of(low), hex_of(high))
        return await self._put(where, low, high, await self._hash(high))

    async def _put(self, where: bytes, low: int, high: int, last_hash: bytes | None) -> LogChunk:
        params = b"[{%b,%b}]" % (self._members, where)
        served: list[Endpoint] = []

        def form(endpoint: Endpoint) -> Form[LogChunk]:
            served[:] = [endpoint]
            return Form(params, lambda raw: columns(raw, self._asked, low, high, last_hash))

        question = Question(
            METHOD,
            form,
            f"logs of blocks {low} to {high}",
            shrinkable=True,
            limit=LOGS_LIMIT,
            only=self._way.only,
            trust=self._way.trust if high <= self._final else None,
        )
        for lies in range(1, LIES + 1):
            chunk = await self._client.put(question)
            try:
                await self._same_chain(chunk)
                break
            except Untrue as untrue:
                lie = Fault(Kind.LIE, str(untrue))
                served[0].trouble = str(lie)
                self._client.punish(served[0], lie, METHOD, "")
                if lies == LIES:
                    raise Refused(lie, served[0]) from None
        self._span(served[0]).grow(high - low + 1, len(chunk))
        return chunk

    async def _same_chain(self, chunk: LogChunk) -> None:
        """Raise `Untrue` for a log of a block that is no ancestor of the pinned one."""
        pinned = self._pinned
        blocks, hashes = chunk.above(max(self._final, pinned.number - ANCESTORS - 1))
        before = blocks < pinned.number
        if before.any():
            known = await self._ancestors(blocks[before])
            wrong = known.any(axis=1) & (known != hashes[before]).any(axis=1)
            for block in blocks[before][wrong]:
                raise Untrue(f"a log of another block {block} than the chain's")

    async def _hash(self, block: int) -> bytes | None:
        if block == self._pinned.number:
            return self._pinned.hash
        if block <= self._final:
            return None
        header = await header_of(self._client, block)
        return header.hash
