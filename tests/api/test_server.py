"""The server as a process of its own, on a real socket: news, signals, readers and writers."""

import http.client
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from cli import whales_sample

from api import stores
from api.process import Server, serving, wait_for
from scanner.store import retention, snapshots

BLOCK, TIME = whales_sample.BLOCK, whales_sample.TIME


def block_of(server: Server) -> str:
    return server.get("/v1/bands?driver=ETH").headers.get("x-bandscan-block", "")


def test_a_new_scan_is_served_within_a_second_of_its_rename(server, store):
    """By itself; what was asked before is asked again with its old tag and is new."""
    old = server.get("/v1/bands?driver=ETH")
    for number in range(1, 6):
        stores.add(store, block=BLOCK + number)
        took = wait_for(lambda: block_of(server) == str(BLOCK + number))  # noqa: B023
        assert took < 1.0
    new = server.get("/v1/bands?driver=ETH", if_none_match=old.headers["etag"])

    assert new.status == 200
    wait_for(lambda: server.lines[-1] == f"ethereum: block {BLOCK + 5:,}, complete")


CACHED = (
    "/v1/drivers",
    "/v1/ticks",
    "/v1/levels?driver=ETH",
    "/v1/positions?driver=ETH",
    "/v1/scan",
    "/v1/history?driver=ETH",
    "/v1/bands?min_usd=5",
    "/openapi.json",
)


def test_an_old_tag_is_304_until_the_scan_is_another(server):
    """On every endpoint, with and without gzip."""
    for target in CACHED:
        for coding in ("gzip", "identity"):
            first = server.get(target, accept_encoding=coding)
            again = server.get(
                target, accept_encoding=coding, if_none_match=f'"x", {first.headers["etag"]}'
            )
            assert (first.status, again.status, again.body) == (200, 304, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_0(store, number):
    """Also while somebody reads the stream."""
    with serving(store) as server:
        reader = socket.create_connection(("127.0.0.1", server.port))
        with closing(reader):
            reader.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % server.port)
            assert b"200 OK" in reader.recv(1_000)
            begun = time.monotonic()
            assert server.stop(number) == 0
            assert time.monotonic() - begun < 5
        assert server.lines[-1] == "stopped"
        assert not any("Traceback" in line for line in server.lines)


def test_a_poisoned_store_is_told_and_recovered_from(server, store):
    """503 with a reason while it lasts, whatever is asked; then the scan again."""
    [only] = snapshots.listed(store, 1)
    good = (only.path / "scan.json").read_bytes()
    (only.path / "scan.json").write_bytes(good[:500])
    wait_for(lambda: server.get("/v1/bands?driver=ETH").status == 503)
    for target in ("/v1/bands", "/v1/ticks?driver=ETH&from=5", "/v1/drivers", "/healthz"):
        answer = server.get(target)
        assert answer.status == 503
        assert b"damaged" in answer.body
    assert server.get("/v1/status").status == 200

    (only.path / "scan.json").write_bytes(good)
    wait_for(lambda: server.get("/v1/bands?driver=ETH").status == 200)
    assert server.get("/healthz").status == 200


def test_half_a_snapshot_is_never_shown(server, store):
    """A directory with the right name and not everything in it; then it is gone."""
    folder = store / "scans" / "1" / f"{BLOCK + 9:012d}-5e5e5e5e-12345678"
    folder.mkdir()
    wait_for(lambda: server.get("/v1/bands").status == 503)
    assert server.get("/v1/bands").json["type"] == "urn:bandscan:problem:unreadable"

    folder.rmdir()
    wait_for(lambda: server.get("/v1/bands").status == 200)
    assert block_of(server) == str(BLOCK)


def test_an_empty_store_is_served_as_soon_as_it_holds_something(tmp_path):
    """The server may be there before the first scan."""
    with serving(tmp_path / "store") as server:
        assert server.get("/v1/bands").json["type"] == "urn:bandscan:problem:no_scan"
        stores.add(tmp_path / "store")
        wait_for(lambda: server.get("/v1/bands").status == 200)


class Readers:
    """Clients that ask as fast as they can, each on a connection that stays open."""

    TARGETS = ("/v1/bands?driver=ETH", "/v1/drivers", "/v1/levels?driver=ETH&at=1781",
               "/v1/positions?driver=ETH&limit=5", "/v1/bands", "/v1/scans?limit=1")  # fmt: skip

    def __init__(self, port: int) -> None:
        self.port = port
        self.stopped = threading.Event()
        self.answers = 0
        self.wrong: list[str] = []
        self.blocks: set[str] = set()

    def read(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        newest = 0
        with closing(connection):
            while not self.stopped.is_set():
                target = self.TARGETS[number % len(self.TARGETS)]
                connection.request("GET", target)
                response = connection.getresponse()
                body = response.read()
                headers = response.headers
                block = int(headers.get("x-bandscan-block", "0"))
                scan = headers.get("x-bandscan-scan", "-")
                whole = body.endswith(b"}\n") and len(body) == int(headers["content-length"])
                if response.status != 200 or not whole or scan.encode() not in body:
                    self.wrong.append(f"{target}: {response.status} {body[:300]!r}")
                elif block < newest:
                    self.wrong.append(f"{target}: block {block} after {newest}")
                newest = max(newest, block)
                self.blocks.add(scan)
                self.answers += 1
                time.sleep(0.002)  # this process writes as well


def test_readers_never_see_a_torn_or_missing_answer(tmp_path):
    """A thousand scans, really renamed into place, and as many times of retention."""
    store = tmp_path / "store"
    stores.add(store)
    with serving(store) as server, ThreadPoolExecutor(4) as pool:
        readers = Readers(server.port)
        work = [pool.submit(readers.read, number) for number in range(4)]
        try:
            for number in range(1, 1_001):
                stores.add(store, block=BLOCK + number, timestamp=TIME + number * 1_800)
                if number % 4 == 0:
                    retention.prune(store, 1)
            wait_for(lambda: block_of(server) == str(BLOCK + 1_000))
        finally:
            readers.stopped.set()
        for one in work:
            one.result()

        assert readers.wrong == []
        assert readers.answers > 1_000
        assert len(readers.blocks) > 30
        assert not any("damaged" in line or "defect" in line for line in server.lines)


class Stream:
    """A reader of /v1/stream, with the events it got as (id, kind)."""

    def __init__(self, port: int, since: str | None = None, query: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        named = {} if since is None else {"Last-Event-ID": since}
        self.connection.request("GET", f"/v1/stream{query}", headers=named)
        self.response = self.connection.getresponse()
        assert self.response.status == 200

    def events(self) -> Iterator[tuple[str, str]]:
        """Ids and kinds; an id alone has the kind ""."""
        block: dict[str, str] = {}
        while line := self.response.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if line != "\n":
                block[name] = value
            elif "id" in block:
                yield block["id"], block.get("event", "")
                block = {}
            else:
                block = {}

    def close(self) -> None:
        self.connection.close()


def test_fifty_readers_of_the_stream_keep_up(server, store):
    """All get every event, in order, and soon."""
    readers = [Stream(server.port) for _ in range(50)]
    heads = [next(reader.events()) for reader in readers]
    begun = time.monotonic()
    for number in range(1, 11):
        stores.add(store, block=BLOCK + number, worth=1.5**number)
        wait_for(lambda: block_of(server) == str(BLOCK + number))  # noqa: B023
    told = []
    for reader in readers:
        events = reader.events()
        told.append([next(events) for _ in range(20)])
        reader.close()

    assert time.monotonic() - begun < 15
    assert len(set(heads)) == 1
    assert all(one == told[0] for one in told)
    assert [kind for _, kind in told[0]] == ["scan", "band"] * 10
    assert "streams_dropped_total 0" in server.get("/metrics").body.decode()


def test_a_stream_is_resumed_after_a_restart(store):
    """Nothing is lost and nothing is told twice, although the server was another."""
    with serving(store) as server:
        reader = Stream(server.port)
        events = reader.events()
        next(events)
        stores.add(store, block=BLOCK + 1, worth=2.0)
        scan, band = next(events), next(events)
        reader.close()
    stores.add(store, block=BLOCK + 2, worth=4.0)
    with serving(store) as server:
        for since, left in ((scan[0], 3), (band[0], 2)):
            reader = Stream(server.port, since)
            events = reader.events()
            again = [next(events) for _ in range(left)]
            reader.close()
            assert again[-2:] == [
                (again[-2][0], "scan"),
                (again[-2][0].removesuffix("-0") + "-1", "band"),
            ]
            if left == 3:
                assert again[0] == band


NO_HTTP = (
    b"\x16\x03\x01\x02\x00\x01\x00\xfc\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"hello\r\n\r\n",
    b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
)


def test_what_is_no_http_gets_a_problem(server):
    """Not a traceback, and not silence."""
    for sent in NO_HTTP:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(sent)
            got = client.recv(10_000)
        assert got.startswith(b"HTTP/1.1 4"), (sent, got)
        assert b"application/problem+json" in got

    assert server.get("/v1/bands").status == 200
    assert not any("Traceback" in line for line in server.lines)


def test_an_endless_head_is_cut_off(server):
    """After sixteen kilobytes, whatever follows; what is on its way by then is thrown away."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        endless = b"".join(b"X-Filler-%d: %s\r\n" % (n, b"x" * 10_000) for n in range(5_000))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(endless)

    assert server.get("/v1/bands").status == 200


def test_a_long_head_gets_a_problem(server):
    """Who stops to listen is told why."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX-Filler: " + b"x" * 17_000)

        assert client.recv(10_000).startswith(b"HTTP/1.1 431")


def test_absolute_targets_and_two_requests_at_once(server):
    """A proxy's form is answered as the path it names; pipelining in order."""
    port = server.port
    line = b"GET http://evil.example/v1/bands HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port
    last = b"GET /nope HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n" % port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(line + last)
        got = b""
        while part := client.recv(65_536):
            got += part

    assert [head[:12] for head in got.split(b"HTTP/1.1")[1:]] == [
        b" 200 OK\r\ndat",
        b" 404 Not Fou",
    ]


def test_two_chains_are_served_side_by_side(store):
    """A scan of one leaves the other as it is."""
    stores.add(store, chain_id=8453, block=77)
    with serving(store) as server:
        before = server.get("/v1/bands?chain=base").headers["etag"]
        stores.add(store, block=BLOCK + 1)
        wait_for(
            lambda: server.get("/v1/drivers?chain=1").headers["x-bandscan-block"] == str(BLOCK + 1)
        )
        again = server.get("/v1/bands?chain=base", if_none_match=before)

        assert again.status == 304
        assert server.get("/v1/bands").status == 400


def test_the_store_is_never_locked_by_readers(server, store):
    """Nothing of ours holds a lock: a writer with a lock file of its own is not kept waiting."""
    import fcntl

    with (store / "scans" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = server.get("/v1/positions?driver=ETH&limit=3")

    assert answer.status == 200
    assert Path(store / "scans" / ".lock").exists()
