"""The arithmetic of Aave v3, generation by generation.

Sources (aave-dao/aave-v3-origin, tags v3.1.0 to v3.7.0; npm @aave/core-v3@1.19.3 for v3.0):
`GenericLogic.calculateUserAccountData` (health factor), `LiquidationLogic` (amounts),
`PercentageMath`, `WadRayMath`, `MathUtils`. `POOL_REVISION` tells the generation.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.core.integers import Integers, Wide

RAY = 10**27
WAD = 10**18
BPS = 10_000
BASE_UNIT = 10**8  # USD with 8 decimals: BASE_CURRENCY_UNIT of every Aave v3 oracle
MAX_HEALTH = 2**256 - 1  # what the contract says without debt

CLOSE_FACTOR_HEALTH = 95 * 10**16  # CLOSE_FACTOR_HF_THRESHOLD
SENTINEL_HEALTH = 95 * 10**16  # MINIMUM_HEALTH_FACTOR_LIQUIDATION_THRESHOLD, to v3.6
SMALL_POSITION = 2_000 * BASE_UNIT  # MIN_BASE_MAX_CLOSE_FACTOR_THRESHOLD, v3.3 on
LEAST_LEFTOVER = 1_000 * BASE_UNIT  # MIN_LEFTOVER_BASE, v3.3 on


@dataclass(frozen=True)
class Rules:
    """What differs between the generations, by POOL_REVISION.

    Attributes
    ----------
    version : str
        The first release with these rules, for people.
    floor_ceil : bool
        v3.5 on: balances round down, debts and their value up. Before: half up, value down.
    truncates : bool
        To v3.4: the average threshold is cut to whole basis points before the health factor.
    skips_zero_threshold : bool
        To v3.5: a reserve with threshold 0 is no collateral, even in an e-mode.
    category_emode : bool
        v3.0, v3.1: one e-mode per asset, in its configuration. After: bitmaps per e-mode.
    stable_debt : bool
        v3.0, v3.1: stable-rate debt exists.
    whole_position : bool
        v3.3 on: close factor of the whole position, the 2,000 and 1,000 USD rules.
    grace : bool
        v3.1 on: liquidation grace periods.
    sentinel : bool
        To v3.6: a price oracle sentinel may keep liquidations from being made.
    floor_bonus : bool
        v3.7 on: bonus and fee round against the liquidator.
    second : bool
        Aave v2: close factor always a half, and the bonus before the division.
    """

    version: str
    floor_ceil: bool
    truncates: bool
    skips_zero_threshold: bool
    category_emode: bool
    stable_debt: bool
    whole_position: bool
    grace: bool
    floor_bonus: bool
    sentinel: bool
    second: bool = False


LATEST_REVISION = 11
_VERSIONS = {4: "3.1", 5: "3.2", 6: "3.2.1", 7: "3.3", 8: "3.4", 9: "3.5", 10: "3.6", 11: "3.7"}


def rules_of(revision: int) -> Rules:
    """The rules of a POOL_REVISION; an unknown newer one gets the newest known rules.

    >>> rules_of(1).version, rules_of(10).version, rules_of(10).truncates
    ('3.0', '3.6', False)
    """
    return Rules(
        version=_VERSIONS.get(min(revision, LATEST_REVISION), "3.0"),
        floor_ceil=revision >= 9,
        truncates=revision <= 8,
        skips_zero_threshold=revision <= 9,
        category_emode=revision <= 4,
        stable_debt=revision <= 4,
        whole_position=revision >= 7,
        grace=revision >= 4,
        floor_bonus=revision >= 11,
        sentinel=revision <= 10,
    )


def second_rules() -> Rules:
    """Aave v2: the health factor of v3.0, without e-modes (LENDINGPOOL_REVISION 2)."""
    return replace(rules_of(1), version="2.0", category_emode=False, sentinel=False, second=True)


def ray_mul(amount: Integers, index: Integers | int, rounding: str) -> Integers:
    """`amount * index / 1e27` of Python-integer columns; rounding "half", "floor" or "ceil".

    Source: WadRayMath.rayMul, rayMulFloor, rayMulCeil.
    """
    product = amount * index
    if rounding == "half":
        return (product + RAY // 2) // RAY
    return -(-product // RAY) if rounding == "ceil" else product // RAY


def percent_mul(value: npt.NDArray[Any], percent: Any) -> npt.NDArray[Any]:
    """`value * percent` in basis points, half up. Source: PercentageMath.percentMul.

    >>> int(percent_mul(np.array([142515 * 10**14], object), 7442)[0])
    10605966300000000000
    """
    return np.asarray((value * percent + BPS // 2) // BPS)


def percent_div(value: npt.NDArray[Any], percent: Any) -> npt.NDArray[Any]:
    """`value / percent` in basis points, half up. Source: PercentageMath.percentDiv.

    >>> int(percent_div(np.array([142515 * 10**14], object), np.array([7442], object))[0])
    19150094060736361193
    """
    return np.asarray((value * BPS + percent // 2) // percent)


def compounded(rules: Rules, rate: Integers, seconds: Integers) -> Integers:
    """Compound interest factor of stable debt. [ray]

    Source: MathUtils.calculateCompoundedInterest (a three-term binomial expansion). v2 divides the
    rate by the seconds of a year first.
    """
    year = 365 * 24 * 3600
    less_one = np.maximum(seconds - 1, 0)
    less_two = np.maximum(seconds - 2, 0)
    if rules.second:
        each = rate // year
        square = ray_mul(each, each, "half")
        second = seconds * less_one * square // 2
        third = seconds * less_one * less_two * ray_mul(square, each, "half") // 6
        return np.where(seconds == 0, RAY, RAY + each * seconds + second + third)
    square = ray_mul(rate, rate, "half") // (year * year)
    cube = ray_mul(square, rate, "half") // year
    second = seconds * less_one * square // 2
    third = seconds * less_one * less_two * cube // 6
    factor = RAY + rate * seconds // year + second + third
    return np.where(seconds == 0, RAY, factor)


@dataclass(frozen=True)
class Totals:
    """Sums over a position's legs, in the oracle's base unit (USD * 1e8).

    Attributes
    ----------
    collateral : integer array
        Sum of collateral values.
    weighted : Wide
        Sum of collateral value times threshold in basis points.
    debt : integer array
        Sum of debt values.
    """

    collateral: Integers
    weighted: Wide
    debt: Integers


def healthy(rules: Rules, totals: Totals) -> npt.NDArray[np.bool_]:
    """Health factor >= 1e18, decided without computing it; True without debt.

    The contract's half-up wadDiv makes `(a * 1e18 + b // 2) // b >= 1e18` out of `a >= b`, which is
    `a >= b - (b // 2) // 1e18` in integers.
    """
    slack = (totals.debt // 2) // WAD
    if not rules.truncates:
        edge = Wide.product(totals.debt, BPS) - Wide(np.zeros_like(slack), slack)
        return (totals.weighted - edge).nonnegative()
    average = totals.weighted.quotient(totals.collateral)
    counted = Wide.product(totals.collateral, average)
    edge = Wide.product(totals.debt - slack, BPS)
    half = Wide(np.zeros_like(slack), np.full_like(slack, BPS // 2))
    sound = (counted + half - edge).nonnegative() | (totals.debt == 0)
    return np.asarray(sound, np.bool_)


def health_factors(rules: Rules, totals: Totals) -> npt.NDArray[np.object_]:
    """The health factors that `getUserAccountData` answers, as Python integers (1e18 = 1)."""
    debt = totals.debt.astype(object)
    collateral = totals.collateral.astype(object)
    weighted = totals.weighted.high.astype(object) * 2**30 + totals.weighted.low.astype(object)
    owed = np.where(debt == 0, 1, debt)
    if rules.truncates:
        average = weighted // np.where(collateral == 0, 1, collateral)
        counted = (collateral * average + BPS // 2) // BPS
        factor = (counted * WAD + owed // 2) // owed
    else:
        factor = (weighted * WAD + owed // 2) // owed // BPS
    return np.where(debt == 0, MAX_HEALTH, factor)


@dataclass(frozen=True)
class Pair:
    """Columns of (collateral, debt) pairs that one liquidation call could name.

    All integer arrays of equal length; float64 for a quick view, Python integers to be exact.
    `collateral`, `debt` are balances in token units, `*_base` their values and `total_debt` the
    position's debt in base units, `bonus` e.g. 10_500 and `fee` the protocol's share, both in
    basis points; `health` the health factor (1e18 = 1).
    """

    health: npt.NDArray[Any]
    total_debt: npt.NDArray[Any]
    collateral: npt.NDArray[Any]
    collateral_base: npt.NDArray[Any]
    collateral_price: npt.NDArray[Any]
    collateral_unit: npt.NDArray[Any]
    debt: npt.NDArray[Any]
    debt_base: npt.NDArray[Any]
    debt_price: npt.NDArray[Any]
    debt_unit: npt.NDArray[Any]
    bonus: npt.NDArray[Any]
    fee: npt.NDArray[Any]


@dataclass(frozen=True)
class Seizure:
    """What one call takes: `repay` of debt, `taken` (with the fee) and `fee` of collateral.

    `dust`: where the largest call would leave dust and no smaller one can be made either; only
    coarse tokens (no decimals, a thousand dollars a unit) can be so.
    """

    repay: npt.NDArray[Any]
    taken: npt.NDArray[Any]
    fee: npt.NDArray[Any]
    dust: npt.NDArray[np.bool_] | None = None


def seize(rules: Rules, pair: Pair) -> Seizure:
    """The largest single liquidation call the rules allow, per pair.

    Sources: LiquidationLogic.executeLiquidationCall, _calculateAvailableCollateralToLiquidate;
    before v3.3 `_calculateDebt`; v2 LendingPoolCollateralManager. Where the largest call would
    leave dust (MustNotLeaveDust), the largest that leaves 1,000 USD of both is given.
    """
    gentle = (pair.health > CLOSE_FACTOR_HEALTH) | rules.second
    if not rules.whole_position:
        most = np.where(gentle, percent_mul(pair.debt, 5_000), pair.debt)
        return _exchange(rules, pair, most)
    half = percent_mul(pair.total_debt, 5_000)
    limited = (
        gentle
        & (pair.collateral_base >= SMALL_POSITION)
        & (pair.debt_base >= SMALL_POSITION)
        & (pair.debt_base > half)
    )
    most = np.where(limited, half * pair.debt_unit // pair.debt_price, pair.debt)
    first = _exchange(rules, pair, most)
    kept_debt, kept = pair.debt - first.repay, pair.collateral - first.taken
    dust = (kept_debt > 0) & (kept > 0)
    left = kept_debt * pair.debt_price
    left = -(-left // pair.debt_unit) if rules.floor_ceil else left // pair.debt_unit
    dust &= (left < LEAST_LEFTOVER) | (
        kept * pair.collateral_price // pair.collateral_unit < LEAST_LEFTOVER
    )
    if not dust.any():
        return first
    second = _exchange(rules, pair, np.where(dust, _dustless(pair), most))
    return Seizure(
        np.where(dust, second.repay, first.repay),
        np.where(dust, second.taken, first.taken),
        np.where(dust, second.fee, first.fee),
        np.asarray(dust & ((second.repay == 0) | (second.taken == 0)), np.bool_),
    )


def _dustless(pair: Pair) -> npt.NDArray[Any]:
    """The largest repayment that leaves 1,000 USD of both debt and collateral; not below 0."""
    leave_debt = LEAST_LEFTOVER * pair.debt_unit // pair.debt_price + 1
    leave = LEAST_LEFTOVER * pair.collateral_unit // pair.collateral_price + 1
    base = ((pair.collateral - leave) * BPS - BPS // 2) // pair.bonus
    worth = base * pair.collateral_price * pair.debt_unit
    by_collateral = worth // (pair.debt_price * pair.collateral_unit)
    return np.asarray(np.maximum(np.minimum(pair.debt - leave_debt, by_collateral), 0))


def _exchange(rules: Rules, pair: Pair, most: npt.NDArray[Any]) -> Seizure:
    """Collateral for a repayment of `most`, capped at the collateral there is."""
    base = pair.debt_price * most * pair.collateral_unit
    price = pair.collateral_price * pair.debt_unit
    half = 0 if rules.floor_bonus else BPS // 2
    if rules.second:
        taken = (base * pair.bonus + half) // BPS // price
    else:
        taken = (base // price * pair.bonus + half) // BPS
    capped = taken > pair.collateral
    worth = pair.collateral_price * pair.collateral * pair.debt_unit
    worth = worth // (pair.debt_price * pair.collateral_unit)
    up = -(-worth * BPS // pair.bonus)
    needed = up if rules.floor_ceil else percent_div(worth, pair.bonus)
    taken = np.where(capped, pair.collateral, taken)
    repay = np.where(capped, needed, most)
    rounding = 0 if rules.floor_bonus else pair.bonus // 2
    bonus = taken - (taken * BPS + rounding) // pair.bonus
    if rules.floor_bonus:
        fee = -(-bonus * pair.fee // BPS)
    else:
        fee = percent_mul(bonus, pair.fee)
    return Seizure(repay, taken, fee)
