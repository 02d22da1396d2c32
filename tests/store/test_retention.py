"""Which scans stay as history, and that a scan leaves whole or not at all."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from scanner.errors import ScanGone, StoreError
from scanner.store import retention, snapshots
from scanner.store.retention import DAY, HOUR, Kept, leaving, prune

ROOT = Path(__file__).parents[2]
START = 1_770_000_000 // DAY * DAY  # midnight
TABLE = {"account": ["0x01"], "debt_usd": np.array([1.0])}


def write(store: Path, hour: float, *, complete: bool = True, text: str = "") -> Path:
    """A scan of the block at `hour`."""
    timestamp = START + int(hour * HOUR)
    document = json.dumps({"block": {"timestamp": timestamp}, "text": text}).encode()
    return snapshots.write(
        store, 1, 1000 + int(hour * 300), bytes(32), complete, document, TABLE, TABLE,
        timestamp=timestamp,
    )  # fmt: skip


def hours(store: Path) -> list[float]:
    return [(scan.timestamp - START) / HOUR for scan in snapshots.listed(store, 1)]


def kept(count: int, every: int, days: int = 30) -> list[int]:
    """Ages in hours of what stays of a scan every `every` hours."""
    scans = [Kept(k, START + k * every * HOUR, True) for k in range(count)]
    stay = set(range(count)) - leaving(scans, days).removed
    return sorted((count - 1 - k) * every for k in stay)


def test_the_rule() -> None:
    """Hourly scans of 60 days: two days whole, then every six hours, then one a day."""
    ages = kept(60 * 24, 1)

    assert ages[:49] == list(range(49))
    middle = [age for age in ages if 54 <= age <= 30 * 24 - 6]
    assert set(np.diff(middle)) == {6}
    old = [age for age in ages if age > 31 * 24]
    assert set(np.diff(old)) == {24}
    assert max(ages) > 58 * 24


def test_rare_scans_all_stay() -> None:
    """One a day loses nothing, however old."""
    assert len(kept(400, 24)) == 400


def test_a_complete_scan_goes_before_a_later_incomplete_one() -> None:
    """In one slot the complete one stays; the newest of all and the newest complete always do."""
    scans = [
        Kept(0, START, True),
        Kept(1, START + HOUR, False),
        Kept(2, START + 6 * HOUR, False),
        Kept(3, START + 7 * HOUR, False),
        Kept(4, START + 20 * DAY, False),
    ]

    assert leaving(scans).removed == {1, 2}
    assert leaving(scans).thinned == {3}  # 0 is the newest complete one


def test_nothing_is_taken_from_nothing() -> None:
    """An empty store."""
    assert leaving([]) == retention.Leaving(frozenset(), frozenset())


def test_applying_it_twice_changes_nothing(tmp_path: Path) -> None:
    """What stays is whole; tables older than a week are gone, and said to be."""
    for hour in range(0, 240, 2):
        write(tmp_path, hour)
    removed = prune(tmp_path, 1)
    first = hours(tmp_path)

    assert removed == 120 - len(first)
    assert prune(tmp_path, 1) == 0
    assert hours(tmp_path) == first
    scans = snapshots.listed(tmp_path, 1)
    assert [scan.has_tables for scan in scans] == [first[-1] - h <= 7 * 24 for h in first]
    for scan in scans:
        assert scan.document()["text"] == ""
        if scan.has_tables:
            assert len(scan.positions()) == len(scan.legs()) == 1
        else:
            with pytest.raises(StoreError, match="no longer kept"):
                scan.positions()


def test_scans_of_the_first_release_are_kept_by_their_documents_time(tmp_path: Path) -> None:
    """Their meta.json has no time."""
    for hour in (0, 1, 2, 200):
        path = write(tmp_path, hour) / "meta.json"
        path.write_text(json.dumps({"complete": True, "order": 1}))

    prune(tmp_path, 1)

    assert hours(tmp_path) == [2, 200]


def test_the_scan_just_written_is_spared(tmp_path: Path) -> None:
    """Somebody asked for that old block a moment ago."""
    write(tmp_path, 5)
    old = write(tmp_path, 4)
    write(tmp_path, 400)

    prune(tmp_path, 1, spared=old)

    assert hours(tmp_path) == [4, 5, 400]
    assert snapshots.listed(tmp_path, 1)[0].has_tables


def test_a_damaged_scan_is_left_for_its_reader_to_name(tmp_path: Path) -> None:
    """The rule goes on without it."""
    broken = write(tmp_path, 1)
    (broken / "meta.json").write_text("{")
    for hour in (2, 3, 300):
        write(tmp_path, hour)

    assert prune(tmp_path, 1) == 1
    assert broken.is_dir()
    damaged: list[StoreError] = []
    assert len(snapshots.listed(tmp_path, 1, damaged)) == 2
    assert len(damaged) == 1


def test_a_scan_that_left_is_gone_and_not_damaged(tmp_path: Path) -> None:
    """Who holds its name hears that it was removed."""
    write(tmp_path, 1)
    write(tmp_path, 2)
    write(tmp_path, 300)
    first = snapshots.listed(tmp_path, 1)[0]

    prune(tmp_path, 1)

    for read in (first.document_bytes, first.positions, first.document):
        with pytest.raises(ScanGone):
            read()


KILLED = """
import os, sys
from pathlib import Path
from scanner.store import retention
count = 0
def killing(real):
    def call(*arguments, **named):
        global count
        count += 1
        if count > int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        return real(*arguments, **named)
    return call
for name in ("rename", "replace", "unlink", "rmdir"):
    setattr(os, name, killing(getattr(os, name)))
retention.prune(Path(sys.argv[1]), 1)
"""


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 7, 11, 16, 23, 31])
def test_killed_at_any_moment_it_leaves_whole_scans(tmp_path: Path, steps: int) -> None:
    """Killed before its n-th change of the disk; the next call finishes what it began."""
    one, other = tmp_path / "one", tmp_path / "other"
    for store in (one, other):
        store.mkdir()
        for hour in range(0, 216, 12):
            write(store, hour)
            write(store, hour + 1)
    prune(other, 1)

    done = subprocess.run([sys.executable, "-c", KILLED, one, str(steps)], cwd=ROOT, check=False)

    assert done.returncode == -9
    for scan in snapshots.listed(one, 1):
        scan.document()
        if scan.has_tables:
            scan.positions()
    prune(one, 1)
    assert hours(one) == hours(other)
    assert [s.has_tables for s in snapshots.listed(one, 1)] == [
        s.has_tables for s in snapshots.listed(other, 1)
    ]
    assert not (one / "scans" / ".removing").exists()


def test_readers_see_a_whole_newest_scan_while_hundreds_come_and_go(tmp_path: Path) -> None:
    """150 scans, each followed by the rule; no reader ever meets a torn or an older one."""
    write(tmp_path, 0)
    stop, seen, failures = threading.Event(), [0], []

    def read() -> None:
        last = 0
        while not stop.is_set():
            try:
                scan = snapshots.newest(tmp_path, 1)
                assert scan is not None
                block = scan.block
                scan.document()
                scan.positions()
            except ScanGone:
                continue  # it was replaced after it was listed: what readers do then
            except Exception as error:
                failures.append(error)
                return
            assert block >= last
            last = block
            seen[0] += 1

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for k in range(1, 150):
        write(tmp_path, 3 * k)
        prune(tmp_path, 1)
    stop.set()
    for reader in readers:
        reader.join()

    assert not failures
    assert seen[0] > 150
    assert os.listdir(tmp_path / "scans" / "1")


def test_a_scan_of_an_old_block_gets_its_tables_back(tmp_path: Path) -> None:
    """Scanned again after retention took them: somebody wants to look at its positions."""
    write(tmp_path, 0)
    write(tmp_path, 400)
    prune(tmp_path, 1)
    before = snapshots.listed(tmp_path, 1)
    assert not before[0].has_tables

    path = write(tmp_path, 0)

    after = snapshots.listed(tmp_path, 1)
    assert after == before
    assert path == after[0].path
    assert len(after[0].positions()) == len(after[0].legs()) == 1
    assert not (tmp_path / "scans" / ".writing").exists()


def test_a_scan_with_damaged_facts_is_healed_by_scanning_again(tmp_path: Path) -> None:
    """What is whole replaces it; nothing of the new scan is lost."""
    path = write(tmp_path, 0)
    (path / "meta.json").write_text("{")

    assert write(tmp_path, 0) == path
    assert [scan.complete for scan in snapshots.listed(tmp_path, 1)] == [True]
