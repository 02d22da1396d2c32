"""Compound v2 and v3 under shocks that move prices apart, and under bent prices: random books
against verdicts in fractions and Python integers, in dollars and in a token of the market."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import Way, random_ways, spelled, spots

from scanner.core.legs import Legs
from scanner.core.positions import Feed, Token
from scanner.core.shocks import Shock
from scanner.protocols import _comet_rules, _compound_rules
from scanner.protocols._quotes import Quotes
from scanner.protocols._sum_book import SumBook, edges, worth_of

seeds = st.integers(0, 2**40)
KINDS = ("driver", "market", "weighted")
PROTOCOLS = ("compound_v2", "compound_v3")
TOKENS, ACCOUNTS = 4, 6
WAD = 10**18


@dataclass(frozen=True)
class Leg:
    """A leg of an account: what it is worth at an oracle price, debts negative."""

    token: int
    debt: bool
    worth: Callable[[int], int]


@dataclass(frozen=True)
class Case:
    """A book under a shock, with all legs of each account in plain integers."""

    book: SumBook
    shock: Shock
    ways: list[Way]
    people: list[list[Leg]]
    base: int | None

    def price(self, token: int, axis: int) -> int:
        """The oracle's, where the axis is there."""
        now, present = self.book.quotes.prices[token], self.shock.present
        if self.base is None:
            return self.ways[token].price(now, axis, present)
        ratio = Fraction(axis, present)
        base = self.ways[self.base].factor(ratio, self.book.quotes.prices[self.base], present)
        base = max(base, Fraction(1, present * self.ways[self.base].weight.denominator))
        exact = now * self.ways[token].factor(ratio, now, present) / base
        return exact.numerator // exact.denominator

    def margin(self, position: int, axis: int) -> tuple[int, int]:
        """Collateral minus debt, and their sum, as the contract counts."""
        values = [leg.worth(self.price(leg.token, axis)) for leg in self.people[position]]
        return sum(values), sum(map(abs, values))


def case(seed: int, protocol: str, kind: str, *, quoted: bool = False) -> Case | None:
    """One random book under one random shock; None where the shock moves nothing."""
    rng = random.Random(f"{seed} {protocol} {kind} {quoted}")
    ways = random_ways(rng, TOKENS, kind)
    base = TOKENS - 1 if quoted else None
    if base is not None and (ways[base].line or not 0 <= ways[base].weight <= 1):
        ways[base] = Way(rng.choice([Fraction(0), Fraction(1)]))
    kind_, name, drivers = spelled(ways, kind)
    unit = 10**8 if protocol == "compound_v3" else WAD
    scales = [10 ** rng.choice([6, 8, 18]) for _ in range(TOKENS)]
    usd = [10 ** rng.uniform(-1, 4) for _ in range(TOKENS)]
    over = usd[base] if base is not None else 1.0
    # Compound v2 counts prices of one unit in 1e18, times 1e18 / the token's unit.
    oracle = [unit if protocol == "compound_v3" else unit * WAD // scale for scale in scales]
    prices = [max(int(price / over * o), 1) for price, o in zip(usd, oracle, strict=True)]
    if base is not None:
        prices[base] = oracle[base]
    present = 10**9 if kind != "driver" else rng.randrange(10**9, 10**12)
    feed = Feed(bytes(20), "", 10**8, present)
    tokens = tuple(
        Token(bytes([k]) * 20, f"T{k}", scales[k], usd[k], drivers[k], "test", curve=ways[k].curve)
        for k in range(TOKENS)
    )
    own = Feed(bytes(20), "", 10**8, present)
    quotes = Quotes(tokens, tuple(prices), (own,) * TOKENS, {"X": feed}, base)
    book, people = random_book(rng, protocol, quotes, scales)
    shock = quotes.shock(kind_, name, np.ones(TOKENS))
    if shock is None:
        return None
    return Case(book, shock, ways, people, base)


def random_book(
    rng: random.Random, protocol: str, quotes: Quotes, scales: list[int]
) -> tuple[SumBook, list[list[Leg]]]:
    """Accounts of some collaterals and debts, mostly healthy."""
    rows: list[tuple[int, int, bool, int, int]] = []
    for who in range(ACCOUNTS):
        held = rng.sample(range(TOKENS), rng.randint(1, TOKENS))
        owed = rng.sample(range(TOKENS), 1 if protocol == "compound_v3" else rng.randint(1, 2))
        value = 10 ** rng.uniform(1, 7)
        power = 0.0
        for token in sorted(held):
            factor = rng.choice([5 * 10**17, 75 * 10**16, 8 * 10**17, 9 * 10**17])
            dollars = value * rng.random()
            power += dollars * factor / WAD
            raw = int(dollars / quotes.tokens[token].price * scales[token])
            rows.append((who, token, False, max(raw, 1), factor))
        health = rng.choice([0.9, 1.0, 1.001, 1 + rng.random(), 3.0])
        for token in sorted(owed):
            dollars = power / health / len(owed)
            raw = int(dollars / quotes.tokens[token].price * scales[token])
            rows.append((who, token, True, max(raw, 1), WAD))
    position, token, debt = (np.array([row[k] for row in rows]) for k in range(3))
    raw, factor = (np.array([row[k] for row in rows], object) for k in (3, 4))
    scale = np.array([scales[t] for t in token], object)
    amount = raw.astype(np.float64) / scale.astype(np.float64)
    usd = np.array([quotes.tokens[t].price for t in token])
    weight = (factor / WAD).astype(np.float64)
    legs = Legs(
        ACCOUNTS, position, token.astype(np.int32), debt.astype(np.bool_), amount, amount * usd,
        weight,
    )  # fmt: skip
    if protocol == "compound_v3":

        def held_worth(rows, prices):
            return _comet_rules.collateral_value(raw[rows], prices, scale[rows], factor[rows])

        def owed_worth(rows, prices):
            return _comet_rules.debt_value(raw[rows], prices, scale[rows])

    else:

        def held_worth(rows, prices):
            return _compound_rules.tokens_value(factor[rows], prices, raw[rows])

        def owed_worth(rows, prices):
            return _compound_rules.debt_value(prices, raw[rows])

    people: list[list[Leg]] = [[] for _ in range(ACCOUNTS)]
    for who, token_, debt_, raw_, factor_ in rows:
        worth = plain(protocol, debt_, raw_, factor_, scales[token_])
        people[who].append(Leg(token_, debt_, worth))
    return SumBook(quotes, legs, worth_of(legs.debt, held_worth, owed_worth)), people


def plain(protocol: str, debt: bool, raw: int, factor: int, scale: int) -> Callable[[int], int]:
    """What a leg counts for at a price, by the contracts: Comet.isLiquidatable (mulPrice,
    mulFactor), Comptroller.getHypotheticalAccountLiquidityInternal (each product cut)."""
    if protocol == "compound_v3":
        if debt:
            return lambda price: -(raw * price // scale)
        return lambda price: raw * price // scale * factor // WAD
    if debt:
        return lambda price: -(price * raw // WAD)
    return lambda price: factor * price // WAD * raw // WAD


def check(one: Case, seed: int) -> int:
    """Healthy at p*, not one unit on, and nowhere nearer clearly liquidatable; 0 for none."""
    shock, rng = one.shock, random.Random(seed)
    fine = np.array([one.margin(k, shock.present)[0] >= 0 for k in range(ACCOUNTS)], np.bool_)
    found = edges(one.book, shock, fine)
    low, high = shock.reach
    looks = spots(rng, shock.present, low, high, one.ways)
    count = 0
    for k in range(ACCOUNTS):
        side, raw = int(found.side[k]), int(found.raw[k])
        if not fine[k]:
            assert side == 0
            continue
        far = 1000.0
        if side:
            margin, gross = one.margin(k, raw)
            assert margin >= 0 > one.margin(k, raw - side)[0]
            # Health factor 1 at p*, but for what one unit moves, and rounding.
            step = margin - one.margin(k, raw - side)[0]
            assert margin / (gross - margin) * 2 <= 1e-9 + 2 * step / (gross - margin)
            far = max(raw / shock.present, shock.present / raw)
            count += 1
        for place in looks:
            if max(place / shock.present, shock.present / place) < 1 + (far - 1) * 0.999:
                margin, gross = one.margin(k, place)
                prices = [one.price(t, place) for t in range(TOKENS)]
                least = 1e-6 + sum(2 / max(price, 1) for price in prices)
                assert margin >= -gross * least - 20, (place, side, raw)
    return count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_edge_under_any_shock(protocol: str, kind: str, seed: int) -> None:
    one = case(seed, protocol, kind)
    if one is not None:
        check(one, seed)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_market_that_quotes_in_its_base(kind: str, seed: int) -> None:
    one = case(seed, "compound_v3", kind, quoted=True)
    if one is not None:
        check(one, seed)


def test_the_samples_have_edges() -> None:
    for protocol in PROTOCOLS:
        for kind in KINDS:
            some = [case(seed, protocol, kind) for seed in range(15)]
            assert sum(check(one, 0) for one in some if one is not None) >= 10
