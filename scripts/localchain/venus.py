"""The real core pool of Venus on a ground: diamond, facets, lens, VAI, and an e-mode pool.

Contracts: npm @venusprotocol/venus-protocol 10.3.0, artifacts with byte code. Access control is
the package's own mock, which lets its owner do everything; the oracle is ours
(UnderlyingOracle.sol).
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localchain.abi import MAX, selector
from localchain.compile import Contract, artifact, canonical
from localchain.compound import EXP, MARKETS, Compound
from localchain.ground import MULTICALL3, Ground
from localchain.tarballs import unpacked

PACKAGE = "@venusprotocol/venus-protocol"
FACETS = ("MarketFacet", "PolicyFacet", "RewardFacet", "SetterFacet")
# token: liquidation threshold in percent, incentive in percent; then of the e-mode pool
CORE = {
    "WETH": (85.0, 110),
    "WBTC": (75.0, 108),
    "USDC": (88.0, 106),
    "DAI": (86.0, 106),
    "LINK": (80.0, 112),
}
STABLE = {"USDC": (95.0, 102), "DAI": (94.0, 103)}
ONLY = {"USDC": (91.0, 103), "WETH": (93.0, 104)}


class Venus(Compound):
    """Comptroller with its facets, the vTokens of CORE, two e-mode pools and VAI.

    The pool "stable" falls back to the core pool for what it does not list, "only" does not.
    """

    PROTOCOL, NAME, TOKENS = "venus", "core", tuple(CORE)
    PER_YEAR = (2_102_400,)

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.pools = {"stable": self._pool("stable", STABLE), "only": self._pool("only", ONLY)}
        self.admin("setAllowCorePoolFallback(uint96,bool)", self.pools["stable"], True)
        self.vai, self.controller = self._vai()

    def contract(self, name: str) -> Contract:
        root = unpacked(PACKAGE) / "artifacts" / "contracts"
        [path] = [p for p in _named(root, name) if "legacy" not in p.parts]
        return artifact(path)

    def _deploy(self) -> str:
        ground, owner = self.ground, self.node.owner
        unitroller = ground.create(self.contract("Unitroller"))
        diamond = ground.create(self.contract("Diamond"))
        ground.send(owner, unitroller, "_setPendingImplementation(address)", diamond)
        ground.send(owner, diamond, "_become(address)", unitroller)
        cut, taken = [], set()
        for name in FACETS:
            facet = self.contract(name)
            mine = [one for one in _selectors(facet) if one not in taken]
            taken |= set(mine)
            cut.append((ground.create(facet), 0, mine))
        ground.send(owner, unitroller, "diamondCut((address,uint8,bytes4[])[])", cut)
        control = ground.create(self.contract("AccessControlManagerMock"), owner)
        lens = ground.create(self.contract("ComptrollerLens"))
        for signature, value in (
            ("_setAccessControl(address)", control),
            ("_setComptrollerLens(address)", lens),
            ("_setPriceOracle(address)", self.oracle),
            ("setDeviationBoundedOracle(address)", self.oracle),
            ("_setCloseFactor(uint256)", EXP // 2),
        ):
            self.admin(signature, value, to=unitroller)
        self.control = control
        return unitroller

    def _ctoken(self, token: str) -> str:
        underlying = self.ground.tokens[token]
        return self.ground.create(
            self.contract("VBep20Immutable"),
            underlying.address,
            self.comptroller,
            self.rates,
            2 * 10**8 * underlying.unit,
            f"Venus {token}",
            f"v{token}",
            8,
            self.node.owner,
        )

    def _list(self, token: str, address: str) -> None:
        threshold, incentive = CORE[token]
        factor = int(MARKETS[token][1] * 10) * 10**15
        self.admin("_supportMarket(address)", address)
        weights = (factor, _percent(threshold))
        self.admin("setCollateralFactor(address,uint256,uint256)", address, *weights)
        self.admin("setLiquidationIncentive(address,uint256)", address, _percent(incentive))
        self.admin("setAccessControlManager(address)", self.control, to=address)
        self.admin("_setReserveFactor(uint256)", EXP // 10, to=address)
        for caps in ("_setMarketSupplyCaps", "_setMarketBorrowCaps"):
            self.admin(f"{caps}(address[],uint256[])", [address], [MAX])
        self.admin("setIsBorrowAllowed(uint96,address,bool)", 0, address, True)
        self.admin("setReduceReservesBlockDelta(uint256)", 10**9, to=address)

    def _pool(self, label: str, tokens: dict[str, tuple[float, int]]) -> int:
        owner, comptroller = self.node.owner, self.comptroller
        self.ground.send(owner, comptroller, "createPool(string)", label)
        number = int(self.ground.call(comptroller, "lastPoolId()(uint96)"))
        addresses = [self.markets[token].address for token in tokens]
        rows = ([number] * len(tokens), addresses)
        self.ground.send(owner, comptroller, "addPoolMarkets(uint96[],address[])", *rows)
        for token, (threshold, incentive) in tokens.items():
            market = self.markets[token].address
            weights = (number, market, _percent(threshold - 2), _percent(threshold))
            self.admin("setCollateralFactor(uint96,address,uint256,uint256)", *weights)
            given = (number, market, _percent(incentive))
            self.admin("setLiquidationIncentive(uint96,address,uint256)", *given)
            self.admin("setIsBorrowAllowed(uint96,address,bool)", number, market, True)
        return number

    def _vai(self) -> tuple[str, str]:
        """VAI and its controller, with interest of 4 % a year and more."""
        ground, owner = self.ground, self.node.owner
        unitroller = ground.create(self.contract("VAIUnitroller"))
        controller = ground.create(self.contract("VAIController"))
        ground.send(owner, unitroller, "_setPendingImplementation(address)", controller)
        ground.send(owner, controller, "_become(address)", unitroller)
        coin = ground.create(self.contract("VAI"), ground.chain_id)
        for minter in (unitroller, MULTICALL3):
            ground.send(owner, coin, "rely(address)", minter)
        for signature, args in (
            ("initialize()", ()),
            ("_setComptroller(address)", (self.comptroller,)),
            ("setAccessControl(address)", (self.control,)),
            ("setVAIToken(address)", (coin,)),
            ("setReceiver(address)", (owner,)),
            ("_setTreasuryData(address,address,uint256)", (owner, owner, 0)),
            ("setMintCap(uint256)", (10**30,)),
            ("setBaseRate(uint256)", (4 * EXP,)),
        ):
            ground.send(owner, unitroller, signature, *args)
        self.admin("_setVAIController(address)", unitroller)
        self.admin("_setVAIMintRate(uint256)", 10_000)
        return coin, unitroller

    # --- people ---------------------------------------------------------------

    def _choose(self, who: str, number: int) -> None:
        if number % 8 == 6:  # what the pool does not list counts for nothing in it
            self.mint(who, "WETH", self.units("WETH", 20_000))
            self.enter(who, "WETH")
        if number % 4 == 2:
            self.enter_pool(who, ("stable", "only")[number % 8 == 6])

    def enter_pool(self, who: str, label: str) -> None:
        """Enter an e-mode pool."""
        self.ground.send(who, self.comptroller, "enterPool(uint96)", self.pools[label])

    def _more(self, who: str, number: int, draw: random.Random) -> Iterator[None]:
        yield
        if number % 4 == 1:  # VAI is for the core pool only
            self.mint_vai(who, draw.uniform(0.2, 0.9))

    def borrow_part(self, who: str, token: str, part: float) -> None:
        """Borrow a part of what the account may, if its pool lends the token."""
        pool = int(self.ground.call(self.comptroller, "userPoolId(address)(uint96)", who))
        lends = {0: CORE, self.pools["stable"]: STABLE, self.pools["only"]: ONLY}[pool]
        signature = "getBorrowingPower(address)(uint256,uint256,uint256)"
        power = self.ground.call(self.comptroller, signature, who)[1]
        token = token if token in lends else next(iter(lends))
        units = int(power * EXP // self.price(token) * part)
        if units > 0:
            self.tell(who, self.markets[token].address, "borrow(uint256)", units)
            self.borrowers_ever.add(who)

    def mint_vai(self, who: str, part: float) -> None:
        """Mint a part of the VAI that the account may."""
        signature = "getMintableVAI(address)(uint256,uint256)"
        _, most = self.ground.call(self.controller, signature, who)
        if int(most * part):
            self.tell(who, self.controller, "mintVAI(uint256)", int(most * part))
            self.borrowers_ever.add(who)

    # --- questions and the referee ------------------------------------------------

    def _accruals(self) -> list[tuple[str, str, tuple[Any, ...]]]:
        return [*super()._accruals(), (self.controller, "accrueVAIInterest()", ())]

    def vai_owed(self, who: str) -> int:
        """VAI to repay, accrued."""
        call = (self.controller, "getVAIRepayAmount(address)", (who,))
        return int.from_bytes(self.within({}, call)[0], "big")

    def holdings(self, who: str, at: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
        debts, held = super().holdings(who, at)
        owed = self.vai_owed(who)
        return {**debts, **({"VAI": owed} if owed else {})}, held

    def seizes(self, who: str, at: dict[str, int], debt: str, held: str, units: int) -> int:
        collateral = self.markets[held].address
        if debt == "VAI":
            signature = "liquidateVAICalculateSeizeTokens(address,uint256)"
            return self._seizes(at, signature, collateral, units)
        signature = "liquidateCalculateSeizeTokens(address,address,address,uint256)"
        return self._seizes(at, signature, who, self.markets[debt].address, collateral, units)

    def liquidate(
        self, who: str, prices: dict[str, int], debt: str, held: str, units: int
    ) -> tuple[int, int]:
        if debt != "VAI":
            return super().liquidate(who, prices, debt, held, units)
        collateral = self.markets[held].address
        balance = (collateral, "balanceOf(address)", (who,))
        answers = self.within(
            prices,
            balance,
            (self.vai, "mint(address,uint256)", (MULTICALL3, 2 * units)),
            (self.vai, "approve(address,uint256)", (self.controller, MAX)),
            (self.controller, "liquidateVAI(address,uint256,address)", (who, units, collateral)),
            balance,
        )
        before, code, after = (int.from_bytes(answers[k][:32], "big") for k in (0, 3, 4))
        return code, before - after


def _named(root: Path, name: str) -> list[Path]:
    return sorted(root.glob(f"**/{name}.json"))


def _selectors(contract: Contract) -> list[bytes]:
    entries = [entry for entry in contract.abi if entry["type"] == "function"]
    signatures = [f"{e['name']}({','.join(map(canonical, e['inputs']))})" for e in entries]
    return [selector(signature) for signature in signatures]


def _percent(value: float) -> int:
    return round(value * 10) * 10**15


def parts(ground: Ground) -> list[Venus]:
    """Its one market; see mixed.py."""
    return [Venus(ground)]
