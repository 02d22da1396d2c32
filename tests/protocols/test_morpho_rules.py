"""Vectors of Morpho's own SDK tests and of runs of the real contract (reference 12.1)."""

import numpy as np
import pytest

from scanner.protocols import _morpho_rules as rules

LLTV = 86 * 10**16


def column(*values):
    return np.array(values, object)


@pytest.mark.parametrize(
    ("collateral", "debt", "price"),
    [
        (10**18, 1500000000000000000007, 1744186046511627906985000000000000000000),
        (123456789012345678, 200000000000000012345, 1883720947186046795929432930290480099236),
        (3, 5000, 1938000000000000000000000000000000000000),
        (100000007, 170000001, 1976744061627915686045901976786861625),
    ],
)
def test_the_least_healthy_price_is_the_contracts(collateral, debt, price):
    """At it the contract refused HEALTHY_POSITION, one unit lower it liquidated."""
    found = rules.least_price(column(collateral), column(debt), column(LLTV))
    assert found.tolist() == [price]
    at = rules.largest_debt(column(collateral), found, column(LLTV))
    below = rules.largest_debt(column(collateral), found - 1, column(LLTV))
    assert at[0] >= debt > below[0]


def test_the_inverse_is_exact_for_random_positions():
    rng = np.random.default_rng(11)
    size = 5_000
    collateral = column(*(int(10 ** rng.uniform(0, 26)) for _ in range(size)))
    debt = column(*(int(10 ** rng.uniform(0, 26)) for _ in range(size)))
    lltv = column(*(int(x) * 10**14 for x in rng.integers(1, 10_000, size)))
    price = rules.least_price(collateral, debt, lltv)
    assert (rules.largest_debt(collateral, price, lltv) >= debt).all()
    assert (rules.largest_debt(collateral, price - 1, lltv) < debt).all()


def test_incentives():
    assert rules.incentive(LLTV) == 1043841336116910229
    assert rules.incentive(0) == rules.LARGEST_INCENTIVE


def test_shares_of_the_sdk():
    """market{assets 2,000,000, shares 1,000,001}, price 1e36, LLTV 0.5, collateral 100."""
    debt = rules.owed(column(10, 80), column(2_000_000, 2_000_000), column(1_000_001, 1_000_001))
    assert debt.tolist() == [10, 80]
    half = column(5 * 10**17, 5 * 10**17)
    most = rules.largest_debt(column(100, 100), column(10**36, 10**36), half)
    assert (most >= debt).tolist() == [True, False]


def test_interest_is_a_third_order_taylor_sum():
    rate, seconds, borrowed = 1_585_489_599, 365 * 86_400, 10**24  # 5 % a year
    grown = rules.accrued(borrowed, rate, seconds)
    x = rate * seconds
    parts = (x, x * x // (2 * 10**18), x * x // (2 * 10**18) * x // (3 * 10**18))
    assert grown == borrowed + borrowed * sum(parts) // 10**18
    assert grown / borrowed == pytest.approx(np.exp(0.05), rel=1e-6)
    assert rules.accrued(borrowed, 0, seconds) == rules.accrued(borrowed, rate, 0) == borrowed


def test_a_call_takes_no_more_than_there_is():
    taken = rules.seized(
        column(10**18, 10**18),
        column(10**21, 10**24),
        column(105 * 10**16, 105 * 10**16),
        column(2 * 10**39, 2 * 10**39),
    )
    assert taken.tolist() == [525 * 10**15, 10**18]
