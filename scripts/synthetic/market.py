"""Reserves, e-modes and price feeds, drawn from a seed; the symbols are those of mainnet."""

from dataclasses import dataclass, field

import numpy as np

from scanner.chain.abi import keccak

RAY, USD = 10**27, 10**8
YEAR = 365 * 24 * 3600
RESERVES, EMODES = 67, 48
LARGEST_ID = 80  # ids below it are drawn, so that there are gaps where reserves were dropped
LARGEST_EMODE = 60
REVISION = 11

# Root feed (its description) -> symbols on it, and the price of a feed in dollars.
GROUPS = {
    "ETH / USD": "WETH wstETH cbETH rETH weETH osETH ETHx rsETH ezETH tETH",
    "BTC / USD": "WBTC tBTC cbBTC LBTC eBTC FBTC",
    "USDC / USD": "USDC USDS sUSDS USDG",
    "DAI / USD": "DAI sDAI",
    "USDT / USD": "USDT syrupUSDT",
    "USDe / USD": "USDe sUSDe eUSDe USDtb PT-sUSDE-31JUL2025 PT-eUSDE-29MAY2025 "
    "PT-eUSDE-14AUG2025 PT-USDe-31JUL2025 PT-sUSDE-25SEP2025 PT-USDe-25SEP2025 "
    "PT-sUSDE-27NOV2025 PT-USDe-27NOV2025 PT-sUSDE-5FEB2026 PT-USDe-5FEB2026 PT-sUSDE-7MAY2026 "
    "PT-USDe-7MAY2026 PT-srUSDe-2APR2026",
}
SINGLE = {
    "LUSD": 1, "FRAX": 1, "GHO": 1, "crvUSD": 1, "PYUSD": 1, "RLUSD": 1, "mUSD": 1, "LINK": 15,
    "AAVE": 180, "CRV": 0.6, "MKR": 1_500, "SNX": 0.8, "BAL": 1.1, "UNI": 7, "LDO": 0.9, "ENS": 18,
    "1INCH": 0.2, "RPL": 5, "STG": 0.17, "KNC": 0.4, "FXS": 2, "XAUt": 4_000, "EURC": 1.16,
    "ETHFI": 1, "PENDLE": 3, "COMP": 40,
}  # fmt: skip
PRICES = {"ETH / USD": 2_350, "BTC / USD": 68_000}  # any other feed of a group: a dollar
DECIMALS = {"USDC": 6, "USDT": 6, "USDG": 6, "PYUSD": 6, "XAUt": 6, "EURC": 6, "syrupUSDT": 6}
POPULAR = {
    "WETH": 30, "wstETH": 20, "WBTC": 12, "USDC": 30, "USDT": 25, "weETH": 12, "cbBTC": 5,
    "DAI": 6, "LINK": 5, "AAVE": 5, "sUSDe": 4, "USDe": 4, "GHO": 6,
}  # fmt: skip
DEBT_ONLY = {"GHO", "USDT", "LUSD", "FRAX", "crvUSD", "PYUSD", "RLUSD", "mUSD"}


@dataclass(frozen=True)
class Feed:
    """A root feed: what it says of itself, and its answer of 8 decimals."""

    address: bytes
    description: str
    answer: int


@dataclass(frozen=True)
class Reserve:
    """One asset. `ratio` (of 18 decimals) makes its source a capped adapter on `feed`.

    `income`, `debt_index` are of the first block [ray], the rates per year [ray]; `threshold` is 0
    for what can only be borrowed.
    """

    number: int
    symbol: str
    decimals: int
    address: bytes
    atoken: bytes
    vdebt: bytes
    source: bytes
    feed: Feed
    ratio: int | None
    ltv: int
    threshold: int
    bonus: int
    income: int
    debt_index: int
    supply_rate: int
    borrow_rate: int
    popular: float

    @property
    def price(self) -> int:
        """Dollars with 8 decimals."""
        answer = self.feed.answer
        return answer if self.ratio is None else answer * self.ratio // 10**18

    def indices(self, seconds: int) -> tuple[int, int]:
        """Normalized income and debt, so many seconds after the first block. Grow in a line."""
        grown = (
            index + index * rate // RAY * seconds // YEAR
            for index, rate in (
                (self.income, self.supply_rate),
                (self.debt_index, self.borrow_rate),
            )
        )
        income, debt_index = grown
        return income, debt_index

    @property
    def configuration(self) -> int:
        """DataTypes.ReserveConfigurationMap: active, borrowable, a protocol fee of 10 %."""
        word = self.ltv | self.threshold << 16 | self.bonus << 32 | self.decimals << 48
        return word | 1 << 56 | 1 << 58 | 1_000 << 152


@dataclass(frozen=True)
class EMode:
    """A category; `members` are indices of reserves, `bitmap` has their ids."""

    number: int
    ltv: int
    threshold: int
    bonus: int
    members: tuple[int, ...]
    bitmap: int


@dataclass(frozen=True)
class MarketShape:
    """One market: contracts, reserves in the order of their ids, e-modes."""

    pool: bytes
    provider: bytes
    oracle: bytes
    reserves: list[Reserve]
    emodes: list[EMode]
    feeds: list[Feed] = field(repr=False)


def market_of(seed: int) -> MarketShape:
    """The market of a seed."""
    dice = np.random.default_rng([seed, 1])

    def named(what: str) -> bytes:
        return keccak(f"{seed} {what}".encode())[:20]

    numbers = sorted(dice.choice(LARGEST_ID, RESERVES, replace=False).tolist())
    placed = _placed()
    symbols = list(placed)
    dice.shuffle(symbols)
    feeds = {
        text: Feed(named(text), text, round(dollars * USD))
        for text, dollars in sorted({(text, price) for text, price in placed.values()})
    }
    reserves = [
        _reserve(int(number), symbol, feeds[placed[symbol][0]], dice, seed)
        for number, symbol in zip(numbers, symbols, strict=True)
    ]
    return MarketShape(
        named("pool"),
        named("provider"),
        named("oracle"),
        reserves,
        _emodes(reserves, dice),
        list(feeds.values()),
    )


def _placed() -> dict[str, tuple[str, float]]:
    """The root feed of each symbol, and that feed's price."""
    found: dict[str, tuple[str, float]] = {}
    for feed, symbols in GROUPS.items():
        found |= {symbol: (feed, PRICES.get(feed, 1)) for symbol in symbols.split()}
    found |= {symbol: (f"{symbol} / USD", price) for symbol, price in SINGLE.items()}
    assert len(found) == RESERVES
    return found


def _reserve(number: int, symbol: str, feed: Feed, dice: np.random.Generator, seed: int) -> Reserve:
    def named(what: str) -> bytes:
        return keccak(f"{seed} {symbol} {what}".encode())[:20]

    first = next((s.split()[0] for f, s in GROUPS.items() if f == feed.description), symbol)
    wrapped = symbol not in (first, "WBTC", "tBTC", "cbBTC")
    threshold = 0 if symbol in DEBT_ONLY else int(dice.integers(65, 84)) * 100
    borrow = float(dice.uniform(0.01, 0.08))
    return Reserve(
        number=number,
        symbol=symbol,
        decimals=8 if feed.description == "BTC / USD" else DECIMALS.get(symbol, 18),
        address=named("token"),
        atoken=named("aToken"),
        vdebt=named("variable debt"),
        source=named("source") if wrapped else feed.address,
        feed=feed,
        ratio=int(dice.uniform(0.95, 1.3) * 1e18) if wrapped else None,
        ltv=max(threshold - 300, 0),
        threshold=threshold,
        bonus=int(dice.integers(10_400, 11_000)) if threshold else 0,
        income=RAY + int(dice.uniform(0, 0.05) * 1e9) * 10**18,
        debt_index=RAY + int(dice.uniform(0.05, 0.1) * 1e9) * 10**18,
        supply_rate=int(borrow * 0.6 * 1e9) * 10**18,
        borrow_rate=int(borrow * 1e9) * 10**18,
        popular=POPULAR.get(symbol, 1),
    )


def _emodes(reserves: list[Reserve], dice: np.random.Generator) -> list[EMode]:
    able = [place for place, reserve in enumerate(reserves) if reserve.threshold]
    found = []
    for number in sorted(1 + dice.choice(LARGEST_EMODE, EMODES, replace=False)):
        members = sorted(dice.choice(able, int(dice.integers(1, 5)), replace=False).tolist())
        threshold = int(dice.integers(88, 96)) * 100
        bitmap = sum(1 << reserves[place].number for place in members)
        bonus = int(dice.integers(10_100, 10_400))
        found.append(EMode(int(number), threshold - 200, threshold, bonus, tuple(members), bitmap))
    return found
