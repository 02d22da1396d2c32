"""/v1/stream: server-sent events that a client can resume after any interruption.

An event's id is `<chain id>-<scan id>-<number>`: it comes from the scan, so it means the same
after a restart of the server, and what a client missed is found again in the stored scans.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from scanner.outputs.api.metrics import Metrics
from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.source import Event, Log

KIND = b"text/event-stream; charset=utf-8"
HEARTBEAT = 15.0  # seconds of silence before a comment shows that the line is alive
RETRY = 2_000  # milliseconds after which a browser comes back
QUEUED = 64  # scans whose events wait for one client; with one more it is dropped
MOST = 256  # clients
MOST_EACH = 8  # clients of one network, where limits apply

_ID = re.compile(r"(\d{1,19})-((\d{12,20})-[0-9a-f]{8}-[0-9a-f]{8})-(\d{1,6})")


@dataclass(frozen=True)
class Place:
    """Where a client stopped reading."""

    chain_id: int
    scan_id: str
    block: int
    number: int


def place(text: str, chain_id: int) -> Place:
    """The place that a Last-Event-ID names; raises Refusal for anything that is no id of ours."""
    match = _ID.fullmatch(text)
    if match is None or int(match[1]) != chain_id:
        raise Refusal("bad_parameter", "The Last-Event-ID is none of this chain's stream.")
    return Place(int(match[1]), match[2], int(match[3]), int(match[4]))


def later(events: Sequence[Event], place: Place) -> list[Event]:
    """The events after a place, oldest first.

    Where retention has removed the scan that the client stopped at, everything of its block, of
    which there may be a later scan, and of later ones: rather told twice than never. What happened
    between two scans that are kept is told as one change.
    """
    for index, event in enumerate(events):
        if event.scan_id == place.scan_id and event.number == place.number:
            return list(events[index + 1 :])
    known = any(event.scan_id == place.scan_id for event in events)
    if known:  # fewer events than it had: all of them were sent
        last = max(k for k, event in enumerate(events) if event.scan_id == place.scan_id)
        return list(events[last + 1 :])
    return [event for event in events if int(event.scan_id.partition("-")[0]) >= place.block]


def wire(chain_id: int, event: Event) -> bytes:
    """The event as it is sent; its data is one line."""
    head = f"id: {chain_id}-{event.scan_id}-{event.number}\nevent: {event.kind}\ndata: "
    return head.encode() + event.data + b"\n\n"


class Client:
    """One reader of the stream, with what waits for it: the events of one scan at a time.

    `abort` breaks its connection: one that reads nothing cannot be told goodbye.
    """

    def __init__(
        self, chain_id: int, driver: str | None, address: str, abort: Callable[[], None]
    ) -> None:
        self.chain_id = chain_id
        self.driver = driver
        self.address = address
        self.abort = abort
        self.queue: asyncio.Queue[Sequence[Event] | None] = asyncio.Queue(QUEUED)

    def wants(self, event: Event) -> bool:
        """Whether it asked for such events."""
        return event.driver is None or self.driver in (None, event.driver)


class Hub:
    """Hands every new event to every client; used from the event loop's thread only."""

    def __init__(self, metrics: Metrics, *, limited: bool = False) -> None:
        self._metrics = metrics
        self._limited = limited
        self._clients: set[Client] = set()
        self._closed = False

    def join(self, client: Client) -> None:
        """Raises Refusal where there are too many."""
        mine = sum(other.address == client.address for other in self._clients)
        if len(self._clients) >= MOST or (self._limited and mine >= MOST_EACH) or self._closed:
            raise Refusal("busy", "There are too many readers.", headers=[(b"retry-after", b"10")])
        self._clients.add(client)
        self._metrics.streams = len(self._clients)

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self._clients.discard(client)
        self._metrics.streams = len(self._clients)

    def publish(self, chain_id: int, events: Sequence[Event]) -> None:
        """Queue new events; a client whose queue is full is dropped, and may resume."""
        for client in [one for one in self._clients if one.chain_id == chain_id]:
            try:
                client.queue.put_nowait(events)
            except asyncio.QueueFull:
                self._metrics.dropped += 1
                self._end(client)
                client.abort()

    def followed(self, chain_id: int) -> bool:
        """Whether anybody reads about this chain."""
        return any(client.chain_id == chain_id for client in self._clients)

    def close(self) -> None:
        """End every stream: the server stops."""
        self._closed = True
        for client in list(self._clients):
            self._end(client)

    def _end(self, client: Client) -> None:
        self.leave(client)
        while client.queue.full():
            client.queue.get_nowait()
        client.queue.put_nowait(None)


def opening(client: Client, since: Place | None, past: Log) -> list[bytes]:
    """What a client gets first: what it missed, or the place from which it would resume."""
    begin = [b"retry: %d\n\n" % RETRY]
    if since is not None:
        missed = filter(client.wants, later(past.events, since))
        return begin + [wire(client.chain_id, event) for event in missed]
    if past.events:
        # an id without data is no event, but what a browser sends when it comes back
        last = past.events[-1]
        begin.append(f"id: {client.chain_id}-{last.scan_id}-{last.number}\n\n".encode())
    return begin


async def lines(
    client: Client, told: frozenset[str], heartbeat: float = HEARTBEAT
) -> AsyncIterator[bytes]:
    """What a client gets from then on: what comes, comments while nothing does.

    `told` are the scans that were told already: the client joined before the past was read, so
    they may wait in its queue as well.
    """
    while True:
        try:
            async with asyncio.timeout(heartbeat):
                events = await client.queue.get()
        except TimeoutError:
            yield b": still here\n\n"
            continue
        if events is None:
            return
        for event in filter(client.wants, events):
            if event.scan_id not in told:
                yield wire(client.chain_id, event)
