"""Compound's own test vectors (reference C2-1 to C2-3)."""

import numpy as np
import pytest

from scanner.protocols import _compound_rules as rules
from scanner.protocols._compound_rules import EXP


def column(*values):
    return np.array(values, object)


def test_liquidity_of_one_market():
    """C2-1: 1e6 tokens, factor 0.5, price 1: liquidity 500,000."""
    assert rules.collateral_value(EXP // 2, EXP, EXP, column(10**6)).tolist() == [500_000]


def test_a_hypothetical_borrow():
    """C2-1: the same with 1e6 more borrowed at price 1: a shortfall of 500,000."""
    held = rules.collateral_value(EXP // 2, EXP, EXP, column(10**6))
    assert (held - rules.debt_value(EXP, column(10**6))).tolist() == [-500_000]


def test_liquidity_of_three_markets():
    """C2-1: with 1e3 tokens at 2.718 and factor 0.666 beside 1e6 at 3 and 0.5: 1,501,810."""
    first = rules.collateral_value(EXP // 2, EXP, 3 * EXP, column(10**6))[0]
    second = rules.collateral_value(666 * 10**15, EXP, 2718 * 10**15, column(10**3))[0]
    assert first + second == 1_501_810


@pytest.mark.parametrize(
    ("rate", "debt_price", "price", "incentive", "repay", "seized"),
    [
        (2 * EXP, EXP, EXP, EXP, EXP, 5 * 10**17),
        (2 * EXP, 2 * EXP, 142 * 10**16, 13 * 10**17, 245 * 10**16, 2242957746478873238),
        (
            2789 * 10**15,
            5230480842 * 10**9,
            77132 * 10**16,
            13 * 10**17,
            1000245 * 10**16,
            31616096631969328535,
        ),
    ],
)
def test_the_seize_table(rate, debt_price, price, incentive, repay, seized):
    """C2-2, liquidateCalculateAmountSeizeTest.js."""
    found = rules.seize_tokens(
        column(repay), incentive, column(debt_price), column(price), column(rate)
    )
    assert found.tolist() == [seized]


def test_ether_against_dollars():
    """C2-3: 50000000000 vTokens at 2e26 and 0.8, 15,000 owed: equality is healthy."""
    tokens, rate, factor = column(5 * 10**10), 2 * 10**26, 8 * 10**17
    owed = rules.debt_value(EXP, column(15_000 * EXP))[0]
    values = {
        price: rules.collateral_value(factor, rate, price * EXP, tokens)[0] - owed
        for price in (2000, 1875, 1874)
    }
    assert values == {2000: 1000 * EXP, 1875: 0, 1874: -8 * EXP}
    seized = rules.seize_tokens(
        column(7_500 * EXP), 11 * 10**17, column(EXP), column(1874 * EXP), column(rate)
    )
    assert seized.tolist() == [22011735000]


def test_interest_is_simple_and_the_index_follows():
    market = rules.Ledger(10**20, 5 * 10**19, 10**18, EXP, 10**28, 10**10, 10**17, 100)
    later = rules.accrued(market, 1_100)
    assert later.borrows == 5 * 10**19 + 10**13 * 5 * 10**19 // EXP
    assert later.index == EXP + 10**13
    assert later.reserves - 10**18 == (later.borrows - market.borrows) // 10
    assert rules.accrued(market, 100) == market
    assert rules.exchange_rate(later, 1) > rules.exchange_rate(market, 1)
    empty = rules.Ledger(0, 0, 0, EXP, 0, 0, 0, 1)
    assert rules.exchange_rate(empty, 2 * 10**26) == 2 * 10**26
