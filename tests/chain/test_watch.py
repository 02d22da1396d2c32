"""`bandscan watch` on a real chain: what it prints, what it stores, how it ends and heals."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest
from command import Ended, assert_clear, bandscan, scanning, started
from localchain import LocalChain
from proxy import Proxy, Question, Reply

from scanner.store import snapshots

KEY = "k3y-0123456789abcdef"
SOON = 30.0  # seconds


@pytest.fixture
def moving(origin_chain: LocalChain) -> Iterator[LocalChain]:
    """The chain, put back after the test."""
    with origin_chain.undone():
        yield origin_chain


class Watching:
    """A watch in a process of its own: its lines as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self._lines: Queue[None] = Queue()
        self._threads = [
            Thread(target=self._take, args=pair, daemon=True)
            for pair in ((process.stdout, self.out), (process.stderr, self.err))
        ]
        for thread in self._threads:
            thread.start()

    def _take(self, stream: Any, lines: list[str]) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))
            self._lines.put(None)

    def until(self, seen: Callable[[], object]) -> None:
        """Wait for what `seen` looks for, in lines or in the store."""
        end = time.monotonic() + SOON
        while not seen():
            assert self.process.poll() is None, (self.out, self.err)
            assert time.monotonic() < end, (self.out, self.err)
            try:
                self._lines.get(timeout=0.05)
            except Empty:
                continue

    def stop(self, number: int = signal.SIGTERM) -> Ended:
        """Send a signal, and wait for the end, which must come within two seconds."""
        self.process.send_signal(number)
        self.process.wait(2)
        for thread in self._threads:
            thread.join()
        return Ended(self.process.returncode, "\n".join(self.out), "\n".join(self.err))


def words(chain: LocalChain, folder: Path, *more: object, url: str | None = None) -> list[object]:
    """Arguments that watch the local market into `folder`/store."""
    _, *rest = scanning(chain, folder, url=url)
    place = rest.index("--json")
    return ["watch", *rest[:place], *rest[place + 2 :], *more]


@contextmanager
def watching(
    chain: LocalChain, folder: Path, *more: object, url: str | None = None
) -> Iterator[Watching]:
    """A watch that has finished its first scan; killed at the end if it still runs."""
    made = Watching(started(*words(chain, folder, *more, url=url)))
    try:
        made.until(lambda: newest(folder) == chain.node.head())
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def newest(folder: Path) -> int | None:
    """The block of the newest stored scan."""
    found = snapshots.newest(folder / "store", None)
    return found.block if found else None


def same_as_clean(chain: LocalChain, folder: Path) -> None:
    """The newest stored scan is that of the head, byte for byte what a new store would get."""
    fresh = folder / "fresh"
    fresh.mkdir()
    assert bandscan(*scanning(chain, fresh)).code == 0
    found, clean = (snapshots.newest(where / "store", None) for where in (folder, fresh))
    assert found is not None
    assert clean is not None
    assert found.scan_id == clean.scan_id
    for name in ("scan.json", "positions.parquet", "legs.parquet"):
        assert (found.path / name).read_bytes() == (clean.path / name).read_bytes(), name


def test_a_change_is_told_once_and_stored(moving: LocalChain, tmp_path: Path) -> None:
    """A block in which nothing happens is silent; a price move is a line for each band it moved.

    The store has the head as a clean scan has it; a reader and a second writer come meanwhile.
    """
    with watching(moving, tmp_path) as watch:
        first = moving.node.head()
        moving.mine()
        watch.until(lambda: newest(tmp_path) == moving.node.head())
        assert watch.out == []
        assert len(snapshots.listed(tmp_path / "store", moving.chain_id)) == 2  # first and newest

        moving.set_price("WETH", 1_600 * 10**8)
        watch.until(lambda: newest(tmp_path) == moving.node.head())
        changed = moving.node.head()
        watch.until(lambda: watch.out)
        assert all(f" block {changed}  " in line for line in watch.out)
        told = len(watch.out)
        moving.mine()
        watch.until(lambda: newest(tmp_path) == moving.node.head())
        assert len(watch.out) == told
        kept = [one.block for one in snapshots.listed(tmp_path / "store", moving.chain_id)]
        assert kept == [first, changed, moving.node.head()]

        assert bandscan("bands", "ETH", "--store", tmp_path / "store").code == 0
        assert_clear(bandscan(*scanning(moving, tmp_path)), 2, "Another scan is writing")
        assert_clear(bandscan(*words(moving, tmp_path)), 2, "Another scan is writing")
        ended = watch.stop()
    assert ended.code == 0
    assert ended.err == watch.err[0]
    assert ended.err.startswith("watching from block")
    same_as_clean(moving, tmp_path)


def test_the_lines_are_the_changes_of_history(moving: LocalChain, tmp_path: Path) -> None:
    """In JSON, by --once: nothing at first, then what became of each range since the last scan."""
    once = bandscan(*words(moving, tmp_path, "--once", "--json"))
    assert (once.code, once.out) == (0, "")
    before = newest(tmp_path)
    moving.set_price("WETH", 1_600 * 10**8)
    again = bandscan(*words(moving, tmp_path, "--once", "--json"))
    assert again.code == 0
    rows = [json.loads(line) for line in again.out.splitlines()]
    assert rows
    assert all(row["block"]["number"] == moving.node.head() for row in rows)
    assert {row["since"] and row["since"]["number"] for row in rows} <= {None, before}
    for driver in ("ETH", "BTC"):
        found = bandscan("history", driver, "--store", tmp_path / "store", "--json")
        steps = json.loads(found.out)["scans"][-1]["changes"]
        told = [row for row in rows if row["driver"] == driver]
        assert [_step(row) for row in told] == [_step(step) for step in steps]
        assert told
    silent = bandscan(*words(moving, tmp_path, "--once"))
    assert (silent.code, silent.out) == (0, "")


def _step(row: dict[str, Any]) -> list[Any]:
    """What a change says in every output."""
    ends = [
        {**(row[key] or {}), "large_accounts": None, "track": None} for key in ("before", "after")
    ]
    return [row["change"], row["side"], row["collateral_change_usd"], *ends]


@pytest.mark.parametrize(("number", "busy"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_it_stops_at_once(moving: LocalChain, tmp_path: Path, number: int, busy: bool) -> None:
    """Waiting for a block or in the midst of a scan: exit 0 within two seconds, nothing broken."""
    with Proxy(moving.url) as endpoint:
        with watching(moving, tmp_path, url=endpoint.url) as watch:
            hung: list[str] = []

            def hang(question: Question, _: int) -> Question | Reply:
                if question["method"] == "eth_call":
                    hung.append(question["method"])
                    time.sleep(5)
                return question

            if busy:
                endpoint.before = hang
                moving.act(5, seed=4)
                watch.until(lambda: hung)
            ended = watch.stop(number)
        endpoint.before = lambda question, _: question
    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert bandscan(*words(moving, tmp_path, "--once")).code == 0
    same_as_clean(moving, tmp_path)


def test_an_endpoint_that_is_away_comes_back(moving: LocalChain, tmp_path: Path) -> None:
    """One line for each pass that failed, without the key; then it goes on by itself."""
    with Proxy(moving.url) as endpoint:
        url = endpoint.at(rest=f"/v3/{KEY}")
        more = ("--patience", 0.5)
        with watching(moving, tmp_path, *more, url=url) as watch:
            endpoint.before = lambda question, _: (503, f"no {KEY}".encode())
            moving.act(5, seed=7)
            watch.until(lambda: any("pass failed" in line for line in watch.err))
            endpoint.before = lambda question, _: question
            watch.until(lambda: newest(tmp_path) == moving.node.head())
            ended = watch.stop()
    assert ended.code == 0
    failed = [line for line in watch.err if "failed" in line]
    assert all("again in" in line for line in failed)
    assert KEY not in ended.out + ended.err
    same_as_clean(moving, tmp_path)


@pytest.mark.parametrize("depth", [1, 5])
def test_a_reorganisation_leaves_nothing(moving: LocalChain, tmp_path: Path, depth: int) -> None:
    """Blocks replaced by others of the same numbers: the newest scan is that of the new branch."""

    def nothing_final(question: Question, number: int) -> Question:
        if question["params"][:1] == ["finalized"]:  # this node's is two blocks old
            question["params"][0] = "earliest"
        return question

    with (
        Proxy(moving.url) as endpoint,
        watching(moving, tmp_path, "--quiet", url=endpoint.url) as watch,
    ):
        endpoint.before = nothing_final
        fork = moving.snapshot()
        for seed in range(depth):
            moving.account(f"lost {seed}").supply("WETH", 5)
        moving.account("lost 0").borrow("USDC", 1_000)
        watch.until(lambda: newest(tmp_path) == moving.node.head())
        height = moving.node.head()
        moving.revert(fork)
        moving.act(3, seed=6)
        moving.account("other").supply("WETH", 5)
        moving.account("other").borrow("USDC", 1_000)
        moving.mine(max(0, height - moving.node.head()))
        here = (
            "0x"
            + bytes.fromhex(moving.rpc("eth_getBlockByNumber", "latest", False)["hash"][2:]).hex()
        )
        folder = tmp_path / "store"

        def at_head() -> bool:
            found = snapshots.newest(folder, None)
            return found is not None and found.document()["block"]["hash"] == here

        watch.until(at_head)
        ended = watch.stop()
    # anvil may answer a call at a block from the state of the next one while that is mined; such a
    # scan is told as incomplete, and the next one is whole
    assert ended.code == 0
    assert "failed" not in ended.err
    same_as_clean(moving, tmp_path)


def test_a_kill_loses_nothing(moving: LocalChain, tmp_path: Path) -> None:
    """SIGKILL in the midst of a scan: the next scan is that of a new store."""
    with Proxy(moving.url) as endpoint, watching(moving, tmp_path, url=endpoint.url) as watch:
        calls: list[int] = []

        def kill(question: Question, number: int) -> Question:
            if question["method"] == "eth_call":
                calls.append(number)
                if len(calls) == 8:
                    watch.process.kill()
            return question

        endpoint.before = kill
        moving.act(25, seed=5)
        watch.process.wait(SOON)
    assert watch.process.returncode == -signal.SIGKILL
    assert bandscan(*scanning(moving, tmp_path)).code == 0
    same_as_clean(moving, tmp_path)


def test_bad_options_end_it(moving: LocalChain, tmp_path: Path) -> None:
    """Exit 2 before anything is stored."""
    arguments = words(moving, tmp_path, "--shock", "driver:NOBODY")
    assert_clear(bandscan(*arguments), 2, "nothing in the scanned markets follows")
    assert_clear(bandscan(*words(moving, tmp_path, "--every", "soon")), 2, "soon")
    assert not (tmp_path / "store").exists()


def test_once_says_what_a_scan_says(moving: LocalChain, tmp_path: Path) -> None:
    """Exit 4 where no endpoint is usable, as `bandscan scan`; a watch waits for one instead."""
    with Proxy() as server:
        server.before = lambda question, number: (502, b"bad gateway")
        arguments = words(moving, tmp_path, "--patience", 1, url=server.url)
        assert_clear(bandscan(*arguments, "--once"), 4, "no endpoint is usable")
        watch = Watching(started(*arguments))
        watch.until(lambda: any("pass failed" in line for line in watch.err))
        assert watch.stop().code == 0
