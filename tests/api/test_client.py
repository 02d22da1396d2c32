"""The Python client: a store, a server and a site answer alike."""

import gzip
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cli import whales_sample

import scanner
from api import happened, stores
from api.process import ROOT, Server, serving, wait_for
from scanner import client, connect, open_site, open_store
from scanner.client import Incomplete, Reader, Refused, Replaced, ServiceError, Unreachable
from scanner.client import network as client_network
from scanner.errors import BandscanError, StoreError, UsageError

WHALE = whales_sample.address(1)
TOKEN = "a-token-nobody-guesses"

QUESTIONS: dict[str, Callable[[Reader], Any]] = {
    "drivers": lambda reader: reader.drivers(),
    "bands": lambda reader: reader.bands(),
    "bands of a driver": lambda reader: reader.bands("eth", side="long", low=1000, least=1e6),
    "ticks": lambda reader: reader.ticks("ETH", high=2000.5, protocol="aave_v3"),
    "levels": lambda reader: reader.levels("ETH", at=[1781, 2600]),
    "levels of a side": lambda reader: reader.levels("BTC", side="long"),
    "positions": lambda reader: list(reader.positions("ETH")),
    "sorted positions": lambda reader: list(reader.positions("ETH", sort="debt", side="long")),
    "account": lambda reader: reader.account(WHALE),
    "history": lambda reader: reader.history("ETH", days=30),
    "history of the chain": lambda reader: reader.history(),
    "certificate": lambda reader: reader.certificate(),
    "tokens": lambda reader: reader.tokens(),
    "liquidations": lambda reader: reader.liquidations(),
    "liquidations of a protocol": lambda reader: reader.liquidations(
        since="7d", protocol="aave_v3", limit=2
    ),
    "liquidations of blocks": lambda reader: reader.liquidations(
        from_block=whales_sample.BLOCK - 295, to_block=whales_sample.BLOCK - 10
    ),
    "backtest": lambda reader: reader.backtest("eth"),
    "proof": lambda reader: reader.proof(),
    "scans": lambda reader: reader.scans(),
}


@pytest.fixture
def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reader, Reader]]:
    """A store, and a server of it, that no test changes."""
    store = tmp_path_factory.mktemp("both") / "store"
    stores.add(store)
    happened.add(store)
    with serving(store) as running:
        yield open_store(store), connect(f"http://127.0.0.1:{running.port}")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_store_and_a_server_answer_alike(both, question):
    """The same keys, the same numbers."""
    local, remote = map(QUESTIONS[question], both)

    assert local == remote


def test_both_tell_the_status_in_one_shape(both):
    """What is there, how old it is."""
    answers = [reader.status() for reader in both]

    assert set(answers[0]) == set(answers[1])
    assert [answer["chains"][0]["block_number"] for answer in answers] == [whales_sample.BLOCK] * 2


def test_answers_become_tables(store):
    """One row for each row of the answer's list."""
    reader = open_store(store)
    bands, positions = reader.bands("ETH"), reader.positions("ETH", side="long")

    assert bands.frame()["high_usd"].tolist() == [1862.02]
    assert len(positions) == len(positions.frame()) == 30
    assert positions.frame()["distance"].is_monotonic_decreasing
    assert reader.drivers().frame()["driver"].tolist() == ["ETH", "BTC"]
    assert client.Answer(driver="ETH").frame().empty


def test_positions_come_in_pages(both, monkeypatch):
    """Each row once, however often they are gone through."""
    monkeypatch.setattr(client_network, "PAGE", 10)
    positions = both[1].positions("ETH")

    once, twice = list(positions), list(positions)
    assert len(once) == len(positions) == 31
    assert once == twice
    assert positions.first["already_liquidatable"] == 1


def test_a_scan_that_is_replaced_between_two_pages_is_told(server, store, url, monkeypatch):
    """Rows of two scans are never mixed."""
    monkeypatch.setattr(client_network, "PAGE", 10)
    positions = connect(url).positions("ETH")
    stores.add(store, block=whales_sample.BLOCK + 1)
    wait_for(lambda: server.get("/v1/bands").headers["x-bandscan-block"].endswith("6"))

    with pytest.raises(Replaced, match="newer scan"):
        list(positions)


def test_every_call_finds_the_newest_scan(server, store, url):
    """In both."""
    local, remote = open_store(store), connect(url)
    before = local.bands()["scan_id"]
    stores.add(store, block=whales_sample.BLOCK + 1)

    assert local.bands()["scan_id"] != before
    wait_for(lambda: remote.bands()["scan_id"] == local.bands()["scan_id"])


class Recorded:
    """A web server that answers what it is told to, and writes down what it was asked."""

    def __init__(self, answer: Callable[[Any], tuple[int, dict[str, str], bytes]]) -> None:
        self.asked: list[dict[str, str]] = []
        self.connections = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer.connections += 1

            def do_GET(self) -> None:
                outer.asked.append(dict(self.headers))
                status, headers, body = answer(self)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(BrokenPipeError):  # a client that would not wait
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def recorded() -> Iterator[Callable[..., Recorded]]:
    """Starts such servers, and ends them."""
    made: list[Recorded] = []

    def start(answer: Callable[[Any], tuple[int, dict[str, str], bytes]]) -> Recorded:
        made.append(Recorded(answer))
        return made[-1]

    yield start
    for one in made:
        one.server.shutdown()
        one.server.server_close()


def test_polling_costs_a_304_on_one_connection(recorded):
    """What was answered before is asked for by its tag."""

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        if request.headers.get("If-None-Match") == '"a"':
            return 304, {"ETag": '"a"'}, b""
        return 200, {"ETag": '"a"'}, b'{"bands": []}'

    web = recorded(answer)
    reader = connect(web.url, TOKEN)
    answers = [reader.bands("ETH") for _ in range(3)]

    assert answers == [{"bands": []}] * 3
    tags = [headers.get("If-None-Match") for headers in web.asked]
    assert tags == [None, '"a"', '"a"']
    assert web.connections == 1
    assert {headers["Authorization"] for headers in web.asked} == {f"Bearer {TOKEN}"}


def test_answers_are_not_shared(both):
    """Changing one does not change the next."""
    for reader in both:
        reader.bands("ETH")["bands"].clear()
        assert reader.bands("ETH")["bands"]


def test_a_redirect_is_not_followed(recorded):
    """The token is for one server."""
    other = recorded(lambda request: (200, {}, b"{}"))
    web = recorded(lambda request: (302, {"Location": other.url}, b""))

    with pytest.raises(Refused, match="302"):
        connect(web.url, TOKEN).drivers()
    assert other.asked == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_answer_is_told(recorded, body):
    """Some other server lives there."""
    web = recorded(lambda request: (200, {}, body))

    with pytest.raises(ServiceError, match="no answer of bandscan"):
        connect(web.url).drivers()


@pytest.mark.parametrize("cut", [slice(20), slice(5, None), slice(30, 10)])
def test_what_arrives_damaged_is_told(recorded, cut):
    """Compressed bytes that end too early, begin too late, or are altered."""
    packed = gzip.compress(b'{"drivers": []}')
    body = packed[cut] or packed[:12] + b"\xff" * 20 + packed[32:]
    web = recorded(lambda request: (200, {"Content-Encoding": "gzip"}, body))

    with pytest.raises(ServiceError, match="damaged"):
        connect(web.url).drivers()


def test_a_host_that_is_no_name_is_told():
    """Python's own encoder of names has an error of its own for it."""
    with pytest.raises(Unreachable):
        connect("http://" + "a" * 70 + ".example").drivers()


def test_a_server_that_is_slow_or_not_there_is_told(recorded):
    """In a sentence, without a traceback to read."""
    pause = threading.Event()

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        pause.wait(5)
        return 200, {}, b"{}"

    web = recorded(answer)
    with pytest.raises(Unreachable, match="in time"):
        connect(web.url, timeout=0.1).drivers()
    pause.set()
    with pytest.raises(Unreachable, match="refused"):
        connect("http://127.0.0.1:9").drivers()


def test_a_connection_that_the_server_closed_is_opened_again(recorded):
    """Servers close what is idle."""

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        request.close_connection = True  # without saying so
        return 200, {}, b'{"drivers": []}'

    web = recorded(answer)
    reader = connect(web.url)

    assert [reader.drivers()["drivers"] for _ in range(3)] == [[]] * 3
    assert web.connections == 3


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8080", "ftp://x", "http://", "http://u:p@x", "http://x/?a=b", "http://x:y"],
)
def test_what_is_no_address_is_refused(address):
    """Before anything is asked."""
    with pytest.raises(UsageError):
        connect(address)


def test_problems_are_errors_with_all_the_server_said(store):
    """Status, code, and what to do."""
    with serving(store, BANDSCAN_TOKEN=TOKEN) as server:
        url = f"http://127.0.0.1:{server.port}"
        with pytest.raises(Refused, match="token") as refused:
            connect(url).drivers()
        assert (refused.value.status, refused.value.code) == (401, "unauthorized")
        with pytest.raises(Refused) as refused:
            connect(url, TOKEN).bands("DOGE")
        assert refused.value.problem["drivers"] == ["ETH", "BTC"]
        assert connect(url, TOKEN).bands("ETH")["driver"] == "ETH"


def test_an_incomplete_scan_is_an_error_unless_asked_for(tmp_path):
    """In both, with the reasons."""
    stores.add(tmp_path / "store", complete=False)
    with serving(tmp_path / "store") as server:
        url = f"http://127.0.0.1:{server.port}"
        for reader in (open_store(tmp_path / "store"), connect(url)):
            with pytest.raises(Incomplete) as refused:
                reader.bands("ETH")
            assert refused.value.reasons[0].startswith("The endpoint stopped")
        for reader in (
            open_store(tmp_path / "store", incomplete=True),
            connect(url, incomplete=True),
        ):
            assert reader.bands("ETH")["complete"] is False
            assert len(list(reader.positions("ETH"))) == 31


def test_a_store_tells_what_is_wrong_with_it(tmp_path, store):
    """As the command line does."""
    with pytest.raises(UsageError, match="no finished scan"):
        open_store(tmp_path / "nothing").drivers()
    with pytest.raises(UsageError, match="DOGE"):
        open_store(store).bands("DOGE")
    with pytest.raises(UsageError, match="protocol"):
        open_store(store).bands("ETH", protocol="aave")
    (next((store / "scans" / "1").iterdir()) / "scan.json").write_bytes(b"{")
    with pytest.raises(StoreError, match="damaged"):
        open_store(store).drivers()


def test_a_chain_is_named_where_there_are_several(store):
    """By name or id."""
    stores.add(store, chain_id=8453)
    with pytest.raises(UsageError, match="several chains"):
        open_store(store).bands()
    with serving(store) as server:
        url = f"http://127.0.0.1:{server.port}"
        with pytest.raises(Refused, match="Name one"):
            connect(url).bands()
        for reader in (open_store(store, "base"), connect(url, chain=8453)):
            assert reader.bands()["chain_id"] == 8453
            assert reader.history("ETH")["chain_id"] == 8453


@pytest.fixture
def site(tmp_path: Path, store: Path) -> Path:
    """A folder with the documents of a report."""
    reader = open_store(store)
    documents = {
        "index": {"drivers": [{"driver": "ETH", "documents": "v1/eth/"}]},
        "drivers": reader.drivers(),
        "eth/bands": reader.bands("ETH"),
        "eth/positions": reader.positions("ETH").first,
    }
    for name, document in documents.items():
        file = tmp_path / "site" / "v1" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document))
    return tmp_path / "site"


def test_a_site_answers_what_it_has(site, store, recorded):
    """From a folder and over http; the same as the store."""

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        file = site / request.path.removeprefix("/bandscan/")
        return (200, {}, file.read_bytes()) if file.is_file() else (404, {}, b"<html>")

    web = recorded(answer)
    for reader in (open_site(site), open_site(f"{web.url}/bandscan/")):
        assert reader.bands("eth") == open_store(store).bands("ETH")
        assert reader.drivers() == open_store(store).drivers()
        assert list(reader.positions("ETH")) == list(open_store(store).positions("ETH"))
        for refused in (
            lambda: reader.bands("ETH", side="long"),  # noqa: B023
            lambda: reader.bands(),  # noqa: B023
            lambda: reader.bands("BTC"),  # noqa: B023
            lambda: reader.account(WHALE),  # noqa: B023
            lambda: reader.status(),  # noqa: B023
            lambda: reader.positions("ETH", sort="debt"),  # noqa: B023
            lambda: reader.levels("ETH", at=[1781]),  # noqa: B023
        ):
            with pytest.raises(UsageError):
                refused()
        with pytest.raises(ServiceError):
            reader.history("ETH")


def test_importing_the_package_is_light():
    """The client comes when it is asked for."""
    code = "import scanner, sys; print([m for m in sys.modules if m.startswith('scanner.')])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )

    assert done.stdout.strip() == "[]"


def test_the_public_names_are_these():
    """And nothing else is promised."""
    assert scanner.__all__ == ["__version__", "connect", "open_site", "open_store"]
    with pytest.raises(AttributeError):
        _ = scanner.nothing
    for name in ("Incomplete", "Refused", "Replaced", "ServiceError", "Unreachable"):
        assert issubclass(getattr(client, name), BandscanError)
