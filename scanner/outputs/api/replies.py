"""What an endpoint hands to FastAPI: a body, a problem or a stream, which send themselves."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.responses import Response

from scanner.outputs.api import guard
from scanner.outputs.api.bodies import NEVER_KEPT, SAFE, Body
from scanner.outputs.api.limits import network
from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.sending import Receive, Scope, Send, answer, refuse, send_whole
from scanner.outputs.api.source import Log
from scanner.outputs.api.stream import KIND, Client, Hub, Place, lines, opening


class Ready(Response):
    """A body, sent as the request's headers want it."""

    def __init__(self, body: Body, status: int = 200) -> None:
        super().__init__(status_code=status)
        self._answer = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, self._answer, guard.headers_of(scope), [], self.status_code)


class Refused(Response):
    """A problem."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(status_code=refusal.status)
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await refuse(send, self._refusal, [])


class Stream(Response):
    """Events, for as long as the client reads and the server runs.

    It may last for days, so it keeps nothing of the scan that was the newest when it began.
    """

    def __init__(
        self,
        hub: Hub,
        chain_id: int,
        driver: str | None,
        since: Place | None,
        log: Callable[[], Log],
    ) -> None:
        super().__init__()
        self._hub = hub
        self._chain_id = chain_id
        self._driver = driver
        self._since = since
        self._log: Callable[[], Log] | None = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", KIND), (b"cache-control", NEVER_KEPT), *SAFE]
        headers += [(b"x-accel-buffering", b"no")]  # a proxy that collects would hold it back
        if scope["head"]:
            return await send_whole(send, 200, headers)
        address = network(scope["client"][0]) if scope["client"] else ""
        abort = scope.get("extensions", {}).get("bandscan", {}).get("abort", _nothing)
        client = Client(self._chain_id, self._driver, address, abort)
        self._hub.join(client)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await _first(self._write(client, send), _gone(receive))
        finally:
            self._hub.leave(client)
        return None

    async def _write(self, client: Client, send: Send) -> None:
        told = await self._begin(client, send)
        async for line in lines(client, told):
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _begin(self, client: Client, send: Send) -> frozenset[str]:
        """Tell the past, and return the scans it is made of."""
        assert self._log is not None
        past = await asyncio.to_thread(self._log)
        self._log = None
        for line in opening(client, self._since, past):
            await send({"type": "http.response.body", "body": line, "more_body": True})
        return past.scans


async def _gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _first(*work: Coroutine[Any, Any, None]) -> None:
    """Wait for whichever ends first, and end the others."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


def _nothing() -> None:
    """Where the server gave us no way to break a connection."""
