"""Venus' core pool: Compound v2 with liquidation thresholds, e-mode pools and a coin of its own.

Liquidatable when  sum(vTokens * exchange rate * price * liquidation threshold) < sum(price * debt)
+ VAI to repay  (ComptrollerLens.getHypotheticalAccountLiquidity with USE_LIQUIDATION_THRESHOLD;
thresholds by the account's pool: MarketFacet.getLiquidationParams). Events, debts and interest are
Compound's; VAI is minted by MintVAI and counts one dollar. Only the liquidator contract may call
liquidateBorrow where one is set; anybody may call that.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.positions import Feed, Token
from scanner.core.states import States
from scanner.deployments import Market

from . import LogFilter
from . import _compound_accounts as accounts
from ._asking import raw
from ._compound_market import CompoundMarket, every, listed, quote, read_ctokens
from ._compound_realised import liquidations, realised, worth
from ._compound_rules import EXP
from ._venus_survey import VenusMarket, VenusSurvey

__all__ = [
    "ADDRESSES",
    "NAME",
    "liquidations",
    "log_filter",
    "open_market",
    "read",
    "realised",
    "shocks",
    "survey",
    "touched",
    "worth",
]

NAME = "venus"
ADDRESSES = ("comptroller",)

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_COMPTROLLER, _VAI = abi.load("venus_comptroller"), abi.load("venus_vai")
_SEIZE, _LIQUIDATE = 4, 5  # ComptrollerTypes.Action
# Which argument names the account; PoolSelected's is its first indexed one.
_MINTED = _VAI.topic("MintVAI")
_OWN = {
    _MINTED: (0,),
    _VAI.topic("RepayVAI"): (1,),
    _VAI.topic("LiquidateVAI"): (1,),
    _COMPTROLLER.topic("PoolSelected"): (0,),
}


def open_market(chain: Chain, row: Market) -> VenusMarket:
    """The comptroller of a deployments row and its vTokens, at the pinned block."""
    comptroller, oracle, addresses = listed(chain, NAME, row)
    whole = ("closeFactorMantissa", "vaiController", "protocolPaused")
    close, vai, paused = every(chain, [Call(comptroller, _COMPTROLLER, g) for g in whole])
    told = every(
        chain,
        [
            call
            for address in addresses
            for call in (
                Call(comptroller, _COMPTROLLER, "isForcedLiquidationEnabled", (address,)),
                Call(comptroller, _COMPTROLLER, "actionPaused", (address, _SEIZE)),
                Call(comptroller, _COMPTROLLER, "actionPaused", (address, _LIQUIDATE)),
            )
        ],
    )
    vtokens = [
        replace(one, forced=forced, seizes=not seize, repays=not call)
        for one, forced, seize, call in zip(
            read_ctokens(chain, addresses), told[0::3], told[1::3], told[2::3], strict=True
        )
    ]
    quotes, problems = quote(chain, NAME, row, oracle, vtokens)
    controller = raw(vai) if any(raw(vai)) else None
    if controller is not None:
        coin = chain.read([Call(controller, _VAI, "getVAIAddress")])[0]
        address = controller if isinstance(coin, Failed) else raw(coin)
        quotes = replace(
            quotes,
            tokens=(*quotes.tokens, Token(address, "VAI", EXP, 1.0, None, "par")),
            prices=(*quotes.prices, EXP),
            feeds=(*quotes.feeds, Feed(controller, "one dollar", EXP, EXP)),
        )
    return VenusMarket(
        protocol=NAME,
        row=row,
        comptroller=comptroller,
        oracle=oracle,
        ctokens=tuple(vtokens),
        quotes=quotes,
        close_factor=close,
        incentive=0,
        problems=tuple(problems),
        paused=bool(paused),
        vai=controller,
    )


def shocks(market: CompoundMarket) -> set[str]:
    """Every driver and token of the market."""
    return market.quotes.names()


def log_filter(market: VenusMarket, *, known: bool) -> LogFilter:
    """What makes a borrower while no state is stored (`known` false); else all that touch state."""
    found = accounts.log_filter(
        market.comptroller, [c.address for c in market.ctokens], known=known
    )
    own = list(_OWN) if known else [_MINTED]
    vai = [] if market.vai is None else [market.vai]
    return LogFilter([*found.addresses, *vai], [*found.topics, *own])


def touched(market: VenusMarket, logs: LogChunk) -> tuple[U8, I64, Bool]:
    """Accounts named by a chunk of logs, the blocks, and whether the log makes a borrower."""
    return accounts.touched(logs, _OWN, _MINTED)


def read(chain: Chain, market: VenusMarket, keys: U8) -> Iterator[tuple[States, U8]]:
    """Entered markets, vTokens and debts of accounts, their pool, and whether they minted VAI."""
    indices = {one.address: one.ledger.index for one in market.ctokens}
    target = np.frombuffer(market.comptroller, np.uint8)

    def more(part: U8) -> tuple[U8, Bool]:
        words, good = np.zeros((len(part), 2, 32), np.uint8), np.ones(len(part), np.bool_)
        for place, getter in enumerate(("userPoolId", "mintedVAIs")):
            calls = abi.pack(_COMPTROLLER.selector(getter), part)
            answer = chain.bulk(target, calls, words=1)
            words[:, place] = answer.words[:, 0]
            good &= answer.ok
        return words, good

    return accounts.read(chain, market.comptroller, indices, keys, more)


def survey(chain: Chain, market: VenusMarket, states: States, failed: U8) -> VenusSurvey:
    """Legs, prices, identities and referee; see `_venus_survey`."""
    return VenusSurvey(chain, market, states, failed)
