"""The application behind the front: FastAPI with our endpoints, our problems and no pages."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scanner.outputs.api import endpoints, filters, health, metrics, proofs, schema
from scanner.outputs.api.answering import Answers
from scanner.outputs.api.board import Board
from scanner.outputs.api.bodies import NEVER_KEPT, Body, content
from scanner.outputs.api.choosing import chain_of, readable, settled
from scanner.outputs.api.metrics import Metrics
from scanner.outputs.api.problems import Refusal, internal, method_not_allowed
from scanner.outputs.api.replies import Ready, Refused, Stream
from scanner.outputs.api.stream import Hub, place
from scanner.outputs.document import encode
from scanner.outputs.words import symbol


@dataclass(frozen=True)
class Parts:
    """What the endpoints answer from.

    `stale`: the age from which on a scan is not relied on [s]; `watch` tells of the rescans.
    """

    board: Board
    hub: Hub
    metrics: Metrics
    stale: float
    version: str
    watch: Callable[[], dict[str, Any] | None]


def application(parts: Parts) -> FastAPI:
    """The application, its schema included."""
    api = FastAPI(
        title="bandscan",
        version=parts.version,
        openapi_url=None,
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"auto_configure": False},  # nothing leaves, whatever the environment says
    )
    _explain(api)
    endpoints.declare(api, Answers(parts.board))
    _declare_server(api, parts)
    _declare_stream(api, parts)

    @cache
    def described() -> Body:
        document = schema.openapi(api, parts.version)
        return Body(content(json.dumps(document, separators=(",", ":")).encode()))

    @api.get("/openapi.json", include_in_schema=False)
    async def openapi(asked: Annotated[filters.Nothing, Query()]) -> Response:
        return Ready(await asyncio.to_thread(described))

    return api


def _declare_server(api: FastAPI, parts: Parts) -> None:
    """The endpoints about the server itself; nothing of theirs is kept, for it changes."""
    ill: dict[int | str, Any] = {
        503: {"description": "Stale, incomplete or unreadable", "model": proofs.Health}
    }

    @api.get("/v1/status", response_model=proofs.Status, tags=["server"])
    async def status(asked: Annotated[filters.Nothing, Query()]) -> Response:
        """What is served, how old it is, and what stands in the way of newer scans."""
        now = time.time()
        state = parts.board.now.state
        report = health.status(state, now, parts.stale, parts.version, parts.watch())
        ages = [row["age_seconds"] for row in report["chains"] if row["age_seconds"] is not None]
        facts = [(b"x-bandscan-age", b"%d" % max(ages))] if ages else []
        return Ready(Body(content(encode(report)), facts, NEVER_KEPT))

    @api.get("/healthz", response_model=proofs.Health, responses=ill, tags=["server"])
    async def healthz(asked: Annotated[filters.Nothing, Query()]) -> Response:
        """200 where every chain's newest scan is complete, readable and young enough; else 503."""
        code, report = health.health(parts.board.now.state, time.time(), parts.stale)
        return Ready(Body(content(encode(report)), (), NEVER_KEPT), code)

    @api.get("/metrics", response_class=schema.Text, tags=["server"])
    async def prometheus(asked: Annotated[filters.Nothing, Query()]) -> Response:
        """Counters of this server, in Prometheus' text format."""
        text = parts.metrics.text(parts.board.now.state, time.time())
        return Ready(Body(content(text), (), NEVER_KEPT, metrics.KIND))


def _declare_stream(api: FastAPI, parts: Parts) -> None:
    @api.get("/v1/stream", response_class=schema.Events, tags=["stream"])
    async def stream(
        request: Request, asked: Annotated[filters.StreamFilters, Query()]
    ) -> Response:
        """Server-sent events: `scan` for every new scan, `band` for every range that changed.

        Ids survive a restart of the server: with the header Last-Event-ID a client gets all it
        missed, as far as the scans are still stored.
        """
        chain = chain_of(parts.board.now.state, asked.chain)
        scan = readable(chain, incomplete=True)
        driver = settled(asked.question("stream"), scan).get("driver")
        last = request.headers.get("last-event-id")
        since = place(last, chain.chain_id) if last else None
        return Stream(parts.hub, chain.chain_id, driver, since, chain.log)


def _explain(api: FastAPI) -> None:
    """Whatever is wrong becomes a problem of ours."""

    @api.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return Refused(error)

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = [_complaint(one) for one in error.errors()]
        detail = "; ".join(f"{one['parameter']}: {one['message']}" for one in found[:3])
        return Refused(Refusal("bad_parameter", detail, parameters=found))

    @api.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            return Refused(method_not_allowed())
        return Refused(Refusal("not_found", "See /openapi.json for what there is."))

    @api.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        return Refused(internal())


def _complaint(error: Any) -> dict[str, str]:
    """Which parameter, and what is wrong with it; never the value that was sent."""
    name = str(error["loc"][1]) if len(error["loc"]) > 1 else "request"
    if error["type"] == "extra_forbidden":
        return {"parameter": symbol(name), "message": "there is no such parameter here"}
    return {"parameter": symbol(name), "message": error["msg"].removeprefix("Value error, ")}
