"""Exact column arithmetic against Python integers, up to the limits it states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.core import integers
from scanner.core.integers import LARGEST_FACTOR, LARGEST_RESULT, Wide

WORD = st.integers(0, 2**256 - 1)


@st.composite
def divisions(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """(whole, rest, unit, factor) whose quotient stays below 2**61."""
    unit = draw(st.sampled_from([1, 10, 10**6, 10**8, 10**18]) | st.integers(1, 10**18))
    factor = draw(st.integers(0, LARGEST_FACTOR) | st.integers(0, 10**6))
    rest = draw(st.integers(0, unit - 1) | st.just(unit - 1))
    whole = draw(st.integers(0, max(0, (LARGEST_RESULT - 1) // max(factor, 1) - 1)))
    return whole, rest, unit, factor


@given(rows=st.lists(divisions(), min_size=1, max_size=30), up=st.booleans())
@settings(max_examples=200)
def test_products_are_divided_exactly(rows: list[tuple[int, int, int, int]], up: bool) -> None:
    """(whole * unit + rest) * factor / unit, down or up, in int64 and in Python integers."""
    expected = []
    for whole, rest, unit, factor in rows:
        product = (whole * unit + rest) * factor
        expected.append(-(-product // unit) if up else product // unit)
    for kind in (np.int64, object):
        columns = [np.array(column, kind) for column in zip(*rows, strict=True)]
        assert integers.mul_div(*columns, ceil=up).tolist() == expected


def test_rounding_may_differ_by_row() -> None:
    """1.5 tokens of 2 units at 1: one down, two up; exact ones stay."""
    whole, rest, unit, factor = (np.array(c) for c in ([1, 1, 2], [1, 1, 0], [2, 2, 2], [1, 1, 1]))
    ceil = np.array([False, True, True])
    assert integers.mul_div(whole, rest, unit, factor, ceil=ceil).tolist() == [1, 2, 2]


@given(rows=st.lists(st.tuples(st.integers(0, 2**62 - 1), st.integers(0, 2**20 - 1)), min_size=2))
def test_wide_products_and_sums(rows: list[tuple[int, int]]) -> None:
    """Sums of products of 82 bits, compared and turned to floats, are those of Python."""
    value, factor = (np.array(column) for column in zip(*rows, strict=True))
    wide = Wide.product(value, factor)
    numbers = [a * b for a, b in rows]
    starts = np.array([0, len(rows) // 2])
    if starts[1] > 0:
        totals = wide.sums(starts)
        expected = [sum(numbers[: starts[1]]), sum(numbers[starts[1] :])]
        assert [int(h) * 2**30 + int(w) for h, w in zip(totals.high, totals.low, strict=True)] == (
            expected
        )
    other = wide[::-1]
    difference = (wide - other).nonnegative().tolist()
    assert difference == [a >= b for a, b in zip(numbers, numbers[::-1], strict=True)]
    assert np.allclose(wide.to_float(), [float(n) for n in numbers], rtol=4e-16, atol=0)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2**61), st.integers(0, 2**20 - 2), st.integers(-2, 2)),
        min_size=1,
    )
)
@settings(max_examples=300)
def test_quotients_near_their_steps(rows: list[tuple[int, int, int]]) -> None:
    """A quotient that is just above or below a whole number is never off by one."""
    divisors = np.array([divisor for divisor, _, _ in rows])
    numbers = [max(0, divisor * quotient + aside) for divisor, quotient, aside in rows]
    wide = Wide(np.array([n >> 30 for n in numbers]), np.array([n & (2**30 - 1) for n in numbers]))
    expected = [n // d if d else 0 for n, d in zip(numbers, divisors.tolist(), strict=True)]
    fits = np.array([q < 2**20 for q in expected])
    assert (wide.quotient(divisors)[fits] == np.array(expected)[fits]).all()


@given(st.lists(WORD, min_size=1, max_size=40))
def test_words(numbers: list[int]) -> None:
    """Big-endian words of 32 bytes are read, and summed beyond 256 bits."""
    words = np.frombuffer(b"".join(n.to_bytes(32, "big") for n in numbers), np.uint8)
    words = words.reshape(-1, 32)
    assert integers.from_words(words).tolist() == numbers
    assert integers.sum_words(words) == sum(numbers)


def test_no_words() -> None:
    """Of nothing there are no numbers, and their sum is 0."""
    none = np.zeros((0, 32), np.uint8)
    assert integers.from_words(none).tolist() == []
    assert integers.sum_words(none) == 0


@pytest.mark.parametrize("number", [0, 1, 2**63, 2**64 - 1, 2**64, 2**128, 2**255, 2**256 - 1])
def test_one_word_alone(number: int) -> None:
    """Each limb counts, also where the others of the column are zero."""
    word = np.frombuffer(number.to_bytes(32, "big"), np.uint8).reshape(1, 32)
    assert integers.from_words(word).tolist() == [number]
