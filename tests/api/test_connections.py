"""Connections: clients that are slow, and too many of them."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import uvicorn

from api.asking import RULES, Api, scan, scope_of, state
from api.process import wait_for
from scanner.outputs.api import connections
from scanner.outputs.api.answering import LEFT
from scanner.outputs.api.connections import Door, protocol, sweeping
from scanner.outputs.api.front import Front
from scanner.outputs.api.sending import send_whole

LARGE = 8 * 2**20
REQUEST = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


noticed = threading.Event()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """A large answer, a small one, or a broken connection; or one that waits until nobody does."""
    if scope["path"] == "/waiting":
        while not scope["extensions"]["bandscan"]["left"]():
            await asyncio.sleep(0.01)
        noticed.set()
        return
    if scope["path"] == "/abort":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["extensions"]["bandscan"]["abort"]()
        return
    body = b"x" * LARGE if scope["path"] == "/large" else b"small"
    await send_whole(send, 200, [(b"content-length", b"%d" % len(body))], body)


@contextmanager
def listening(door: Door) -> Iterator[int]:
    """The port of a server with this door, in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=protocol(door), ws="none", lifespan="off", log_config=None, access_log=False
    )
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)

    async def both() -> None:
        sweep = asyncio.create_task(sweeping(door))
        await server.serve(sockets=[listener])
        sweep.cancel()

    thread = threading.Thread(target=asyncio.run, args=(both(),), daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def small(client: socket.socket) -> bool:
    """Ask for the small answer, and read it."""
    client.sendall(REQUEST % b"small")
    got = b""
    while not got.endswith(b"small"):
        part = client.recv(1_000)
        if not part:
            return False
        got += part
    return True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become tenths."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.3)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
def test_whoever_connects_and_says_nothing_is_let_go():
    """There is nobody to answer."""
    with listening(Door()) as port, connected(port) as client:
        assert client.recv(1_000) == b""


@pytest.mark.usefixtures("impatient")
def test_a_head_that_never_ends_is_answered_with_408():
    """However diligently it is sent, byte by byte."""
    with listening(Door()) as port, connected(port) as client:
        got = b""
        client.settimeout(0.02)
        for byte in b"GET /small HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"s" * 400:
            try:
                client.sendall(bytes([byte]))
                got += client.recv(1_000)
            except TimeoutError:
                continue
            except OSError:
                break
            if got:
                break

    assert got.startswith(b"HTTP/1.1 408")


@pytest.mark.usefixtures("impatient")
def test_a_second_head_has_its_time_as_well():
    """The first request was fast; that buys nothing."""
    with listening(Door()) as port, connected(port) as client:
        assert small(client)
        client.sendall(b"GET /small HTTP/1.1\r\n")

        assert client.recv(1_000).startswith(b"HTTP/1.1 408")


@pytest.mark.usefixtures("impatient")
def test_a_reader_that_does_not_read_is_let_go():
    """It holds a piece of the answer, and not all of it; then its connection is broken."""
    door = Door()
    with listening(door) as port, connected(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.sendall(REQUEST % b"large")
        wait_for(lambda: len(door.open) == 1)
        [one] = door.open
        wait_for(lambda: one.transport.get_write_buffer_size() > 0 or not door.open)
        assert one.transport.get_write_buffer_size() < LARGE / 10
        wait_for(lambda: not door.open)


@pytest.mark.usefixtures("impatient")
def test_a_reader_that_reads_gets_everything():
    """However long it takes, as long as it goes on."""
    with listening(Door()) as port, connected(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.sendall(REQUEST % b"large")
        got = 0
        while got < LARGE:
            part = client.recv(200_000)
            assert part
            got += len(part)
            time.sleep(0.005)

    assert got > LARGE


def test_too_many_connections_are_refused_with_a_problem():
    """And admitted again when others have left."""
    door = Door(most=3)
    with listening(door) as port, ExitStack() as held:
        for _ in range(3):
            assert small(held.enter_context(connected(port)))
        with connected(port) as more:
            assert more.recv(1_000).startswith(b"HTTP/1.1 503")
        held.close()
        wait_for(lambda: not door.open)

        with connected(port) as again:
            assert small(again)
    assert not door.by_client


def test_one_client_cannot_take_all_connections():
    """Where limits apply."""
    door = Door(most=100, each=2)
    with listening(door) as port, ExitStack() as held:
        for _ in range(2):
            held.enter_context(connected(port))
        wait_for(lambda: len(door.open) == 2)
        with connected(port) as more:
            assert more.recv(1_000).startswith(b"HTTP/1.1 503")


def test_an_application_can_break_a_connection():
    """As the stream does with a reader that does not read."""
    with listening(Door()) as port, connected(port) as client:
        client.sendall(REQUEST % b"abort")
        got = b""
        with suppress(ConnectionResetError):
            while part := client.recv(1_000):
                got += part

    assert b"0\r\n\r\n" not in got


def test_whoever_answers_can_ask_whether_the_client_has_left():
    """So that nothing is made for nobody."""
    noticed.clear()
    with listening(Door()) as port:
        client = connected(port)
        client.sendall(REQUEST % b"waiting")
        assert not noticed.wait(0.2)
        client.close()
        assert noticed.wait(10)


def test_the_front_hands_it_on():
    """To whatever makes the answer."""
    api = Api(state(scan()))
    found: list[object] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        found.append(LEFT.get()())
        await send_whole(send, 200, [])

    async def ask() -> None:
        front = Front(inner, api.board, RULES, api.metrics, api.defects.append)
        scope = scope_of(b"/v1/levels") | {"extensions": {"bandscan": {"left": lambda: True}}}
        await front(scope, nothing, nothing)

    async def nothing(*_: Any) -> None:
        pass

    asyncio.run(ask())
    assert found == [True]


def test_a_connection_does_not_pile_up_requests():
    """A few may be sent ahead of their answers; with thousands the connection ends."""
    with listening(Door()) as port:
        for number, kept in ((connections.MOST_AHEAD, True), (5_000, False)):
            client = connected(port)
            client.sendall(REQUEST % b"small" * number)
            client.settimeout(1)
            got = b""
            with suppress(TimeoutError, ConnectionResetError):
                while part := client.recv(65_536):
                    got += part
            client.close()
            assert (got.count(b" 200 OK") == number) is kept
            assert (b" 400 Bad Request" in got) is not kept
