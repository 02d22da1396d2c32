"""Following a chain's head: one scan after the other in one process, with one ledger and one node.

    wait for a block ──► scan.read ──► tell what changed ──► store it ──► wait ...

Told before it is stored: a process killed in between tells a change twice, never not at all. A pass
that fails is told in one line, and the next one begins with a new connection after a growing pause.
The watch ends only

    at a signal, and when nobody reads its lines any more
    at a UsageError or a defect before the first pass is done: nothing has shown that it can work
    at a StoreError of exit code 2: damaged, newer, or another's; waiting heals none of these
    where its lines cannot be written
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from scanner import past
from scanner.answers.live import Told
from scanner.chain.connect import Node
from scanner.chain.pinned import Chain
from scanner.core.changes import changes
from scanner.deployments import ChainInfo, Market
from scanner.errors import Reorganised, StoreError, UsageError
from scanner.findings import Findings
from scanner.opening import Request, connected, listed, opened
from scanner.scan import read, stored
from scanner.store import retention, snapshots
from scanner.store.ledger import Ledger
from scanner.watching import Watch

__all__ = ["Outlet", "Plan", "follow", "once"]

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds after a failed pass; twice as long after each
QUICKEST_LOOK, FIRST_LOOK, SLOWEST_LOOK = 0.25, 0.5, 3.0  # seconds between two looks at the head
_ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_LOOKS = 4  # looks at the head in the time of a block
_BEHIND = 15.0  # seconds that a head below the last scan is waited past: an endpoint may be behind
_REMEMBERED = 64  # stored scans; no reorganisation is deeper
_GRUDGE = 3_600.0  # seconds after which endpoints that were given up are tried again


@dataclass(frozen=True)
class Plan:
    """How often.

    Attributes
    ----------
    every : float or None
        From the start of one pass to the start of the next [s]; None: each block.
    snapshot_every : float
        Of scans in which no range changed, one is kept in so many seconds of block time. [s]
    """

    every: float | None = None
    snapshot_every: float = 300.0


class Outlet(Protocol):
    """Where it is told."""

    def progress(self) -> AbstractContextManager[Watch]:
        """What a pass does, for as long as the `with` lasts."""

    def changes(self, document: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
        """The ranges that changed; False where nobody reads it any more."""

    def said(self, message: str) -> None:
        """One line worth telling."""

    def failed(self, error: Exception, wait: float) -> None:
        """A pass failed; the next one begins in `wait` seconds."""


@dataclass(frozen=True)
class _Passed:
    """A finished pass: what was found, and the ranges that changed since they were told."""

    chain: Chain
    found: Findings
    rows: list[dict[str, Any]]


def follow(request: Request, plan: Plan, outlet: Outlet) -> None:
    """Scan each new block until nobody reads the lines, or something of the list above happens."""
    with ExitStack() as held:
        following = _Following(request, plan, outlet, held)
        while True:
            passed = following.tried(following.look)
            if passed is None:
                continue
            if not outlet.changes(passed.found.document, passed.rows):
                return
            following.tried(lambda: following.keep(passed))  # noqa: B023


def once(request: Request, plan: Plan, outlet: Outlet) -> bool:
    """One pass, told and stored; whether the scan is complete. Raises as `scan.run` does."""
    with ExitStack() as held:
        following = _Following(request, plan, outlet, held)
        passed = following.look()
        outlet.changes(passed.found.document, passed.rows)
        following.keep(passed)
        return bool(passed.found.document["complete"])


class _Following:
    """What stays from pass to pass."""

    def __init__(self, request: Request, plan: Plan, outlet: Outlet, held: ExitStack) -> None:
        self._request, self._plan, self._outlet, self._held = request, plan, outlet, held
        self._told = Told()
        self._passes = self._failures = 0
        self._notes: list[str] = []
        self._begun = 0.0  # the last pass
        self._blocks: list[tuple[int, int, bytes]] = []  # number, time, hash of the last two
        self._ledger: Ledger | None = None
        self._node: Node | None = None
        self._since = 0.0  # when the node was made
        self._info: ChainInfo | None = None
        self._rows: list[Market] = []
        self._kept: int | None = None  # time of the last block whose snapshot stays
        self._pruned: int | None = None  # time of the block at which retention was applied
        self._spare: dict[bool, Path] = {}  # by completeness: to be removed when a newer one is in
        self._ours: list[tuple[int, Path]] = []  # the last that were stored, by block
        held.callback(self._disconnect)

    def tried(self, step: Callable[[], T]) -> T | None:
        """What `step` gives; None where it failed, which is told, and may be tried again now."""
        try:
            return step()
        except Reorganised:
            wait = self._pause()
        except Exception as error:
            if self._ends(error):
                raise
            self._failures += 1
            wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 16))
            self._disconnect()
            self._outlet.failed(error, wait)
        self._begun = 0.0
        time.sleep(wait)
        return None

    def look(self) -> _Passed:
        """Wait for a block, scan it, and compare."""
        with self._outlet.progress() as watch:
            node, info = self._connected()
            chain = self._awaited(node, info, watch)
            self._begun = time.monotonic()
            here = opened(node, info, self._request, watch, chain, self._rows)
            if self._ledger is None:
                opening = Ledger.open(self._request.store, write=True)
                self._ledger = self._held.enter_context(opening)
            chain, found = read(self._ledger, node, info, here, self._request, watch)
            for note in node.notes:
                if note not in self._notes:
                    watch.say(f"not used for now: {note}")
            self._notes = node.notes
        if not self._passes:
            self._recall(chain.chain_id, found.document)
        self._passes += 1
        block = chain.block
        self._blocks = [*self._blocks[-1:], (block.number, block.timestamp, block.hash)]
        return _Passed(chain, found, self._told.changes(found.document))

    def keep(self, passed: _Passed) -> None:
        """Store a pass, and take away the one before it if nobody will miss it.

        The newest scan is always there, and the newest complete one. Of the others those stay whose
        ranges changed, and one in `snapshot_every` seconds of block time. What this process did not
        write itself it leaves to retention.
        """
        request, chain = self._request, passed.chain
        number, now = chain.block.number, chain.block.timestamp
        known = snapshots.at(request.store, chain.chain_id, number)
        finished = stored(request, chain, passed.found, {})
        gone = {
            self._spare.pop(each)
            for each in (True, False)[not finished.complete :]
            if each in self._spare
        }
        # What we stored of blocks that this one replaces is of no chain any more.
        gone |= {path for block, path in self._ours if block >= number}
        retention.remove(request.store, sorted(gone - {finished.path}))
        self._ours = [one for one in self._ours if one[1] not in gone][-_REMEMBERED:]
        if passed.rows or not _within(self._kept, now, self._plan.snapshot_every):
            self._kept = now
        elif finished.path not in known:
            self._spare[finished.complete] = finished.path
        if finished.path not in known:
            self._ours.append((number, finished.path))
        self._failures = 0
        if request.keep is not None and not _within(self._pruned, now, self._plan.snapshot_every):
            self._pruned = now
            try:
                retention.prune(request.store, chain.chain_id, request.keep, spared=finished.path)
            except StoreError as error:  # the scan itself is safe
                self._outlet.said(f"old scans could not be removed: {error.what}")

    def _ends(self, error: Exception) -> bool:
        """Whether trying again is no use; see the module's list."""
        if isinstance(error, StoreError):
            return error.exit_code == 2
        defect = not hasattr(error, "exit_code")
        return not self._passes and (defect or isinstance(error, UsageError))

    def _connected(self) -> tuple[Node, ChainInfo]:
        if self._node is not None and time.monotonic() - self._since > _GRUDGE:
            self._since = time.monotonic()
            if any(endpoint.without for endpoint in self._node.client.endpoints):
                self._disconnect()
        if self._node is None:
            self._node, self._info = connected(self._request)
            # The package `multicall` encodes by faster_eth_abi, whose compiled code loses some
            # bytes of every call: 35 kB a pass. Our own way to ask the same needs neither.
            self._node.guard().trusted = False
            self._since = time.monotonic()
            self._rows = self._rows or listed(self._request, self._info)
        assert self._info is not None
        return self._node, self._info

    def _disconnect(self) -> None:
        node, self._node = self._node, None
        if node is not None:
            node.close()

    def _awaited(self, node: Node, info: ChainInfo, watch: Watch) -> Chain:
        """The chain pinned to a block that was not scanned last, when it is time to."""
        waiting = False
        if self._plan.every is not None and self._begun:
            watch.step("waiting for the next scan", None)
            time.sleep(max(0.0, self._begun + self._plan.every - time.monotonic()))
        began = time.monotonic()
        while True:
            chain = node.pin("latest", info.lag)
            if not self._blocks:
                return chain
            last, _, scanned = self._blocks[-1]
            behind = chain.block.number < last and time.monotonic() - began < _BEHIND
            if chain.block.hash != scanned and not behind:
                return chain
            if not waiting:
                watch.step(f"waiting for a block after {last:,}", None)
                waiting = True
            time.sleep(self._pause())

    def _pause(self) -> float:
        """Seconds until the head is looked at again: a part of what a block takes."""
        if len(self._blocks) < 2 or self._blocks[0][0] >= self._blocks[1][0]:
            return FIRST_LOOK
        (first, then, _), (last, now, _) = self._blocks
        return min(SLOWEST_LOOK, max(QUICKEST_LOOK, (now - then) / (last - first) / _LOOKS))

    def _recall(self, chain_id: int, document: dict[str, Any]) -> None:
        """Begin with the newest complete stored scan, if it is one of the same contracts."""
        with suppress(StoreError, *_ODD):
            newest = snapshots.newest(self._request.store, chain_id, complete=True)
            if newest is None or _pools(newest.document()) != _pools(document):
                return
            record = past.record(newest)
            ranges = {name: one.bands for name, one in record.drivers.items()}
            for bands in ranges.values():
                changes(bands, bands)  # a document that nobody of us wrote fails here
            self._told.begin(ranges, record.block)


def _within(then: int | None, now: int, seconds: float) -> bool:
    """Whether fewer than so many seconds of block time have passed since `then`."""
    return then is not None and 0 <= now - then < seconds


def _pools(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(row["protocol"], row["pool"]) for row in document["markets"]}
