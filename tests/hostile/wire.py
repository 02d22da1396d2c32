"""What is sent to the client: a well-formed HTTP answer, or whatever a fault writes itself."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Question = dict[str, Any]
REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 402: "Payment Required", 403: "Forbidden"}
REASONS |= {405: "Method Not Allowed", 413: "Content Too Large", 429: "Too Many Requests"}
REASONS |= {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}


def compact(value: Any) -> bytes:
    """JSON as nodes print it, without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()


class Wire:
    """The open connection, for faults below HTTP. It is closed afterwards."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        writer.transport.set_write_buffer_limits(0)  # drain = the kernel has it

    async def send(self, *parts: bytes) -> None:
        """Send and wait until it left; raises `ConnectionError` once the client is gone."""
        if self._writer.transport.is_closing():
            raise ConnectionResetError
        self._writer.write(b"".join(parts))
        await self._writer.drain()

    async def head(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Send a status line and exactly these headers."""
        await self.send(head_of(status, headers or {}))

    def reset(self) -> None:
        """End the connection by RST."""
        self._writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self._writer.transport.abort()

    async def silence(self, seconds: float) -> None:
        """Send nothing until the client hangs up, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reader.read(), seconds)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer.

    Content-Type (JSON) and Content-Length are added unless `headers` has them. Where `wire` is set,
    it writes everything itself, and the connection ends with it.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    wire: Callable[[Wire], Awaitable[None]] | None = field(default=None, repr=False)

    @cached_property
    def answer(self) -> dict[str, Any]:
        """The JSON-RPC answer; empty where the body is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def result(self) -> Any:
        """Its result; None where there is none."""
        return self.answer.get("result")

    @property
    def payload(self) -> bytes | None:
        """The bytes an eth_call returned, or reverted with; None where there are none."""
        found = self.result
        if found is None and isinstance(self.answer.get("error"), dict):
            found = self.answer["error"].get("data")
        return bytes.fromhex(found[2:]) if isinstance(found, str) and found[:2] == "0x" else None

    def content(self) -> bytes:
        """Head and body."""
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(self.body)),
            **self.headers,
        }
        return head_of(self.status, headers, self.reason) + self.body


def head_of(status: int, headers: Mapping[str, str], reason: str = "") -> bytes:
    """Status line and headers, the empty line included."""
    lines = [f"HTTP/1.1 {status} {reason or REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def text(body: str, status: int = 200, kind: str = "text/plain", **headers: str) -> Reply:
    """An answer that is no JSON; header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(body.encode(), status, {"Content-Type": kind, **named})
