"""F24, F33, F34, F46, F50, F51: envelopes, heads, chains, clocks and texts that are not right."""

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from hostile.catalogue import add
from hostile.fault import Act, Ask
from hostile.wire import Reply, compact, text

HEAD = frozenset({"eth_blockNumber", "eth_getBlockByNumber"})
OFFSETS = (0, -1, -20, 0)


def _moved_head(offsets: tuple[int, ...]) -> Any:
    """eth_blockNumber and "latest" with these offsets in turn."""

    def make() -> Act:
        async def act(ask: Ask) -> Reply | None:
            latest = ask.method == "eth_getBlockByNumber" and ask.params[0] == "latest"
            if not latest and ask.method != "eth_blockNumber":
                return None
            number = max(0, await ask.head() + offsets[ask.turn % len(offsets)])
            if not latest:
                return ask.result(hex(number))
            answer = await ask.answer_to(hex(number), *ask.params[1:])
            if answer.result is not None:
                return answer
            header = (await ask.answer()).result
            return ask.result({**header, "number": hex(number)})

        return act

    return make


add("F24", "sawtooth", _moved_head(OFFSETS), "L", "the head moves by 0, -1, -20, 0", methods=HEAD)
add(
    "F24",
    "outlier",
    _moved_head((0, 10**6, 0)),
    "L",
    "the second head: +10^6",
    methods=HEAD,
    times=3,
)
add("F24", "outlier-first", _moved_head((10**6,)), "L", "the head: +10^6", methods=HEAD, times=1)


Change = Callable[[dict[str, Any]], Any]


def _shape(change: Change) -> Callable[[], Act]:
    """The true answer after `change`; it may also return other JSON, or bytes."""

    def make() -> Act:
        async def act(ask: Ask) -> Reply | None:
            honest = (await ask.answer()).answer
            if "result" not in honest:
                return None
            changed = change(dict(honest))
            return Reply(changed if isinstance(changed, bytes) else compact(changed))

        return act

    return make


def _with(**members: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: {**answer, **members}


def _without(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: {name: answer[name] for name in answer if name not in names}


_shapes: tuple[tuple[str, Change, str], ...] = (
    ("null", _with(result=None), "result null"),
    ("object", _with(result={}), "result {}"),
    ("0x", _with(result="0x"), 'result "0x"'),
    ("zero", _with(result=0), "result 0"),
    ("missing", _without("result"), "neither result nor error"),
    ("null-error", lambda answer: {**_without("result")(answer), "error": None}, "error null"),
    ("both", _with(error={"code": -32000, "message": "no"}), "the true result and an error"),
    ("version", _with(jsonrpc="1.0"), "jsonrpc 1.0"),
)
for _name, _change, _summary in _shapes:
    add("F33", _name, _shape(_change), "L", _summary, times=2)


def _twice(answer: dict[str, Any]) -> bytes:
    return compact(answer)[:-1] + b',"id":%d}' % (answer["id"] + 1)


_ids: tuple[tuple[str, Change, str], ...] = (
    ("text", lambda answer: {**answer, "id": str(answer["id"])}, "id as a string"),
    ("wrong", lambda answer: {**answer, "id": answer["id"] + 1}, "id of another request"),
    ("null", _with(id=None), "id null"),
    ("missing", _without("id"), "no id"),
    ("array", lambda answer: [answer], "an array of one answer"),
    ("twice", _twice, "two ids in one answer"),
)
for _name, _change, _summary in _ids:
    add("F34", _name, _shape(_change), "L", _summary, times=2)


def _wrong_chain(jump: int | None) -> Any:
    """eth_chainId answers `chain`, from the proxy's request `after` on."""

    def make(chain: int = 56, after: int = 1 if jump is None else 8) -> Act:
        async def act(ask: Ask) -> Reply | None:
            if ask.number < after:
                return None
            if jump and ask.method == "eth_blockNumber":
                return ask.result(hex(await ask.head() + jump))
            return ask.result(hex(chain)) if ask.method == "eth_chainId" else None

        return act

    return make


_SAID = "eth_chainId answers `chain` (56); calls still prove the true one"
add("F46", "start", _wrong_chain(None), "P", _SAID)
add("F46", "later", _wrong_chain(0), "P", _SAID + ", from request `after` (8) on")
add("F46", "jump", _wrong_chain(10**6), "P", _SAID + ", from `after` on, and the head jumps")


def _echo(how: str) -> Callable[[], Act]:
    def make() -> Act:
        async def act(ask: Ask) -> Reply:
            message = f"request to {ask.url} failed"
            if how == "text":
                return text(message, 502)
            if how == "reason":
                return Reply(b"{}", 502, reason=message)
            if how == "location":
                return text("", 302, Location=ask.url)
            if how == "key":
                message = f"no such key: {ask.url.rpartition('/')[2]}"
            return ask.refuse(-32000, message, {"url": ask.url})

        return act

    return make


for _name, _summary in (
    ("error", "an error whose message and data quote the URL"),
    ("key", "an error that quotes the last part of the path"),
    ("text", "a plain text that quotes the URL, HTTP 502"),
    ("reason", "a status line that quotes the URL, HTTP 502"),
    ("location", "a redirect to the URL itself"),
):
    add("F50", _name, _echo(_name), "P", _summary)


def _skewed(days: float) -> Any:
    def make(days: float = days) -> Act:
        async def act(ask: Ask) -> Reply:
            when = formatdate(time.time() + 86_400 * days, usegmt=True)
            honest = await ask.answer()
            return replace(honest, headers={**honest.headers, "Date": when})

        return act

    return make


def _skewed_rate(wait: float = 1) -> Act:
    async def act(ask: Ask) -> Reply:
        when = formatdate(time.time() + 86_400, usegmt=True)
        return text("Too Many Requests", 429, Retry_After=f"{wait:g}", Date=when)

    return act


def _future_block(seconds: int = 86_400) -> Act:
    async def act(ask: Ask) -> Reply | None:
        header = (await ask.answer()).result
        if not isinstance(header, dict):
            return None
        return ask.result({**header, "timestamp": hex(int(header["timestamp"], 16) + seconds)})

    return act


add("F51", "past", _skewed(-400), "T", "a Date header `days` (-400) off", heals=True)
add("F51", "future", _skewed(400), "T", "a Date header `days` (400) off", heals=True)
add("F51", "rate", _skewed_rate, "T", "429 with Retry-After: `wait` and a wrong Date", times=1)
add(
    "F51",
    "block",
    _future_block,
    "L",
    "timestamps of headers `seconds` in the future; calls prove the true ones",
    methods={"eth_getBlockByNumber"},
)
