"""Yardsticks for the API's bench: servers that return bytes they were given, under uvicorn.

    python scripts/bench/bare.py asgi|fastapi PORT FILE

FILE is an answer as it came over the wire. `asgi` sends its status, headers and body whatever is
asked; `fastapi` does so from an ordinary route with the filters of /v1/bands.
"""

import sys
from pathlib import Path
from typing import Any

_PER_ANSWER = {b"connection", b"date"}


def taken_apart(answer: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers, without those that uvicorn sets for each answer, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    pairs = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:]]
    return [(name.lower(), value) for name, value in pairs if name.lower() not in _PER_ANSWER], body


def asgi(answer: bytes) -> Any:
    """The least an ASGI app can do."""
    headers, body = taken_apart(answer)
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    rest = {"type": "http.response.body", "body": body}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start)
            await send(rest)

    return app


def fastapi(answer: bytes) -> Any:
    """One route with the usual machinery: validated filters, a response of ready bytes."""
    from fastapi import FastAPI, Response

    headers, body = taken_apart(answer)
    texts = {name.decode(): value.decode("latin-1") for name, value in headers}
    app = FastAPI()

    @app.get("/v1/bands")
    async def bands(
        driver: str | None = None, side: str | None = None, min_usd: float | None = None
    ) -> Response:
        return Response(body, headers=texts)

    return app


def main() -> None:
    """Serve on the loopback until terminated."""
    import uvicorn

    kind, port, file = sys.argv[1:]
    app = {"asgi": asgi, "fastapi": fastapi}[kind](Path(file).read_bytes())
    # As `scanner.serving` runs uvicorn; the parser is uvicorn's own.
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
