"""The logs of one pinned chain, range by range with the next ones on the way, or block by block."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scanner.chain.client import Refused
from scanner.chain.log_columns import Filter, LogChunk
from scanner.chain.logs import ANCESTORS, Finder, Way
from scanner.errors import BandscanError

if TYPE_CHECKING:
    from scanner.chain.connect import Node
    from scanner.chain.pinned import Chain

ANY = Way()
TRIES = 8  # requests to find out how many blocks fit one
NEAR = 2_048  # blocks behind the pinned one, at least, within which a chunk names its last hash


class History:
    """Logs of one filter, up to the block of `chain`."""

    def __init__(
        self,
        node: "Node",
        chain: "Chain",
        addresses: Sequence[bytes],
        topic0: Sequence[bytes],
        way: Way,
    ) -> None:
        self._node, self._chain = node, chain
        where, what = (
            tuple(bytes(one) for one in dict.fromkeys(many)) for many in (addresses, topic0)
        )
        near = chain.block.number - NEAR
        self._ancestors = chain.ancestors()
        self._finder = Finder(
            node.client,
            chain.block,
            Filter(where, what, way.loose, way.whole),
            node.spans,
            final=near if chain.final is None else min(near, chain.final.number),
            ancestors=self._ancestors,
            way=way,
        )

    def logs(self, first: int, last: int | None) -> Iterator[LogChunk]:
        """See `Chain.logs`."""
        node, end = self._node, self._chain.block.number
        end = end if last is None else min(last, end)
        ahead = 1  # until one answer told how wide a range may be
        pending: deque[Any] = deque()
        try:
            while first <= end or pending:
                while first <= end and len(pending) < ahead:
                    upto = min(end, first + self._finder.span() - 1)
                    pending.append(node.submit(self._finder.fetch(first, upto)))
                    first = upto + 1
                yield from node.result(pending.popleft())
                ahead = max(1, node.concurrency)
        finally:
            for future in pending:
                future.cancel()

    def widest(self, first: int) -> int:
        """How many blocks one request may span, tried from block `first` on by a few requests."""
        end = self._chain.block.number
        for _ in range(TRIES):
            span = self._finder.span()
            last = min(end, first + span - 1)
            if self._node.run(self._finder.attempt(first, last)):
                return span
        return self._finder.span()

    def tip(self, first: int) -> Iterator[LogChunk]:
        """See `Chain.tip_logs`."""
        block = self._chain.block
        before = np.arange(max(first, block.number - ANCESTORS), block.number)[::-1]
        hashes: list[bytes] = []
        for place, number in enumerate([block.number, *before.tolist()]):
            if place == 1:
                words = self._node.run(self._ancestors(before))
                hashes = [word.tobytes() for word in words]
            block_hash = hashes[place - 1] if place else block.hash
            if not any(block_hash):
                return
            chunk = self._node.run(self._finder.of_block(number, block_hash))
            if chunk is None:
                return
            yield chunk

    async def count(self, block: int) -> int | None:
        """How many logs one block holds, by the endpoint of the way; None where it cannot say.

        For the node's loop.
        """
        try:
            return sum(len(chunk) for chunk in await self._finder.fetch(block, block))
        except (Refused, BandscanError):
            return None
