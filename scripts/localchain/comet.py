"""Two stand-ins of Compound v3 on a ground: one quotes in dollars, one in its base.

Comet is on no package registry: the contract is ours (CometStandIn.sol).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localchain.errors import LocalChainError
from localchain.ground import Ground

FACTOR = 10**18
RATE_BASE, RATE_SLOPE = 317_097_919, 4_756_468_797  # a second: 1 % a year, and 15 % at full use

# Collaterals by the place they have in the contract; the places between are taken by fillers, so
# that some stand beyond the sixteen bits of assetsIn. Feed, its dollars (None: the ground's own
# feed), borrow and liquidate factor in percent.
DOLLARS = {
    0: ("WETH", "ETH / USD", None, 82.5, 89.5),
    3: ("WBTC", "BTC / USD", None, 70.0, 77.0),
    17: ("LINK", "LINK / USD", None, 68.0, 74.0),
    23: ("wstETH", "wstETH / USD", 2820.0, 80.0, 85.0),
}
ETHER = {
    0: ("wstETH", "wstETH / ETH", 1.2, 90.0, 93.0),
    1: ("WBTC", "WBTC / ETH", 68_000 / 2350, 75.0, 80.0),
}


@dataclass(frozen=True)
class Asset:
    """A collateral of a market."""

    token: str
    feed: str
    offset: int


class Comet:
    """One market: `base` is the token it lends; `ether` says that it quotes in that."""

    PROTOCOL = "compound_v3"

    def __init__(self, ground: Ground, name: str, base: str, *, ether: bool = False) -> None:
        self.ground, self.node, self.name, self.base = ground, ground.node, name, base
        self.ether = ether
        self.first_block = self.node.head() + 1
        token = ground.tokens[base]
        if ether:
            self.base_feed = ground.own("PriceFeed", "Constant price feed", 8, 10**8)
        else:
            self.base_feed = ground.feeds[f"{base} / USD"]
        self.address = ground.own(
            "CometStandIn", token.address, self.base_feed, token.decimals, RATE_BASE, RATE_SLOPE
        )
        table = ETHER if ether else DOLLARS
        self.assets: dict[str, Asset] = {}
        for place in range(max(table) + 1):
            self._add(place, table.get(place))
        self.candidates_ever: set[str] = set()
        supplier = ground.account("comet supplier")
        units = 10**9 * token.unit
        ground.fund(base, supplier, units, [self.address])
        self.send(supplier, "supply(address,uint256)", token.address, units)

    def _add(self, place: int, row: tuple[str, str, float | None, float, float] | None) -> None:
        ground = self.ground
        if row is None:
            token = ground.own("TestToken", f"Filler {place}", f"FILL{place}", 18)
            feed, unit, factors = ground.feeds["USDC / USD"], FACTOR, (50.0, 60.0)
        else:
            symbol, text, dollars, borrow, liquidate = row
            token, unit, factors = (
                ground.tokens[symbol].address,
                ground.tokens[symbol].unit,
                (borrow, liquidate),
            )
            if dollars is None:
                feed = ground.feeds[text]
            else:
                feed = ground.own("PriceFeed", text, 8, round(dollars * 10**8))
            self.assets[symbol] = Asset(symbol, feed, place)
        signature = "addAsset(address,address,uint64,uint64,uint64,uint64)"
        weights = [round(value * 10) * 10**15 for value in (*factors, 95.0)]
        self.send(self.node.owner, signature, token, feed, unit, *weights)

    def send(self, who: str, signature: str, *args: Any) -> None:
        """A transaction to the market; raises `Reverted`."""
        self.ground.send(who, self.address, signature, *args)

    def feel(self, feed: str, old: int, new: int) -> None:
        """What has a feed of its own follows the ground's: staked ether in dollars, and in a
        market that quotes in ether all that does not follow it, the other way round."""
        for symbol, asset in self.assets.items():
            if asset.feed in self.ground.feeds.values():
                continue
            price, staked = self.price(symbol), symbol == "wstETH"
            if self.ether:
                if feed == "ETH / USD" and not staked:
                    self.set_price(symbol, price * old // new)
                elif feed == "BTC / USD" and symbol == "WBTC":
                    self.set_price(symbol, price * new // old)
            elif feed == "ETH / USD" and staked:
                self.set_price(symbol, price * new // old)

    # --- people ---------------------------------------------------------------

    def populate(self, n: int, seed: int = 1) -> list[str]:
        """n accounts with one to three collaterals, most of which borrow; some move collateral or
        base among each other, some repay."""
        people = [self.ground.account(f"comet {self.name} {seed} {k}") for k in range(n)]
        self.ground.together(
            self._live(who, number, random.Random(f"{seed} {number}"))
            for number, who in enumerate(people)
        )
        self.ground.together([self._move(people)])
        return people

    def _live(self, who: str, number: int, draw: random.Random) -> Iterator[None]:
        """One account, step by step."""
        for symbol in draw.sample(sorted(self.assets), draw.choice((1, 1, 2))):
            self.supply(who, symbol, 10 ** draw.uniform(2.5, 5.5))
        yield
        if number % 9 != 4:
            self.borrow(who, draw.uniform(0.3, 0.97))

    def _move(self, people: list[str]) -> Iterator[None]:
        """Base among each other, and repayments."""
        for one, other in zip(people[0::7], people[1::7], strict=False):
            if self.owed(one) and self.owed(other):
                self.transfer(one, other, min(self.owed(one), self.owed(other)) // 100)
        yield
        for number, who in enumerate(people):
            if number % 11 == 3 and self.owed(who):
                self.repay(who, 1 if number % 2 else 2)

    def supply(self, who: str, symbol: str, dollars: float) -> None:
        """Bring so many dollars of a collateral."""
        token, price = self.ground.tokens[symbol], self.price(symbol) / 10**8
        if self.ether:
            price *= self.ground.feed("ETH / USD") / 10**8
        units = int(dollars / price * token.unit)
        self.ground.fund(symbol, who, units, [self.address])
        self.send(who, "supply(address,uint256)", token.address, units)
        self.candidates_ever.add(who)

    def borrow(self, who: str, part: float) -> None:
        """Borrow a part of what the account may."""
        units = int(self._room(who) * part)
        self.send(who, "withdraw(address,uint256)", self.ground.tokens[self.base].address, units)

    def transfer(self, who: str, other: str, units: int) -> None:
        """Move base from one account to another."""
        self.send(who, "transfer(address,uint256)", other, units)

    def repay(self, who: str, share: int) -> None:
        """Repay one part in `share` of the debt."""
        token, units = self.ground.tokens[self.base], self.owed(who) // share + (share == 1)
        self.ground.fund(self.base, who, units, [self.address])
        self.send(who, "supply(address,uint256)", token.address, units)

    def _room(self, who: str) -> int:
        """Base that the account's collateral carries."""
        scale = self.ground.tokens[self.base].unit
        value = 0
        for asset in self.assets.values():
            info = self.info(asset.offset)
            balance = self.held(who, asset.token)
            value += balance * self.price(asset.token) // info[3] * info[4] // FACTOR
        return value * scale // int(self.ground.call(self.base_feed, "latestAnswer()(int256)"))

    # --- questions and the referee ------------------------------------------------

    def info(self, offset: int) -> tuple[Any, ...]:
        """getAssetInfo."""
        types = "(uint8,address,address,uint64,uint64,uint64,uint64,uint128)"
        found: tuple[Any, ...] = self.ground.call(
            self.address, f"getAssetInfo(uint8)({types})", offset
        )
        return found

    def price(self, symbol: str) -> int:
        """What a collateral's feed answers."""
        return int(self.ground.call(self.assets[symbol].feed, "latestAnswer()(int256)"))

    def held(self, who: str, symbol: str) -> int:
        """Balance of a collateral."""
        signature = "userCollateral(address,address)(uint128,uint128)"
        token = self.ground.tokens[symbol].address
        return int(self.ground.call(self.address, signature, who, token)[0])

    def principal(self, who: str) -> int:
        """Principal, negative for a borrower."""
        signature = "userBasic(address)(int104,uint64,uint64,uint16,uint8)"
        return int(self.ground.call(self.address, signature, who)[0])

    def owed(self, who: str) -> int:
        """Debt with interest to the head."""
        return int(self.ground.call(self.address, "borrowBalanceOf(address)(uint256)", who))

    def absorb(self, who: str) -> None:
        """`absorb` by anybody; raises `Reverted`."""
        keeper = self.ground.account("comet absorber")
        self.send(keeper, "absorb(address,address[])", keeper, [who])

    def buy(self, who: str, symbol: str, base: int) -> None:
        """`buyCollateral` for so many units of base."""
        token = self.ground.tokens[symbol].address
        self.send(who, "buyCollateral(address,uint256,uint256,address)", token, 0, base, who)

    def set_price(self, symbol: str, answer: int) -> None:
        """Set a collateral's feed."""
        if symbol not in self.assets:
            raise LocalChainError(f"{symbol} is no collateral here")
        self.ground.set_feed(self.assets[symbol].feed, answer)

    def deployments_toml(self) -> str:
        """Its row of a deployments file."""
        feeds = {"ETH": "ETH / USD", "BTC": "BTC / USD"}
        rows = "\n".join(f'{name} = "{self.ground.feeds[feed]}"' for name, feed in feeds.items())
        return (
            "[[market]]\n"
            'protocol = "compound_v3"\n'
            f'name = "{self.name}"\n'
            f"chain_id = {self.ground.chain_id}\n"
            f"first_block = {self.first_block}\n"
            f'comet = "{self.address}"\n'
            f"[market.feeds]\n{rows}\n"
        )


def parts(ground: Ground) -> list[Comet]:
    """One market in dollars and one in ether; see mixed.py."""
    return [Comet(ground, "usdc", "USDC"), Comet(ground, "weth", "WETH", ether=True)]
