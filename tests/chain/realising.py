"""Real liquidations on a chain of every protocol, and what balances changed by."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localchain import LocalChain
from localchain.mixed import Mixed

BALANCE = "balanceOf(address)(uint256)"
KEEPER = "realised keeper"


@dataclass(frozen=True)
class Truth:
    """One liquidation as balances tell it: units of the debt's token that the liquidator lost (or
    the books), units of collateral that the account lost, and how far a balance may be off."""

    protocol: str
    market: str
    account: str
    debt: str
    repaid: int
    collateral: str
    seized: int
    block: int
    debt_usd: float
    collateral_usd: float
    off: int = 0


def aave(chain: LocalChain, protocol: str, who: str, held: str, debt: str) -> Truth:
    """liquidationCall of all that may be repaid."""
    keeper = chain.account(f"{KEEPER} {who}").address
    token, owed = chain.tokens[held], chain.tokens[debt]
    lost = balance(chain, token.atoken, who)
    # `liquidate` mints to the keeper before it calls: its balance is read around the call's block.
    block = int(chain.liquidate(who, held, debt, liquidator=keeper)["blockNumber"], 16)
    was, now = (
        int(chain.node.call(owed.address, BALANCE, keeper, block=hex(one)))
        for one in (block - 1, block)
    )
    repaid = was - now
    lost -= balance(chain, token.atoken, who)
    prices = [chain.price_raw(symbol) / 10**8 for symbol in (debt, held)]
    return Truth(
        protocol,
        "local",
        who,
        owed.address.lower(),
        repaid,
        token.address.lower(),
        lost,
        block,
        repaid / owed.unit * prices[0],
        lost / token.unit * prices[1],
        off=2,
    )


def balance(chain: Any, token: str, who: str) -> int:
    """Units of a token, at the head."""
    return int(chain.call(token, BALANCE, who))


class Scene:
    """One account in each protocol that a fall of ether makes liquidatable."""

    def __init__(self, mixed: Mixed) -> None:
        self.mixed, self.ground = mixed, mixed.ground
        self.people: dict[str, str] = {}
        for name in ("aave_v3", "spark"):
            self._aave(name)
        for name in ("aave_v2", "compound_v2", "venus", "maker", "morpho_blue", "compound_v3"):
            getattr(self, f"_{name}")(self.ground.account(f"realised {name}"))

    def chain_of(self, protocol: str) -> LocalChain:
        """The Aave v3 generation that a protocol stands for."""
        return self.mixed.aave if protocol == "aave_v3" else self.mixed.part("spark").chain

    def _aave(self, name: str) -> None:
        chain = self.chain_of(name)
        chain.ensure_liquidity(chain.tokens["USDC"], 10**12)
        # Three with one liquidation price: one that is liquidated, one that repays before the
        # fall, one that nobody calls.
        for label in (name, f"{name} repays", f"{name} stays"):
            made = chain.account(f"realised {label}")
            made.supply("WETH", 10)
            made.borrow("USDC", 14_000)
            self.people[label] = made.address

    def _aave_v2(self, who: str) -> None:
        part = self.mixed.part("aave_v2")
        part.deposit(who, "WETH", 10 * 10**18)
        part.borrow_part(who, "USDC", 0.95)
        self.people["aave_v2"] = who

    def _compound_v2(self, who: str, name: str = "compound_v2") -> None:
        part = self.mixed.part(name)
        part.mint(who, "WETH", 10 * 10**18)
        part.enter(who, "WETH")
        part.borrow_part(who, "USDC", 0.95)
        self.people[name] = who

    def _venus(self, who: str) -> None:
        self._compound_v2(who, "venus")
        part, other = self.mixed.part("venus"), self.ground.account("realised vai")
        part.mint(other, "WETH", 10 * 10**18)
        part.enter(other, "WETH")
        part.mint_vai(other, 0.95)
        self.people["vai"] = other

    def _maker(self, who: str) -> None:
        part = self.mixed.part("maker")
        self.people["maker"] = part.open_cdp(who, "ETH-A", 10 * 10**18, 0.95)

    def _morpho_blue(self, who: str) -> None:
        part = self.mixed.part("morpho_blue")
        part.supply_collateral(who, "ether", 10 * 10**18)
        part.borrow_units(who, "ether", 18_000 * 10**6)
        self.people["morpho_blue"] = who
        # Somebody owes when all is over: without any total a scan has nothing that proves it whole.
        safe = self.ground.account("realised morpho safe")
        part.supply_collateral(safe, "ether", 10 * 10**18)
        part.borrow_units(safe, "ether", 5_000 * 10**6)

    def _compound_v3(self, who: str) -> None:
        usdc, weth = (p for p in self.mixed.parts if p.PROTOCOL == "compound_v3")
        usdc.supply(who, "WETH", 20_000)
        usdc.supply(who, "LINK", 5_000)
        usdc.borrow(who, 0.97)
        self.people["compound_v3"] = who
        other = self.ground.account("realised ether")
        weth.supply(other, "WBTC", 20_000)
        weth.borrow(other, 0.97)
        self.people["ether"] = other

    def fall(self, dollars: int = 1_400) -> None:
        """Ether falls for everybody; bitcoin falls in the market that quotes in ether."""
        for name in ("aave_v3", "spark"):
            self.chain_of(name).account(f"realised {name} repays").repay("USDC")
        self.mixed.set_feed("ETH / USD", dollars * 10**8)
        _, weth = (p for p in self.mixed.parts if p.PROTOCOL == "compound_v3")
        weth.set_price("WBTC", weth.price("WBTC") * 4 // 10)

    def all(self) -> Iterator[Truth]:
        """Liquidate everybody, one call each."""
        for name in ("aave_v3", "spark"):
            yield aave(self.chain_of(name), name, self.people[name], "WETH", "USDC")
        yield self.aave_v2()
        for name in ("compound_v2", "venus"):
            yield self.ctokens(name, self.people[name], "USDC")
        yield self.vai()
        yield self.morpho()
        yield self.maker()
        yield from self.comet()

    def head(self) -> int:
        return self.ground.node.head()

    def aave_v2(self) -> Truth:
        part, who = self.mixed.part("aave_v2"), self.people["aave_v2"]
        usdc, weth = (self.ground.tokens[one] for one in ("USDC", "WETH"))
        owed = part.debts(who)["USDC"]
        taken = part.liquidate(who, "USDC", "WETH")
        repaid = sum(owed) - sum(part.debts(who)["USDC"])
        ether = self.ground.feed("ETH / USD") / 10**8
        dollar = part.price("USDC") / 10**18 * ether
        weth_usd = part.price("WETH") / 10**18 * ether
        return Truth("aave_v2", "pool", who, usdc.address.lower(), repaid, weth.address.lower(),
                     taken, self.head(), repaid / 10**6 * dollar, taken / 10**18 * weth_usd,
                     off=2)  # fmt: skip

    def ctokens(self, name: str, who: str, debt: str) -> Truth:
        """liquidateBorrow by a keeper of his own money."""
        part, keeper = self.mixed.part(name), self.ground.account(KEEPER)
        token, market = self.ground.tokens[debt], part.markets[debt].address
        held = part.markets["WETH"].address
        units = part.owed(who, debt) // 3
        self.ground.fund(debt, keeper, 2 * units, [market])
        before = balance(self.ground, token.address, keeper)
        shares = balance(self.ground, held, who)
        part.tell(keeper, market, "liquidateBorrow(address,uint256,address)", who, units, held)
        repaid = before - balance(self.ground, token.address, keeper)
        shares -= balance(self.ground, held, who)
        return self._of_shares(part, name, who, token.address, repaid, shares, debt)

    def _of_shares(
        self, part: Any, name: str, who: str, debt: str, repaid: int, shares: int, symbol: str
    ) -> Truth:
        held = part.markets["WETH"].address
        rate = int(self.ground.call(held, "exchangeRateStored()(uint256)"))
        seized = shares * rate // 10**18
        dollars = 1.0 if symbol == "VAI" else part.price(symbol) / 10**30
        unit = 10**18 if symbol == "VAI" else 10**6
        weth = self.ground.tokens["WETH"].address.lower()
        [row] = [line for line in part.deployments_toml().split("\n") if line.startswith("name")]
        weth_usd = part.price("WETH") / 10**18
        return Truth(name, row.split('"')[1], who, debt.lower(), repaid, weth, seized, self.head(),
                     repaid / unit * dollars, seized / 10**18 * weth_usd)  # fmt: skip

    def vai(self) -> Truth:
        part, keeper, who = (
            self.mixed.part("venus"),
            self.ground.account(KEEPER),
            self.people["vai"],
        )
        held, units = part.markets["WETH"].address, part.vai_owed(self.people["vai"]) // 3
        owner = self.ground.node.owner
        self.ground.send(owner, part.vai, "mint(address,uint256)", keeper, 2 * units)
        self.ground.send(keeper, part.vai, "approve(address,uint256)", part.controller, 2**256 - 1)
        before, shares = balance(self.ground, part.vai, keeper), balance(self.ground, held, who)
        signature = "liquidateVAI(address,uint256,address)"
        self.ground.send(keeper, part.controller, signature, who, units, held)
        repaid = before - balance(self.ground, part.vai, keeper)
        shares -= balance(self.ground, held, who)
        return self._of_shares(part, "venus", who, part.vai, repaid, shares, "VAI")

    def morpho(self) -> Truth:
        part, who = self.mixed.part("morpho_blue"), self.people["morpho_blue"]
        usdc, weth = (self.ground.tokens[one] for one in ("USDC", "WETH"))
        pool = usdc.address, part.address
        held = part.position(who, "ether")[2]
        before = balance(self.ground, *pool)
        part.liquidate(who, "ether", seized=held)
        repaid = balance(self.ground, *pool) - before
        seized = held - part.position(who, "ether")[2]
        price = part.price("ether") / 10**36 * 10**18 / 10**6
        label = f"WETH/USDC-86-{part.markets['ether'].id[2:10]}"
        return Truth("morpho_blue", label, who, usdc.address.lower(), repaid, weth.address.lower(),
                     seized, self.head(), repaid / 10**6, seized / 10**18 * price)  # fmt: skip

    def maker(self) -> Truth:
        part, urn = self.mixed.part("maker"), self.people["maker"]
        before = part.urn("ETH-A", urn)
        part.bite("ETH-A", urn)
        ink, art = (a - b for a, b in zip(before, part.urn("ETH-A", urn), strict=True))
        debt = art * part.ilk("ETH-A")[1] // 10**27
        gem = part.at["ETH"].lower()
        return Truth("maker", "ETH-A", urn, part.vat, debt, gem, ink, self.head(), debt / 10**18,
                     ink / 10**18 * self.ground.feed("ETH / USD") / 10**8)  # fmt: skip

    def comet(self) -> Iterator[Truth]:
        """Both markets; of the first account two collaterals, its debt split by their dollars."""
        usdc, weth = (p for p in self.mixed.parts if p.PROTOCOL == "compound_v3")
        ether = self.ground.feed("ETH / USD") / 10**8
        for part, who, symbols, dollar in (
            (usdc, self.people["compound_v3"], ("WETH", "LINK"), 1.0),
            (weth, self.people["ether"], ("WBTC",), ether),
        ):
            base = self.ground.tokens[part.base]
            owed = part.owed(who)
            held = {symbol: part.held(who, symbol) for symbol in symbols}
            part.absorb(who)
            assert part.owed(who) == 0
            worth = {s: held[s] * part.price(s) // self.ground.tokens[s].unit for s in symbols}
            whole, left = sum(worth.values()), owed
            base_usd = self.ground.call(part.base_feed, "latestAnswer()(int256)") / 10**8 * dollar
            for place, symbol in enumerate(sorted(symbols, key=lambda s: part.assets[s].offset)):
                mine = left if place == len(symbols) - 1 else owed * worth[symbol] // whole
                left -= mine
                token = self.ground.tokens[symbol]
                usd = part.price(symbol) / 10**8 * dollar
                yield Truth("compound_v3", part.name, who, base.address.lower(), mine,
                            token.address.lower(), held[symbol] - part.held(who, symbol),
                            self.head(), mine / base.unit * base_usd,
                            held[symbol] / token.unit * usd)  # fmt: skip
