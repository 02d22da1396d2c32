"""An HTTP server in front of a node that does to requests and answers whatever faults say.

A raw TCP server, because half of the faults are no HTTP any more. It runs in a thread with a loop
of its own; the node is asked by a few worker threads, each with a connection that is kept.
"""

import asyncio
import contextlib
import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from hostile.fault import Ask, Fault
from hostile.wire import Question, Reply, Wire, compact, text

WORKERS = 16
UPSTREAM_PATIENCE = 60  # seconds


@dataclass
class _State:
    """What one fault did in one proxy so far."""

    dice: random.Random
    seen: int = 0
    struck: int = 0
    memory: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Request:
    """One request as it came in."""

    question: Question
    body: bytes
    url: str
    number: int


class HostileProxy:
    """`with HostileProxy(chain.url, [fault("F10", "seconds")], seed=7) as proxy:`.

    The first fault of the list is the nearest to the client. Any path is served.

    Attributes
    ----------
    url : str
        Of this endpoint, with `path` behind it; `at` gives it another path or a user.
    asked : list of str
        The methods of all requests, in order.
    struck : Counter
        Fault id -> how often it acted.
    closed_early : int
        How many connections the client closed before an answer was written.
    """

    def __init__(
        self, upstream: str, faults: Sequence[Fault] = (), *, seed: int = 7, path: str = ""
    ) -> None:
        split = urlsplit(upstream)
        self._upstream = (split.hostname or "127.0.0.1", split.port or 80)
        self._path = (split.path or "/") + (f"?{split.query}" if split.query else "")
        self._own_path = path
        self._seed = seed
        self._faults: list[tuple[Fault, _State]] = []
        self.asked: list[str] = []
        self.struck: Counter[str] = Counter()
        self.closed_early = 0
        self._kept = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.set(*faults)

    def set(self, *faults: Fault) -> None:
        """From now on these faults, as if new."""
        self._faults = [
            (fault, _State(random.Random(f"{self._seed}/{place}/{fault.id}")))
            for place, fault in enumerate(faults)
        ]

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="hostile")
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        start = asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = self.at(rest=self._own_path)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._workers.shutdown(wait=False, cancel_futures=True)
        for connection in self._connections:
            connection.close()
        self._loop.close()

    def at(self, *, user: str = "", rest: str = "") -> str:
        """The URL with `user`@ before the host and `rest` (path, query) after the port."""
        return f"http://{user}@127.0.0.1:{self.port}{rest}".replace("//@", "//")

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._serve(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection stays."""
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        verb, target, _ = line.split(" ", 2)
        pairs = (entry.partition(":") for entry in lines if entry)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if verb != "POST":
            writer.write(Reply(status=405).content())
            return True
        question = json.loads(body)
        self.asked.append(question["method"])
        url = f"http://{headers.get('host', '')}{target}"
        reply = await self._chain(_Request(question, body, url, len(self.asked)), 0)
        try:
            if reply.wire is not None:
                await reply.wire(Wire(reader, writer))
                return False
            writer.write(reply.content())
            await writer.drain()
        except ConnectionError:
            self.closed_early += 1
            raise
        return headers.get("connection", "").lower() != "close"

    async def _chain(self, request: _Request, place: int) -> Reply:
        """The answer of the faults from `place` on, and of the node behind them."""
        for here in range(place, len(self._faults)):
            fault, state = self._faults[here]
            if not self._wakes(fault, state, request.question["method"]):
                continue
            ask = self._ask(request, state, here + 1)
            reply = await fault.act(ask)
            # Others may have struck while this one waited for the node.
            if reply is not None and (fault.times is None or state.struck < fault.times):
                state.struck += 1
                self.struck[fault.id] += 1
                return reply
            if ask.honest is not None:
                return ask.honest
        return await self._forward(request.body)

    @staticmethod
    def _wakes(fault: Fault, state: _State, method: str) -> bool:
        """Whether the fault may act on this request."""
        if fault.methods is not None and method not in fault.methods:
            return False
        state.seen += 1
        if state.seen < fault.first or (fault.times is not None and state.struck >= fault.times):
            return False
        return fault.probability >= 1 or state.dice.random() < fault.probability

    def _ask(self, request: _Request, state: _State, behind: int) -> Ask:
        async def rest(question: Question) -> Reply:
            if question is request.question:
                return await self._chain(request, behind)
            body = compact(question)
            return await self._chain(_Request(question, body, request.url, request.number), behind)

        async def node(question: Question) -> Reply:
            return await self._forward(compact(question))

        return Ask(
            question=request.question,
            url=request.url,
            size=len(request.body),
            number=request.number,
            seen=state.seen,
            turn=state.struck,
            dice=state.dice,
            memory=state.memory,
            rest=rest,
            node=node,
        )

    async def _forward(self, body: bytes) -> Reply:
        return await self._loop.run_in_executor(self._workers, self._post, body)

    def _post(self, body: bytes) -> Reply:
        """Ask the node, in a worker thread; a kept connection may have ended meanwhile."""
        for _ in range(2):
            connection = self._connection()
            try:
                connection.request(
                    "POST", self._path, body, headers={"Content-Type": "application/json"}
                )
                response = connection.getresponse()
                return Reply(response.read(), response.status)
            except (OSError, http.client.HTTPException):
                with contextlib.suppress(OSError):
                    connection.close()
        return text("upstream connect error", 502)

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if found is None:
            found = http.client.HTTPConnection(*self._upstream, timeout=UPSTREAM_PATIENCE)
            self._kept.connection = found
            self._connections.append(found)
        return found
