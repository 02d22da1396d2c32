"""The arithmetic of Compound v2, on Python integers and columns of them.

Source: compound-finance/compound-protocol, contracts/CToken.sol (accrueInterest,
exchangeRateStoredInternal, borrowBalanceStoredInternal) and contracts/Comptroller.sol
(getHypotheticalAccountLiquidityInternal, liquidateCalculateSeizeTokens). Every `Exp` is a mantissa
of 1e18 and each product is cut before the next.
"""

from dataclasses import dataclass

import numpy as np

from scanner.core.integers import Integers

EXP = 10**18


@dataclass(frozen=True)
class Ledger:
    """What a market's interest stands on: the numbers that accrueInterest reads and writes."""

    cash: int
    borrows: int
    reserves: int
    index: int
    supply: int
    rate: int
    reserve_factor: int
    accrued_at: int


def accrued(market: Ledger, block: int) -> Ledger:
    """The market after accrueInterest in a block. Interest is simple within one accrual."""
    factor = market.rate * (block - market.accrued_at)
    interest = factor * market.borrows // EXP
    return Ledger(
        market.cash,
        market.borrows + interest,
        market.reserves + market.reserve_factor * interest // EXP,
        market.index + factor * market.index // EXP,
        market.supply,
        market.rate,
        market.reserve_factor,
        block,
    )


def exchange_rate(market: Ledger, stored: int) -> int:
    """Underlying for one cToken; as `stored` where nobody supplies."""
    if not market.supply:
        return stored
    return (market.cash + market.borrows - market.reserves) * EXP // market.supply


def collateral_value(
    factor: Integers | int, rate: Integers | int, price: Integers | int, tokens: Integers
) -> Integers:
    """What cTokens count for: tokensToDenom * cTokenBalance, each product cut.

    >>> collateral_value(8 * 10**17, 2 * 10**26, 1875 * EXP, np.array([5 * 10**10], object))[0]
    15000000000000000000000
    """
    return tokens_value(factor * rate // EXP, price, tokens)


def tokens_value(share: Integers | int, price: Integers | int, tokens: Integers) -> Integers:
    """`collateral_value` of a share = factor * rate, cut already."""
    return np.asarray(share * price // EXP * tokens // EXP, object)


def debt_value(price: Integers | int, owed: Integers) -> Integers:
    """What a debt counts for: oraclePrice * borrowBalance, cut."""
    return np.asarray(price * owed // EXP, object)


def seize_tokens(
    repay: Integers,
    incentive: int,
    debt_price: Integers,
    collateral_price: Integers,
    rate: Integers,
) -> Integers:
    """cTokens for a repayment: the ratio is cut before it is multiplied.

    Source: Comptroller.liquidateCalculateSeizeTokens.
    """
    return np.asarray(_ratio(incentive, debt_price, collateral_price, rate) * repay // EXP, object)


def _ratio(
    incentive: Integers | int, debt_price: Integers, collateral_price: Integers, rate: Integers
) -> Integers:
    """cTokens for one unit of debt, a mantissa; 0 where the collateral is worth nothing."""
    numerator = incentive * debt_price // EXP
    denominator = collateral_price * rate // EXP
    return np.where(denominator > 0, numerator * EXP // np.maximum(denominator, 1), 0)


def seize_most(
    most: Integers,
    tokens: Integers,
    incentive: Integers,
    debt_price: Integers,
    collateral_price: Integers,
    rate: Integers,
) -> Integers:
    """cTokens taken by the largest repayment, up to `most`, that `tokens` cover.

    Source: CToken.liquidateBorrowFresh refuses a seizure above the borrower's balance
    (LIQUIDATE_SEIZE_TOO_MUCH) instead of cutting it.
    """
    ratio = _ratio(incentive, debt_price, collateral_price, rate)
    covered = ((tokens + 1) * EXP - 1) // np.maximum(ratio, 1)
    repaid = np.where(ratio > 0, np.minimum(most, covered), 0)
    return np.asarray(ratio * repaid // EXP, object)
