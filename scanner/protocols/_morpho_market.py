"""Morpho's markets at one block: parameters, totals with interest, oracle prices, dollars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.curves import Curve
from scanner.core.positions import Feed
from scanner.deployments import DriverTables, Market, driver_tables
from scanner.errors import Problem

from ._asking import every, raw
from ._drivers import driver_of, is_own
from ._feeds import Path
from ._morpho_probe import Quoted, Told, tokens_follow
from ._morpho_rules import PRICE_SCALE, accrued
from ._probe import Seen
from ._text import clean_symbol
from ._usd import usd_feeds

U8 = npt.NDArray[np.uint8]

_MORPHO = abi.load("morpho_blue")
_IRM = abi.load("morpho_irm")
_ORACLE = abi.load("morpho_oracle")
_ERC20 = abi.load("erc20")
_FEED = abi.load("price_adapter")

_FEEDS = ("BASE_FEED_1", "BASE_FEED_2", "QUOTE_FEED_1", "QUOTE_FEED_2")
_every = partial(every, doubt="is this not Morpho Blue?")
_NO_ADDRESS = bytes(20)
_UNKNOWN = "?"  # no driver is called so
_ABSURD = 10**15  # whole loan tokens for one of collateral: no two real tokens stand so far apart


@dataclass(frozen=True)
class Asset:
    """A token of Morpho's markets. `usd` is what one costs, None where nobody can tell; `curve` how
    its price follows its driver's root feed, None for in proportion."""

    address: bytes
    symbol: str
    decimals: int
    driver: str | None
    driver_source: str
    usd: float | None = None
    curve: Curve | None = None
    roots: tuple[Seen, ...] = ()

    @property
    def unit(self) -> int:
        """One whole token in its smallest unit."""
        return int(10**self.decimals)


@dataclass(frozen=True)
class Isolated:
    """One market: its id, tokens, and numbers at the block.

    `price` is the oracle's answer, loan units of a collateral unit times 1e36; 0 where it gives
    none, and `why` says what is wrong. `assets` and `shares` are totalBorrowAssets with interest
    and totalBorrowShares; `params` is the MarketParams struct.
    """

    id: bytes
    label: str
    loan: Asset
    collateral: Asset
    oracle: bytes
    lltv: int
    params: tuple[Any, ...]
    assets: int
    shares: int
    price: int
    why: str = ""

    @property
    def feed(self) -> Feed:
        """The oracle as a feed: its unit makes one loan token for one collateral token."""
        scale = int(PRICE_SCALE * self.loan.unit // self.collateral.unit)
        return Feed(self.oracle, "", max(scale, 1), self.price)


@dataclass(frozen=True)
class MorphoMarket:
    """Morpho on one chain at one block; `isolated` are the markets in which anybody borrows."""

    protocol: str
    row: Market
    morpho: bytes
    timestamp: int
    isolated: tuple[Isolated, ...] = ()
    spots: dict[str, Feed] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def read_markets(chain: Chain, market: MorphoMarket, ids: U8) -> MorphoMarket:
    """The markets with these ids, shape (n, 32), in their order, those without debt left out."""
    names = [row.tobytes() for row in ids]
    asked = [Call(market.morpho, _MORPHO, g, (n,)) for n in names for g in _GETTERS]
    answers = _every(chain, asked)
    told = [
        (name, params, state)
        for name, params, state in zip(names, answers[0::2], answers[1::2], strict=True)
        if state[3]
    ]
    rates = iter(
        chain.read([Call(p[3], _IRM, "borrowRateView", (p, s)) for _, p, s in told if _has(p[3])])
    )
    prices = chain.read([Call(p[2], _ORACLE, "price") for _, p, _ in told])
    tokens = sorted({raw(token) for _, params, _ in told for token in params[:2]})
    declared = dict(market.row.drivers)
    said = _feeds_say(chain, [params for _, params, _ in told])
    problems: list[Problem] = []
    quoted = [
        Quoted(raw(p[2]), raw(p[1]), raw(p[0]), 0 if isinstance(price, Failed) else int(price))
        for (_, p, _), price in zip(told, prices, strict=True)
    ]
    where = (market.protocol, market.row.name)
    moved = tokens_follow(chain, quoted, market.row.feeds, where, problems)
    assets = _assets(chain, tokens, declared, said, moved)
    labels = _labels([(name, params) for name, params, _ in told], assets)
    found = []
    for (name, params, state), price, label in zip(told, prices, labels, strict=True):
        seconds = market.timestamp - state[4]
        rate = next(rates) if _has(params[3]) else 0
        why = _wrong(price, assets[raw(params[0])].unit, assets[raw(params[1])].unit)
        if isinstance(rate, Failed):
            rate, why = 0, "the interest rate model reverts"
        found.append(
            Isolated(
                id=name,
                label=label,
                loan=assets[raw(params[0])],
                collateral=assets[raw(params[1])],
                oracle=raw(params[2]),
                lltv=params[4],
                params=params,
                assets=accrued(state[2], rate, seconds),
                shares=state[3],
                price=0 if why else int(price),
                why=why,
            )
        )
    return replace(_in_dollars(chain, market, found), problems=tuple(problems))


_GETTERS = ("idToMarketParams", "market")


def bare(chain: Chain, market: MorphoMarket, ids: Sequence[bytes]) -> MorphoMarket:
    """The markets with these ids, their tokens and prices, without what is lent there."""
    params = _every(chain, [Call(market.morpho, _MORPHO, "idToMarketParams", (n,)) for n in ids])
    prices = chain.read([Call(one[2], _ORACLE, "price") for one in params])
    tokens = sorted({raw(token) for one in params for token in one[:2]})
    assets = _assets(chain, tokens, dict(market.row.drivers), _feeds_say(chain, params), {})
    labels = _labels(list(zip(ids, params, strict=True)), assets)
    found = []
    for name, one, price, label in zip(ids, params, prices, labels, strict=True):
        loan, collateral = assets[raw(one[0])], assets[raw(one[1])]
        why = _wrong(price, loan.unit, collateral.unit)
        paid = 0 if why else int(price)
        found.append(
            Isolated(name, label, loan, collateral, raw(one[2]), one[4], one, 0, 0, paid, why)
        )
    return _in_dollars(chain, market, found)


def _wrong(price: Any, loan: int, collateral: int) -> str:
    """What is wrong with an oracle's answer; units of the tokens, for it counts in both's."""
    if isinstance(price, Failed):
        return "the oracle reverts"
    if price <= 0:
        return "the oracle answers 0"
    absurd = price * collateral >= _ABSURD * PRICE_SCALE * loan
    return "the oracle answers an absurd price" if absurd else ""


def _assets(
    chain: Chain,
    tokens: Sequence[bytes],
    declared: dict[bytes, str | None],
    said: dict[bytes, str],
    moved: Mapping[bytes, Told],
) -> dict[bytes, Asset]:
    tables: DriverTables = driver_tables()
    answers = chain.read([Call(t, _ERC20, g) for t in tokens for g in ("symbol", "decimals")])
    found = {}
    for token, symbol, decimals in zip(tokens, answers[0::2], answers[1::2], strict=True):
        text = clean_symbol(symbol, token)
        # Morpho itself never asks for decimals; a token without them counts its units.
        places = 0 if isinstance(decimals, Failed) or decimals > 36 else int(decimals)
        path = Path(token, 0, 1, said.get(token, ""))
        seen = moved.get(token)
        known = tables.by_address.get((chain.chain_id, token), _UNKNOWN)
        agreed = seen is not None and seen.agreed and known in (_UNKNOWN, seen.driver)
        roots = seen.roots if seen is not None else ()
        driver, source = driver_of(
            chain.chain_id, token, text, path, declared, tables, roots if agreed else ()
        )
        curve = seen.curve if seen is not None and agreed and driver == seen.driver else None
        found[token] = Asset(token, text, places, driver, source, curve=curve, roots=roots)
    return found


def _feeds_say(chain: Chain, params: Sequence[tuple[Any, ...]]) -> dict[bytes, str]:
    """What a Chainlink oracle's feeds say of a token: "ETH / USD", by token.

    Source: morpho-blue-oracles, MorphoChainlinkOracleV2: base feeds price the collateral, quote
    feeds the loan token. Other oracles have no such getters and say nothing.
    """
    getters = [Call(p[2], _ORACLE, feed) for p in params for feed in _FEEDS]
    feeds = [_NO_ADDRESS if isinstance(a, Failed) else raw(a) for a in chain.read(getters)]
    distinct = sorted({feed for feed in feeds if any(feed)})
    texts = chain.read([Call(feed, _FEED, "description") for feed in distinct])
    say = {f: t for f, t in zip(distinct, texts, strict=True) if not isinstance(t, Failed)}
    found: dict[bytes, list[str]] = {}
    for place, one in enumerate(params):
        mine = feeds[place * len(_FEEDS) : (place + 1) * len(_FEEDS)]
        for token, half in ((one[1], mine[:2]), (one[0], mine[2:])):
            for feed in half:
                text = str(say.get(feed, ""))
                if text.replace(" ", "").upper().endswith("/USD"):
                    found.setdefault(raw(token), []).append(text)
    return {token: texts[0] for token, texts in found.items() if _agree(texts)}


def _agree(texts: Sequence[str]) -> bool:
    of_feed = driver_tables().of_feed
    try:
        return len({of_feed(text) for text in dict.fromkeys(texts)}) == 1
    except KeyError:
        return False


def _in_dollars(chain: Chain, market: MorphoMarket, found: list[Isolated]) -> MorphoMarket:
    """Price the tokens: dollar stables at par, a driver's own token by its feed, and what is
    collateral against a priced loan by that market's oracle, the largest market first."""
    every = {one.address: one for m in found for one in (m.loan, m.collateral)}
    drivers = {one.driver for one in every.values() if one.driver is not None}
    spots = usd_feeds(chain, market.row, drivers)
    usd: dict[bytes, float] = {}
    table = {a for chain_id, a in driver_tables().by_address if chain_id == chain.chain_id}
    trusted = table | set(market.row.drivers) if table else set(every)
    for address, one in every.items():
        # Anybody may call a token USDC. Where the chain has a table of addresses, a symbol alone is
        # worth nothing; such a token has the price of a market that lends a known one on it.
        if address not in trusted:
            continue
        if one.driver is None:
            usd[address] = 1.0
        elif one.driver in spots and is_own(one.symbol, one.driver):
            usd[address] = spots[one.driver].present / spots[one.driver].scale
    for _ in range(3):  # a token priced by a token priced by a token: deeper ones do not exist
        lent = [m for m in found if m.loan.address in usd and m.price]
        for m in sorted(lent, key=lambda m: (-m.assets / m.loan.unit * usd[m.loan.address], m.id)):
            if m.collateral.address not in usd:
                usd[m.collateral.address] = m.price / m.feed.scale * usd[m.loan.address]
    priced = {a: _with(one, usd.get(a)) for a, one in every.items()}
    isolated = tuple(
        Isolated(
            **{
                **vars(m),
                "loan": priced[m.loan.address],
                "collateral": priced[m.collateral.address],
            }
        )
        for m in found
    )
    return MorphoMarket(
        market.protocol, market.row, market.morpho, market.timestamp, isolated, spots
    )


def _with(one: Asset, usd: float | None) -> Asset:
    return replace(one, usd=usd)


def _labels(
    markets: Sequence[tuple[bytes, tuple[Any, ...]]], assets: dict[bytes, Asset]
) -> list[str]:
    """ "wstETH/USDC-86-b323495f": collateral, loan, LLTV, the start of the id (longer if need be,
    so that no two are alike; symbols are anybody's choice)."""
    for digits in (8, 16, 64):
        names = [
            f"{assets[raw(p[1])].symbol}/{assets[raw(p[0])].symbol}"
            f"-{p[4] / 10**16:g}-{name.hex()[:digits]}"
            for name, p in markets
        ]
        if len(set(names)) == len(names):
            break
    return names if markets else []


def _has(address: str | bytes) -> bool:
    return any(raw(address))
