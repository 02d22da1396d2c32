"""What to repay or to add: boundaries by hand and by brute force, and what cannot be said."""

import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from bench import stored as sample

from scanner import answers, reading
from scanner.answers import reach
from scanner.core.reach import Book, Leg, Rule, to_add, to_repay
from scanner.errors import UsageError

NEW = Rule(10**8, 10_000, cuts=False, up=True, margin=Fraction(0), spare=0)
OLD = Rule(10**8, 10_000, cuts=True, up=False, margin=Fraction(0), spare=0)
ETH, USD = 10**18, 10**6


def leg(amount: int, unit: int, price: int, *, weight: int = 0, slope: int = 1) -> Leg:
    return Leg(not weight, amount, unit, price, weight, Fraction(slope), plain=True)


def loan(rule: Rule = NEW) -> Book:
    """10 ether at $2,000 with threshold 0.8 against 12,000 dollars: p* is $1,500."""
    price = 2_000 * 10**8
    return Book(rule, price, (leg(10 * ETH, ETH, price, weight=8_000),
                              leg(12_000 * USD, USD, 10**8, slope=0)))  # fmt: skip


@pytest.mark.parametrize("rule", [NEW, OLD])
def test_a_textbook_loan(rule: Rule) -> None:
    """At $1,000 the collateral carries 8,000 dollars: 4,000 are to be repaid, or 5 ether added."""
    book, target = loan(rule), 1_000 * 10**8
    assert book.edge(1_600 * 10**8) == 1_500 * 10**8
    repay, add = to_repay(book, 1, target), to_add(book, 0, target)
    assert repay == 4_000 * USD + 1  # one unit, since a payment may be credited one short
    assert add is not None
    assert 0 <= add - 5 * ETH < 10**11
    assert book.repaid(1, repay).edge(target) == target
    assert not book.added(0, add - 1).reaches(target)


def test_nothing_is_needed_beyond_the_price_it_has() -> None:
    assert to_repay(loan(), 1, 1_600 * 10**8) == 0
    assert to_add(loan(), 0, 3_000 * 10**8) == 0


def test_a_small_debt_of_two_is_not_enough() -> None:
    """All of the second debt repaid, the first alone is too much at the price."""
    book = loan()
    two = Book(NEW, book.present, (*book.legs, leg(100 * USD, USD, 10**8, slope=0)))
    assert to_repay(two, 2, 1_000 * 10**8) is None
    assert to_repay(two, 1, 1_000 * 10**8) is not None


@pytest.mark.parametrize("seed", range(30))
def test_the_way_there_is_healthy_at_every_single_price(seed: int) -> None:
    """Random books with averages that are cut: `reaches` is what every integer between says."""
    draw = random.Random(seed)
    present = draw.randrange(2_000, 4_000)  # few units, so that all of them can be tried
    legs = []
    for _ in range(draw.randrange(1, 4)):
        weight = draw.choice((6_500, 7_000, 7_777, 8_250, 9_300))
        slope = draw.randrange(2)
        price = present if slope else draw.randrange(50, 5_000)
        legs.append(leg(draw.randrange(1, 9_000), 1, price, weight=weight, slope=slope))
    for _ in range(draw.randrange(1, 3)):
        slope = draw.randrange(2)
        price = present if slope else draw.randrange(50, 5_000)
        legs.append(leg(draw.randrange(1, 6_000), 1, price, slope=slope))
    rule = draw.choice((OLD, NEW))
    if rule is NEW and draw.random() < 0.5:  # capped above, slower below, and weighted
        bends = ((0.4, 0.7), (0.8, 0.9), (1.0, 1.0), (1.1, 1.02), (2.0, 1.02))
        knots = tuple((Fraction(str(at)), Fraction(str(value))) for at, value in bends)
        slope = Fraction(draw.choice((5, 8, 10, 15)), 10)
        place = draw.randrange(len(legs))
        legs[place] = replace(legs[place], knots=knots, slope=slope)
        # As the closed form has it: prices of so many digits that no cut of theirs matters.
        legs = [replace(one, price=one.price * 10**12) for one in legs]
    book = Book(rule, present, tuple(legs))
    for target in (draw.randrange(1_000, present), draw.randrange(present, 8_000)):
        low, high = sorted((target, present))

        def true(one: Book, low: int = low, high: int = high) -> bool:
            return all(one.healthy(answer) for answer in range(low, high + 1))

        assert book.reaches(target) == true(book)
        place = next(k for k, one in enumerate(legs) if one.debt)
        amount = to_repay(book, place, target)
        if amount is None:
            assert not true(book.repaid(place, book.legs[place].amount))
        elif amount:
            assert true(book.repaid(place, amount))
            assert not true(book.repaid(place, amount - 1))
        amount = to_add(book, 0, target)
        if amount:
            assert true(book.added(0, amount))
            assert not true(book.added(0, amount - 1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("reach")
    sample.make(made, positions=300, scans=1)
    return made


@pytest.fixture
def scan(store: Path) -> reading.Stored:
    return reading.newest(store, None)


def one_of(scan: reading.Stored, driver: str, side: str) -> str:
    frame = scan.positions
    found = frame[(frame["driver"] == driver) & (frame["side"] == side)]
    return str(found["account"].iloc[0])


def test_an_account_says_how_far_its_prices_are(scan: reading.Stored) -> None:
    who = one_of(scan, "ETH", "long")
    answer = answers.account(scan, who)
    assert answer["reach"] is None
    [spot] = [d["spot_usd"] for d in scan.document["drivers"] if d["driver"] == "ETH"]
    row = next(r for r in answer["positions"] if r["driver"] == "ETH" and r["side"] == "long")
    assert row["distance"] == pytest.approx(row["liquidation_price_usd"] / spot - 1, abs=1e-12)


def test_every_position_of_a_driver_is_understood(scan: reading.Stored) -> None:
    """The stored legs give back every liquidation price there is, by the protocol's integers."""
    frame = scan.positions
    for driver in ("ETH", "BTC"):
        [spot] = [d["spot_usd"] for d in scan.document["drivers"] if d["driver"] == driver]
        rows = frame[(frame["driver"] == driver) & (frame["side"] != "none")]
        for who in sorted(set(rows["account"]))[:25]:
            found = answers.account(scan, who, driver=driver, reach=round(spot * 0.5, 2))
            for row in found["reach"]["positions"]:
                assert (row["rule"], row["why"]) == ("integers", None)


def test_what_the_legs_do_not_give_back_is_not_answered(scan: reading.Stored) -> None:
    """A leg that is off by a thousandth: no amounts, and the reason."""
    who = one_of(scan, "ETH", "long")
    held, legs = reading.account_rows(scan, who)
    held = [row for row in held if row["driver"] == "ETH" and row["side"] == "long"]
    for one in legs:
        if one["kind"] == "debt":
            one["amount_raw"] = str(int(one["amount_raw"]) * 1_001 // 1_000)
            one["amount"] *= 1.001
    [row] = reach.reach(scan, held, legs, "ETH", 500.0)["positions"][:1]
    assert (row["why"], row["repay"], row["needed"]) == (reach.APART, [], None)


def test_a_driver_must_be_meant_and_a_price_possible(scan: reading.Stored) -> None:
    frame = scan.positions
    counts = frame[frame["driver"] != ""].groupby("account")["driver"].nunique()
    several = str(counts[counts > 1].index[0])
    with pytest.raises(UsageError, match="Several drivers"):
        answers.account(scan, several, reach=1_000.0)
    with pytest.raises(UsageError, match="nothing is claimed"):
        answers.account(scan, one_of(scan, "ETH", "long"), driver="ETH", reach=1e-9)
