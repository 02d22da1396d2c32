"""HTTP load from one process, without any library: keep-alive connections over epoll.

    python scripts/bench/load.py PORT FILE [--connections 64] [--seconds 5 | --requests N]

FILE holds a list of requests as JSON strings, sent in turn. Answers are read to their exact
Content-Length and counted, not decoded. Prints what `Result` holds, as JSON.
"""

import argparse
import itertools
import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_MOST = 2**18  # bytes in one read
_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True)
class Result:
    """What one run saw.

    `p50` and `p99` are latencies [s]; `busy` is the share of the time in which this process worked:
    close to 1 it was the bottleneck. `wrong` answers had another status than the first one.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    busy: float
    status: int
    wrong: int
    received: int

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


def request(port: int, path: str, *headers: tuple[str, str]) -> str:
    """A GET request as it goes over the wire."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{k}: {v}" for k, v in headers)]
    return "\r\n".join([*lines, "", ""])


class _Connection:
    """One connection with at most one request on its way."""

    __slots__ = ("got", "head", "need", "receive", "send", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.receive, self.send = self.socket.recv_into, self.socket.sendall
        self.sent = 0.0  # when the request went out
        self.got = 0  # bytes of the answer so far
        self.head = b""  # its beginning, until the header is whole
        self.need = 0  # bytes of the whole answer, 0 while unknown

    def whole(self, part: memoryview) -> bool:
        """Take a part of the answer; whether it was the last one."""
        self.got += len(part)
        if not self.need:
            self.head += bytes(part)
            end = self.head.find(_END)
            if end < 0:
                return False
            self.need = end + len(_END) + _length(self.head[: end + 2])
        return self.got >= self.need


def _length(head: bytes) -> int:
    """Its Content-Length; 0 without one, as in a 304."""
    start = head.lower().find(_LENGTH)
    return int(head[start + len(_LENGTH) : head.index(b"\r\n", start)]) if start >= 0 else 0


def run(
    port: int,
    messages: list[bytes],
    *,
    connections: int = 64,
    seconds: float | None = None,
    requests: int | None = None,
) -> Result:
    """Keep every connection busy for so many seconds, or until so many answers are all read."""
    every = {one.socket.fileno(): one for one in (_Connection(port) for _ in range(connections))}
    most = requests or sys.maxsize
    waiting = itertools.islice(itertools.cycle(messages), most)
    poll = select.epoll()
    buffer = memoryview(bytearray(_MOST))
    clock, wait = time.perf_counter, poll.poll  # looked up once: this loop must outrun the server
    taken: list[float] = []
    status = wrong = received = usual = 0
    began, worked = clock(), time.process_time()
    until = began + (seconds or 1e9)
    for descriptor, one in every.items():
        poll.register(descriptor, select.EPOLLIN)
        if message := next(waiting, b""):
            one.sent = clock()
            one.send(message)
    while len(taken) < most and clock() < until:
        for descriptor, _ in wait(1.0):
            one = every[descriptor]
            size = one.receive(buffer)
            if not size:
                raise ConnectionError("the server closed a connection")
            # The same request is answered by as many bytes: then the header needs no second look.
            if size == usual and not one.got:
                code = int(buffer[9:12])
            elif one.whole(buffer[:size]):
                size, code = one.got, int(one.head[9:12])
                usual = size if len(messages) == 1 else 0
                one.got, one.head, one.need = 0, b"", 0
            else:
                continue
            now = clock()
            taken.append(now - one.sent)
            received += size
            status = status or code
            wrong += code != status
            if message := next(waiting, b""):
                one.sent = now
                one.send(message)
    spent = clock() - began
    busy = (time.process_time() - worked) / spent
    for one in every.values():
        one.socket.close()
    ranked = sorted(taken)
    p50, p99 = (ranked[int(len(ranked) * part)] for part in (0.5, 0.99))
    return Result(len(taken), spent, p50, p99, busy, status, wrong, received)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="bench.load", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--requests", type=int)
    asked = vars(parser.parse_args())
    messages = [text.encode("latin-1") for text in json.loads(asked.pop("file").read_text())]
    print(json.dumps(asdict(run(messages=messages, **asked))))


if __name__ == "__main__":
    main()
