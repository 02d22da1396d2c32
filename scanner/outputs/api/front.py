"""The thin layer in front of FastAPI: checks every request, and answers ready bytes itself.

A ready answer costs a few dictionary look-ups here; FastAPI's machinery would cost as much as the
whole rest of the server. It keeps what is not ready: validation, filters, the schema.
"""

import time
from collections.abc import Callable
from typing import Any

from scanner.outputs.api import guard, queries
from scanner.outputs.api.answering import LEFT
from scanner.outputs.api.board import Board
from scanner.outputs.api.bodies import SAFE, Headers
from scanner.outputs.api.guard import Given, Rules
from scanner.outputs.api.metrics import Metrics
from scanner.outputs.api.problems import Refusal, internal
from scanner.outputs.api.sending import Receive, Scope, Send, answer, refuse, send_whole

_STREAM = "/v1/stream"


class Front:
    """The ASGI application that the server runs.

    Parameters
    ----------
    inner : ASGI application
        Gets what is not ready, HEAD as GET, and only what passed the checks.
    log : callable
        Told of defects.
    """

    def __init__(
        self,
        inner: Any,
        board: Board,
        rules: Rules,
        metrics: Metrics,
        log: Callable[[Exception], None],
    ) -> None:
        self._inner = inner
        self._board = board
        self._rules = rules
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        begun = time.perf_counter()
        extra: Headers = []
        try:
            given = guard.headers_of(scope)
            extra = guard.cross_origin(given, self._rules)
            status = await self._answer(scope, receive, send, given, extra)
        except Refusal as refusal:
            status = await refuse(send, refusal, extra)
        seconds = time.perf_counter() - begun
        if scope["path"] == _STREAM and status == 200:
            seconds = 0.0  # it took as long as its reader liked
        self._metrics.count(scope["path"], status, seconds)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, given: Given, extra: Headers
    ) -> int:
        asking = guard.preflight(scope, given, self._rules)
        guard.check(scope, given, self._rules, time.monotonic, asking=asking is not None)
        if asking is not None:
            await send_whole(send, 204, [*asking, *extra, *SAFE])
            return 204
        query = scope["query_string"]
        body = self._board.now.ready.get(scope["raw_path"] + b"?" + query)
        if body is not None:
            self._metrics.ready += 1
            return await answer(send, body, given, extra)
        queries.check(query)
        return await self._inside(scope, receive, send, extra)

    async def _inside(self, scope: Scope, receive: Receive, send: Send, extra: Headers) -> int:
        """Let FastAPI answer; a defect there is a problem of one line, and no traceback."""
        status = 0

        async def noting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        if left := scope.get("extensions", {}).get("bandscan", {}).get("left"):
            LEFT.set(left)
        inside = {**scope, "method": "GET", "head": scope["method"] == "HEAD"}
        try:
            await self._inner(inside, receive, noting)
        except Exception as error:
            self._log(error)
            if status not in (0, 500):  # half an answer: only a broken connection can tell
                raise
            if not status:
                raise internal() from error
        return status
