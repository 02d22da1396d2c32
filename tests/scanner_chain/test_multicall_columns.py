"""aggregate3 written and read by columns, against eth_abi."""

import numpy as np
import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from scanner.chain.abi import Abi, load, pack
from scanner.chain.multicall3 import call_data, mixed, results, tuples
from scanner.chain.values import Untrue

ANSWERS = st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=12)
CALLS = st.lists(
    st.tuples(st.binary(min_size=20, max_size=20), st.binary(max_size=100)), max_size=12
)


@given(CALLS)
def test_mixed_calls_are_encoded_as_the_standard_says(calls: list[tuple[bytes, bytes]]) -> None:
    """Targets and data of any length come out as eth_abi would write them."""
    wanted = encode(["(address,bool,bytes)[]"], [[(t, True, data) for t, data in calls]])
    assert call_data(*mixed(calls)) == load("multicall3").selector("aggregate3") + wanted


@given(st.integers(1, 9), st.integers(0, 70))
def test_columns_are_encoded_as_the_standard_says(count: int, length: int) -> None:
    """The same for calls of one length, given as a matrix."""
    random = np.random.default_rng(count * 100 + length)
    targets = random.integers(0, 256, (count, 20), dtype=np.uint8)
    calls = random.integers(0, 256, (count, length), dtype=np.uint8)
    rows = tuples(targets, calls)
    found = call_data(rows.tobytes(), np.full(count, rows.shape[1], np.int64))
    (told,) = decode(["(address,bool,bytes)[]"], found[4:])
    assert [bytes.fromhex(target[2:]) for target, _, _ in told] == [bytes(t) for t in targets]
    assert [data for _, _, data in told] == [bytes(call) for call in calls]
    assert all(allowed for _, allowed, _ in told)


@given(ANSWERS)
def test_answers_of_mixed_length_are_read_back(answers: list[tuple[bool, bytes]]) -> None:
    """What Solidity returns comes out flag by flag, byte by byte."""
    found = results(encode(["(bool,bytes)[]"], [answers]), len(answers))
    assert found.ok.tolist() == [ok for ok, _ in answers]
    assert [found.data(i) for i in range(len(answers))] == [data for _, data in answers]
    good, values = found.columns(2)
    for i, (ok, data) in enumerate(answers):
        assert good[i] == (ok and len(data) >= 64)
        assert values[i].tobytes() == (data[:64] if good[i] else bytes(64))


@given(ANSWERS, st.data())
def test_a_damaged_answer_is_refused_or_says_the_same(
    answers: list[tuple[bool, bytes]], draw: st.DataObject
) -> None:
    """One byte changed anywhere: refused, or every call still has its own words."""
    whole = bytearray(encode(["(bool,bytes)[]"], [answers]))
    at = draw.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= draw.draw(st.integers(1, 255))
    try:
        found = results(bytes(whole), len(answers))
    except Untrue:
        return
    honest = results(encode(["(bool,bytes)[]"], [answers]), len(answers))
    assert found.start.tolist() == honest.start.tolist()
    assert (-(-found.length // 32)).tolist() == (-(-honest.length // 32)).tolist()


def test_an_answer_that_claims_its_neighbours_words_is_refused() -> None:
    """Two answers of one word; the first says it has two: the second's skeleton is not its own."""
    whole = bytearray(encode(["(bool,bytes)[]"], [[(True, bytes(32)), (True, bytes(32))]]))
    length_of_first = 32 * (2 + 2 + 2)  # offset, count, two heads; flag, offset
    assert whole[length_of_first + 31] == 32
    whole[length_of_first + 31] = 64
    with pytest.raises(Untrue, match="does not add up"):
        results(bytes(whole), 2)


@given(ANSWERS, st.integers(1, 400))
def test_a_cut_answer_is_refused(answers: list[tuple[bool, bytes]], cut: int) -> None:
    """A shortened answer is a fault, never zeros."""
    whole = encode(["(bool,bytes)[]"], [answers])
    with pytest.raises(Untrue):
        results(whole[: max(0, len(whole) - cut)], len(answers))


@pytest.mark.parametrize("count", [1, 3])
def test_an_answer_for_another_number_of_calls_is_refused(count: int) -> None:
    """Two answers for one or three calls are nobody's answers."""
    with pytest.raises(Untrue):
        results(encode(["(bool,bytes)[]"], [[(True, b"a"), (True, b"b")]]), count)


def test_pack_makes_call_data() -> None:
    """Addresses are padded to the left, numbers are unsigned words, scalars go to every row."""
    borrowers = np.arange(40, dtype=np.uint8).reshape(2, 20)
    reserves = np.array([3, 2**40])
    rows = pack(b"abcd", borrowers, reserves, 7, np.full(20, 9, np.uint8))
    for i in range(2):
        types = ["address", "uint256", "uint256", "address"]
        values = [bytes(borrowers[i]), int(reserves[i]), 7, b"\x09" * 20]
        assert bytes(rows[i]) == b"abcd" + encode(types, values)
    with pytest.raises(ValueError, match="negative"):
        pack(b"abcd", np.array([-1]))


def test_selectors_and_topics_are_computed() -> None:
    """Well-known values: aggregate3 0x82ad56cb, Transfer 0xddf252ad..., structs as tuples."""
    assert load("multicall3").selector("aggregate3").hex() == "82ad56cb"
    assert load("multicall3").signature("aggregate3") == "aggregate3((address,bool,bytes)[])"
    inputs = [{"type": "address"}, {"type": "address"}, {"type": "uint256"}]
    event = {"type": "event", "name": "Transfer", "inputs": inputs}
    twice = [{"type": "function", "name": "f", "inputs": inputs[:n]} for n in (1, 2)]
    token = Abi("token", [event, *twice])
    assert token.topic("Transfer").hex().startswith("ddf252ad1be2c89b")
    assert token.signature("f(address)") == "f(address)"
    with pytest.raises(KeyError, match="overloaded"):
        token.selector("f")
    with pytest.raises(KeyError, match="not in abis/token"):
        token.selector("g")
