"""The scans of --watch: one after the other, in processes of their own."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from api.process import Server, serving, wait_for
from scanner.serving import rescans
from scanner.serving.rescans import Rescans, Scans

URL = "http://127.0.0.1:9/v2/0123456789abcdef"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Run a piece of Python instead of a scan; returns the file that it may write to."""
    monkeypatch.setattr(rescans, "FIRST_PAUSE", 0.01)

    def install(code: str) -> Path:
        notes = tmp_path / "notes"
        script = tmp_path / "scan"
        note = f"def note(text): open({str(notes)!r}, 'a').write(text)"
        script.write_text(f"#!{sys.executable}\nimport os, sys, time\n{note}\n{code}\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))
        return notes

    return install


async def ran(scans: Scans, times: int) -> tuple[list[tuple[int, str]], Rescans]:
    """What the first few scans ended with, and the runner, which has been stopped."""
    ended: list[tuple[int, str]] = []
    enough = asyncio.Event()

    def end(code: int, said: str) -> None:
        ended.append((code, said))
        if len(ended) == times:
            enough.set()

    runner = Rescans(scans, end)
    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(20):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return ended, runner


def test_urls_go_through_the_environment_and_the_token_does_not(fake, monkeypatch):
    """A process list shows the one, and the scan has no business with the other."""
    monkeypatch.setenv("BANDSCAN_TOKEN", "a-token-nobody-guesses")
    notes = fake("note(repr(sys.argv) + os.environ['BANDSCAN_RPC']"
                 " + str('BANDSCAN_TOKEN' in os.environ))")  # fmt: skip
    asyncio.run(ran(Scans(0.01, ["--store", "x"], [URL, URL]), 1))

    text = notes.read_text()
    assert "'-m', 'scanner', 'scan', '--quiet', '--store', 'x']" in text
    assert text.endswith(f"{URL} {URL}False")
    assert URL not in text.partition("]")[0]


def test_scans_follow_one_another(fake):
    """Never two at once."""
    notes = fake("note('<'); time.sleep(0.05); note('>')")
    ended, runner = asyncio.run(ran(Scans(0.01, []), 3))

    assert [code for code, _ in ended] == [0, 0, 0]
    assert notes.read_text().startswith("<><><>")
    assert runner.report()["runs"] == 3


def test_a_scan_that_fails_is_tried_again_later_and_later(fake):
    """The first line it said is passed on."""
    fake("sys.stderr.write('error: No endpoint answers.\\n  fix  x\\n' * 9_000); sys.exit(4)")
    ended, runner = asyncio.run(ran(Scans(0.01, []), 3))

    assert ended == [(4, "No endpoint answers.")] * 3
    report = runner.report()
    assert (report["failures_in_a_row"], report["last_exit_code"]) == (3, 4)


def test_pauses_grow_to_an_end():
    """Twice as long each time; never longer than the rhythm or five minutes."""
    runner = Rescans(Scans(60, []), lambda code, said: None)
    pauses = []
    for failures in (1, 2, 3, 9, 10, 1_000):
        runner._failures = failures
        pauses.append(runner._pause())

    assert pauses == [1, 2, 4, 256, 300, 300]


def test_a_scan_that_cannot_be_started_is_a_failed_one(fake, monkeypatch):
    """The machine may have run out of something; it is tried again."""
    monkeypatch.setattr(sys, "executable", "/nothing/here")
    monkeypatch.setattr(rescans, "FIRST_PAUSE", 0.01)
    ended, _ = asyncio.run(ran(Scans(0.01, []), 2))

    assert ended == [(-1, "the scan could not be started: No such file or directory")] * 2


def test_a_killed_scan_is_a_failed_one(fake):
    """By kill -9, of which nothing can be said."""
    fake("os.kill(os.getpid(), 9)")
    ended, _ = asyncio.run(ran(Scans(0.01, []), 2))

    assert ended == [(-9, ""), (-9, "")]


def test_a_scan_that_runs_is_ended_with_the_server(fake):
    """Politely: it keeps what it has found."""
    notes = fake("import signal\n"
                 "def stop(*_): note('stopped'); sys.exit(3)\n"
                 "signal.signal(signal.SIGTERM, stop)\n"
                 "note('begun '); time.sleep(60)")  # fmt: skip

    async def begun_and_cancelled() -> None:
        task = asyncio.create_task(Rescans(Scans(1, []), lambda code, said: None).run())
        while not (notes.exists() and notes.read_text()):
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(begun_and_cancelled())
    assert notes.read_text() == "begun stopped"


def test_a_scan_that_does_not_listen_is_killed(fake, monkeypatch):
    """The server must come to its end."""
    monkeypatch.setattr(rescans, "GRACE", 0.1)
    notes = fake("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                 "note(str(os.getpid())); time.sleep(60)")  # fmt: skip

    async def begun_and_cancelled() -> None:
        task = asyncio.create_task(Rescans(Scans(1, []), lambda code, said: None).run())
        while not (notes.exists() and notes.read_text()):
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(begun_and_cancelled())
    with pytest.raises(ProcessLookupError):
        os.kill(int(notes.read_text()), 0)


def children(server: Server) -> list[int]:
    """The processes that a server has started."""
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(number) for number in found.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here")
def test_the_server_outlives_its_scans(store):
    """A scan that waits for an endpoint is killed; the server serves on and starts another."""
    options = ("--watch", "1", "--chain", "ethereum", "--patience", "300")
    with serving(store, *options, BANDSCAN_RPC=URL) as server:
        wait_for(lambda: bool(children(server)))
        [first] = children(server)
        line = Path(f"/proc/{first}/cmdline").read_bytes()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: bool(children(server)) and children(server) != [first])

        assert server.get("/v1/bands?driver=ETH").status == 200
        watch = server.get("/v1/status").json["watch"]
        assert watch["last_exit_code"] in (-9, 4)
        assert watch["failures_in_a_row"] >= 1
        assert b'rescans_total{code="-9"} 1' in server.get("/metrics").body
        assert b"0123456789abcdef" not in line
        pids = children(server)

    assert not any("0123456789abcdef" in line or str(store) in line for line in server.lines)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
