"""Trials: what contracts would say if price feeds answered otherwise, many in one eth_call.

Each trial tells some feeds what to answer (stub.py), makes some calls and keeps what the last one
replied (bench.py). Nothing of it stays: it is an eth_call with state overrides. Every batch proves
its block in its own answer, as the lens does, and goes the way of all questions: several endpoints,
retries, halving. An endpoint that refuses overrides is passed over; where all do,
`OverridesRefused` is raised.

Sizes: 50 million gas are asked for, which nodes allow; how many trials fit into it is learned from
the gas that the first few took. The request stays under 240 KB, the answer under 64 KB.
"""

from binascii import hexlify
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.bench import ADDRESS, HEAD, Batch, Layout
from scanner.chain.bulk import ANSWER_BYTES, Bulk
from scanner.chain.client import Client, Form, Question, Refused, together
from scanner.chain.faults import SHRINK, Fault, Kind
from scanner.chain.multicall3 import ARBITRUM, Aggregate
from scanner.chain.records import Bench, recorded, unpacked
from scanner.chain.stub import original_of, stub
from scanner.chain.transport import Endpoint
from scanner.chain.values import Untrue, data, hex_of
from scanner.errors import BandscanError, OverridesRefused

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

GAS = 50_000_000  # geth's and reth's own cap
REQUEST_BYTES = 120_000  # in hexadecimal twice as many: proxies take 256 KiB
FIRST = 16  # trials of the first batch, from which the gas of one is learned
OVERRIDES = "state overrides"
_USABLE = 0.8  # of the gas: trials differ
_PATIENT = frozenset({Kind.BUSY, Kind.RATE, Kind.LAG, Kind.GONE, Kind.QUOTA})
_SMALLER = SHRINK | {Kind.UNKNOWN, Kind.LIMIT, Kind.REVERT}
_BROKEN = 3  # internal errors at the first question after which overrides count as refused


@dataclass(frozen=True)
class Trials(Bulk):
    """Replies in the order of the trials.

    `ok[n]`: every call succeeded and the reply was long enough; `done[n]`: however long it is;
    `prepared[n]`: the calls before it succeeded. `words[n, words, 32]`: the wanted words of what
    the last call replied, the reason of a revert included; zero beyond it. `size[n]`: bytes of that
    reply. `gas[n]`: what the trial took. `batches`: the trials of each request, in the order of the
    answers.
    """

    done: Bool
    prepared: Bool
    size: I64
    gas: I64
    batches: tuple[int, ...]


@dataclass
class Room:
    """How many trials of one kind a request may hold; learned."""

    gas: float = 0.9 * GAS
    each: float = 0.0  # gas of one trial
    most: float = FIRST

    def learned(self, begun: int, used: I64) -> None:
        self.gas = min(self.gas, _USABLE * begun)
        self.each = max(float(used.mean()), 0.75 * self.each)
        self.most = max(1.0, self.gas / max(self.each, 1.0))

    def refused(self, count: int) -> None:
        self.gas = max(1.0, self.gas / 2)
        self.most = max(1, count // 2)


@dataclass
class _Job:
    client: Client
    aggregate: Aggregate
    bench: Bench
    answers: npt.NDArray[np.object_]  # [n, sources], None: the feed's own
    layout: Layout
    records: U8
    concurrency: int
    progress: Callable[[int], None] | None
    room: Room
    broken: int = 0
    batches: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = len(self.records)
        self.ok, self.size = np.zeros(size, np.bool_), np.zeros(size, np.int64)
        self.gas = np.zeros(size, np.int64)
        self.words = np.zeros((size, self.layout.words, 32), np.uint8)
        self.finished, self.prepared = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        self.starved = np.zeros(size, np.bool_)
        self.told = np.asarray(self.answers != None, np.bool_)  # noqa: E711 - elementwise
        self.done = 0

    def batch(self, rows: I64) -> Batch:
        """A batch of these trials, which overrides only what any of them tells."""
        used = set(np.flatnonzero(self.told[rows].any(axis=0)).tolist())
        told = tuple(t for i, t in enumerate(self.layout.told) if i in used)
        layout = Layout(**{**vars(self.layout), "told": told})
        floor = int(max(2.5 * self.room.each, self.bench.gas, 300_000))
        return Batch(layout, self.records[rows], floor)

    def params(self, batch: Batch) -> bytes:
        """eth_call's parameters."""
        used = {told.address for told in batch.layout.told}
        overrides = [(ADDRESS, batch.code())]
        done: set[bytes] = set()
        for source, code in zip(self.bench.sources, self.bench.codes, strict=True):
            address = source.address
            if address in used and address not in done:
                done.add(address)
                every = [s for s in self.bench.sources if s.address == address]
                overrides += [(address, stub(every)), (original_of(address), code)]
        parts = [b'[{"to":"0x', hexlify(ADDRESS), b'","gas":', hex_of(GAS), b',"data":"0x']
        parts += [hexlify(batch.given), b'"},', hex_of(self.aggregate.block.number), b",{"]
        parts.append(
            b",".join(b'"0x%b":{"code":"0x%b"}' % (hexlify(a), hexlify(c)) for a, c in overrides)
        )
        return b"".join([*parts, b"}]"])

    def form(self, endpoint: Endpoint, rows: I64) -> Form[int]:
        batch = self.batch(rows)

        def accept(raw: msgspec.Raw) -> int:
            done = self._accept(raw, batch, rows)
            endpoint.overrides = True
            return done

        def unfit(fault: Fault) -> bool:
            # "Internal error", again and again: some nodes say so to arguments they do not know.
            inside = fault.kind is Kind.BUSY and fault.code is not None
            self.broken += inside and not endpoint.overrides
            other = fault.kind is Kind.LIE and fault.message.startswith("another ")
            patient = fault.kind in _PATIENT and self.broken < _BROKEN
            if endpoint.overrides or patient or other:
                return False
            if fault.kind in SHRINK and len(rows) > 1:
                return False
            endpoint.without[OVERRIDES] = f"refuses state overrides: {fault}"
            self.broken = 0
            return True

        return Form(self.params(batch), accept, False, unfit)

    def _accept(self, raw: msgspec.Raw, batch: Batch, rows: I64) -> int:
        """Keep what a batch answered; how many trials that were. Raises `Untrue`."""
        content = np.frombuffer(data(raw), np.uint8)
        if len(content) < 32 * HEAD or len(content) % 32:
            raise Untrue("trials of the wrong length" if len(content) else "an empty answer")
        head, block = content[: 32 * HEAD].reshape(HEAD, 32), self.aggregate.block
        for what, found, want in (
            ("block", head[0], block.number.to_bytes(32, "big")),
            ("parent hash", head[1], block.parent_hash),
            ("time", head[2], block.timestamp.to_bytes(32, "big")),
            ("chain id", head[3], self.aggregate.chain_id.to_bytes(32, "big")),
        ):
            if found.tobytes() != want:
                raise Untrue(f"another {what} than that of block {block.number}")
        done, begun = (int.from_bytes(word.tobytes(), "big") for word in head[4:6])
        if not 0 < done <= len(rows) or len(content) != 32 * (HEAD + done * batch.each):
            raise Untrue("trials of the wrong length")
        words = content[32 * HEAD :].reshape(done, batch.each, 32)
        flags, size, used, before = unpacked(words[:, 0])
        if bool((flags & 2).any()):
            raise Untrue("a feed that was not replaced")
        mine = rows[:done]
        skip, wanted = self.layout.skip, self.layout.words
        self.finished[mine] = flags & 5 == 1
        good = self.finished[mine] & (size >= 32 * (skip + wanted))
        self.prepared[mine] = flags & 4 == 0
        beyond = 32 * skip + np.arange(32 * wanted).reshape(wanted, 32) >= size[:, None, None]
        self.ok[mine], self.size[mine], self.gas[mine] = good, size, used
        self.words[mine] = np.where(beyond, np.uint8(0), words[:, 1:])
        # Failed without a word and with less gas than a whole call has: asked again alone.
        silent = ~self.finished[mine] & (size == 0) & (used > before // 2)
        self.starved[mine] = silent & (done > 1)
        self.room.learned(begun, used)
        self.batches.append(done)
        return done

    async def run(self, rows: I64, most: int) -> None:
        waiting = deque([rows]) if len(rows) else deque()
        workers = min(self.concurrency, len(rows))
        await together(self._work(waiting, most) for _ in range(workers))

    async def _work(self, waiting: "deque[I64]", most: int) -> None:
        while waiting:
            rows = waiting.popleft()
            count = max(1, min(most, self._fit(rows)))
            if len(rows) > count:
                waiting.appendleft(rows[count:])
                rows = rows[:count]
            while len(rows):
                try:
                    done = await self.client.put(
                        Question(
                            "eth_call",
                            partial(self.form, rows=rows),
                            self.aggregate.need,
                            shrinkable=len(rows) > 1,
                            also=(OVERRIDES,),
                        )
                    )
                except Refused as refused:
                    kind = refused.fault.kind
                    if len(rows) > 1 and kind in _SMALLER:
                        self.room.refused(len(rows))
                        half = (len(rows) + 1) // 2
                        waiting.appendleft(rows[half:])
                        rows = rows[:half]
                        continue
                    if kind in (Kind.GAS, Kind.REVERT):
                        break  # alone and still too much: a trial that failed
                    raise refused.error("a single trial is refused by the node") from None
                self.done += done
                if self.progress is not None:
                    self.progress(self.done)
                if done < len(rows):
                    waiting.appendleft(rows[done:])
                break

    def _fit(self, rows: I64) -> int:
        """How many of these trials one request may hold."""
        most = int(
            min(
                self.room.most,
                len(rows),
                (ANSWER_BYTES - 32 * HEAD) // (32 * (1 + self.layout.words)),
            )
        )
        sample = self.batch(rows[: max(1, most)])
        used = {told.address for told in sample.layout.told}
        fixed = len(sample.code()) + self.layout.length
        fixed += sum(
            {
                s.address: len(c) + 600
                for s, c in zip(self.bench.sources, self.bench.codes, strict=True)
                if s.address in used
            }.values()
        )
        each = sum(length for _, length in sample.runs)
        return min(most, int(max(REQUEST_BYTES - fixed, REQUEST_BYTES // 6) // each))


async def trials(
    client: Client,
    aggregate: Aggregate,
    bench: Bench,
    answers: npt.NDArray[np.object_],
    before: Sequence[tuple[U8, U8]],
    asked: tuple[U8, U8],
    words: int,
    *,
    room: Room,
    concurrency: int,
    progress: Callable[[int], None] | None = None,
) -> Trials:
    """Make all trials at the aggregate's block; see `Chain.trials`. `room` is kept for more trials
    of the same kind."""
    if aggregate.chain_id == ARBITRUM:
        raise OverridesRefused(
            "trials are not made on Arbitrum: its blocks prove themselves otherwise"
        )
    answers = np.array(
        [[None if a is None or a < 0 else a for a in row] for row in answers.tolist()], object
    )
    answers = answers.reshape(len(asked[1]), len(bench.sources))
    layout, records = recorded(bench.sources, answers, before, asked, bench, words)
    job = _Job(client, aggregate, bench, answers, layout, records, concurrency, progress, room)
    every = np.arange(len(records), dtype=np.int64)
    first = 0 if room.each else FIRST
    try:
        await job.run(every[:first], FIRST)  # alone: what one trial takes is learned from it
        await job.run(every[first:], len(every))
        job.progress = None
        await job.run(np.flatnonzero(job.starved), 1)
    except BandscanError as error:
        reasons = {e.name: e.without[OVERRIDES] for e in client.endpoints if OVERRIDES in e.without}
        if reasons and all(e.refuses("eth_call", OVERRIDES) for e in client.endpoints):
            raise OverridesRefused(
                "no endpoint takes the state overrides that a trial needs",
                fix="an endpoint that offers them (geth, erigon, reth, nethermind and anvil do)",
                **reasons,
            ) from None
        raise error
    return Trials(
        job.ok, job.words, job.finished, job.prepared, job.size, job.gas, tuple(job.batches)
    )
