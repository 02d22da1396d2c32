"""Errors, pages and headers to the letter; limits that hold and let smaller requests pass."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from hostile import HostileProxy, fault
from hostile.asking import ask
from hostile.range_texts import ROWS
from hostile.upstream import USER, Upstream, aggregate, logs

COMPUTE = "Your app has exceeded its compute units per second capacity."
NESTED = '{"jsonrpc":"2.0","error":{"code":-32016,"message":"over rate limit"},"id":9}\n'
WHOLE = logs(0, 1000)
# (id, variant, options, method, HTTP status, code, message): the whole message, or its beginning
ERRORS: list[tuple[str, str, dict[str, Any], str, int, int, str]] = [
    ("F01", "infura", {"limit": 20, "says": 10000}, "eth_getLogs", 200, -32005,
     "query returned more than 10000 results. Try with this block range [0x0, 0xb3]."),
    ("F02", "results", {"limit": 20}, "eth_getLogs", 200, -32602, "Log response size exceeded."),
    ("F02", "blocks", {"says": 500}, "eth_getLogs", 200, -32600,
     "You can make eth_getLogs requests with up to a 500 block range. Based on your parameters, "
     "this block range should work: [0x0, 0x27]"),
    ("F03", "quicknode", {"says": 10000}, "eth_getLogs", 413, -32614,
     "eth_getLogs is limited to a 10,000 range"),
    ("F04", "reth", {"says": 20000}, "eth_getLogs", 200, -32602,
     "query exceeds max results 20000, retry with the range 0-179"),
    ("F05", "infura-range", {"says": 10000}, "eth_getLogs", 200, -32602,
     "range 1001 exceeds limit of 10000"),
    ("F05", "arc", {"says": 10000}, "eth_getLogs", 200, -32600,
     "Query exceeds max block range of 10000"),
    ("F05", "merkle", {"says": 1000}, "eth_getLogs", 200, -32603,
     "eth_getLogs range is too large, max is 1k blocks"),
    ("F05", "drpc", {"says": 10000}, "eth_getLogs", 200, 35,
     "ranges over 10000 blocks are not supported on freetier"),
    ("F05", "publicnode", {"says": 50000}, "eth_getLogs", 200, -32701,
     "exceed maximum block range: 50000"),
    ("F05", "blast-plan", {"says": 500}, "eth_getLogs", 400, -32600,
     "block range exceeds the range allowed for your plan (1001 > 500)"),
    ("F07", "policy", {"limit": 100}, "eth_getLogs", 200, -32000, "request rejected by policy 7"),
    ("F08", "bsc", {}, "eth_getLogs", 200, -32005, "limit exceeded"),
    ("F09", "alchemy-free", {}, "eth_getLogs", 200, -32600,
     "You can make eth_getLogs requests with up to a 10 block range. Based on your parameters, "
     "this block range should work: [0x0, 0x9]"),
    ("F11", "alchemy", {}, "eth_call", 200, 429, COMPUTE),
    ("F12", "infura", {}, "eth_call", 429, -32005, "project ID request rate exceeded"),
    ("F13", "base", {}, "eth_call", 200, -32000, f"429 Too Many Requests: {NESTED}"),
    ("F14", "1rpc", {}, "eth_call", 200, -32001,
     "You've reached the usage limit for your current plan"),
    ("F14", "daily", {}, "eth_call", 429, -32005, "daily request count exceeded"),
    ("F17", "no-backend", {}, "eth_call", 503, -32011,
     "no backend is currently healthy to serve traffic"),
    ("F17", "too-large", {}, "eth_call", 500, -32020, "backend response too large"),
    ("F17", "timeout", {}, "eth_call", 504, -32015, "gateway timeout"),
    ("F17", "capacity", {}, "eth_call", 429, -32012, "backend is over capacity"),
    ("F17", "rate", {}, "eth_call", 429, -32016, "over rate limit"),
    ("F17", "too-many", {}, "eth_call", 429, -32024, "too many requests"),
    ("F18", "nethermind", {}, "eth_call", 503, -32005, "Unable to start new queued requests"),
    ("F23", "reth", {}, "eth_getLogs", 200, -32602,
     "block range extends beyond current head block: requested 1000, head 995"),
    ("F36", "reth", {}, "eth_call", 200, -32003, "out of gas: gas required exceeds: 50000000"),
    ("F36", "geth", {}, "eth_call", 200, -32000, "out of gas"),
    ("F37", "geth", {}, "eth_call", 200, -32000, "execution aborted (timeout = 5s)"),
    ("F37", "request", {}, "eth_call", 200, -32002, "request timed out"),
    ("F38", "erigon", {"says": 100000}, "eth_call", 200, -32000,
     "call returned result on length 24064 exceeding --rpc.returndata.limit 100000"),
    ("F38", "geth", {}, "eth_call", 200, -32003, "response too large"),
    ("F39", "proxyd", {}, "eth_call", 413, -32021, "request body too large"),
    ("F42", "reth", {"first": 1}, "eth_call", 200, -32603, "state at block #900 is pruned"),
    ("F42", "geth", {"first": 1}, "eth_call", 200, -32000, "missing trie node "),
    ("F42", "nethermind", {"first": 1}, "eth_call", 200, -32002,
     "No state available for block 900 (0x"),
    ("F43", "geth", {}, "eth_call", 200, -32000, "header not found"),
    ("F50", "key", {}, "eth_call", 200, -32000, "no such key: k3y"),
    ("F52", "B", {"first": 2}, "eth_call", 429, -32005, "rate limit exceeded"),
]  # fmt: skip
# (id, variant, options, HTTP status, body or its beginning)
TEXTS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("F10", "absent", {}, 429, "Too Many Requests"),
    ("F14", "402", {}, 402, "Payment Required"),
    ("F15", "html-200", {}, 200, "<!DOCTYPE html>\n<html"),
    ("F15", "html-403", {}, 403, "<!DOCTYPE html>\n<html"),
    ("F15", "html-502", {}, 502, "<!DOCTYPE html>\n<html"),
    ("F15", "html-522", {}, 522, "<!DOCTYPE html>\n<html"),
    ("F15", "1015", {}, 429, "error code: 1015"),
    ("F15", "empty", {}, 200, ""),
    ("F15", "upstream", {}, 503, "upstream connect error or disconnect/reset before headers."),
    ("F16", "ankr-429", {}, 429, "message: rate limit, trace_id: x"),
    ("F39", "geth", {"limit": 16384, "says": 5242880}, 413, "content length too large ("),
    ("F39", "nginx", {}, 413, "<html>\r\n<head><title>413 Request Entity Too Large</title>"),
]


@pytest.fixture(scope="module")
def node() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.mark.parametrize(
    ("id_", "name", "options", "method", "status", "code", "message"),
    ERRORS,
    ids=[f"{row[0]}-{row[1]}" for row in ERRORS],
)
def test_errors(
    node: Upstream,
    id_: str,
    name: str,
    options: dict[str, Any],
    method: str,
    status: int,
    code: int,
    message: str,
) -> None:
    """Status, code and message as quoted."""
    with HostileProxy(node.url, [fault(id_, name, **options)], path="/v2/k3y") as proxy:
        if options.get("first") == 2:
            ask(proxy.url, method)
        heard = ask(proxy.url, method)
    assert heard.status == status
    assert heard.error[0] == code
    assert heard.error[1].startswith(message)
    assert heard.answer["id"] == 5


@pytest.mark.parametrize(
    ("id_", "name", "options", "status", "body"), TEXTS, ids=[f"{row[0]}-{row[1]}" for row in TEXTS]
)
def test_texts(
    node: Upstream, id_: str, name: str, options: dict[str, Any], status: int, body: str
) -> None:
    """Answers that are no JSON."""
    with HostileProxy(node.url, [fault(id_, name, **options)]) as proxy:
        heard = ask(proxy.url, "eth_call")
    assert heard.status == status
    assert heard.body.decode().startswith(body)
    assert bool(heard.body) == bool(body)
    assert heard.header("Content-Type").startswith(("text/plain", "text/html"))


def test_headers(node: Upstream) -> None:
    """Retry-After in seconds and as a date, Location, Date."""
    with HostileProxy(node.url) as proxy:
        proxy.set(fault("F10", "seconds", wait=2))
        assert ask(proxy.url, "eth_chainId").header("Retry-After") == "2"
        proxy.set(fault("F10", "date", wait=30))
        when = parsedate_to_datetime(ask(proxy.url, "eth_chainId").header("Retry-After"))
        assert 25 < when.timestamp() - time.time() <= 30
        proxy.set(fault("F10", "absent"))
        assert ask(proxy.url, "eth_chainId").header("Retry-After") == ""
        proxy.set(fault("F49"))
        heard = ask(proxy.url, "eth_chainId")
        assert (heard.status, heard.header("Location")) == (302, "http://169.254.169.254/")
        proxy.set(fault("F51", "past"))
        heard = ask(proxy.url, "eth_chainId")
        assert heard.result == "0x7a69"
        assert time.time() - parsedate_to_datetime(heard.header("Date")).timestamp() > 86_400 * 399


def test_data_beside_the_message(node: Upstream) -> None:
    """Infura's hints as values; the URL where it is echoed."""
    with HostileProxy(node.url, [fault("F01", limit=20)], path="/v2/k3y") as proxy:
        data = ask(proxy.url, "eth_getLogs").answer["error"]["data"]
        assert data == {"from": "0x0", "limit": 20, "to": "0xb3"}
        proxy.set(fault("F12", backoff=30.0))
        assert ask(proxy.url, "eth_call").answer["error"]["data"]["backoff_seconds"] == 30.0
        proxy.set(fault("F50", "error"))
        error = ask(proxy.url, "eth_call").answer["error"]
        assert error["message"] == f"request to {proxy.url} failed"
        assert error["data"]["url"] == proxy.url


@pytest.mark.parametrize("name", ["wider", "same", "outside", "before", "reversed", "zero"])
def test_bad_hints(node: Upstream, name: str) -> None:
    """No hint lies strictly inside of what was asked."""
    with HostileProxy(node.url, [fault("F06", name)]) as proxy:
        asked = {"fromBlock": hex(200), "toBlock": hex(400)}
        error = ask(proxy.url, "eth_getLogs", asked).answer["error"]
    if name == "zero":
        assert error["message"] == "exceed maximum block range: 0"
    else:
        low, high = int(error["data"]["from"], 16), int(error["data"]["to"], 16)
        assert f"[{hex(low)}, {hex(high)}]" in error["message"]
        assert not (200 <= low <= high <= 400 and high - low < 200)


RANGES = [("F01", ""), ("F02", "results"), ("F02", "blocks"), ("F03", ""), ("F04", ""), ("F07", "")]
RANGES += [("F09", ""), *[("F06", name) for name in ("wider", "reversed", "zero")]]
RANGES += [("F05", row.name) for row in ROWS if row.measure != "filters"]


@pytest.mark.parametrize(("id_", "name"), RANGES)
def test_a_client_that_halves_gets_every_log(node: Upstream, id_: str, name: str) -> None:
    """Whatever the limit counts: halved until it fits, the answers add up to the truth."""
    with HostileProxy(node.url, [fault(id_, name)]) as proxy:

        def fetch(low: int, high: int) -> list[Any]:
            asked = {"fromBlock": hex(low), "toBlock": hex(high)}
            found = ask(proxy.url, "eth_getLogs", asked).answer
            if "result" in found:
                logs: list[Any] = found["result"]
                return logs
            middle = (low + high) // 2
            assert low < high, "one block is refused"
            return fetch(low, middle) + fetch(middle + 1, high)

        assert fetch(0, 1000) == WHOLE
        assert proxy.struck[id_] > 0


@pytest.mark.parametrize("id_", ["F36", "F37", "F38", "F39"])
def test_small_calls_pass(node: Upstream, id_: str) -> None:
    """Ten calls are no burden, 150 are."""
    small = {"to": USER, "data": aggregate(10)}
    with HostileProxy(node.url, [fault(id_)]) as proxy:
        assert b'"result"' not in ask(proxy.url, "eth_call").body
        assert ask(proxy.url, "eth_call", small, "0x64").result.startswith("0x")
        assert proxy.struck[id_] == 1


def test_the_state_that_went_comes_back_with_a_newer_pin(node: Upstream) -> None:
    """Pins up to the head of the first strike are refused, later ones served."""
    call = {"to": USER, "data": "0x"}
    with HostileProxy(node.url, [fault("F42", "reth", first=2)]) as proxy:
        said = [
            "error" in ask(proxy.url, "eth_call", call, hex(b)).answer for b in (900, 900, 1000)
        ]
        assert said == [False, True, True]
        assert ask(proxy.url, "eth_call", call, hex(1001)).result == f"0x{1001:064x}"
