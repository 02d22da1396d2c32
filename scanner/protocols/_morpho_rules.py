"""The arithmetic of Morpho Blue, on columns of Python integers.

Source: morpho-org/morpho-blue, src/Morpho.sol (_isHealthy, _accrueInterest, liquidate) and
src/libraries/{SharesMathLib,MathLib,ConstantsLib}.sol.
"""

import numpy as np

from scanner.core.integers import Integers

WAD = 10**18
PRICE_SCALE = 10**36  # ORACLE_PRICE_SCALE: loan units of a collateral unit
VIRTUAL_SHARES, VIRTUAL_ASSETS = 10**6, 1
CURSOR, LARGEST_INCENTIVE = 3 * 10**17, 115 * 10**16


def accrued(borrowed: int, rate: int, seconds: int) -> int:
    """totalBorrowAssets with the interest of `seconds` at a per-second rate. [WAD]

    Source: Morpho._accrueInterest; MathLib.wTaylorCompounded (three terms, each floored).
    """
    first = rate * seconds
    second = first * first // (2 * WAD)
    third = second * first // (3 * WAD)
    return borrowed + borrowed * (first + second + third) // WAD


def owed(shares: Integers, assets: Integers, total_shares: Integers) -> Integers:
    """Borrowed assets of borrow shares, rounded up (SharesMathLib.toAssetsUp)."""
    return _up(shares * (assets + VIRTUAL_ASSETS), total_shares + VIRTUAL_SHARES)


def owed_down(shares: Integers, assets: Integers, total_shares: Integers) -> Integers:
    """Borrowed assets of borrow shares, rounded down (SharesMathLib.toAssetsDown)."""
    return np.asarray(shares * (assets + VIRTUAL_ASSETS) // (total_shares + VIRTUAL_SHARES), object)


def largest_debt(collateral: Integers, price: Integers, lltv: Integers) -> Integers:
    """The most that the collateral carries at an oracle price (Morpho._isHealthy)."""
    return np.asarray((collateral * price // PRICE_SCALE) * lltv // WAD, object)


def least_price(collateral: Integers, debt: Integers, lltv: Integers) -> Integers:
    """The least oracle price at which a position is healthy; it has collateral and an LLTV.

    The exact inverse of `_isHealthy`; the SDK's getLiquidationPrice is not (it rounds elsewhere,
    and for dust it is far off).

    >>> least_price(*(np.array([n], object) for n in (3, 5000, 86 * 10**16)))[0] // 10**36
    1938
    """
    return _up(_up(debt * WAD, lltv) * PRICE_SCALE, collateral)


def incentive(lltv: int) -> int:
    """Liquidation incentive factor of an LLTV. [WAD]

    >>> incentive(86 * 10**16)
    1043841336116910229
    """
    return min(LARGEST_INCENTIVE, WAD * WAD // (WAD - CURSOR * (WAD - lltv) // WAD))


def seized(collateral: Integers, repaid: Integers, factor: Integers, price: Integers) -> Integers:
    """Collateral that the largest call takes at an oracle price. There is no close factor.

    Parameters
    ----------
    collateral : integer array
        What there is; a call that would take more reverts, so all of it is named instead.
    repaid : integer array
        Assets of all borrow shares, rounded down.
    factor : integer array
        Liquidation incentive factor. [WAD]
    price : integer array
        Oracle price, above 0.
    """
    bought = (repaid * factor // WAD) * PRICE_SCALE // price
    return np.asarray(np.minimum(bought, collateral), object)


def _up(number: Integers, divisor: Integers) -> Integers:
    return np.asarray(-(-number // divisor), object)
