"""The synthetic endpoint: a scan of it ends complete, and refuses what a real one would."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic import Node, Synthetic

from scanner.chain import abi
from scanner.chain.multicall3 import call_data, results, tuples
from scanner.cli import main
from scanner.gaps import TIP

BORROWERS, FIRST = 500, 16_291_127
HEAD = FIRST + 200_000
MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
_POOL = abi.load("aave_v3_pool")


class Lensed(Node):
    """A node that understands one override more, and counts those of the scanner's lens."""

    lenses = 0

    def lens(self, params: list[Any]) -> bytes | None:
        if len(params) > 2 and params[0].get("to") == "0x" + "11" * 20:
            return b"seen %d" % self.lenses
        found = super().lens(params)
        self.lenses += found is not None
        return found


@pytest.fixture(scope="module")
def chain() -> Iterator[Synthetic]:
    with Synthetic(7, BORROWERS, HEAD, most_logs=200, node=Lensed) as made:
        yield made


def ask(chain: Synthetic, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    with urllib.request.urlopen(chain.url, body, timeout=30) as response:
        answer = json.loads(response.read())
    return answer.get("result", answer.get("error"))


def scan(chain: Synthetic, folder: Path) -> Any:
    """The document of a scan by the command, every account held against the pool's view."""
    chain.write_deployments(folder / "deployments.toml")
    where = ["--deployments", folder / "deployments.toml", "--store", folder / "store"]
    more = ["--json", folder / "scan.json", "--verify", "all", "--patience", 10, "--quiet"]
    command = list(map(str, ["scan", "--rpc", chain.url, *where, *more]))
    ended = CliRunner().invoke(main, command, env={"BANDSCAN_RPC": None, "BANDSCAN_STORE": None})
    assert ended.exit_code == 0, ended.output
    return json.loads((folder / "scan.json").read_text())


def test_scans_end_complete_and_the_second_reads_what_moved(chain: Synthetic, tmp_path: Path):
    started = chain.counts()
    cold = scan(chain, tmp_path)
    between = chain.counts()
    head = chain.move(20)
    again = scan(chain, tmp_path)
    ended = chain.counts()
    seen = bytes.fromhex(ask(chain, "eth_call", {"to": "0x" + "11" * 20}, "latest", {})[2:])
    assert int(seen.split()[1]) > 5  # the accounts were read through the lens

    for document in (cold, again):
        assert document["complete"]
        assert len(document["certificate"]) == 67
        assert all(row["identity"] == "exact" for row in document["certificate"])
        [parity] = document["parity"]
        assert parity["checked"] == parity["accounts"] > 400
        assert parity["mismatches"] == parity["unread"] == 0
    assert head == chain.head == HEAD + 300
    assert again["certificate"] != cold["certificate"]  # the totals followed
    assert ended.requests - between.requests < between.requests - started.requests
    assert ended.sent - between.sent < between.sent - started.sent
    # The range, and a second look: the newest blocks by hash, the rest once more.
    assert ended.methods["eth_getLogs"] == between.methods["eth_getLogs"] + 2 + TIP


def test_refuses_as_real_endpoints_do(chain: Synthetic):
    wide = {"fromBlock": hex(FIRST), "toBlock": hex(FIRST + 10_000)}
    assert "exceed maximum block range" in ask(chain, "eth_getLogs", wide)["message"]
    ahead = {"fromBlock": hex(chain.head), "toBlock": hex(chain.head + 1)}
    assert "beyond current head" in ask(chain, "eth_getLogs", ahead)["message"]
    far = {"to": MULTICALL3, "data": "0x"}
    assert ask(chain, "eth_call", far, hex(chain.head + 1))["message"] == "header not found"
    assert "pruned" in ask(chain, "eth_call", far, hex(FIRST))["message"]
    assert ask(chain, "eth_call", {"data": "0x"}, "latest")["message"] == "missing to"
    assert ask(chain, "eth_nothing")["code"] == -32601


def test_a_state_override_is_for_multicall3_or_the_lens(chain: Synthetic):
    other = {"to": "0x" + "22" * 20, "data": "0x"}
    error = ask(chain, "eth_call", other, "latest", {other["to"]: {"code": "0x00"}})
    assert error == {"code": -32000, "message": "state override is not supported"}
    lent = {"to": "0x" + "11" * 20, "data": "0x"}
    assert bytes.fromhex(ask(chain, "eth_call", lent, "latest", {})[2:]).startswith(b"seen")


def test_calls_of_strangers_answer_nothing_or_zero(chain: Synthetic):
    [pool] = [line for line in chain.deployments_toml().splitlines() if line.startswith("pool")]
    target = np.frombuffer(bytes.fromhex(pool.split('"')[1][2:]), np.uint8)
    stranger = np.full((1, 20), 3, np.uint8)
    known = tuples(target[None], abi.pack(_POOL.selector("getUserConfiguration"), stranger))
    unknown = tuples(target[None], np.full((1, 36), 9, np.uint8))
    structs = known.tobytes() + unknown.tobytes()
    data = call_data(structs, np.array([known.shape[1], unknown.shape[1]]))
    said = ask(chain, "eth_call", {"to": MULTICALL3, "data": "0x" + data.hex()}, "latest")
    found = results(bytes.fromhex(said[2:]), 2)
    assert found.ok.tolist() == [True, False]
    assert found.data(0) == bytes(32)
    assert found.data(1) == b""
