"""Many calls of one shape, in batches that fit, several in flight, answered in call order.

They go by the shortest path that an endpoint offers: the lens as a state override, the lens as init
code, aggregate3. Which that is, is tried out once with a few calls of the first long read, whose
answers must be aggregate3's own; a path that is refused later is closed, and the next one taken.

Sizes: 100 KB of call data (proxies take 256 KiB bodies and hexadecimal doubles it), 64 KB of
answer (Erigon and Bor stop at 100,000 bytes), 10 million gas (geth stops after 5 s, long before
its gas cap, on reads that touch much storage). A refused batch is cut in two and the size is
remembered; after ten clean batches it grows by half.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.client import Client, Form, Question, Refused, together
from scanner.chain.faults import SHRINK, Fault, Kind
from scanner.chain.lens import LONGEST_INIT_CODE, Calls, packed, params, sorted_calls
from scanner.chain.multicall3 import ARBITRUM, Aggregate, tuples
from scanner.chain.transport import Endpoint, Path
from scanner.chain.values import Untrue

Rows = npt.NDArray[np.int64]

CALL_BYTES, ANSWER_BYTES, GAS = 100_000, 65_536, 10_000_000
PROOF_BYTES = 64 + 4 * 160
CLEAN, GROWTH = 10, 1.5  # after so many clean batches they grow by so much
MANY = 64  # calls for which it is worth to find the shortest path
SAMPLE = 8  # calls to try a path with
SUSPECTS = 32  # calls per batch when failures are asked again

# Faults of the endpoint or of the moment, whatever was asked.
_PATIENT = frozenset({Kind.BUSY, Kind.RATE, Kind.LAG, Kind.GONE, Kind.QUOTA})
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
    if not len(calls):
        return Bulk(np.zeros(0, bool), np.zeros((0, words, 32), np.uint8))
    gas = max(1, gas)
    job = _Job(
        client, aggregate, budget, sorted_calls(targets, calls), words, gas, concurrency, progress
    )
    if len(calls) >= MANY and aggregate.chain_id != ARBITRUM:
        await job.try_paths()
        job.short = True
    await job.run(np.arange(len(calls), dtype=np.int64), len(calls))
    job.progress, job.short = None, False
    await job.run(np.flatnonzero(~job.ok), SUSPECTS)
    await job.run(np.flatnonzero(job.eaten), 1)
    back = np.empty(len(calls), np.int64)
    back[job.calls.order] = np.arange(len(calls))
    return Bulk(job.ok[back], job.words[back])


@dataclass(frozen=True)
class _Found:
    """What a batch answered: good[n], words[n, words, 32], and who may have been starved."""

    good: npt.NDArray[np.bool_]
    words: U8
    eaten: npt.NDArray[np.bool_]


class _Job:
    """One bulk read under way: the arrays being filled, in the order of the groups, and by whom."""

    def __init__(
        self,
        client: Client,
        aggregate: Aggregate,
        budget: Budget,
        calls: Calls,
        words: int,
        gas: int,
        concurrency: int,
        progress: Progress | None,
    ) -> None:
        self.client, self.aggregate, self.budget, self.calls = client, aggregate, budget, calls
        self.concurrency, self.progress = concurrency, progress
        self.short = False  # whether the lens may be used
        self.done = 0
        length = calls.data.shape[1]
        each = calls.bytes_each
        self.shapes = {
            Path.AGGREGATE: Shape(160 + -(-length // 32) * 32, 128 + 32 * words, gas),
            Path.OVERRIDE: Shape(each, 1 + 32 * words, gas),
            Path.CREATE: Shape(
                -(-each * CALL_BYTES // (LONGEST_INIT_CODE - 1_024)), 1 + 32 * words, gas
            ),
        }
        self.ok = np.zeros(len(calls), bool)
        self.words = np.zeros((len(calls), words, 32), np.uint8)
        # Reverted without a word behind another one that did: that one may have eaten the gas.
        self.eaten = np.zeros(len(calls), bool)

    @property
    def shape(self) -> Shape:
        """What a call costs by the path that will probably be taken."""
        path = self.client.likely("eth_call").path if self.short else None
        return self.shapes[path or Path.AGGREGATE]

    async def try_paths(self) -> None:
        """Find the best path of the endpoint that is asked, by a few calls that all can answer."""
        if self.client.likely("eth_call").path is not None:
            return
        rows = np.unique(np.linspace(0, len(self.calls) - 1, SAMPLE).astype(np.int64))
        want = await self._ask(rows, lambda endpoint: self._aggregated(rows))
        await self._ask(rows, lambda endpoint: self._trial(endpoint, rows, want))

    def _trial(self, endpoint: Endpoint, rows: Rows, want: _Found) -> Form[_Found]:
        """The best path that was not closed; an answer other than aggregate3's closes it."""
        path = next(p for p in Path if p not in endpoint.closed)
        form = self._formed(path, endpoint, rows)
        broken = 0

        def unfit(fault: Fault) -> bool:
            nonlocal broken
            broken += fault.kind is Kind.BUSY
            if broken < 3 or path is Path.AGGREGATE:
                return form.unfit is not None and form.unfit(fault)
            endpoint.closed.add(path)  # aggregate3 was answered a moment ago
            return True

        def accept(raw: msgspec.Raw) -> _Found:
            found = form.accept(raw)
            same = (found.good == want.good).all() and (found.words == want.words).all()
            if not same and path is not Path.AGGREGATE:
                raise Untrue("the lens answers otherwise than aggregate3")
            endpoint.path = path
            return found

        return replace(form, accept=accept, unfit=unfit)

    def _form(self, endpoint: Endpoint, rows: Rows) -> Form[_Found]:
        return self._formed((self.short and endpoint.path) or Path.AGGREGATE, endpoint, rows)

    def _formed(self, path: Path, endpoint: Endpoint, rows: Rows) -> Form[_Found]:
        if path is Path.AGGREGATE:
            return self._aggregated(rows)
        lens, content = packed(self.calls, rows, self.words.shape[1])

        def accept(raw: msgspec.Raw) -> _Found:
            good, words = lens.accept(raw, self.aggregate)
            return _Found(good, words, np.zeros(len(good), bool))

        def unfit(fault: Fault) -> bool:
            if fault.kind in _PATIENT or (
                fault.kind is Kind.LIE and fault.message.startswith("another ")
            ):
                return False  # whatever was asked, it would have been refused
            if fault.kind in SHRINK and len(rows) > SAMPLE:
                return False
            endpoint.closed.add(path)
            endpoint.path = None if endpoint.path is None else Path.AGGREGATE
            return True

        sent = params(lens, content, path, self.aggregate.block.number)
        return Form(sent, accept, path is Path.CREATE, unfit)

    def _aggregated(self, rows: Rows) -> Form[_Found]:
        structs = tuples(self.calls.targets[rows], self.calls.data[rows])
        sizes = np.full(len(rows), structs.shape[1], np.int64)

        def accept(raw: msgspec.Raw) -> _Found:
            found = self.aggregate.accept(raw, len(rows))
            silent = ~found.ok & (found.length == 0)
            good, words = found.columns(self.words.shape[1])
            return _Found(good, words, silent & (np.cumsum(silent) > 1))

        return Form(self.aggregate.params(structs.tobytes(), sizes), accept)

    async def run(self, rows: Rows, most: int) -> None:
        """Ask the given rows, at most `most` in a batch."""
        waiting = deque([rows]) if len(rows) else deque()
        # One worker more than requests in flight: its batch is ready when a slot becomes free.
        workers = min(self.concurrency + 1, len(rows))
        await together(self._work(waiting, most) for _ in range(workers))

    async def _work(self, waiting: deque[Rows], most: int) -> None:
        while waiting:
            rows = waiting.popleft()
            count = min(most, self.budget.calls(self.shape))
            if len(rows) > count:
                waiting.appendleft(rows[count:])
                rows = rows[:count]
            while len(rows):
                try:
                    found = await self._ask(rows, partial(self._form, rows=rows))
                except Refused as refused:
                    rest = self._smaller(rows, refused)
                    if len(rest):
                        waiting.appendleft(rest)
                    rows = rows[: len(rows) - len(rest)] if len(rest) else rows[:0]
                else:
                    self._keep(rows, found)
                    break

    async def _ask(self, rows: Rows, form: Callable[[Endpoint], Form[_Found]]) -> _Found:
        return await self.client.put(
            Question("eth_call", form, self.aggregate.need, shrinkable=len(rows) > 1)
        )

    def _smaller(self, rows: Rows, refused: Refused) -> Rows:
        """The rows to be asked later, after a refusal; none left = the call itself is refused."""
        kind = refused.fault.kind
        if len(rows) > 1 and kind in _SMALLER:
            self.budget.refused(kind, len(rows), self.shape)
            return rows[(len(rows) + 1) // 2 :]
        if kind in (Kind.GAS, Kind.REVERT):
            return rows[:0]  # alone and still too much: a failed call, not a failed scan
        raise refused.error("a single call is refused by the node")

    def _keep(self, rows: Rows, found: _Found) -> None:
        self.ok[rows], self.words[rows] = found.good, found.words
        self.eaten[rows] = found.eaten
        self.budget.served()
        self.done += len(rows)
        if self.progress is not None:
            self.progress(self.done)
