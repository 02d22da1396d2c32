"""Borrowers whose positions change from scan to scan: prices walk, some act, some are liquidated.

A crowd from `books.draw` opens, closes and moves; planted groups of accounts come, grow, move and
leave by a timetable, so that bands are born and dissolve. Everything follows from one seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench import books
from bench.books import ASSETS, SPOTS, Asset

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

GHOST = len(ASSETS)  # a reserve that the oracle has no price for
RESERVES = (*ASSETS, Asset("MKR", "MKR", 0.0, 18, 6_500, 0.0, 0.0))
NUMBER = {asset.symbol: k for k, asset in enumerate(RESERVES)}
THRESHOLD = np.array([asset.threshold for asset in RESERVES]) / 1e4

CROWD_USD, LARGEST_USD = 9e9, 4e7  # collateral of the crowd, and the most that one of it has
ACTIVE, NEW = 0.004, 0.001  # shares of the crowd that act, and that leave and come, between scans
BONUS = 1.05
END = {"ETH": 2_150.40, "BTC": 67_940.0, "LINK": 14.2}
DROP, DROP_AT = 0.10, 0.72  # one fall that takes two scans, and when


@dataclass(frozen=True)
class Plant:
    """Accounts that are liquidated between `low` and `high` [USD] of the driver.

    `usd` is their collateral at risk in all. From `share` of the history on, each stage
    (share, size, price) multiplies their size and their prices; size 0 is closed. `sizes` are the
    accounts' parts; where None there are `crowd` of the positions, of Pareto sizes.
    """

    collateral: str
    debt: str
    low: float
    high: float
    usd: float
    stages: tuple[tuple[float, float, float], ...]
    sizes: tuple[float, ...] | None = None
    crowd: float = 0.0

    def stage(self, share: float) -> tuple[float, float]:
        """Size and price factor at that share of the history."""
        past = [stage for stage in self.stages if stage[0] <= share]
        return past[-1][1:] if past else (0.0, 1.0)


PLANTS = (
    Plant(
        *("WETH", "USDC", 1_781.09, 1_862.02, 1.06e9),
        stages=((0.25, 0.6, 0.955), (0.45, 0.6, 1.0), (0.6, 1.0, 1.0)),
        sizes=(200.0, 150.0, 120.0, 80.0, 60.0, 40.0),
    ),
    Plant(
        *("wstETH", "DAI", 1_540.0, 1_590.0, 3.2e8),
        stages=((0.0, 1.0, 1.0), (0.7, 0.5, 1.0), (0.8, 0.0, 1.0)),
        crowd=0.006,
    ),
    Plant(
        *("weETH", "USDT", 1_640.0, 1_668.0, 2.4e8),
        stages=((0.85, 0.7, 1.0), (0.95, 1.0, 1.0)),
        crowd=0.004,
    ),
    Plant(
        *("USDC", "WETH", 2_590.0, 2_668.0, 2.48e8),
        stages=((0.0, 0.7, 1.05), (0.35, 0.7, 1.0), (0.5, 1.0, 1.0)),
        crowd=0.003,
    ),
    Plant(
        *("WBTC", "USDC", 55_900.0, 58_200.0, 3.6e8),
        stages=((0.0, 0.8, 0.96), (0.55, 1.0, 1.0)),
        crowd=0.003,
    ),
)


@dataclass(frozen=True)
class Moment:
    """One scan's share of the history, spot prices, reserves at their prices, and balances.

    `index` grows with interest: (collateral, debt). `tokens` are whole tokens of each leg before
    interest; 0 where the account is not there.
    """

    share: float
    spots: dict[str, float]
    reserves: tuple[Asset, ...]
    index: tuple[float, float]
    tokens: F64


class People:
    """The legs of everybody who is ever there, as columns, sorted by position.

    `position`, `token`, `debt`: one entry per leg. About `positions` of the `total` positions are
    there at a time, and exactly so many have known prices at the last scan.
    """

    def __init__(self, positions: int, scans: int, seed: int) -> None:
        self.rng = np.random.default_rng([seed, positions, scans])
        self.scans = scans
        self.counts = [
            len(plant.sizes) if plant.sizes else max(24, round(plant.crowd * positions))
            for plant in PLANTS
        ]
        staying = sum(n for n, p in zip(self.counts, PLANTS, strict=True) if p.stage(1.0)[0])
        self.forgotten = max(4, positions // 2_000)
        self.ghosts = max(2, positions // 1_000)
        self.ring = positions - staying - self.forgotten
        if self.ring < 100:
            raise ValueError(f"{positions} positions are too few for the planted groups")
        self.turn = max(1, round(NEW * self.ring))
        drawn = self.ring + self.turn * (scans - 1)
        crowd = books.draw(drawn + self.forgotten + self.ghosts, seed)
        self.drawn = drawn
        self.odd = slice(drawn, crowd.positions)  # the forgotten and the ghosts
        pairs = [(NUMBER[p.collateral], NUMBER[p.debt]) for p in PLANTS]
        tokens = np.repeat(np.array(pairs).reshape(-1, 2), self.counts, axis=0).ravel()
        planted = sum(self.counts)
        self.total = crowd.positions + planted
        self.position = np.concatenate(
            [crowd.position, crowd.positions + np.repeat(np.arange(planted), 2)]
        )
        self.debt = np.concatenate([crowd.debt, np.tile([False, True], planted)])
        self.token = np.concatenate([crowd.token, tokens])
        ghost = self.position[: len(crowd.token)] >= drawn + self.forgotten
        self.token[: len(ghost)][ghost & ~crowd.debt] = GHOST
        self.first = len(crowd.token)  # the first planted leg
        self.usd = self._sized(crowd)
        self.parts = [self._parts(k) for k in range(len(PLANTS))]

    def _sized(self, crowd: books.Draw) -> F64:
        """Dollars of the crowd's legs, of the forgotten (a few dollars) and of the ghosts."""
        held = np.bincount(crowd.position, np.where(crowd.debt, 0.0, crowd.usd))
        wanted = np.minimum(held * CROWD_USD / held.sum(), LARGEST_USD)
        wanted[self.drawn :] = self.rng.uniform(2.0, 200.0, crowd.positions - self.drawn)
        wanted[self.drawn + self.forgotten :] *= 200.0
        factor = (wanted / held)[crowd.position]
        # Nobody cares to liquidate dust: it stays below a health factor of 1, some as bad debt.
        poor = crowd.position >= self.drawn
        poor &= crowd.position < self.drawn + self.forgotten
        weighted = np.bincount(
            crowd.position, np.where(crowd.debt, 0.0, crowd.usd * THRESHOLD[crowd.token])
        )
        owed = np.bincount(crowd.position, np.where(crowd.debt, crowd.usd, 0.0))
        health = np.append(self.rng.uniform(0.6, 0.95, crowd.positions - 1), 0.5)
        sink = (weighted / owed / health)[crowd.position]
        usd: F64 = crowd.usd * factor * np.where(poor & crowd.debt, sink, 1.0)
        return usd

    def _parts(self, number: int) -> tuple[slice, F64, F64]:
        """A plant's legs, and its accounts' prices [USD] and sizes [USD], the two rims taken."""
        plant, count = PLANTS[number], self.counts[number]
        start = self.first + 2 * sum(self.counts[:number])
        price = self.rng.uniform(plant.low, plant.high, count)
        price[:2] = plant.high, plant.low
        size = np.array(plant.sizes) if plant.sizes else self.rng.pareto(1.6, count) + 1.0
        if plant.sizes is None:
            size = np.minimum(size, 12.0)
        return slice(start, start + 2 * count), price, plant.usd * size / size.sum()

    def moments(self) -> Iterator[Moment]:
        """Every scan of the history, oldest first."""
        walk = _walk(self.rng, self.scans)
        tokens = np.zeros(len(self.token))
        there = np.zeros(self.drawn, np.bool_)
        for k in range(self.scans):
            share = k / max(1, self.scans - 1) if self.scans > 1 else 1.0
            spots = {name: float(path[k]) for name, path in walk.items()}
            index = _index(share)
            reserves = _priced(spots)
            price = np.array([asset.price for asset in reserves])
            if not k:
                priced = np.where(price > 0, price, 1_000.0)[self.token[: self.first]]
                tokens[: self.first] = self.usd / priced
            start = self.turn * k
            now = (np.arange(self.drawn) >= start) & (np.arange(self.drawn) < start + self.ring)
            acts = now & (~there | (self.rng.random(self.drawn) < ACTIVE))
            self._act(tokens, price, index, acts if k else np.zeros_like(acts), now)
            there = now
            self._plant(tokens, share)
            gone = np.zeros(self.total, np.bool_)
            gone[: self.drawn] = ~now
            yield Moment(share, spots, reserves, index, np.where(gone[self.position], 0.0, tokens))

    def _act(
        self, tokens: F64, price: F64, index: tuple[float, float], acts: Bool, now: Bool
    ) -> None:
        """New debts for those who act, and calls on those whose health fell below 1; in place."""
        mine = slice(0, int(np.searchsorted(self.position, self.drawn)))
        position, debt, token = self.position[mine], self.debt[mine], self.token[mine]
        value = tokens[mine] * price[token] * np.where(debt, index[1], index[0])
        held = np.bincount(position, np.where(debt, 0.0, value))
        weighted = np.bincount(position, np.where(debt, 0.0, value * THRESHOLD[token]))
        owed = np.bincount(position, np.where(debt, value, 0.0))
        health = weighted / owed
        fresh = 1.04 + self.rng.exponential(0.5, self.drawn)
        owes = np.where(acts, health / fresh, 1.0)
        keeps = np.ones(self.drawn)
        called = now & ~acts & (health < 1.0)
        target = 1.05 + 0.2 * self.rng.random(self.drawn)
        sold = np.clip((target - health) / (target - BONUS * weighted / held), 0.0, 1.0)
        owes[called] = (1.0 - sold)[called]
        keeps[called] = np.maximum(1.0 - BONUS * sold * owed / held, 0.0)[called]
        tokens[mine] *= np.where(debt, owes[position], keeps[position])

    def _plant(self, tokens: F64, share: float) -> None:
        """The planted accounts' balances at this share of the history; in place."""
        for plant, (legs, prices, sizes) in zip(PLANTS, self.parts, strict=True):
            size, moved = plant.stage(share)
            lent = NUMBER[plant.collateral]
            threshold = THRESHOLD[lent]
            rich, poor = _index(1.0)  # so that the prices are exact at the last scan
            if RESERVES[lent].driver:
                ratio = ASSETS[lent].price / SPOTS[ASSETS[lent].driver or ""]
                tokens[legs][0::2] = size * sizes / (prices * moved * ratio) / rich
                tokens[legs][1::2] = size * sizes * threshold / poor
            else:
                tokens[legs][0::2] = size * sizes / rich
                tokens[legs][1::2] = size * sizes * threshold / (prices * moved) / poor


def _index(share: float) -> tuple[float, float]:
    """A month's interest up to that share of the history: on collateral, on debt."""
    return 1.0 + 0.018 * share / 12, 1.0 + 0.035 * share / 12


def _walk(rng: np.random.Generator, scans: int) -> dict[str, F64]:
    """Spot prices [USD], one per scan: they end at `END`, and fall once together."""
    share = np.linspace(0.0, 1.0, scans) if scans > 1 else np.ones(1)
    common = rng.normal(0.0, 1.0, scans).cumsum()
    fall = DROP * np.clip(1.0 - (share - DROP_AT) * (scans - 1) / 2, 0.0, 1.0)
    fall -= fall[-1]
    paths = {}
    for name, size in (("ETH", 1.0), ("BTC", 0.6), ("LINK", 1.4)):
        steps = common + 0.7 * rng.normal(0.0, 1.0, scans).cumsum()
        bridge = steps - steps[0] - (steps[-1] - steps[0]) * share
        swing = 0.09 * np.tanh(0.07 * bridge / max(1.0, np.sqrt(scans / 30)))
        paths[name] = np.round(END[name] * np.exp(size * (swing + fall)), 6)
    return paths


def _priced(spots: dict[str, float]) -> tuple[Asset, ...]:
    """The reserves at these spot prices; wrapped tokens keep their rate."""
    return tuple(
        replace(asset, price=asset.price / SPOTS[asset.driver] * spots[asset.driver])
        if asset.driver in SPOTS
        else asset
        for asset in RESERVES
    )
