"""The real Aave v2 on a ground: a pool that quotes in ether, and people who borrow there.

Contracts: npm @aave/protocol-v2 1.0.1, artifacts with byte code. Price feeds in wei are ours
(PriceFeed.sol); wrapped ether has none, its price is one by rule.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localchain.abi import MAX
from localchain.compile import Contract, artifact
from localchain.ground import Ground
from localchain.tarballs import unpacked

PACKAGE = "@aave/protocol-v2"
WAD, RAY = 10**18, 10**27
ZERO = "0x" + "00" * 20
STABLE, VARIABLE = 1, 2

# token: feed in dollars (None: of ether alone), ratio to it, LTV, threshold, bonus in basis points
RESERVES: dict[str, tuple[str | None, float, int, int, int]] = {
    "WETH": (None, 1.0, 8000, 8250, 10500),
    "wstETH": (None, 1.2, 7200, 8100, 10750),
    "WBTC": ("BTC / USD", 1.0, 7200, 8200, 10650),
    "USDC": ("USDC / USD", 1.0, 8700, 8900, 10450),
    "DAI": ("DAI / USD", 1.0, 7700, 9000, 10400),
    "LINK": ("LINK / USD", 1.0, 7500, 8300, 10700),
    "USDT": ("USDT / USD", 1.0, 0, 0, 0),
}


@dataclass(frozen=True)
class Reserve:
    """One reserve; `feed` says its price in wei, None for wrapped ether."""

    token: str
    address: str
    unit: int
    feed: str | None
    atoken: str


class AaveV2:
    """LendingPool, AaveOracle and the reserves of RESERVES."""

    PROTOCOL = "aave_v2"

    def __init__(self, ground: Ground) -> None:
        self.ground, self.node = ground, ground.node
        self.first_block = self.node.head() + 1
        owner = self.node.owner
        self.provider = self._create("LendingPoolAddressesProvider", "local v2")
        libraries = {"GenericLogic": self._create("GenericLogic")}
        for name in ("ReserveLogic", "ValidationLogic"):
            libraries[name] = self._create(name, libraries=libraries)
        pool = self._create("LendingPool", libraries=libraries)
        self._set("setPoolAdmin(address)", owner)
        self._set("setEmergencyAdmin(address)", owner)
        manager = self._create("LendingPoolCollateralManager")
        self._set("setLendingPoolCollateralManager(address)", manager)
        self._set("setLendingPoolImpl(address)", pool)
        self._set(
            "setLendingPoolConfiguratorImpl(address)", self._create("LendingPoolConfigurator")
        )
        self.pool, self.configurator = (
            str(ground.call(self.provider, f"{getter}()(address)")).lower()
            for getter in ("getLendingPool", "getLendingPoolConfigurator")
        )
        self.rates = self._create("LendingRateOracle")
        self._set("setLendingRateOracle(address)", self.rates)
        feeds = {token: self._feed(token) for token in RESERVES if token != "WETH"}
        addresses = [ground.tokens[token].address for token in feeds]
        weth = ground.tokens["WETH"].address
        self.oracle = self._create("AaveOracle", addresses, list(feeds.values()), ZERO, weth)
        self._set("setPriceOracle(address)", self.oracle)
        self.reserves = {token: self._reserve(token, feeds.get(token)) for token in RESERVES}
        self.borrowers_ever: set[str] = set()
        supplier = ground.account("aave v2 supplier")
        for token, reserve in self.reserves.items():
            self.deposit(supplier, token, 10**9 * reserve.unit)

    def _create(self, name: str, *args: Any, libraries: dict[str, str] | None = None) -> str:
        return self.ground.create(_contract(name), *args, libraries=libraries)

    def _set(self, signature: str, value: str) -> None:
        self.ground.send(self.node.owner, self.provider, signature, value)

    def _feed(self, token: str) -> str:
        feed, ratio, *_ = RESERVES[token]
        return self.ground.own("PriceFeed", f"{token} / ETH", 18, self._wei(feed, ratio))

    def _wei(self, feed: str | None, ratio: float) -> int:
        wei = round(ratio * 10**6) * 10**12
        if feed is None:
            return wei
        return wei * self.ground.feed(feed) // self.ground.feed("ETH / USD")

    def _reserve(self, token: str, feed: str | None) -> Reserve:
        ground, owner = self.ground, self.node.owner
        underlying = ground.tokens[token]
        _, _, ltv, threshold, bonus = RESERVES[token]
        strategy = self._create(
            "DefaultReserveInterestRateStrategy",
            self.provider,
            *(9 * RAY // 10, 0, 4 * RAY // 100, 6 * RAY // 10, 2 * RAY // 100, 6 * RAY // 10),
        )
        of = (self.pool, underlying.address)
        made = [self._create("AToken", *of, owner, f"a{token}", f"a{token}", ZERO)]
        for kind in ("StableDebtToken", "VariableDebtToken"):
            made.append(self._create(kind, *of, f"{kind} {token}", f"d{token}", ZERO))
        rate = (underlying.address, 5 * RAY // 100)
        ground.send(owner, self.rates, "setMarketBorrowRate(address,uint256)", *rate)
        signature = "initReserve(address,address,address,uint8,address)"
        self.configure(signature, *made, underlying.decimals, strategy)
        signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
        self.configure(signature, underlying.address, ltv, threshold, bonus)
        self.configure("enableBorrowingOnReserve(address,bool)", underlying.address, True)
        data = self._reserve_data(underlying.address)
        return Reserve(token, underlying.address, underlying.unit, feed, str(data[7]).lower())

    def configure(self, signature: str, *args: Any) -> None:
        """A call of the pool's administrator."""
        self.ground.send(self.node.owner, self.configurator, signature, *args)

    def _reserve_data(self, asset: str) -> tuple[Any, ...]:
        rates = ",".join(["uint128"] * 5)
        types = f"((uint256),{rates},uint40,address,address,address,address,uint8)"
        found: tuple[Any, ...] = self.ground.call(
            self.pool, f"getReserveData(address)({types})", asset
        )
        return found

    def feel(self, feed: str, old: int, new: int) -> None:
        """Prices in ether: with a feed that moved, against ether's."""
        for token, (source, *_) in RESERVES.items():
            if source is not None and source == feed:
                self.set_price(token, self.price(token) * new // old)
            elif source is not None and feed == "ETH / USD":
                self.set_price(token, self.price(token) * old // new)

    # --- people ---------------------------------------------------------------

    def populate(self, n: int, seed: int = 1) -> list[str]:
        """n accounts with one to three collaterals and one or two debts, some at a stable rate;
        some repay, switch a collateral off or send aTokens on."""
        people = [self.ground.account(f"aave v2 {seed} {number}") for number in range(n)]
        self.ground.together(
            self._live(people, number, random.Random(f"{seed} {number}")) for number in range(n)
        )
        return people

    def _live(self, people: list[str], number: int, draw: random.Random) -> Iterator[None]:
        """One account, step by step."""
        who = people[number]
        held = draw.sample(sorted(RESERVES), draw.choice((1, 2, 2, 3)))
        dollars = 10 ** draw.uniform(2.5, 6)
        for token in held:
            self.deposit(who, token, self.units(token, dollars / len(held)))
        yield
        for token in draw.sample(sorted(RESERVES), draw.choice((1, 1, 2))):
            rate = STABLE if number % 5 == 1 and token not in held else VARIABLE
            self.borrow_part(who, token, draw.uniform(0.4, 0.97), rate)
            yield
        if number % 7 == 3:
            self.repay(who, draw.choice((1, 2)))
        if number % 9 == 5 and number > 1:
            self.send_on(who, held[0], people[number - 1])

    def units(self, token: str, dollars: float) -> int:
        """So many dollars in units of a token."""
        ether = self.ground.feed("ETH / USD") / 10**8
        return int(dollars / (self.price(token) / WAD * ether) * self.reserves[token].unit)

    def deposit(self, who: str, token: str, units: int) -> None:
        """Deposit units that come from nowhere."""
        asset = self.reserves[token].address
        self.ground.fund(token, who, units, [self.pool])
        signature = "deposit(address,uint256,address,uint16)"
        self.ground.send(who, self.pool, signature, asset, units, who, 0)

    def borrow_part(self, who: str, token: str, part: float, rate: int = VARIABLE) -> None:
        """Borrow a part of what the account may."""
        units = int(self.account(who)[2] * self.reserves[token].unit / self.price(token) * part)
        if units > 1:
            self.borrow(who, token, units, rate)

    def borrow(self, who: str, token: str, units: int, rate: int = VARIABLE) -> None:
        """Borrow so many units."""
        signature = "borrow(address,uint256,uint256,uint16,address)"
        asset = self.reserves[token].address
        self.ground.send(who, self.pool, signature, asset, units, rate, 0, who)
        self.borrowers_ever.add(who)

    def repay(self, who: str, share: int) -> None:
        """Repay one part in `share` of every debt."""
        for token, (stable, variable) in self.debts(who).items():
            for rate, owed in ((STABLE, stable), (VARIABLE, variable)):
                if owed:
                    self.ground.fund(token, who, 2 * owed, [self.pool])
                    units = MAX if share == 1 else max(owed // share, 1)
                    signature = "repay(address,uint256,uint256,address)"
                    asset = self.reserves[token].address
                    self.ground.send(who, self.pool, signature, asset, units, rate, who)

    def send_on(self, who: str, token: str, to: str) -> None:
        """Send a hundredth of a deposit to somebody."""
        atoken = self.reserves[token].atoken
        units = int(self.ground.call(atoken, "balanceOf(address)(uint256)", who)) // 100
        self.ground.send(who, atoken, "transfer(address,uint256)", to, units)

    # --- questions and the referee ------------------------------------------------

    def price(self, token: str) -> int:
        """What the oracle answers, in wei."""
        asset = self.ground.tokens[token].address
        return int(self.ground.call(self.oracle, "getAssetPrice(address)(uint256)", asset))

    def set_price(self, token: str, wei: int) -> None:
        """Set a reserve's feed."""
        feed = self.reserves[token].feed
        assert feed is not None, "wrapped ether is one by rule"
        self.ground.set_feed(feed, wei)

    def account(self, who: str) -> tuple[int, ...]:
        """getUserAccountData: collateral, debt, available, threshold, LTV, health factor."""
        types = ",".join(["uint256"] * 6)
        found: tuple[int, ...] = self.ground.call(
            self.pool, f"getUserAccountData(address)({types})", who
        )
        return found

    def debts(self, who: str) -> dict[str, tuple[int, int]]:
        """Stable and variable debt by token, where there is any."""
        found = {}
        for token, reserve in self.reserves.items():
            data = self._reserve_data(reserve.address)
            owed = [
                int(self.ground.call(str(data[k]), "balanceOf(address)(uint256)", who))
                for k in (8, 9)
            ]
            if any(owed):
                found[token] = (owed[0], owed[1])
        return found

    def held(self, who: str) -> dict[str, int]:
        """Deposits by token, where they count as collateral."""
        config = self.ground.call(self.pool, "getUserConfiguration(address)((uint256))", who)[0]
        found = {}
        for place, (token, reserve) in enumerate(self.reserves.items()):
            units = int(self.ground.call(reserve.atoken, "balanceOf(address)(uint256)", who))
            if units and config >> (2 * place + 1) & 1:
                found[token] = units
        return found

    def liquidate(self, who: str, debt: str, held: str, units: int = 10**40) -> int:
        """liquidationCall by somebody who can pay; collateral taken. Raises `Reverted`."""
        keeper = self.ground.account("aave v2 liquidator")
        self.ground.fund(debt, keeper, 10**9 * self.reserves[debt].unit, [self.pool])
        balance = (self.reserves[held].atoken, "balanceOf(address)(uint256)", who)
        before = int(self.ground.call(*balance))
        signature = "liquidationCall(address,address,address,uint256,bool)"
        pair = (self.ground.tokens[held].address, self.ground.tokens[debt].address)
        self.ground.send(keeper, self.pool, signature, *pair, who, units, False)
        return before - int(self.ground.call(*balance))

    def deployments_toml(self) -> str:
        """Its row of a deployments file."""
        feeds = {"ETH": "ETH / USD", "BTC": "BTC / USD", "LINK": "LINK / USD"}
        rows = "\n".join(f'{name} = "{self.ground.feeds[feed]}"' for name, feed in feeds.items())
        return (
            "[[market]]\n"
            'protocol = "aave_v2"\n'
            'name = "pool"\n'
            f"chain_id = {self.ground.chain_id}\n"
            f"first_block = {self.first_block}\n"
            f'pool = "{self.pool}"\n'
            f"[market.feeds]\n{rows}\n"
        )


def _contract(name: str) -> Contract:
    root = unpacked(PACKAGE) / "artifacts" / "contracts"
    paths: list[Path] = sorted(root.glob(f"**/{name}.json"))
    return artifact(paths[0])


def parts(ground: Ground) -> list[AaveV2]:
    """Its one market; see mixed.py."""
    return [AaveV2(ground)]
