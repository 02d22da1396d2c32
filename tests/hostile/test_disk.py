"""Disks that are full or may not be written, under a scan that builds on another and a watch.

A full disk is the system's refusal to let a file of the process grow (RLIMIT_FSIZE). First scans on
a full disk are in tests/chain/test_bad_input.py, the store alone in tests/store/test_safety.py.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from localchain.mixed import Mixed

from hostile.chains import bytes_of, clean
from hostile.kills import ROOT, damage
from hostile.scans import CLEAN, scan
from scanner.cli import main
from scanner.store import snapshots

NOBODY = 65534
SOON = 60.0
FULL = "The disk is full or failing"


@dataclass
class Scanned:
    """A chain that went on after the scan in `folder`/store."""

    mixed: Mixed
    folder: Path

    def words(self, command: str, folder: Path) -> list[str]:
        """Arguments of a scan or a watch with the store in `folder`."""
        deployments = folder / "mixed.toml"
        words: list[object] = [command, "--rpc", self.mixed.ground.node.url]
        words += ["--deployments", deployments, "--store", folder / "store"]
        words += ["--json", folder / "scan.json"] if command == "scan" else []
        return list(map(str, words))

    def copy(self, folder: Path) -> Path:
        """A copy to work on."""
        shutil.copytree(self.folder, folder)
        return folder


@pytest.fixture(scope="module")
def scanned(small: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    """Twenty accounts moved since; a fifth of the states is outdated. Leave both as they are."""
    folder = tmp_path_factory.mktemp("scanned")
    with small.aave.undone():
        assert scan(small, folder, small.ground.node.url).code == 0
        (folder / "scan.json").unlink()
        small.aave.act(20, seed=9)
        for number in range(40):
            account = small.aave.account(f"late {number}")
            account.supply("WETH", 5)
            account.borrow("USDC", 1_000)
        yield Scanned(small, folder)


@contextmanager
def process(*words: str, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own; `before` is Python that it runs first."""
    code = f"{before}\nfrom scanner.cli import main\nmain()"
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BANDSCAN")}
    made = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=kept,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield made
    finally:
        made.kill()
        made.communicate()


def said_clearly(err: str, *says: str) -> None:
    """One message for people."""
    assert err.count("error: ") == 1, err
    assert "Traceback" not in err
    assert "internal error" not in err
    for wanted in says:
        assert wanted in err, err


@pytest.mark.parametrize("size", [4_096, 12_000, 20_000])
def test_a_disk_that_fills_up_under_a_second_scan(
    scanned: Scanned, tmp_path: Path, size: int
) -> None:
    """Exit 3; the first scan stays the newest, the ledger is whole, the next run is a clean one."""
    folder = scanned.copy(tmp_path / "copy")
    stored = bytes_of(folder / "store" / "scans")
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    with process(*scanned.words("scan", folder), before=limit) as scanning:
        _, err = scanning.communicate(timeout=SOON)
    assert scanning.returncode == 3, err
    said_clearly(err, FULL, "free some space and run again")
    assert not (folder / "scan.json").exists()
    assert damage(folder / "store") == ""
    assert bytes_of(folder / "store" / "scans") == stored
    url = scanned.mixed.ground.node.url
    again = scan(scanned.mixed, folder, url)
    assert again.code == 0, again.err
    assert again.document == clean(scanned.mixed)


def test_a_watch_goes_on_once_there_is_room_again(scanned: Scanned, tmp_path: Path) -> None:
    """One line for each pass that failed, nothing half stored, and no restart."""
    folder = scanned.copy(tmp_path / "copy")
    stored = bytes_of(folder / "store" / "scans")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, -1))"
    with process(*scanned.words("watch", folder), before=limit) as watch:
        assert watch.stderr is not None
        failed = ""
        while "pass failed" not in failed:
            failed = watch.stderr.readline()
            assert failed, watch.poll()
        assert FULL in failed
        assert "again in" in failed
        assert bytes_of(folder / "store" / "scans") == stored
        resource.prlimit(watch.pid, resource.RLIMIT_FSIZE, (-1, -1))
        end, head = time.monotonic() + SOON, scanned.mixed.ground.node.head()
        while newest(folder) != head:
            assert watch.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        watch.terminate()
        _, err = watch.communicate(timeout=SOON)
    assert watch.returncode == 0, err
    assert "Traceback" not in err
    assert damage(folder / "store") == ""
    assert scan(scanned.mixed, folder, scanned.mixed.ground.node.url).document == clean(
        scanned.mixed
    )


def newest(folder: Path) -> int | None:
    found = snapshots.newest(folder / "store", None)
    return found.block if found else None


@pytest.fixture
def given(scanned: Scanned) -> Iterator[Path]:
    """A copy that anybody may look into, owned by nobody where the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="bandscan-disk-") as made:
        os.chmod(made, 0o755)
        folder = scanned.copy(Path(made) / "copy")
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        yield folder
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write whatever it is denied."""
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(user)


def all_of_it(store: Path) -> None:
    for path in (store, *store.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def the_directory(store: Path) -> None:
    store.chmod(0o555)


def the_ledger(store: Path) -> None:
    (store / "ledger.sqlite").chmod(0o444)


def the_scans(store: Path) -> None:
    for path in ((store / "scans"), *(store / "scans").rglob("*")):
        if path.is_dir():
            path.chmod(0o555)


@pytest.mark.parametrize(
    ("denied", "says"),
    [
        (all_of_it, "permission denied"),
        (the_directory, "attempt to write a readonly database"),
        (the_ledger, "attempt to write a readonly database"),
        (the_scans, "permission denied"),
    ],
)
def test_a_store_that_may_not_be_written(
    scanned: Scanned, given: Path, denied: Callable[[Path], None], says: str
) -> None:
    """Exit 2 with its place; what was stored stays and is readable, and scanning goes on later."""
    store = given / "store"
    before = bytes_of(store)
    denied(store)
    runner = CliRunner()
    with as_nobody():
        ended = runner.invoke(main, scanned.words("scan", given), env=CLEAN)
        bands = runner.invoke(main, ["bands", "ETH", "--store", str(store)], env=CLEAN)
    after = bytes_of(store)
    assert ended.exit_code == 2, (ended.stderr, ended.exception)
    said_clearly(ended.stderr, says, str(store))
    assert bands.exit_code == 0, bands.stderr
    assert not (given / "scan.json").exists()
    assert damage(store) == ""
    if denied is the_scans:  # the ledger went on: all was read before it could not be stored
        assert bytes_of(store / "scans") == bytes_of(scanned.folder / "store" / "scans")
    else:  # SQLite may leave an empty log beside a ledger that it could not open for writing
        assert before.items() <= after.items()
        assert after.keys() - before.keys() <= {"ledger.sqlite-shm", "ledger.sqlite-wal"}
    for path in (store, *store.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with as_nobody():
        again = runner.invoke(main, [*scanned.words("scan", given), "--verify", "all"], env=CLEAN)
    assert again.exit_code == 0, again.stderr
    assert (given / "scan.json").read_bytes() == clean(scanned.mixed)


def test_a_place_for_the_json_that_may_not_be_written(scanned: Scanned, given: Path) -> None:
    """Exit 3 names the file; the scan itself is stored."""
    given.chmod(0o555)
    runner = CliRunner()
    with as_nobody():
        ended = runner.invoke(main, scanned.words("scan", given), env=CLEAN)
    given.chmod(0o755)
    assert ended.exit_code == 3, (ended.stderr, ended.exception)
    said_clearly(ended.stderr, "scan.json")
    assert newest(given) == scanned.mixed.ground.node.head()
