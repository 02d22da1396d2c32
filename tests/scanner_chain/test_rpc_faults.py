"""What nodes and providers say, and what it must mean to us."""

import pytest

from scanner.chain.faults import Fault, Kind, classify, narrower, retry_after

LOGS, CALL = "eth_getLogs", "eth_call"

SAID = [
    # eth_getLogs: too wide
    (LOGS, 200, -32602, "exceed maximum block range 10000", Kind.RANGE),
    (LOGS, 200, -32602, "query exceeds max block range 100000", Kind.RANGE),
    (LOGS, 200, -32602, "query exceeds max results 20000, retry with the range 5-9", Kind.RANGE),
    (LOGS, 200, -32602, "range 1000000 exceeds limit of 10000", Kind.RANGE),
    (LOGS, 200, -32005, "Too many logs requested. Max logs per response is 20000.", Kind.RANGE),
    (LOGS, 200, -32602, "Block range 9 exceeds the maximum of 5 blocks per logs", Kind.RANGE),
    (LOGS, 200, -32005, "Requested range exceeds maximum RPC range limit", Kind.RANGE),
    (LOGS, 200, -32000, "requested too many blocks from 1 to 9, maximum is set to 2", Kind.RANGE),
    (LOGS, 200, -32000, "Block range is too large", Kind.RANGE),
    (LOGS, 200, -32005, "query returned more than 10000 results. Try with", Kind.RANGE),
    (LOGS, 200, -32602, "Log response size exceeded. You can make eth_getLogs", Kind.RANGE),
    (
        LOGS,
        200,
        -32600,
        "You can make eth_getLogs requests with up to a 500 block range.",
        Kind.RANGE,
    ),
    (LOGS, 200, -32600, "Under the Free tier plan, up to a 10 block range", Kind.RANGE),
    (LOGS, 413, -32614, "eth_getLogs is limited to a 10,000 range", Kind.RANGE),
    (LOGS, 200, -32701, "exceed maximum block range: 50000", Kind.RANGE),
    (LOGS, 200, 35, "ranges over 10000 blocks are not supported on freetier", Kind.RANGE),
    (LOGS, 200, -32603, "eth_getLogs range is too large, max is 1k blocks", Kind.RANGE),
    (LOGS, 200, -32602, "eth_getLogs is limited to 1024 block range. Please check", Kind.RANGE),
    (LOGS, 200, -32602, "Block range limit exceeded. See more details", Kind.RANGE),
    (LOGS, 200, -32047, "Max range: 800", Kind.RANGE),
    (LOGS, 200, -32000, "exceeds the range allowed for your plan (9000 > 10)", Kind.RANGE),
    (LOGS, 200, -32005, "please limit the query to at most 1000 blocks", Kind.RANGE),
    (LOGS, 200, -32000, "logs matched by query exceeds limit of 10000", Kind.RANGE),
    (LOGS, 200, -32000, "query must be smaller than size 1024", Kind.RANGE),
    (LOGS, 400, -32600, "Response size is larger than 150MB limit", Kind.RANGE),
    (LOGS, 200, -32012, "exceeded max allowed range", Kind.RANGE),
    (LOGS, 500, -32020, "backend response too large", Kind.RANGE),
    (LOGS, 200, -32000, "exceed max addresses or topics per search position", Kind.ADDRESSES),
    # ahead of the node: wait, never shrink
    (LOGS, 200, -32602, "block range extends beyond current head block", Kind.LAG),
    (LOGS, 200, -32602, "requested block range is in the future", Kind.LAG),
    (LOGS, 200, -32000, "invalid block range params", Kind.LAG),
    (LOGS, 200, -32019, "block is out of range", Kind.LAG),
    (CALL, 200, -32000, "header not found", Kind.LAG),
    (CALL, 200, -32000, "cannot query unfinalized data", Kind.LAG),
    (CALL, 200, 3, "Unknown block", Kind.LAG),
    # gone for good
    (CALL, 200, -32000, "missing trie node d3ad (path ) state 0xff is not available", Kind.GONE),
    (CALL, 200, -32603, "state at block #17 is pruned", Kind.GONE),
    (CALL, 200, -32002, "No state available for block 17 (0xab)", Kind.GONE),
    (LOGS, 200, 4444, "pruned history unavailable", Kind.GONE),
    (CALL, 200, -32061, "No archive nodes available", Kind.GONE),
    (CALL, 200, -32000, "historical state 0xab is not available", Kind.GONE),
    (CALL, 200, -32601, "public endpoint only serves recent blocks (last 1024)", Kind.GONE),
    (
        CALL,
        403,
        -32000,
        "access to archival, debug, or trace data is not included in your current plan",
        Kind.GONE,
    ),
    # too much in one request
    (CALL, 200, -32000, "out of gas", Kind.GAS),
    (CALL, 200, -32003, "out of gas: gas required exceeds: 50000000", Kind.GAS),
    (CALL, 200, -32000, "execution aborted (timeout = 5s)", Kind.TIMEOUT),
    (CALL, 200, -32002, "request timed out", Kind.TIMEOUT),
    (CALL, 200, 30, "Request timeout on the free tier, please upgrade your tier", Kind.TIMEOUT),
    (CALL, 504, -32015, "gateway timeout", Kind.TIMEOUT),
    (CALL, 413, None, "content length too large (9>5)", Kind.SIZE),
    (CALL, 413, -32021, "request body too large", Kind.SIZE),
    (CALL, 413, None, "<html>413 Request Entity Too Large</html>", Kind.SIZE),
    (CALL, 200, -32600, "JSON RPC Request is too large", Kind.SIZE),
    (CALL, 200, -32003, "response too large", Kind.ANSWER),
    (
        CALL,
        200,
        -32000,
        "call returned result on length 120032 exceeding --rpc.returndata.limit 100000",
        Kind.ANSWER,
    ),
    # slower, please
    (CALL, 429, None, "", Kind.RATE),
    (CALL, 200, 429, "Your app has exceeded its compute units per second capacity.", Kind.RATE),
    (CALL, 429, -32005, "project ID request rate exceeded", Kind.RATE),
    (CALL, 429, -32016, "over rate limit", Kind.RATE),
    (CALL, 503, -32012, "backend is over capacity", Kind.RATE),
    (CALL, 200, -32090, "Too many requests, reason: call rate limit exhausted", Kind.RATE),
    (CALL, 403, None, "error code: 1015", Kind.RATE),
    (CALL, 400, None, "message: rate limit, trace_id: x", Kind.RATE),
    (CALL, 200, -32005, "limit exceeded", Kind.LIMIT),
    # not here, not today
    (CALL, 200, -32001, "You've reached the usage limit for your current plan", Kind.QUOTA),
    (CALL, 429, -32005, "daily request count exceeded, request rate limited", Kind.QUOTA),
    (CALL, 402, None, "", Kind.QUOTA),
    (CALL, 200, -32000, "Monthly capacity limit exceeded. Visit /billing", Kind.QUOTA),
    (CALL, 401, None, "", Kind.AUTH),
    (CALL, 403, -32000, "invalid api key", Kind.AUTH),
    (CALL, 404, None, "404 page not found", Kind.AUTH),
    (CALL, 200, -32601, "the method eth_call does not exist/is not available", Kind.METHOD),
    (CALL, 200, 3, "execution reverted: rate limit", Kind.REVERT),
    # try again
    (CALL, 503, -32011, "no backend is currently healthy to serve traffic", Kind.BUSY),
    (CALL, 503, -32005, "Limit exceeded", Kind.BUSY),
    (CALL, 502, None, "<html>bad gateway</html>", Kind.BUSY),
    (CALL, 200, None, "<!DOCTYPE html><html>are you human?</html>", Kind.BUSY),
    (CALL, 503, None, "upstream connect error", Kind.BUSY),
    (CALL, 200, -32000, "request rejected by policy 7", Kind.UNKNOWN),
]


@pytest.mark.parametrize(("method", "status", "code", "message", "kind"), SAID)
def test_said(method: str, status: int, code: int | None, message: str, kind: Kind) -> None:
    """Each text seen in public gets the remedy that heals it."""
    assert classify(method, status, code, message) is kind


def test_nested_answers_and_data_are_read() -> None:
    """A rate limit wrapped in another error, or named only in `data`, is still a rate limit."""
    nested = '429 Too Many Requests: {"error":{"code":-32016,"message":"over rate limit"}}'
    assert classify(CALL, 200, -32000, nested) is Kind.RATE
    assert classify(CALL, 200, -32000, "failed", {"reason": "rate limit"}) is Kind.RATE


def test_range_words_mean_nothing_outside_of_logs() -> None:
    """A revert text that mentions a block range must not make eth_call shrink block ranges."""
    assert classify(CALL, 200, -32000, "block range is too large") is not Kind.RANGE


HINTS = [
    ("query returned more than 10000 results. Try with this block range [0x64, 0xc7].", 100),
    ("this block range should work: [0x64, 0x257]", 500),
    ("query exceeds max results 20000, retry with the range 100-149", 50),
    ("eth_getLogs is limited to a 10,000 range", 10_000),
    ("exceed maximum block range: 50000", 50_000),
    ("range 900001 exceeds limit of 10000", 10_000),
    ("Query exceeds max block range of 10000", 10_000),
    ("eth_getLogs range is too large, max is 1k blocks", 1000),
    ("ranges over 10000 blocks are not supported on freetier", 10_000),
    ("Block range 900001 exceeds the maximum of 5000 blocks per logs request.", 5000),
    ("requested too many blocks from 100 to 900100, maximum is set to 2048", 2048),
    ("Max range: 800", 800),
    ("exceeds the range allowed for your plan (900001 > 10)", 10),
    ("please limit the query to at most 1000 blocks", 1000),
    ("block range is too wide (maximum 1024)", 1024),
    ("query must be smaller than size 1024", 1024),
    ("up to a 2000 block range", 2000),
]


@pytest.mark.parametrize(("message", "blocks"), HINTS)
def test_hints_are_taken(message: str, blocks: int) -> None:
    """A refusal that names a range which would do is believed."""
    assert narrower(Fault(Kind.RANGE, message), 100, 900_100) == blocks


@pytest.mark.parametrize(
    "message",
    [
        "Try with this block range [0x1, 0x2]",  # outside of what was asked
        "Try with this block range [0x64, 0xffffff]",  # wider
        "Try with this block range [0xc7, 0x64]",  # the wrong way round
        "query exceeds max block range 100000000",  # not narrower
        "query returned more than 10000 results",  # results, not blocks
        "Too many logs requested. Max logs per response is 20000.",
        "response size should not greater than 2097152 bytes",
        "Response size is larger than 150MB limit",
        "Block range is too large",
    ],
)
def test_bad_hints_are_not_taken(message: str) -> None:
    """Only a hint inside the request and strictly narrower helps; else the range is halved."""
    assert narrower(Fault(Kind.RANGE, message), 100, 900_100) is None


def test_the_hint_may_stand_in_data() -> None:
    """Infura names the range in `data` as well."""
    fault = Fault(Kind.RANGE, "too many", data={"from": "0x64", "limit": 1, "to": "0x6d"})
    assert narrower(fault, 100, 900_100) == 10


@pytest.mark.parametrize(
    ("header", "message", "data", "wait"),
    [
        ("2", "", None, 2.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "", None, 30.0),
        ("0", "", None, 0.5),  # never a busy loop
        ("86400", "", None, 300.0),  # never asleep for a day
        (None, "rate exceeded", {"backoff_seconds": 30.0}, 30.0),
        (None, "Too many requests, retry in 10s", None, 10.0),
        ("soon", "", None, None),
        (None, "", None, None),
    ],
)
def test_waits_that_are_asked_for(header: object, message: str, data: object, wait: object) -> None:
    """Retry-After comes in seconds or as a date; some put the wait in the body."""
    now = 1792567650.0  # 30 s before the date above
    assert retry_after(header, message, data, now) == wait  # type: ignore[arg-type]
