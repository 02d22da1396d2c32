"""The lens on a real node: aggregate3's answers by every path, at a tenth of the bytes."""

from collections.abc import Callable, Iterator
from pathlib import Path as Folder
from typing import Any

import numpy as np
import pytest
from command import bandscan, scanning
from localchain import LocalChain
from proxy import Answer, Proxy, Question, Reply

from scanner.chain.abi import U8, load, pack
from scanner.chain.connect import Node, connect
from scanner.chain.lens import ADDRESS, sorted_calls
from scanner.chain.transport import Path
from scanner.errors import ReadError

BALANCE = load("aave_v3_token").selector("scaledBalanceOf")


def kind(question: Question) -> Path | None:
    """By which path an eth_call comes."""
    if question["method"] != "eth_call":
        return None
    call = question["params"][0]
    if "to" not in call:
        return Path.CREATE
    return Path.OVERRIDE if call["to"] == "0x" + ADDRESS.hex() else Path.AGGREGATE


def closing(*paths: Path) -> Callable[[Question, int], Question | Reply]:
    """Refuse some paths, as a node does that lacks them."""

    def before(question: Question, number: int) -> Question | Reply:
        if kind(question) in paths:
            return 200, (
                b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32602,"message":"invalid argument 2"}}'
                % question["id"]
            )
        return question

    return before


@pytest.fixture
def proxy(core_chain: LocalChain) -> Iterator[Proxy]:
    with Proxy(core_chain.url) as made:
        yield made


@pytest.fixture
def node(core_chain: LocalChain, proxy: Proxy) -> Iterator[Node]:
    with connect(core_chain.chain_id, [proxy.url], patience=5) as made:
        yield made


def questions(chain: LocalChain) -> tuple[U8, U8]:
    """Everybody's scaled balance of every token, and of contracts that are none."""
    people = [bytes.fromhex(who[2:]) for who in sorted(chain.borrowers_ever)]
    tokens = [bytes.fromhex(t.atoken[2:]) for t in chain.tokens.values()]
    targets = [*tokens, bytes.fromhex("ee" * 20), bytes.fromhex(chain.oracle[2:])]
    pairs = [(target, who) for who in people for target in targets]
    where = np.frombuffer(b"".join(t for t, _ in pairs), np.uint8).reshape(-1, 20)
    who = np.frombuffer(b"".join(w for _, w in pairs), np.uint8).reshape(-1, 20)
    return where, pack(BALANCE, who)


@pytest.mark.parametrize(
    ("refused", "taken"),
    [
        ((), Path.OVERRIDE),
        ((Path.OVERRIDE,), Path.CREATE),
        ((Path.OVERRIDE, Path.CREATE), Path.AGGREGATE),
    ],
    ids=["all", "no overrides", "neither"],
)
def test_every_path_answers_the_same(
    core_chain: LocalChain, node: Node, proxy: Proxy, refused: tuple[Path, ...], taken: Path
) -> None:
    """Word by word what the contracts say one by one, failures included; found by trying once."""
    proxy.before = closing(*refused)
    where, data = questions(core_chain)
    found = node.pin().bulk(where, data, 1)
    assert node.client.endpoints[0].path is taken
    balance = "scaledBalanceOf(address)(uint256)"
    tokens = {token.atoken.lower() for token in core_chain.tokens.values()}
    good = 0
    for row in range(0, len(data), 7):
        target, who = "0x" + where[row].tobytes().hex(), "0x" + data[row, 16:].tobytes().hex()
        assert bool(found.ok[row]) == (target in tokens)
        if found.ok[row]:
            value = int.from_bytes(found.words[row, 0].tobytes(), "big")
            assert value == core_chain.call(target, balance, who)
            good += value > 0
        else:
            assert not found.words[row].any()
    assert good > 20
    again = node.pin().bulk(where[::-1], data[::-1], 1)
    assert (again.ok[::-1] == found.ok).all()
    assert (again.words[::-1] == found.words).all()


def test_the_lens_sends_an_eighth_of_the_bytes(
    core_chain: LocalChain, proxy: Proxy, tmp_path: Folder
) -> None:
    """By one endpoint that takes it and one that does not, of the same calls."""
    where, data = questions(core_chain)
    keep = np.isin(where[:, 0], where[:3, 0])
    where, data = np.tile(where[keep], (6, 1)), np.tile(data[keep], (6, 1))
    sent = {}
    for path, refused in ((Path.OVERRIDE, ()), (Path.AGGREGATE, (Path.OVERRIDE, Path.CREATE))):
        proxy.before = closing(*refused)
        with connect(core_chain.chain_id, [proxy.url], patience=5) as node:
            pinned = node.pin()
            pinned.bulk(where, data, 1)  # tries the paths
            before = pinned.stats.sent
            pinned.bulk(where, data, 1)
            assert node.client.endpoints[0].path is path
            sent[path] = pinned.stats.sent - before
    assert sent[Path.OVERRIDE] <= sent[Path.AGGREGATE] / 8


def test_a_lens_that_answers_otherwise_is_not_used(
    core_chain: LocalChain, node: Node, proxy: Proxy
) -> None:
    """A node that runs overrides wrongly: found out by the trial, and read without them."""

    def after(question: Question, answer: Answer) -> Answer:
        if kind(question) is Path.OVERRIDE and "result" in answer:
            answer["result"] = answer["result"][:-6] + "000000"  # the last calls "failed"
        return answer

    proxy.after = after
    where, data = questions(core_chain)
    keep = np.isin(where[:, 0], where[:3, 0])
    found = node.pin().bulk(where[keep], data[keep], 1)
    assert found.ok.all()
    assert node.client.endpoints[0].path is Path.CREATE


@pytest.mark.parametrize("path", [Path.OVERRIDE, Path.CREATE])
def test_another_block_is_found_out_by_the_lens_too(
    core_chain: LocalChain, proxy: Proxy, path: Path
) -> None:
    """An endpoint that executes at another block than it was asked is named as that."""
    refuse = closing(*([Path.OVERRIDE] if path is Path.CREATE else []))
    with connect(core_chain.chain_id, [proxy.url], patience=5) as node:
        where, data = questions(core_chain)
        proxy.before = refuse
        pinned = node.pin()
        pinned.bulk(where, data, 1)
        assert node.client.endpoints[0].path is path

        def before(question: Question, number: int) -> Any:
            if kind(question) is path:
                question["params"][1] = hex(int(question["params"][1], 16) - 1)
            return refuse(question, number)

        proxy.before = before
        with pytest.raises(ReadError, match="another block than that of block"):
            pinned.bulk(where, data, 1)


def test_a_path_that_closes_later_is_left(core_chain: LocalChain, node: Node, proxy: Proxy) -> None:
    """Refused in the middle of a session, the same calls go by aggregate3."""
    where, data = questions(core_chain)
    pinned = node.pin()
    first = pinned.bulk(where, data, 1)
    assert node.client.endpoints[0].path is Path.OVERRIDE
    proxy.before = closing(Path.OVERRIDE)
    again = pinned.bulk(where, data, 1)
    assert node.client.endpoints[0].path is Path.AGGREGATE
    assert (again.words == first.words).all()


def test_a_scan_says_the_same_by_every_path(core_chain: LocalChain, tmp_path: Folder) -> None:
    """The document, byte by byte."""
    documents = set()
    for number, refused in enumerate([(), (Path.OVERRIDE,), (Path.OVERRIDE, Path.CREATE)]):
        with Proxy(core_chain.url) as endpoint:
            endpoint.before = closing(*refused)
            folder = tmp_path / str(number)
            folder.mkdir()
            outcome = bandscan(*scanning(core_chain, folder, url=endpoint.url))
            assert outcome.code == 0, outcome.err
            documents.add((folder / "scan.json").read_bytes())
    assert len(documents) == 1


def test_calls_are_sorted_into_few_groups() -> None:
    """By target and by what their data begin with; the ends and the order are kept."""
    rng = np.random.default_rng(5)
    targets = np.repeat(rng.integers(0, 256, (4, 20), np.uint8), 50, axis=0)
    calls = np.zeros((200, 36), np.uint8)
    calls[:, :4] = 7
    calls[:, 16:] = rng.integers(0, 256, (200, 20), np.uint8)
    shuffled = rng.permutation(200)
    found = sorted_calls(targets[shuffled], calls[shuffled])
    assert found.tail == 20
    assert int(found.group[-1]) == 3
    assert (found.targets == targets[shuffled][found.order]).all()
    assert (found.data == calls[shuffled][found.order]).all()
    assert found.bytes_each <= 20 + 4
