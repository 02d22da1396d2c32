"""The fast columns against the slow model (slow_aave.py) on random books, every generation."""

import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest
from aave_books import COARSE, DUST, HUGE, NOW, REVISIONS, USUAL, Sample, of, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_aave import (
    RAY,
    WAD,
    Account,
    Asset,
    EMode,
    Pool,
    balances,
    data,
    first_unhealthy,
    healthy,
    line,
)

from scanner.core.price import HIGHEST, LOWEST
from scanner.protocols import _aave_edge, _aave_rules
from scanner.protocols._aave_trial import Trial

SIZES = {"dust": DUST, "coarse": COARSE, "usual": USUAL, "huge": HUGE}
FOG = 1e-7
seeds = st.integers(0, 2**40)
each_revision = pytest.mark.parametrize("revision", REVISIONS)
each_size = pytest.mark.parametrize("size", SIZES)


def number(wide: object, k: int) -> int:
    """One entry of a Wide column as an integer."""
    return int(wide.high[k]) * 2**30 + int(wide.low[k])  # type: ignore[attr-defined]


@each_size
@each_revision
@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_sums_and_health_factors(size: str, revision: int, seed: int) -> None:
    """Who has debt has a position; collateral, weighted collateral, debt and health to the unit."""
    one = sample(seed, revision, SIZES[size])
    indebted = [k for k, who in enumerate(one.people) if any(balances(one.pool, who)[1].values())]
    assert one.rows == indebted
    totals = one.book.totals()
    factors = _aave_rules.health_factors(one.book.rules, totals)
    fine = _aave_rules.healthy(one.book.rules, totals)
    for k, row in enumerate(one.rows):
        slow = data(one.pool, one.people[row])
        assert int(totals.collateral[k]) == slow.collateral
        assert number(totals.weighted, k) == slow.weighted
        assert int(totals.debt[k]) == slow.debt
        assert int(factors[k]) == slow.health
        assert bool(fine[k]) == (slow.health >= WAD)


@each_size
@each_revision
@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_sums_at_other_prices(size: str, revision: int, seed: int) -> None:
    """A trial at any answer of the feed gives the model's sums and verdict, in int64 and beyond."""
    one = sample(seed, revision, SIZES[size])
    follows = one.shock.follows[one.book.legs.token]
    everyone = np.unique(one.book.legs.position[follows])  # a trial is for those the shock moves
    if not len(everyone):
        return
    rng = random.Random(seed)
    inside = np.arange(len(everyone))
    for wide in (False, True):
        trial = Trial(one.book, everyone, one.shock, wide=wide)
        ceiling = 6 if wide else 1.2  # int64 is for what stays below 2**61
        for _ in range(6):
            feeds = [max(1, int(one.present * rng.uniform(0.001, ceiling))) for _ in everyone]
            totals = trial.totals(inside, np.array(feeds, np.int64))
            fine = _aave_rules.healthy(one.book.rules, totals)
            for k, position in enumerate(everyone):
                slow = data(one.pool, one.people[one.rows[position]], feeds[k])
                assert int(totals.collateral[k]) == slow.collateral
                assert number(totals.weighted, k) == slow.weighted
                assert int(totals.debt[k]) == slow.debt
                assert bool(fine[k]) == (slow.health >= WAD)


def check(one: Sample, look: Callable[[Account, int, int, int], None]) -> int:
    """Every position against the model, in what holds at any size; how many have a price.

    The side is where the straight line falls, and none where it is level or leaves 0.001 to 1,000
    times the price. `look` then judges the way from the present price to p*.
    """
    edges = _aave_edge.edges(one.book, one.shock)
    found = 0
    for k, row in enumerate(one.rows):
        who, side, raw = one.people[row], int(edges.side[k]), int(edges.raw[k])
        straight = line(one.pool, who)
        if not healthy(one.pool, who, one.present) or abs(straight.drift) <= 1e-12:
            assert side == 0
            continue
        step = -1 if straight.drift > 0 else 1
        if side == 0:
            look(who, step, 0, one.present)
            continue
        assert side == -step
        assert healthy(one.pool, who, raw)
        assert not healthy(one.pool, who, raw + step)
        assert edges.ratio[k] == raw / one.present
        look(who, step, raw, raw + step)
        found += 1
    return found


def unreachable(one: Sample, who: Account, step: int) -> bool:
    """Whether no straight edge lies that way, a little inside the limits."""
    near = [r for r in line(one.pool, who).edges(one.pool.revision) if (r - 1) * step >= 0]
    return all(r < LOWEST * 1.01 or r > HIGHEST * 0.99 for r in near)


@each_revision
@given(seed=seeds)
@settings(max_examples=40, deadline=None)
def test_the_first_crossing_unit_by_unit(revision: int, seed: int) -> None:
    """Feeds of a few hundred units: p* is where an exhaustive walk first meets liquidation."""
    one = sample(seed, revision, COARSE)

    def look(who: Account, step: int, raw: int, beyond: int) -> None:
        last = 1 if step < 0 else 3 * one.present
        last = last if not raw else beyond
        first = first_unhealthy(one.pool, who, one.present, step, last)
        if raw:
            assert first == beyond
        else:
            assert first is None or unreachable(one, who, step)

    check(one, look)


@each_revision
@pytest.mark.parametrize("size", ["usual", "huge"])
@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_the_edge_of_real_sizes(size: str, revision: int, seed: int) -> None:
    """Up to billions of dollars: healthy at p*, not one unit on, healthy at all spots before it.

    In the last ten millionth of the price, where rounding decides, the first of several crossings
    need not be the one found.
    """
    one, rng = sample(seed, revision, SIZES[size]), random.Random(seed)

    def look(who: Account, step: int, raw: int, beyond: int) -> None:
        if not raw:
            last = int(one.present * (LOWEST if step < 0 else HIGHEST))
            assert healthy(one.pool, who, last) or unreachable(one, who, step)
            return
        way = abs(raw - one.present)
        spots = {round(way * rng.random()) for _ in range(60)} | {*range(min(way, 40))}
        spots |= {way - k for k in range(min(way, 40))}
        clear = (d for d in spots if way - d > FOG * raw)
        assert all(healthy(one.pool, who, one.present + step * d) for d in clear)

    check(one, look)


@each_revision
@given(seed=seeds)
@settings(max_examples=40, deadline=None)
def test_dust_turns_at_its_price_too(revision: int, seed: int) -> None:
    """A hundredth of a cent and less, where rounding decides: still healthy at p*, not one on."""
    check(sample(seed, revision, DUST), lambda *_: None)


def test_the_samples_have_prices() -> None:
    """The random books are no empty ground: edges on both sides, in each generation and size."""
    for revision in REVISIONS:
        for size in SIZES:
            sides = []
            for seed in range(12):
                one = sample(seed, revision, SIZES[size])
                sides += _aave_edge.edges(one.book, one.shock).side.tolist()
            assert sides.count(1) >= 4, (revision, size)
            assert sides.count(-1) >= 2, (revision, size)


def saw(revision: int, falling: int, still: int, debt: int, present: int = 1_000) -> Sample:
    """A weak collateral that falls (0.60) beside a strong one that stands still (0.90).

    As the weak one loses, the average threshold rises; cut to basis points it does so in jumps.
    """
    assets = {
        0: Asset(0, 0, present, 6_000, RAY, RAY, follows=(1, 1)),
        1: Asset(1, 0, 1, 9_000, RAY, RAY),
        2: Asset(2, 0, 1, 0, RAY, RAY),
    }
    pool = Pool(revision, NOW, assets, {})
    return of(pool, [Account(0, {0: falling, 1: still}, {2: debt})], present)


@pytest.mark.parametrize("revision", [1, 5, 8])
def test_of_several_crossings_the_first_counts(revision: int) -> None:
    """Debts between 902,000 and 903,000: some are liquidatable, healthy and liquidatable again on
    the way down, and p* is the first of these edges."""
    several = 0
    for debt in range(902_000, 903_000, 25):
        one = saw(revision, 50, 1_000_000, debt)
        verdicts = [healthy(one.pool, one.people[0], p) for p in range(1_000, 0, -1)]
        crossings = sum(a != b for a, b in itertools.pairwise(verdicts))
        several += crossings > 1
        edges = _aave_edge.edges(one.book, one.shock)
        if verdicts[0] and crossings:
            assert int(edges.raw[0]) == 1_001 - verdicts.index(False)
    assert several >= 10


def test_without_the_cut_there_is_one_crossing() -> None:
    """From v3.5 on the average is not cut: the same book has one edge, at the closed form."""
    one = saw(9, 50, 1_000_000, 902_000)
    # 50 * p * 0.6 + 900,000 >= 902,000: p >= 66.67
    assert int(_aave_edge.edges(one.book, one.shock).raw[0]) == 67


def test_loops_on_one_feed_have_no_price() -> None:
    """Collateral and debt that move alike never cross, at whatever health: no price from noise."""
    for revision in REVISIONS:
        assets = {
            0: Asset(0, 18, 235_000_000_000 * 12 // 10, 9_500, RAY, RAY, follows=(12, 10)),
            1: Asset(1, 18, 235_000_000_000, 8_300, RAY, RAY, follows=(1, 1)),
        }
        pool = Pool(revision, NOW, assets, {})
        whole = 10**18
        # 100 * 1.2 * 0.95 = 114 against exactly as much
        one = of(pool, [Account(0, {0: 100 * whole}, {1: 114 * whole})], 235_000_000_000)
        assert _aave_edge.edges(one.book, one.shock).side.tolist() == [0]


def test_an_account_that_needs_a_missing_price_is_unknown() -> None:
    """One reserve without a price: who flags it and owes anything is unknown, with all its debts;
    who owes nothing, or does not flag it, is not."""
    assets = {
        3: Asset(3, 6, 10**8, 8_000, RAY, RAY),
        9: Asset(9, 6, 0, 8_000, RAY, RAY),
        5: Asset(5, 6, 10**8, 8_000, RAY, 2 * RAY),
    }
    people = [
        Account(0, {9: 5}, {5: 7}),  # its collateral has no price
        Account(0, {3: 50}, {9: 8, 5: 1}),  # one of its debts has none
        Account(0, {3: 50}, {5: 10}),
        Account(0, {9: 5}, {}),  # no debt
        Account(0, {3: 50, 9: 0}, {5: 11}),  # flagged, though nothing is in it: the pool asks
    ]
    one = of(Pool(10, NOW, assets, {}), people, 10**8)
    assert one.rows == [2]
    unknown = one.book.unknown
    assert [int(address[-1]) for address in unknown.accounts] == [0, 1, 4]
    assert [one.market.reserves.symbol[k] for k in unknown.blame] == ["T9"] * 3
    debts = {
        (int(unknown.accounts[a][-1]), one.market.reserves.symbol[t]): int(raw)
        for a, t, raw in zip(unknown.account, unknown.token, unknown.amount, strict=True)
    }
    assert debts == {(0, "T5"): 14, (1, "T9"): 8, (1, "T5"): 2, (4, "T5"): 22}


@pytest.mark.parametrize(("revision", "counted"), [(1, 0), (9, 0), (10, 1_000)])
def test_a_threshold_of_zero_inside_an_e_mode(revision: int, counted: int) -> None:
    """Up to v3.5 it is no collateral even where the e-mode has a threshold; from v3.6 it is."""
    assets = {
        0: Asset(0, 0, 1, 0, RAY, RAY, category=1),
        1: Asset(1, 0, 1, 8_000, RAY, RAY),
    }
    pool = Pool(revision, NOW, assets, {1: EMode(9_000, frozenset({0}))})
    one = of(pool, [Account(1, {0: 1_000, 1: 500}, {1: 100})], 1)
    assert int(one.book.totals().collateral[0]) == 500 + counted
    slow = data(pool, one.people[0])
    assert slow.collateral == 500 + counted
    assert int(_aave_rules.health_factors(one.book.rules, one.book.totals())[0]) == slow.health


def test_size_of_the_object_path() -> None:
    """The huge sample does leave int64: a rise of 1,000 times of nine billion dollars."""
    one = sample(1, 10, HUGE, accounts=40)
    gross = np.add.reduceat(one.book.base.astype(float), one.book.starts[:-1])
    assert (gross * HIGHEST >= _aave_edge.LARGEST_RESULT).mean() > 0.9
