"""What a refusal means, and what to do about it.

Codes mean nothing across vendors (-32005 alone is a rate limit, too many results, a range, a
timeout or "method disabled"), so the text decides first, then the code, then the HTTP status.
Texts, codes and the order come from public client sources and provider documentation; each row
below is quoted in tests/scanner_chain/test_rpc_faults.py.
"""

import json
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """One word per remedy."""

    LAG = "lag"  # the node is not that far yet: wait
    RANGE = "range"  # too many blocks or logs: ask for fewer blocks
    ADDRESSES = "addresses"  # too many addresses or topics in one filter
    SIZE = "size"  # the request is too long: smaller batch
    ANSWER = "answer"  # the answer would be too long: smaller batch
    GAS = "gas"  # out of gas: smaller batch
    TIMEOUT = "timeout"  # took too long: less work per request
    RATE = "rate"  # too fast: wait, then slower
    LIMIT = "limit"  # a bare "limit exceeded": rate, range or method, nobody knows
    QUOTA = "quota"  # the plan is used up: next endpoint
    AUTH = "auth"  # refused for good: next endpoint
    METHOD = "method"  # method not offered: next endpoint
    GONE = "gone"  # the state or history of that block is pruned: next endpoint
    REVERT = "revert"  # the contract said no
    BUSY = "busy"  # overloaded, unreachable, cut or malformed answer: try again
    LIE = "lie"  # well formed and wrong: ask somebody else
    UNKNOWN = "unknown"


# Less work per request may heal these; the caller knows how to ask for less.
SHRINK = frozenset({Kind.RANGE, Kind.SIZE, Kind.ANSWER, Kind.GAS, Kind.TIMEOUT})


@dataclass(frozen=True)
class Fault:
    """One refusal, its text already free of secrets."""

    kind: Kind
    message: str
    code: int | None = None
    status: int = 200
    data: Any = field(default=None, repr=False)  # as the node sent it, secrets and all
    wait: float | None = None  # seconds the endpoint asked us to wait

    def __str__(self) -> str:
        text = self.message or f"HTTP {self.status}"
        return text if self.code is None else f"{text} (code {self.code})"


# First match wins. Only for eth_getLogs: "range" texts would mean nothing elsewhere.
_LOGS = re.compile(
    r"block range|blocks? range|range limit|range is too|max range|range \d+ exceeds"
    r"|exceeds? (the )?range|exceed(s|ed)? max(imum)?( allowed)? (block )?range|ranges over"
    r"|requested range|too many blocks|at most \d+ blocks|number of requested blocks"
    r"|query returned more than|max results|too many logs|logs matched by query|log response size"
    r"|eth_getlogs (is limited|range)|smaller than size|response (size|is too|too large)"
    r"|threshold exceeded|backend response too large"
)
_ORDER: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.REVERT, re.compile(r"^execution reverted|^vm exception.*revert")),
    (
        Kind.LAG,
        re.compile(
            r"beyond current head|in the future|height is \d+ but requested"
            r"|invalid block range params|block is out of range"
            r"|greater than latest|after last accepted|unfinalized data|header not found"
            r"|unknown block|block not found|height is not available|indexing is not yet complete"
        ),
    ),
    (Kind.RANGE, _LOGS),
    (Kind.ADDRESSES, re.compile(r"max addresses or topics|contains \d+ filters")),
    (
        Kind.SIZE,
        re.compile(
            r"(content length|request entity|payload|request body|json-rpc request|request is)"
            r"( is)? too large"
        ),
    ),
    (
        Kind.ANSWER,
        re.compile(
            r"response (is )?too (large|big)|returndata\.limit|response size|exceeded max limit of"
        ),
    ),
    (
        Kind.GONE,
        re.compile(
            r"missing trie node|is pruned|been pruned|pruned history|due to pruning"
            r"|historical state|state histories|no state available|not currently canonical"
            r"|header for hash not found|no historical rpc|no archive|archival|recent blocks"
        ),
    ),
    (Kind.RATE, re.compile(r"per second|/second|request rate exceeded|over rate limit")),
    (Kind.TIMEOUT, re.compile(r"request timeout on|execution aborted \(timeout|query timeout")),
    (
        Kind.QUOTA,
        re.compile(
            r"\bdaily\b|\bmonthly\b|free ?tier|usage limit|billing|\bplan\b|payment required|quota"
        ),
    ),
    (
        Kind.RATE,
        re.compile(
            r"rate limit|too many requests|over capacity|rate exceeded|code: 1015|throttl"
            r"|limit reached"
        ),
    ),
    (
        Kind.GAS,
        re.compile(
            r"out ?of ?gas|gas required exceeds|intrinsic gas too|gas uint64 overflow"
            r"|exceeds block gas limit|callgascostmorethangaslimit"
        ),
    ),
    (Kind.REVERT, re.compile(r"\brevert(ed)?\b")),
    (
        Kind.METHOD,
        re.compile(
            r"method not (found|supported|allowed)|unsupported method|not whitelisted"
            r"|method .*(does not exist|is not available|is disabled|not supported)"
        ),
    ),
    (
        Kind.AUTH,
        re.compile(
            r"unauthori[sz]ed|api ?key|forbidden|authenticat|project id|access denied"
            r"|on another chain"
        ),
    ),
    (Kind.TIMEOUT, re.compile(r"time[d]?[ -]?out|deadline exceeded")),
    (
        Kind.BUSY,
        re.compile(r"no backend|upstream connect|internal (server )?error|try again|unavailable"),
    ),
)
_CODES = {
    3: Kind.REVERT,
    30: Kind.TIMEOUT,
    35: Kind.RANGE,
    429: Kind.RATE,
    4444: Kind.GONE,
    -32005: Kind.LIMIT,
    -32007: Kind.RATE,
    -32009: Kind.RATE,
    -32011: Kind.BUSY,
    -32012: Kind.RATE,
    -32013: Kind.BUSY,
    -32015: Kind.TIMEOUT,
    -32020: Kind.ANSWER,
    -32021: Kind.SIZE,
    -32024: Kind.RATE,
    -32029: Kind.RATE,
    -32061: Kind.GONE,
    -32062: Kind.RANGE,
    -32090: Kind.RATE,
    -32601: Kind.METHOD,
    -32603: Kind.BUSY,
    -32614: Kind.RANGE,
}
_STATUS = {
    401: Kind.AUTH,
    402: Kind.QUOTA,
    403: Kind.AUTH,
    404: Kind.AUTH,
    405: Kind.AUTH,
    408: Kind.TIMEOUT,
    410: Kind.AUTH,
    413: Kind.SIZE,
    429: Kind.RATE,
    504: Kind.TIMEOUT,
    522: Kind.TIMEOUT,
    524: Kind.TIMEOUT,
}


def classify(method: str, status: int, code: int | None, message: str, data: Any = None) -> Kind:
    """The kind of a refusal of `method`.

    `data` may be a string or any JSON value; nested answers ("429 Too Many Requests: {...}"
    inside a message) are found by their text.

    >>> classify("eth_getLogs", 200, -32005, "query returned more than 10000 results")
    <Kind.RANGE: 'range'>
    >>> classify("eth_call", 200, -32005, "project ID request rate exceeded")
    <Kind.RATE: 'rate'>
    """
    extra = "" if data is None else data if isinstance(data, str) else json.dumps(data)
    text = f"{message} {extra}"[:4096].lower()
    if status == 402:
        return Kind.QUOTA
    if code is None and "<html" in text and status in (200, 403):
        return Kind.BUSY  # a page of whoever stands before the node, mostly a bot check
    for kind, pattern in _ORDER:
        if kind is Kind.RANGE and method != "eth_getLogs":
            continue
        if pattern.search(text):
            return kind
    if status in (429, 503):
        return Kind.RATE if status == 429 else Kind.BUSY
    if code in _CODES:
        kind = _CODES[code]
        return Kind.ANSWER if kind is Kind.RANGE and method != "eth_getLogs" else kind
    if 300 <= status < 400:
        return Kind.AUTH
    if status in _STATUS:
        return _STATUS[status]
    if status >= 500 or (code is None and status == 200):
        return Kind.BUSY
    return Kind.UNKNOWN


def retry_after(header: str | None, message: str, data: Any, now: float) -> float | None:
    """Seconds to wait as asked by a `Retry-After` header (seconds or date), `backoff_seconds` or
    "retry in 10s"; `now` is the time in seconds since 1970. Clamped to 0.5 .. 300.

    >>> retry_after("Wed, 21 Oct 2026 07:28:00 GMT", "", None, 1792567650.0)
    30.0
    """
    wait: float | None = None
    if header:
        try:
            wait = float(header)
        except ValueError:
            try:
                wait = parsedate_to_datetime(header).timestamp() - now
            except (ValueError, TypeError):
                wait = None
    if wait is None and isinstance(data, dict):
        asked = data.get("backoff_seconds")
        wait = float(asked) if isinstance(asked, (int, float)) else None
    if wait is None and (found := re.search(r"retry in (\d+(?:\.\d+)?) ?s", message.lower())):
        wait = float(found[1])
    if wait is None or wait != wait:
        return None
    return min(max(wait, 0.5), 300.0)


_PAIR = re.compile(r"\[\s*(0x[0-9a-f]+)\s*[,-]\s*(0x[0-9a-f]+)\s*\]")
_RETRY = re.compile(r"retry with the range (\d+)-(\d+)")
_COUNT = r"(\d[\d,.]*)(k?)"
_BLOCKS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_COUNT}[ -](?:max )?blocks? range",  # up to a 500 block range
        rf"(?:range|blocks)[^0-9]*(?:\d+ )?(?:exceeds|maximum|max|limit|of|is|at)[^0-9]*? {_COUNT}",
        rf"(?:limited to a?n?|at most|max is|maximum|maximum of|max|over|limit of) {_COUNT}",
        rf"(?:range|threshold|blocks|size)\D*? {_COUNT}",
        rf"> {_COUNT}",
    )
)


def narrower(fault: Fault, first: int, last: int) -> int | None:
    """How many blocks the refusal says would do, if it says so and it is fewer than were asked.

    A hint is taken only when it lies inside [first, last] and is strictly narrower: some nodes
    suggest what they then refuse. `None` = no usable hint, halve.
    """
    asked = last - first + 1
    text = fault.message.lower()
    pairs = [(int(a, 16), int(b, 16)) for a, b in _PAIR.findall(text)]
    pairs += [(int(a), int(b)) for a, b in _RETRY.findall(text)]
    if isinstance(fault.data, dict):
        ends = [fault.data.get(name) for name in ("from", "to")]
        if all(isinstance(end, str) and re.fullmatch(r"0x[0-9a-fA-F]{1,16}", end) for end in ends):
            pairs.append((int(str(ends[0]), 16), int(str(ends[1]), 16)))
    for low, high in pairs:
        if first <= low <= high <= last and high - low + 1 < asked:
            return high - low + 1
    if pairs:
        return None
    # The request's own numbers, repeated in the text, are no hint.
    text = re.sub(rf"\b({first}|{last}|{asked}|{asked - 1})\b", "", text)
    for pattern in _BLOCKS:
        for digits, thousand in pattern.findall(text):
            count = int(re.sub(r"[,.]", "", digits)) * (1000 if thousand else 1)
            if 1 <= count < asked and not re.search(
                rf"{re.escape(digits)} ?(results|logs|bytes|mb)", text
            ):
                return count
    return None
