"""Compound v3's own test vectors (reference C3-1 to C3-3)."""

import numpy as np
import pytest

from scanner.protocols import _comet_rules as rules
from scanner.protocols._comet_rules import FACTOR, PRICE


def liquidity(balance, price, factor, debt, scale=FACTOR):
    """Collateral less debt in a market of a dollar base with 6 decimals."""
    held = rules.collateral_value(np.array([balance], object), price, scale, factor)
    owed = rules.debt_value(np.array([debt], object), PRICE, 10**6)
    return int((held - owed)[0])


@pytest.mark.parametrize(
    ("balance", "factor", "price", "liquidatable"),
    [
        (100_000, FACTOR, PRICE, False),
        (95_000, FACTOR, PRICE, True),
        (100_000, 8 * 10**17, PRICE, True),
        (100_000, FACTOR, PRICE // 2, True),
    ],
)
def test_is_liquidatable(balance, factor, price, liquidatable):
    """C3-1, is-liquidatable-test.ts: 100,000 USDC owed against COMP."""
    found = liquidity(balance * FACTOR, price, factor, 100_000 * 10**6)
    assert (found < 0) == liquidatable


@pytest.mark.parametrize(
    ("store", "factor", "price", "amount", "quote"),
    [
        (5 * 10**17, 6 * 10**17, 200, 200, 125 * 10**16),
        (0, 6 * 10**17, 200, 200, FACTOR),
        (5 * 10**17, 8 * 10**17, 9, 810, 100 * FACTOR),
    ],
)
def test_quote_collateral(store, factor, price, amount, quote):
    """C3-2, quote-collateral-test.ts."""
    discounted = rules.store_price(price * PRICE, factor, store)
    assert rules.quote_collateral(amount * 10**6, PRICE, 10**6, discounted, FACTOR) == quote


def test_an_absorb():
    """C3-3, run on the real contract: 10 WETH against 3,000 USDC."""
    factor, debt = 895 * 10**15, 3_000 * 10**6
    at = {
        price: liquidity(10 * FACTOR, price, factor, debt)
        for price in (336 * PRICE, 335 * PRICE, 33_519_553_072)
    }
    assert at[336 * PRICE] >= 0 > at[335 * PRICE]
    assert at[33_519_553_072] == 299_999_999_994 - 300_000_000_000
    value = 10 * 330 * PRICE
    assert value == 330_000_000_000
    paid, left = rules.absorbed(debt, PRICE, 10**6, [(value, 95 * 10**16)])
    assert paid == 3_135_000_000
    assert left == 135_000_000
    discounted = rules.store_price(330 * PRICE, 95 * 10**16, 5 * 10**17)
    quote = rules.quote_collateral(1_000 * 10**6, PRICE, 10**6, discounted, FACTOR)
    assert quote == 3_108_003_108_003_108_003


def test_interest_is_simple_within_one_accrual():
    assert rules.accrued_index(10**15, 317_097_919, 31_536_000) == 1_009_999_999_973_584
    owed = rules.owed(np.array([10**9], object), 1_009_999_999_973_584)
    assert owed.tolist() == [1_009_999_999]
