"""Trials on a real node and the real pool: what it says under override is what it says in truth."""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from localchain import LocalChain
from proxy import Proxy, Question, Reply

from scanner.chain.abi import U8, load, pack
from scanner.chain.connect import Node, connect
from scanner.chain.pinned import Chain
from scanner.chain.stub import Source
from scanner.errors import OverridesRefused, ReadError

POOL = load("aave_v3_pool")
ORACLE = load("aave_v3_oracle")
FACTOR = 5  # the word of getUserAccountData that is the health factor


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


@pytest.fixture
def proxy(core_chain: LocalChain) -> Iterator[Proxy]:
    with Proxy(core_chain.url) as made:
        yield made


@pytest.fixture
def node(core_chain: LocalChain, proxy: Proxy) -> Iterator[Node]:
    with connect(core_chain.chain_id, [proxy.url], patience=5) as made:
        yield made


def people(chain: LocalChain) -> list[str]:
    return sorted(chain.borrowers_ever)


def asked(chain: LocalChain, who: list[str]) -> U8:
    rows = np.frombuffer(b"".join(map(raw, who)), np.uint8).reshape(-1, 20)
    return pack(POOL.selector("getUserAccountData"), rows)


def factors(words: U8) -> list[int]:
    return [int.from_bytes(row[0].tobytes(), "big") for row in words]


def source(chain: LocalChain, symbol: str) -> bytes:
    token = chain.tokens[symbol].address
    answer = chain.call(chain.oracle, "getSourceOfAsset(address)(address)", token)
    return raw(answer)


def test_the_pool_says_under_override_what_it_says_when_prices_really_move(
    core_chain: LocalChain, node: Node
) -> None:
    """Every borrower at three prices of ether in one request, against the chain moved there; the
    last round leaves the feed as it is."""
    who = people(core_chain)
    present = core_chain.price_raw("WETH")
    moves = [present * 7 // 10, present * 13 // 10, present - 1]
    answers = np.array([[price] for price in moves for _ in who] + [[None]] * len(who), object)
    data = np.tile(asked(core_chain, who), (len(moves) + 1, 1))
    target = np.frombuffer(raw(core_chain.pool), np.uint8)
    found = node.pin("latest").trials(
        [source(core_chain, "WETH")], answers, target, data, 1, skip=FACTOR
    )
    assert found.ok.all()
    assert len(found.batches) <= 12
    got = np.array(factors(found.words), object).reshape(len(moves) + 1, -1)
    for place, price in enumerate([*moves, present]):
        with core_chain.undone():
            core_chain.set_price("WETH", price)
            rows = core_chain.accounts_data(who)
            assert [row["healthFactor"] for row in rows] == got[place].tolist()
    assert (got[0] != got[3]).any()
    assert (got[1] != got[3]).any()
    assert core_chain.price_raw("WETH") == present


def test_a_source_may_be_one_question_to_an_oracle(core_chain: LocalChain, node: Node) -> None:
    """Two assets of one oracle, told apart by the argument; everything else is the oracle's."""
    select = ORACLE.selector("getAssetPrice")
    tokens = [raw(core_chain.tokens[s].address) for s in ("WETH", "WBTC", "USDC")]
    oracle = raw(core_chain.oracle)
    sources = [Source(oracle, select + bytes(12) + t) for t in tokens[:2]]
    big = 2**256 - 1
    answers = np.array([[7, big], [None, 5], [-1, None]], object)
    rows = np.array([list(t) for t in tokens], np.uint8)
    chain = node.pin("latest")
    truth = [core_chain.price_raw(s) for s in ("WETH", "WBTC", "USDC")]
    for place, want in enumerate(([7, truth[0], truth[0]], [big, 5, truth[1]], [truth[2]] * 3)):
        data = pack(select, np.repeat(rows[place : place + 1], 3, axis=0))
        found = chain.trials(sources, answers, np.frombuffer(oracle, np.uint8), data, 1)
        assert found.ok.all()
        assert factors(found.words) == want


def test_what_a_trial_writes_is_undone(core_chain: LocalChain, node: Node) -> None:
    """`approve`, then the allowance: seen within a trial, gone in the next one; a failing call
    before it spoils the trial, and the reason of a revert is kept."""
    token = core_chain.tokens["USDC"].address
    where = np.frombuffer(raw(token), np.uint8)
    erc20 = {"approve": "095ea7b3", "allowance": "dd62ed3e", "transferFrom": "23b872dd"}
    me = np.frombuffer(b"bandscan trial bench", np.uint8)
    you = np.full(20, 7, np.uint8)
    amounts = np.array([11, 0, 13], np.int64)
    approve = pack(bytes.fromhex(erc20["approve"]), np.tile(you, (3, 1)), amounts)
    allowance = pack(bytes.fromhex(erc20["allowance"]), np.tile(me, (3, 1)), np.tile(you, (3, 1)))
    chain = node.pin("latest")
    nothing = np.zeros((3, 0), object)
    found = chain.trials([], nothing, where, allowance, 1, prepare=[(where, approve)], undone=True)
    assert found.ok.all()
    assert factors(found.words) == [11, 0, 13]
    bare = chain.trials([], nothing, where, allowance, 1, undone=True)
    assert factors(bare.words) == [0, 0, 0]
    take = pack(
        bytes.fromhex(erc20["transferFrom"]), np.tile(you, (3, 1)), np.tile(me, (3, 1)), amounts + 1
    )
    broken = chain.trials([], nothing, where, allowance, 1, prepare=[(where, take)], undone=True)
    assert not broken.ok.any()
    refused = chain.trials([], nothing, where, take, 4, undone=True)
    assert not refused.ok.any()
    assert (refused.size > 4).all()
    assert refused.words[0].any()


def refusing(pattern: str, answer: bytes) -> Callable[[Question, int], Question | Reply]:
    def before(question: Question, number: int) -> Question | Reply:
        if question["method"] == "eth_call" and re.search(pattern, str(question["params"])):
            return 200, b'{"jsonrpc":"2.0","id":%d,%b}' % (question["id"], answer)
        return question

    return before


BENCH = b"bandscan trial bench".hex()


@pytest.mark.parametrize(
    "answer",
    [
        b'"error":{"code":-32602,"message":"too many arguments, want at most 2"}',
        b'"error":{"code":-32603,"message":"Internal error"}',
        b'"result":"0x"',
    ],
    ids=["too many arguments", "internal error", "ignored"],
)
def test_a_node_that_refuses_overrides_is_told_apart(
    core_chain: LocalChain, node: Node, proxy: Proxy, answer: bytes
) -> None:
    proxy.before = refusing(BENCH, answer)
    who = people(core_chain)
    with pytest.raises(OverridesRefused, match="endpoint 1 of 1"):
        ask(core_chain, node.pin("latest"), who)
    assert node.head() > 0  # and is asked everything else


def ask(chain: LocalChain, pinned: Chain, who: list[str]) -> list[int]:
    answers = np.full((len(who), 1), chain.price_raw("WETH") // 2, object)
    target = np.frombuffer(raw(chain.pool), np.uint8)
    found = pinned.trials(
        [source(chain, "WETH")], answers, target, asked(chain, who), 1, skip=FACTOR
    )
    assert found.ok.all()
    return factors(found.words)


def test_another_endpoint_is_asked_and_batches_are_halved(
    core_chain: LocalChain, node: Node, proxy: Proxy
) -> None:
    """The first endpoint knows no overrides, the second refuses long requests: the same answers."""
    who = people(core_chain)
    want = ask(core_chain, node.pin("latest"), who)
    proxy.before = refusing(BENCH, b'"error":{"code":-32602,"message":"too many arguments"}')
    longest = 0

    def short(question: Question, number: int) -> Question | Reply:
        nonlocal longest
        text = str(question["params"])
        if BENCH in text and len(text) > 9_000:
            longest += 1
            return 413, b"Request Entity Too Large"
        return question

    with (
        Proxy(core_chain.url) as other,
        connect(core_chain.chain_id, [proxy.url, other.url], patience=5) as both,
    ):
        other.before = short
        assert ask(core_chain, both.pin("latest"), who * 3) == want * 3
        assert longest > 0


def test_a_lie_about_the_block_is_not_believed(
    core_chain: LocalChain, node: Node, proxy: Proxy
) -> None:
    """A node that runs the trials at another block than the one asked for."""

    def older(question: Question, number: int) -> Question | Reply:
        if question["method"] == "eth_call" and BENCH in str(question["params"]):
            question["params"][1] = hex(chain.block.number - 1)
        return question

    with core_chain.undone():
        core_chain.mine(2)  # the block before is one that the node surely has
        chain = node.pin("latest")
        proxy.before = older
        with pytest.raises(ReadError, match="another block"):
            ask(core_chain, chain, people(core_chain))
