"""One endpoint: one HTTP session kept alive, bounded answers, and a strict look at each of them.

Nothing here retries; `post` returns an answer or a `Fault`, and never raises for what a network or
a node may do, so that no exception with a URL in its chain of causes can exist.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import aiohttp
import msgspec

from scanner import __version__
from scanner.chain.faults import Fault, Kind, classify, retry_after
from scanner.chain.pace import Pace
from scanner.chain.secrets import Redactor

MIB = 1 << 20
ANSWER_LIMIT = 8 * MIB  # bytes of an ordinary answer, decompressed
LOGS_LIMIT = 192 * MIB  # some providers may legally send 150 MB of logs
_FRAME = 4096  # bytes of an answer beside its result or error
TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=60)
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"bandscan/{__version__}",
}


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """A JSON-RPC 2.0 answer and nothing beside it.

    A further member is no decoration: Nethermind marks a log stream it had to cut only by an extra
    `_streamStatus`, with HTTP 200 and a valid, shortened `result`.
    """

    jsonrpc: str
    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_envelope = msgspec.json.Decoder(Envelope)


@dataclass
class Tally:
    """Requests and bytes of one method."""

    requests: int = 0
    sent: int = 0  # body bytes
    received: int = 0  # body bytes after decompression


@dataclass
class Stats:
    """What a node was asked so far. Facts of the run: they never enter a document."""

    methods: dict[str, Tally] = field(default_factory=dict)
    retries: int = 0
    wall: float = 0.0  # seconds since the connection was made

    @property
    def requests(self) -> int:
        return sum(tally.requests for tally in self.methods.values())

    @property
    def sent(self) -> int:
        return sum(tally.sent for tally in self.methods.values())

    @property
    def received(self) -> int:
        return sum(tally.received for tally in self.methods.values())


class Path(StrEnum):
    """How the many calls of a bulk read reach a node, the best first; see lens.py."""

    OVERRIDE = "state override"
    CREATE = "create and revert"
    AGGREGATE = "aggregate3"


class Endpoint:
    """A URL nobody else sees, with what was learned about the node behind it."""

    def __init__(self, url: str, position: int, of: int, redact: Redactor, pace: Pace) -> None:
        self._url = url
        self._redact = redact
        self.name = f"endpoint {position} of {of}"
        self.chain_id: int | None = None  # asked when first used and after it was away
        self.met = False  # whether it ever said which chain it serves
        self.without: dict[str, str] = {}  # what it cannot do -> why; "" = anything
        self.parked = 0.0  # clock time before which it is left alone
        self.wants = False  # whether it said itself how long it wants to be left alone
        self.strikes = 0  # faults in a row
        self.trouble = ""  # the last fault, for messages
        self.pace = pace
        self.zipped = False  # whether an answer came compressed
        self.path: Path | None = None  # how bulk reads reach it, once tried
        self.closed: set[Path] = set()  # paths that it does not offer
        self.overrides = False  # whether it ever took the state overrides of a trial
        self.checking = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def refuses(self, *needs: str) -> str:
        """Why it cannot serve any of `needs`, or ''."""
        return next((self.without[need] for need in ("", *needs) if need in self.without), "")

    async def post(
        self, session: aiohttp.ClientSession, method: str, body: bytes, number: int, limit: int
    ) -> tuple[msgspec.Raw | Fault, int]:
        """Send one request; the result (or what went wrong) and the bytes received."""
        status, content, wait, fault = 0, b"", None, None
        try:
            async with session.post(
                self._url, data=body, headers=_HEADERS, allow_redirects=False, timeout=TIMEOUT
            ) as response:
                status, wait = response.status, response.headers.get("Retry-After")
                self.zipped |= response.headers.get("Content-Encoding") == "gzip"
                content = await _bounded(response, limit)
        except _TooLong:
            fault = Fault(Kind.ANSWER, f"the answer is longer than {limit} bytes", status=status)
        except aiohttp.ClientConnectorError as error:
            fault = Fault(Kind.BUSY, f"cannot connect: {_why(error)}", status=0)
        except TimeoutError:
            fault = Fault(Kind.TIMEOUT, "no answer in time", status=status)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            fault = Fault(Kind.BUSY, f"connection broke ({type(error).__name__})", status=status)
        if fault is None:
            return self._read(method, status, content, wait, number), len(content)
        return fault, len(content)

    def _read(
        self, method: str, status: int, content: bytes, wait: str | None, number: int
    ) -> msgspec.Raw | Fault:
        try:
            answer = _envelope.decode(content)
            _only_once(content, answer)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            return self._unreadable(method, status, content, wait, str(error))
        # Some servers send "result": null beside an error; any other pair is refused.
        refused = not isinstance(answer.error, msgspec.UnsetType)
        empty = isinstance(answer.result, msgspec.UnsetType) or bytes(answer.result) == b"null"
        if answer.jsonrpc != "2.0" or (refused and not empty):
            return Fault(Kind.BUSY, "not a JSON-RPC answer", status=status)
        if not isinstance(answer.error, msgspec.UnsetType):
            return self._refusal(method, status, answer.error, wait)
        if isinstance(answer.result, msgspec.UnsetType):
            return Fault(Kind.BUSY, "an answer without a result", status=status)
        if answer.id != number or isinstance(answer.id, str):
            return Fault(Kind.BUSY, "the answer belongs to another request", status=status)
        if not 200 <= status < 300:
            return Fault(Kind.BUSY, f"a result with HTTP status {status}", status=status)
        return answer.result

    def _refusal(self, method: str, status: int, raw: msgspec.Raw, wait: str | None) -> Fault:
        try:
            error: Any = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            error = "unreadable error"
        code: int | None = None
        data: Any = None
        message = error
        if isinstance(error, dict):
            message, data = error.get("message", ""), error.get("data")
            code = error["code"] if isinstance(error.get("code"), int) else None
        message = message if isinstance(message, str) else msgspec.json.encode(message).decode()
        return Fault(
            classify(method, status, code, message, data),
            self._redact(message),
            code,
            status,
            data,
            retry_after(wait, message, data, time.time()),
        )

    def _unreadable(
        self, method: str, status: int, content: bytes, wait: str | None, why: str
    ) -> Fault:
        text = content[:2048].decode("utf-8", "replace")
        if status == 200 and text.lstrip().startswith("{"):
            return Fault(Kind.BUSY, self._redact(f"malformed answer: {why}"), status=status)
        kind = classify(method, status, None, text)
        shown = "" if "<" in text else self._redact(text)
        message = f"HTTP {status} {shown}".strip()
        if 300 <= status < 400:
            message = f"HTTP {status}: it redirects elsewhere, which is not followed"
        return Fault(kind, message, None, status, None, retry_after(wait, text, None, time.time()))


def _why(error: aiohttp.ClientConnectorError) -> str:
    """Why no connection came about, in words that name no host."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "unknown host"
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
        return "the TLS certificate or handshake fails"
    return os.strerror(error.errno) if error.errno else "no connection"


def _only_once(content: bytes, answer: Envelope) -> None:
    """Refuse a member that is there twice: which of the two is meant, nobody knows.

    The result may be long, and decoders take the last one; so it is cut out of the text, and what
    remains must be a short object whose members differ.
    """
    raw = answer.error if isinstance(answer.result, msgspec.UnsetType) else answer.result
    rest = content
    if not isinstance(raw, msgspec.UnsetType):
        inner = bytes(raw)
        at = content.rfind(inner)
        rest = content[:at] + b"0" + content[at + len(inner) :]
    if len(rest) > _FRAME:
        raise msgspec.ValidationError("too much beside the result")
    try:
        names = [name for name, _ in json.loads(rest, object_pairs_hook=list)]
    except ValueError as error:
        raise msgspec.ValidationError("members that cannot be told apart") from error
    if len(set(names)) < len(names):
        raise msgspec.ValidationError("a member that is there twice")


class _TooLong(Exception):
    pass


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body; counted while it is inflated, so that a small bomb stays small."""
    parts: list[bytes] = []
    total = 0
    async for part in response.content.iter_any():
        total += len(part)
        if total > limit:
            raise _TooLong
        parts.append(part)
    return b"".join(parts)


def open_session() -> aiohttp.ClientSession:
    """A session that keeps its connections; call inside the loop that will use it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        read_bufsize=1 << 18,
    )


Record = Callable[[bytes, float], None]
