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
_LOOKS = 4  # looks at the head in the time of a block
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
        self._spare: dict[bool, Path] = {}  # by completeness: to be removed when a newer one is in
        held.callback(self._disconnect)

    def tried(self, step: Callable[[], T]) -> T | None:
        """What `step` gives; None where it failed, told and waited for, and may be tried again."""
        try:
            result = step()
        except Reorganised:
            time.sleep(self._pause())
            return None
        except Exception as error:
            if self._ends(error):
                raise
            self._failures += 1
            wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 16))
            self._disconnect()
            self._outlet.failed(error, wait)
            time.sleep(wait)
            return None
        self._failures = 0
        return result

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
        known = snapshots.at(request.store, chain.chain_id, chain.block.number)
        finished = stored(request, chain, passed.found, {})
        gone = [
            path
            for complete, path in self._spare.items()
            if path != finished.path and (finished.complete or not complete)
        ]
        retention.remove(request.store, gone)
        self._spare = {k: path for k, path in self._spare.items() if path not in gone}
        now = chain.block.timestamp
        due = self._kept is None or not 0 <= now - self._kept < self._plan.snapshot_every
        if due or passed.rows:
            self._kept = now
            self._spare.pop(finished.complete, None)
        elif finished.path not in known:
            self._spare[finished.complete] = finished.path
        if due and request.keep is not None:
            retention.prune(request.store, chain.chain_id, request.keep, spared=finished.path)

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
        if self._plan.every is not None and self._begun:
            watch.step("waiting for the next scan", None)
            time.sleep(max(0.0, self._begun + self._plan.every - time.monotonic()))
        told = False
        while True:
            chain = node.pin("latest", info.lag)
            if not self._blocks or chain.block.hash != self._blocks[-1][2]:
                return chain
            if not told:
                watch.step(f"waiting for a block after {chain.block.number:,}", None)
                told = True
            time.sleep(self._pause())

    def _pause(self) -> float:
        """Seconds until the head is looked at again: a part of what a block takes."""
        if len(self._blocks) < 2 or self._blocks[0][0] >= self._blocks[1][0]:
            return FIRST_LOOK
        (first, then, _), (last, now, _) = self._blocks
        return min(SLOWEST_LOOK, max(QUICKEST_LOOK, (now - then) / (last - first) / _LOOKS))

    def _recall(self, chain_id: int, document: dict[str, Any]) -> None:
        """Begin with the newest complete stored scan, if it is one of the same contracts."""
        with suppress(StoreError, KeyError, TypeError):
            newest = snapshots.newest(self._request.store, chain_id, complete=True)
            if newest is None or _pools(newest.document()) != _pools(document):
                return
            record = past.record(newest)
            self._told.begin({k: one.bands for k, one in record.drivers.items()}, record.block)


def _pools(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(row["protocol"], row["pool"]) for row in document["markets"]}
