"""The stream: ids that mean the same after a restart, what was missed, slow readers."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextlib import suppress

import pytest

from api.asking import SCAN, Api, scan, scope_of, state
from scanner.outputs.api import stream
from scanner.outputs.api.metrics import Metrics
from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.replies import Stream
from scanner.outputs.api.source import Event, Log
from scanner.outputs.api.stream import Client, Hub, Place, later, lines, opening, place, wire


def scan_id(block: int) -> str:
    return f"{block:012d}-5e5e5e5e-{block:08x}"


def event(block: int, number: int = 0, driver: str | None = None) -> Event:
    return Event(scan_id(block), number, "band" if driver else "scan", driver, b'{"x":1}')


LOG = [event(5), event(5, 1, "ETH"), event(5, 2, "BTC"), event(6), event(8), event(8, 1, "ETH")]


def client(driver: str | None = None, abort: Callable[[], None] = lambda: None) -> Client:
    return Client(1, driver, "127.0.0.1", abort)


def test_an_event_has_an_id_a_kind_and_one_line_of_data():
    """As server-sent events are written."""
    text = wire(1, event(5, 2, "BTC"))

    assert text == b'id: 1-000000000005-5e5e5e5e-00000005-2\nevent: band\ndata: {"x":1}\n\n'


@pytest.mark.parametrize(
    ("block", "number", "numbers"),
    [
        (5, 0, [(5, 1), (5, 2), (6, 0), (8, 0), (8, 1)]),
        (5, 2, [(6, 0), (8, 0), (8, 1)]),
        (5, 9, [(6, 0), (8, 0), (8, 1)]),  # it had more events then
        (7, 3, [(8, 0), (8, 1)]),  # a scan that retention has removed
        (8, 1, []),
        (-6, 0, [(6, 0), (8, 0), (8, 1)]),  # of its block only another scan is left
        (9, 0, []),
        (1, 0, [(5, 0), (5, 1), (5, 2), (6, 0), (8, 0), (8, 1)]),
    ],
)
def test_what_a_client_missed_is_found_again(block, number, numbers):
    """From the scans that are stored, wherever it stopped."""
    name = scan_id(block) if block > 0 else scan_id(-block).replace("5e", "77")
    missed = later(LOG, Place(1, name, abs(block), number))

    assert [(int(one.scan_id[:12]), one.number) for one in missed] == numbers


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "1-000000000005-5e5e5e5e-00000005",
        "2-000000000005-5e5e5e5e-00000005-1",
        "1-000000000005-5e5e5e5e-0000000g-1",
        "1-000000000005-5e5e5e5e-00000005-1234567",
        "1-000000000005-5e5e5e5e-00000005-1 ",
        "../../etc/passwd",
    ],
)
def test_an_id_that_is_none_of_ours_is_refused(text):
    """So that nobody believes to have resumed."""
    with pytest.raises(Refusal) as refused:
        place(text, 1)

    assert refused.value.status == 400


async def read(reader: Client, since: Place | None, log: Log, most: int) -> list[bytes]:
    """The first lines that a reader gets, or all where the stream ends before."""
    found = opening(reader, since, log)
    async for line in lines(reader, log.scans, heartbeat=0.01):
        found.append(line)
        if len(found) == most:
            break
    return found


def log_of(events: list[Event]) -> Log:
    return Log(tuple(events), frozenset(one.scan_id for one in events))


def test_a_new_reader_gets_a_place_to_resume_from_and_no_news():
    """An id without data is no event, but what a browser sends when it comes back."""
    told = asyncio.run(read(client(), None, log_of(LOG), 3))

    assert told == [
        b"retry: 2000\n\n",
        b"id: 1-000000000008-5e5e5e5e-00000008-1\n\n",
        b": still here\n\n",
    ]


def test_a_returning_reader_gets_what_it_missed_for_its_driver():
    """Scans are for everybody."""
    reader = client("BTC")
    since = Place(1, scan_id(5), 5, 1)
    told = asyncio.run(read(reader, since, log_of(LOG), 5))

    heads = [line.partition(b"\n")[0] for line in told]
    assert heads == [
        b"retry: 2000",
        b"id: 1-000000000005-5e5e5e5e-00000005-2",
        b"id: 1-000000000006-5e5e5e5e-00000006-0",
        b"id: 1-000000000008-5e5e5e5e-00000008-0",
        b": still here",
    ]


def test_what_is_published_while_the_past_is_read_is_told_once():
    """It waits in the queue, and is left out where the past has it already."""

    async def both() -> list[bytes]:
        hub = Hub(Metrics())
        reader = client()
        hub.join(reader)
        hub.publish(1, [event(8), event(8, 1, "ETH")])
        hub.publish(1, [event(9)])
        return await read(reader, Place(1, scan_id(6), 6, 0), log_of(LOG), 5)

    heads = [line.partition(b"\n")[0] for line in asyncio.run(both())]
    assert heads == [
        b"retry: 2000",
        b"id: 1-000000000008-5e5e5e5e-00000008-0",
        b"id: 1-000000000008-5e5e5e5e-00000008-1",
        b"id: 1-000000000009-5e5e5e5e-00000009-0",
        b": still here",
    ]


def test_readers_get_what_they_asked_for():
    """Of their chain, and of their driver."""

    async def told() -> list[int]:
        hub = Hub(Metrics())
        readers = [client(), client("ETH"), client("BTC"), Client(8453, None, "x", lambda: None)]
        for reader in readers:
            hub.join(reader)
        hub.publish(1, LOG)
        hub.close()
        found = [await read(reader, None, Log(), 100) for reader in readers]
        return [sum(line.startswith(b"id") for line in one) for one in found]

    assert asyncio.run(told()) == [6, 5, 4, 0]


def test_a_scan_with_many_changes_drops_nobody():
    """However many events come at once: they are one thing to wait for."""

    async def dropped() -> int:
        metrics = Metrics()
        hub = Hub(metrics)
        hub.join(client())
        hub.publish(1, [event(9, number, "ETH") for number in range(10_000)])
        return metrics.dropped

    assert asyncio.run(dropped()) == 0


def test_a_reader_of_days_holds_no_old_scan():
    """Only ids: a scan that was replaced is forgotten, whoever still reads the stream."""

    async def freed() -> bool:
        api = Api(state(scan()), stale=1e12)
        gone = asyncio.Event()
        sent: list[bytes] = []

        async def receive() -> dict[str, str]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message.get("body", b""))

        scope = scope_of(b"/v1/stream")
        reading = asyncio.create_task(api.front(scope, receive, send))
        while len(sent) < 2:
            await asyncio.sleep(0.001)
        old = weakref.ref(api.board.now.state.chains[1].scan)
        api.board.show(state(scan("000000000008-5e5e5e5e-00000008")))
        gc.collect()
        freed = old() is None
        gone.set()
        await reading
        return freed

    assert asyncio.run(freed())


def test_a_reader_that_does_not_read_is_dropped():
    """Its queue is bounded; the others do not notice."""

    async def dropped() -> tuple[int, int, list[str]]:
        metrics = Metrics()
        hub = Hub(metrics)
        broken: list[str] = []
        slow, good = client(abort=lambda: broken.append("slow")), client()
        hub.join(slow)
        hub.join(good)
        for number in range(stream.QUEUED + 10):
            hub.publish(1, [event(number + 1)])
            await good.queue.get()
        hub.publish(1, [event(9_999)])
        assert good.queue.qsize() == 1
        return metrics.dropped, metrics.streams, broken

    assert asyncio.run(dropped()) == (1, 1, ["slow"])


def test_too_many_readers_are_refused(monkeypatch):
    """In all, and of one address where limits apply."""
    monkeypatch.setattr(stream, "MOST", 3)
    monkeypatch.setattr(stream, "MOST_EACH", 1)
    hub = Hub(Metrics(), limited=True)
    hub.join(client())
    with pytest.raises(Refusal, match="too many"):
        hub.join(client())
    for number in range(2):
        hub.join(Client(1, None, f"192.0.2.{number}", lambda: None))

    with pytest.raises(Refusal, match="too many"):
        hub.join(Client(1, None, "192.0.2.9", lambda: None))


def test_closing_ends_every_stream():
    """At once, with what was queued left unsaid."""

    async def ended() -> list[bytes]:
        hub = Hub(Metrics())
        reader = client()
        hub.join(reader)
        asyncio.get_running_loop().call_later(0.005, hub.close)
        return await read(reader, None, Log(), 1_000)

    assert asyncio.run(ended())[0] == b"retry: 2000\n\n"


@pytest.mark.parametrize(
    ("target", "named", "status"),
    [
        ("/v1/stream?driver=DOGE", {}, 404),
        ("/v1/stream?chain=base", {}, 404),
        ("/v1/stream", {"last_event_id": "nonsense"}, 400),
        ("/v1/stream", {"last_event_id": f"2-{SCAN}-0"}, 400),
    ],
)
def test_a_stream_that_cannot_be_meant_is_refused(target, named, status):
    """Before it begins."""
    assert Api(state(scan())).ask(target, **named).status == status


def test_the_head_of_a_stream_ends():
    """HEAD must not wait for events."""
    response = Api(state(scan())).ask("/v1/stream", method="HEAD")

    assert response.status == 200
    assert response.headers["content-type"].startswith("text/event-stream")


def test_readers_of_one_network_count_together():
    """As connections and requests do: an IPv6 customer has addresses without end."""
    clients: list[Client] = []

    class Noting(Hub):
        def join(self, client: Client) -> None:
            clients.append(client)
            raise Refusal("busy", "That will do.")

    async def ask(address: str) -> None:
        scope = {"head": False, "client": (address, 1)}
        with suppress(Refusal):
            await Stream(Noting(Metrics()), 1, None, None, Log)(scope, None, None)

    for address in ("2001:db8:1:2::3", "2001:db8:1:2:ffff::4"):
        asyncio.run(ask(address))

    assert clients[0].address == clients[1].address
