"""The search for the last healthy integer, on verdicts that are written down in a table."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.core.search import Judge, last_healthy


def judge(tables: Sequence[Sequence[bool]]) -> Judge:
    """Row k is healthy at price p where tables[k][p]; sure only where every price between is."""
    table = np.array(tables, np.bool_)

    def at(rows: np.ndarray, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert (prices >= 1).all()
        return table[rows, prices], prices.astype(float)[:, None]

    def sure(rows: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
        pairs = zip(rows, here[:, 0].astype(int), there[:, 0].astype(int), strict=True)
        return np.array([table[k, min(a, b) : max(a, b) + 1].all() for k, a, b in pairs], bool)

    return Judge(at, sure)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[bool]], int, list[int], int]:
    """Verdicts with a few runs of either kind; a present price at which all are healthy."""
    size = draw(st.integers(20, 3_000))
    present = draw(st.integers(2, size - 2))
    rng = random.Random(draw(st.integers(0, 2**32)))
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        row = [True] * size
        for _ in range(rng.randint(0, 4)):
            begin = rng.randrange(size)
            for price in range(begin, min(size, begin + rng.choice([1, 1, 2, 40, size]))):
                row[price] = False
        row[present] = True
        rows.append(row)
    steps = [rng.choice([-1, 1]) for _ in rows]
    return rows, present, steps, rng.randrange(2**32)


@given(tables())
@settings(max_examples=200, deadline=None)
def test_it_ends_before_the_first_liquidatable_price(
    case: tuple[list[list[bool]], int, list[int], int],
) -> None:
    """Whatever the guesses are: the price before the first False that way, or the limit."""
    rows, present, steps, seed = case
    rng = random.Random(seed)
    size = len(rows[0])
    limits = [1 if step < 0 else size - 1 for step in steps]
    guesses = [[rng.randrange(1, size) for _ in rows] for _ in range(2)]
    price, found = last_healthy(
        judge(rows),
        np.full(len(rows), present),
        *(np.array(guess) for guess in guesses),
        np.array(steps),
        np.array(limits),
    )
    for k, (row, step, limit) in enumerate(zip(rows, steps, limits, strict=True)):
        way = range(present, limit + step, step)
        first = next((p for p in way if not row[p]), None)
        assert bool(found[k]) == (first is not None)
        assert int(price[k]) == (limit if first is None else first - step)


def test_a_price_too_far_away_is_none() -> None:
    """Liquidatable beyond the limit only: healthy at the limit, and said to be not found."""
    row = [False] * 10 + [True] * 90
    one = (np.array([60]), np.array([30]), np.array([20]), np.array([-1]), np.array([15]))
    price, found = last_healthy(judge([row]), *one)
    assert (price.tolist(), found.tolist()) == ([15], [False])
    price, found = last_healthy(judge([row]), *one[:4], np.array([9]))
    assert (price.tolist(), found.tolist()) == ([10], [True])


def test_the_next_unit() -> None:
    """Liquidatable at the very next price, on either side."""
    row = [False] * 5 + [True] + [False] * 5
    present = np.array([5, 5])
    price, found = last_healthy(
        judge([row, row]), present, present, present, np.array([-1, 1]), np.array([1, 10])
    )
    assert (price.tolist(), found.tolist()) == ([5, 5], [True, True])


def test_who_is_liquidatable_already_is_refused() -> None:
    """A present price that is not healthy is the caller's mistake, and said so."""
    one = np.array([3])
    with pytest.raises(ValueError, match="healthy at its present price"):
        last_healthy(judge([[False] * 9]), one, one, one, np.array([-1]), np.array([1]))


def test_nobody() -> None:
    """No positions, no prices."""
    none = np.zeros(0, np.int64)
    price, found = last_healthy(judge(np.zeros((0, 9), bool).tolist() or [[True]]), *[none] * 5)
    assert (len(price), len(found)) == (0, 0)
