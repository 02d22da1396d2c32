"""A line of so many milliseconds before an endpoint: `delay.py HOST:PORT SECONDS`, prints a port.

A process of its own. Bytes go up at once and come back after the delay, in their order; nothing is
parsed, so each request waits as long as on a line with that round trip.
"""

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class _Up(asyncio.Protocol):
    """The connection to the endpoint."""

    def __init__(self, client: asyncio.Transport, seconds: float) -> None:
        self._client, self._seconds = client, seconds
        self._waiting: deque[bytes | None] = deque()
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._later(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._later(None)

    def _later(self, data: bytes | None) -> None:
        self._waiting.append(data)
        self._loop.call_later(self._seconds, self._pass_on)

    def _pass_on(self) -> None:
        data = self._waiting.popleft()
        if data is None:
            self._client.close()
        elif not self._client.is_closing():
            self._client.write(data)


class _Down(asyncio.Protocol):
    """A client's connection."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._where, self._seconds = (host, port), seconds
        self._up: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._task = asyncio.ensure_future(self._connect(transport))

    async def _connect(self, client: asyncio.Transport) -> None:
        loop, seconds = asyncio.get_running_loop(), self._seconds
        up, _ = await loop.create_connection(lambda: _Up(client, seconds), *self._where)
        self._up = up
        up.writelines(self._early)

    def data_received(self, data: bytes) -> None:
        if self._up is None:
            self._early.append(data)
        else:
            self._up.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._up is not None:
            self._up.close()


async def _serve(host: str, port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Down(host, port, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # ends with whoever started this
    server.close()


@contextmanager
def delayed(url: str, seconds: float) -> Iterator[str]:
    """The URL of the same endpoint, so far away."""
    command = [sys.executable, __file__, url.rpartition("/")[2], str(seconds)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


if __name__ == "__main__":
    where, _, number = sys.argv[1].rpartition(":")
    asyncio.run(_serve(where, int(number), float(sys.argv[2])))
