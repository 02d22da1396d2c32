"""Liquidations that happened, from logs into the store: what is new is read, and nothing twice.

Of every market the logs of its liquidations are asked for, in the blocks of the window that were
not read before, and each event is valued at the end of its own block. Whether a node left a log out
no total can tell here, as it does for borrowers; so every range is asked by two ways that do not
fail together (as `gaps.Doubt` does), and each span says by which.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from scanner.chain.connect import Node
from scanner.chain.log_columns import LogChunk, picked
from scanner.chain.pinned import Chain, Way
from scanner.chain.times import first_since
from scanner.core.realised import Realised, nothing, unknown
from scanner.errors import BandscanError, Problem, ReadError, Reorganised, UsageError
from scanner.gaps import LEAST_TIP, TIP, Anchored
from scanner.opening import Opened, Request, connected, listed, opened
from scanner.protocols import LogFilter, key_width
from scanner.store.access import FILE
from scanner.store.events import Events, Mark, Read, Span
from scanner.store.ledger import Ledger
from scanner.valuing import Valuer
from scanner.watching import SILENT, Watch

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]

_NEAR = 2_048  # blocks that may still be reorganised, where the chain names no final one
_TRIES = 3
# How a range was asked for, as `asked` in the answer says.
TWO, TWICE, ONCE = "two endpoints", "one endpoint, two questions", "one endpoint, one question"
BEFORE = "before the market's first block"


@dataclass(frozen=True)
class Window:
    """Which blocks are asked about: the last `seconds`, or `first` .. `last` (None: the head)."""

    seconds: int | None = None
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Told:
    """What was read: the chain, the window's first and last block, and what went wrong."""

    chain_id: int
    first: Mark
    last: Mark
    problems: list[Problem]


def read(request: Request, window: Window, watch: Watch = SILENT) -> Told:
    """Bring the store's liquidations up to date for a window.

    Raises
    ------
    UsageError, EndpointError
        Before anything was stored.
    ReadError, StoreError
        Stopped half way; what was read is kept.
    """
    node, info = connected(request)
    with closing(node):
        rows = listed(request, info)
        for _ in range(_TRIES):
            chain = node.pin("latest", info.lag)
            first, last = _ends(node, chain, window)
            here = opened(node, info, request, watch, chain, rows)
            problems = list(here.problems)
            try:
                with Events.open(request.store, write=True) as events:
                    events.forget_marks(chain.chain_id, _hash_at(node))
                    for one in here.markets:
                        problems += Reader(request, node, chain, one, events, watch).read(
                            first.block, last.block
                        )
                    if not chain.still_canonical():
                        raise Reorganised("the chain was reorganised while it was read")
                    before = first.block - 1  # tells that the window begins no later
                    more = [_mark(node.block_by(before))] if before >= 0 else []
                    events.mark(chain.chain_id, [*more, first, last])
                return Told(chain.chain_id, first, last, problems)
            except Reorganised as error:
                why = error
                node.doubt()
                watch.say("the chain was reorganised while it was read; reading on from there")
        raise why


def _ends(node: Node, chain: Chain, window: Window) -> tuple[Mark, Mark]:
    """The window's first and last block."""
    last = chain.block
    if window.last is not None:
        if window.last > last.number:
            raise UsageError(
                f"block {window.last} is not read yet (the newest safe one is {last.number})",
                fix="give a lower --to-block, or leave it out",
            )
        last = node.block_by(window.last)
    if window.first is not None:
        if window.first > last.number:
            raise UsageError(f"block {window.first} lies after block {last.number}")
        first = node.block_by(window.first)
    else:
        assert window.seconds is not None
        first = first_since(node, last.timestamp - window.seconds, last)
    return _mark(first), _mark(last)


def _mark(block: Any) -> Mark:
    return Mark(block.number, block.hash, block.timestamp)


def _hash_at(node: Node) -> Callable[[int], bytes | None]:
    head = node.head()
    return lambda block: node.hash_of(block) if block <= head else None


class Reader:
    """One market's liquidations."""

    def __init__(
        self,
        request: Request,
        node: Node,
        chain: Chain,
        one: Opened,
        events: Events,
        watch: Watch,
    ) -> None:
        self._node, self._chain, self._one = node, chain, one
        self._events, self._watch = events, watch
        self._store = request.store
        self._valuer = Valuer(request.store, node, one, watch)

    def read(self, first: int, last: int) -> list[Problem]:
        """Read what of `first` .. `last` was not read yet; what a second look found or lacked."""
        row, adapter = self._one.row, cast(Any, self._one.adapter)
        if not hasattr(adapter, "realised"):
            text = "this protocol's liquidations are not read"
            return [Problem("liquidations_unread", text, row.protocol, row.name)]
        events, chain = self._events, self._chain
        source = events.source(chain.chain_id, row.protocol, row.name, self._one.key)
        final = chain.block.number - _NEAR if chain.final is None else chain.final.number
        back = events.unwind(source, _hash_at(self._node), final)
        if back is not None:
            self._watch.say(f"{row.name}: the chain was reorganised; again from block {back}")
        known, trust = self._of_ledger()
        wanted: LogFilter = adapter.liquidations(chain, self._one.market, known)
        problems: list[Problem] = []
        begun = row.first_block or 0
        for low, high in events.missing(source, first, min(last, begun - 1)):
            nothing_yet = Read(nothing(), [], unknown(0), [])
            events.keep(source, Span(low, high, None, BEFORE), nothing_yet)
        missing = events.missing(source, first, last)
        self._watch.step(f"{row.name}: liquidations", sum(b - a + 1 for a, b in missing))
        done = 0
        for low, high in missing:
            # Apart, so that a reorganisation takes back no more than may be reorganised.
            parts = [(low, min(high, final)), (max(low, final + 1), high)]
            for begin, end in parts:
                if begin > end:
                    continue
                way = Way(whole=True, trust=trust)
                for logs in chain.logs(wanted.addresses, wanted.topics, begin, end, way=way):
                    problems += self._keep(source, logs, wanted)
                    done += logs.last - logs.first + 1
                    self._watch.advance(done)
        return problems

    def _of_ledger(self) -> tuple[U8, Any]:
        """Keys of the market's positions that the ledger knows, where they name more than the
        account, and whom to believe about old logs."""
        width, row, chain = key_width(self._one.adapter), self._one.row, self._chain
        nobody = np.zeros((0, width), np.uint8)
        if not (self._store / FILE).exists():
            return nobody, None
        with Ledger.open(self._store, write=False) as ledger:
            try:
                number = ledger.market(chain.chain_id, row.protocol, row.name, self._one.key)
            except BandscanError:  # never scanned
                return nobody, None
            trust = Anchored(chain, self._one, ledger.anchor(number))
            return (ledger.accounts(number, width) if width > 20 else nobody), trust

    def _keep(self, source: int, logs: LogChunk, wanted: LogFilter) -> list[Problem]:
        """Second look, rows, prices; then stored with their span."""
        row, adapter = self._one.row, cast(Any, self._one.adapter)
        looks, how = self._looks(logs, wanted)
        whole, lost = merged(logs, looks)
        problems = []
        if lost:
            text = (
                f"one answer for blocks {logs.first} to {logs.last} left out {lost} of"
                f" {len(whole)} logs of liquidations; another answer had them"
            )
            problems.append(Problem("logs_left_out", text, row.protocol, row.name))
            self._watch.say(f"{row.name}: {text}")
            how = f"{how}; one answer left out {lost} of {len(whole)} logs"
        rows: Realised = adapter.realised(self._chain, self._one.market, whole)
        found, more = self._valuer.read(rows)
        self._events.keep(source, Span(logs.first, logs.last, logs.last_hash, how), found)
        return problems + more

    def _looks(self, logs: LogChunk, wanted: LogFilter) -> tuple[list[LogChunk], str]:
        """The same blocks' logs by other ways, and which ways there were."""
        chain, where, what = self._chain, wanted.addresses, wanted.topics
        found: list[LogChunk] = []
        if logs.last == chain.block.number:
            # Asked by its hash, a node that is behind has to say that it lacks a block.
            lowest = max(logs.first, logs.last - TIP + 1)
            for one in chain.tip_logs(where, what, lowest, way=Way(whole=True)):
                found.append(one)
                if len(one) and chain.block.number - one.first + 1 >= LEAST_TIP:
                    break
        other = self._node.another("eth_getLogs")
        ways = [(TWICE, Way(whole=True, loose=True))]
        if other is not None:
            ways.insert(0, (TWO, Way(whole=True, only=other)))
        for how, way in ways:
            try:
                return [*found, *chain.logs(where, what, logs.first, logs.last, way=way)], how
            except ReadError:  # it cannot: another way, or none
                continue
        return found, ONCE


def merged(logs: LogChunk, looks: Sequence[LogChunk]) -> tuple[LogChunk, int]:
    """What any of several answers holds, once each, in order; how many the first one left out."""
    chunks = [logs, *looks]
    # In order of the keys, and of equal ones the first chunk's.
    _, first = np.unique(np.concatenate([_keys(one) for one in chunks]), return_index=True)
    columns: dict[str, Any] = {
        one.name: np.concatenate([getattr(each, one.name) for each in chunks])
        for one in fields(LogChunk)
        if isinstance(getattr(logs, one.name), np.ndarray)
    }
    return picked(replace(logs, **columns), first), int((first >= len(logs)).sum())


def _keys(logs: LogChunk) -> I64:
    """A number for each log: block, then place in it; no block holds a million logs."""
    assert logs.index is not None
    return logs.block * 2**20 + logs.index
