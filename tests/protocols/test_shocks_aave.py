"""Aave under shocks that move prices apart, and under bent prices: random books against the slow
model, in every generation, in dollars and in ether."""

import random
from dataclasses import dataclass, replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aave_books import COARSE, HUGE, REVISIONS, USUAL, Sample, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import Way, random_ways, spelled, spots
from slow_aave import WAD, Account, Asset, Pool, data, healthy

from scanner.core.positions import Feed
from scanner.core.shocks import Shock
from scanner.protocols import _aave_edge, _aave_v2_survey
from scanner.protocols._drivers import Following, shock_of

seeds = st.integers(0, 2**40)
KINDS = ("driver", "market", "weighted")
STILL = Way(Fraction(0))


@dataclass(frozen=True)
class Moved(Asset):
    """An asset of the slow model that moves along a way; in ether, against ether's own."""

    way: Way = STILL
    present: int = 1
    ether: Way | None = None

    def price_at(self, feed: int | None) -> int:
        if feed is None:
            return self.price
        if self.ether is None:
            return self.way.price(self.price, feed, self.present)
        ratio = Fraction(feed, self.present)
        moved = self.price * self.way.factor(ratio, self.price, self.present)
        # Where ether is worth nothing it is taken for a unit of its root.
        least = Fraction(1, self.present * self.ether.weight.denominator)
        exact = moved / max(self.ether.factor(ratio), least)
        return exact.numerator // exact.denominator


@dataclass(frozen=True)
class Case:
    """A sample, the shock that it is under, and the slow model's pool that moves so."""

    one: Sample
    shock: Shock
    pool: Pool
    ways: list[Way]

    def person(self, position: int) -> Account:
        return self.one.people[self.one.rows[position]]


def case(seed: int, revision: int, size: Any, kind: str, *, ether: bool = False) -> Case | None:
    """One random book under one random shock; None where the shock moves nothing."""
    rng = random.Random(f"{seed} {revision} {kind}")
    one = sample(seed, revision, size, accounts=4)
    reserves = one.market.reserves
    ways = random_ways(rng, len(reserves), kind)
    kind_, name, drivers = spelled(ways, kind)
    present = one.present if kind == "driver" else 10**9
    following = [
        Following(driver, "test", bytes(20), present, 10**8, "", (1, 1), way.curve)
        for driver, way in zip(drivers, ways, strict=True)
    ]
    base = None
    if ether:
        weights = [way.weight for way in ways] + [Fraction(0)]
        base = Way(Fraction(1) if kind == "market" else rng.choice(weights))
        shock = ether_shock(one, following, kind_, name, present, base)
    else:
        shock = shock_of(
            kind_, name, reserves.symbol, reserves.source, reserves.price, 10**8, following
        )
    if shock is None:
        return None
    assert shock.present == present
    assets = {
        number: Moved(**vars(replace(asset, follows=None)), way=way, present=present, ether=base)
        for (number, asset), way in zip(one.pool.assets.items(), ways, strict=True)
    }
    return Case(one, shock, replace(one.pool, assets=assets), ways)


def ether_shock(
    one: Sample, following: list[Following], kind: str, name: str, present: int, base: Way
) -> Shock | None:
    """The shock of a market that quotes in ether, which itself moves along `base`."""
    feed = Feed(bytes(20), "", 10**8, present)
    if kind == "shock":
        name = f"{name},ETH={float(base.weight)}"
    elif kind == "driver" and base.weight:
        following = [replace(f, driver="ETH" if f.driver else None) for f in following]
        name = "ETH"
    market = SimpleNamespace(
        reserves=one.market.reserves,
        following=following,
        spots={"X": feed, "ETH": feed},
        dollar=1e8,
        in_ether=True,
    )
    legs = one.book.legs
    return _aave_v2_survey._ether_shock(market, kind, name, legs.token, legs.value)  # type: ignore[arg-type]


def check(case: Case, seed: int) -> int:
    """Every position: healthy at p*, not one unit on, and nowhere nearer clearly liquidatable."""
    rng, shock = random.Random(seed), case.shock
    edges = _aave_edge.edges(case.one.book, shock)
    low, high = shock.reach
    looks = spots(rng, shock.present, low, min(high, 2**53 - 1), case.ways)
    found = 0
    for k in range(len(case.one.rows)):
        who, side, raw = case.person(k), int(edges.side[k]), int(edges.raw[k])
        if not healthy(case.pool, who, shock.present):
            assert side == 0
            continue
        if side:
            assert healthy(case.pool, who, raw)
            assert not healthy(case.pool, who, raw - side)
            assert (raw <= shock.present) if side > 0 else (raw >= shock.present)
            assert edges.ratio[k] == raw / shock.present
            found += 1
        nearer = [p for p in looks if not side or inside(p, raw, shock.present)]
        for place in nearer:
            assert data(case.pool, who, place).health / WAD >= 1 - rounding(case.pool, place)
    return found


def rounding(pool: Pool, place: int) -> float:
    """How far from 1 a health factor may be by rounding: of prices of few units, and of sums."""
    prices = [asset.price_at(place) for asset in pool.assets.values()]
    return 1e-6 + sum(2 / max(price, 1) for price in prices)


def inside(place: int, raw: int, present: int) -> bool:
    """Whether a place is nearer to the present than p*, be it a fall or a rise, by a thousandth."""
    far = max(raw / present, present / raw)
    return max(place / present, present / place) < 1 + (far - 1) * 0.999


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("revision", REVISIONS)
@given(seed=seeds)
@settings(max_examples=8, deadline=None, derandomize=True)
def test_the_edge_under_any_shock(revision: int, kind: str, seed: int) -> None:
    one = case(seed, revision, USUAL, kind)
    if one is not None:
        check(one, seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("revision", [1, 8, 11])
@given(seed=seeds)
@settings(max_examples=4, deadline=None, derandomize=True)
def test_positions_of_billions(revision: int, kind: str, seed: int) -> None:
    one = case(seed, revision, HUGE, kind)
    if one is not None:
        check(one, seed)


@pytest.mark.parametrize("revision", REVISIONS)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_bent_prices_unit_by_unit(revision: int, seed: int) -> None:
    """Feeds of a few hundred units: an exhaustive walk both ways meets liquidation first at p*."""
    one = case(seed, revision, COARSE, "driver")
    if one is None:
        return
    shock = one.shock
    edges = _aave_edge.edges(one.one.book, shock)
    for k in range(len(one.one.rows)):
        who, side, raw = one.person(k), int(edges.side[k]), int(edges.raw[k])
        if not healthy(one.pool, who, shock.present) or not side:
            continue
        for answer in range(shock.present, raw - side, -side):
            if answer != raw - side:
                assert healthy(one.pool, who, answer)
        assert not healthy(one.pool, who, raw - side)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_market_that_quotes_in_ether(kind: str, seed: int) -> None:
    """Prices are what the token has become over what ether has become."""
    one = case(seed, 1, USUAL, kind, ether=True)
    if one is not None:
        check(one, seed)


def test_the_samples_have_edges_of_both_sides() -> None:
    for kind in KINDS:
        sides: list[int] = []
        for seed in range(40):
            one = case(seed, 10, USUAL, kind)
            if one is not None:
                sides += _aave_edge.edges(one.one.book, one.shock).side.tolist()
        assert sides.count(1) >= 15
        assert sides.count(-1) >= 5


@pytest.mark.parametrize("revision", [10, 11])
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_put_back_at_its_price_a_health_factor_is_one(revision: int, seed: int) -> None:
    """Where the rule does not cut, HF = 1 within 1e-9 at p*, besides what one unit of it moves."""
    for kind in KINDS:
        one = case(seed, revision, USUAL, kind)
        if one is None:
            continue
        edges = _aave_edge.edges(one.one.book, one.shock)
        for k in np.flatnonzero(edges.side).tolist():
            who, raw = one.person(k), int(edges.raw[k])
            here = data(one.pool, who, raw)
            beyond = data(one.pool, who, raw - int(edges.side[k]))
            unit = (here.health - beyond.health) / WAD
            rounding = 20 / max(min(here.debt, beyond.debt), 1)  # a unit of each leg's value
            assert 0 <= here.health / WAD - 1 <= 1e-9 + unit + rounding
