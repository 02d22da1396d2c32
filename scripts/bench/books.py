"""Synthetic positions as columns: 2.5 legs each, heavy-tailed sizes, three drivers, some loops.

One draw serves every level: legs for the closed form, stored states for an adapter's book.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core.legs import Legs
from scanner.core.states import States
from scanner.protocols._aave_book import COLLATERAL, CONFIG, DEBT, EMODE, FIRST, KINDS
from scanner.protocols._aave_market import AaveMarket, EModes, Reserves
from scanner.protocols._aave_rules import BASE_UNIT, RAY, rules_of
from scanner.protocols._drivers import Following

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

ETH = 2_350.0


@dataclass(frozen=True)
class Asset:
    """A reserve; `lent` and `owed` are its shares of first collateral and first debt legs."""

    symbol: str
    driver: str | None
    price: float
    decimals: int
    threshold: int
    lent: float
    owed: float


ASSETS = (
    Asset("WETH", "ETH", ETH, 18, 8_300, 0.34, 0.10),
    Asset("wstETH", "ETH", 1.2241 * ETH, 18, 7_950, 0.22, 0.0),
    Asset("weETH", "ETH", 1.0873 * ETH, 18, 7_750, 0.10, 0.0),
    Asset("WBTC", "BTC", 68_000.0, 8, 7_800, 0.12, 0.02),
    Asset("cbBTC", "BTC", 68_000.0, 8, 7_800, 0.06, 0.0),
    Asset("LINK", "LINK", 14.2, 18, 7_100, 0.03, 0.01),
    Asset("USDC", None, 1.0, 6, 7_800, 0.09, 0.45),
    Asset("USDT", None, 1.0, 6, 7_800, 0.02, 0.30),
    Asset("DAI", None, 1.0, 18, 7_700, 0.02, 0.12),
)
SPOTS = {"ETH": ETH, "BTC": 68_000.0, "LINK": 14.2}
_SECOND_COLLATERAL, _SECOND_DEBT = 0.35, 0.15  # 2 legs and half a leg more


@dataclass(frozen=True)
class Draw:
    """Legs as columns, sorted by position, collateral first. `usd` is each leg's value."""

    positions: int
    position: I64
    token: I64
    debt: Bool
    usd: F64


def draw(positions: int, seed: int = 1) -> Draw:
    """Positions from a seed: health factors from 1.02 up, most of them below 3."""
    rng = np.random.default_rng([seed, positions])
    lent = np.array([asset.lent for asset in ASSETS])
    owed = np.array([asset.owed for asset in ASSETS])
    size = len(ASSETS)
    first = rng.choice(size, positions, p=lent / lent.sum())
    debt = rng.choice(size, positions, p=owed / owed.sum())
    both = rng.integers(1, size, (2, positions))
    column = np.stack([first, (first + both[0]) % size, debt, (debt + both[1]) % size], axis=1)
    there = np.ones((positions, 4), np.bool_)
    there[:, 1] = rng.random(positions) < _SECOND_COLLATERAL
    there[:, 3] = rng.random(positions) < _SECOND_DEBT
    worth = np.minimum(2_000.0 * (rng.pareto(1.1, positions) + 1.0), 2e7)
    part = rng.uniform(0.2, 0.8, (2, positions))
    share = np.stack([part[0], 1 - part[0], part[1], 1 - part[1]], axis=1)
    share[:, 0] = np.where(there[:, 1], share[:, 0], 1.0)
    share[:, 2] = np.where(there[:, 3], share[:, 2], 1.0)
    usd = share * worth[:, None]
    threshold = np.array([asset.threshold for asset in ASSETS]) / 1e4
    power = (usd * threshold[column] * there)[:, :2].sum(axis=1)
    usd[:, 2:] = share[:, 2:] * (power / (1.02 + rng.exponential(0.5, positions)))[:, None]
    row, place = np.nonzero(there)
    return Draw(positions, row, column[row, place], place >= 2, usd[row, place])


def legs_of(drawn: Draw) -> Legs:
    """The drawn positions as the core sees them."""
    price = np.array([asset.price for asset in ASSETS])
    threshold = np.array([asset.threshold for asset in ASSETS]) / 1e4
    return Legs(
        positions=drawn.positions,
        position=drawn.position,
        token=drawn.token.astype(np.int32),
        debt=drawn.debt,
        amount=drawn.usd / price[drawn.token],
        value=drawn.usd,
        weight=np.where(drawn.debt, 1.0, threshold[drawn.token]),
    )


def follows(driver: str) -> Bool:
    """Which assets follow a driver."""
    return np.array([asset.driver == driver for asset in ASSETS])


def market(
    revision: int, assets: Sequence[Asset] = ASSETS, spots: Mapping[str, float] = SPOTS
) -> AaveMarket:
    """A pool with these reserves, by its revision's rules; indices a bit above one.

    `spots` are the drivers' own prices [USD].
    """
    size = len(assets)
    price = np.array([round(asset.price * BASE_UNIT) for asset in assets], np.int64)
    address = [bytes([1, *bytes(18), k]) for k in range(size)]
    reserves = Reserves(
        number=np.arange(size),
        address=address,
        symbol=[asset.symbol for asset in assets],
        source=address,
        unit=10 ** np.array([asset.decimals for asset in assets], np.int64),
        price=price,
        threshold=np.array([asset.threshold for asset in assets], np.int64),
        bonus=np.full(size, 10_500, np.int64),
        fee=np.full(size, 1_000, np.int64),
        category=np.zeros(size, np.int64),
        barred=np.zeros(size, np.uint8),
        income=[RAY + RAY // 37 + k for k in range(size)],
        debt_index=[RAY + RAY // 23 + k for k in range(size)],
        collateral_token=address,
        debt_token=address,
        stable_token=[bytes(20)] * size,
        debt_total=[0] * size,
        stable_total=[0] * size,
    )
    none = np.zeros(0, np.int64)
    return AaveMarket(
        protocol="aave_v3",
        name="synthetic",
        chain_id=1,
        pool=bytes(20),
        revision=revision,
        rules=rules_of(revision),
        oracle=bytes(20),
        timestamp=1_771_000_000,
        reserves=reserves,
        emodes=EModes(none, none, none, np.zeros((0, size), np.bool_)),
        following=tuple(_following(asset, spots) for asset in assets),
        problems=(),
    )


def states_of(drawn: Draw, seed: int = 1) -> States:
    """What a ledger would hold of the drawn positions: bitmap, e-mode and scaled balances."""
    rng = np.random.default_rng([seed, 20])
    accounts = rng.integers(0, 256, (drawn.positions, 20), np.uint8)
    accounts[:, :8] = np.sort(accounts[:, :8].copy().view(">u8").ravel())[:, None].view(np.uint8)
    unit = np.array([10.0**asset.decimals for asset in ASSETS])
    price = np.array([asset.price for asset in ASSETS])
    scaled = np.maximum(drawn.usd / price[drawn.token] * unit[drawn.token] / 1.03, 1.0)
    kind = np.where(drawn.debt, DEBT, COLLATERAL)
    head = np.arange(drawn.positions)
    owner = np.concatenate([head, head, drawn.position])
    slot = np.concatenate(
        [
            np.full(drawn.positions, CONFIG),
            np.full(drawn.positions, EMODE),
            FIRST + KINDS * drawn.token + kind,
        ]
    )
    value = np.concatenate([np.zeros((2 * drawn.positions, 32), np.uint8), words(scaled)])
    order = np.lexsort((slot, owner))
    return States(accounts, np.bincount(owner), slot[order], value[order])


def words(whole: F64) -> U8:
    """Numbers from 0 to below 2**128, cut to integers, as big-endian words: (n,) -> (n, 32)."""
    found = np.zeros((len(whole), 4), ">u8")
    high = np.floor(whole / 2.0**64)
    found[:, 2] = high.astype(np.uint64)
    found[:, 3] = (whole - high * 2.0**64).astype(np.uint64)
    return found.view(np.uint8).reshape(-1, 32)


def _following(asset: Asset, spots: Mapping[str, float]) -> Following:
    """Wrapped tokens follow through a rate of 18 decimals that gives their price exactly."""
    spot = round(spots.get(asset.driver or "", asset.price) * BASE_UNIT)
    rate = -(-round(asset.price * BASE_UNIT) * 10**18 // spot)
    return Following(
        driver=asset.driver,
        source="adapter",
        feed=(asset.driver or asset.symbol).encode().ljust(20, b"\0"),
        answer=spot,
        scale=BASE_UNIT,
        description=f"{asset.driver} / USD" if asset.driver else "",
        ratio=(rate, 10**18),
    )
