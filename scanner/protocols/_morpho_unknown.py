"""What is not known of Morpho's markets: oracles without a price, accounts that were not read."""

import numpy as np
import numpy.typing as npt

from scanner.core.integers import Integers
from scanner.errors import Problem

from . import UnknownRow
from ._morpho_market import MorphoMarket

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


def unknown_of(market: MorphoMarket, debt: Integers, place: I64, failed: U8) -> list[UnknownRow]:
    """Debt in markets without a price, by market, and who could not be read."""
    rows = []
    for number in np.unique(place).tolist():
        one, mine = market.isolated[number], place == number
        raw = int(debt[mine].sum())
        usd = None if one.loan.usd is None else raw / one.loan.unit * one.loan.usd
        why = one.why or f"no dollar price for {one.loan.symbol}"
        rows.append(
            UnknownRow(
                why,
                one.collateral.address,
                int(mine.sum()),
                [(one.loan.address, raw, usd)],
                one.label,
                optional=usd is None,
            )
        )
    if len(failed):
        rows.append(UnknownRow("stored state could not be read", bytes(20), len(failed), []))
    return rows


def problems_of(market: MorphoMarket, failed: U8) -> list[Problem]:
    """What is wrong with oracles and rate models, and how many accounts were not read."""
    where = (market.protocol, market.row.name)
    kinds = {"the oracle reverts": "oracle_reverted", "the oracle answers 0": "oracle_zero"}
    kinds["the interest rate model reverts"] = "rate_reverted"
    found = [
        Problem(kinds.get(m.why, "oracle_absurd"), m.why, market.protocol, m.label)
        for m in market.isolated
        if m.why
    ]
    if len(failed):
        text = f"{len(failed)} accounts could not be read"
        found.append(Problem("account_unreadable", text, *where, fatal=True))
    return found
