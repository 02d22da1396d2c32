"""Amounts of liquidations on the real contracts (reference A3-1 to A3-7): v3.0 and Spark, 3.6, 3.7.

A3-1 to A3-4: 1 WBTC of 27,000 USD at threshold 86 %, bonus 5 %, against 20,500 USDX of 6 decimals;
the price falls by 16, 20 and 30 %. A3-5: the 2,000 USD rule. A3-6: a liquid e-mode. A3-7: examples
of Aave's notes on v3.3. tests/chain/test_aave_amounts.py repeats them on the real contracts.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from scanner.core.integers import Wide
from scanner.protocols._aave_rules import (
    BPS,
    Pair,
    Rules,
    Totals,
    health_factors,
    healthy,
    rules_of,
    seize,
)

REVISIONS = (1, 10, 11)
USD = 10**8


@dataclass(frozen=True)
class Leg:
    """Units of a token, its unit and price, and (collateral) its threshold."""

    units: int
    unit: int
    price: int
    threshold: int = 0

    def base(self, *, up: bool = False) -> int:
        """Its value in the oracle's unit."""
        worth = self.units * self.price
        return -(-worth // self.unit) if up else worth // self.unit


@dataclass(frozen=True)
class Book:
    """One position: collateral and debts. `rules` are a revision's."""

    rules: Rules
    held: tuple[Leg, ...]
    owed: tuple[Leg, ...]

    def totals(self) -> Totals:
        bases = [leg.base() for leg in self.held]
        weighted = sum(b * leg.threshold for b, leg in zip(bases, self.held, strict=True))
        return Totals(column(sum(bases)), Wide.product(column(weighted), 1), column(self.debt()))

    def debt(self) -> int:
        return sum(leg.base(up=self.rules.floor_ceil) for leg in self.owed)

    def health(self) -> int:
        return int(health_factors(self.rules, self.totals())[0])

    def call(self, c: int, d: int, bonus: int, fee: int) -> tuple[int, int, int]:
        """Repaid, taken from the borrower, and given to the liquidator, by the largest call."""
        held, owed = self.held[c], self.owed[d]
        pair = Pair(
            health=column(self.health()),
            total_debt=column(self.debt()),
            collateral=column(held.units),
            collateral_base=column(held.base()),
            collateral_price=column(held.price),
            collateral_unit=column(held.unit),
            debt=column(owed.units),
            debt_base=column(owed.base(up=self.rules.floor_ceil)),
            debt_price=column(owed.price),
            debt_unit=column(owed.unit),
            bonus=column(BPS + bonus),
            fee=column(fee),
        )
        found = seize(self.rules, pair)
        repaid, taken, cut = (int(x[0]) for x in (found.repay, found.taken, found.fee))
        return repaid, taken, taken - cut

    def after(self, c: int, d: int, repaid: int, taken: int) -> "Book":
        """The position once the call was made."""
        held, owed = list(self.held), list(self.owed)
        held[c] = replace(held[c], units=held[c].units - taken)
        owed[d] = replace(owed[d], units=owed[d].units - repaid)
        return replace(self, held=tuple(held), owed=tuple(owed))


def column(*values):
    return np.array(values, object)


def wbtc(revision: int, price: int, owed: int) -> Book:
    """1 WBTC at threshold 86 % against so many millionths of USDX."""
    return Book(rules_of(revision), (Leg(10**8, 10**8, price, 8_600),), (Leg(owed, 10**6, USD),))


@pytest.mark.parametrize(
    ("fall", "fee", "health", "repaid", "received"),
    [
        (16, 0, 951453658536585365, 10_250_000_000, (47_453_703,) * 3),
        (16, 1_000, 951453658536585365, 10_250_000_000, (47_227_733, 47_227_733, 47_227_732)),
        (20, 1_000, 906146341463414634, 20_500_000_000, (99_178_240, 99_178_240, 99_178_239)),
        (30, 1_000, 792878048780487804, 18_000_000_000, (99_523_809,) * 3),
    ],
)
def test_one_call(fall, fee, health, repaid, received):
    """A3-1 to A3-4."""
    for revision, expected in zip(REVISIONS, received, strict=True):
        book = wbtc(revision, 27_000 * USD * (100 - fall) // 100, 20_500 * 10**6)
        # v3.0 rounds half up, from 3.5 on the quotient is cut.
        assert book.health() - health in ((0, 1) if revision == 1 else (0,))
        paid, taken, given = book.call(0, 0, 500, fee)
        assert (paid, given) == (repaid, expected)
        left = book.after(0, 0, paid, taken)
        if fall == 16:  # half is repaid, and it is still not healthy
            after = 999907330464390244 if revision == 1 else 999907330464000000
            assert left.health() == after
        if fall == 30:  # all collateral is gone: v3.0 keeps the debt, v3.3 on writes it off
            assert (left.held[0].units, left.owed[0].units) == (0, 2_500 * 10**6)
            assert left.health() == 0


def test_a_small_position_goes_whole():
    """A3-5: at 1,620 USD the whole debt of 1,500 is repaid, because of the health factor."""
    for revision, expected in ((10, 96_759_259), (11, 96_759_258)):
        book = wbtc(revision, 1_620 * USD, 1_500 * 10**6)
        assert book.health() == 928800000000000000
        assert book.call(0, 0, 500, 1_000)[::2] == (1_500_000_000, expected)


@pytest.mark.parametrize(("ether", "whole"), [(5, True), (1_000, False)])
def test_the_close_factor_is_of_the_position(ether, whole):
    """A3-5, CloseFactor.t.sol: at 0.97, 0.5 WETH of 1,800 USD is less than 2,000: all of it."""
    for revision in (10, 11):
        held = Leg(ether * 10**17, 10**18, 1_800 * USD, 8_600)
        owed = held.base() * 8_600 * 100 // (97 * BPS * 100)  # USDX in millionths
        book = Book(rules_of(revision), (held,), (Leg(owed, 10**6, USD),))
        assert book.health() / 1e18 == pytest.approx(0.97, abs=1e-8)
        repaid = book.call(0, 0, 500, 1_000)[0]
        assert repaid == (owed if whole else owed // 2)
    # v3.0 knows no such rule: half, however small.
    old = replace(book, rules=rules_of(1))
    assert old.call(0, 0, 500, 1_000)[0] == pytest.approx(owed / 2, abs=1)


def liquid(revision: int, price: int) -> Book:
    """A3-6: 10 WETH in an e-mode (threshold 93 %), 1 WBTC outside of it, 37,000 USDX owed."""
    held = (Leg(10**19, 10**18, price, 9_300), Leg(10**8, 10**8, 27_000 * USD, 8_600))
    return Book(rules_of(revision), held, (Leg(37_000 * 10**6, 10**6, USD),))


def test_a_liquid_e_mode():
    """A3-6, 3.6 and 3.7 alike: p* to the unit, and the e-mode's bonus of 1 %."""
    for revision in (10, 11):
        book = liquid(revision, 1_800 * USD)
        totals = book.totals()
        assert (totals.collateral[0], totals.debt[0]) == (4_500_000_000_000, 3_700_000_000_000)
        assert totals.weighted.quotient(totals.collateral)[0] == 8_880
        assert book.health() == 1080000000000000000
        for price, health in (
            (148_172_043_011, 1000000000000621621),
            (148_172_043_010, 999999999998108108),
        ):
            edge = liquid(revision, price)
            assert edge.health() == health
            assert healthy(edge.rules, edge.totals()).tolist() == [health >= 10**18]
        fallen = liquid(revision, 1_400 * USD)
        assert fallen.health() == 979459459459459459
        repaid, taken, given = fallen.call(0, 0, 100, 1_000)
        assert (repaid, given) == (13_861_386_139, 9990099009900990099)
        assert fallen.after(0, 0, repaid, taken).health() == 1003517329926887965


def test_the_examples_of_v3_3():
    """A3-7: 900 USD of debt go whole at 0.96; of three debts of 3,000 one call may repay one."""
    for revision in (7, 10, 11):
        rules = rules_of(revision)
        small = Leg(10**18, 10**18, 1_200 * USD, 7_200)
        book = Book(rules, (small,), (Leg(900 * 10**18, 10**18, USD),))
        assert book.health() == 960000000000000000
        assert book.call(0, 0, 500, 0)[0] == 900 * 10**18
        ether = Leg(3 * 10**18, 10**18, 3_000 * USD, 9_700)
        three = tuple(Leg(3_000 * unit, unit, USD) for unit in (10**18, 10**6, 10**18))
        book = Book(rules, (ether,), three)
        assert book.health() == 970000000000000000
        for place, debt in enumerate(three):
            assert book.call(0, place, 500, 0)[0] == debt.units
    # Before, each reserve's debt was halved by itself.
    old = replace(book, rules=rules_of(6))
    assert [old.call(0, place, 500, 0)[0] * 2 for place in range(3)] == [d.units for d in three]


def test_only_coarse_tokens_are_kept_by_the_leftover_rule():
    """Where the largest call would leave dust a smaller one goes, for every token with decimals;
    with units of a thousand dollars there may be none (`leftover_dust`)."""
    rng, kept = np.random.default_rng(11), {0: 0, 2: 0, 6: 0}
    for decimals in kept:
        size, unit = 60_000, 10**decimals
        price = rng.integers(50 if decimals else 400, 2_600, size).astype(object) * USD
        held = rng.integers(2_000, 6_000, size).astype(object) * USD * unit // price
        base = held * price // unit
        owed = (base * rng.integers(90, 99, size).astype(object) // 100) // 100
        one = np.full(size, 1, object)
        debt = owed * rng.integers(40, 101, size).astype(object) // 100
        pair = Pair(
            health=one * (96 * 10**16),
            total_debt=owed * 100,
            collateral=held,
            collateral_base=base,
            collateral_price=price,
            collateral_unit=one * unit,
            debt=debt,
            debt_base=debt * 100,
            debt_price=one * USD,
            debt_unit=one * 10**6,
            bonus=one * (BPS + 500),
            fee=one * 0,
        )
        found = seize(rules_of(10), pair)
        if found.dust is not None:
            kept[decimals] = int(found.dust.sum())
    assert kept[0] > 0
    assert (kept[2], kept[6]) == (0, 0)
