"""Compound v3 (Comet): one base that is lent, against up to 24 collaterals.

Liquidatable when  sum(collateral * price * liquidation factor) < debt * base price, cut as in
`_comet_rules` (Comet.isLiquidatable), with interest to the block, as `absorb` accrues it. There is
no Borrow event, and base moves between accounts without any: so the candidates are all who ever got
collateral (nobody can owe without), and what they owe is asked again at every scan. Completeness:
the sum of principals equals totalBorrowBase, each collateral's sum totalSupplyAsset, exactly.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Chain
from scanner.core.states import States
from scanner.deployments import Market

from . import LogFilter
from ._comet_market import CometMarket, read_market
from ._comet_realised import liquidations, realised, worth
from ._comet_survey import CometSurvey
from ._named import accounts_named
from ._slots import numbers_of

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

NAME = "compound_v3"
ADDRESSES = ("comet",)

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_COMET = abi.load("comet")
_CHUNK = 4_000
_FIRST_BITS, _MOST = 16, 24  # assets in `assetsIn`, and with `_reserved`

# Which topics of an event name accounts whose collateral may have changed; the first two make one.
_MAKING = {"SupplyCollateral": (2,), "TransferCollateral": (1, 2)}
_NAMED = {**_MAKING, "WithdrawCollateral": (1,), "AbsorbCollateral": (2,)}


def open_market(chain: Chain, row: Market) -> CometMarket:
    """The Comet of a deployments row, at the pinned block."""
    return read_market(chain, NAME, row)


def shocks(market: CometMarket) -> set[str]:
    """Every driver and token of the market."""
    return market.quotes.names()


def log_filter(market: CometMarket, *, known: bool) -> LogFilter:
    """What brings collateral while no state is stored (`known` false); else all that moves it."""
    events = _NAMED if known else _MAKING
    return LogFilter([market.comet], [_COMET.topic(event) for event in events])


def touched(market: CometMarket, logs: LogChunk) -> tuple[U8, I64, Bool]:
    """Accounts named by a chunk of logs, the blocks, and whether the log makes a candidate."""
    places = {_COMET.topic(event): named for event, named in _NAMED.items()}
    return accounts_named(logs, places, frozenset(_COMET.topic(event) for event in _MAKING))


def read(chain: Chain, market: CometMarket, accounts: U8) -> Iterator[tuple[States, U8]]:
    """Collateral balances of accounts, of the assets that their bits name: a word each."""
    comet = np.frombuffer(market.comet, np.uint8)
    addresses = [one.address for one in market.collaterals]
    ids = numbers_of(addresses)
    table = np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 20)
    number = np.array([ids[address] for address in addresses], np.int64)
    for begin in range(0, len(accounts), _CHUNK):
        part = accounts[begin : begin + _CHUNK]
        basic = chain.bulk(comet, abi.pack(_COMET.selector("userBasic"), part), words=5)
        good = basic.ok.copy()
        owner, asset = np.nonzero(_bits(basic.words)[:, : len(addresses)] & good[:, None])
        calls = abi.pack(_COMET.selector("userCollateral"), part[owner], table[asset])
        held = chain.bulk(comet, calls, words=2)
        good[owner[~held.ok]] = False
        words = held.words[:, 0]
        keep = np.flatnonzero(good[owner] & words.any(axis=1))
        keep = keep[np.lexsort((number[asset[keep]], owner[keep]))]
        counts = np.bincount(owner[keep], minlength=len(part)).astype(np.int64)
        yield States(part[good], counts[good], number[asset[keep]], words[keep]), part[~good]


def _bits(words: U8) -> Bool:
    """Which assets accounts hold, by userBasic: 16 bits of assetsIn, 8 more of _reserved."""
    low = np.unpackbits(words[:, 3, 30:][:, ::-1], axis=1, bitorder="little")
    high = np.unpackbits(words[:, 4, 31:], axis=1, bitorder="little")
    return np.concatenate([low[:, :_FIRST_BITS], high[:, : _MOST - _FIRST_BITS]], axis=1) > 0


def survey(chain: Chain, market: CometMarket, states: States, failed: U8) -> CometSurvey:
    """Legs, prices, identities and referee; see `_comet_survey`."""
    return CometSurvey(chain, market, states, failed)
