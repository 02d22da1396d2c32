"""Aave v3, from 3.0 to 3.7: pooled lending with one health factor per account.

Liquidatable when  sum(collateral * price * threshold) / sum(debt * price) < 1
(aave-v3-origin, GenericLogic.calculateUserAccountData; rounding by generation: `_aave_rules`).
Borrowers are all `onBehalfOf` of the pool's Borrow events: variable debt cannot be transferred, so
there is no other way into debt. Completeness: the sum of scaled debts equals scaledTotalSupply of
the variable debt token, exactly.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Bulk, Chain
from scanner.core.states import States
from scanner.deployments import Market

from . import LogFilter
from ._aave_book import COLLATERAL, CONFIG, DEBT, EMODE, FIRST, KINDS, PRINCIPAL, RATE, UPDATED
from ._aave_market import AaveMarket
from ._aave_reading import read_market
from ._aave_realised import liquidations, realised, worth
from ._aave_survey import AaveSurvey, survey_of
from ._named import accounts_named

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

NAME = "aave_v3"
ADDRESSES = ("pool",)

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_POOL = abi.load("aave_v3_pool")
_TOKEN = abi.load("aave_v3_token")
_CHUNK = 2_000  # accounts read and stored in one step
_WIDTH = 128  # reserves in a user's bitmap

# Which topic of an event names the account whose stored state may have changed.
_NAMED = {
    "Borrow": (2,),  # onBehalfOf, the debtor; `user` in the data is only the caller
    "Repay": (2,),
    "Supply": (2,),
    "Withdraw": (2,),
    "LiquidationCall": (3,),
    "ReserveUsedAsCollateralEnabled": (2,),
    "ReserveUsedAsCollateralDisabled": (2,),
    "UserEModeSet": (1,),
    "DeficitCreated": (1,),
    "MintUnbacked": (2,),
    "SwapBorrowRateMode": (2,),
    "RebalanceStableBorrowRate": (2,),
}
_FLAGS = ["getUserConfiguration", "getUserEMode"]
_BORROW = _POOL.topic("Borrow")
_TRANSFER = _TOKEN.topic("BalanceTransfer")


def open_market(chain: Chain, row: Market) -> AaveMarket:
    """The pool of a deployments row, at the pinned block."""
    return read_market(chain, NAME, row.name, row.addresses["pool"], row.drivers, feeds=row.feeds)


def log_filter(market: AaveMarket, *, known: bool) -> LogFilter:
    """Borrow events alone while no state is stored (`known` false); else all that touch state.

    Until an account has been read there is nothing that could be out of date, so the long way from
    the first block asks for the one event that makes a borrower.
    """
    if not known:
        return LogFilter([market.pool], [_BORROW])
    topics = [_POOL.topic(event) for event in _NAMED]
    return LogFilter([market.pool, *market.reserves.collateral_token], [*topics, _TRANSFER])


def touched(market: AaveMarket, logs: LogChunk) -> tuple[U8, I64, Bool]:
    """Accounts named by a chunk of logs, the blocks, and whether the log makes a borrower."""
    places = {_POOL.topic(event): named for event, named in _NAMED.items()}
    return accounts_named(logs, {_TRANSFER: (1, 2), **places}, frozenset([_BORROW]))


def read(chain: Chain, market: AaveMarket, accounts: U8) -> Iterator[tuple[States, U8]]:
    """Stored states of accounts, a few thousand at a time, with those that could not be read.

    First the bitmap and e-mode of everybody, then only what the bitmap names: the collateral and
    debt balances of accounts that borrow. While one part is stored, the next ones are on the way.
    """
    parts = [accounts[begin : begin + _CHUNK] for begin in range(0, len(accounts), _CHUNK)]
    asked: deque[_Part] = deque()
    flags = _flags(chain, market, parts[0]) if parts else None
    try:
        for place, part in enumerate(parts):
            assert flags is not None
            asked.append(_balances(chain, market, part, flags.result()))
            more = place + 1 < len(parts)
            flags = _flags(chain, market, parts[place + 1]) if more else None
            if len(asked) > 1:
                yield _states(asked[0])
                asked.popleft()
        while asked:
            yield _states(asked[0])
            asked.popleft()
    finally:
        for waiting in (flags, *(part.balances for part in asked)):
            if waiting is not None:
                waiting.cancel()


@dataclass(frozen=True)
class _Part:
    """Some accounts on their way: bitmaps and e-modes are there, balances asked for.

    `good` says whose bitmap and e-mode were read; `who`, `number` and `kind` are the account
    (index), reserve id and kind of each balance.
    """

    accounts: U8
    config: U8
    emode: U8
    good: Bool
    who: I64
    number: I64
    kind: I64
    balances: Future[Bulk]


def _flags(chain: Chain, market: AaveMarket, accounts: U8) -> Future[Bulk]:
    getters = ["getUserConfiguration"] if market.rules.second else _FLAGS  # v2 knows no e-mode
    return chain.bulk_ahead(
        np.frombuffer(market.pool, np.uint8),
        np.concatenate([abi.pack(_POOL.selector(getter), accounts) for getter in getters]),
        words=1,
    )


def _balances(chain: Chain, market: AaveMarket, accounts: U8, flags: Bulk) -> _Part:
    """Ask for the balances that the bitmaps name."""
    size = len(accounts)
    config, good = flags.words[:size, 0], flags.ok[:size]
    emode = np.zeros((size, 32), np.uint8)
    if not market.rules.second:
        emode, good = flags.words[size:, 0], good & flags.ok[size:]

    reserves = market.reserves
    bits = np.unpackbits(config, axis=1)[:, ::-1]
    borrows, collateral = bits[:, 0::2] == 1, bits[:, 1::2] == 1
    known = np.zeros(_WIDTH, np.bool_)
    known[reserves.number] = True
    # A bit of a reserve that the pool no longer lists (dropReserve, to v3.6) counts for nothing.
    borrows &= known & good[:, None]
    collateral &= known & good[:, None] & borrows.any(axis=1)[:, None]
    stable = np.zeros(_WIDTH, np.bool_)
    stable[reserves.number] = [total > 0 for total in reserves.stable_total]
    wanted = np.zeros((size, _WIDTH, KINDS), np.bool_)
    wanted[:, :, COLLATERAL], wanted[:, :, DEBT] = collateral, borrows
    for column in (PRINCIPAL, RATE, UPDATED):
        wanted[:, :, column] = borrows & stable

    who, number, kind = np.nonzero(wanted)
    targets, data = _targets(market)[number, kind], _calldata(accounts[who], kind)
    balances = chain.bulk_ahead(targets, data, words=1)
    return _Part(accounts, config, emode, good, who, number, kind, balances)


def _states(part: _Part) -> tuple[States, U8]:
    """Records of the accounts of which everything was read, and the other accounts."""
    size, balances, good = len(part.accounts), part.balances.result(), part.good.copy()
    good[part.who[~balances.ok]] = False
    head = np.arange(size)
    owner = np.concatenate([head, head, part.who])
    balance = FIRST + KINDS * part.number + part.kind
    slot = np.concatenate([np.full(size, CONFIG), np.full(size, EMODE), balance])
    value = np.concatenate([part.config, part.emode, balances.words[:, 0]])
    keep = good[owner]
    order = np.lexsort((slot[keep], owner[keep]))
    counts = np.bincount(owner[keep], minlength=size)[good]
    states = States(part.accounts[good], counts, slot[keep][order], value[keep][order])
    return states, part.accounts[~good]


def _targets(market: AaveMarket) -> U8:
    """Token contract by reserve id and kind of balance: shape (128, kinds, 20)."""
    table = np.zeros((_WIDTH, KINDS, 20), np.uint8)
    reserves = market.reserves
    columns = [reserves.collateral_token, reserves.debt_token, *[reserves.stable_token] * 3]
    for kind, tokens in enumerate(columns):
        table[reserves.number, kind] = np.frombuffer(b"".join(tokens), np.uint8).reshape(-1, 20)
    return table


def _calldata(accounts: U8, kind: I64) -> U8:
    """`getter(account)` rows; the getter by kind of balance."""
    getters = ["scaledBalanceOf"] * 2 + ["principalBalanceOf", "getUserStableRate"]
    selectors = [_TOKEN.selector(getter) for getter in [*getters, "getUserLastUpdated"]]
    data = abi.pack(_TOKEN.selector("scaledBalanceOf"), accounts)
    data[:, :4] = np.frombuffer(b"".join(selectors), np.uint8).reshape(-1, 4)[kind]
    return data


def shocks(market: AaveMarket) -> set[str]:
    """Every shock that is about something in the market, be its price known or not."""
    drivers = {f"driver:{one.driver}" for one in market.following if one.driver is not None}
    tokens = {f"token:{symbol}" for symbol in market.reserves.symbol}
    return drivers | tokens | ({"market"} if drivers else set())


def survey(chain: Chain, market: AaveMarket, states: States, failed: U8) -> AaveSurvey:
    """Legs, prices, identities and referee of the market; see `_aave_survey`."""
    return survey_of(chain, market, states, failed)
