"""`bandscan serve` as a process of its own, and plain HTTP to talk to it."""

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = ("-m", "scanner")
FOREVER = "1e12"  # seconds; the sample's block is of February 2026


@dataclass
class Answer:
    """A response, its headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A running server. `lines` is what it said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._heard: queue.Queue[str | None] = queue.Queue()
        self.port = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            self._heard.put(line)
        self._heard.put(None)

    def started(self) -> None:
        """Wait until it serves."""
        while line := self._heard.get(timeout=60):
            if line.startswith("serving on "):
                self.port = int(line.rsplit(":", 1)[1])
                return
        raise AssertionError("\n".join(self.lines))

    def get(self, target: str, method: str = "GET", **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, target, headers=named)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def environment(**changes: str) -> dict[str, str]:
    """Ours without bandscan's variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BANDSCAN")}
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", **changes}


def start(store: Path, *options: str, **changes: str) -> subprocess.Popen[str]:
    """Start the command."""
    words = ["serve", "--port", "0", "--stale", FOREVER, "--store", str(store), *options]
    return subprocess.Popen(
        [sys.executable, *COMMAND, *words],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(**changes),
    )


@contextmanager
def serving(store: Path, *options: str, **changes: str) -> Iterator[Server]:
    """A server of a store; ended with the block, and with exit code 0."""
    server = Server(start(store, *options, **changes))
    try:
        server.started()
        yield server
    finally:
        if server.process.poll() is None:
            code = server.stop()
            assert code == 0, "\n".join(server.lines)
        if server.process.stderr is not None:
            server.process.stderr.close()


def wait_for(true: Callable[[], bool], seconds: float = 20.0) -> float:
    """How long it took until something was true. [s]"""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds, "it never came"
        time.sleep(0.01)
    return time.monotonic() - begun
