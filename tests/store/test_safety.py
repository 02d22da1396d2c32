"""The store against the world: kill -9, a full disk, damage, newer versions, other processes."""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from scanner.core.states import States
from scanner.errors import StoreError
from scanner.store import default_directory, snapshots
from scanner.store.access import FILE
from scanner.store.ledger import Cursor, Ledger

POOL = b"\x87" * 20

# Step i names account i at block i and stores the word i for it. Printed = promised to be kept.
WRITER = """
import sys
from pathlib import Path
import numpy as np
from scanner.store import snapshots
from scanner.store.ledger import Cursor, Ledger
from scanner.core.states import States

with Ledger.open(Path(sys.argv[1]), write=True) as ledger:
    market = ledger.market(1, "aave_v3", "core", b"\\x87" * 20)
    at = ledger.cursor(market)
    for i in range(at.block + 1 if at else 1, 1_000_000):
        account = np.frombuffer(i.to_bytes(20, "big"), np.uint8).reshape(1, 20)
        word = np.frombuffer(i.to_bytes(32, "big"), np.uint8).reshape(1, 32)
        ledger.touch(market, account, np.array([i]), Cursor(i, bytes(32)), add=True)
        missing = ledger.stale(market)
        number = [int.from_bytes(row.tobytes(), "big") for row in missing]
        words = b"".join(n.to_bytes(32, "big") for n in number)
        n = len(missing)
        states = States(missing, np.ones(n, np.int64), np.zeros(n, np.int64),
                        np.frombuffer(words, np.uint8).reshape(-1, 32))
        ledger.save(market, states, i)
        if SNAPSHOTS:
            table, text = {"n": np.arange(20_000) + i}, str(i).encode()
            snapshots.write(Path(sys.argv[1]), 1, i, bytes(32), True, text, table, table)
        print(i, flush=True)
"""


def kill_at_random(store, moments, *, with_snapshots):
    """Run the writer on `store` and SIGKILL it, once per moment [s] after its first step.

    Yields the last step it had reported as done.
    """
    code = f"SNAPSHOTS = {with_snapshots}\n{WRITER}"
    for moment in moments:
        with subprocess.Popen(
            [sys.executable, "-c", code, store], stdout=subprocess.PIPE, text=True
        ) as process:
            first = process.stdout.readline()
            assert first, "the writer could not start"
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            done = [first, *process.stdout.read().splitlines(keepends=True)]
        yield int([line for line in done if line.endswith("\n")][-1])


def scan_once(store, block=10):
    """A ledger with one borrower read at `block`."""
    with Ledger.open(store, write=True) as ledger:
        market = ledger.market(1, "aave_v3", "core", POOL)
        borrower = np.full((1, 20), 7, np.uint8)
        ledger.touch(market, borrower, np.array([block]), Cursor(block, bytes(32)), add=True)
        word = np.zeros((1, 32), np.uint8)
        ledger.save(market, States(borrower, np.array([1]), np.array([0]), word), block)


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_ledger_killed_at_any_moment_keeps_every_step_it_finished(tmp_path):
    """Ten kills, each run going on where the last one died; no cursor without its accounts."""
    store, moments = tmp_path / "store", random.Random(5)
    for done in kill_at_random(
        store, [moments.uniform(0, 0.06) for _ in range(10)], with_snapshots=False
    ):
        with Ledger.open(store, write=False) as ledger:
            market = ledger.market(1, "aave_v3", "core", POOL)
            reached = ledger.cursor(market).block
            loaded, missing = ledger.load(market), ledger.stale(market)
        known = [int.from_bytes(row.tobytes(), "big") for row in (*loaded.accounts, *missing)]
        assert known == list(range(1, reached + 1))
        assert len(missing) <= 1
        assert done <= len(loaded.accounts) <= reached
        assert loaded.value[:, -2:].view(">u2").ravel().tolist() == known[: len(loaded.accounts)]
        with closing(sqlite3.connect(store / FILE)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_scans_killed_while_being_stored_are_whole_or_not_there(tmp_path):
    """Four kills; every visible scan reads back in full, and every finished one is visible."""
    store, moments = tmp_path / "store", random.Random(6)
    for done in kill_at_random(
        store, [moments.uniform(0, 0.1) for _ in range(4)], with_snapshots=True
    ):
        newest = snapshots.newest(store, 1)
        assert newest.block >= done
        for path in (store / "scans" / "1").iterdir():
            stored = snapshots.Snapshot(path, 1, int(path.name[:12]), True)
            assert stored.document() == stored.block
            assert stored.positions()["n"].sum() == sum(range(20_000)) + 20_000 * stored.block
            assert len(stored.legs()) == 20_000


def test_a_full_disk_undoes_the_step_and_keeps_the_ones_before(tmp_path):
    """The system refuses to let any file grow past 200 kB; the step that hits it exits with 3."""
    outcome = run(
        """
        import resource, sys
        from pathlib import Path
        import numpy as np
        from scanner.errors import StoreError
        from scanner.store.ledger import Cursor, Ledger

        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        with Ledger.open(Path(sys.argv[1]), write=True) as ledger:
            market = ledger.market(1, "aave_v3", "core", b"\\x87" * 20)
            for step in range(1, 100):
                rows = np.random.default_rng(step).integers(0, 256, (200, 20), dtype=np.uint8)
                try:
                    ledger.touch(market, rows, np.full(200, step), Cursor(step, None), add=True)
                except StoreError as error:
                    assert ledger.cursor(market).block == step - 1
                    assert len(ledger.stale(market)) == 200 * (step - 1)
                    print(step - 1, error.exit_code, error.what)
                    break
        """,
        tmp_path / "store",
    )
    assert outcome.returncode == 0, outcome.stderr
    steps, code, message = outcome.stdout.split(" ", 2)
    assert (code, "disk is full or failing" in message) == ("3", True)

    with Ledger.open(tmp_path / "store", write=True) as ledger:  # room again
        market = ledger.market(1, "aave_v3", "core", POOL)
        assert int(steps) >= 1
        assert ledger.cursor(market).block == int(steps)
        assert len(ledger.stale(market)) == 200 * int(steps)
        ledger.touch(market, ledger.stale(market)[:1], np.array([100]), Cursor(100, None), add=True)


def test_a_full_disk_while_storing_a_scan_leaves_nothing_of_it(tmp_path):
    """The tables do not fit; the older scan stays the newest and nothing lies about."""
    store = tmp_path / "store"
    store.mkdir()
    snapshots.write(store, 1, 5, bytes(32), True, b"5", {}, {})
    outcome = run(
        """
        import resource, sys
        from pathlib import Path
        import numpy as np
        from scanner.errors import StoreError
        from scanner.store import snapshots

        column = {"n": np.random.default_rng(1).random(100_000)}
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        try:
            snapshots.write(Path(sys.argv[1]), 1, 6, bytes(32), True, b"6", column, {})
        except StoreError as error:
            print(error.exit_code)
        """,
        store,
    )
    assert (outcome.stdout, outcome.stderr) == ("3\n", "")
    assert snapshots.newest(store, 1).block == 5
    assert sorted(p.name for p in (store / "scans").iterdir()) == [".lock", "1"]


def cut(data):
    return data[: len(data) // 2]


def emptied(data):
    return b""


def garbage(data):
    return random.Random(1).randbytes(len(data))


def garbage_inside(data):
    return data[:4096] + random.Random(1).randbytes(len(data) - 4096)


def foreign(data):
    """Some other program's SQLite file: the application id at byte 68 is not ours."""
    return data[:68] + b"\0\0\0\1" + data[72:]


@pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])
@pytest.mark.parametrize("harm", [cut, emptied, garbage, garbage_inside, foreign])
def test_a_damaged_ledger_is_refused_and_left_alone(tmp_path, harm, write):
    scan_once(tmp_path / "store")
    file = tmp_path / "store" / FILE
    file.write_bytes(harm(file.read_bytes()))
    before = digest(file)

    with (
        pytest.raises(StoreError, match="damaged") as caught,
        Ledger.open(tmp_path / "store", write=write),
    ):
        pass
    assert caught.value.exit_code == 2
    assert digest(file) == before


@pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])
def test_a_newer_ledger_is_refused_and_left_alone(tmp_path, write):
    scan_once(tmp_path / "store")
    file = tmp_path / "store" / FILE
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = digest(file)

    with (
        pytest.raises(StoreError, match=r"newer bandscan.*99") as caught,
        Ledger.open(tmp_path / "store", write=write),
    ):
        pass
    assert caught.value.exit_code == 2
    assert digest(file) == before


def test_a_state_that_is_not_whole_records_is_damage(tmp_path):
    """A blob of 35 bytes would shift every record after it."""
    scan_once(tmp_path / "store")
    with closing(sqlite3.connect(tmp_path / "store" / FILE)) as connection, connection:
        connection.execute("UPDATE states SET state = zeroblob(35)")
    with (
        Ledger.open(tmp_path / "store", write=False) as ledger,
        pytest.raises(StoreError, match="damaged"),
    ):
        ledger.load(ledger.market(1, "aave_v3", "core", POOL))


def test_reading_where_no_scan_was_made_says_what_to_run(tmp_path):
    with (
        pytest.raises(StoreError, match="bandscan scan") as caught,
        Ledger.open(tmp_path / "store", write=False),
    ):
        pass
    assert caught.value.exit_code == 2
    assert not (tmp_path / "store").exists()


def test_a_second_writer_is_refused_until_the_first_ends(tmp_path):
    """From another process and from this one; readers are welcome all the time."""
    store = tmp_path / "store"
    code = """
        import sys
        from pathlib import Path
        from scanner.errors import StoreError
        from scanner.store.ledger import Ledger
        try:
            with Ledger.open(Path(sys.argv[1]), write=sys.argv[2] == "write"):
                print("open")
        except StoreError as error:
            print(error.exit_code, error.what)
        """
    with Ledger.open(store, write=True):
        assert run(code, store, "write").stdout == "2 Another scan is writing to this store.\n"
        with pytest.raises(StoreError, match="Another scan"), Ledger.open(store, write=True):
            pass
        assert run(code, store, "read").stdout == "open\n"
    assert run(code, store, "write").stdout == "open\n"


def test_a_ledger_removed_by_hand_starts_anew_without_its_old_log(tmp_path):
    """SQLite would replay a left-over write-ahead log into the new file."""
    store = tmp_path / "store"
    with Ledger.open(store, write=True) as ledger:
        ledger.market(1, "aave_v3", "core", POOL)
        log = (store / f"{FILE}-wal").read_bytes()
    (store / FILE).unlink()
    (store / f"{FILE}-wal").write_bytes(log)

    with (
        Ledger.open(store, write=True),
        Ledger.open(store, write=False) as ledger,
        pytest.raises(StoreError, match="knows no market"),
    ):
        ledger.market(1, "aave_v3", "core", POOL)


def store_scan(store):
    snapshots.write(store, 1, 1, bytes(32), True, b"{}", {}, {})


@pytest.mark.parametrize("writer", [scan_once, store_scan])
@pytest.mark.parametrize(
    ("place", "says"),
    [("a file", "is a file"), ("a file/store", "is a file"), ("none/store", "does not exist")],
)
def test_a_place_that_cannot_be_a_store_is_named(tmp_path, writer, place, says):
    """Exit 2, nothing made: a mistyped path must not start an empty store."""
    (tmp_path / "a file").write_text("keep")
    with pytest.raises(StoreError, match=says) as caught:
        writer(tmp_path / place)
    assert caught.value.exit_code == 2
    assert [p.name for p in tmp_path.iterdir()] == ["a file"]
    assert (tmp_path / "a file").read_text() == "keep"


@pytest.mark.parametrize("writer", [scan_once, store_scan])
def test_a_store_we_may_not_write_is_named(tmp_path, writer):
    """As nobody, where the tests run as root; as ourselves else."""
    store = tmp_path / "store"
    store.mkdir(mode=0o555)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(StoreError, match="permission denied") as caught:
            writer(store)
    finally:
        os.seteuid(user)
    assert caught.value.exit_code == 2
    assert list(store.iterdir()) == []


def test_the_default_store_is_made_with_its_parents(tmp_path, monkeypatch):
    """A fresh home has no data directory yet; bandscan's own must not ask for `mkdir -p`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "fresh" / "share"))
    assert default_directory().name == "bandscan"
    assert Path(tmp_path) in default_directory().parents
    scan_once(default_directory())
    assert (default_directory() / FILE).exists()


def test_opening_the_ledger_imports_neither_pandas_nor_pyarrow():
    """`bandscan --help` must stay quick."""
    outcome = run(
        """
        import sys
        import scanner.store.ledger, scanner.store.snapshots
        print({"pandas", "pyarrow", "web3"} & set(sys.modules))
        """
    )
    assert outcome.stdout == "set()\n"
