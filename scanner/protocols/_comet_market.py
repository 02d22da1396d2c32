"""A Comet at one block: its base, its collaterals, prices, and the borrow index of the block.

A market quotes in dollars, or in its base: then the base's feed is a constant one and all others
say what one of them is in it (WETH, wstETH markets). Source: compound-finance/comet,
contracts/CometWithExtendedAssetList.sol; pricefeeds/ConstantPriceFeed.sol.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.positions import Feed, Token
from scanner.deployments import Market, driver_tables
from scanner.errors import MarketError, Problem

from ._asking import every, raw
from ._comet_rules import PRICE, accrued_index
from ._drivers import driver_of, is_own
from ._feeds import Path
from ._quotes import Quotes
from ._text import clean_symbol
from ._usd import usd_feeds

_COMET, _ERC20 = abi.load("comet"), abi.load("erc20")
_FEED, _WSTETH = abi.load("price_adapter"), abi.load("staked_ether")
_every = partial(every, doubt="is this no Comet?")
_ABSURD = 10**15 * PRICE
_DOLLARS = re.compile(r"\w+ ?/ ?USD")


@dataclass(frozen=True)
class Collateral:
    """One asset that may be brought. Factors are mantissas of 1e18, `scale` one whole token."""

    address: bytes
    symbol: str
    feed: bytes
    scale: int
    liquidate_factor: int
    liquidation_factor: int
    total: int


@dataclass(frozen=True)
class CometMarket:
    """One Comet. The quotes' tokens are the collaterals in the contract's order, then the base.

    `index` is the borrow index accrued to the block; `total_borrow` the sum of all principals.
    """

    protocol: str
    row: Market
    comet: bytes
    collaterals: tuple[Collateral, ...]
    base_scale: int
    index: int
    total_borrow: int
    absorb_paused: bool
    store_factor: int
    quotes: Quotes
    problems: tuple[Problem, ...]


_WHOLE = (
    "numAssets",
    "baseToken",
    "baseTokenPriceFeed",
    "baseScale",
    "totalsBasic",
    "getUtilization",
    "isAbsorbPaused",
    "storeFrontPriceFactor",
)


def read_market(chain: Chain, protocol: str, row: Market) -> CometMarket:
    """The Comet of a deployments row at the pinned block.

    Raises
    ------
    MarketError
        No Comet there, or its base has no price in dollars.
    """
    comet = row.addresses["comet"]
    where = {"market": f"{protocol}/{row.name}", "comet": "0x" + comet.hex()}
    if not chain.code_at(comet):
        raise MarketError(
            "there is no contract at the Comet's address",
            **where,
            fix="check the address and the chain in the deployments file",
        )
    told = chain.read([Call(comet, _COMET, getter) for getter in _WHOLE])
    if any(isinstance(one, Failed) for one in told):
        raise MarketError(
            "the contract does not answer like a Comet",
            **where,
            fix="give the address of the Comet proxy (cUSDCv3, cWETHv3, …)",
        )
    count, base, base_feed, base_scale, totals, utilization, paused, store = told
    calls = [Call(comet, _COMET, "getBorrowRate", (utilization,))]
    calls += [Call(comet, _COMET, "getAssetInfo", (number,)) for number in range(count)]
    rate, *infos = _every(chain, calls)
    collaterals = _collaterals(chain, comet, infos)
    _, index, _, _, _, total_borrow, updated, _ = totals
    of_base = (raw(base), raw(base_feed), base_scale)
    quotes, problems = _quotes(chain, protocol, row, collaterals, of_base)
    return CometMarket(
        protocol=protocol,
        row=row,
        comet=comet,
        collaterals=collaterals,
        base_scale=base_scale,
        index=accrued_index(index, rate, max(chain.block.timestamp - updated, 0)),
        total_borrow=total_borrow,
        absorb_paused=bool(paused),
        store_factor=store,
        quotes=quotes,
        problems=tuple(problems),
    )


def _collaterals(chain: Chain, comet: bytes, infos: Sequence[Any]) -> tuple[Collateral, ...]:
    addresses = [raw(info[1]) for info in infos]
    totals = _every(chain, [Call(comet, _COMET, "totalsCollateral", (a,)) for a in addresses])
    symbols = chain.read([Call(address, _ERC20, "symbol") for address in addresses])
    return tuple(
        Collateral(
            address=address,
            symbol=clean_symbol(symbol, address),
            feed=raw(info[2]),
            scale=info[3],
            liquidate_factor=info[5],
            liquidation_factor=info[6],
            total=total[0],
        )
        for address, symbol, info, total in zip(addresses, symbols, infos, totals, strict=True)
    )


def quotes_at(chain: Chain, market: CometMarket) -> Quotes:
    """The market's prices at another block, by the same feeds."""
    base = market.quotes.tokens[-1]
    told = (base.address, market.quotes.feeds[-1].address, market.base_scale)
    return _quotes(chain, market.protocol, market.row, market.collaterals, told)[0]


def _quotes(
    chain: Chain,
    protocol: str,
    row: Market,
    collaterals: Sequence[Collateral],
    base: tuple[bytes, bytes, int],
) -> tuple[Quotes, list[Problem]]:
    address, base_feed, unit = base
    comet = row.addresses["comet"]
    symbol = clean_symbol(chain.read([Call(address, _ERC20, "symbol")])[0], address)
    rows = [(c.address, c.symbol, c.scale, c.feed) for c in collaterals]
    rows.append((address, symbol, unit, base_feed))
    calls = [Call(comet, _COMET, "getPrice", (feed,)) for *_, feed in rows]
    calls += [Call(feed, _FEED, "description") for *_, feed in rows]
    answers = chain.read(calls)
    texts = ["" if isinstance(a, Failed) else str(a) for a in answers[len(rows) :]]
    problems: list[Problem] = []
    prices = [
        _price(answer, name, (protocol, row.name), problems)
        for answer, (_, name, _, _) in zip(answers, rows, strict=False)
    ]
    tables = driver_tables()
    told = []
    for (token, name, _, feed), text in zip(rows, texts, strict=True):
        path = Path(feed, 0, 1, text if _DOLLARS.fullmatch(text) else "")
        told.append(driver_of(chain.chain_id, token, name, path, row.drivers, tables))
    spots = usd_feeds(chain, row, {driver for driver, _ in told if driver is not None})
    dollars, quoted = 1.0, None
    if prices[-1] == PRICE and told[-1][0] is not None:
        quoted = len(rows) - 1
        dollars = _dollars(chain, row, (address, symbol, told[-1][0]), spots)
    tokens = tuple(
        Token(token, name, scale, price / PRICE * dollars, driver, source)
        for (token, name, scale, _), price, (driver, source) in zip(rows, prices, told, strict=True)
    )
    feeds = tuple(
        Feed(feed, text, PRICE, price)
        for (*_, feed), text, price in zip(rows, texts, prices, strict=True)
    )
    return Quotes(tokens, tuple(prices), feeds, spots, quoted), problems


def _dollars(
    chain: Chain, row: Market, base: tuple[bytes, str, str | None], spots: Mapping[str, Feed]
) -> float:
    """What the base that a market quotes in costs in dollars; of wstETH by the token itself."""
    address, symbol, driver = base
    feed = spots.get(driver or "")
    if feed is not None and is_own(symbol, driver):
        return feed.present / feed.scale
    ether = spots.get("ETH")
    if ether is not None:
        [staked] = chain.read([Call(address, _WSTETH, "stEthPerToken")])
        if not isinstance(staked, Failed) and staked > 0:
            return float(staked / 10**18 * ether.present / ether.scale)
    raise MarketError(
        f"the market quotes in {symbol}, and nobody says what that is in dollars",
        market=f"{row.protocol}/{row.name}",
        fix=f'give a dollar feed in [market.feeds] of the deployments file: {driver} = "0x…"',
    )


def _price(answer: Any, symbol: str, where: tuple[str, str], problems: list[Problem]) -> int:
    if not isinstance(answer, Failed) and 0 < answer < _ABSURD:
        return int(answer)
    why = "reverts" if isinstance(answer, Failed) else f"answers {answer}"
    kind = "oracle_reverted" if isinstance(answer, Failed) else "oracle_zero"
    problems.append(Problem(kind, f"the price feed {why} for {symbol}", *where))
    return 0
