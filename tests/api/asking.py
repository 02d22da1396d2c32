"""The API without a network: an ASGI request, made by hand, and what came of it."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from api.process import Answer
from scanner.outputs.api.app import Parts, application
from scanner.outputs.api.board import Board
from scanner.outputs.api.front import Front
from scanner.outputs.api.guard import Rules
from scanner.outputs.api.metrics import Metrics
from scanner.outputs.api.source import Chain, Question, Scan, State, Told
from scanner.outputs.api.stream import Hub
from scanner.serving.showing import Store

HOST = b"127.0.0.1:8080"
RULES = Rules(hosts=frozenset({HOST, b"localhost:8080"}))
SCAN = "000000000007-5e5e5e5e-00000007"


class Api:
    """A front with everything behind it, and what it logged."""

    def __init__(self, state: State, rules: Rules = RULES, *, stale: float = 1e12) -> None:
        self.defects: list[Exception] = []
        self.metrics = Metrics()
        self.board = Board(self.defects.append)
        self.hub = Hub(self.metrics)
        self.board.show(state)
        parts = Parts(self.board, self.hub, self.metrics, stale, "1.2.3", lambda: None)
        self.front = Front(application(parts), self.board, rules, self.metrics, self.defects.append)

    def ask(
        self,
        target: str | bytes,
        *,
        method: str = "GET",
        client: str = "127.0.0.1",
        host: bytes | None = HOST,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        **named: str,
    ) -> Answer:
        """One request; `named` are headers, with _ for -."""
        raw = target.encode() if isinstance(target, str) else target
        sent = [(b"host", host)] if host is not None else []
        sent += [(key.replace("_", "-").encode(), value.encode()) for key, value in named.items()]
        scope = scope_of(raw, method=method, client=client, headers=[*sent, *headers])
        return asyncio.run(_asked(self.front, scope))


def scope_of(
    target: bytes,
    *,
    method: str = "GET",
    client: str = "127.0.0.1",
    headers: Sequence[tuple[bytes, bytes]] = ((b"host", HOST),),
) -> dict[str, Any]:
    """A request as uvicorn hands it over."""
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": list(headers),
        "client": (client, 50_000),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
        "server": ("127.0.0.1", 8080),
    }


async def _asked(front: Front, scope: dict[str, Any]) -> Answer:
    started: list[Any] = []
    body = bytearray()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        else:
            body.extend(message.get("body", b""))

    await front(scope, receive, send)
    [start] = started
    headers: dict[str, str] = {}
    for name, value in start["headers"]:
        key = name.decode()
        headers[key] = f"{headers[key]}, {value.decode()}" if key in headers else value.decode()
    return Answer(start["status"], headers, bytes(body))


def of_store(directory: Path, rules: Rules = RULES, **more: Any) -> Api:
    """The API on a store as it is now."""
    return Api(Store(directory).load(), rules, **more)


def scan(scan_id: str = SCAN, *, complete: bool = True, tell: Any = None, **more: Any) -> Scan:
    """A scan that answers every question with its name."""

    def named(question: Question) -> Told:
        return Told(json.dumps({"asked": question.name, "scan": scan_id}).encode())

    given: dict[str, Any] = {
        "chain_id": 1,
        "block": int(scan_id[:12]),
        "timestamp": 1_000,
        "complete": complete,
        "reasons": () if complete else ("93 % of the debt found",),
        "drivers": ("ETH", "BTC"),
        "figures": (("ETH", "long", 5.0),),
    }
    return Scan(scan_id=scan_id, tell=tell or named, **{**given, **more})


def state(*scans: Scan, **more: Any) -> State:
    """A store with these scans as the newest of their chains."""
    return State(
        {
            one.chain_id: Chain(
                one.chain_id,
                {1: "ethereum", 8453: "base"}[one.chain_id],
                one,
                listed=frozenset({one.scan_id}),
                **more,
            )
            for one in scans
        }
    )
