"""Endpoints that die, lie, refuse, or tell secrets, between the real command and a real chain."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from command import (
    Ended,
    assert_clear,
    bandscan,
    bytes_of,
    ended,
    scanning,
    started,
)
from localchain import LocalChain
from proxy import Answer, Gone, Proxy, Question, Reply

from scanner.chain.abi import load
from scanner.protocols import aave_v3
from scanner.store.ledger import Ledger

KEY = "k3y-0123456789abcdef"
BORROW = "0x" + load("aave_v3_pool").topic("Borrow").hex()


@pytest.fixture(scope="module")
def clean(origin_chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The document of an undisturbed scan."""
    folder = tmp_path_factory.mktemp("clean")
    assert bandscan(*scanning(origin_chain, folder)).code == 0
    return (folder / "scan.json").read_bytes()


@pytest.fixture
def endpoint(origin_chain: LocalChain) -> Iterator[Proxy]:
    """A proxy in front of the chain."""
    with Proxy(origin_chain.url) as proxy:
        yield proxy


def document_of(folder: Path) -> dict[str, Any]:
    """What the last scan wrote."""
    found: dict[str, Any] = json.loads((folder / "scan.json").read_bytes())
    return found


def noted(chain: LocalChain, folder: Path) -> set[str]:
    """The borrowers that the ledger knows, read or not; nobody where there is no ledger."""
    if not (folder / "store" / "ledger.sqlite").exists():
        return set()
    with Ledger.open(folder / "store", write=False) as ledger:
        market = ledger.market(chain.chain_id, "aave_v3", "local", bytes.fromhex(chain.pool[2:]))
        return {"0x" + bytes(row).hex() for row in ledger.accounts(market)}


def completes(chain: LocalChain, folder: Path, clean: bytes) -> None:
    """The next run, by a good endpoint, ends well and says what a clean scan says."""
    again = bandscan(*scanning(chain, folder))
    assert again.code == 0, again.err
    assert (folder / "scan.json").read_bytes() == clean


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ((200, b"<html>Welcome to nginx!</html>"), "HTTP 200"),
        ((404, b"<html>404 Not Found</html>"), "HTTP 404"),
        ((200, b""), "HTTP 200"),
        ((200, b'{"status": "ok"}'), "endpoint 1 of 1"),
        ((200, b"[]"), "endpoint 1 of 1"),
        ((502, b"bad gateway"), "HTTP 502"),
        ((301, b""), "it redirects elsewhere"),
        ((401, b"no key"), "HTTP 401"),
    ],
    ids=["html", "404", "empty", "other JSON", "a list", "502", "redirect", "401"],
)
def test_a_server_that_is_no_node_is_told(
    origin_chain: LocalChain, tmp_path: Path, reply: Reply, says: str
) -> None:
    """Exit 4, by the endpoint's place in the list, with what it said; no store is made."""
    with Proxy() as server:
        server.before = lambda question, number: reply
        arguments = scanning(origin_chain, tmp_path, "--patience", 1, url=server.url)
        outcome = bandscan(*arguments)
    assert_clear(outcome, 4, "no endpoint is usable", "endpoint 1 of 1", says, "check --rpc")
    assert bytes_of(tmp_path).keys() == {"local.toml"}


def test_a_bad_endpoint_is_passed_over_for_a_good_one(
    origin_chain: LocalChain, tmp_path: Path, clean: bytes
) -> None:
    """Failover: one that is dead and one of another kind before the one that answers."""
    with Proxy() as server:
        server.before = lambda question, number: (403, b"forbidden")
        arguments = scanning(origin_chain, tmp_path, url="http://127.0.0.1:9")
        outcome = bandscan(*arguments, "--rpc", server.url, "--rpc", origin_chain.url)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "scan.json").read_bytes() == clean


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_an_endpoint_that_dies_half_way_loses_nothing(
    origin_chain: LocalChain,
    endpoint: Proxy,
    tmp_path: Path,
    clean: bytes,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
) -> None:
    """Exit 3 after the patience given; the next run goes on and says what a clean scan says."""
    monkeypatch.setattr(aave_v3, "_CHUNK", 20)  # several steps of accounts
    (tmp_path / "whole").mkdir()
    assert bandscan(*scanning(origin_chain, tmp_path / "whole", url=endpoint.url)).code == 0
    last = int(share * len(endpoint.asked))
    endpoint.asked.clear()

    def die(question: Question, number: int) -> Question:
        if number > last:
            raise Gone
        return question

    endpoint.before = die
    outcome = bandscan(*scanning(origin_chain, tmp_path, "--patience", 1, url=endpoint.url))

    assert_clear(outcome, 3, "endpoint 1 of 1", "run the same command again: it goes on from here")
    assert not (tmp_path / "scan.json").exists()
    assert not (tmp_path / "store" / "scans").exists()
    kept = noted(origin_chain, tmp_path)
    assert kept in (set(), origin_chain.borrowers_ever)
    assert kept or share < 0.6  # the logs come before the accounts
    completes(origin_chain, tmp_path, clean)


def _single_debt(chain: LocalChain) -> tuple[str, str]:
    """A borrower with one Borrow event, and the token it was in."""
    filter_ = {"address": chain.pool, "topics": [BORROW], "fromBlock": "0x0", "toBlock": "latest"}
    logs = chain.rpc("eth_getLogs", filter_)
    people = [log["topics"][2] for log in logs]
    for log in logs:
        who, token = log["topics"][2], "0x" + log["topics"][1][-40:]
        owed = chain.call(chain.token_at(token).vdebt, "balanceOf(address)(uint256)", _tail(who))
        if people.count(who) == 1 and owed:
            return _tail(who), token
    raise AssertionError("everybody borrowed twice")


def _tail(topic: str) -> str:
    return "0x" + topic[-40:]


def _without(who: str) -> Any:
    """A rule that takes the Borrow events of one account out of every answer."""

    def drop(question: Question, answer: Answer) -> Answer:
        if question["method"] == "eth_getLogs":
            answer["result"] = [
                log
                for log in answer["result"]
                if not (log["topics"][0] == BORROW and _tail(log["topics"][2]) == who)
            ]
        return answer

    return drop


def assert_gap(outcome: Ended, folder: Path, token: str, symbol: str) -> None:
    """Exit 3; the one reserve's coverage is below 1, and the reason is told."""
    assert outcome.code == 3, outcome
    assert "Traceback" not in outcome.err
    document = document_of(folder)
    assert document["complete"] is False
    short = [row for row in document["certificate"] if row["coverage"] != 1.0]
    assert [row["asset"] for row in short] == [token]
    assert int(short[0]["debt_found"]) < int(short[0]["debt_total"])
    assert 0 <= short[0]["coverage"] < 1
    [problem] = [row for row in document["problems"] if row["kind"] == "debt_missing"]
    assert (problem["fatal"], symbol in problem["message"]) == (True, True)
    assert "INCOMPLETE" in outcome.out
    assert symbol in outcome.out
    assert "the next run reads this market afresh" in outcome.err


def test_a_lost_event_shows_as_a_gap_and_the_next_run_heals_it(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path, clean: bytes
) -> None:
    """However often the endpoint loses it; an honest one then leads to the clean scan."""
    who, token = _single_debt(origin_chain)
    symbol = origin_chain.token_at(token).symbol
    endpoint.after = _without(who)
    for _ in range(2):
        outcome = bandscan(*scanning(origin_chain, tmp_path, url=endpoint.url))
        assert_gap(outcome, tmp_path, token, symbol)
        assert noted(origin_chain, tmp_path) == origin_chain.borrowers_ever - {who}
    shown = bandscan("bands", "ETH", "--store", tmp_path / "store")
    assert (shown.code, shown.first[:9]) == (3, "warning: ")
    assert "no complete scan yet" in shown.err

    completes(origin_chain, tmp_path, clean)

    assert bandscan("bands", "ETH", "--store", tmp_path / "store").code == 0


def test_an_event_lost_in_a_later_scan_is_healed_as_well(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path
) -> None:
    """The older complete scan stays the newest complete one meanwhile, and a note says so."""
    with origin_chain.undone():
        assert bandscan(*scanning(origin_chain, tmp_path)).code == 0
        old = document_of(tmp_path)["block"]["number"]
        newcomer = origin_chain.account("newcomer")
        newcomer.supply("WETH", 3)
        newcomer.borrow("DAI", 1_000)
        endpoint.after = _without(newcomer.address)

        outcome = bandscan(*scanning(origin_chain, tmp_path, url=endpoint.url))

        assert_gap(outcome, tmp_path, origin_chain.tokens["DAI"].address, "DAI")
        shown = bandscan("bands", "ETH", "--store", tmp_path / "store")
        assert shown.code == 0
        assert f"the newest complete one, of block {old:,}" in shown.err
        (tmp_path / "fresh").mkdir()
        assert bandscan(*scanning(origin_chain, tmp_path / "fresh")).code == 0
        completes(origin_chain, tmp_path, (tmp_path / "fresh" / "scan.json").read_bytes())
        assert newcomer.address in noted(origin_chain, tmp_path)


def test_a_lost_repayment_is_mended(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path
) -> None:
    """More debt is then found than there is: every account is read again, in the same run."""
    with origin_chain.undone():
        assert bandscan(*scanning(origin_chain, tmp_path)).code == 0
        who = origin_chain.account("plain")
        who.repay("USDC", 100)

        def drop(question: Question, answer: Answer) -> Answer:
            if question["method"] == "eth_getLogs":
                mine = [log for log in answer["result"] if who.address[2:] in str(log["topics"])]
                answer["result"] = [log for log in answer["result"] if log not in mine]
            return answer

        endpoint.after = drop
        outcome = bandscan(*scanning(origin_chain, tmp_path, url=endpoint.url))
        assert outcome.code == 0, outcome
        assert "the totals of USDC do not add up; reading every account again" in outcome.err
        mended = (tmp_path / "scan.json").read_bytes()
        (tmp_path / "fresh").mkdir()
        assert bandscan(*scanning(origin_chain, tmp_path / "fresh")).code == 0
        assert mended == (tmp_path / "fresh" / "scan.json").read_bytes()


@pytest.mark.parametrize("begins", ["at the market", "at the accounts"])
def test_an_endpoint_that_answers_for_another_block_is_refused(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path, begins: str
) -> None:
    """It reads "latest" whatever block is asked: exit 3, and nothing of it reaches the store."""
    with origin_chain.undone():
        (tmp_path / "fresh").mkdir()
        block = ["--block", int(origin_chain.rpc("eth_blockNumber"), 16)]
        origin_chain.act(25, seed=5)  # "latest" is another state from now on

        def newest(question: Question, number: int) -> Question:
            late = begins == "at the market" or "eth_getLogs" in endpoint.asked
            if question["method"] == "eth_call" and late:
                question["params"][1] = "latest"
            return question

        endpoint.before = newest
        outcome = bandscan(*scanning(origin_chain, tmp_path, *block, url=endpoint.url))

        assert_clear(outcome, 3, "endpoint 1 of 1", "another block")
        assert not (tmp_path / "scan.json").exists()
        if begins == "at the accounts":
            with Ledger.open(tmp_path / "store", write=False) as ledger:
                key = (
                    origin_chain.chain_id,
                    "aave_v3",
                    "local",
                    bytes.fromhex(origin_chain.pool[2:]),
                )
                assert not ledger.has_states(ledger.market(*key))
        assert bandscan(*scanning(origin_chain, tmp_path / "fresh", *block)).code == 0
        assert bandscan(*scanning(origin_chain, tmp_path, *block)).code == 0
        whole = (tmp_path / "fresh" / "scan.json").read_bytes()
        assert (tmp_path / "scan.json").read_bytes() == whole


SPOTS = [
    {"rest": f"/v2/{KEY}"},
    {"rest": f"/?apikey={KEY}"},
    {"user": f"alice:{KEY}"},
    {"user": KEY},
]


def assert_secret(folder: Path, *outcomes: Ended) -> None:
    """The key stands in no output and in no file, tables unpacked."""
    texts = [outcome.out + outcome.err for outcome in outcomes]
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            texts.append(str(pq.read_table(path).to_pydict()))
        if path.is_file():
            texts.append(path.read_bytes().decode("latin-1"))
    for text in texts:
        assert KEY not in text
        assert "0123456789abcdef" not in text


@pytest.mark.parametrize("spot", SPOTS, ids=["path", "query", "password", "user"])
def test_a_key_in_the_url_is_nowhere_to_be_found(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path, clean: bytes, spot: dict[str, str]
) -> None:
    """Documents, tables, statistics, store, screen; then a warning, and every kind of failure."""
    tables = ["--positions", tmp_path / "rows.csv", "--stats", tmp_path / "stats.json"]
    arguments = scanning(origin_chain, tmp_path, *tables, url=endpoint.at(**spot))
    outcomes = [bandscan(*arguments, BANDSCAN_DEBUG="1")]
    assert outcomes[0].code == 0, outcomes[0].err
    assert (tmp_path / "scan.json").read_bytes() == clean

    url = endpoint.at(**spot)
    quick = ["--patience", 0.5]
    for status, body in (
        (401, f"unauthorized: {url}"),
        (403, json.dumps({"message": f"the key {KEY} may not", "url": url})),
        (429, f"slow down, {url}"),
        (500, f"GET {spot.get('rest') or KEY} failed"),
        (200, _refusal(f"bad key {KEY} at {url}")),
        (200, _refusal(KEY.upper())),
        (200, f'{{"jsonrpc": "2.0", "id": 1, "result": "{url}"}}'),
    ):
        reply = (status, body.encode())
        endpoint.before = lambda question, number, reply=reply: reply
        outcomes.append(bandscan(*arguments, *quick, BANDSCAN_DEBUG="1"))
        assert outcomes[-1].code == 4, outcomes[-1]
    environment = {"BANDSCAN_RPC": url, "BANDSCAN_STORE": str(tmp_path / "store")}
    outcomes.append(bandscan("scan", *quick, **environment))
    assert outcomes[-1].code == 4

    # half way: the last words of a dying node quote the key
    asked = len(endpoint.asked)
    endpoint.before = lambda question, number: (
        question if number < asked + 8 else (401, f"expired: {url}".encode())
    )
    outcomes.append(bandscan(*scanning(origin_chain, tmp_path, *quick, url=url)))
    assert outcomes[-1].code == 3, outcomes[-1]
    assert "HTTP 401 expired" in outcomes[-1].err
    assert_secret(tmp_path, *outcomes)


def _refusal(message: str) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": message}})


@pytest.mark.parametrize("word", ["node/{key}", "http:/{key}", "http://[{key}", "htps://a/{key}"])
def test_a_url_that_is_none_is_refused_without_repeating_it(tmp_path: Path, word: str) -> None:
    """Exit 2, by its place; a key pasted with a typo is still a key."""
    outcome = bandscan("scan", "--store", tmp_path / "store", "--rpc", word.format(key=KEY))
    assert outcome.code == 2
    assert "endpoint 1 of 1 is not an http:// or https:// URL" in outcome.err
    assert_secret(tmp_path, outcome)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_stops_a_scan_that_the_next_run_goes_on_with(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path, clean: bytes, name: str
) -> None:
    """Ctrl-C, or a service manager: exit 3 with one sentence, borrowers found are kept."""
    arrived, held = threading.Event(), threading.Event()

    def logs() -> bool:
        return "eth_getLogs" in endpoint.asked

    def hold(question: Question, number: int) -> Question:
        since = endpoint.asked[endpoint.asked.index("eth_getLogs") :] if logs() else []
        if since.count("eth_call") > 1:  # the first one asks for hashes of the logs' blocks
            arrived.set()
            held.wait(60)
        return question

    endpoint.before = hold
    process = started(*scanning(origin_chain, tmp_path, "--patience", 60, url=endpoint.url))
    assert arrived.wait(60)
    os.kill(process.pid, getattr(signal, name))
    outcome = ended(process)
    held.set()

    assert outcome.code == 3, outcome
    told = "stopped; everything found so far is kept, run again to go on"
    assert outcome.err.strip() == told  # below the ^C that a terminal shows
    assert outcome.out == ""
    assert not (tmp_path / "scan.json").exists()
    assert noted(origin_chain, tmp_path) == origin_chain.borrowers_ever
    completes(origin_chain, tmp_path, clean)


def test_two_scans_at_once_share_no_store(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path, clean: bytes
) -> None:
    """The second is refused while the first writes; the first ends well."""
    arrived, held = threading.Event(), threading.Event()

    def logs() -> bool:
        return "eth_getLogs" in endpoint.asked

    def hold(question: Question, number: int) -> Question:
        if question["method"] == "eth_getLogs":
            arrived.set()
            held.wait(60)
        return question

    endpoint.before = hold
    first = started(*scanning(origin_chain, tmp_path, "--patience", 60, url=endpoint.url))
    assert arrived.wait(60)
    second = bandscan(*scanning(origin_chain, tmp_path))
    held.set()

    assert_clear(second, 2, "Another scan is writing to this store", "wait until it ends")
    assert ended(first).code == 0
    assert (tmp_path / "scan.json").read_bytes() == clean


def test_a_scan_outlives_the_state_of_its_block(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path
):
    """The endpoint forgets the pinned block half way: the scan goes on at a newer one.

    What it found at last is what a scan from scratch finds at the newer block.
    """
    pins: list[str] = []
    reads, opened = 0, False

    def forget(question: Question, number: int) -> Question | Reply:
        nonlocal reads, opened
        opened = opened or question["method"] == "eth_getLogs"  # the market was read by then
        if question["method"] != "eth_call" or not opened:
            return question
        block = question["params"][1]
        if block not in pins:
            pins.append(block)
        reads += 1
        if len(pins) > 1 or reads <= 2:
            return question
        if reads == 3:
            origin_chain.mine(3)
        error = {"code": -32000, "message": f"state at block {block} is pruned"}
        return 200, json.dumps({"jsonrpc": "2.0", "id": question["id"], "error": error}).encode()

    moved, clean = tmp_path / "moved", tmp_path / "clean"
    moved.mkdir()
    clean.mkdir()
    with origin_chain.undone():
        endpoint.before = forget
        outcome = bandscan(*scanning(origin_chain, moved, url=endpoint.url))
        assert bandscan(*scanning(origin_chain, clean)).code == 0

    assert outcome.code == 0, outcome.err
    assert len(pins) == 2
    assert "going on at block" in outcome.err
    assert (moved / "scan.json").read_bytes() == (clean / "scan.json").read_bytes()


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "pruned"])
def test_a_first_block_that_nobody_names_is_found_or_not_needed(
    archive: bool, endpoint: Proxy, origin_chain: LocalChain, clean: bytes, tmp_path: Path
):
    """By old state where the endpoint has it, else from block 0; the scan is the same."""
    head = hex(int(origin_chain.rpc("eth_blockNumber"), 16))
    refused = []

    def prune(question: Question, number: int) -> Question | Reply:
        if archive or question["method"] != "eth_getCode" or question["params"][1] == head:
            return question
        refused.append(question)
        error = {"code": -32000, "message": "missing trie node 00 (path )"}
        return 200, json.dumps({"jsonrpc": "2.0", "id": question["id"], "error": error}).encode()

    endpoint.before = prune
    arguments = scanning(origin_chain, tmp_path, url=endpoint.url)
    file = tmp_path / "local.toml"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if not line.startswith("first_block")))
    outcome = bandscan(*arguments)

    assert outcome.code == 0, outcome.err
    assert (tmp_path / "scan.json").read_bytes() == clean
    assert ("reading logs from block 0" in outcome.err) is not archive
    assert len(refused) == (0 if archive else 1)
