"""A Compound v2 market at one block: its cTokens with interest accrued, prices and factors.

Source: compound-finance/compound-protocol, contracts/CToken.sol and Comptroller.sol. Everything is
as it would be after `accrueInterest`, which anybody may call, in the pinned block.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.positions import Feed, Token
from scanner.deployments import Market, driver_tables
from scanner.errors import MarketError, Problem

from . import _asking
from ._asking import raw
from ._compound_rules import EXP, Ledger, accrued, exchange_rate
from ._drivers import curve_of, driver_of, lines, sensitivity_of
from ._feeds import Path
from ._probe import seen_by
from ._quotes import Quotes
from ._text import clean_symbol
from ._usd import usd_feeds

_COMPTROLLER, _ORACLE = abi.load("compound_comptroller"), abi.load("compound_oracle")
_CTOKEN, _ERC20 = abi.load("compound_ctoken"), abi.load("erc20")
every = partial(_asking.every, doubt="is this no fork of Compound v2?")
_LARGEST_DECIMALS = 36  # a price is scaled by 1e(36 - decimals)
_ABSURD = 10**15  # dollars for one whole token


@dataclass(frozen=True)
class CToken:
    """One market of the pool. Integers as the contracts count (mantissas of 1e18).

    `ledger` is accrued to the block, `rate` the exchange rate after it; `factor` what collateral
    counts for; `forced` says that its debts may be liquidated whatever the borrower's health;
    `seizes` and `repays`, that no pause keeps a liquidation from taking or repaying its token.
    """

    address: bytes
    symbol: str
    underlying: bytes
    unit: int
    ledger: Ledger
    rate: int
    factor: int = 0
    forced: bool = False
    seizes: bool = True
    repays: bool = True


@dataclass(frozen=True)
class CompoundMarket:
    """A comptroller with its cTokens; `quotes` has one token per cToken, in the same order."""

    protocol: str
    row: Market
    comptroller: bytes
    oracle: bytes
    ctokens: tuple[CToken, ...]
    quotes: Quotes
    close_factor: int
    incentive: int
    problems: tuple[Problem, ...]
    paused: bool = False  # Venus' protocolPaused: nothing of the pool moves


def listed(chain: Chain, protocol: str, row: Market) -> tuple[bytes, bytes, list[bytes]]:
    """The comptroller, its oracle and its cTokens.

    Raises
    ------
    MarketError
        The address has no code or does not answer like a comptroller.
    """
    comptroller = row.addresses["comptroller"]
    where = {"market": f"{protocol}/{row.name}", "comptroller": "0x" + comptroller.hex()}
    if not chain.code_at(comptroller):
        raise MarketError(
            "there is no contract at the comptroller's address",
            **where,
            fix="check the address and the chain in the deployments file",
        )
    calls = [Call(comptroller, _COMPTROLLER, getter) for getter in ("oracle", "getAllMarkets")]
    oracle, markets = chain.read(calls)
    if isinstance(oracle, Failed) or isinstance(markets, Failed):
        raise MarketError(
            "the contract does not answer like a comptroller of Compound v2",
            **where,
            fix="give the address of the Unitroller",
        )
    return comptroller, raw(oracle), [raw(one) for one in markets]


def read_market(chain: Chain, protocol: str, row: Market) -> CompoundMarket:
    """The comptroller of a deployments row and its cTokens at the pinned block."""
    comptroller, oracle, addresses = listed(chain, protocol, row)
    calls = [
        Call(comptroller, _COMPTROLLER, getter)
        for getter in ("closeFactorMantissa", "liquidationIncentiveMantissa", "seizeGuardianPaused")
    ]
    close_factor, incentive, paused = every(chain, calls[:2]) + chain.read(calls[2:])
    states = every(chain, [Call(comptroller, _COMPTROLLER, "markets", (a,)) for a in addresses])
    stops = chain.read(
        [Call(comptroller, _COMPTROLLER, "borrowGuardianPaused", (a,)) for a in addresses]
    )
    ctokens = []
    for one, state, stop in zip(read_ctokens(chain, addresses), states, stops, strict=True):
        # Comptroller.isDeprecated: no collateral factor, no new debt, all interest to reserves.
        stopped = not isinstance(stop, Failed) and bool(stop)
        deprecated = state[1] == 0 and stopped and one.ledger.reserve_factor == EXP
        ctokens.append(replace(one, factor=state[1], forced=deprecated, seizes=not paused))
    quotes, problems = quote(chain, protocol, row, oracle, ctokens)
    return CompoundMarket(
        protocol=protocol,
        row=row,
        comptroller=comptroller,
        oracle=oracle,
        ctokens=tuple(ctokens),
        quotes=quotes,
        close_factor=close_factor,
        incentive=incentive,
        problems=tuple(problems),
    )


_LEDGER = (
    "getCash",
    "totalBorrows",
    "totalReserves",
    "borrowIndex",
    "totalSupply",
    "borrowRatePerBlock",
    "reserveFactorMantissa",
    "accrualBlockNumber",
    "exchangeRateStored",
)


def read_ctokens(chain: Chain, addresses: Sequence[bytes]) -> list[CToken]:
    """The cTokens at these addresses, accrued, without what the comptroller says of them."""
    answers = every(chain, [Call(a, _CTOKEN, getter) for a in addresses for getter in _LEDGER])
    names = chain.read([Call(a, _CTOKEN, g) for a in addresses for g in ("underlying", "symbol")])
    of = [
        address if isinstance(u, Failed) else raw(u)
        for address, u in zip(addresses, names[0::2], strict=True)
    ]
    told = chain.read([Call(t, _ERC20, g) for t in of for g in ("symbol", "decimals")])
    found = []
    for place, address in enumerate(addresses):
        *book, stored = answers[place * len(_LEDGER) : (place + 1) * len(_LEDGER)]
        ledger = accrued(Ledger(*book), chain.block.number)
        symbol, decimals = told[2 * place : 2 * place + 2]
        if of[place] == address:  # the chain's own coin has no contract: "cETH" stands for ETH
            symbol, decimals = str(names[2 * place + 1])[1:], 18
        if isinstance(decimals, Failed) or decimals > _LARGEST_DECIMALS:
            raise MarketError("an underlying token tells no decimals", token="0x" + of[place].hex())
        found.append(
            CToken(
                address=address,
                symbol=clean_symbol(symbol, of[place]),
                underlying=of[place],
                unit=10**decimals,
                ledger=ledger,
                rate=exchange_rate(ledger, stored),
            )
        )
    return found


def quote(
    chain: Chain, protocol: str, row: Market, oracle: bytes, ctokens: Sequence[CToken]
) -> tuple[Quotes, list[Problem]]:
    """Prices of the cTokens' underlyings: dollars times 1e(36 - decimals), 0 for none."""
    calls = [Call(oracle, _ORACLE, "getUnderlyingPrice", (c.address,)) for c in ctokens]
    answers = chain.read(calls)
    scales = [10**36 // one.unit for one in ctokens]
    faults = [_wrong(answer, scale) for answer, scale in zip(answers, scales, strict=True)]
    tables, problems = driver_tables(), list[Problem]()
    tokens, prices, feeds = [], [], []
    present = [0 if fault else int(a) for a, fault in zip(answers, faults, strict=True)]
    seen = seen_by(chain, calls, present, row.feeds, (protocol, row.name), problems)
    moved = seen or [[] for _ in ctokens]
    columns = zip(ctokens, answers, scales, faults, moved, strict=True)
    for one, answer, scale, wrong, roots in columns:
        if wrong:
            text = f"the oracle {wrong} for {one.symbol} (0x{one.address.hex()})"
            kind = "oracle_reverted" if isinstance(answer, Failed) else "oracle_zero"
            problems.append(Problem(kind, text, protocol, row.name))
        price = 0 if wrong else int(answer)
        path = Path(oracle, 0, 1, "")
        driver, source = driver_of(
            chain.chain_id, one.underlying, one.symbol, path, row.drivers, tables, roots
        )
        named = (one.underlying, one.symbol, one.unit, price / scale, driver, source)
        sensitivity, curve = sensitivity_of(driver, roots), curve_of(driver, roots)
        tokens.append(Token(*named, sensitivity, curve, lines(roots)))
        prices.append(price)
        feeds.append(Feed(oracle, f"getUnderlyingPrice({one.symbol})", scale, price))
    drivers = {token.driver for token in tokens if token.driver is not None}
    spots = usd_feeds(chain, row, drivers)
    return Quotes(tuple(tokens), tuple(prices), tuple(feeds), spots), problems


def _wrong(answer: Any, scale: int) -> str:
    if isinstance(answer, Failed):
        return "reverts"
    return f"answers {answer}" if not 0 < answer < _ABSURD * scale else ""
