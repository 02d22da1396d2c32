"""F10-F18: too fast, too much for the plan, or somebody on the way is not well."""

import time
from email.utils import formatdate
from typing import Any

from hostile.catalogue import add
from hostile.fault import CALL, LOGS, Act, Ask
from hostile.wire import Reply, text

COMPUTE_UNITS = (
    "Your app has exceeded its compute units per second capacity. If you have retries enabled, you "
    "can safely ignore this message. If not, check out "
    "https://docs.alchemy.com/reference/throughput"
)
CLOUDFLARE = (
    '<!DOCTYPE html>\n<html lang="en-US"><head><title>{status} | node.example</title></head>'
    '<body><div id="cf-wrapper">Error {status}. Ray ID: 8f0c2d1e3b4a5968</div></body></html>\n'
)


def _always(reply: Any) -> Any:
    """A maker of a fault that answers `reply(ask)` whatever is asked."""

    def make() -> Act:
        async def act(ask: Ask) -> Reply:
            found: Reply = reply(ask)
            return found

        return act

    return make


def _says(code: int, message: str, status: int = 200, data: Any = None) -> Any:
    return _always(lambda ask: ask.refuse(code, message, data, status))


def _seconds(wait: float = 1) -> Act:
    async def act(ask: Ask) -> Reply:
        return text("Too Many Requests", 429, Retry_After=f"{wait:g}")

    return act


def _date(wait: float = 1) -> Act:
    async def act(ask: Ask) -> Reply:
        when = formatdate(int(time.time() + wait), usegmt=True)
        return text("Too Many Requests", 429, Retry_After=when)

    return act


add("F10", "seconds", _seconds, "T", "HTTP 429, Retry-After: `wait`", times=2)
add("F10", "date", _date, "T", "HTTP 429, Retry-After: a date `wait` seconds ahead", times=2)
add(
    "F10",
    "absent",
    _always(lambda ask: text("Too Many Requests", 429)),
    "T",
    "HTTP 429 without Retry-After",
    times=2,
)
add("F11", "alchemy", _says(429, COMPUTE_UNITS), "T", "code 429 inside of HTTP 200", times=2)


def _infura(backoff: float = 30.0) -> Act:
    rate = {"allowed_rps": 1, "backoff_seconds": backoff, "current_rps": 1.333}

    async def act(ask: Ask) -> Reply:
        return ask.refuse(-32005, "project ID request rate exceeded", rate, 429)

    return act


add("F12", "infura", _infura, "T", "HTTP 429, data.backoff_seconds = `backoff` (30)", times=1)
_NESTED = '{"jsonrpc":"2.0","error":{"code":-32016,"message":"over rate limit"},"id":9}\n'
add(
    "F13",
    "base",
    _says(-32000, f"429 Too Many Requests: {_NESTED}"),
    "T",
    "a refusal quoted inside of another one",
    times=2,
)
_1RPC = "You've reached the usage limit for your current plan. To continue, please upgrade."
for _name, _code, _text, _status in (
    ("1rpc", -32001, _1RPC, 200),
    ("daily", -32005, "daily request count exceeded, request rate limited", 429),
    (
        "monthly",
        429,
        "Monthly capacity limit exceeded. Visit https://node.example/billing to upgrade",
        429,
    ),
    ("free-tier", -32000, "You have reached the free tier limit", 200),
):
    add("F14", _name, _says(_code, _text, _status), "P", "the plan is used up")
add(
    "F14",
    "402",
    _always(lambda ask: text("Payment Required", 402)),
    "P",
    "the plan is used up, HTTP 402",
)


def _page(status: int) -> Any:
    return _always(
        lambda ask: text(CLOUDFLARE.format(status=status), status, "text/html; charset=UTF-8")
    )


for _status in (200, 403, 502, 522):
    add("F15", f"html-{_status}", _page(_status), "T", f"a page, HTTP {_status}", times=2)
_UPSTREAM = (
    "upstream connect error or disconnect/reset before headers. "
    "reset reason: connection termination"
)
for _name, _text, _status in (
    ("1015", "error code: 1015", 429),
    ("1015-200", "error code: 1015", 200),
    ("1015-403", "error code: 1015", 403),
    ("empty", "", 200),
    ("empty-502", "", 502),
    ("upstream", _UPSTREAM, 503),
):
    _reply = _always(lambda ask, text_=_text, status=_status: text(text_, status))
    add("F15", _name, _reply, "T", f"text instead of JSON, HTTP {_status}", times=2)
for _status in (429, 400, 403):
    _reply = _always(lambda ask, status=_status: text("message: rate limit, trace_id: x", status))
    add("F16", f"ankr-{_status}", _reply, "T", "Ankr's plain text", times=2)
for _name, _status, _code, _text in (
    ("no-backend", 503, -32011, "no backend is currently healthy to serve traffic"),
    ("too-large", 500, -32020, "backend response too large"),
    ("timeout", 504, -32015, "gateway timeout"),
    ("capacity", 429, -32012, "backend is over capacity"),
    ("rate", 429, -32016, "over rate limit"),
    ("too-many", 429, -32024, "too many requests"),
    ("bad-response", 500, -32013, "backend returned an invalid response"),
):
    add(
        "F17",
        _name,
        _says(_code, _text, _status),
        "T",
        f"proxyd, HTTP {_status} {_code}",
        # A header cannot be too large.
        methods=LOGS | CALL if _name == "too-large" else None,
        times=2,
    )


def _busy(ask: Ask) -> Reply:
    message = f"Unable to start new queued requests for {ask.method}. Too many queued requests. "
    return ask.refuse(-32005, message + "Queued calls 500.", status=503)


add("F18", "nethermind", _always(_busy), "T", "HTTP 503 and -32005", times=2)


def _every_other() -> Act:
    async def act(ask: Ask) -> Reply | None:
        return None if ask.seen % 2 else ask.refuse(-32005, "rate limit exceeded", status=429)

    return act


_SECOND = "the second of two providers: refuses every other request by rate"
add("F52", "B", _every_other, "T", _SECOND, heals=True)
