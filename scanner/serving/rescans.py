"""The rescans of `serve --watch`: a process of its own for each, one after the other.

A scan that fails, hangs or is killed takes nothing with it: the server goes on serving what there
is, and the next scan goes on where the last one stopped.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

FIRST_PAUSE = 1.0  # seconds after a scan that failed; twice as long after each further one
LONGEST_PAUSE = 300.0
GRACE = 10.0  # seconds for a scan to put down what it has when the server stops
_KEPT = 4_096  # bytes of what a scan says


@dataclass(frozen=True)
class Scans:
    """What to run.

    Attributes
    ----------
    every : float
        From the start of one scan to the start of the next. [s]
    options : sequence of str
        Of `bandscan scan`. Never a URL: a process list shows them.
    urls : sequence of str
        RPC endpoints, for the child's environment.
    """

    every: float
    options: Sequence[str]
    urls: Sequence[str] = ()

    def environment(self, ours: Mapping[str, str]) -> dict[str, str]:
        """Ours, with the endpoints and without the API's token."""
        kept = {name: value for name, value in ours.items() if name != "BANDSCAN_TOKEN"}
        return {**kept, "BANDSCAN_RPC": " ".join(self.urls)} if self.urls else kept


class Rescans:
    """Runs one scan after the other until `stop`.

    Parameters
    ----------
    ended : callable
        Told the exit code of every scan, and the last line it said.
    """

    def __init__(self, scans: Scans, ended: Callable[[int, str], None]) -> None:
        self._scans = scans
        self._ended = ended
        self._child: asyncio.subprocess.Process | None = None
        self._runs = 0
        self._last: int | None = None
        self._failures = 0
        self._next: float | None = None

    async def run(self) -> None:
        """Scan, wait, scan again; ends only by being cancelled."""
        try:
            while True:
                begun = time.monotonic()
                try:
                    code, said = await self._scan()
                except OSError as error:  # the machine ran out of something
                    code, said = -1, f"the scan could not be started: {error.strerror}"
                self._runs, self._last = self._runs + 1, code
                self._failures = self._failures + 1 if code else 0
                self._ended(code, said)
                self._next = max(begun + self._scans.every, time.monotonic())
                if code:
                    self._next = time.monotonic() + self._pause()
                await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        finally:
            await self._end()

    def report(self) -> dict[str, Any]:
        """How it goes, for /v1/status."""
        left = None if self._next is None else max(0.0, self._next - time.monotonic())
        running = self._child is not None
        return {
            "every_seconds": self._scans.every,
            "running": running,
            "runs": self._runs,
            "last_exit_code": self._last,
            "failures_in_a_row": self._failures,
            "next_in_seconds": None if running or left is None else round(left, 1),
        }

    def _pause(self) -> float:
        """Longer with every failure, so that a broken endpoint is not asked all day."""
        longest = max(self._scans.every, LONGEST_PAUSE)
        return min(longest, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 30))

    async def _scan(self) -> tuple[int, str]:
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "scanner",
            "scan",
            "--quiet",
            *self._scans.options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=self._scans.environment(os.environ),
        )
        said = await _first_line(self._child.stderr)
        code = await self._child.wait()
        self._child = None
        return code, said

    async def _end(self) -> None:
        """Stop the scan that runs: politely, for it keeps what it has found; then not."""
        child = self._child
        if child is None:
            return
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(GRACE):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


async def _first_line(stream: asyncio.StreamReader | None) -> str:
    """The first line of what a scan says: what went wrong. The rest is read and forgotten."""
    assert stream is not None
    kept = b""
    while part := await stream.read(_KEPT):
        kept = (kept + part)[:_KEPT]
    return kept.decode(errors="replace").partition("\n")[0].removeprefix("error: ").strip()
