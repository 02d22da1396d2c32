"""A JSON-RPC node in this process that answers well, until a test tells it not to."""

import gzip
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from eth_abi.abi import decode, encode
from eth_hash.auto import keccak

from scanner.chain.connect import Node, connect

CHAIN = 31337
MULTICALL = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")
KEY = "k3y0123456789abcdef"
AGGREGATE3 = keccak(b"aggregate3((address,bool,bytes)[])")[:4]
TRY_AGGREGATE = keccak(b"tryBlockAndAggregate(bool,(address,bytes)[])")[:4]


@dataclass
class Reply:
    """Bytes instead of an answer; `result` and `error` are wrapped, `body` is sent as it is."""

    result: Any = None
    error: Any = None
    body: bytes | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    cut: int | None = None  # send only so many bytes of what Content-Length announces
    reset: bool = False  # close the connection without a word


Rule = Callable[[str, list[Any]], Reply | None]


def header(number: int) -> dict[str, str]:
    """The header of a block: its hash is the digest of its number."""
    return {
        "number": hex(number),
        "hash": "0x" + hash_of(number).hex(),
        "parentHash": "0x" + hash_of(number - 1).hex(),
        "timestamp": hex(1_700_000_000 + 12 * number),
        "miner": "0x" + "00" * 20,
    }


def hash_of(number: int) -> bytes:
    return keccak(b"block %d" % number)


def log(block: int, address: bytes, *topics: bytes, **changes: Any) -> dict[str, Any]:
    """One log as a node prints it."""
    return {
        "address": "0x" + address.hex(),
        "topics": ["0x" + topic.hex() for topic in topics],
        "data": "0x" + "00" * 64,
        "blockNumber": hex(block),
        "blockHash": "0x" + hash_of(block).hex(),
        "transactionHash": "0x" + "77" * 32,
        "transactionIndex": "0x0",
        "logIndex": "0x0",
        "removed": False,
        **changes,
    }


def echo(target: bytes, call: bytes) -> tuple[bool, bytes]:
    """A contract that answers its first argument word."""
    return True, call[4:36]


class FaultyNode:
    """`with FaultyNode() as chain:`; rules in `rules` are asked first, in order.

    Attributes
    ----------
    url : str
        With a key in its path.
    asked : list of (method, params)
        Every request that arrived.
    contract : callable
        (target, call data) -> (success, answer) of all contracts but Multicall3.
    """

    def __init__(self, head: int = 1000, chain_id: int = CHAIN) -> None:
        self.head, self.chain_id = head, chain_id
        self.rules: list[Rule] = []
        self.contract: Callable[[bytes, bytes], tuple[bool, bytes]] = echo
        self.logs: list[dict[str, Any]] = []
        self.asked: list[tuple[str, list[Any]]] = []
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                node._serve(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v2/{KEY}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.asked)

    def _serve(self, http: BaseHTTPRequestHandler) -> None:
        body = http.rfile.read(int(http.headers["Content-Length"]))
        request = json.loads(body)
        method, params = request["method"], request["params"]
        with self._lock:
            self.bodies.append(body)
            self.asked.append((method, params))
            found = (rule(method, params) for rule in self.rules)
            reply = next((reply for reply in found if reply is not None), None)
            if reply is None:
                reply = self.answer(method, params)
        content = reply.body
        if content is None:
            answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"], **reply.extra}
            answer |= {"result": reply.result} if reply.error is None else {"error": reply.error}
            content = json.dumps(answer).encode()
        if reply.reset:
            http.close_connection = True
            return
        if "gzip" in http.headers.get("Accept-Encoding", "") and reply.body is None:
            content = gzip.compress(content, 1)
            reply.headers["Content-Encoding"] = "gzip"
        http.send_response(reply.status)
        for name, value in reply.headers.items():
            http.send_header(name, value)
        http.send_header("Content-Length", str(len(content)))
        http.end_headers()
        http.wfile.write(content[: reply.cut])
        http.close_connection = http.close_connection or reply.cut is not None

    def answer(self, method: str, params: list[Any]) -> Reply:
        """The honest answer."""
        if method == "eth_chainId":
            return Reply(hex(self.chain_id))
        if method == "eth_blockNumber":
            return Reply(hex(self.head))
        if method == "eth_getBlockByNumber":
            tags = {"latest": self.head, "safe": self.head - 32, "finalized": self.head - 64}
            number = tags[params[0]] if params[0] in tags else int(params[0], 16)
            return Reply(header(number) if number <= self.head else None)
        if method == "eth_getCode":
            return Reply("0x60016002")
        if method == "eth_getLogs":
            low, high = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
            within = [log for log in self.logs if low <= int(log["blockNumber"], 16) <= high]
            return Reply(within)
        if method == "eth_call":
            if len(params) > 2 and bytes.fromhex(params[0]["to"][2:]) != MULTICALL:
                return Reply(
                    error={"code": -32602, "message": "too many arguments, want at most 2"}
                )
            if "to" not in params[0]:
                return Reply(error={"code": -32602, "message": "missing field `to`"})
            return Reply("0x" + self.execute(params[0], int(params[1], 16)).hex())
        return Reply(error={"code": -32601, "message": "the method does not exist"})

    def execute(self, call: dict[str, Any], block: int) -> bytes:
        """Multicall3, and whatever `contract` is, at a block."""
        content = bytes.fromhex(call["data"][2:])
        if content[:4] == AGGREGATE3:
            (calls,) = decode(["(address,bool,bytes)[]"], content[4:])
            answers = [self._call(target, payload, block) for target, _, payload in calls]
            return encode(["(bool,bytes)[]"], [answers])
        if content[:4] == TRY_AGGREGATE:
            _, calls = decode(["bool", "(address,bytes)[]"], content[4:])
            answers = [self._call(target, payload, block) for target, payload in calls]
            return encode(["uint256", "bytes32", "(bool,bytes)[]"], [block, bytes(32), answers])
        return self._call(call["to"], content, block)[1]

    def _call(self, target: str, payload: bytes, block: int) -> tuple[bool, bytes]:
        address = bytes.fromhex(target[2:])
        known = {
            b"getBlockNumber()": block.to_bytes(32, "big"),
            b"getLastBlockHash()": hash_of(block - 1),
            b"getCurrentBlockTimestamp()": int(header(block)["timestamp"], 16).to_bytes(32, "big"),
            b"getChainId()": self.chain_id.to_bytes(32, "big"),
        }
        if address == MULTICALL and payload[:4] == keccak(b"getBlockHash(uint256)")[:4]:
            number = int.from_bytes(payload[4:36], "big")
            return True, hash_of(number) if block - 256 <= number < block else bytes(32)
        if address == MULTICALL:
            return True, next(v for k, v in known.items() if keccak(k)[:4] == payload[:4])
        return self.contract(address, payload)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def reach(*urls: str, time: Time | None = None, chain_id: int | None = CHAIN, **more: Any) -> Node:
    """`connect` with a clock of ours, so that no test waits."""
    time = time or Time()
    return connect(chain_id, urls, sleep=time.sleep, clock=time.clock, **more)


def for_method(method: str, *replies: Reply | None) -> Rule:
    """The given replies to the first calls of a method, honest answers after that."""
    waiting = list(replies)

    def rule(name: str, params: list[Any]) -> Reply | None:
        return waiting.pop(0) if name == method and waiting else None

    return rule


def always(method: str, reply: Reply) -> Rule:
    """One reply to every call of a method."""
    return lambda name, params: reply if name == method else None


def calls_in(params: list[Any]) -> int:
    """How many calls an aggregate3 request carries, without the four proofs."""
    content = bytes.fromhex(params[0]["data"][2:])
    return int.from_bytes(content[36:68], "big") - 4


def addresses(count: int) -> Iterable[bytes]:
    """Distinct addresses of borrowers."""
    return [keccak(b"borrower %d" % i)[12:] for i in range(count)]
