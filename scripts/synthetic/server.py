"""HTTP before a node, in a process of its own: so much of HTTP/1.1 as JSON-RPC clients speak."""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from synthetic.node import Limits, Node
from synthetic.world import Shape, World

_LENGTH = re.compile(rb"^content-length: *(\d+) *\r?$", re.IGNORECASE | re.MULTILINE)
_TOO_FAST = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"rate limit exceeded"}}'
_REASONS = {200: b"OK", 429: b"Too Many Requests"}


@dataclass
class Counts:
    """What was asked so far, and what it took.

    Attributes
    ----------
    methods : dict
        Requests by JSON-RPC method; "refused" are those above the rate.
    sent, received : int
        Bytes of bodies, as the client sees it: its questions, our answers.
    seconds, memory : float
        CPU time of the server, and the most memory it held. [MB]
    """

    methods: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    received: int = 0
    seconds: float = 0.0
    memory: float = 0.0

    @property
    def requests(self) -> int:
        return sum(self.methods.values())


@dataclass(frozen=True)
class Service:
    """How the node is served: `latency` seconds before each answer, at most `rate` requests per
    second (the next ones get HTTP 429; a second's worth may come at once)."""

    latency: float = 0.0
    rate: float | None = None


def serve(
    control: Connection, kind: type[Node], shape: Shape, limits: Limits, service: Service
) -> None:
    """The child process: serves until `control` is closed. Sends the port when it is ready."""
    asyncio.run(_serve(control, kind(World(shape), limits), service))


async def _serve(control: Connection, node: Node, service: Service) -> None:
    desk = _Desk(node, service)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Client(desk), "127.0.0.1", 0)
    market = node.world.market
    control.send((server.sockets[0].getsockname()[1], market.pool))
    done = loop.create_future()

    def told() -> None:
        try:
            order, *values = control.recv()
        except EOFError:
            loop.remove_reader(control.fileno())
            done.set_result(None)
            return
        try:
            found: Any = desk.counted() if order == "counts" else node.move(*values)
        except Exception as error:
            found = error
        control.send(found)

    loop.add_reader(control.fileno(), told)
    await done
    server.close()


class _Desk:
    """Counts requests, keeps the rate."""

    def __init__(self, node: Node, service: Service) -> None:
        self.node, self.service = node, service
        self._methods: Counter[str] = Counter()
        self._sent = self._received = 0
        self._tokens, self._at = service.rate or 0.0, time.monotonic()

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """HTTP status and body."""
        if self._too_fast():
            status, method, answer = 429, "refused", _TOO_FAST
        else:
            status, (method, answer) = 200, self.node.handle(body)
        self._methods[method] += 1
        self._sent += len(body)
        self._received += len(answer)
        return status, answer

    def counted(self) -> Counts:
        # Not getrusage: its peak is also that of whoever started this process.
        lines = Path("/proc/self/status").read_text().splitlines()
        [peak] = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
        seconds, memory = time.process_time(), peak * 1024 / 1_000_000
        return Counts(dict(self._methods), self._sent, self._received, seconds, memory)

    def _too_fast(self) -> bool:
        rate = self.service.rate
        if rate is None:
            return False
        now = time.monotonic()
        self._tokens = min(max(rate, 1.0), self._tokens + (now - self._at) * rate)
        self._at = now
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False


class _Client(asyncio.Protocol):
    """One connection; requests come one after another."""

    def __init__(self, desk: _Desk) -> None:
        self._desk = desk
        self._parts = bytearray()
        self._wanted = 0  # bytes of the whole message, once its head is there

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parts += data
        while True:
            if not self._wanted:
                end = self._parts.find(b"\r\n\r\n")
                if end < 0:
                    return
                found = _LENGTH.search(bytes(self._parts[:end]) + b"\r")
                self._head = end + 4
                self._wanted = self._head + (int(found[1]) if found else 0)
            if len(self._parts) < self._wanted:
                return
            body = bytes(self._parts[self._head : self._wanted])
            del self._parts[: self._wanted]
            self._wanted = 0
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        status, answer = self._desk.answer(body)
        head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        message = head % (status, _REASONS[status], len(answer)) + answer
        if self._desk.service.latency:
            loop = asyncio.get_running_loop()
            loop.call_later(self._desk.service.latency, self._write, message)
        else:
            self._write(message)

    def _write(self, message: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(message)
