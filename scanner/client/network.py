"""Answers from a server, over HTTP with what Python brings along.

`requests` is nobody's direct dependency here, and one GET needs none: `http.client` keeps a
connection open, and what was answered before is asked for by its ETag, so that polling costs a 304.
"""

import gzip
import http.client
import io
import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from scanner import __version__
from scanner.client.answer import Answer
from scanner.client.errors import Incomplete, Refused, Replaced, ServiceError, Unreachable
from scanner.errors import UsageError

PAGE = 1_000  # positions in one request
_LARGEST = 512 * 2**20  # bytes of one answer
_KEPT = 64  # answers that can be asked for by their ETag
_BROKEN = (OSError, http.client.HTTPException, UnicodeError)  # the last: a host that is no name
_WITHOUT = ("history", "scans", "liquidations", "backtest")  # they are of no single scan
_WORDS = {"low": "from", "high": "to", "least": "min_usd"}


class Http:
    """GETs from one server. Threads take turns.

    Parameters
    ----------
    url : str
        http:// or https://, with a path before /v1 if there is one.
    token : str or None
        Sent to this server and to no other: redirects are not followed.
    timeout : float
        For every single wait. [s]
    """

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        try:
            parts = urlsplit(url)
            self._port = parts.port
        except ValueError:
            parts = urlsplit("")
        odd = parts.query or parts.fragment or parts.username is not None
        if parts.scheme not in ("http", "https") or not parts.hostname or odd:
            raise UsageError("A server's address is written as http://127.0.0.1:8080.")
        if token is not None and not (token.isascii() and token.isprintable()):
            raise UsageError("The token holds characters that no token has.")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self._headers = {"Accept-Encoding": "gzip", "User-Agent": f"bandscan/{__version__}"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._known: OrderedDict[str, tuple[str, bytes, str | None]] = OrderedDict()

    def get(self, target: str) -> tuple[bytes, str | None]:
        """The body, and the cursor of the next page.

        Raises
        ------
        Unreachable
            Nobody there.
        Refused
            Any status but 200 and 304.
        """
        with self._lock:
            known = self._known.get(target)
            headers = {**self._headers, **({"If-None-Match": known[0]} if known else {})}
            response, body = self._asked(self._prefix + target, headers)
            if response.status == 304 and known:
                self._known.move_to_end(target)
                return known[1], known[2]
            if response.status != 200:
                raise _refused(response, body)
            more = response.headers.get("X-Bandscan-Next")
            if tag := response.headers.get("ETag"):
                self._known[target] = (tag, body, more)
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            return body, more

    def _asked(
        self, target: str, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """One exchange; on an old connection a second try, since servers close idle ones."""
        fresh = self._connection is None
        try:
            return self._exchange(target, headers)
        except _BROKEN as error:
            self._close()
            if fresh or isinstance(error, TimeoutError):
                raise _unreachable(self._host, error) from error
        try:
            return self._exchange(target, headers)
        except _BROKEN as error:
            self._close()
            raise _unreachable(self._host, error) from error

    def _exchange(
        self, target: str, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, self._port, timeout=self._timeout)
        self._connection.request("GET", target, headers=headers)
        response = self._connection.getresponse()
        body = response.read(_LARGEST + 1)
        if response.headers.get("Content-Encoding") == "gzip" and body:
            try:
                with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
                    body = packed.read(_LARGEST + 1)
            except (EOFError, OSError, zlib.error) as error:
                raise ServiceError("What was sent is damaged.", fix="ask again") from error
        if len(body) > _LARGEST:
            self._close()
            raise ServiceError("The answer is larger than any that can be meant.")
        return response, body

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class NetworkSource:
    """One chain of a server."""

    def __init__(self, web: Http, chain: str | int | None, *, incomplete: bool) -> None:
        self._http = web
        self._always: dict[str, Any] = {} if chain is None else {"chain": str(chain)}
        self._incomplete = incomplete

    def answer(self, name: str, filters: dict[str, Any]) -> Answer:
        """As the server sends it."""
        given = dict(filters)
        path = f"/v1/{name}"
        if name == "account":
            path = f"/v1/accounts/{quote(given.pop('address'), safe='')}"
        body, _ = self._http.get(_target(path, self._common(name) | given))
        return decoded(body)

    def pages(self, filters: dict[str, Any]) -> Iterator[Answer]:
        """Page after page of one scan."""
        given = self._common("positions") | filters | {"limit": PAGE}
        while True:
            try:
                body, more = self._http.get(_target("/v1/positions", given))
            except Refused as refused:
                if refused.status != 410:
                    raise
                raise Replaced(
                    "A newer scan has replaced the one that was read.", fix="read again"
                ) from refused
            yield decoded(body)
            if more is None:
                return
            given["cursor"] = more

    def _common(self, name: str) -> dict[str, Any]:
        if name == "status":
            return {}
        scan = self._incomplete and name not in _WITHOUT

        return {**self._always, **({"incomplete": "true"} if scan else {})}


def decoded(body: bytes) -> Answer:
    """JSON as an answer; raises ServiceError for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ServiceError("What was sent is no answer of bandscan.", fix="check the address")
    return Answer(value)


def _target(path: str, given: dict[str, Any]) -> str:
    query = urlencode({_WORDS.get(key, key): value for key, value in given.items()}, doseq=True)
    return f"{path}?{query}" if query else path


def _refused(response: http.client.HTTPResponse, body: bytes) -> Refused:
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": f"it answered with {response.status} and without a reason."}
    again = response.headers.get("Retry-After", "")
    kind = Incomplete if str(problem.get("type", "")).endswith(":incomplete") else Refused
    return kind(response.status, problem, float(again) if again.isdecimal() else None)


def _unreachable(host: str, error: Exception) -> Unreachable:
    if isinstance(error, TimeoutError):
        why = "it did not answer in time"
    else:
        why = getattr(error, "strerror", None) or type(error).__name__
    return Unreachable("The server cannot be reached.", host=host, why=why)
