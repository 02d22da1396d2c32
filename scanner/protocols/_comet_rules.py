"""The arithmetic of Compound v3 (Comet), on Python integers and columns of them.

Source: compound-finance/comet, contracts/CometWithExtendedAssetList.sol (accruedInterestIndices,
isLiquidatable, absorbInternal, quoteCollateral), CometCore.sol (presentValueBorrow).
"""

import numpy as np

from scanner.core.integers import Integers

FACTOR = 10**18  # FACTOR_SCALE
INDEX = 10**15  # BASE_INDEX_SCALE
PRICE = 10**8  # PRICE_SCALE


def accrued_index(index: int, rate: int, seconds: int) -> int:
    """The borrow index after `seconds` at a rate per second: accruedInterestIndices."""
    return index + index * (rate * seconds) // FACTOR


def owed(principal: Integers, index: int) -> Integers:
    """Debt of positive numbers of principal, cut: presentValueBorrow."""
    return np.asarray(principal * index // INDEX, object)


def collateral_value(
    balance: Integers, price: Integers | int, scale: Integers | int, factor: Integers | int
) -> Integers:
    """What collateral counts for, cut twice: mulFactor(mulPrice(balance), liquidateCF).

    >>> collateral_value(np.array([10 * 10**18], object), 336 * 10**8, 10**18, 895 * 10**15)[0]
    300720000000
    """
    return np.asarray((balance * price // scale) * factor // FACTOR, object)


def debt_value(debt: Integers, price: Integers | int, scale: Integers | int) -> Integers:
    """What a debt counts for: signedMulPrice, cut towards zero."""
    return np.asarray(debt * price // scale, object)


def absorbed(
    debt: int, base_price: int, base_scale: int, values: list[tuple[int, int]]
) -> tuple[int, int]:
    """What `absorb` leaves: base paid by the reserves, and the account's new balance.

    `values` are (value of all of one collateral, its liquidation factor).
    """
    delta = sum(value * factor // FACTOR for value, factor in values)
    balance = max(delta * base_scale // base_price - debt, 0)
    return balance + debt, balance


def store_price(price: int, liquidation_factor: int, store_factor: int) -> int:
    """The price at which absorbed collateral is for sale: quoteCollateral's discounted price."""
    discount = store_factor * (FACTOR - liquidation_factor) // FACTOR
    return price * (FACTOR - discount) // FACTOR


def quote_collateral(
    amount: int, base_price: int, base_scale: int, discounted: int, scale: int
) -> int:
    """Collateral for an amount of base at a discounted price."""
    return base_price * amount * scale // discounted // base_scale
