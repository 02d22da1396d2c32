"""Accounts that sit on a stated liquidation price, and the crowd around them.

One volatile collateral and stablecoin debt: liquidatable below debt / (amount * threshold).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localchain import wallets
from localchain.market import ETHER, STAKED_ETHER_RATIO, USD, Token
from localchain.wallets import Op

if TYPE_CHECKING:
    from localchain.chain import LocalChain

SMALL = 1_000  # ether; for less, one unit of USDC is worth more than the feed's last digit
LARGEST_SHARE = 0.012  # of the crowd's ether in one account


@dataclass(frozen=True)
class Whale:
    """Healthy at `price` dollars for an ether, `price_raw` of the feed, and not one unit below.

    From five ether upwards; with less, to the cent.
    """

    address: str
    price: float
    price_raw: int
    ether: float
    debt: str  # symbol of the stablecoin owed


def whales(
    chain: "LocalChain", prices: Sequence[float], total_eth: float, seed: int
) -> list[Whale]:
    """One account per price, `total_eth` between them in similar parts.

    The feed is held above all these prices while they borrow, and put back.
    """
    rng = random.Random(f"whales {seed}")
    number = len(chain.ledger.whales)
    accounts = wallets.create(chain, [f"whale {seed}/{number + i}" for i in range(len(prices))])
    parts = [rng.uniform(0.8, 1.2) for _ in prices]
    made, work = [], []
    for i, (account, price, part) in enumerate(zip(accounts, prices, parts, strict=True)):
        ether = chain.tokens["WETH"]
        units = ether.units(round(total_eth * part / sum(parts), 3))
        small = units < SMALL * ether.unit
        stable = chain.tokens["DAI" if small or i % 2 else "USDC"]
        raw = round(price * USD)
        debt = debt_at(raw, units, ether, stable)
        work.append((account, [wallets.supply(ether, units), wallets.borrow(stable, debt)]))
        made.append(Whale(account, price, raw, units / ETHER, stable.symbol))
    highest = max(prices) * 1.1 / chain.price("WETH")
    _run(chain, work, lift=max(1.0, highest))
    chain.ledger.whales += made
    return made


def crowd(chain: "LocalChain", n: int, total_eth: float, seed: int) -> list[str]:
    """n accounts that hold `total_eth` together, liquidatable at 25 to 95 % of the spot price.

    One in seven holds wstETH (counted in ether). Sizes are heavy-tailed, but no account has
    more than `LARGEST_SHARE` of the whole (if there are enough of them).
    """
    rng = random.Random(f"crowd {seed}")
    accounts = wallets.create(chain, [f"crowd {seed}/{i}" for i in range(n)])
    spot = chain.price("WETH")
    work = []
    for account, amount in zip(accounts, _sizes(rng, n, total_eth), strict=True):
        staked = rng.random() < 1 / 7
        token = chain.tokens["wstETH" if staked else "WETH"]
        stable = chain.tokens[rng.choice(("USDC", "USDC", "DAI", "USDT"))]
        ratio = STAKED_ETHER_RATIO / ETHER if staked else 1
        units = token.units(amount / ratio)
        raw = round(spot * math.exp(-_distance(rng)) * ratio * USD)
        debt = debt_at(raw, units, token, stable)
        work.append((account, [wallets.supply(token, units), wallets.borrow(stable, debt)]))
        chain.ledger.profiles[account] = "crowd"
    _run(chain, work, lift=1.0)
    chain.ledger.wallets += accounts
    return accounts


def debt_at(price_raw: int, units: int, collateral: Token, stable: Token) -> int:
    """Largest debt (units of a stablecoin at one dollar) that is healthy at this price.

    A hair less, for what rounding may add to the debt and take from the collateral: two units
    of it, and three of the oracle's.
    """
    value = units * price_raw * collateral.reserve.threshold // (collateral.unit * 10_000)
    return value * stable.unit // USD - max(2, 3 * stable.unit // USD)


def _run(chain: "LocalChain", work: list[tuple[str, list[Op]]], lift: float) -> None:
    for token, units in wallets.amounts(work, wallets.BORROW).items():
        chain.ensure_liquidity(chain.token_at(token), 3 * units)
    with chain.lifted({"ETH / USD": lift}):
        wallets.run_all(chain, work)


def _distance(rng: random.Random) -> float:
    """Log distance of a liquidation price below spot, as real markets show it."""
    while True:
        distance = abs(rng.gauss(0.45, 0.25))
        if 0.051 < distance < 1.386:  # 95 % and 25 % of spot
            return distance


def _sizes(rng: random.Random, n: int, total: float) -> list[float]:
    """Heavy-tailed sizes of a given sum, none above the largest share."""
    cap = max(LARGEST_SHARE, 3 / n) * total
    sizes = [rng.paretovariate(1.2) for _ in range(n)]
    for _ in range(50):
        scale = total / sum(sizes)
        sizes = [min(size * scale, cap) for size in sizes]
    return sizes
