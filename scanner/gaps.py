"""What a log answer alone cannot show: whether it is all there is.

A first scan is judged by the protocol's own totals. Where they do not add up, something was lost on
the way, and it is looked for before the scan gives up: state that is carried is read afresh, and
the logs are asked again, of the other endpoints and in narrower ranges (`searches`).

A later scan trusts logs for more than that: an account whose collateral moved and whose log was
lost keeps its old state, and no total tells. So its logs are asked twice, by ways that do not fail
together (`Doubt`): the newest blocks by their hashes, so that a node that is behind has to say so,
and the rest of another endpoint, or by the contracts alone where there is only one. What either
answer holds counts.

Before an endpoint is believed about old blocks it must know the logs that were found there first
(`Anchored`): one that pruned them answers as if there had been none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain.connect import Node
from scanner.chain.pinned import Chain, LogChunk, Way
from scanner.errors import ReadError
from scanner.opening import Opened
from scanner.watching import Watch

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Touched = tuple[U8, I64, Bool]

TIP, LEAST_TIP = 8, 3  # of the newest blocks so many at most, and at least, are asked by hash
NARROWER = 8  # times fewer blocks a request where something is looked for


class Anchored:
    """Whether an endpoint may be believed about old logs: asked once of each, before it is.

    Attributes
    ----------
    anchor : (block, logs) or None
        A block and how many logs of the market were found in it; None until there is one.
    """

    def __init__(self, chain: Chain, one: Opened, anchor: tuple[int, int] | None) -> None:
        self.anchor = anchor
        self._wanted = one.adapter.log_filter(one.market, known=False)
        self._chain = chain
        self._asked: set[str] = set()

    def learn(self, logs: LogChunk) -> tuple[int, int] | None:
        """Take the first logs for an anchor, where there is none; the new one."""
        if self.anchor is not None or not len(logs):
            return None
        block = int(logs.block[0])
        self.anchor = block, int((logs.block == block).sum())
        return self.anchor

    async def __call__(self, endpoint: Any) -> bool:
        """Runs in the node's thread."""
        if self.anchor is None or endpoint.name in self._asked:
            return True
        self._asked.add(endpoint.name)
        block, logs = self.anchor
        wanted = self._wanted
        found = await self._chain.count_logs(wanted.addresses, wanted.topics, block, endpoint)
        if found is not None and found < logs:
            why = f"answers {found} of the {logs} logs that block {block} is known to hold"
            endpoint.without["history"] = why
            return False
        return True


@dataclass(frozen=True)
class Doubt:
    """The second look at the logs of a later scan."""

    node: Node
    chain: Chain
    one: Opened
    watch: Watch

    def more(self, logs: LogChunk, found: Touched) -> Touched:
        """Whom the logs of a chunk's blocks name, by both looks."""
        adapter, market = self.one.adapter, self.one.market
        looks = [adapter.touched(market, again) for again in self._again(logs)]
        whole = [np.concatenate(parts) for parts in zip(found, *looks, strict=True)]
        first, both = _pairs(found), _pairs((whole[0], whole[1], whole[2]))
        if len(both) > len(first):
            self.watch.say(
                f"{self.one.row.name}: one answer for blocks {logs.first} to {logs.last} left out"
                f" {len(both) - len(first)} of {len(both)} changes; another answer had them"
            )
        return whole[0], whole[1], whole[2]

    def _again(self, logs: LogChunk) -> Iterator[LogChunk]:
        """The same blocks' logs by other ways."""
        adapter, chain = self.one.adapter, self.chain
        wanted = adapter.log_filter(self.one.market, known=True)
        where, what = wanted.addresses, wanted.topics
        last, agreed = logs.last, 0
        if last == chain.block.number:
            lowest = max(logs.first, last - TIP + 1)
            for one in chain.tip_logs(where, what, lowest):
                yield one
                last = one.first - 1
                agreed += bool(len(one)) and len(one) == int((logs.block == one.first).sum())
                if agreed and chain.block.number - last >= LEAST_TIP:
                    break
        if logs.first > last:
            return
        other = self.node.another("eth_getLogs")
        if other is not None:
            try:
                yield from list(chain.logs(where, what, logs.first, last, way=Way(only=other)))
                return
            except ReadError:  # it cannot, so the first one is asked another way
                pass
        yield from chain.logs(where, what, logs.first, last, way=Way(loose=True))


def _pairs(found: Touched) -> U8:
    """Distinct (account, block) rows."""
    accounts, blocks, _ = found
    rows = np.concatenate([accounts, blocks.astype(">i8").view(np.uint8).reshape(-1, 8)], axis=1)
    return np.unique(rows, axis=0)


def ways(node: Node, trust: Anchored) -> list[tuple[str, Way]]:
    """How to ask for the whole history once more: of each other endpoint, then in small ranges."""
    others = [
        (f"of {other.name}", Way(only=other, trust=trust)) for other in node.others("eth_getLogs")
    ]
    return [*others, ("in narrower ranges", Way(narrow=NARROWER, trust=trust))]
