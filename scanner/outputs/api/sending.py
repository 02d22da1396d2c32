"""A response on its way to the client: whole, compressed, not at all, or as a problem."""

from typing import Any

from scanner.outputs.api.bodies import Body, Headers, unchanged
from scanner.outputs.api.guard import Given
from scanner.outputs.api.problems import Refusal

Scope = Any
Receive = Any
Send = Any

_CHUNK = 2**16  # bytes that are handed over at once: so much of a body a slow reader holds


async def answer(send: Send, body: Body, given: Given, extra: Headers, status: int = 200) -> int:
    """Send a body as its client wants it: not at all, compressed, or plain."""
    chosen = body.chosen(given.get(b"accept-encoding"))
    wanted = given.get(b"if-none-match")
    if wanted is not None and status == 200 and unchanged(wanted, chosen.etag):
        await send_whole(send, 304, chosen.unchanged + extra)
        return 304
    await send_whole(send, status, chosen.headers + extra, chosen.bytes)
    return status


async def refuse(send: Send, refusal: Refusal, extra: Headers) -> int:
    """Send a problem."""
    body = refusal.body()
    await send_whole(send, refusal.status, refusal.all_headers(body) + extra, body)
    return refusal.status


async def send_whole(send: Send, status: int, headers: Headers, data: bytes = b"") -> None:
    """Send a response whose bytes are all there."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    begin = 0
    while len(data) - begin > _CHUNK:
        part = data[begin : begin + _CHUNK]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        begin += _CHUNK
    await send({"type": "http.response.body", "body": data[begin:] if begin else data})
