"""Lists of borrowers: exported, imported, proven by the totals or not; and the plan told before."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from command import assert_clear, bandscan, refused, scanning
from localchain import LocalChain
from proxy import Proxy, Question, Reply

from scanner import plan


@pytest.fixture(scope="module")
def exported(origin_chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scanned folder with its accounts beside it, as CSV and as Parquet."""
    folder = tmp_path_factory.mktemp("exported")
    assert bandscan(*scanning(origin_chain, folder)).code == 0
    for name in ("list.csv", "list.parquet"):
        told = bandscan("accounts", "--store", folder / "store", "--export", folder / name)
        assert told.code == 0, told.err
        assert f"written to {folder / name}" in " ".join(told.out.split())
    return folder


@pytest.fixture
def endpoint(origin_chain: LocalChain) -> Iterator[Proxy]:
    with Proxy(origin_chain.url) as proxy:
        yield proxy


def ranges(endpoint: Proxy) -> list[int]:
    """How many blocks each log request spanned; fills as requests come."""
    spans: list[int] = []

    def before(question: Question, number: int) -> Question:
        if question["method"] == "eth_getLogs" and "toBlock" in question["params"][0]:
            asked = question["params"][0]
            spans.append(int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) + 1)
        return question

    endpoint.before = before
    return spans


@pytest.mark.parametrize("name", ["list.csv", "list.parquet"])
def test_a_list_replaces_the_logs(
    origin_chain: LocalChain, exported: Path, endpoint: Proxy, tmp_path: Path, name: str
) -> None:
    """The same document, and not one log is asked for."""
    spans = ranges(endpoint)
    outcome = bandscan(
        *scanning(origin_chain, tmp_path, "--accounts", exported / name, url=endpoint.url)
    )
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "scan.json").read_bytes() == (exported / "scan.json").read_bytes()
    assert spans == []
    assert "accounts from the list" in outcome.err
    again = bandscan(*scanning(origin_chain, tmp_path))
    assert again.code == 0
    assert (tmp_path / "scan.json").read_bytes() == (exported / "scan.json").read_bytes()


def test_a_list_of_addresses_alone_will_do(
    origin_chain: LocalChain, exported: Path, endpoint: Proxy, tmp_path: Path
) -> None:
    """One column, in any order, with strangers among them."""
    spans = ranges(endpoint)
    accounts = pd.read_csv(exported / "list.csv", dtype=str)["account"]
    mixed = [*reversed(accounts.to_list()), "0x" + "5a" * 20, accounts[0].upper().replace("X", "x")]
    pd.DataFrame({"account": mixed}).to_csv(tmp_path / "plain.csv", index=False)
    outcome = bandscan(
        *scanning(origin_chain, tmp_path, "--accounts", tmp_path / "plain.csv", url=endpoint.url)
    )
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "scan.json").read_bytes() == (exported / "scan.json").read_bytes()
    assert spans == []


def test_a_list_that_lacks_somebody_is_found_out(
    origin_chain: LocalChain, exported: Path, endpoint: Proxy, tmp_path: Path
) -> None:
    """The reserves are named, then logs are searched, and the scan is whole."""
    spans = ranges(endpoint)
    listed = pd.read_csv(exported / "list.csv", dtype=str)
    someone = origin_chain.account("plain").address.lower()
    assert someone in set(listed["account"])
    listed[listed["account"] != someone].to_csv(tmp_path / "short.csv", index=False)
    outcome = bandscan(
        *scanning(origin_chain, tmp_path, "--accounts", tmp_path / "short.csv", url=endpoint.url)
    )
    assert outcome.code == 0, outcome.err
    assert "the totals of USDC do not add up; asking for all logs since the list is not" in (
        " ".join(outcome.err.split())
    )
    assert spans
    assert (tmp_path / "scan.json").read_bytes() == (exported / "scan.json").read_bytes()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("who\n0x1234\n", "no column `account`"),
        ("account\n", "it lists nobody"),
        ("account\n0x12\n", "an account that is none"),
        ("account,through\n0x" + "11" * 20 + ",soon\n", "`through` is no number"),
        ("account\n0x" + "11" * 20 + ",2,3\n", "an account that is none"),
        ("\0\0\0", "it has no column `account`"),
    ],
)
def test_a_bad_list_is_refused(
    origin_chain: LocalChain, exported: Path, tmp_path: Path, content: str, says: str
) -> None:
    """Exit 2, with the line where there is one; nothing stored is touched."""
    assert bandscan(*scanning(origin_chain, tmp_path)).code == 0
    bad = tmp_path / "bad.csv"
    bad.write_text(content)

    def arguments(store: Path) -> list[object]:
        given = scanning(origin_chain, tmp_path, "--accounts", bad)
        given[given.index("--store") + 1] = store
        return given

    refused(tmp_path, 2, arguments, says)


def test_who_is_known_is_told(exported: Path, origin_chain: LocalChain) -> None:
    told = bandscan("accounts", "--store", exported / "store")
    assert told.code == 0
    assert f"{len(origin_chain.borrowers_ever)}" in told.out
    frame = pd.read_csv(exported / "list.csv", dtype=str)
    assert set(frame["account"]) == origin_chain.borrowers_ever
    assert list(frame.columns) == ["chain_id", "protocol", "market", "account", "through"]


def narrow(blocks: int) -> Callable[[Question, int], Question | Reply]:
    """An endpoint that takes so many blocks in a log request."""

    def before(question: Question, number: int) -> Question | Reply:
        if question["method"] == "eth_getLogs" and "toBlock" in question["params"][0]:
            asked = question["params"][0]
            if int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= blocks:
                return 200, (
                    b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32600,"message":'
                    b'"You can make eth_getLogs requests with up to a %d block range."}}'
                    % (question["id"], blocks)
                )
        return question

    return before


def test_a_plan_that_cannot_finish_is_refused(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told how many requests, and what to do instead; --anyway begins all the same."""
    monkeypatch.setattr(plan, "WIDE", 100)
    monkeypatch.setattr(plan, "DAY", 0.001)
    endpoint.before = narrow(2)
    arguments = scanning(origin_chain, tmp_path, url=endpoint.url)
    outcome = bandscan(*arguments)
    assert_clear(outcome, 4, "this scan would need 1", "2 blocks in a request", "--accounts")
    assert endpoint.asked.count("eth_getLogs") < 10
    anyway = bandscan(*arguments, "--anyway")
    assert anyway.code == 0, anyway.err


def test_a_plan_is_told_before(
    origin_chain: LocalChain, endpoint: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is expected comes close to what is asked."""
    monkeypatch.setattr(plan, "WIDE", 100)
    endpoint.before = narrow(3)
    outcome = bandscan(*scanning(origin_chain, tmp_path, url=endpoint.url))
    assert outcome.code == 0, outcome.err
    line = next(row for row in outcome.err.splitlines() if row.startswith("plan:"))
    assert "3 in a request" in line
    planned = int(line.split("about ")[1].split(" ")[0].replace(",", ""))
    assert planned == pytest.approx(len(endpoint.asked), rel=0.3)
