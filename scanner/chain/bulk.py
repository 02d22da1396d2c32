"""Many calls of one shape, in batches that fit, several in flight, answered in call order.

Sizes: 100 KB of call data (proxies take 256 KiB bodies and hexadecimal doubles it), 64 KB of
answer (Erigon and Bor stop at 100,000 bytes), 10 million gas (geth stops after 5 s, long before
its gas cap, on reads that touch much storage). A refused batch is cut in two and the size is
remembered; after ten clean batches it grows by half.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.client import Client, Refused, together
from scanner.chain.faults import SHRINK, Kind
from scanner.chain.multicall3 import Aggregate, Results, tuples

CALL_BYTES, ANSWER_BYTES, GAS = 100_000, 65_536, 10_000_000
PROOF_BYTES = 64 + 4 * 160
CLEAN, GROWTH = 10, 1.5  # after so many clean batches they grow by so much
SUSPECTS = 32  # calls per batch when failures are asked again

# A revert of the whole batch is out of gas in disguise: each call alone is allowed to fail.
_SMALLER = SHRINK | {Kind.UNKNOWN, Kind.LIMIT, Kind.REVERT}

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Bulk:
    """Answers in call order: `ok[n]`, `words[n, words, 32]` (zero where not ok)."""

    ok: npt.NDArray[np.bool_]
    words: U8


@dataclass(frozen=True)
class Shape:
    """What one call of a bulk read costs: bytes sent, bytes answered, gas (an estimate)."""

    sent: int
    answered: int
    gas: int


@dataclass
class Budget:
    """How much one batch may cost; learned, shared by all bulk reads of a node."""

    sent: float = CALL_BYTES
    answered: float = ANSWER_BYTES
    gas: float = GAS
    clean: int = 0

    def calls(self, shape: Shape) -> int:
        """How many calls of this shape fit."""
        most = min(
            self.sent / shape.sent,
            (self.answered - PROOF_BYTES) / shape.answered,
            self.gas / shape.gas,
        )
        return max(1, int(most))

    def refused(self, kind: Kind, count: int, shape: Shape) -> None:
        """A batch of `count` was too much: half of it is the new bound."""
        half = max(1, count // 2)
        if kind in (Kind.SIZE, Kind.UNKNOWN, Kind.LIMIT):
            self.sent = min(self.sent, half * shape.sent)
        if kind in (Kind.ANSWER, Kind.UNKNOWN, Kind.LIMIT):
            self.answered = min(self.answered, half * shape.answered + PROOF_BYTES)
        if kind in (Kind.GAS, Kind.TIMEOUT, Kind.REVERT):
            self.gas = min(self.gas, half * shape.gas)
        self.clean = 0

    def served(self) -> None:
        self.clean += 1
        if self.clean >= CLEAN:
            self.clean = 0
            self.sent = min(CALL_BYTES, self.sent * GROWTH)
            self.answered = min(ANSWER_BYTES, self.answered * GROWTH)
            self.gas = min(GAS, self.gas * GROWTH)


async def bulk(
    client: Client,
    aggregate: Aggregate,
    budget: Budget,
    targets: U8,
    calls: U8,
    words: int,
    *,
    gas: int,
    concurrency: int,
    progress: Progress | None = None,
) -> Bulk:
    """Ask all calls at the aggregate's block.

    Parameters
    ----------
    targets : U8[n, 20]
    calls : U8[n, k]
        Call data, every row of the same length.
    words : int
        32-byte words expected back from each call.
    gas : int
        Estimate of one call.

    A call that reverted or answered short is asked again in a small batch, and once more alone
    where its neighbours may have eaten the gas, before it is believed (`ok` false).

    Raises `ReadError` when the chain cannot be read.
    """
    total, length = calls.shape
    shape = Shape(160 + -(-length // 32) * 32, 128 + 32 * words, max(1, gas))
    job = _Job(client, aggregate, budget, targets, calls, words, shape, concurrency, progress)
    await job.run(np.arange(total, dtype=np.int64), total)
    job.progress = None
    await job.run(np.flatnonzero(~job.ok), SUSPECTS)
    await job.run(np.flatnonzero(job.eaten), 1)
    return Bulk(job.ok, job.words)


class _Job:
    """One bulk read under way: the arrays being filled, and who fills them."""

    def __init__(
        self,
        client: Client,
        aggregate: Aggregate,
        budget: Budget,
        targets: U8,
        calls: U8,
        words: int,
        shape: Shape,
        concurrency: int,
        progress: Progress | None,
    ) -> None:
        self.client, self.aggregate, self.budget = client, aggregate, budget
        self.targets, self.calls, self.shape = targets, calls, shape
        self.concurrency, self.progress = concurrency, progress
        self.done = 0
        total = len(calls)
        self.ok = np.zeros(total, bool)
        self.words = np.zeros((total, words, 32), np.uint8)
        # Reverted without a word behind another one that did: that one may have eaten the gas.
        self.eaten = np.zeros(total, bool)

    async def run(self, rows: npt.NDArray[np.int64], most: int) -> None:
        """Ask the given rows, at most `most` in a batch."""
        waiting = deque([rows]) if len(rows) else deque()
        # One worker more than requests in flight: its batch is ready when a slot becomes free.
        workers = min(self.concurrency + 1, len(rows))
        await together(self._work(waiting, most) for _ in range(workers))

    async def _work(self, waiting: deque[npt.NDArray[np.int64]], most: int) -> None:
        while waiting:
            rows = waiting.popleft()
            count = min(most, self.budget.calls(self.shape))
            if len(rows) > count:
                waiting.appendleft(rows[count:])
                rows = rows[:count]
            while len(rows):
                try:
                    found = await self._ask(rows)
                except Refused as refused:
                    rest = self._smaller(rows, refused)
                    if len(rest):
                        waiting.appendleft(rest)
                    rows = rows[: len(rows) - len(rest)] if len(rest) else rows[:0]
                else:
                    self._keep(rows, found)
                    break

    async def _ask(self, rows: npt.NDArray[np.int64]) -> Results:
        structs = tuples(self.targets[rows], self.calls[rows])
        sizes = np.full(len(rows), structs.shape[1], np.int64)
        return await self.client.ask(
            "eth_call",
            self.aggregate.params(structs.tobytes(), sizes),
            lambda raw: self.aggregate.accept(raw, len(rows)),
            need=self.aggregate.need,
            shrinkable=len(rows) > 1,
        )

    def _smaller(self, rows: npt.NDArray[np.int64], refused: Refused) -> npt.NDArray[np.int64]:
        """The rows to be asked later, after a refusal; none left = the call itself is refused."""
        kind = refused.fault.kind
        if len(rows) > 1 and kind in _SMALLER:
            self.budget.refused(kind, len(rows), self.shape)
            return rows[(len(rows) + 1) // 2 :]
        if kind in (Kind.GAS, Kind.REVERT):
            return rows[:0]  # alone and still too much: a failed call, not a failed scan
        raise refused.error("a single call is refused by the node")

    def _keep(self, rows: npt.NDArray[np.int64], found: Results) -> None:
        good, values = found.columns(self.words.shape[1])
        self.ok[rows], self.words[rows] = good, values
        silent = ~found.ok & (found.length == 0)
        self.eaten[rows] = silent & (np.cumsum(silent) > 1)
        self.budget.served()
        self.done += len(rows)
        if self.progress is not None:
            self.progress(self.done)
