"""The real Compound v2 on a ground: a comptroller, six cTokens and people who borrow there.

Contracts: npm @thenextblock/hardhat-compound 0.0.14, artifacts of compound-protocol with byte code.
The price oracle is ours (UnderlyingOracle.sol), over the ground's feeds.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localchain.abi import MAX, Reverted, encode_call
from localchain.compile import Contract, artifact
from localchain.errors import LocalChainError
from localchain.ground import MULTICALL3, Ground
from localchain.tarballs import unpacked

PACKAGE = "@thenextblock/hardhat-compound"
EXP = 10**18
AGGREGATE = "aggregate3((address,bool,bytes)[])((bool,bytes)[])"
NATIVE = "ETH"

# token: feed, collateral factor in percent
MARKETS = {
    "WETH": ("ETH / USD", 82.5),
    NATIVE: ("ETH / USD", 82.5),
    "WBTC": ("BTC / USD", 70.0),
    "USDC": ("USDC / USD", 85.5),
    "DAI": ("DAI / USD", 83.5),
    "LINK": ("LINK / USD", 79.0),
}


@dataclass(frozen=True)
class Market:
    """One cToken and what it is about; `address` in lower case."""

    token: str
    address: str
    unit: int

    @property
    def scale(self) -> int:
        """What a dollar is in its oracle price."""
        return 10**36 // self.unit


class Compound:
    """Comptroller, oracle and the cTokens of MARKETS."""

    PROTOCOL, NAME, TOKENS = "compound_v2", "pool", tuple(MARKETS)
    PER_YEAR: tuple[int, ...] = ()  # blocks, where the rate model asks for them

    def __init__(self, ground: Ground) -> None:
        self.ground, self.node = ground, ground.node
        self.first_block = self.node.head() + 1
        self.oracle = ground.own("UnderlyingOracle")
        # Steep, so that a few hundred blocks (a second to mine) are worth as many days.
        model = self.contract("WhitePaperInterestRateModel")
        self.rates = ground.create(model, 4 * EXP, 3 * EXP, *self.PER_YEAR)
        self.comptroller = self._deploy()
        self.markets = {token: self._market(token) for token in self.TOKENS}
        self.borrowers_ever: set[str] = set()
        self._seed()

    def contract(self, name: str) -> Contract:
        """A contract of the package by name."""
        folder = unpacked(PACKAGE) / "dist" / "artifacts" / "contracts" / "compound"
        return artifact(folder / f"{name}.sol" / f"{name}.json")

    def _deploy(self) -> str:
        comptroller = self.ground.create(self.contract("Comptroller"))
        self.admin("_setPriceOracle(address)", self.oracle, to=comptroller)
        self.admin("_setCloseFactor(uint256)", EXP // 2, to=comptroller)
        self.admin("_setLiquidationIncentive(uint256)", 108 * EXP // 100, to=comptroller)
        return comptroller

    def admin(self, signature: str, *args: Any, to: str | None = None) -> None:
        """A call of the administrator, which answers 0 where it went well."""
        self.tell(self.node.owner, to or self.comptroller, signature, *args)

    def tell(self, who: str, to: str, signature: str, *args: Any) -> None:
        """A transaction that must answer 0: Compound tells errors by numbers."""
        code = 0 if self.ground.waits else self._code(who, to, signature, *args)
        if code:
            raise LocalChainError(f"{signature} answers error {code}")
        self.ground.send(who, to, signature, *args)

    def _code(self, who: str, to: str, signature: str, *args: Any) -> int:
        data = "0x" + encode_call(signature, *args).hex()
        answer = self.node.rpc("eth_call", {"from": who, "to": to, "data": data}, "latest")
        return int(answer, 16) if answer != "0x" else 0

    def _market(self, token: str) -> Market:
        feed, _ = MARKETS[token]
        unit = EXP if token == NATIVE else self.ground.tokens[token].unit
        address = self._ctoken(token)
        where = (address, self.ground.feeds[feed], 10**28 // unit)
        self.ground.send(self.node.owner, self.oracle, "list(address,address,uint256)", *where)
        self._list(token, address)
        return Market(token, address, unit)

    def _ctoken(self, token: str) -> str:
        """Create a token's cToken."""
        owner = self.node.owner
        common = (self.comptroller, self.rates)
        if token == NATIVE:
            ether = self.contract("CEther")
            return self.ground.create(
                ether, *common, 2 * 10**26, "Compound Ether", "cETH", 8, owner
            )
        underlying = self.ground.tokens[token]
        names = (f"Compound {token}", f"c{token}", 8, owner)
        rate = 2 * 10**8 * underlying.unit
        made = self.contract("CErc20Immutable")
        return self.ground.create(made, underlying.address, *common, rate, *names)

    def _list(self, token: str, address: str) -> None:
        """Bring a cToken into the pool."""
        factor = int(MARKETS[token][1] * 10) * 10**15
        self.admin("_supportMarket(address)", address)
        self.admin("_setCollateralFactor(address,uint256)", address, factor)
        self.admin("_setReserveFactor(uint256)", EXP // 10, to=address)

    def _seed(self) -> None:
        supplier = self.ground.account("compound supplier")
        for token in self.TOKENS:
            self.mint(supplier, token, 10**9 * self.markets[token].unit)

    def feel(self, feed: str, old: int, new: int) -> None:
        """Its oracles read the ground's feeds by themselves."""

    # --- people ---------------------------------------------------------------

    def populate(self, n: int, seed: int = 1) -> list[str]:
        """n accounts with one to three collaterals; some repay, some enter a market for nothing,
        some hold cTokens that they have not entered."""
        people = [self.ground.account(f"{self.PROTOCOL} {seed} {k}") for k in range(n)]
        self.ground.together(
            self._live(who, number, random.Random(f"{seed} {number}"))
            for number, who in enumerate(people)
        )
        return people

    def _live(self, who: str, number: int, draw: random.Random) -> Iterator[None]:
        """One account, step by step."""
        held = draw.sample(sorted(self.TOKENS), draw.choice((1, 1, 2, 3)))
        dollars = 10 ** draw.uniform(2, 6)
        for token in held:
            self.mint(who, token, self.units(token, dollars / len(held)))
        entered = [token for token in held if len(held) == 1 or draw.random() < 0.9]
        idle = draw.sample(sorted(self.TOKENS), 1) if draw.random() < 0.2 else []
        self.enter(who, *entered, *idle)
        self._choose(who, number)
        yield
        wanted = [token for token in self.TOKENS if token != NATIVE]
        part = draw.uniform(0.3, 0.97)
        for token in draw.sample(wanted, draw.choice((1, 1, 2))):
            self.borrow_part(who, token, part)
            yield
            part = draw.uniform(0.3, 0.8)
        if number % 8 == 5:
            self.repay(who, draw.choice((2, 1)))
        yield from self._more(who, number, draw)

    def _more(self, who: str, number: int, draw: random.Random) -> Iterator[None]:
        """What else an account does after it has borrowed."""
        yield

    def _choose(self, who: str, number: int) -> None:
        """What else an account does before it borrows."""

    def units(self, token: str, dollars: float) -> int:
        """So many dollars in units of a token."""
        price = self.ground.feed(MARKETS[token][0]) / 10**8
        return int(dollars / price * self.markets[token].unit)

    def mint(self, who: str, token: str, units: int) -> None:
        """Supply units that come from nowhere."""
        to = self.markets[token].address
        if token == NATIVE:
            self.ground.pay(who, to, "mint()", units)
            return
        self.ground.fund(token, who, units, [to])
        self.tell(who, to, "mint(uint256)", units)

    def enter(self, who: str, *tokens: str) -> None:
        """Enter markets."""
        addresses = [self.markets[token].address for token in tokens]
        self.ground.send(who, self.comptroller, "enterMarkets(address[])", addresses)

    def borrow_part(self, who: str, token: str, part: float) -> None:
        """Borrow a part of what the account may."""
        liquidity = self.liquidity(who)[1]
        units = int(liquidity * EXP // self.price(token) * part)
        if units > 0:
            self.tell(who, self.markets[token].address, "borrow(uint256)", units)
            self.borrowers_ever.add(who)

    def repay(self, who: str, share: int) -> None:
        """Repay one part in `share` of every debt (1: all of it)."""
        for token, market in self.markets.items():
            owed = self.owed(who, token)
            if owed:
                self.ground.fund(token, who, 2 * owed, [market.address])
                units = MAX if share == 1 else owed // share
                self.tell(who, market.address, "repayBorrow(uint256)", units)

    # --- questions and the referee ------------------------------------------------

    def price(self, token: str) -> int:
        """What the oracle answers."""
        signature = "getUnderlyingPrice(address)(uint256)"
        return int(self.ground.call(self.oracle, signature, self.markets[token].address))

    def liquidity(self, who: str) -> tuple[int, int, int]:
        """Error, liquidity and shortfall, as stored."""
        signature = "getAccountLiquidity(address)(uint256,uint256,uint256)"
        found: tuple[int, int, int] = self.ground.call(self.comptroller, signature, who)
        return found

    def owed(self, who: str, token: str) -> int:
        """Debt as stored."""
        signature = "borrowBalanceStored(address)(uint256)"
        return int(self.ground.call(self.markets[token].address, signature, who))

    def within(
        self, prices: dict[str, int], *calls: tuple[str, str, tuple[Any, ...]]
    ) -> list[bytes]:
        """Answers of calls (to, signature, arguments) of Multicall3 in one execution at the head,
        after these prices were forced and all interest was accrued. Nothing stays; raises
        `Reverted` with the reason of the first that did."""
        before: list[tuple[str, str, tuple[Any, ...]]] = [
            (self.oracle, "force(address,uint256)", (self.markets[token].address, price))
            for token, price in prices.items()
        ]
        before += self._accruals()
        rows = [
            (to, True, encode_call(signature, *args)) for to, signature, args in (*before, *calls)
        ]
        answers = self.node.call(MULTICALL3, AGGREGATE, rows)
        for (good, content), (_, signature, _) in zip(answers, (*before, *calls), strict=True):
            if not good:
                raise Reverted(self.node.errors.explain(content), content, signature)
        return [content for _, content in answers[len(before) :]]

    def _accruals(self) -> list[tuple[str, str, tuple[Any, ...]]]:
        return [(market.address, "accrueInterest()", ()) for market in self.markets.values()]

    def shortfall(self, who: str, prices: dict[str, int]) -> int:
        """Shortfall less liquidity at prices, accrued."""
        call = (self.comptroller, "getAccountLiquidity(address)", (who,))
        [answer] = self.within(prices, call)
        error, liquidity, shortfall = (
            int.from_bytes(answer[k : k + 32], "big") for k in (0, 32, 64)
        )
        if error:
            raise LocalChainError(f"getAccountLiquidity answers error {error}")
        return shortfall - liquidity

    def liquidate(
        self, who: str, prices: dict[str, int], debt: str, held: str, units: int
    ) -> tuple[int, int]:
        """liquidateBorrow of so many units by Multicall3: its error code, and cTokens taken."""
        token, market = self.ground.tokens[debt].address, self.markets[debt].address
        collateral = self.markets[held].address
        balance = (collateral, "balanceOf(address)", (who,))
        answers = self.within(
            prices,
            balance,
            (token, "mint(address,uint256)", (MULTICALL3, units)),
            (token, "approve(address,uint256)", (market, MAX)),
            (market, "liquidateBorrow(address,uint256,address)", (who, units, collateral)),
            balance,
        )
        before, code, after = (int.from_bytes(answers[k], "big") for k in (0, 3, 4))
        return code, before - after

    def holdings(self, who: str, at: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
        """Debts in units and entered cTokens of an account at prices, accrued."""
        calls: list[tuple[str, str, tuple[Any, ...]]] = []
        for market in self.markets.values():
            calls.append((market.address, "borrowBalanceStored(address)", (who,)))
            calls.append((market.address, "balanceOf(address)", (who,)))
            member = (who, market.address)
            calls.append((self.comptroller, "checkMembership(address,address)", member))
        told = [int.from_bytes(answer, "big") for answer in self.within(at, *calls)]
        rows = list(zip(self.markets, told[0::3], told[1::3], told[2::3], strict=True))
        debts = {token: owed for token, owed, _, _ in rows if owed}
        return debts, {token: tokens for token, _, tokens, inside in rows if tokens and inside}

    def seizes(self, who: str, at: dict[str, int], debt: str, held: str, units: int) -> int:
        """liquidateCalculateSeizeTokens of the real comptroller."""
        signature = "liquidateCalculateSeizeTokens(address,address,uint256)"
        pair = (self.markets[debt].address, self.markets[held].address)
        return self._seizes(at, signature, *pair, units)

    def _seizes(self, at: dict[str, int], signature: str, *args: Any) -> int:
        [answer] = self.within(at, (self.comptroller, signature, args))
        if any(answer[:32]):
            raise LocalChainError(f"{signature} answers an error")
        return int.from_bytes(answer[32:64], "big")

    def dollars(self, token: str, taken: int, at: dict[str, int]) -> float:
        """What cTokens are worth at prices, accrued."""
        market = self.markets[token]
        [rate] = self.within(at, (market.address, "exchangeRateStored()", ()))
        price = at.get(token) or self.price(token)
        return taken * int.from_bytes(rate, "big") // EXP * price / 10**36

    def deployments_toml(self) -> str:
        """Its row of a deployments file."""
        return (
            "[[market]]\n"
            f'protocol = "{self.PROTOCOL}"\n'
            f'name = "{self.NAME}"\n'
            f"chain_id = {self.ground.chain_id}\n"
            f"first_block = {self.first_block}\n"
            f'comptroller = "{self.comptroller}"\n'
        )


def parts(ground: Ground) -> list[Compound]:
    """Its one market; see mixed.py."""
    return [Compound(ground)]
