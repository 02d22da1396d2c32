"""Liquidations that happened on Morpho: Liquidate, and PreLiquidate of contracts of its factory.

What leaves the books is repaidAssets + badDebtAssets, and only the first was paid
(morpho-org/morpho-blue, Morpho.liquidate; morpho-org/pre-liquidation, PreLiquidation.preLiquidate).
"""

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Chain
from scanner.core.positions import Token
from scanner.core.realised import LIQUIDATION, Realised, Worth, nothing, put, unknown, valued

from . import LogFilter, _realised
from ._morpho_market import Isolated, MorphoMarket, bare

U8 = npt.NDArray[np.uint8]

_MORPHO, _EARLY = abi.load("morpho_blue"), abi.load("morpho_pre_liquidation")
_CALLED, _EARLIER = _MORPHO.topic("Liquidate"), _EARLY.topic("PreLiquidate")


def liquidations(chain: Chain, market: MorphoMarket, known: U8) -> LogFilter:
    """Morpho's own logs, and those of the pre-liquidation contracts that the store knows."""
    contracts = known[(known[:, 20:] == 0xFF).all(axis=1), :20] if len(known) else known[:, :20]
    early = [row.tobytes() for row in contracts]
    return LogFilter([market.morpho, *early], [_CALLED, _EARLIER] if early else [_CALLED])


def realised(chain: Chain, market: MorphoMarket, logs: LogChunk) -> Realised:
    """A row for each call."""
    if not len(logs):
        return nothing()
    isolated = {one.id: one for one in _opened(chain, market, logs.topics[:, 1])}
    parts = []
    for topic in (_CALLED, _EARLIER):
        calls = _realised.of_event(logs, topic)
        of = [isolated[row.tobytes()] for row in calls.topics[:, 1]]
        lost = _realised.number(calls, 3)
        lost[lost == 0] = None
        parts.append(
            _realised.rows(
                calls,
                LIQUIDATION,
                [one.label for one in of],
                _realised.named(calls, 3),
                pool=calls.topics[:, 1],
                collateral=_column([one.collateral.address for one in of]),
                debt=_column([one.loan.address for one in of]),
                seized=_realised.number(calls, 2),
                repaid=_realised.number(calls, 0),
                bad_debt=lost if topic == _CALLED else None,
            )
        )
    assets = [one for each in isolated.values() for one in (each.collateral, each.loan)]
    return _realised.together(
        parts,
        [Token(a.address, a.symbol, a.unit, np.nan, a.driver, a.driver_source) for a in assets],
    )


def _column(addresses: list[bytes]) -> U8:
    return np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 20)


def _opened(chain: Chain, market: MorphoMarket, ids: U8) -> tuple[Isolated, ...]:
    """The markets with these ids at the chain's block, whether anybody still owes there or not."""
    return bare(chain, market, [row.tobytes() for row in np.unique(ids, axis=0)]).isolated


def worth(chain: Chain, market: MorphoMarket, found: Realised) -> Worth:
    """The collateral by each market's own oracle at the block, in the loan token; that in dollars
    as a scan has it: a stable at par, a driver's own token by its feed."""
    told = {one.id: one for one in _opened(chain, market, found.pool)}
    whole = unknown(len(found))
    for pool, rows in _realised.by_pool(found):
        one = told[pool]
        prices: dict[bytes, float] = {}
        if one.loan.usd is not None:
            prices[one.loan.address] = one.loan.usd
            if one.price:
                prices[one.collateral.address] = one.price / one.feed.scale * one.loan.usd
        put(whole, rows, valued(found.picked(rows), prices))
    return whole
