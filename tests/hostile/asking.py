"""A client that takes everything as it comes, for the tests of the proxy itself."""

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hostile.upstream import aggregate
from hostile.wire import compact

WHOLE = {"fromBlock": "0x0", "toBlock": hex(1000), "address": ["0x" + "11" * 20]}
BIG = {"to": "0x" + "ca" * 20, "data": aggregate(150)}  # 34 KB of call data, 24 KB of answer
MOST = 2 << 20  # bytes read of one answer
QUESTIONS: dict[str, list[Any]] = {
    "eth_chainId": [],
    "eth_blockNumber": [],
    "eth_getBlockByNumber": ["latest", False],
    "eth_getLogs": [WHOLE],
    "eth_call": [BIG, hex(900)],
}


@dataclass(frozen=True)
class Heard:
    """What came back: bytes, and how it ended ("kept", "closed", "reset", "silent", "enough")."""

    raw: bytes
    end: str

    @property
    def head(self) -> str:
        return self.raw.partition(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    def header(self, name: str) -> str:
        """A header, or ''."""
        lines = (line.partition(": ") for line in self.head.split("\r\n")[1:])
        return next((value for key, _, value in lines if key.lower() == name.lower()), "")

    @property
    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def result(self) -> Any:
        return self.answer["result"]

    @property
    def error(self) -> tuple[int, str]:
        return self.answer["error"]["code"], self.answer["error"]["message"]


def ask(url: str, method: str, *params: Any, patience: float = 2.0, number: int = 5) -> Heard:
    """One request on a connection of its own; at most 2 MiB of the answer are read."""
    split = urlsplit(url)
    question = {"jsonrpc": "2.0", "id": number, "method": method}
    body = compact({**question, "params": list(params) or QUESTIONS[method]})
    target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    head = f"POST {target} HTTP/1.1\r\nHost: {split.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    raw = b""
    with socket.create_connection((split.hostname or "", split.port or 80), patience) as line:
        line.sendall(head.encode() + body)
        while len(raw) < MOST:
            try:
                part = line.recv(1 << 18)
            except ConnectionResetError:
                return Heard(raw, "reset")
            except TimeoutError:
                return Heard(raw, "silent")
            if not part:
                return Heard(raw, "closed")
            raw += part
            if _whole(raw):
                return Heard(raw, "kept")
    return Heard(raw, "enough")


def _whole(raw: bytes) -> bool:
    """Whether the body is as long as its Content-Length says."""
    heard = Heard(raw, "")
    length = heard.header("Content-Length") if b"\r\n\r\n" in raw else ""
    return bool(length) and len(heard.body) >= int(length)
