"""Vectors of dss/src/test/dog.t.sol and exact inverses (reference 3.3 and 12.3)."""

import numpy as np
import pytest

from scanner.protocols import _maker_rules as rules
from scanner.protocols._maker_rules import RAY, WAD, Limits

RAD = 10**45
CHOP = 11 * WAD // 10


def column(*values):
    return np.array(values, object)


def dog(hole, dust):
    return Limits(CHOP, dust * RAD, hole * RAD, 1, True)


def test_the_dog_takes_the_whole_urn_below_its_hole():
    ink, art = rules.seized(column(WAD), column(2_000 * WAD), RAY, dog(10_000, 100))
    assert (ink.tolist(), art.tolist()) == ([WAD], [2_000 * WAD])


@pytest.mark.parametrize(("more", "whole"), [(-1, True), (0, False)])
def test_a_remnant_below_dust_is_taken_along(more, whole):
    """hole 5,000 and dust 200: a unit less than hole / chop + dust goes whole."""
    start = 5_000 * 10**36 // CHOP + 200 * WAD + more
    _, art = rules.seized(column(WAD), column(start), RAY, dog(5_000, 200))
    assert art[0] == (start if whole else start - 200 * WAD)


def test_the_dog_refuses_a_part_that_is_dusty():
    _, art = rules.seized(column(WAD), column(5_000 * WAD), RAY, dog(100, 200))
    assert art.tolist() == [0]


def test_no_room_no_call():
    ink, art = rules.seized(column(WAD), column(WAD), RAY, dog(0, 1))
    assert ink.tolist() == art.tolist() == [0]


def test_the_price_of_the_reference():
    """ETH-A: 10 ether, art 9,000, rate 1.1, mat 145 %: 1,435.5 dollars."""
    debt = column(9_000 * WAD) * (11 * RAY // 10)
    found = rules.least_value(column(10 * WAD), debt, column(RAY), column(145 * RAY // 100))
    assert found.tolist() == [14355 * WAD // 10]


def test_the_least_value_is_exact_through_both_divisions():
    rng = np.random.default_rng(4)
    size = 4_000
    ink = column(*(int(10 ** rng.uniform(0, 26)) for _ in range(size)))
    debt = column(*(int(10 ** rng.uniform(27, 53)) for _ in range(size)))
    par, mat = RAY * 1003 // 1000 + 7, RAY * 145 // 100 + 3
    value = rules.least_value(ink, debt, column(*[par] * size), column(*[mat] * size))
    assert (ink * rules.poked(value, par, mat) >= debt).all()
    assert (ink * rules.poked(value - 1, par, mat) < debt).all()


def test_a_poked_spot_gives_back_its_value():
    rng = np.random.default_rng(5)
    for mat in (101, 130, 145, 175):
        value = int(10 ** rng.uniform(15, 24)) + 1
        spot = int(rules.poked(value, RAY, mat * RAY // 100))
        assert rules.least_value_of(spot, RAY, mat * RAY // 100) == value
    assert rules.least_value_of(0, RAY, 145 * RAY // 100) == 0


def test_powers_round_half_up():
    fee = 1_000_000_001_547_125_957_863_212_448  # 5 % a year
    year = rules.rpow(fee, 365 * 86_400)
    assert year / RAY == pytest.approx(1.05, rel=1e-9)
    assert rules.rpow(fee, 0) == RAY
    assert rules.rpow(fee, 1) == fee
    assert rules.dripped(2 * RAY, fee, 1) == 2 * fee
