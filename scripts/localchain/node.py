"""One anvil process, JSON-RPC to it, and calls to contracts through that."""

import atexit
import collections
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from localchain import abi
from localchain.abi import ErrorNames, Reverted
from localchain.errors import LocalChainError
from localchain.packages import anvil_binary

GENESIS_TIME = 1_767_225_600  # 2026-01-01: a fixed start makes every number repeatable
GAS = 10**11  # more than any transaction here needs; asking for it saves the estimate

_FLAGS = [
    *("--host", "127.0.0.1"),
    *("--hardfork", "prague"),
    *("--accounts", "1"),
    *("--order", "fifo"),
    *("--gas-limit", "1000000000000"),
    *("--gas-price", "0"),
    *("--block-base-fee-per-gas", "0"),
    *("--slots-in-an-epoch", "1"),
    "--disable-min-priority-fee",
    "--auto-impersonate",
    "--no-request-size-limit",
]


class RpcError(LocalChainError):
    """The node answered with an error that is no revert."""


class Node:
    """An anvil of our own: started here, ended with `close()`, at the latest with this process.

    Time stands still (every block has the timestamp of the one before) unless somebody
    calls `pass_time`: interest would move every liquidation price otherwise.
    """

    def __init__(self, chain_id: int = 31337, port: int = 0) -> None:
        self.chain_id = chain_id
        self.errors = ErrorNames({}, {})
        self._local = threading.local()
        self.home = Path(tempfile.mkdtemp(prefix="bandscan-anvil-"))  # old states spill there
        command = [
            str(anvil_binary()),
            *_FLAGS,
            *("--port", str(port)),
            *("--chain-id", str(chain_id)),
            *("--timestamp", str(GENESIS_TIME)),
        ]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C is for us; we end anvil ourselves
        )
        self._guard = _guard(self._process.pid, self.home)
        atexit.register(self.close)
        try:
            self.port = self._wait_for_port()
            self.url = f"http://127.0.0.1:{self.port}"
            self.freeze_time()
            self.owner: str = self.rpc("eth_accounts")[0].lower()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Process id of anvil."""
        return self._process.pid

    def close(self) -> None:
        """End anvil and remove what it wrote. May be called twice."""
        atexit.unregister(self.close)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._guard.terminate()
        self._guard.communicate()
        shutil.rmtree(self.home, ignore_errors=True)

    def wait(self) -> None:
        """Wait until anvil ends, which it should not do by itself."""
        code = self._process.wait()
        raise LocalChainError(f"anvil ended by itself, exit code {code}")

    # --- JSON-RPC -------------------------------------------------------------

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of one request; a revert raises `Reverted`, any other error `RpcError`."""
        return self._result(self._post(_request(0, method, params)), method)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Results of many (method, params), in order. The node runs them side by side."""
        if not requests:
            return []
        answers = self._post([_request(i, m, p) for i, (m, p) in enumerate(requests)])
        answers.sort(key=lambda answer: answer["id"])
        return [self._result(a, m) for a, (m, _) in zip(answers, requests, strict=True)]

    # --- contracts ------------------------------------------------------------

    def call(self, to: str, signature: str, *args: Any, block: str = "latest") -> Any:
        """Ask a contract: `call(token, "balanceOf(address)(uint256)", holder)`."""
        data = abi.encode_call(signature, *args)
        return abi.decode_answer(signature, self.raw_call(to, data, block=block))

    def raw_call(self, to: str, data: bytes, *, block: str = "latest") -> bytes:
        """eth_call with data as it stands."""
        request = {"from": self.owner, "to": to, "data": "0x" + data.hex(), "gas": hex(GAS)}
        return bytes.fromhex(self.rpc("eth_call", request, block)[2:])

    def send(self, frm: str, to: str, signature: str, *args: Any) -> dict[str, Any]:
        """A transaction of `frm` (any address) in a block of its own; returns the receipt.

        Raises
        ------
        Reverted
            With the contract's reason. The failed transaction stays in its block.
        """
        return self.transact(frm, to, abi.encode_call(signature, *args), doing=signature)

    def transact(self, frm: str, to: str | None, data: bytes, *, doing: str = "") -> dict[str, Any]:
        """A transaction with data as it stands; `to` None creates a contract."""
        request = {"from": frm, "data": "0x" + data.hex(), "gas": hex(GAS), "gasPrice": "0x0"}
        if to is not None:
            request["to"] = to
        receipt: dict[str, Any] = self.rpc("eth_sendTransactionSync", request)
        if int(receipt["status"], 16) == 1:
            return receipt
        try:  # a failed transaction changed nothing, so the same call fails the same way now
            self.rpc("eth_call", request, "latest")
        except Reverted as why:
            raise Reverted(why.reason, why.data, doing) from None
        raise LocalChainError(f"{doing or 'a transaction'} failed, but not when asked again")

    # --- blocks and time ------------------------------------------------------

    def head(self) -> int:
        """Number of the latest block."""
        return int(self.rpc("eth_blockNumber"), 16)

    def now(self) -> int:
        """Timestamp of the latest block."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def mine(self, blocks: int = 1) -> None:
        """Empty blocks."""
        self.rpc("anvil_mine", hex(blocks))

    def freeze_time(self) -> None:
        """Every block from now on has the timestamp of the latest."""
        self.rpc("anvil_setBlockTimestampInterval", 0)

    def pass_time(self, seconds: int) -> None:
        """One empty block, `seconds` later; then time stands still again."""
        self.rpc("evm_setNextBlockTimestamp", self.now() + seconds)
        self.mine()

    # --- inside ---------------------------------------------------------------

    def _wait_for_port(self) -> int:
        """The port anvil names; its output is read to the end by a thread, and forgotten."""
        stream = self._process.stdout
        assert stream is not None
        said: collections.deque[str] = collections.deque(maxlen=20)
        for line in stream:
            said.append(line)
            if found := re.search(r"Listening on .*:(\d+)", line):
                threading.Thread(target=collections.deque, args=(stream, 0), daemon=True).start()
                return int(found[1])
        raise LocalChainError("anvil did not start:\n" + "".join(said))

    def _post(self, body: Any) -> Any:
        text = json.dumps(body).encode()
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
                self._local.connection = connection
            try:
                connection.request("POST", "/", text, {"Content-Type": "application/json"})
                return json.loads(connection.getresponse().read())
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                connection.close()  # an idle connection the node has closed: once more
                self._local.connection = None
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _result(self, answer: dict[str, Any], method: str) -> Any:
        error = answer.get("error")
        if error is None:
            return answer["result"]
        data = error.get("data")
        if isinstance(data, str) and data.startswith("0x") and error.get("code") == 3:
            raw = bytes.fromhex(data[2:])
            raise Reverted(self.errors.explain(raw), raw)
        raise RpcError(f"{method}: {error.get('message')}")


def _request(number: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def _guard(pid: int, home: Path) -> subprocess.Popen[bytes]:
    """A shell that ends anvil when we are gone without having said so.

    It waits for the end of a pipe whose other end only we hold: the kernel closes that one
    however we end.
    """
    script = 'read _; kill "$1"; sleep 1; rm -rf "$2"'
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", str(pid), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
