"""The exact search for integers of any size: neighbouring integers, limits, teeth of rounding."""

import numpy as np
import pytest

from scanner.core.exact import last_healthy_price

LONG, SHORT = -1, 1


def search(healthy, present, guess, step, limit):
    columns = [np.array(column, object) for column in (present, guess, limit)]
    return last_healthy_price(healthy, columns[0], columns[1], np.array(step, np.int64), columns[2])


@pytest.mark.parametrize("guess", [1, 17 * 10**36, 10**36, 2 * 10**36, 10**40])
def test_ends_between_neighbouring_integers_whatever_the_guess(guess):
    edge = 17 * 10**35 + 12_345
    price, found = search(lambda rows, p: p >= edge, [3 * 10**36], [guess], [LONG], [3 * 10**33])
    assert found.tolist() == [True]
    assert price.tolist() == [edge]


def test_a_rise_ends_at_the_last_healthy_integer_too():
    edges = np.array([10**20 + 7, 5 * 10**20], object)
    price, found = search(
        lambda rows, p: p <= edges[rows], [10**20] * 2, [10**20 + 9, 1], [SHORT] * 2, [10**23] * 2
    )
    assert found.all()
    assert price.tolist() == edges.tolist()


def test_healthy_to_the_limit_is_not_found():
    price, found = search(lambda rows, p: p > 0, [1000], [500], [LONG], [1])
    assert not found[0]
    assert price.tolist() == [1]


def test_a_tooth_of_rounding_before_the_edge_is_met_first():
    bad = {1_500_004}
    price, found = search(
        lambda rows, p: np.array([x >= 1_500_000 and x not in bad for x in p]),
        [2_000_000],
        [1_500_000],
        [LONG],
        [2_000],
    )
    assert found[0]
    assert price.tolist() == [1_500_005]


def test_random_edges_on_both_sides_are_all_found():
    rng = np.random.default_rng(5)
    present = np.array([10**27] * 400, object)
    step = np.where(rng.random(400) < 0.5, LONG, SHORT)
    factor = np.where(step == LONG, rng.uniform(0.01, 1, 400), rng.uniform(1, 50, 400))
    edges = np.array(
        [
            int(f * 1e9) * 10**18 + int(x)
            for f, x in zip(factor, rng.integers(0, 9**18, 400), strict=True)
        ],
        object,
    )
    edges = np.where(step == LONG, np.minimum(edges, present), np.maximum(edges, present))
    limit = np.where(step == LONG, present // 1000, present * 1000)
    guess = np.array(
        [int(e * f) for e, f in zip(edges, rng.uniform(0.999999, 1.000001, 400), strict=True)],
        object,
    )
    price, found = last_healthy_price(
        lambda rows, p: np.where(step[rows] == LONG, p >= edges[rows], p <= edges[rows]).astype(
            bool
        ),
        present,
        guess,
        step,
        limit,
    )
    assert found.all()
    assert (price == edges).all()


def test_nobody_is_asked_about_nobody():
    price, found = search(lambda rows, p: np.zeros(0, bool), [], [], [], [])
    assert len(price) == len(found) == 0
