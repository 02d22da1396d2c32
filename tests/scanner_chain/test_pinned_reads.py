"""bulk() and read() at one block, against a node that refuses, lags, forgets and lies."""

from typing import Any

import numpy as np
import pytest
from faulty_node import (
    AGGREGATE3,
    FaultyNode,
    Reply,
    addresses,
    always,
    calls_in,
    hash_of,
    reach,
)

from scanner.chain.abi import U8, Abi, pack
from scanner.chain.bulk import SAMPLE
from scanner.chain.multicall3 import ARBITRUM
from scanner.chain.pinned import Call, Failed
from scanner.errors import ReadError

TOKEN = bytes.fromhex("aa" * 20)
NOBODY = bytes.fromhex("bb" * 20)
BALANCE = bytes.fromhex("70a08231")
ABI = Abi(
    "getter",
    [
        {
            "type": "function",
            "name": "same",
            "inputs": [{"type": "uint256"}],
            "outputs": [{"type": "uint256"}],
        },
        {
            "type": "function",
            "name": "pair",
            "inputs": [{"type": "uint256"}, {"type": "uint256"}],
            "outputs": [{"type": "uint128"}, {"type": "address"}],
        },
        {"type": "function", "name": "name", "inputs": [], "outputs": [{"type": "string"}]},
    ],
)


def borrowers(count: int) -> U8:
    return np.frombuffer(b"".join(addresses(count)), np.uint8).reshape(count, 20)


def asked(chain: FaultyNode) -> list[int]:
    """Calls per multicall request, in order of arrival, those that try out a path left out."""
    called = [params for name, params in chain.asked if name == "eth_call"]
    found = [calls_in(p) for p in called if p[0]["data"].startswith("0x" + AGGREGATE3.hex())]
    return [count for count in found if count != SAMPLE]


def everything_right(found: Any, who: U8) -> bool:
    """Each borrower's answer is its own address, in call order."""
    return bool(found.ok.all() and (found.words[:, 0, 12:] == who).all())


def refuse_above(most: int, error: dict[str, Any], status: int = 200) -> Any:
    def rule(method: str, params: list[Any]) -> Reply | None:
        if method == "eth_call" and calls_in(params) > most:
            return Reply(error=error, status=status)
        return None

    return rule


def test_answers_come_in_call_order() -> None:
    """1,000 calls in three batches, several in flight, answered row by row."""
    who = borrowers(1000)
    told: list[int] = []
    with FaultyNode() as chain, reach(chain.url) as node:
        found = node.pin().bulk(
            np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1, progress=told.append
        )
        assert everything_right(found, who)
        assert sum(asked(chain)) == 1000
        assert len(asked(chain)) == 3
        assert told[-1] == 1000


def test_a_large_scan_needs_few_requests() -> None:
    """25,000 one-word calls: at most 100 requests, at most 460 bytes sent per call."""
    who = borrowers(2500)
    with FaultyNode() as chain, reach(chain.url) as node:
        pinned = node.pin()
        before = node.stats.sent
        pinned.bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert 10 * len(asked(chain)) <= 100
        assert (node.stats.sent - before) / 2500 <= 460


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": -32000, "message": "out of gas"}, 200),
        ({"code": -32003, "message": "out of gas: gas required exceeds: 50000000"}, 200),
        ({"code": -32000, "message": "execution aborted (timeout = 5s)"}, 200),
        ({"code": -32003, "message": "response too large"}, 200),
        ({"code": -32021, "message": "request body too large"}, 413),
        ({"code": -32000, "message": "request rejected by policy 7"}, 200),
        ({"code": -32000, "message": "execution reverted"}, 200),
    ],
)
def test_refused_batches_are_halved(error: dict[str, Any], status: int) -> None:
    """Nothing is lost or swapped when batches must shrink from 400 to 30 calls or fewer."""
    who = borrowers(500)
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [refuse_above(30, error, status)]
        found = node.pin().bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert everything_right(found, who)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_node_that_takes_next_to_nothing_loses_nothing(most: int) -> None:
    """Halving goes down to single calls without dropping one at the cut."""
    who = borrowers(61)
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [refuse_above(most, {"code": -32000, "message": "out of gas"})]
        found = node.pin().bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert everything_right(found, who)


def test_a_single_call_that_is_too_much_is_a_failed_call() -> None:
    """Out of gas all alone: that call has no answer; the others have."""
    who = borrowers(9)

    def heavy(method: str, params: list[Any]) -> Reply | None:
        if method == "eth_call" and bytes(who[4]).hex() in params[0]["data"]:
            return Reply(error={"code": -32000, "message": "out of gas"})
        return None

    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [heavy]
        found = node.pin().bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert np.flatnonzero(~found.ok).tolist() == [4]


def test_the_learned_size_is_kept_and_grows_again() -> None:
    """The second read starts small; after ten clean batches they grow by half."""
    who = borrowers(500)
    target = np.frombuffer(TOKEN, np.uint8)
    with FaultyNode() as chain, reach(chain.url, concurrency=1) as node:
        chain.rules = [refuse_above(30, {"code": -32000, "message": "out of gas"})]
        pinned = node.pin()
        pinned.bulk(target, pack(BALANCE, who), 1)
        learned = node.budget.gas
        chain.rules, chain.asked = [], []
        pinned.bulk(target, pack(BALANCE, who), 1)
        assert asked(chain)[0] <= 30
        assert node.budget.gas > learned


def test_gas_eaten_before_the_proof_is_out_of_gas() -> None:
    """A node that ends the batch early fails the proof calls at its end: halved, not believed."""
    who = borrowers(100)

    with FaultyNode() as chain, reach(chain.url) as node:
        honest = chain._call

        def starved(target: str, payload: bytes, block: int) -> tuple[bool, bytes]:
            starved.left -= 1  # type: ignore[attr-defined]
            return honest(target, payload, block) if starved.left >= 0 else (False, b"")  # type: ignore[attr-defined]

        execute = chain.execute

        def limited(call: dict[str, Any], block: int) -> bytes:
            starved.left = 40  # type: ignore[attr-defined]
            return execute(call, block)

        chain._call, chain.execute = starved, limited  # type: ignore[method-assign]
        found = node.pin().bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert everything_right(found, who)
        assert max(asked(chain)) == 100


def test_a_failed_call_is_asked_twice_and_then_believed() -> None:
    """A revert that is still there when asked again is `ok` False, and zero; others are kept."""
    who = borrowers(50)
    times = {bytes(who[7]): 0, bytes(who[9]): 0}

    def contract(target: bytes, call: bytes) -> tuple[bool, bytes]:
        account = call[16:36]
        if account in times:
            times[account] += 1
        if account == bytes(who[7]):
            return False, b""
        if account == bytes(who[9]) and times[account] == 1:
            return False, b""  # a hiccup: answered when asked again
        return True, call[4:36]

    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = contract
        found = node.pin().bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert np.flatnonzero(~found.ok).tolist() == [7]
        assert not found.words[7].any()
        assert (found.words[9, 0, 12:] == who[9]).all()
        assert min(times.values()) == 2


@pytest.mark.parametrize("short", [b"", bytes(31), bytes(32)])
def test_short_answers_are_failures(short: bytes) -> None:
    """No code (success, empty) or fewer words than expected is never read as zero."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = lambda target, call: (True, short if target == NOBODY else bytes(64))
        targets = np.frombuffer(TOKEN + NOBODY, np.uint8).reshape(2, 20)
        found = node.pin().bulk(targets, pack(BALANCE, borrowers(2)), 2)
        assert found.ok.tolist() == [True, False]


def test_a_call_that_eats_all_gas_does_not_take_its_neighbours() -> None:
    """Behind one that failed without a word, failures are asked alone before being believed."""
    who = borrowers(3)
    batch: list[int] = []

    with FaultyNode() as chain, reach(chain.url) as node:
        execute = chain.execute

        def counted(call: dict[str, Any], block: int) -> bytes:
            batch.append(0)
            return execute(call, block)

        def contract(target: bytes, call: bytes) -> tuple[bool, bytes]:
            batch[-1] += call[16:36] == bytes(who[0])
            return (not batch[-1], call[4:36] if not batch[-1] else b"")

        chain.execute, chain.contract = counted, contract  # type: ignore[method-assign]
        found = node.pin().bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert found.ok.tolist() == [False, True, True]


@pytest.mark.parametrize("offset", [-5, 5])
def test_another_block_is_never_believed(offset: int) -> None:
    """A node that executes at another block than asked is found out by its own answer."""
    with FaultyNode() as chain, reach(chain.url) as node:
        execute = chain.execute
        chain.execute = lambda call, block: execute(call, block + offset)  # type: ignore[method-assign]
        with pytest.raises(ReadError, match="another block than that of block 900") as failure:
            node.pin(900).bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, borrowers(3)), 1)
        assert failure.value.exit_code == 3


def test_another_endpoint_heals_a_wrong_block() -> None:
    """The batch is asked elsewhere, where the proof holds."""
    who = borrowers(900)
    with FaultyNode() as behind, FaultyNode() as good, reach(behind.url, good.url) as node:
        execute = behind.execute
        behind.execute = lambda call, block: execute(call, block - 1)  # type: ignore[method-assign]
        found = node.pin(900).bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert everything_right(found, who)
        assert good.count("eth_call") > 0


@pytest.mark.parametrize("what", ["hash", "parentHash", "timestamp"])
def test_a_sibling_block_is_found_out(what: str) -> None:
    """The header's parent hash and time must be the ones the call saw; the hash itself cannot."""
    with FaultyNode() as chain, reach(chain.url) as node:
        header = chain.answer("eth_getBlockByNumber", [hex(900), False])
        header.result[what] = hex(5) if what == "timestamp" else "0x" + "99" * 32
        chain.rules = [always("eth_getBlockByNumber", header)]
        pinned = node.pin(900)
        read = lambda: pinned.bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, borrowers(1)), 1)  # noqa: E731
        if what == "hash":
            assert read().ok.all()
        else:
            with pytest.raises(ReadError, match="than that of block 900"):
                read()


def test_on_arbitrum_the_chain_itself_is_asked() -> None:
    """There the EVM's block number is Ethereum's; ArbSys (0x64) proves the block."""
    arb_sys = bytes(19) + b"\x64"

    def contract(target: bytes, call: bytes) -> tuple[bool, bytes]:
        if target == arb_sys:
            number = call[:4].hex() == "a3b1b31d"
            return True, (900).to_bytes(32, "big") if number else hash_of(899)
        return True, call[4:36]

    with (
        FaultyNode(chain_id=ARBITRUM) as chain,
        reach(chain.url, chain_id=ARBITRUM) as node,
    ):
        chain.contract = contract
        who = borrowers(5)
        pinned = node.pin(900)
        assert everything_right(
            pinned.bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1), who
        )
        assert pinned.read([Call(TOKEN, ABI, "same", (4,))]) == [4]


@pytest.mark.parametrize("answer", ["0x", "0x1234", "0x" + "00" * 640, "0x" + "ff" * 640])
def test_a_malformed_multicall_answer_is_a_fault(answer: str) -> None:
    """Empty, short, all-zero and wild answers end in an error, never in zeros."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [always("eth_call", Reply(answer))]
        with pytest.raises(ReadError, match="multicall answer"):
            node.pin().bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, borrowers(9)), 1)
        with pytest.raises(ReadError, match="multicall answer"):
            node.pin().read([Call(TOKEN, ABI, "same", (4,))])


def test_state_that_is_gone_ends_at_once() -> None:
    """Pruned everywhere: no waiting, exit code 3, and what helps."""
    with FaultyNode() as chain, reach(chain.url) as node:
        gone = Reply(error={"code": -32000, "message": "missing trie node ab (path )"})
        chain.rules = [always("eth_call", gone)]
        with pytest.raises(ReadError, match="archive"):
            node.pin(17).bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, borrowers(1)), 1)
        assert chain.count("eth_call") == 1


def test_without_multicall3_its_code_is_lent() -> None:
    """On a bare chain the calls carry the code of Multicall3 as a state override."""
    who = borrowers(3)
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [always("eth_getCode", Reply("0x"))]
        found = node.pin().bulk(np.frombuffer(TOKEN, np.uint8), pack(BALANCE, who), 1)
        assert everything_right(found, who)
        (params,) = [params for name, params in chain.asked if name == "eth_call"]
        assert len(params[2]["0xca11bde05977b3631167028862be2a173976ca11"]["code"]) > 7000


def getter(target: bytes, call: bytes) -> tuple[bool, bytes]:
    """Answers `same` and `pair`; `name` reverts with a reason; NOBODY has no code."""
    if target == NOBODY:
        return True, b""
    if call[:4] == ABI.selector("name"):
        text = b"no \x1b[31mname"
        words = (32).to_bytes(32, "big") + len(text).to_bytes(32, "big") + text.ljust(32, b"\0")
        return False, bytes.fromhex("08c379a0") + words
    return True, call[4:]


def test_small_reads_keep_their_shapes() -> None:
    """One output is a value, two are a tuple; failures say why, in their place."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = getter
        found = node.pin().read(
            [
                Call(TOKEN, ABI, "same", (5,)),
                Call("0x" + TOKEN.hex(), ABI, "pair", (6, 7)),
                Call(NOBODY, ABI, "same", (5,)),
                Call(TOKEN, ABI, "name"),
                Call(TOKEN, ABI, "same", (np.int64(8),)),
            ]
        )
        assert found[:2] == [5, (6, "0x" + "00" * 19 + "07")]
        assert found[2] == Failed("no code at the address, or no such function")
        assert found[3] == Failed("reverted: no  name")
        assert found[4] == 8
        assert not found[2]


def test_a_read_starved_by_its_neighbour_is_asked_again() -> None:
    """The first call eats the gas of those behind it; only the first is a failure in the end."""
    eaten: list[bool] = []

    def contract(target: bytes, call: bytes) -> tuple[bool, bytes]:
        eaten[-1] = eaten[-1] or target == NOBODY
        return (False, b"") if eaten[-1] else (True, call[4:])

    with FaultyNode() as chain, reach(chain.url) as node:
        execute = chain.execute

        def fresh(call: dict[str, Any], block: int) -> bytes:
            eaten.append(False)
            return execute(call, block)

        chain.execute, chain.contract = fresh, contract  # type: ignore[method-assign]
        targets = [NOBODY, TOKEN, TOKEN]
        found = node.pin().read([Call(to, ABI, "same", (i,)) for i, to in enumerate(targets)])
        assert found == [Failed("reverted without a reason"), 1, 2]


def test_addresses_may_be_bytes_rows_or_text() -> None:
    """An address argument as raw bytes, as a row of a matrix or as text is the same call."""
    inputs = [{"type": "address"}]
    entry = {"type": "function", "name": "who", "inputs": inputs, "outputs": inputs}
    abi = Abi("whose", [entry])
    row = np.frombuffer(NOBODY, np.uint8)
    ways = [NOBODY, row, "0x" + NOBODY.hex()]
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = lambda target, call: (True, call[4:])
        found = node.pin().read([Call(TOKEN, abi, "who", (way,)) for way in ways])
        assert found == ["0x" + NOBODY.hex()] * 3


@pytest.mark.parametrize("count", [1, 2, 249, 250, 251, 501, 1001])
def test_small_reads_lose_nothing(count: int) -> None:
    """The package drops the last call at some sizes; behind the guard none is missing."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = getter
        found = node.pin().read([Call(TOKEN, ABI, "same", (i,)) for i in range(count)])
        assert found == list(range(count))


def test_small_reads_survive_a_poisoned_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's global step, set so that its own loop would drop the last call."""
    import multicall.multicall

    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = getter
        monkeypatch.setattr(multicall.multicall.batcher, "step", 100)
        found = node.pin().read([Call(TOKEN, ABI, "same", (i,)) for i in range(97)])
        assert found == list(range(97))


def test_a_lost_key_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the package forgets, our own path answers."""
    import multicall.multicall

    honest = multicall.multicall.Multicall.coroutine

    async def forgetful(self: Any) -> dict[Any, Any]:
        found = await honest(self)
        return {key: value for key, value in found.items() if key != (3, 0)}

    monkeypatch.setattr(multicall.multicall.Multicall, "coroutine", forgetful)
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = getter
        found = node.pin().read([Call(TOKEN, ABI, "same", (i,)) for i in range(5)])
        assert found == [0, 1, 2, 3, 4]


def test_small_reads_where_overrides_are_refused() -> None:
    """The package always sends a state override; a node that refuses gets plain calls, for good."""

    def no_overrides(method: str, params: list[Any]) -> Reply | None:
        if method == "eth_call" and len(params) > 2:
            return Reply(error={"code": -32602, "message": "too many arguments, want at most 2"})
        return None

    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = getter
        chain.rules = [no_overrides]
        pinned = node.pin()
        assert pinned.read([Call(TOKEN, ABI, "same", (i,)) for i in range(9)]) == list(range(9))
        chain.asked = []
        assert pinned.read([Call(TOKEN, ABI, "pair", (1, 2))]) == [(1, "0x" + "00" * 19 + "02")]
        assert chain.count("eth_call") == 1


def test_small_reads_are_halved_too() -> None:
    """Out of gas in a chunk of 200: smaller chunks, same answers."""

    def small(method: str, params: list[Any]) -> Reply | None:
        if method == "eth_call" and len(params[0]["data"]) > 30_000:
            return Reply(error={"code": -32000, "message": "out of gas"})
        return None

    with FaultyNode() as chain, reach(chain.url) as node:
        chain.contract = getter
        chain.rules = [small]
        found = node.pin().read([Call(TOKEN, ABI, "same", (i,)) for i in range(200)])
        assert found == list(range(200))


def test_small_reads_at_another_block_are_refused() -> None:
    """The proof travels in each chunk of the package as well."""
    with FaultyNode() as chain, reach(chain.url) as node:
        execute = chain.execute
        chain.execute = lambda call, block: execute(call, block - 1)  # type: ignore[method-assign]
        with pytest.raises(ReadError, match="than that of block 900"):
            node.pin(900).read([Call(TOKEN, ABI, "same", (5,))])
