"""Answers that are well formed and wrong, and bytes that are no answers at all."""

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from hostile import HostileProxy, fault, flip_flop, mentions
from hostile.asking import BIG, MOST, Heard, ask
from hostile.upstream import LENS, USER, Upstream, logs

WHOLE = logs(0, 1000)
LENS_CALL = {"to": "0x" + "1e" * 20, "data": "0x" + LENS.hex()}


@pytest.fixture(scope="module")
def node() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def heard(node: Upstream, id_: str, name: str, method: str, *params: Any, **options: Any) -> Heard:
    """The answer through one fault."""
    with HostileProxy(node.url, [fault(id_, name, **options)]) as proxy:
        return ask(proxy.url, method, *params)


def blocks(found: list[dict[str, Any]]) -> list[int]:
    return [int(log["blockNumber"], 16) for log in found]


def test_cut_streams_say_so_beside_the_result(node: Upstream) -> None:
    """The first n logs, HTTP 200, and one member more."""
    for status in ("truncated", "timeout", "failed"):
        answer = heard(node, "F21", status, "eth_getLogs", n=3).answer
        assert answer == {"jsonrpc": "2.0", "result": WHOLE[:3], "_streamStatus": status, "id": 5}


def test_logs_that_are_not_there(node: Upstream) -> None:
    """Lagging, pruned, holes, no index, the last n blocks, one dropped."""

    def got(id_: str, name: str, **options: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = heard(node, id_, name, "eth_getLogs", **options).result
        return found

    assert got("F22", "clamp", behind=35) == logs(0, 965)
    assert got("F22", "empty", behind=35) == []
    assert got("F25", "below") == logs(500, 1000)
    assert got("F25", "below", below=900) == logs(900, 1000)
    holes = got("F25", "holes", share=0.3)
    assert holes == got("F25", "holes", share=0.3) != WHOLE
    assert 40 < len(holes) < 100
    assert got("F26", "address") == []
    assert got("F27", "fiews", n=100) == logs(901, 1000)
    dropped = got("F28", "random")
    assert len(dropped) == len(WHOLE) - 1
    assert all(log in WHOLE for log in dropped)
    assert got("F28", "which", which=mentions(USER)) == []
    assert 90 < len(got("F28", "rare", one_in=10)) < len(WHOLE)


def test_unfiltered_logs_are_complete_without_an_index(node: Upstream) -> None:
    """The hole is in the index of addresses only."""
    everything = {"fromBlock": "0x0", "toBlock": hex(1000)}
    assert heard(node, "F26", "address", "eth_getLogs", everything).result == WHOLE


def test_logs_that_should_not_be_there(node: Upstream) -> None:
    """One more than the true ones, foreign in one way."""
    members = {"address": "address", "topic": "topics", "range": "blockNumber"}
    members |= {"fork": "blockHash", "removed": "removed", "duplicate": ""}
    for name, member in members.items():
        *true, extra = heard(node, "F29", name, "eth_getLogs").result
        assert true == WHOLE
        assert (extra == WHOLE[-1]) == (name == "duplicate")
        assert not member or extra[member] != WHOLE[-1][member]


def test_logs_with_other_places(node: Upstream) -> None:
    """Equal indices, garbage, another order."""
    first, second, *rest = heard(node, "F30", "erigon", "eth_getLogs").result
    assert (first, rest) == (WHOLE[0], WHOLE[2:])
    assert first["logIndex"] == second["logIndex"]
    assert first["transactionHash"] != second["transactionHash"]
    assert heard(node, "F31", "logIndex", "eth_getLogs").result[0]["logIndex"] == "0xfffffff7"
    assert heard(node, "F31", "blockNumber", "eth_getLogs").result[0]["blockNumber"] is None
    assert int(heard(node, "F31", "blockHash", "eth_getLogs").result[0]["blockHash"], 16) == 0
    mixed = heard(node, "F32", "shuffled", "eth_getLogs").result
    assert mixed != WHOLE
    assert sorted(map(json.dumps, mixed)) == sorted(map(json.dumps, WHOLE))


def test_heads_that_jump(node: Upstream) -> None:
    """n, n-1, n-20, n; and one outlier."""
    with HostileProxy(node.url, [fault("F24", "sawtooth")]) as proxy:
        said = [int(ask(proxy.url, "eth_blockNumber").result, 16) for _ in range(5)]
        assert said == [1000, 999, 980, 1000, 1000]
        header = ask(proxy.url, "eth_getBlockByNumber").result
        assert header == {"number": "0x3e7", "hash": f"0x{1000:064x}", "timestamp": "0x3e7"}
        assert ask(proxy.url, "eth_getBlockByNumber", "0x64", False).result["number"] == "0x64"
    assert int(heard(node, "F24", "outlier-first", "eth_blockNumber").result, 16) == 1_001_000


def test_envelopes(node: Upstream) -> None:
    """Members of the wrong kind, missing, or there twice."""
    true = {"jsonrpc": "2.0", "id": 5, "result": "0x3e8"}
    for id_, name, want in (
        ("F33", "null", {**true, "result": None}),
        ("F33", "object", {**true, "result": {}}),
        ("F33", "0x", {**true, "result": "0x"}),
        ("F33", "zero", {**true, "result": 0}),
        ("F33", "missing", {"jsonrpc": "2.0", "id": 5}),
        ("F33", "both", {**true, "error": {"code": -32000, "message": "no"}}),
        ("F34", "text", {**true, "id": "5"}),
        ("F34", "wrong", {**true, "id": 6}),
        ("F34", "array", [true]),
    ):
        assert json.loads(heard(node, id_, name, "eth_blockNumber").body) == want
    twice = heard(node, "F34", "twice", "eth_blockNumber").body
    assert twice == b'{"jsonrpc":"2.0","id":5,"result":"0x3e8","id":6}'


def test_states_that_are_not_the_chains(node: Upstream) -> None:
    """Zero words, nothing, zero words between true proofs."""
    word = (900).to_bytes(32, "big")
    true = encode(["(bool,bytes)[]"], [[(True, word)] * 150])

    def got(name: str, call: dict[str, str], id_: str = "F40", **options: Any) -> bytes:
        return bytes.fromhex(
            heard(node, id_, name, "eth_call", call, hex(900), **options).result[2:]
        )

    assert got("zero", BIG) == bytes(len(true))
    assert got("empty", BIG) == b""
    for name, said in (("inner-zero", (True, bytes(32))), ("inner-empty", (True, b""))):
        (answers,) = decode(["(bool,bytes)[]"], got(name, BIG))
        assert list(answers) == [said] * 146 + [(True, word)] * 4
    assert got("inner-zero", LENS_CALL) == word * 4 + bytes(6 * 32) + b"\1\1\1"
    assert got("inner-empty", LENS_CALL) == word * 4 + bytes(6 * 32 + 3)
    (answers,) = decode(["(bool,bytes)[]"], got("multicall", BIG, "F36", limit=30))
    assert list(answers) == [(True, word)] * 30 + [(False, b"")] * 120
    assert got("revert", BIG, "F47")[:4].hex() == "08c379a0"


def test_pins_that_are_ignored(node: Upstream) -> None:
    """Executed elsewhere; the override goes along."""
    call, code = {"to": USER, "data": "0x"}, {USER: {"code": "0x00"}}
    for name, at in (("latest", 1000), ("behind", 895)):
        before = node.overrides
        assert int(heard(node, "F41", name, "eth_call", call, hex(900), code).result, 16) == at
        assert node.overrides == before + 1


def test_another_chain(node: Upstream) -> None:
    """From the start, or from the n-th request on."""
    assert heard(node, "F46", "start", "eth_chainId").result == "0x38"
    with HostileProxy(node.url, [fault("F46", "jump", after=3)]) as proxy:
        said = [ask(proxy.url, "eth_chainId").result for _ in range(3)]
        assert said == ["0x7a69", "0x7a69", "0x38"]
        assert int(ask(proxy.url, "eth_blockNumber").result, 16) == 1_001_000


def test_two_liars(node: Upstream) -> None:
    """A lacks a log at odd calls, B refuses every other request."""
    first, second = flip_flop()
    with HostileProxy(node.url, first) as a, HostileProxy(node.url, second) as b:
        assert [len(ask(a.url, "eth_getLogs").result) for _ in range(4)] == [111, 112, 111, 112]
        assert [ask(b.url, "eth_getLogs").status for _ in range(4)] == [200, 429, 200, 429]


def test_broken_connections(node: Upstream) -> None:
    """How each of them ends, and after how much."""
    for name, end, status in (
        ("reset", "reset", True),
        ("reset-at-once", "reset", False),
        ("close", "closed", False),
        ("mid-chunk", "closed", True),
        ("no-last-chunk", "closed", True),
        ("tls-close", "closed", False),
    ):
        found = heard(node, "F19", name, "eth_blockNumber")
        assert (name, found.end) == (name, end)
        assert found.raw.startswith(b"HTTP/1.1 200 OK") == status
    assert heard(node, "F19", "tls-close", "eth_blockNumber").raw.hex() == "15030300020100"
    with HostileProxy(node.url, [fault("F19", "stall")]) as proxy:
        assert ask(proxy.url, "eth_blockNumber", patience=0.1) == Heard(b"", "silent")
    start = time.monotonic()
    assert heard(node, "F19", "trickle", "eth_blockNumber", every=0.005).result == "0x3e8"
    assert time.monotonic() - start > 0.2


def test_cut_bodies(node: Upstream) -> None:
    """Lengths that do not fit, gzip that does not end."""
    body = b'{"jsonrpc":"2.0","id":5,"result":"0x3e8"}'
    for name, want, length in (
        ("cut", body[:7], 41), ("small-length", body, 7), ("cut-json", body[:7], 7)
    ):  # fmt: skip
        found = heard(node, "F20", name, "eth_blockNumber", at=7)
        assert want.startswith(found.body)
        assert len(found.body) >= 7
        assert found.header("Content-Length") == str(length)
    found = heard(node, "F20", "large-length", "eth_blockNumber")
    assert (found.body, found.header("Content-Length"), found.end) == (body, "141", "closed")
    with pytest.raises(EOFError):
        gzip.decompress(heard(node, "F20", "gzip-cut", "eth_blockNumber").body)
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(heard(node, "F20", "gzip-crc", "eth_blockNumber").body)


def test_hostile_sizes(node: Upstream) -> None:
    """Streams end with the client; a bomb is a thousandth of what it becomes."""
    for name in ("stream", "stream-length"):
        with HostileProxy(node.url, [fault("F48", name)]) as proxy:
            found = ask(proxy.url, "eth_call")
            assert (found.end, len(found.raw) < MOST + (1 << 20)) == ("enough", True)
            end = time.monotonic() + 5
            while not proxy.closed_early and time.monotonic() < end:
                time.sleep(0.01)
            assert proxy.closed_early == 1
    bomb = heard(node, "F48", "gzip-bomb", "eth_call", size=32 << 20)
    assert len(bomb.body) < 64 << 10
    unpacked = gzip.decompress(bomb.body)
    assert len(unpacked) > 32 << 20
    assert unpacked[:40] == b'{"jsonrpc":"2.0","id":5,"result":"0x0000'
    assert unpacked[-4:] == b'00"}'


def test_hostile_json(node: Upstream) -> None:
    """Bodies to the letter."""
    head = b'{"jsonrpc":"2.0","id":5,"result":'
    true = head + b'"0x3e8"}'
    for name, want in (
        ("nested", head + b"[" * 10**6 + b"]" * 10**6 + b"}"),
        ("hex", head + b'"0x' + b"f" * 70_000 + b'"}'),
        ("integer", head + b"9" * 70_000 + b"}"),
        ("nan", head + b"NaN}"),
        ("nul", head + rb'"0x\u0000"}'),
        ("twice", head + b'"0x1","result":"0x2"}'),
        ("bom", b"\xef\xbb\xbf" + true),
        ("utf-16", true.decode().encode("utf-16")),
    ):
        assert heard(node, "F48", name, "eth_blockNumber").body == want
