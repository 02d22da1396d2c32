"""One anvil process, JSON-RPC to it, and calls to contracts through that."""

import atexit
import collections
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localchain import abi
from localchain.abi import ErrorNames, Reverted
from localchain.errors import LocalChainError
from localchain.packages import anvil_binary

GENESIS_TIME = 1_768_780_800  # 2026-01-19: a fixed start makes every number repeatable
_IN_A_BLOCK, _GAS_AMONG_OTHERS = 500, 12_000_000
GAS = 10**11  # more than any transaction here needs; asking for it saves the estimate

# Runs anvil until its own input ends, which only we hold open: the kernel closes it however
# we end, so that anvil is never left behind.
_KEEPER = """
"$@" </dev/null &
echo $!
exec >/dev/null 2>&1
read _
kill $!
wait $!
rm -rf "$HOME"
"""

_FLAGS = [
    *("--host", "127.0.0.1"),
    *("--hardfork", "prague"),
    *("--accounts", "1"),
    *("--order", "fifo"),
    *("--gas-limit", "1000000000000"),
    *("--gas-price", "0"),
    *("--block-base-fee-per-gas", "0"),
    "--disable-min-priority-fee",
    "--auto-impersonate",
    "--no-request-size-limit",
]


@dataclass(frozen=True)
class Send:
    """A transaction that waits for others."""

    frm: str
    to: str
    data: bytes
    value: int = 0
    doing: str = ""

    def request(self) -> dict[str, str]:
        """As JSON-RPC wants it."""
        return {
            "from": self.frm,
            "to": self.to,
            "data": "0x" + self.data.hex(),
            "value": hex(self.value),
            "gas": hex(_GAS_AMONG_OTHERS),
            "gasPrice": "0x0",
        }


class RpcError(LocalChainError):
    """The node answered with an error that is no revert."""


class Node:
    """An anvil of our own: started here, ended with `close()`, at the latest with this process.

    Time stands still (every block has the timestamp of the one before) unless somebody
    calls `pass_time`: interest would move every liquidation price otherwise.

    The newest final block is 2 x `slots` behind the head. With more than a few, this anvil may lose
    sight of transactions that are sent after a snapshot was taken back.
    """

    def __init__(self, chain_id: int = 31337, port: int = 0, slots: int = 1) -> None:
        self.chain_id = chain_id
        self.errors = ErrorNames({}, {})
        self._local = threading.local()  # one connection for each thread
        self._connections: list[http.client.HTTPConnection] = []
        self._reader: threading.Thread | None = None
        binary = anvil_binary()
        self.home = Path(tempfile.mkdtemp(prefix="bandscan-anvil-"))  # old states spill there
        own = ["--port", str(port), "--chain-id", str(chain_id), "--timestamp", str(GENESIS_TIME)]
        own += ["--slots-in-an-epoch", str(slots)]
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "anvil", str(binary), *_FLAGS, *own],
            env={**os.environ, "HOME": str(self.home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C is for us; we end anvil ourselves
        )
        atexit.register(self.close)
        try:
            self.pid, self.port = self._wait_for_start()
            self.url = f"http://127.0.0.1:{self.port}"
            self.freeze_time()
            self.owner: str = self.rpc("eth_accounts")[0].lower()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End anvil and remove what it wrote. May be called twice."""
        atexit.unregister(self.close)
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        try:
            self._keeper.wait(10)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):  # it ended, what it wrote is still being removed
                os.kill(self.pid, signal.SIGKILL)
            self._keeper.wait()
        if self._reader is not None:
            self._reader.join()
        assert self._keeper.stdout is not None
        self._keeper.stdout.close()
        for connection in self._connections:
            connection.close()

    def wait(self) -> None:
        """Wait until anvil ends, which it should not do by itself."""
        if self._reader is not None:
            self._reader.join()
        raise LocalChainError("anvil ended by itself")

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
        receipt = self._sent(request)
        if int(receipt["status"], 16) == 1:
            return receipt
        try:  # a failed transaction changed nothing, so the same call fails the same way now
            self.rpc("eth_call", request, "latest")
        except Reverted as why:
            raise Reverted(why.reason, why.data, doing) from None
        raise LocalChainError(f"{doing or 'a transaction'} failed, but not when asked again")

    def together(self, sends: Sequence[Send]) -> None:
        """Transactions in as few blocks as hold them, in their order.

        A block costs time in proportion to all there is on the chain, so that many accounts are
        made in few blocks. Raises `Reverted` for the first that failed.
        """
        for begin in range(0, len(sends), _IN_A_BLOCK):
            part = sends[begin : begin + _IN_A_BLOCK]
            people = sorted({send.frm for send in part})
            counts = self.batch([("eth_getTransactionCount", [who, "latest"]) for who in people])
            nonce = {who: int(count, 16) for who, count in zip(people, counts, strict=True)}
            self.rpc("evm_setAutomine", False)
            try:
                hashes = []
                for send in part:  # one after the other: a batch would arrive in any order
                    request = {**send.request(), "nonce": hex(nonce[send.frm])}
                    nonce[send.frm] += 1
                    hashes.append(self.rpc("eth_sendTransaction", request))
                self.mine()
            finally:
                self.rpc("evm_setAutomine", True)
            receipts = self.batch([("eth_getTransactionReceipt", [one]) for one in hashes])
            for send, receipt in zip(part, receipts, strict=True):
                if receipt is None or int(receipt["status"], 16) != 1:
                    self.rpc("eth_call", send.request(), "latest")  # says why, mostly
                    raise LocalChainError(f"{send.doing} failed among others of one block")

    def _sent(self, request: dict[str, Any]) -> dict[str, Any]:
        """The receipt of a transaction; on a busy machine it is waited for longer than anvil does.

        Where anvil gives up it names the hash (EIP-7966), or not: then the sender's is looked for.
        After a snapshot was taken back it may take a transaction for the equal one of before, which
        was mined, and forget it: then it is sent once more.
        """
        nonce = self._nonce(request["from"])
        answer = self._post(_request(0, "eth_sendTransactionSync", [request]))
        told = answer.get("error", {})
        if "timeout" not in str(told.get("message", "")):
            found: dict[str, Any] = self._result(answer, "eth_sendTransactionSync")
            return found
        known = told.get("data")
        for turn in range(600):
            sent = known if isinstance(known, str) else self._hash_of(request["from"], nonce)
            receipt = self.rpc("eth_getTransactionReceipt", sent) if sent else None
            if receipt is not None:
                return dict(receipt)
            if turn == 5 and self._nonce(request["from"]) == nonce:
                known = self.rpc("eth_sendTransaction", request)
            time.sleep(0.1)
        raise LocalChainError("a transaction was sent and never mined")

    def _nonce(self, sender: str) -> int:
        return int(self.rpc("eth_getTransactionCount", sender, "latest"), 16)

    def _hash_of(self, sender: str, nonce: int) -> str | None:
        """The hash of an account's transaction, if it is in one of the last blocks."""
        head = self.head()
        for number in range(head, max(-1, head - 8), -1):
            block = self.rpc("eth_getBlockByNumber", hex(number), True)
            for one in block["transactions"]:
                if one["from"] == sender.lower() and int(one["nonce"], 16) == nonce:
                    return str(one["hash"])
        return None

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

    def _wait_for_start(self) -> tuple[int, int]:
        """Process id and port; what anvil says later is read by a thread, and forgotten."""
        stream = self._keeper.stdout
        assert stream is not None
        pid = int(stream.readline())
        said: collections.deque[str] = collections.deque(maxlen=20)
        for line in stream:
            said.append(line)
            if found := re.search(r"Listening on .*:(\d+)", line):
                forget = collections.deque[str](maxlen=0)
                self._reader = threading.Thread(target=forget.extend, args=(stream,), daemon=True)
                self._reader.start()
                return pid, int(found[1])
        raise LocalChainError("anvil did not start:\n" + "".join(said))

    def _post(self, body: Any) -> Any:
        text = json.dumps(body).encode()
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
                self._local.connection = connection
                self._connections.append(connection)
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
