"""Deploy a market: Aave v3.0 ("core") or v3.6 ("origin") with our tokens, feeds and settings.

The order matters; the comments say where.
"""

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode

from localchain.build import Build, build, multicall3_code
from localchain.errors import LocalChainError
from localchain.market import (
    FEEDS,
    STAKED_ETHER_GROWTH,
    STAKED_ETHER_RATIO,
    USD,
    Reserve,
    Token,
    e_modes_of,
    reserves_of,
)
from localchain.node import Node

MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
ZERO = "0x" + "00" * 20
TREASURY = "0x" + "7e" * 20
RAY = 10**27

# use ratio, first and second slope of the rate curve, in basis points (the base is per reserve)
OPTIMAL_USE, SLOPE_1, SLOPE_2 = 9000, 350, 6000

INIT_CORE = (
    "initReserves((address,address,address,uint8,address,address,address,address,"
    "string,string,string,string,string,string,bytes)[])"
)
INIT_ORIGIN = "initReserves((address,address,address,string,string,string,string,bytes,bytes)[])"


@dataclass(frozen=True)
class Deployment:
    """Addresses of a market (lower case) and the block its pool appeared in."""

    provider: str
    pool: str
    configurator: str
    oracle: str
    data_provider: str
    populator: str
    prober: str
    feeds: dict[str, str]  # by description
    adapter: str  # wstETH's source: ether feed times ratio
    ratio_provider: str
    tokens: dict[str, Token]
    first_block: int


def deploy(node: Node, flavour: str, spot: float) -> Deployment:
    """Deploy everything; the ether feed starts at `spot` dollars."""
    return _Deployer(node, flavour, build(flavour)).run(spot)


def create(node: Node, flavour: str, name: str, *args: Any) -> str:
    """Deploy one contract by its name; returns the address."""
    return _Deployer(node, flavour, build(flavour)).create(name, *args)


class _Deployer:
    def __init__(self, node: Node, flavour: str, made: Build) -> None:
        self.node = node
        self.flavour = flavour
        self.contracts = made.contracts
        self.libraries: dict[str, str] = {}
        node.errors = made.errors

    def run(self, spot: float) -> Deployment:
        node = self.node
        node.rpc("anvil_setCode", MULTICALL3, multicall3_code())
        reserves = reserves_of(self.flavour)
        assets = {
            r.symbol: self.create("TestToken", r.symbol, r.symbol, r.decimals) for r in reserves
        }
        feeds, ratio_provider, sources = self.price_sources(reserves, spot)

        provider = self.create("PoolAddressesProvider", "local", node.owner)
        oracle = self.roles_and_oracle(provider, assets, sources)
        first_block = node.head() + 1
        strategy, pool, configurator = self.pool_and_configurator(provider)
        # v3.6 asks the pool's address in the constructor; and the configurator asks this
        # contract whether there are suppliers, so it must be known before any setting
        data_provider = self.create("AaveProtocolDataProvider", provider)
        self.own(provider, "setPoolDataProvider(address)", data_provider)

        self.init_reserves(provider, pool, configurator, strategy, reserves, assets)
        for reserve in reserves:
            self.configure(configurator, reserve, assets[reserve.symbol])
        self.e_modes(configurator, reserves, assets)
        return Deployment(
            provider=provider,
            pool=pool,
            configurator=configurator,
            oracle=oracle,
            data_provider=data_provider,
            populator=self.create("Populator", pool),
            prober=self.create("Prober"),
            feeds=feeds,
            adapter=sources["wstETH"],
            ratio_provider=ratio_provider,
            tokens=self.tokens(data_provider, reserves, assets, sources),
            first_block=first_block,
        )

    # --- contracts ------------------------------------------------------------

    def create(self, name: str, *args: Any) -> str:
        """Deploy a contract, its libraries first (each once); returns the address."""
        contract = self.contracts[name]
        code = contract.bytecode
        for library, places in contract.links.items():
            if library not in self.libraries:
                self.libraries[library] = self.create(library)
            address = self.libraries[library][2:]
            for place in places:
                start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                code = code[:start] + address + code[end:]
        data = bytes.fromhex(code) + encode(contract.constructor_types(), args)
        receipt = self.node.transact(self.node.owner, None, data, doing=f"deploying {name}")
        return str(receipt["contractAddress"]).lower()

    def own(self, to: str, signature: str, *args: Any) -> None:
        """A transaction of the owner."""
        self.node.send(self.node.owner, to, signature, *args)

    # --- steps ----------------------------------------------------------------

    def price_sources(
        self, reserves: list[Reserve], spot: float
    ) -> tuple[dict[str, str], str, dict[str, str]]:
        """Feeds by description, the staking ratio, and the oracle's source for each symbol."""
        prices = {**FEEDS, "ETH / USD": spot}
        names = dict.fromkeys(reserve.feed for reserve in reserves)
        feeds = {
            name: self.create("PriceFeed", name, 8, round(prices[name] * USD)) for name in names
        }
        ratio = self.create("RatioProvider", STAKED_ETHER_RATIO)
        sources = {reserve.symbol: feeds[reserve.feed] for reserve in reserves}
        name = "Capped wstETH / ETH / USD"
        sources["wstETH"] = self.create(
            "RatioAdapter", name, feeds["ETH / USD"], ratio, STAKED_ETHER_GROWTH
        )
        return feeds, ratio, sources

    def roles_and_oracle(
        self, provider: str, assets: dict[str, str], sources: dict[str, str]
    ) -> str:
        owner = self.node.owner
        self.own(provider, "setACLAdmin(address)", owner)  # the manager's constructor reads it
        manager = self.create("ACLManager", provider)
        self.own(provider, "setACLManager(address)", manager)
        for role in ("Pool", "Risk", "Emergency", "AssetListing"):
            self.own(manager, f"add{role}Admin(address)", owner)
        listed = [sources[symbol] for symbol in assets]
        oracle = self.create("AaveOracle", provider, list(assets.values()), listed, ZERO, ZERO, USD)
        self.own(provider, "setPriceOracle(address)", oracle)
        return oracle

    def pool_and_configurator(self, provider: str) -> tuple[str, str, str]:
        """Rate strategy (v3.6: one for all; v3.0: none yet), pool and configurator proxies."""
        if self.flavour == "core":
            strategy = ZERO
            pool_code = self.create("Pool", provider)
            configurator_code = self.create("PoolConfigurator")
            for code in (pool_code, configurator_code):  # else anybody may initialise them
                self.own(code, "initialize(address)", provider)
        else:
            strategy = self.create("DefaultReserveInterestRateStrategyV2", provider)
            pool_code = self.create("PoolInstance", provider, strategy)
            configurator_code = self.create("PoolConfiguratorInstance")
        self.own(provider, "setPoolImpl(address)", pool_code)  # makes the proxy
        self.own(provider, "setPoolConfiguratorImpl(address)", configurator_code)
        pool = self.node.call(provider, "getPool()(address)")
        return strategy, pool, self.node.call(provider, "getPoolConfigurator()(address)")

    def init_reserves(
        self,
        provider: str,
        pool: str,
        configurator: str,
        strategy: str,
        reserves: list[Reserve],
        assets: dict[str, str],
    ) -> None:
        inputs: list[tuple[Any, ...]] = []
        if self.flavour == "core":
            atoken, vdebt, sdebt = (
                self.create(name, pool)
                for name in ("AToken", "VariableDebtToken", "StableDebtToken")
            )
            for r in reserves:
                rates = self.create("DefaultReserveInterestRateStrategy", provider, *_core_rates(r))
                names = [f"{kind}{r.symbol}" for kind in "avs" for _ in ("name", "symbol")]
                asset = assets[r.symbol]
                contracts = (atoken, sdebt, vdebt, r.decimals, rates, asset, TREASURY, ZERO)
                inputs.append((*contracts, *names, b""))
            self.own(configurator, INIT_CORE, inputs)
        else:
            atoken = self.create("ATokenInstance", pool, ZERO, TREASURY)
            vdebt = self.create("VariableDebtTokenInstance", pool, ZERO)
            for r in reserves:
                curve = (OPTIMAL_USE, r.base_rate, SLOPE_1, SLOPE_2)
                rates_data = encode(["uint16", "uint32", "uint32", "uint32"], curve)
                names = [f"{kind}{r.symbol}" for kind in "av" for _ in ("name", "symbol")]
                inputs.append((atoken, vdebt, assets[r.symbol], *names, b"", rates_data))
            self.own(configurator, INIT_ORIGIN, inputs)

    def configure(self, configurator: str, reserve: Reserve, asset: str) -> None:
        for signature, *args in (
            (
                "configureReserveAsCollateral(address,uint256,uint256,uint256)",
                reserve.ltv,
                reserve.threshold,
                reserve.bonus,
            ),
            ("setReserveBorrowing(address,bool)", reserve.symbol != "PT"),
            ("setReserveFactor(address,uint256)", reserve.reserve_factor),
            ("setLiquidationProtocolFee(address,uint256)", reserve.protocol_fee),
            ("setReserveFlashLoaning(address,bool)", True),
        ):
            self.own(configurator, str(signature), asset, *args)
        if self.flavour == "core" and reserve.stable_rate:
            self.own(configurator, "setReserveStableRateBorrowing(address,bool)", asset, True)

    def e_modes(self, configurator: str, reserves: list[Reserve], assets: dict[str, str]) -> None:
        core = self.flavour == "core"
        for mode in e_modes_of(self.flavour):
            risk = (mode.id, mode.ltv, mode.threshold, mode.bonus)
            if core:  # one more field: a price source of the category, never used in practice
                signature = "setEModeCategory(uint8,uint16,uint16,uint16,address,string)"
                self.own(configurator, signature, *risk, ZERO, mode.label)
            else:
                signature = "setEModeCategory(uint8,uint16,uint16,uint16,string)"
                self.own(configurator, signature, *risk, mode.label)
        for reserve in reserves:
            asset = assets[reserve.symbol]
            if core:
                if reserve.e_mode:
                    one = "setAssetEModeCategory(address,uint8)"
                    self.own(configurator, one, asset, reserve.e_mode)
                continue
            if reserve.e_mode:
                collateral = "setAssetCollateralInEMode(address,uint8,bool)"
                self.own(configurator, collateral, asset, reserve.e_mode, True)
            for mode_id in reserve.borrowable_in:
                borrowable = "setAssetBorrowableInEMode(address,uint8,bool)"
                self.own(configurator, borrowable, asset, mode_id, True)

    def tokens(
        self,
        data_provider: str,
        reserves: list[Reserve],
        assets: dict[str, str],
        sources: dict[str, str],
    ) -> dict[str, Token]:
        question = "getReserveTokensAddresses(address)(address,address,address)"
        found = {}
        for number, reserve in enumerate(reserves):
            asset = assets[reserve.symbol]
            atoken, sdebt, vdebt = self.node.call(data_provider, question, asset)
            if atoken == ZERO or vdebt == ZERO:
                raise LocalChainError(f"{reserve.symbol} was not listed")
            found[reserve.symbol] = Token(
                symbol=reserve.symbol,
                address=asset,
                decimals=reserve.decimals,
                feed=sources[reserve.symbol],
                atoken=atoken,
                vdebt=vdebt,
                sdebt=None if sdebt == ZERO else sdebt,
                id=number,
                reserve=reserve,
            )
        return found


def _core_rates(reserve: Reserve) -> tuple[int, ...]:
    """Arguments of v3.0's rate strategy after the provider, in ray."""
    ray = RAY // 10_000  # a basis point
    variable = (OPTIMAL_USE, reserve.base_rate, SLOPE_1, SLOPE_2)
    stable = (50, 6000, 100, 800, 2000)  # slopes, offset, excess offset, best stable share
    return tuple(value * ray for value in variable + stable)
