"""A scan through an endpoint that allows five requests a second and bans whoever goes on too fast.

A server in this process stands before a local chain: one limiter counts the last second, the other
is a bucket that five tokens a second fall into. Both answer HTTP 429 without a word about when to
come back, and nothing at all any more after the third such answer. The logs come in ranges so short
that the scan needs more than 300 requests. What was allowed and not used after the first ten
seconds is idle: those are what finding the rate may cost.
"""

import json
import tempfile
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from localchain import LocalChain

from bench.report import Figure
from scanner import scan

RATE, BREACHES = 5, 3  # allowed in a second; too fast so often, and one is banned
ACCOUNTS, BLOCKS, RANGE, LEAST = 100, 3_600, 11, 300
START = 10.0  # seconds in which the rate may be found
_TOO_FAST = {"code": -32005, "message": "rate limit exceeded"}
_TOO_WIDE = {"code": -32000, "message": f"exceed maximum block range: {RANGE}"}

Limiter = Callable[[float], bool]  # whether a request at that time may pass


def window() -> Limiter:
    """At most so many that passed in the last second."""
    passed: deque[float] = deque()

    def allows(now: float) -> bool:
        while passed and passed[0] <= now - 1:
            passed.popleft()
        if len(passed) >= RATE:
            return False
        passed.append(now)
        return True

    return allows


def bucket() -> Limiter:
    """A token for each; a second's worth of them at most."""
    tokens, at = float(RATE), time.monotonic()

    def allows(now: float) -> bool:
        nonlocal tokens, at
        tokens, at = min(RATE, tokens + RATE * (now - at)), now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return allows


class Endpoint:
    """`with Endpoint(chain.url, limiter) as endpoint:`

    Attributes
    ----------
    url : str
    passed : list of float
        When requests were answered.
    breaches, banned : int
        Requests that came too fast, and after the ban.
    """

    def __init__(self, upstream: str, limiter: Limiter) -> None:
        self._upstream, self._allows = upstream, limiter
        self._lock = threading.Lock()
        self.passed: list[float] = []
        self.breaches = self.banned = 0

    def __enter__(self) -> Self:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, content = endpoint._answer(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, body: bytes) -> tuple[int, bytes]:
        with self._lock:
            now = time.monotonic()
            if self.breaches >= BREACHES:
                self.banned += 1
                return 403, b"banned"
            if not self._allows(now):
                self.breaches += 1
                return 429, _error(None, _TOO_FAST)
            self.passed.append(now)
        question = json.loads(body)
        if question["method"] == "eth_getLogs":
            asked = question["params"][0]
            if "fromBlock" in asked and _width(asked) > RANGE:
                return 200, _error(question["id"], _TOO_WIDE)
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._upstream, body, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return 200, response.read()


def figures() -> list[Figure]:
    """All figures of this section; both limiters at the same time, each with a scan of its own."""
    with LocalChain("origin") as chain, tempfile.TemporaryDirectory() as made:
        chain.populate(ACCOUNTS)
        chain.mine(BLOCKS)
        folder = Path(made)
        chain.write_deployments(folder / "deployments.toml")
        jobs = {"window of a second": window, "token bucket": bucket}
        with ThreadPoolExecutor(len(jobs)) as pool:
            rows = pool.map(lambda job: _scanned(chain, folder, *job), jobs.items())
            return [figure for row in rows for figure in row]


def _scanned(
    chain: LocalChain, folder: Path, name: str, limiter: Callable[[], Limiter]
) -> list[Figure]:
    with Endpoint(chain.url, limiter()) as endpoint:
        began = time.monotonic()
        finished = scan.run(
            scan.Request(None, (endpoint.url,), (), folder / "deployments.toml", folder / name)
        )
        ended = time.monotonic()
    if not finished.complete:
        raise RuntimeError(f"an incomplete scan: {finished.document['problems']}")
    if len(endpoint.passed) < LEAST:
        raise RuntimeError(f"only {len(endpoint.passed)} requests")
    settled = began + START
    used = sum(moment > settled for moment in endpoint.passed)
    return [
        Figure(f"{name}: scan of {len(endpoint.passed)} requests", ended - began, "s"),
        Figure(
            f"... idle of the {RATE} a second after {START:.0f} s",
            100 * (1 - used / (RATE * (ended - settled))),
            "%",
            15,
        ),
        Figure("... requests that came too fast", endpoint.breaches, "", BREACHES - 1),
        Figure("... requests after a ban", endpoint.banned, "", 0),
    ]


def _error(number: Any, error: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode()


def _width(asked: dict[str, Any]) -> int:
    return int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) + 1
