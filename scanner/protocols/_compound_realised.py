"""Liquidations that happened on Compound v2, its forks and Venus: LiquidateBorrow, LiquidateVAI.

The log of a debt's cToken says what was repaid, and how many cTokens of the collateral were seized,
the protocol's share among them (compound-protocol, CToken.liquidateBorrowFresh, seizeInternal).
What those are in the underlying is told by the exchange rate at the block: `worth` reads it.
"""

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.realised import LIQUIDATION, Realised, Worth, valued

from . import LogFilter, _realised
from ._compound_market import CompoundMarket
from ._compound_rules import EXP

U8 = npt.NDArray[np.uint8]

_CTOKEN, _ORACLE = abi.load("compound_ctoken"), abi.load("compound_oracle")
_CALLED = _CTOKEN.topic("LiquidateBorrow")
_VAI_CALLED = abi.load("venus_vai").topic("LiquidateVAI")
_ABSURD = 10**15  # dollars for one whole token


def liquidations(chain: Chain, market: CompoundMarket, known: U8) -> LogFilter:
    """The market's own cTokens, and the controller of its own coin (Venus' VAI)."""
    controller = getattr(market, "vai", None)
    addresses = [one.address for one in market.ctokens]
    if controller is None:
        return LogFilter(addresses, [_CALLED])
    return LogFilter([*addresses, controller], [_CALLED, _VAI_CALLED])


def realised(chain: Chain, market: CompoundMarket, logs: LogChunk) -> Realised:
    """A row for each call; the collateral in shares (cTokens), units are None."""
    of = {one.address: one.underlying for one in market.ctokens}
    coins = [token.address for token in market.quotes.tokens[len(market.ctokens) :]]
    vai = getattr(market, "vai", None)
    if vai is not None:
        of[vai] = coins[0]
    parts = []
    for topic in (_CALLED, _VAI_CALLED):
        calls = _realised.of_event(logs, topic)
        # No argument is indexed (Compound v2, Venus' core pool), or three are: then the data holds
        # the other two (Venus' isolated pools).
        indexed = calls.topic_count == 4
        lend = np.where(indexed[:, None], calls.topics[:, 3, 12:], calls.words[:, 3, 12:])
        who = np.where(indexed[:, None], calls.topics[:, 2, 12:], calls.words[:, 1, 12:])
        repaid = np.where(indexed, _realised.number(calls, 0), _realised.number(calls, 2))
        shares = np.where(indexed, _realised.number(calls, 1), _realised.number(calls, 4))
        parts.append(
            _realised.rows(
                calls,
                LIQUIDATION,
                market.row.name,
                who.astype(np.uint8),
                collateral=_underlying(lend, of),
                debt=_underlying(calls.address, of),
                repaid=repaid.astype(object),
                shares=shares.astype(object),
            )
        )
    return _realised.together(parts, market.quotes.tokens)


def _underlying(ctokens: U8, of: dict[bytes, bytes]) -> U8:
    """Underlying tokens; zero for a cToken that is not this market's. Shape (n, 20)."""
    joined = b"".join(of.get(row.tobytes(), bytes(20)) for row in ctokens)
    return np.frombuffer(joined, np.uint8).reshape(-1, 20)


def worth(chain: Chain, market: CompoundMarket, found: Realised) -> Worth:
    """By the comptroller's oracle and the cTokens' exchange rates at the block's end, when both
    markets of each call are accrued to it."""
    named = {token.address for token in found.tokens}
    ctokens = [one for one in market.ctokens if one.underlying in named]
    answers = chain.read(
        [
            call
            for one in ctokens
            for call in (
                Call(market.oracle, _ORACLE, "getUnderlyingPrice", (one.address,)),
                Call(one.address, _CTOKEN, "exchangeRateStored"),
            )
        ]
    )
    prices = {token.address: token.price for token in market.quotes.tokens[len(market.ctokens) :]}
    rates: dict[bytes, int] = {}
    for one, price, rate in zip(ctokens, answers[0::2], answers[1::2], strict=True):
        scale = 10**36 // one.unit
        if not isinstance(price, Failed) and 0 < price < _ABSURD * scale:
            prices[one.underlying] = price / scale
        if not isinstance(rate, Failed):
            rates[one.underlying] = int(rate)
    units = np.full(len(found), None, object)
    for k, token in enumerate(found.collateral):
        rate = rates.get(token.tobytes())
        if rate is not None and found.shares[k] is not None:
            units[k] = found.shares[k] * rate // EXP
    return valued(found, prices, units)
