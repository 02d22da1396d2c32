"""Amounts of liquidations on the real contracts (reference A3-1 to A3-4): v3.0 and Spark, 3.6, 3.7.

1 WBTC of 27,000 USD at threshold 86 %, bonus 5 %, against 20,500 USDX with 6 decimals; the price
falls by 16, 20 and 30 %.
"""

import numpy as np
import pytest

from scanner.core.integers import Wide
from scanner.protocols._aave_rules import BPS, Pair, Totals, health_factors, rules_of, seize

REVISIONS = (1, 10, 11)
HELD, OWED, SPOT = 10**8, 20_500 * 10**6, 27_000 * 10**8


def column(*values):
    return np.array(values, object)


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
    for revision, expected in zip(REVISIONS, received, strict=True):
        rules = rules_of(revision)
        price = SPOT * (100 - fall) // 100
        value, debt = HELD * price // 10**8, OWED * 10**8 // 10**6
        totals = Totals(column(value), Wide.product(column(value), 8_600), column(debt))
        [factor] = health_factors(rules, totals)
        # v3.0 rounds half up, from 3.5 on the quotient is cut.
        assert factor - health in ((0, 1) if revision == 1 else (0,))
        pair = Pair(
            health=column(factor),
            total_debt=column(debt),
            collateral=column(HELD),
            collateral_base=column(value),
            collateral_price=column(price),
            collateral_unit=column(10**8),
            debt=column(OWED),
            debt_base=column(debt),
            debt_price=column(10**8),
            debt_unit=column(10**6),
            bonus=column(BPS + 500),
            fee=column(fee),
        )
        taken = seize(rules, pair)
        assert taken.repay.tolist() == [repaid]
        assert (taken.taken - taken.fee).tolist() == [expected]
