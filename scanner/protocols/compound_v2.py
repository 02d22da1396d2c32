"""Compound v2 and plain forks: accounts with entered markets, one comptroller.

Liquidatable when  sum(cTokens * exchange rate * price * collateral factor) < sum(price * debt),
each product cut (Comptroller.getHypotheticalAccountLiquidityInternal, `_compound_rules`), after
whoever likes has called accrueInterest on every market. Borrowers are the first data word of each
cToken's Borrow: nobody can borrow for somebody else. Completeness: per market the sum of debts
equals totalBorrows up to the contract's own rounding.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Chain
from scanner.core.states import States
from scanner.deployments import Market

from . import LogFilter
from . import _compound_accounts as accounts
from ._compound_market import CompoundMarket, read_market
from ._compound_realised import liquidations, realised, worth
from ._compound_survey import CompoundSurvey

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

NAME = "compound_v2"
ADDRESSES = ("comptroller",)

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


def open_market(chain: Chain, row: Market) -> CompoundMarket:
    """The comptroller of a deployments row and its cTokens, at the pinned block."""
    return read_market(chain, NAME, row)


def shocks(market: CompoundMarket) -> set[str]:
    """Every driver and token of the market."""
    return market.quotes.names()


def log_filter(market: CompoundMarket, *, known: bool) -> LogFilter:
    """Borrow events alone while no state is stored (`known` false); else all that touch state."""
    ctokens = [one.address for one in market.ctokens]
    return accounts.log_filter(market.comptroller, ctokens, known=known)


def touched(market: CompoundMarket, logs: LogChunk) -> tuple[U8, I64, Bool]:
    """Accounts named by a chunk of logs, the blocks, and whether the log makes a borrower."""
    return accounts.touched(logs)


def read(chain: Chain, market: CompoundMarket, keys: U8) -> Iterator[tuple[States, U8]]:
    """Entered markets, cTokens and debts of accounts; see `_compound_accounts`."""
    ledgers = {one.address: one.ledger.index for one in market.ctokens}
    return accounts.read(chain, market.comptroller, ledgers, keys)


def survey(chain: Chain, market: CompoundMarket, states: States, failed: U8) -> CompoundSurvey:
    """Legs, prices, identities and referee; see `_compound_survey`."""
    return CompoundSurvey(market, states, failed)
