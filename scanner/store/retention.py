"""Which finished scans are kept for how long, counted from the newest stored block's time.

    the last 2 days          every scan
    the last DAYS days (30)  the last scan of every 6 hours
    before that              the last scan of every day, for ever
    positions and legs       7 days, and always those of the newest complete scan

Of the scans that share a slot a complete one goes before an incomplete one. No clock is asked: the
same scans leave the same history on every machine. A scan leaves whole: its directory is renamed
away before its files go, so that a reader finds all of it or none.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scanner.errors import StoreError
from scanner.store import errors_explained, locked, meta
from scanner.store.snapshots import FOLDER, TABLES, Snapshot, listed

HOUR, DAY = 3600, 86_400
DAYS = 30


@dataclass(frozen=True)
class Kept:
    """One stored scan, as the rule looks at it. `order`: its place among all, rising."""

    order: int
    timestamp: int
    complete: bool


@dataclass(frozen=True)
class Leaving:
    """Orders of the scans to remove, and of those that keep only their document."""

    removed: frozenset[int]
    thinned: frozenset[int]


def leaving(scans: Sequence[Kept], days: int = DAYS) -> Leaving:
    """What the rule takes away, of scans in rising order.

    >>> scans = [Kept(k, k * 3600, True) for k in range(100)]  # one an hour, four days
    >>> sorted(set(range(100)) - leaving(scans).removed)[:10]
    [5, 11, 17, 23, 29, 35, 41, 47, 50, 51]
    """
    if not scans:
        return Leaving(frozenset(), frozenset())
    now = max(scan.timestamp for scan in scans)
    whole = [scan.order for scan in scans if scan.complete]
    untouchable = {scans[-1].order, *whole[-1:]}
    best: dict[tuple[int, int], Kept] = {}
    for scan in scans:
        slot = _slot(scan, now, days)
        held = best.get(slot)
        if held is None or scan.complete or not held.complete:
            best[slot] = scan
    stay = {scan.order for scan in best.values()} | untouchable
    old = {scan.order for scan in scans if now - scan.timestamp > 7 * DAY}
    removed = frozenset(scan.order for scan in scans) - stay
    return Leaving(removed, frozenset(old - removed - set(whole[-1:])))


def _slot(scan: Kept, now: int, days: int) -> tuple[int, int]:
    age = now - scan.timestamp
    if age <= 2 * DAY:
        return 0, scan.order
    length = 6 * HOUR if age <= days * DAY else DAY
    return length, scan.timestamp // length


def prune(directory: Path, chain_id: int, days: int = DAYS, *, spared: Path | None = None) -> int:
    """Apply the rule to the stored scans of a chain; how many scans were removed.

    `spared` is the scan that was just written: somebody asked for it, however old its block is.
    A damaged scan is left where it is, for its reader to name. Killed at any moment it leaves whole
    scans, and the next call finishes what it began.

    Raises
    ------
    StoreError
        The store cannot be written.
    """
    scans = directory / FOLDER
    with errors_explained(directory), locked(scans / ".lock", wait=True):
        _finish(scans)
        found: list[Snapshot] = []
        rows: list[Kept] = []
        for scan in listed(directory, chain_id, damaged=[]):
            with suppress(StoreError):
                rows.append(Kept(len(found), scan.timestamp, scan.complete))
                found.append(scan)
        going = leaving(rows, days)
        removed = [found[k] for k in sorted(going.removed) if found[k].path != spared]
        for scan in removed:
            _take_away(scans, scan.path)
        for k in sorted(going.thinned):
            if found[k].path != spared:
                _thin(found[k])
    return len(removed)


def remove(directory: Path, paths: Sequence[Path]) -> None:
    """Take these stored scans away, each as a whole; one that is gone already is no error.

    Raises
    ------
    StoreError
        The store cannot be written.
    """
    scans = directory / FOLDER
    with errors_explained(directory), locked(scans / ".lock", wait=True):
        _finish(scans)
        for path in paths:
            if path.exists():
                _take_away(scans, path)


def _finish(scans: Path) -> None:
    """What a killed run began to remove goes first."""
    aside = scans / ".removing"
    if aside.exists():
        shutil.rmtree(aside)


def _take_away(scans: Path, path: Path) -> None:
    """One scan as a whole: a reader finds all of it, or none."""
    aside = scans / ".removing"
    os.rename(path, aside)
    shutil.rmtree(aside)


def _thin(scan: Snapshot) -> None:
    """Leave the document only; meta.json says so before the tables go."""
    if scan.has_tables:
        meta.write(scan.path, replace(meta.read(scan.path), thinned=True))
    for name in TABLES:
        (scan.path / name).unlink(missing_ok=True)
