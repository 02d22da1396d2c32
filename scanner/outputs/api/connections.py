"""uvicorn's HTTP protocol with limits: clients that are slow, endless, or too many.

uvicorn waits for ever for a request's head and for a reader that does not read, and keeps as much
of a head as it is sent. A server that strangers can reach must not.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scanner.outputs.api.limits import network
from scanner.outputs.api.problems import Refusal

HEAD_SECONDS = 10.0  # from the first byte of a request's head to its last
STALLED_SECONDS = 20.0  # without reading anything of what is sent
LONGEST_HEAD = 16_384  # bytes
MOST_AHEAD = 32  # requests that one connection may send before it has its answers
SWEEP_SECONDS = 1.0


@dataclass
class Door:
    """Who is connected, and how many may be; `each` None: no limit for one address."""

    most: int = 512
    each: int | None = None
    open: set["Limited"] = field(default_factory=set)
    by_client: Counter[str] = field(default_factory=Counter)

    def full(self, client: str) -> bool:
        """Whether one more connection of this client would be too many."""
        mine = self.by_client[client]
        return len(self.open) >= self.most or (self.each is not None and mine >= self.each)

    def sweep(self, now: float) -> None:
        """End the connections that have had their time."""
        for connection in list(self.open):
            connection.check(now)


class Limited(HttpToolsProtocol):
    """One connection. Made by `protocol`, which gives it its door."""

    door: Door

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head = 0  # bytes of a head that is not complete
        self._head_since: float | None = self.loop.time()
        self._stalled_since: float | None = None
        self._network = network(self.client[0]) if self.client else ""
        if self.door.full(self._network):
            self._refuse(Refusal("busy", "Too many connections."))
            return
        self.door.open.add(self)
        self.door.by_client[self._network] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self.door.open:
            self.door.open.discard(self)
            self.door.by_client[self._network] -= 1
            if not self.door.by_client[self._network]:
                del self.door.by_client[self._network]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        before = self._head_since
        super().data_received(data)
        if self._head_since is None:
            return
        # of a head that began in these bytes nobody knows where
        self._head += len(data) if self._head_since == before else 1
        if self._head > LONGEST_HEAD:
            self._refuse(Refusal("headers_too_large", f"At most {LONGEST_HEAD} bytes."))

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_AHEAD:  # each would cost a hundred times its bytes
            raise OverflowError
        super().on_message_begin()
        self.scope["extensions"] = {
            "bandscan": {"abort": self._abort, "left": self.transport.is_closing}
        }
        if self._head_since is None:
            self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._head, self._head_since = 0, None
        super().on_headers_complete()

    def pause_writing(self) -> None:
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets a problem as well."""
        self._refuse(Refusal("bad_request", "This is no HTTP request."))

    def check(self, now: float) -> None:
        """End the connection if its client takes too long."""
        if self._head_since is not None and now - self._head_since > HEAD_SECONDS:
            if self._head:
                self._refuse(Refusal("timeout", f"A request is sent in {HEAD_SECONDS:.0f} s."))
            else:
                self.transport.close()
        elif self._stalled_since is not None and now - self._stalled_since > STALLED_SECONDS:
            self._abort()

    def _refuse(self, refusal: Refusal) -> None:
        self.transport.write(refusal.wire())
        self.transport.close()

    def _abort(self) -> None:
        self.transport.abort()


def protocol(door: Door) -> type[Limited]:
    """The protocol class for a server with this door: uvicorn makes one object per connection."""
    return type("Limited", (Limited,), {"door": door})


async def sweeping(door: Door) -> None:
    """Look after the connections until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        door.sweep(loop.time())
