"""How fast a new scan is seen: by whoever asks, and by 50 clients of the stream."""

import os
import select
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import load, servers
from bench.report import Figure

CLIENTS = 50
NEW = 5  # scans that appear while everybody looks, after a first one
BANDS = "/v1/bands?driver=ETH"
_PAUSE = 0.005  # seconds between two questions
_PATIENCE = 30.0
_APART = 2.0  # seconds between two scans; minutes in life, and the server is idle again by then


@dataclass
class Seen:
    """Seconds from a scan's rename to the first answer from it, and to each stream's event."""

    asked: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    missed: int = 0


def figures(store: Path) -> list[Figure]:
    """All figures of this part."""
    first, seen = Seen(), Seen()
    with ExitStack() as stack:
        shown, waiting = stack.enter_context(held_back(store))
        server = stack.enter_context(servers.serving(shown, BANDS))
        streams = [stack.enter_context(_stream(server.port)) for _ in range(CLIENTS)]
        for turn, path in enumerate(waiting):
            time.sleep(_APART)
            _appear(path, shown, server.port, streams, seen if turn else first)
    return [
        Figure(f"a new scan in an answer, the slowest of {NEW}", max(seen.asked), "s", 1),
        Figure(f"... in the last of {CLIENTS} streams", max(seen.told), "s", 1),
        Figure(f"... events that {CLIENTS} streams missed", first.missed + seen.missed, "", 0),
    ]


@contextmanager
def held_back(store: Path) -> Iterator[tuple[Path, list[Path]]]:
    """A store without the newest scans of another, and those, beside it, the oldest first.

    Files are linked, not copied, where the file system can.
    """
    with tempfile.TemporaryDirectory(dir=store.parent) as made:
        shown, aside = Path(made) / "store", Path(made) / "aside"
        shutil.copytree(store, shown, copy_function=_link)
        aside.mkdir()
        (chain,) = (path for path in (shown / "scans").iterdir() if path.name.isdecimal())
        newest = sorted(path.name for path in chain.iterdir())[-1 - NEW :]
        for name in newest:
            os.rename(chain / name, aside / name)
        yield shown, [aside / name for name in newest]


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def _stream(port: int) -> Iterator[socket.socket]:
    """A client of /v1/stream, past the answer's header."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        message = load.request(port, "/v1/stream", ("Accept", "text/event-stream"))
        connection.sendall(message.encode("latin-1"))
        got = b""
        while b"\r\n\r\n" not in got:
            part = connection.recv(2**16)
            if not part:
                raise ConnectionError("the stream ended")
            got += part
        if not got.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(got.decode("latin-1"))
        yield connection


def _appear(path: Path, shown: Path, port: int, streams: list[socket.socket], seen: Seen) -> None:
    """Rename a scan into the store and wait until everybody has it."""
    name = path.name.encode()
    (chain,) = (folder for folder in (shown / "scans").iterdir() if folder.name.isdecimal())
    got = {stream.fileno(): (stream, bytearray()) for stream in streams}
    began = time.perf_counter()
    os.rename(path, chain / path.name)
    asked = False
    while got or not asked:
        if time.perf_counter() - began > _PATIENCE:
            seen.missed += len(got)
            break
        ready, _, _ = select.select(list(got), [], [], _PAUSE)
        for descriptor in ready:
            stream, text = got[descriptor]
            part = stream.recv(2**16)
            text += part
            if not part:
                raise ConnectionError("a stream ended")
            if name in text:
                seen.told.append(time.perf_counter() - began)
                del got[descriptor]
        if not asked and name in servers.fetch(port, BANDS):
            seen.asked.append(time.perf_counter() - began)
            asked = True
    if not asked:
        raise RuntimeError("the new scan is in no answer")
