"""Aave v2: pooled lending as in v3.0, with prices in ether on most chains.

Liquidatable when  sum(collateral * price * threshold) / sum(debt * price) < 1, the average
threshold cut to basis points (protocol-v2, GenericLogic.calculateUserAccountData); half of a debt
may be repaid in one call (LendingPoolCollateralManager.liquidationCall). Borrowers are all
`onBehalfOf` of the pool's Borrow events. Completeness: the sum of scaled variable debts equals
scaledTotalSupply, exactly; stable debt, each at its own rate, within a percent.
"""

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Chain
from scanner.core.states import States
from scanner.deployments import Market

from . import LogFilter
from ._aave_realised import liquidations, realised, worth
from ._aave_survey import AaveSurvey, survey_of
from ._aave_v2_market import SecondMarket, read_market
from ._aave_v2_survey import SecondSurvey
from ._named import accounts_named
from .aave_v3 import read, shocks

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

NAME = "aave_v2"
ADDRESSES = ("pool",)

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_POOL, _TOKEN = abi.load("aave_v2_pool"), abi.load("aave_v3_token")
_BORROW, _TRANSFER = _POOL.topic("Borrow"), _TOKEN.topic("BalanceTransfer")
# Which topic of an event names the account whose stored state may have changed.
_NAMED = {
    "Borrow": (2,),
    "Repay": (2,),
    "Deposit": (2,),
    "Withdraw": (2,),
    "LiquidationCall": (3,),
    "ReserveUsedAsCollateralEnabled": (2,),
    "ReserveUsedAsCollateralDisabled": (2,),
    "Swap": (2,),
    "RebalanceStableBorrowRate": (2,),
}


def open_market(chain: Chain, row: Market) -> SecondMarket:
    """The LendingPool of a deployments row, at the pinned block."""
    return read_market(chain, NAME, row)


def log_filter(market: SecondMarket, *, known: bool) -> LogFilter:
    """Borrow events alone while no state is stored (`known` false); else all that touch state."""
    if not known:
        return LogFilter([market.pool], [_BORROW])
    topics = [_POOL.topic(event) for event in _NAMED]
    return LogFilter([market.pool, *market.reserves.collateral_token], [*topics, _TRANSFER])


def touched(market: SecondMarket, logs: LogChunk) -> tuple[U8, I64, Bool]:
    """Accounts named by a chunk of logs, the blocks, and whether the log makes a borrower."""
    places = {_POOL.topic(event): named for event, named in _NAMED.items()}
    return accounts_named(logs, {_TRANSFER: (1, 2), **places}, frozenset([_BORROW]))


def survey(chain: Chain, market: SecondMarket, states: States, failed: U8) -> AaveSurvey:
    """Legs, prices, identities and referee of the market; see `_aave_survey`."""
    return survey_of(chain, market, states, failed, SecondSurvey)
