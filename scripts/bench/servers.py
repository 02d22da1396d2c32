"""Servers in processes of their own, what they hold in memory, and load on them from another."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import load

HERE = Path(__file__).resolve().parent
_PATIENCE = 60.0  # seconds for a server to answer
_OK = b"HTTP/1.1 200 "

BANDSCAN = [sys.executable, "-m", "scanner"]


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    port: int

    def memory(self) -> float:
        """What the process holds in memory now. [MB]"""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (held,) = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
        return int(held) / 1024


@contextmanager
def serving(store: Path, path: str) -> Iterator[Server]:
    """`bandscan serve` on that store, from the moment it answers `path` with 200."""
    port = _free_port()
    command = [*BANDSCAN, "serve", "--store", str(store), "--port", str(port)]
    with _running(command, port, path) as server:
        yield server


@contextmanager
def yardstick(kind: str, answer: Path, path: str) -> Iterator[Server]:
    """One of `bare.py` with the answer in that file."""
    port = _free_port()
    command = [sys.executable, str(HERE / "bare.py"), kind, str(port), str(answer)]
    with _running(command, port, path) as server:
        yield server


def fetch(port: int, path: str, *headers: tuple[str, str]) -> bytes:
    """One answer as it comes over the wire, header and body."""
    message = load.request(port, path, *headers, ("Connection", "close"))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(message.encode("latin-1"))
        parts = []
        while part := connection.recv(2**18):
            parts.append(part)
    return b"".join(parts)


def header(answer: bytes, name: str) -> str:
    """A header of an answer."""
    for line in answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(": ")
        if key.lower() == name:
            return value
    raise KeyError(name)


def body(answer: bytes) -> bytes:
    """What follows the header of an answer."""
    return answer.partition(b"\r\n\r\n")[2]


def loaded(port: int, messages: Sequence[str], **options: float) -> load.Result:
    """Load from a process of its own; `options` are those of `load.py`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requests"
        file.write_text(json.dumps(list(messages)))
        command = [sys.executable, str(HERE / "load.py"), str(port), str(file)]
        command += [word for key, value in options.items() for word in (f"--{key}", str(value))]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Any] = json.loads(answer)
    return load.Result(**result)


@contextmanager
def _running(command: Sequence[str], port: int, path: str) -> Iterator[Server]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + _PATIENCE
            while not _answers(port, path):
                if process.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    raise RuntimeError(f"{command[-1]}: {said.read().decode()[-2_000:]}")
                time.sleep(0.05)
            yield Server(process.pid, port)
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def _answers(port: int, path: str) -> bool:
    try:
        return fetch(port, path).startswith(_OK)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
