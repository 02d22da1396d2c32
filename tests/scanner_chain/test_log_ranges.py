"""eth_getLogs in ranges that adapt: nothing skipped, nothing foreign believed."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from faulty_node import FaultyNode, Reply, always, for_method, hash_of, log, reach

from scanner.chain.connect import Node
from scanner.chain.pinned import LogChunk
from scanner.errors import ReadError

POOL, OTHER = bytes.fromhex("11" * 20), bytes.fromhex("22" * 20)
BORROW, REPAY = bytes.fromhex("33" * 32), bytes.fromhex("44" * 32)


def chain_of(blocks: int, every: int = 7) -> FaultyNode:
    """A chain with one borrow in each 7th block."""
    chain = FaultyNode(head=blocks)
    borrower = bytes(12) + OTHER
    chain.logs = [log(block, POOL, BORROW, borrower) for block in range(0, blocks + 1, every)]
    return chain


def read(node: Node, first: int = 0, last: int | None = None) -> list[LogChunk]:
    chunks = list(node.pin().logs([POOL], [BORROW, REPAY], first, last))
    for before, after in pairwise(chunks):
        assert after.first == before.last + 1
    assert chunks[0].first == first
    return chunks


def blocks_of(chunks: list[LogChunk]) -> list[int]:
    return np.concatenate([chunk.block for chunk in chunks]).tolist()


def ranges(chain: FaultyNode) -> list[tuple[int, int]]:
    """Block ranges asked for, in order of arrival."""
    return [
        (int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16))
        for name, params in chain.asked
        if name == "eth_getLogs"
    ]


def refuse_wider(span: int, message: str, code: int = -32000, **more: Any) -> Any:
    def rule(method: str, params: list[Any]) -> Reply | None:
        if method != "eth_getLogs":
            return None
        low, high = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
        text = message.format(low=hex(low), high=hex(low + span - 1))
        return Reply(error={"code": code, "message": text}, **more) if high - low >= span else None

    return rule


def test_all_logs_come_as_columns() -> None:
    """Address, topics, count and block of every log, up to the pinned block and not beyond."""
    with chain_of(50_000) as chain, reach(chain.url) as node:
        chunks = read(node)
        assert blocks_of(chunks) == list(range(0, 50_001, 7))
        one = chunks[0]
        assert bytes(one.address[0]) == POOL
        assert bytes(one.topics[0, 0]) == BORROW
        assert bytes(one.topics[0, 1, 12:]) == OTHER
        assert not one.topics[:, 2:].any()
        assert set(one.topic_count.tolist()) == {2}
        assert max(high for _, high in ranges(chain)) == 50_000


def test_the_last_block_is_named_near_the_pinned_one() -> None:
    """A chunk that ends within 2,048 blocks of the pinned one tells the hash of its last block."""
    with chain_of(50_000) as chain, reach(chain.url) as node:
        for chunk in read(node):
            near = chunk.last >= 50_000 - 2048
            assert chunk.last_hash == (hash_of(chunk.last) if near else None)
        (chunk,) = read(node, 49_000, 49_500)
        assert chunk.last_hash == hash_of(49_500)


def test_beyond_the_pinned_block_nothing_is_asked() -> None:
    """The head moves on while we read: the logs end at the pinned block."""
    with chain_of(1000) as chain, reach(chain.url) as node:
        pinned = node.pin(900)
        chunks = list(pinned.logs([POOL], [BORROW], 0, 5000))
        assert chunks[-1].last == 900
        assert max(high for _, high in ranges(chain)) == 900
        assert list(pinned.logs([POOL], [BORROW], 901)) == []


REFUSALS = [
    ("query returned more than 10000 results. Try with this block range [{low}, {high}].", -32005),
    ("You can make eth_getLogs requests with up to a 300 block range.", -32600),
    ("Block range is too large", -32000),
    ("range 9 exceeds limit of 300", -32602),
    ("execution aborted (timeout = 5s)", -32000),
    ("request rejected by policy 7", -32000),
    ("limit exceeded", -32005),
]


@pytest.mark.parametrize(("message", "code"), REFUSALS)
def test_refused_ranges_shrink_and_nothing_is_lost(message: str, code: int) -> None:
    """With hints, without, and with texts never seen before: the same logs in the end."""
    with chain_of(20_000) as chain, reach(chain.url) as node:
        chain.rules = [refuse_wider(300, message, code)]
        assert blocks_of(read(node)) == list(range(0, 20_001, 7))


def test_a_hint_saves_bisecting() -> None:
    """Told the width that works, the next request has it."""
    with chain_of(20_000) as chain, reach(chain.url) as node:
        chain.rules = [refuse_wider(300, "eth_getLogs is limited to a 300 range", status=413)]
        read(node)
        assert ranges(chain)[:2] == [(0, 9999), (0, 299)]


def test_a_bad_hint_does_not_loop() -> None:
    """A hint outside of the request, again and again: halved until it works."""
    with chain_of(20_000) as chain, reach(chain.url) as node:
        chain.rules = [refuse_wider(300, "Try with this block range [0xffffff1, 0xffffff2]")]
        assert blocks_of(read(node)) == list(range(0, 20_001, 7))
        assert len(ranges(chain)) < 200


def test_the_width_is_remembered_and_grows_again() -> None:
    """The second read starts with the learned width; free of limits it widens."""
    with chain_of(60_000) as chain, reach(chain.url) as node:
        chain.rules = [refuse_wider(1000, "Block range is too large")]
        read(node)
        chain.rules, chain.asked = [], []
        read(node)
        widths = [high - low + 1 for low, high in ranges(chain)]
        assert widths[0] <= 1000
        assert max(widths) > 1000


def test_a_single_block_that_is_refused_is_an_error() -> None:
    """A block is never skipped: exit code 3, and its number."""
    with chain_of(100) as chain, reach(chain.url) as node:
        chain.rules = [refuse_wider(0, "query exceeds max results 20000")]
        with pytest.raises(ReadError, match="the logs of block 0 alone are refused"):
            read(node)


def test_a_method_that_is_disabled_moves_on() -> None:
    """A bare "limit exceeded" even for one block means no logs here; the next endpoint has them."""
    with (
        chain_of(3000) as closed,
        chain_of(3000) as open_,
        reach(closed.url, open_.url) as node,
    ):
        closed.rules = [
            always("eth_getLogs", Reply(error={"code": -32005, "message": "limit exceeded"}))
        ]
        assert blocks_of(read(node)) == list(range(0, 3001, 7))
        assert len(ranges(closed)) <= 3


def test_a_method_disabled_everywhere_is_an_error() -> None:
    """No endpoint gives logs: a clear end, soon."""
    with chain_of(3000) as chain, reach(chain.url) as node:
        chain.rules = [
            always("eth_getLogs", Reply(error={"code": -32005, "message": "limit exceeded"}))
        ]
        with pytest.raises(ReadError, match="no endpoint can answer") as failure:
            read(node)
        assert "limit exceeded" in str(failure.value)


def test_a_node_behind_is_waited_for() -> None:
    """A range beyond the node's head is the same range a little later, not a smaller one."""
    late = Reply(error={"code": -32602, "message": "block range extends beyond current head block"})
    with chain_of(5000) as chain, reach(chain.url) as node:
        chain.rules = [for_method("eth_getLogs", late, late, late)]
        assert blocks_of(read(node)) == list(range(0, 5001, 7))
        assert set(ranges(chain)) == {(0, 5000)}


LIES = {
    "another address": [log(5, OTHER, BORROW)],
    "another event": [log(5, POOL, bytes.fromhex("55" * 32))],
    "no event": [log(5, POOL)],
    "below the range": [log(4, POOL, BORROW)],
    "above the range": [log(990, POOL, BORROW)],
    "removed": [log(5, POOL, BORROW, removed=True)],
    "another fork": [log(900, POOL, BORROW, blockHash="0x" + "99" * 32)],
    "pending": [log(5, POOL, BORROW, blockNumber=None)],
    "five topics": [log(5, POOL, *[BORROW] * 5)],
    "short address": [{**log(5, POOL, BORROW), "address": "0x1111"}],
    "no hexadecimal": [{**log(5, POOL, BORROW), "address": "0x" + "zz" * 20}],
    "no list": {"logs": []},
    "nothing": None,
}


@pytest.mark.parametrize("lie", LIES)
def test_logs_that_cannot_be_true_are_refused(lie: str) -> None:
    """Foreign, removed, misplaced or malformed logs: asked again, and an error if they stay."""
    with chain_of(1000) as chain, reach(chain.url) as node:
        pinned = node.pin(900)
        chain.rules = [for_method("eth_getLogs", Reply(LIES[lie]))]
        (chunk,) = pinned.logs([POOL], [BORROW], 5)
        assert chunk.block.tolist() == list(range(7, 901, 7))
        chain.rules = [always("eth_getLogs", Reply(LIES[lie]))]
        with pytest.raises(ReadError, match="does not answer eth_getLogs properly"):
            list(pinned.logs([POOL], [BORROW], 5))


@pytest.mark.parametrize("status", ["truncated", "timeout", "failed"])
def test_a_cut_log_stream_is_refused(status: str) -> None:
    """Nethermind cuts `result` and says so only in an extra member, with HTTP 200."""
    with chain_of(1000) as chain, reach(chain.url) as node:
        cut = Reply(chain.logs[:3], extra={"_streamStatus": status})
        chain.rules = [for_method("eth_getLogs", cut)]
        assert blocks_of(read(node)) == list(range(0, 1001, 7))


def test_unordered_logs_are_sorted() -> None:
    """Block order is ours to keep, whatever the node's."""
    with chain_of(1000) as chain, reach(chain.url) as node:
        chain.logs.reverse()
        assert blocks_of(read(node)) == list(range(0, 1001, 7))


def test_equal_log_indices_are_both_kept() -> None:
    """Some nodes give two different logs of a block the same index; neither is dropped."""
    with chain_of(0) as chain, reach(chain.url) as node:
        chain.head = 10
        chain.logs = [log(5, POOL, BORROW), log(5, POOL, REPAY)]
        (chunk,) = read(node)
        assert [bytes(topic) for topic in chunk.topics[:, 0]] == [BORROW, REPAY]


def test_history_that_is_gone_moves_on() -> None:
    """An endpoint that pruned old receipts is passed over for these blocks only."""
    with chain_of(900) as pruned, chain_of(900) as full, reach(pruned.url, full.url) as node:
        gone = Reply(error={"code": 4444, "message": "pruned history unavailable"})
        pruned.rules = [always("eth_getLogs", gone)]
        assert blocks_of(read(node)) == list(range(0, 901, 7))
        pruned.rules = []
        assert node.head() == 900


def test_leaving_early_stops_the_fetching() -> None:
    """A consumer that stops after one chunk leaves no work behind; the node still answers."""
    with chain_of(200_000) as chain, reach(chain.url) as node:
        for chunk in node.pin().logs([POOL], [BORROW], 0):
            assert chunk.first == 0
            break
        assert node.head() == 200_000
