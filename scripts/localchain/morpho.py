"""The real Morpho Blue on a ground, with isolated markets and people who borrow there.

Contracts: npm @morpho-org/morpho-blue 1.0.0, compiled as upstream does (solc 0.8.19, via IR). The
oracles are ours (MorphoFeedOracle.sol), over the ground's feeds; its IrmMock is the package's own.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from localchain.abi import MAX
from localchain.compile import Contract, compiled, gather_imports
from localchain.ground import Ground
from localchain.tarballs import unpacked

PACKAGE = "@morpho-org/morpho-blue"
SETTINGS = {"optimizer": {"enabled": True, "runs": 999_999}, "viaIR": True, "evmVersion": "paris"}
PARAMS = "(address,address,address,address,uint256)"
ZERO = "0x" + "00" * 20
WAD = 10**18


def contracts() -> dict[str, Contract]:
    """Morpho and its rate model mock, by name."""
    root = unpacked(PACKAGE)
    sources = gather_imports(["src/Morpho.sol", "src/mocks/IrmMock.sol"], root, ())
    return compiled("morpho", sources, solc="0.8.19", settings=SETTINGS)


@dataclass(frozen=True)
class MorphoPool:
    """One isolated market. `params` is its MarketParams struct, `id` its hash (0x…)."""

    name: str
    collateral: str
    loan: str
    params: tuple[str, str, str, str, int]
    id: str

    @property
    def oracle(self) -> str:
        """Its MorphoFeedOracle."""
        return self.params[2]


# name: collateral, loan, base feed, quote feed, ratio of the base, LLTV, whether interest accrues
MARKETS = {
    "ether": ("WETH", "USDC", "ETH / USD", "USDC / USD", 1.0, 86, True),
    "staked": ("wstETH", "USDC", "ETH / USD", None, 1.2, 86, False),
    "bitcoin": ("WBTC", "USDC", "BTC / USD", "USDC / USD", 1.0, 91.5, True),
    "loop": ("wstETH", "WETH", None, None, 1.2, 94.5, True),
    "short": ("USDC", "WETH", "USDC / USD", "ETH / USD", 1.0, 77, True),
    "link": ("LINK", "DAI", "LINK / USD", "DAI / USD", 1.0, 62.5, False),
    "odd": ("WETH", "LINK", "ETH / USD", "LINK / USD", 1.0, 71, False),
    "reverting": ("WETH", "DAI", "ETH / USD", None, 1.0, 80, False),
    "zero": ("LINK", "USDC", "LINK / USD", None, 1.0, 70, False),
}


class Morpho:
    """Morpho Blue with the markets of MARKETS."""

    PROTOCOL = "morpho_blue"

    def __init__(self, ground: Ground) -> None:
        self.ground, self.node = ground, ground.node
        made = contracts()
        self.first_block = self.node.head() + 1
        self.address = ground.create(made["Morpho"], self.node.owner)
        self.irm = ground.create(made["IrmMock"])
        self.factory = ground.own("PreLiquidationFactoryStandIn", self.address)
        for irm in (ZERO, self.irm):
            ground.send(self.node.owner, self.address, "enableIrm(address)", irm)
        for lltv in sorted({row[5] for row in MARKETS.values()}):
            ground.send(self.node.owner, self.address, "enableLltv(uint256)", _wad(lltv))
        self.markets = {name: self._market(name) for name in MARKETS}
        self.borrowers_ever: set[tuple[str, str]] = set()

    def _market(self, name: str) -> MorphoPool:
        collateral, loan, base, quote, ratio, lltv, accrues = MARKETS[name]
        tokens = self.ground.tokens
        held, lent = tokens[collateral], tokens[loan]
        scale = 10 ** (36 + lent.decimals - held.decimals)
        feeds = [self.ground.feeds[feed] if feed else ZERO for feed in (base, quote)]
        oracle = self.ground.own("MorphoFeedOracle", *feeds, scale)
        self.set_oracle(oracle, ratio=ratio)
        irm = self.irm if accrues else ZERO
        params = (lent.address, held.address, oracle, irm, _wad(lltv))
        self.ground.send(self.node.owner, self.address, f"createMarket({PARAMS})", params)
        types = ["address"] * 4 + ["uint256"]
        market = MorphoPool(
            name, collateral, loan, params, "0x" + keccak(encode(types, params)).hex()
        )
        supplier, units = self.ground.account("morpho supplier"), 10**8 * lent.unit
        self.ground.fund(loan, supplier, units, [self.address])
        signature = f"supply({PARAMS},uint256,uint256,address,bytes)"
        self.ground.send(supplier, self.address, signature, params, units, 0, supplier, b"")
        return market

    def feel(self, feed: str, old: int, new: int) -> None:
        """Its oracles read the ground's feeds by themselves."""

    # --- people ---------------------------------------------------------------

    def populate(self, n: int, seed: int = 1) -> list[str]:
        """n accounts that borrow in one or two of the markets; some repay or add collateral."""
        people = [self.ground.account(f"morpho {seed} {number}") for number in range(n)]
        self.ground.together(
            self._live(who, random.Random(f"{seed} {number}")) for number, who in enumerate(people)
        )
        return people

    def _live(self, who: str, draw: random.Random) -> Iterator[None]:
        """One account, step by step."""
        for name in draw.sample(sorted(MARKETS), draw.choice((1, 1, 2))):
            amount = 10 ** draw.uniform(-1.5, 3)
            self.borrow(who, name, amount, draw.uniform(0.3, 0.97))
            yield
            if draw.random() < 0.15:
                self.repay(who, name, draw.choice((0.5, 1.0)))

    def borrow(self, who: str, market: str, dollars: float, part: float) -> None:
        """Bring collateral worth some thousand dollars and borrow a part of what it carries."""
        pool = self.markets[market]
        held = self.ground.tokens[pool.collateral]
        usd = {"WETH": 2350, "wstETH": 2820, "WBTC": 68_000, "LINK": 15}.get(pool.collateral, 1)
        units = max(int(1000 * dollars / usd * held.unit), 10)
        self.supply_collateral(who, market, units)
        price = self.price(market)
        most = units * price // 10**36 * pool.params[4] // WAD
        self.borrow_units(who, market, max(int(most * part), 1))

    def supply_collateral(self, who: str, market: str, units: int) -> None:
        """Mint and supply collateral."""
        pool = self.markets[market]
        self.ground.fund(pool.collateral, who, units, [self.address])
        signature = f"supplyCollateral({PARAMS},uint256,address,bytes)"
        self.ground.send(who, self.address, signature, pool.params, units, who, b"")

    def borrow_units(self, who: str, market: str, units: int) -> None:
        """Borrow so many units of the loan token."""
        signature = f"borrow({PARAMS},uint256,uint256,address,address)"
        params = self.markets[market].params
        self.ground.send(who, self.address, signature, params, units, 0, who, who)
        self.borrowers_ever.add((who, self.markets[market].id))

    def repay(self, who: str, market: str, part: float) -> None:
        """Repay a part of the borrow shares."""
        pool = self.markets[market]
        shares = self.position(who, market)[1] * int(part * 100) // 100
        self.ground.fund(pool.loan, who, 10**9 * self.ground.tokens[pool.loan].unit, [self.address])
        signature = f"repay({PARAMS},uint256,uint256,address,bytes)"
        self.ground.send(who, self.address, signature, pool.params, 0, shares, who, b"")

    def pre_liquidation(self, market: str, percent: float) -> str:
        """A pre-liquidation contract of a market, by the market's own oracle; its address."""
        oracle, owner = self.markets[market].oracle, self.node.owner
        params = (_wad(percent), WAD // 10, WAD // 2, WAD, 101 * WAD // 100, oracle)
        signature = (
            "createPreLiquidation(bytes32,(uint256,uint256,uint256,uint256,uint256,address))"
        )
        one = bytes.fromhex(self.markets[market].id[2:])
        self.ground.send(owner, self.factory, signature, one, params)
        return str(self.ground.call(self.factory, "last()(address)")).lower()

    def authorize(self, who: str, contract: str) -> None:
        """Let a contract act for the account."""
        self.ground.send(who, self.address, "setAuthorization(address,bool)", contract, True)

    def pre_liquidate(self, who: str, market: str, contract: str) -> None:
        """`preLiquidate` of one share by somebody who can pay; raises `Reverted`."""
        keeper = self.ground.account("morpho pre-liquidator")
        loan = self.markets[market].loan
        self.ground.fund(loan, keeper, 10**6 * self.ground.tokens[loan].unit, [contract])
        signature = "preLiquidate(address,uint256,uint256,bytes)"
        self.ground.send(keeper, contract, signature, who, 0, 10**6, b"")

    # --- questions and the referee ------------------------------------------------

    def price(self, market: str) -> int:
        """What the market's oracle answers; 0 where it does not."""
        return int(self.ground.call(self.markets[market].oracle, "price()(uint256)"))

    def set_oracle(
        self, oracle: str, *, ratio: float = 1.0, broken: bool = False, forced: int = MAX
    ) -> None:
        """Give an oracle a ratio, break it, or force its answer."""
        values = (int(ratio * 10**6) * 10**12, broken, forced)
        self.ground.send(self.node.owner, oracle, "set(uint256,bool,uint256)", *values)

    def break_oracles(self) -> None:
        """The market "reverting" has no price from now on, "zero" answers 0."""
        self.set_oracle(self.markets["reverting"].oracle, broken=True)
        self.set_oracle(self.markets["zero"].oracle, forced=0)

    def position(self, who: str, market: str) -> tuple[int, int, int]:
        """Supply shares, borrow shares, collateral."""
        signature = "position(bytes32,address)(uint256,uint128,uint128)"
        one = bytes.fromhex(self.markets[market].id[2:])
        found: tuple[int, int, int] = self.ground.call(self.address, signature, one, who)
        return found

    def liquidate(self, who: str, market: str, *, seized: int = 0, shares: int = 0) -> None:
        """`liquidate` by somebody who can pay; raises `Reverted`."""
        pool = self.markets[market]
        keeper = self.ground.account("morpho liquidator")
        self.ground.fund(
            pool.loan, keeper, 10**10 * self.ground.tokens[pool.loan].unit, [self.address]
        )
        signature = f"liquidate({PARAMS},address,uint256,uint256,bytes)"
        self.ground.send(keeper, self.address, signature, pool.params, who, seized, shares, b"")

    def deployments_toml(self) -> str:
        """Its row of a deployments file."""
        feeds = {"ETH": "ETH / USD", "BTC": "BTC / USD"}
        rows = "\n".join(f'{name} = "{self.ground.feeds[feed]}"' for name, feed in feeds.items())
        return (
            "[[market]]\n"
            'protocol = "morpho_blue"\n'
            'name = "blue"\n'
            f"chain_id = {self.ground.chain_id}\n"
            f"first_block = {self.first_block}\n"
            f'morpho = "{self.address}"\n'
            f'pre_liquidation_factory = "{self.factory}"\n'
            f"[market.feeds]\n{rows}\n"
        )


def _wad(percent: float) -> int:
    return round(percent * 10) * 10**15


def parts(ground: Ground) -> list[Morpho]:
    """Its one market; see mixed.py."""
    return [Morpho(ground)]
