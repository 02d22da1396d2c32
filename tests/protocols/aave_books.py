"""Random pools and accounts, for the slow model and as the scanner's own columns."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from slow_aave import RAY, Account, Asset, EMode, Pool, balances, rounded

from scanner.core.shocks import Shock, follow
from scanner.core.states import States
from scanner.protocols._aave_book import Book, book_of
from scanner.protocols._aave_market import AaveMarket, EModes, Reserves
from scanner.protocols._aave_rules import rules_of

REVISIONS = (1, 4, 5, 8, 9, 10, 11)
NOW = 1_800_000_000
RATIOS = ((1, 1), (12, 10), (10**18 * 6 // 5 + 12345, 10**18), (7, 9), (103, 100))


@dataclass
class Size:
    """How large: the feed's answer, other prices, and dollars * 1e8 of a position."""

    present: tuple[int, int]
    price: tuple[int, int]
    value: tuple[int, int]
    ratios: tuple[tuple[int, int], ...] = RATIOS


DUST = Size((30, 900), (1, 2_000), (1, 10**6))  # each unit of each sum matters
COARSE = Size((30, 900), (10, 2_000), (10**9, 10**13), ((1, 1),))  # each unit of the feed
USUAL = Size((10**8, 10**13), (10**6, 10**13), (10**8, 10**15))
HUGE = Size((10**9, 10**12), (10**6, 10**13), (10**16, 9 * 10**17))  # up to nine billion dollars
THRESHOLDS = (0, 6_800, 7_500, 7_800, 8_000, 8_000, 8_300, 9_700)


def uniform(rng: random.Random, span: tuple[int, int]) -> int:
    """Log-uniform between two integers."""
    low, high = span
    return min(high, max(low, round(low * (high / low) ** rng.random())))


def random_pool(rng: random.Random, revision: int, size: Size) -> tuple[Pool, int]:
    """Two to seven reserves, some of which follow a feed; its present answer."""
    present = uniform(rng, size.present)
    numbers = rng.sample(range(40), rng.randint(2, 7))
    assets = {}
    for place, number in enumerate(numbers):
        follows = rng.choice(size.ratios) if place == 0 or rng.random() < 0.4 else None
        price = uniform(rng, size.price)
        if follows:
            price = present * follows[0] // follows[1]
            if price == 0:
                follows, price = (1, 1), present
        assets[number] = Asset(
            number=number,
            decimals=rng.choice([0, 2, 6, 8, 18]),
            price=price,
            threshold=rng.choice(THRESHOLDS) if rng.random() < 0.7 else rng.randint(5_000, 9_999),
            income=RAY + rng.randrange(RAY),
            index=RAY + rng.randrange(2 * RAY),
            category=rng.choice([0, 1, 2]) if revision <= 4 else 0,
            follows=follows,
        )
    modes = {
        mode: EMode(
            rng.choice([9_000, 9_500, 9_700]),
            frozenset(n for n in numbers if rng.random() < 0.5),
        )
        for mode in (1, 2, 77)
    }
    if revision <= 4:
        modes.pop(77)
    return Pool(revision, NOW, assets, modes), present


def random_account(rng: random.Random, pool: Pool, size: Size) -> Account:
    """Some collaterals, and debts for which it is mostly, and often barely, healthy."""
    who = Account(mode=rng.choice([0, 0, *pool.modes]))
    numbers = list(pool.assets)
    value = uniform(rng, size.value)
    for number in rng.sample(numbers, rng.randint(0 if rng.random() < 0.05 else 1, len(numbers))):
        who.collateral[number] = scaled(pool.assets[number], value * rng.random(), income=True)
    weighted = sum(
        amount
        * pool.assets[n].price
        // 10 ** pool.assets[n].decimals
        * (max(pool.assets[n].threshold, 1))
        for n, amount in balances(pool, who)[0].items()
    )
    health = rng.choice([0.7, 1.0, 1.0001, 1 + rng.random() * 0.02, 1 + rng.random(), 3.0])
    debt = weighted / 10_000 / health
    owed = rng.sample(numbers, rng.randint(0 if rng.random() < 0.05 else 1, min(3, len(numbers))))
    shares = [rng.random() + 0.01 for _ in owed]
    for number, share in zip(owed, shares, strict=True):
        units = scaled(pool.assets[number], debt * share / sum(shares), income=False)
        if pool.revision <= 4 and rng.random() < 0.4:
            part = units // rng.randint(1, 3)
            rate = rng.randrange(RAY // 3)
            who.stable[number] = (part, rate, NOW - rng.choice([0, 1, 2, 1000, 10**7]))
            units -= part
        who.debt[number] = units
    return who


def scaled(asset: Asset, value: float, *, income: bool) -> int:
    """Scaled balance worth about `value` (USD * 1e8)."""
    units = int(value) * 10**asset.decimals // asset.price
    return rounded(units * RAY, asset.income if income else asset.index, "nearest")


def columns(pool: Pool, people: list[Account]) -> tuple[AaveMarket, States]:
    """The pool and its accounts as the scanner keeps them; account k has address k."""
    assets = list(pool.assets.values())
    n = len(assets)
    stable = {number for who in people for number in who.stable}
    reserves = Reserves(
        number=np.array([a.number for a in assets], np.int64),
        address=[bytes([a.number + 1]) * 20 for a in assets],
        symbol=[f"T{a.number}" for a in assets],
        source=[bytes(20)] * n,
        unit=np.array([10**a.decimals for a in assets], np.int64),
        price=np.array([a.price for a in assets], np.int64),
        threshold=np.array([a.threshold for a in assets], np.int64),
        bonus=np.full(n, 10_500),
        fee=np.full(n, 1_000),
        category=np.array([a.category for a in assets], np.int64),
        barred=np.zeros(n, np.uint8),
        income=[a.income for a in assets],
        debt_index=[a.index for a in assets],
        collateral_token=[bytes(20)] * n,
        debt_token=[bytes(20)] * n,
        stable_token=[bytes(20)] * n,
        debt_total=[0] * n,
        stable_total=[int(a.number in stable) for a in assets],
    )
    used = sorted(pool.modes)
    late = pool.revision > 4
    emodes = EModes(
        number=np.array(used, np.int64),
        threshold=np.array([pool.modes[m].threshold for m in used], np.int64),
        bonus=np.full(len(used), 10_100),
        collateral=np.array(
            [
                [a.number in pool.modes[m].members if late else a.category == m for a in assets]
                for m in used
            ],
            np.bool_,
        ),
    )
    market = AaveMarket(
        protocol="aave_v3",
        name="random",
        chain_id=1,
        pool=bytes(20),
        revision=pool.revision,
        rules=rules_of(pool.revision),
        oracle=bytes(20),
        timestamp=pool.now,
        reserves=reserves,
        emodes=emodes,
        following=(),
        problems=(),
    )
    return market, states_of(people, stable)


def states_of(people: list[Account], stable: set[int]) -> States:
    """Stored states: slot 0 the bitmap, 1 the e-mode, 2 + 5 i and on the balances of reserve i."""
    slots, values, counts = [], [], []
    for who in people:
        owed = {*who.debt, *who.stable}
        bitmap = sum(1 << 2 * n for n in owed) + sum(2 << 2 * n for n in who.collateral)
        rows = {0: bitmap, 1: who.mode}
        rows |= {2 + 5 * n: units for n, units in who.collateral.items()}
        for n in owed:
            rows[3 + 5 * n] = who.debt.get(n, 0)
            if n in stable:
                parts = who.stable.get(n, (0, 0, 0))
                rows |= {4 + 5 * n + k: part for k, part in enumerate(parts)}
        slots += sorted(rows)
        values += [rows[slot] for slot in sorted(rows)]
        counts.append(len(rows))
    words = b"".join(value.to_bytes(32, "big") for value in values)
    return States(
        np.array([list(k.to_bytes(20, "big")) for k in range(len(people))], np.uint8).reshape(
            -1, 20
        ),
        np.array(counts, np.int64),
        np.array(slots, np.int64),
        np.frombuffer(words, np.uint8).reshape(-1, 32),
    )


def shock_on(pool: Pool, market: AaveMarket, present: int) -> Shock:
    """The moving feed as a driver's shock."""
    assets = list(pool.assets.values())
    follows = np.array([a.follows is not None for a in assets], np.bool_)
    ratios = {k: a.follows for k, a in enumerate(assets) if a.follows is not None}
    moved = follow(present, market.reserves.price, follows, ratios)
    return Shock("D", "driver", bytes(20), "D / USD", 10**8, present, follows, *moved)


@dataclass
class Sample:
    """One random pool with its accounts, both ways. `rows` maps a book's positions to accounts."""

    pool: Pool
    people: list[Account]
    present: int
    market: AaveMarket
    book: Book
    shock: Shock
    rows: list[int]


def sample(seed: Any, revision: int, size: Size, accounts: int = 6) -> Sample:
    """A pool of a revision with a handful of accounts."""
    rng = random.Random(f"{seed} {revision}")
    pool, present = random_pool(rng, revision, size)
    people = [random_account(rng, pool, size) for _ in range(accounts)]
    return of(pool, people, present)


def of(pool: Pool, people: list[Account], present: int) -> Sample:
    """A given pool and its accounts, both ways."""
    market, states = columns(pool, people)
    book = book_of(market, states)
    rows = [int.from_bytes(bytes(address), "big") for address in book.accounts]
    return Sample(pool, people, present, market, book, shock_on(pool, market, present), rows)
