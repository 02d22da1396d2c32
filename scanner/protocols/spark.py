"""SparkLend: a fork of Aave v3.0, with e-modes by asset and price oracles of its own.

Same events, same reads, same health factor as Aave v3.0 (sparkdotfi/sparklend-v1-core,
GenericLogic.calculateUserAccountData; close factor 50 or 100 % per reserve in LiquidationLogic).
Its ROUNDING_MITIGATION_REPORT.md prepares v3.5's rounding of balances under v3.0's health factor,
and nobody outside can tell when that goes live: so where accounts of a sample differ from the
pool's own view under the old rounding and none does under the new one, the new one is taken.
Its oracles quote an exchange rate times ETH / USD, or a constant: `_feeds`.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanner.chain.pinned import Chain
from scanner.core.states import States
from scanner.deployments import Market

from ._aave_market import AaveMarket
from ._aave_reading import read_market
from ._aave_realised import liquidations, realised, worth
from ._aave_survey import AaveSurvey, survey_of
from .aave_v3 import log_filter, read, shocks, touched

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

NAME = "spark"
ADDRESSES = ("pool",)

_NEWEST = 3  # POOL_REVISION of v3.0.x; a higher one is another code, whatever Aave means by it
_SAMPLE = 25


def open_market(chain: Chain, row: Market) -> AaveMarket:
    """The pool of a deployments row, at the pinned block."""
    pool = row.addresses["pool"]
    return read_market(chain, NAME, row.name, pool, row.drivers, _NEWEST, row.feeds)


def survey(
    chain: Chain, market: AaveMarket, states: States, failed: npt.NDArray[np.uint8]
) -> AaveSurvey:
    """Legs, prices, identities and referee, with the rounding that the pool itself has."""
    deployed = survey_of(chain, market, states, failed)
    if not deployed.parity(chain, _SAMPLE).mismatches:
        return deployed
    rules = replace(market.rules, floor_ceil=True)
    backported = survey_of(chain, replace(market, rules=rules), states, failed)
    return deployed if backported.parity(chain, _SAMPLE).mismatches else backported
