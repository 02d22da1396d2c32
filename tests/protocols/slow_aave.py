"""Aave v3 in plain Python integers, one account at a time: the referee of the fast code.

Written from the Solidity sources (GenericLogic, WadRayMath, PercentageMath, MathUtils and
StableDebtToken of @aave/core-v3 1.19.3 and aave-v3-origin), not from the scanner, of which it
shares nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

RAY, WAD = 10**27, 10**18
NO_DEBT = 2**256 - 1
YEAR = 365 * 86_400


@dataclass(frozen=True)
class Asset:
    """A reserve. `follows` is (numerator, denominator) of the moving feed, or None."""

    number: int
    decimals: int
    price: int
    threshold: int
    income: int
    index: int
    category: int = 0
    follows: tuple[int, int] | None = None

    def price_at(self, feed: int | None) -> int:
        """Oracle price when the moving feed answers `feed` (None: nothing moved)."""
        if feed is None or self.follows is None:
            return self.price
        return feed * self.follows[0] // self.follows[1]


@dataclass(frozen=True)
class EMode:
    """A category: what it counts for the reserves in it."""

    threshold: int
    members: frozenset[int]


@dataclass
class Account:
    """Scaled balances by reserve number; stable debt as (principal, rate, last update)."""

    mode: int = 0
    collateral: dict[int, int] = field(default_factory=dict)
    debt: dict[int, int] = field(default_factory=dict)
    stable: dict[int, tuple[int, int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pool:
    """A pool of one revision at one moment."""

    revision: int
    now: int
    assets: Mapping[int, Asset]
    modes: Mapping[int, EMode]


def rounded(product: int, unit: int, way: str) -> int:
    """product / unit, down, up or to the nearest (half up)."""
    if way == "down":
        return product // unit
    if way == "up":
        return (product + unit - 1) // unit
    return (product + unit // 2) // unit


def interest(rate: int, since: int, now: int) -> int:
    """MathUtils.calculateCompoundedInterest."""
    exp = now - since
    if exp == 0:
        return RAY
    exp_minus_one, exp_minus_two = exp - 1, exp - 2 if exp > 2 else 0
    power_two = rounded(rate * rate, RAY, "nearest") // (YEAR * YEAR)
    power_three = rounded(power_two * rate, RAY, "nearest") // YEAR
    second = exp * exp_minus_one * power_two // 2
    third = exp * exp_minus_one * exp_minus_two * power_three // 6
    return RAY + rate * exp // YEAR + second + third


def balances(pool: Pool, who: Account) -> tuple[dict[int, int], dict[int, int]]:
    """Token units of collateral and debt by reserve."""
    late = pool.revision >= 9
    held = {
        n: rounded(scaled * pool.assets[n].income, RAY, "down" if late else "nearest")
        for n, scaled in who.collateral.items()
    }
    owed = {
        n: rounded(scaled * pool.assets[n].index, RAY, "up" if late else "nearest")
        for n, scaled in who.debt.items()
    }
    for n, (principal, rate, since) in who.stable.items():
        grown = rounded(principal * interest(rate, since, pool.now), RAY, "nearest")
        owed[n] = owed.get(n, 0) + grown
    return held, owed


def threshold(pool: Pool, who: Account, number: int) -> int:
    """Of one collateral, with the account's e-mode. [basis points]"""
    asset = pool.assets[number]
    mode = pool.modes.get(who.mode) if who.mode else None
    if mode is None:
        return asset.threshold
    inside = asset.category == who.mode if pool.revision <= 4 else number in mode.members
    return mode.threshold if inside else asset.threshold


@dataclass(frozen=True)
class Sums:
    """Collateral, collateral times threshold, debt (USD * 1e8), and the health factor."""

    collateral: int
    weighted: int
    debt: int
    health: int


def data(pool: Pool, who: Account, feed: int | None = None) -> Sums:
    """GenericLogic.calculateUserAccountData when the moving feed answers `feed`."""
    held, owed = balances(pool, who)
    collateral = weighted = debt = 0
    for number, amount in held.items():
        asset = pool.assets[number]
        if pool.revision <= 9 and asset.threshold == 0:
            continue
        value = amount * asset.price_at(feed) // 10**asset.decimals
        collateral += value
        weighted += value * threshold(pool, who, number)
    for number, amount in owed.items():
        asset = pool.assets[number]
        way = "up" if pool.revision >= 9 else "down"
        debt += rounded(amount * asset.price_at(feed), 10**asset.decimals, way)
    if debt == 0:
        return Sums(collateral, weighted, debt, NO_DEBT)
    if pool.revision <= 8:
        average = weighted // collateral if collateral else 0
        counted = rounded(collateral * average, 10_000, "nearest")
        return Sums(collateral, weighted, debt, rounded(counted * WAD, debt, "nearest"))
    health = rounded(weighted * WAD, debt, "nearest") // 10_000
    return Sums(collateral, weighted, debt, health)


def healthy(pool: Pool, who: Account, feed: int) -> bool:
    """Whether the pool refuses to liquidate at this answer of the feed."""
    return data(pool, who, feed).health >= WAD


@dataclass(frozen=True)
class Line:
    """Health as straight lines in the price: weighted collateral and debt, now and what moves.

    In USD * 1e8 * basis points, from the values at present. `uniform` where all collateral has one
    threshold, so that no average is cut.
    """

    weighted: int
    debt: int
    moving: int
    collateral: int
    moving_collateral: int
    uniform: bool

    @property
    def drift(self) -> Fraction:
        """How the margin moves with the feed, as a share of all there is: > 0 dies by a fall."""
        gross = self.weighted + self.debt
        return Fraction(self.moving, gross) if gross else Fraction(0)

    def edges(self, revision: int) -> list[Fraction]:
        """Multiples of the present price where health is 1; with the average cut by a whole basis
        point too where it is cut."""
        cuts = [0] if revision >= 9 or self.uniform else [0, 1]
        return [
            1 - Fraction(self.weighted - cut * self.collateral - self.debt, slope)
            for cut in cuts
            if (slope := self.moving - cut * self.moving_collateral)
        ]


def line(pool: Pool, who: Account) -> Line:
    """The straight lines of an account; see Line."""
    held, owed = balances(pool, who)
    weighted = debt = moving = collateral = moving_collateral = 0
    weights = set()
    for number, amount in held.items():
        asset = pool.assets[number]
        if pool.revision <= 9 and asset.threshold == 0:
            continue
        value = amount * asset.price // 10**asset.decimals
        weight = threshold(pool, who, number)
        weights |= {weight} if amount else set()
        collateral += value
        weighted += value * weight
        if asset.follows:
            moving += value * weight
            moving_collateral += value
    for number, amount in owed.items():
        asset = pool.assets[number]
        way = "up" if pool.revision >= 9 else "down"
        value = rounded(amount * asset.price, 10**asset.decimals, way) * 10_000
        debt += value
        moving -= value if asset.follows else 0
    return Line(weighted, debt, moving, collateral, moving_collateral, len(weights) <= 1)


def first_unhealthy(pool: Pool, who: Account, present: int, step: int, last: int) -> int | None:
    """The first answer, unit by unit from `present` to `last`, at which the account can be
    liquidated; None if at none."""
    for feed in range(present, last + step, step):
        if not healthy(pool, who, feed):
            return feed
    return None
