"""A tiny node in this process whose answers follow from the question alone."""

import json
import threading
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from eth_abi.abi import decode, encode

from hostile.batches import AGGREGATE3, PROOF
from hostile.wire import compact

HEAD = 1000
CHAIN = 31337
USER = "0x" + "aa" * 20
LENS = bytes.fromhex("1e45")  # call data that is answered as by the lens


def logs(low: int, high: int) -> list[dict[str, Any]]:
    """One log in every tenth block, two in every hundredth."""
    found = []
    for block in range(-(-low // 10) * 10, min(high, HEAD) + 1, 10):
        for index in range(1 if block % 100 else 2):
            found.append(
                {
                    "address": "0x" + "11" * 20,
                    "topics": ["0x" + "22" * 32, "0x" + "00" * 12 + USER[2:]],
                    "data": "0x" + f"{block:064x}",
                    "blockNumber": hex(block),
                    "blockHash": f"0x{block + 1:064x}",
                    "transactionHash": f"0x{block + 7:064x}",
                    "transactionIndex": "0x0",
                    "logIndex": hex(index),
                    "removed": False,
                }
            )
    return found


@lru_cache
def call(data: bytes, block: int) -> bytes:
    """Every word an answer carries is the block's number."""
    word = block.to_bytes(32, "big")
    if data[:4] == AGGREGATE3:
        (calls,) = decode(["(address,bool,bytes)[]"], data[4:])
        return encode(["(bool,bytes)[]"], [[(True, word) for _ in calls]])
    if data == LENS:  # three calls of two words
        return word * (PROOF + 6) + b"\1\1\1"
    return word


def aggregate(count: int) -> str:
    """Call data of an aggregate3 of `count` calls."""
    calls = [(USER, True, bytes(36)) for _ in range(count)]
    return "0x" + (AGGREGATE3 + encode(["(address,bool,bytes)[]"], [calls])).hex()


def _height(block: str) -> int:
    return HEAD if block == "latest" else int(block, 16)


def answer(method: str, params: list[Any]) -> Any:
    """The true result."""
    if method == "eth_chainId":
        return hex(CHAIN)
    if method == "eth_blockNumber":
        return hex(HEAD)
    if method == "eth_getBlockByNumber":
        number = _height(params[0])
        header = {"number": hex(number), "hash": f"0x{number + 1:064x}", "timestamp": hex(number)}
        return header if number <= HEAD else None
    if method == "eth_getLogs":
        return logs(_height(params[0]["fromBlock"]), _height(params[0]["toBlock"]))
    data = bytes.fromhex(params[0]["data"][2:])
    return "0x" + call(data, _height(params[1])).hex()


class Upstream:
    """`with Upstream() as node:`; `overrides` counts calls that came with a third parameter."""

    def __init__(self) -> None:
        self.overrides = 0

    def __enter__(self) -> Self:
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                node.overrides += question["method"] == "eth_call" and len(question["params"]) > 2
                result = answer(question["method"], question["params"])
                body = compact({"jsonrpc": "2.0", "id": question["id"], "result": result})
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
