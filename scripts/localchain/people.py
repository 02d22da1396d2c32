"""Random borrowers, from a seed, and what they do next.

Sizes are heavy-tailed; health factors run from about 1.02 to 4, most of them above 1.1.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localchain import wallets
from localchain.errors import LocalChainError
from localchain.market import E_MODES, Token
from localchain.wallets import Op

if TYPE_CHECKING:
    from localchain.chain import LocalChain

DAY = 86_400
DEBT_BITS = int("01" * 128, 2)  # of a user's configuration: bit 2i is debt in reserve i

# share of each profile among random accounts, in percent
PROFILES = {
    "single": 33,
    "multi": 26,
    "short": 8,
    "eth_loop": 8,
    "stable_loop": 5,
    "mixed_e_mode": 6,
    "supply_only": 5,
    "repaid": 4,
    "dust": 5,
}

VOLATILE = ("WETH", "wstETH", "WBTC", "LINK")
STABLE = ("USDC", "DAI")
DEBTS = ("USDC", "DAI", "USDT", "WETH")

# Accounts open while volatile assets stand this much higher, so that at the present price
# some are closer to liquidation than the loan-to-value limit lets anybody start.
LIFT = 1.06
ACT_AGAIN = 15  # percent of those with debt, while the population grows
ROOM = 0.97  # of what the pool lends at most


@dataclass(frozen=True)
class Book:
    """What an account wants: dollars of collateral and shares of debt by symbol."""

    collateral: dict[str, float]
    debt_shares: dict[str, float]
    health: float
    e_mode: int = 0


def populate(chain: "LocalChain", n: int, seed: int, days: float) -> list[str]:
    """Make n random accounts over `days`; some act again in between. Returns their addresses."""
    rng = random.Random(f"people {seed}")
    profiles = rng.choices(list(PROFILES), weights=list(PROFILES.values()), k=n)
    made = wallets.create(chain, [f"person {seed}/{i}" for i in range(n)])
    prices = {symbol: chain.price(symbol) for symbol in chain.tokens}
    work: list[tuple[str, list[Op]]] = []
    later: list[tuple[str, list[Op]]] = []
    for account, profile in zip(made, profiles, strict=True):
        book = _book(rng, profile)
        work.append((account, _open(chain, book, prices)))
        if profile == "repaid":
            later.append((account, _leave(chain, book, withdraw=rng.random() < 0.5)))
        chain.ledger.profiles[account] = profile
    chain.ledger.wallets += made
    for token, units in wallets.amounts(work, wallets.BORROW).items():
        chain.ensure_liquidity(chain.token_at(token), 3 * units)

    half = len(work) * 3 // 5
    with chain.lifted({"ETH / USD": LIFT, "BTC / USD": LIFT, "LINK / USD": LIFT}):
        wallets.run_all(chain, work[:half])
        chain.pass_time(days * DAY / 2)
        wallets.run_all(chain, work[half:])
    wallets.run_all(chain, later)
    able = _indebted(chain, made)
    act(chain, rng.sample(able, len(able) * ACT_AGAIN // 100), rng)
    chain.pass_time(days * DAY / 2)
    return made


def act_at_random(chain: "LocalChain", n: int, seed: int) -> set[str]:
    """Let n wallets that have debt do something that changes their stored state."""
    rng = random.Random(f"act {seed}")
    able = _indebted(chain, chain.ledger.wallets)
    if len(able) < n:
        raise LocalChainError(f"only {len(able)} random borrowers have debt, {n} were to act")
    return act(chain, rng.sample(able, n), rng)


def act(chain: "LocalChain", accounts: Sequence[str], rng: random.Random) -> set[str]:
    """Let each account do one random thing: what it touches is among these accounts.

    Whoever is refused (a thin health factor, say) supplies something instead.
    """
    if not accounts:
        return set()
    held, flags = chain.holdings(accounts), chain.configurations(accounts)
    prices = {symbol: chain.price(symbol) for symbol in chain.tokens}
    friends = dict(zip(accounts, [*accounts[1:], accounts[0]], strict=True))
    work = [
        (account, _something(chain, rng, account, held[account], flags[account][0], prices, friend))
        for account, friend in friends.items()
    ]
    for token, units in wallets.amounts(work, wallets.BORROW).items():
        chain.ensure_liquidity(chain.token_at(token), 3 * units)
    refused = wallets.run(chain, work)
    ether = chain.tokens["WETH"]
    wallets.run_all(
        chain, [(a, [wallets.supply(ether, ether.units(0.05))]) for a in accounts if a in refused]
    )
    return set(accounts)


# --- inside -------------------------------------------------------------------


def _book(rng: random.Random, profile: str) -> Book:
    size = min(2_000 * rng.paretovariate(1.1), 20e6)
    health = _health(rng)
    stable, other_stable = rng.sample(STABLE, 2)
    if profile in ("single", "repaid"):
        return Book({rng.choice(VOLATILE): size}, {rng.choice((*STABLE, "USDT")): 1}, health)
    if profile == "multi":
        collateral = rng.sample((*VOLATILE, *STABLE), rng.randint(1, 3))
        debts = rng.sample(DEBTS, rng.randint(1, 2))
        return Book(_split(rng, collateral, size), _split(rng, debts, 1), health)
    if profile == "short":
        return Book({stable: size}, {rng.choice(("WETH", "WETH", "WBTC", "LINK")): 1}, health)
    if profile == "eth_loop":
        return Book({"wstETH": 5 * size}, {"WETH": 1}, 1 + (health - 1) / 5, e_mode=1)
    if profile == "stable_loop":
        return Book({stable: 5 * size}, {other_stable: 1}, 1 + (health - 1) / 5, e_mode=2)
    if profile == "mixed_e_mode":
        collateral = ["wstETH", rng.choice(("WBTC", "USDC", "LINK"))]
        return Book(_split(rng, collateral, size), {"WETH": 1}, health, e_mode=1)
    if profile == "supply_only":
        return Book(_split(rng, rng.sample(VOLATILE, rng.randint(1, 2)), size), {}, health)
    if profile == "dust":
        return Book({rng.choice(VOLATILE): rng.uniform(0.05, 5)}, {stable: 1}, health)
    raise ValueError(f"no such profile: {profile}")


def _health(rng: random.Random) -> float:
    if rng.random() < 0.1:
        return rng.uniform(1.02, 1.1)
    return min(1.1 + rng.expovariate(2), rng.uniform(2.5, 4))


def _split(rng: random.Random, symbols: Sequence[str], total: float) -> dict[str, float]:
    parts = [rng.uniform(0.2, 1) for _ in symbols]
    return {s: total * part / sum(parts) for s, part in zip(symbols, parts, strict=True)}


def _open(chain: "LocalChain", book: Book, price: dict[str, float]) -> list[Op]:
    """Supply, then borrow so much that the health factor is as wanted, within the limit."""
    tokens = {s: chain.tokens[s] for s in (*book.collateral, *book.debt_shares)}
    lift = {s: LIFT if s in VOLATILE else 1 for s in tokens}
    risk = {s: _risk(tokens[s], book.e_mode) for s in book.collateral}
    power = sum(usd * risk[s][1] for s, usd in book.collateral.items())
    limit = sum(usd * lift[s] * risk[s][0] for s, usd in book.collateral.items())
    lifted_debt = sum(share * lift[s] for s, share in book.debt_shares.items()) or 1
    debt = min(power / book.health, ROOM * limit / lifted_debt)

    ops = [wallets.enter_e_mode(book.e_mode)] if book.e_mode else []
    ops += [
        wallets.supply(tokens[s], tokens[s].units(usd / price[s]))
        for s, usd in book.collateral.items()
    ]
    ops += [
        wallets.borrow(tokens[s], max(1, tokens[s].units(debt * share / price[s])))
        for s, share in book.debt_shares.items()
    ]
    return ops


def _risk(token: Token, e_mode: int) -> tuple[float, float]:
    """Loan-to-value limit and liquidation threshold of a collateral, as fractions."""
    if e_mode and token.reserve.e_mode == e_mode:
        mode = next(mode for mode in E_MODES if mode.id == e_mode)
        return mode.ltv / 1e4, mode.threshold / 1e4
    return token.reserve.ltv / 1e4, token.reserve.threshold / 1e4


def _leave(chain: "LocalChain", book: Book, *, withdraw: bool) -> list[Op]:
    ops = [wallets.repay(chain.tokens[s]) for s in book.debt_shares]
    if withdraw:
        ops += [wallets.withdraw(chain.tokens[s]) for s in book.collateral]
    return ops


def _indebted(chain: "LocalChain", accounts: Sequence[str]) -> list[str]:
    flags = chain.configurations(accounts)
    return [account for account in accounts if flags[account][0] & DEBT_BITS]


def _something(
    chain: "LocalChain",
    rng: random.Random,
    account: str,
    held: dict[str, tuple[int, int]],
    flags: int,
    prices: dict[str, float],
    friend: str,
) -> list[Op]:
    """One action that fits what the account holds (units of collateral and debt by symbol)."""
    supplied = [s for s, (units, _) in held.items() if units > 1000]
    owed = [s for s, (_, units) in held.items() if units > 1000]
    choices = ["supply"]
    choices += ["borrow", "repay"] if owed else []
    choices += ["withdraw", "flag"] if supplied else []
    choices += ["send"] if supplied and friend != account else []  # to oneself: no change
    what = rng.choice(choices)
    if what in ("borrow", "repay"):
        symbol = rng.choice(owed)
        token, units = chain.tokens[symbol], held[symbol][1] // rng.randint(3, 20)
        return [wallets.borrow(token, units) if what == "borrow" else wallets.repay(token, units)]
    if what == "supply":
        token = chain.tokens[rng.choice(supplied or ["WETH"])]
        return [wallets.supply(token, token.units(rng.uniform(10, 5000) / prices[token.symbol]))]
    symbol = rng.choice(supplied)
    token, units = chain.tokens[symbol], held[symbol][0] // rng.randint(10, 50)
    if what == "withdraw":
        return [wallets.withdraw(token, units)]
    if what == "send":
        return [wallets.send_atoken(token, units, friend)]
    is_collateral = flags >> (2 * token.id + 1) & 1
    return [wallets.use_as_collateral(token, not is_collateral)]
