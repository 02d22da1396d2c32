"""`bandscan doctor` on a real chain, behind endpoints of every kind: what it measures is so."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command import Ended, bandscan
from localchain import LocalChain
from proxy import Gone, Proxy, Question, Reply

from scanner import advice
from scanner.chain.lens import ADDRESS
from scanner.chain.probe import MOST

KEY = "k3y-0123456789abcdef"
BLOCKS = 2_000  # mined on top of the borrowers, so that ranges have room
DOCS = Path(__file__).parents[2] / "docs" / "doctor.md"
Rule = Callable[[Question, int], Question | Reply]


@pytest.fixture(scope="module")
def chain(core_chain: LocalChain) -> Iterator[LocalChain]:
    """The chain, long enough; put back as it was."""
    with core_chain.undone():
        core_chain.mine(BLOCKS)
        yield core_chain


@pytest.fixture
def proxy(chain: LocalChain) -> Iterator[Proxy]:
    with Proxy(chain.url) as made:
        yield made


@pytest.fixture
def deployments(chain: LocalChain, tmp_path: Path) -> Path:
    chain.write_deployments(tmp_path / "local.toml")
    return tmp_path / "local.toml"


def doctor(*arguments: object) -> tuple[Ended, dict[str, Any]]:
    """The command with --json."""
    outcome = bandscan("doctor", *arguments, "--json")
    assert "Traceback" not in outcome.err, outcome.err
    return outcome, json.loads(outcome.out)


def examined(url: str, *more: object) -> dict[str, Any]:
    """The one endpoint, usable or not."""
    outcome, document = doctor("--rpc", url, *more)
    [row] = document["endpoints"]
    assert outcome.code == (0 if row["usable"] else 4)
    assert row["requests"] <= MOST
    found: dict[str, Any] = row
    return found


def refusal(question: Question, message: str, code: int = -32000) -> Reply:
    error = {"code": code, "message": message}
    return 200, json.dumps({"jsonrpc": "2.0", "id": question["id"], "error": error}).encode()


def refusing(message: str, when: Callable[[Question], bool], code: int = -32000) -> Rule:
    """A rule that refuses some questions with these words."""

    def before(question: Question, number: int) -> Question | Reply:
        return refusal(question, message, code) if when(question) else question

    return before


def width(question: Question) -> int:
    """Blocks that a log request asks for; 0 of another one."""
    if question["method"] != "eth_getLogs":
        return 0
    asked = question["params"][0]
    return int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) + 1


def block_of(question: Question) -> int | None:
    """The block whose state is asked for."""
    if question["method"] not in ("eth_call", "eth_getBalance", "eth_getCode"):
        return None
    return int(question["params"][1], 16)


def told(row: dict[str, Any], *parts: str) -> bool:
    """Whether one sentence of advice says all of it."""
    return any(all(part in sentence for part in parts) for sentence in row["advice"])


def test_a_good_endpoint_shows_everything_it_can(chain: LocalChain, deployments: Path) -> None:
    """Against what the chain itself says, and with no objection but the age of its clock."""
    row = examined(chain.url, "--chain", chain.chain_id, "--deployments", deployments)
    head = int(chain.rpc("eth_blockNumber"), 16)
    stamp = int(chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    assert (row["usable"], row["obstacle"], row["reasons"]) == (True, None, {})
    assert row["chain_id"] == chain.chain_id
    assert row["client"] == chain.rpc("web3_clientVersion")
    assert (row["head"]["number"], row["head"]["timestamp"]) == (head, stamp)
    assert row["multicall3"] is row["reads"] is True
    assert row["state_override"] is row["create_and_revert"] is True
    assert row["batch"]["path"] == "state override"
    assert row["batch"]["calls"] == row["batch"]["wanted_calls"] > 1_000
    assert 50_000 < row["batch"]["request_bytes"] < 250_000
    # all blocks from 0 to the pinned one: a local chain has no lag
    assert (row["logs"]["blocks"], row["logs"]["refused_blocks"]) == (head + 1, None)
    assert row["state"]["whole"] is True
    assert row["state"]["blocks"] == head - 1
    for tag in ("safe", "finalized"):
        number = int(chain.rpc("eth_getBlockByNumber", tag, False)["number"], 16)
        assert row[tag] == {"number": number, "behind_blocks": head - number}
    assert row["latency_ms"] > 0
    assert row["gzip"] is False
    assert row["requests_per_second"] is None
    first = row["first_scan"]
    assert first["markets"] == 1
    assert first["blocks"] == head + 1 - first["from_block"]
    assert first["log_requests"] == 1
    assert row["requests"] <= 45
    old = row["old_logs"]
    assert (old["from_block"], old["answered"]) == (first["from_block"], True)
    assert old["logs"] > 0
    assert [line for line in row["advice"] if not line.startswith("head is ")] == []


@pytest.mark.parametrize("limit", [1, 10, 1_000, 1_500])
@pytest.mark.parametrize(
    ("words", "hint"),
    [("exceed maximum block range {limit}", True), ("that is too much", False)],
    ids=["hint", "no hint"],
)
def test_the_widest_log_range_is_found(
    proxy: Proxy, deployments: Path, limit: int, words: str, hint: bool
) -> None:
    """Exactly where the limit is round or told, within a twentieth elsewhere; few requests."""
    text = words.format(limit=limit)
    proxy.before = refusing(text, lambda question: width(question) > limit)
    row = examined(proxy.url, "--deployments", deployments)
    logs = row["logs"]
    assert proxy.asked.count("eth_getLogs") <= 16
    assert logs["refusal"] == f"{text} (code -32000)"
    if hint or limit != 1_500:
        assert (logs["blocks"], logs["refused_blocks"]) == (limit, limit + 1)
    assert limit * 0.95 - 1 <= logs["blocks"] <= limit < logs["refused_blocks"] <= limit * 1.06 + 1
    first = row["first_scan"]
    assert first["log_requests"] == -(-first["blocks"] // logs["blocks"])


def test_a_limit_between_ends_is_one_block_more(proxy: Proxy) -> None:
    """Nodes that count to - from: 101 blocks under a limit of 100."""
    proxy.before = refusing("range limit", lambda question: width(question) > 101)
    logs = examined(proxy.url)["logs"]
    assert (logs["blocks"], logs["refused_blocks"]) == (101, 102)


def test_a_narrow_range_for_a_long_history_is_advised_against(
    proxy: Proxy, deployments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of requests is told, and what to do instead."""
    monkeypatch.setattr(advice, "MANY_REQUESTS", 2_000)
    proxy.before = refusing("up to a 1 block range", lambda question: width(question) > 1)
    row = examined(proxy.url, "--deployments", deployments)
    requests = row["first_scan"]["log_requests"]
    assert requests == row["first_scan"]["blocks"] > 2_000
    assert told(row, "allows only 1 block per log request", f"{requests:,} requests", "--accounts")


def test_refused_overrides_are_told(proxy: Proxy) -> None:
    """Init code goes instead; where that is refused too, aggregate3 with eight times the bytes."""
    lens = "0x" + ADDRESS.hex()
    proxy.before = refusing("too many arguments", lambda q: len(q["params"]) > 2, -32602)
    row = examined(proxy.url)
    assert (row["state_override"], row["create_and_revert"]) == (False, True)
    assert "too many arguments" in row["reasons"]["state_override"]
    assert row["batch"]["path"] == "create and revert"
    assert told(row, "does not offer state overrides", "init code")

    proxy.before = refusing(
        "invalid argument",
        lambda q: q["method"] == "eth_call" and q["params"][0].get("to", lens) == lens,
        -32602,
    )
    row = examined(proxy.url)
    assert (row["state_override"], row["create_and_revert"]) == (False, False)
    assert row["batch"]["path"] == "aggregate3"
    assert row["batch"]["calls"] == row["batch"]["wanted_calls"] > 300
    assert told(row, "does not offer state overrides", "8 times the bytes")
    assert row["usable"]


def test_overrides_that_are_taken_and_ignored_are_found_out(proxy: Proxy) -> None:
    """The answer of an address without code is no answer of the code that was lent."""

    def ignore(question: Question, number: int) -> Question:
        return {**question, "params": question["params"][:2]}

    proxy.before = ignore
    row = examined(proxy.url)
    assert row["state_override"] is False
    assert "empty answer" in row["reasons"]["state_override"]


@pytest.mark.parametrize("kept", [127, 1_000])
def test_the_depth_of_state_is_found(chain: LocalChain, proxy: Proxy, kept: int) -> None:
    """To the block where it is a usual one; scans of old blocks are advised against."""
    head = int(chain.rpc("eth_blockNumber"), 16)
    proxy.before = refusing(
        "missing trie node 0a (path )", lambda q: (block_of(q) or head) < head - kept
    )
    row = examined(proxy.url)
    state = row["state"]
    assert (state["blocks"], state["refused_blocks"], state["whole"]) == (kept, kept + 1, False)
    assert state["how"] == "proven"
    assert "missing trie node" in state["refusal"]
    assert told(row, f"keeps about {kept:,} blocks of state", "archive endpoint")
    assert row["usable"]


@pytest.mark.parametrize("lie", ["zeros", "newest"])
def test_old_state_must_prove_itself(chain: LocalChain, proxy: Proxy, lie: str) -> None:
    """Neither an empty answer without an error nor one from the newest block counts."""
    head = int(chain.rpc("eth_blockNumber"), 16)

    def before(question: Question, number: int) -> Question | Reply:
        block = block_of(question)
        if block is None or block >= head - 64:
            return question
        if lie == "newest":
            return {**question, "params": [question["params"][0], hex(head)]}
        return (
            refusal(question, "no state override here")
            if question["params"][2:]
            else (
                200,
                b'{"jsonrpc":"2.0","id":%d,"result":"0x"}' % question["id"],
            )
        )

    proxy.before = before
    state = examined(proxy.url)["state"]
    assert (state["blocks"], state["how"]) == (64, "proven")


@pytest.mark.parametrize("overrides", [True, False])
def test_without_multicall3_its_code_must_be_lent(proxy: Proxy, overrides: bool) -> None:
    """Usable where a state override lends it, and then told as "lent"; else not."""

    def before(question: Question, number: int) -> Question | Reply:
        if question["method"] == "eth_getCode":
            return 200, b'{"jsonrpc":"2.0","id":%d,"result":"0x"}' % question["id"]
        if question["method"] == "eth_call":
            call, block, *lent = question["params"]
            if not overrides and lent:
                return refusal(question, "too many arguments", -32602)
            if not lent:
                call = {**call, "to": "0x" + "5a" * 20}
            return {**question, "params": [call, block, *lent]}
        return question

    proxy.before = before
    row = examined(proxy.url)
    assert row["multicall3"] is False
    assert row["usable"] is row["reads"] is overrides
    if overrides:
        assert (row["state"]["how"], row["state"]["whole"]) == ("lent", True)
        assert row["batch"]["path"] == "state override"
    else:
        assert row["obstacle"].startswith("has no Multicall3, and accepts no state override")
        assert row["state"] is row["batch"] is row["first_scan"] is None


def test_an_endpoint_that_hangs_costs_no_more_than_the_patience(proxy: Proxy) -> None:
    """What it does not answer in time is unknown."""
    held = threading.Event()

    def before(question: Question, number: int) -> Question:
        if question["method"] in ("eth_getLogs", "eth_blockNumber"):
            held.wait(30)
        return question

    proxy.before = before
    row = examined(proxy.url, "--patience", 2)
    held.set()
    assert row["seconds"] < 4
    assert row["reads"] is True
    assert row["logs"] is None
    assert "no answer within" in row["obstacle"] or "no time" in row["obstacle"]
    assert not row["usable"]


def test_another_chain_is_not_usable(chain: LocalChain, proxy: Proxy) -> None:
    """Exit 4; it is not asked for more than its chain."""
    outcome, document = doctor("--rpc", proxy.url, "--chain", 1)
    [row] = document["endpoints"]
    assert outcome.code == 4
    assert outcome.first == "error: no endpoint is usable for a scan"
    assert document["usable"] is row["usable"] is False
    assert row["advice"] == [f"serves chain {chain.chain_id}, not 1"]
    assert proxy.asked == ["eth_chainId"]


def test_dead_endpoints_leave_the_good_ones(chain: LocalChain) -> None:
    """Exit 0 with one that is usable; the others say why not, by their places."""
    with socket.socket() as nobody, Proxy(chain.url) as strict:
        nobody.bind(("127.0.0.1", 0))
        strict.before = lambda question, number: (401, b"unauthorized")
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        arguments = [x for url in (dead, strict.url, chain.url) for x in ("--rpc", url)]
        outcome, document = doctor(*arguments, "--patience", 3)
    assert outcome.code == 0
    assert outcome.err == ""
    rows = document["endpoints"]
    assert [row["endpoint"] for row in rows] == [f"endpoint {n} of 3" for n in (1, 2, 3)]
    assert [row["reachable"] for row in rows] == [False, False, True]
    assert "Connection refused" in rows[0]["advice"][0]
    assert "unauthorized" in rows[1]["advice"][0]
    assert document["chain_id"] == chain.chain_id


def test_one_that_dies_half_way_is_unknown_in_the_rest(proxy: Proxy) -> None:
    """No error: what was measured stays, and time is bounded."""

    def before(question: Question, number: int) -> Question:
        if "eth_getLogs" in proxy.asked[:-1]:
            raise Gone
        return question

    proxy.before = before
    row = examined(proxy.url, "--patience", 6)
    assert row["reads"] is True
    assert row["seconds"] < 10
    assert {"latency_ms", "safe", "finalized"} <= row["reasons"].keys()


def test_an_endpoint_that_objects_is_asked_more_slowly(proxy: Proxy) -> None:
    """No more than what Pace learned; a refusal for haste is no refusal of the thing."""

    def before(question: Question, number: int) -> Question | Reply:
        return (429, b"too many requests") if number == 20 else question

    proxy.before = before
    row = examined(proxy.url)
    assert row["requests_per_second"] > 0
    assert told(row, "asked too fast")
    assert row["reasons"] == {}


def test_a_batch_that_is_too_long_is_halved(proxy: Proxy) -> None:
    """A proxy that takes bodies of 20 kB at most."""

    def before(question: Question, number: int) -> Question | Reply:
        return (413, b"payload") if len(json.dumps(question)) > 20_000 else question

    proxy.before = before
    row = examined(proxy.url)
    batch = row["batch"]
    assert 10_000 < batch["request_bytes"] <= 20_500
    assert batch["calls"] < batch["wanted_calls"]
    assert "413" in batch["refusal"]
    assert told(row, f"takes only {batch['calls']:,} calls in one request")


@pytest.mark.parametrize("as_json", [True, False])
def test_no_part_of_a_url_is_shown(chain: LocalChain, tmp_path: Path, as_json: bool) -> None:
    """Whatever a node quotes of it, in any field: table, JSON, file, stderr."""
    with Proxy(chain.url) as endpoint, Proxy(chain.url) as other:
        url = endpoint.at(user="me:s3cretpass", rest=f"/v2/{KEY}?apikey={KEY}2")

        def echo(question: Question, number: int) -> Question | Reply:
            if question["method"] in ("eth_getLogs", "web3_clientVersion", "eth_getBlockByNumber"):
                if question["method"] == "eth_getBlockByNumber" and number < 12:
                    return question
                return refusal(question, f"not with the key {KEY} at {url}")
            return question

        endpoint.before = echo
        other.before = lambda question, number: (403, f"forbidden: {url} {KEY}".encode())
        to = ["--json", tmp_path / "out.json"] if as_json else ["--wide"]
        outcome = bandscan("doctor", "--rpc", url, "--rpc", other.at(rest=f"/{KEY}"), *to)
        port = endpoint.url.rpartition(":")[2]
    texts = [outcome.out, outcome.err, *(f.read_text() for f in tmp_path.iterdir())]
    assert any("***" in text for text in texts)
    for text in texts:
        for secret in (KEY, "s3cretpass", "127.0.0.1", port, "http://"):
            assert secret not in text, text


def test_the_table_names_what_matters(proxy: Proxy, deployments: Path) -> None:
    """A row for each endpoint, its advice, and the cost of a first scan below."""
    proxy.before = refusing("up to a 10 block range", lambda question: width(question) > 10)
    outcome = bandscan("doctor", "--rpc", proxy.url, "--deployments", deployments, "--wide")
    assert outcome.code == 0
    [row] = [line for line in outcome.out.splitlines() if line.startswith("1 of 1")]
    for part in ("usable", "anvil", "10 blocks", "all", "state override", "answered"):
        assert part in row, row
    assert re.search(r"first scan of \S.*: \d+ log requests for [\d,]+ blocks", outcome.out)
    assert "about" in outcome.out


def test_usage_is_refused_with_2() -> None:
    """Nothing to examine, an unknown chain, a URL that is none."""
    for arguments in ((), ("--chain", "etherium"), ("--rpc", f"node/{KEY}"), ("--chain", 987654)):
        outcome = bandscan("doctor", *arguments)
        assert outcome.code == 2, outcome
        assert KEY not in outcome.err


def test_the_document_is_what_the_docs_say(proxy: Proxy, deployments: Path) -> None:
    """Every field is documented, every documented field is there, with its type."""
    proxy.before = refusing("up to a 10 block range", lambda question: width(question) > 10)
    _, document = doctor("--rpc", proxy.url, "--deployments", deployments)
    rows = re.findall(r"^\| `([\w.\[\]]+)` \| ([^|]+) \|", DOCS.read_text(), re.M)
    documented = dict(rows)
    assert len(documented) == len(rows) > 40
    seen = dict(_fields(document, ""))
    assert seen.keys() - documented.keys() == set()
    assert documented.keys() - seen.keys() == set()
    for name, value in seen.items():
        assert _kind(value) in documented[name], (name, value, documented[name])
    example = re.search(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example
    shown = dict(_fields(json.loads(example[1]), ""))
    assert shown.keys() - documented.keys() == set()
    for name, value in shown.items():
        assert _kind(value) in documented[name], (name, value, documented[name])


def _fields(value: dict[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        yield before + name, item
        if isinstance(item, dict) and name != "reasons":
            yield from _fields(item, f"{before}{name}.")
        if isinstance(item, list) and item and isinstance(item[0], dict):
            yield from _fields(item[0], f"{before}{name}[].")


def _kind(value: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "list"}
    return "null" if value is None else kinds.get(type(value), "object")
