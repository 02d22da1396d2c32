"""What the tests of Compound v2 and Venus share: their scans, and the referee's two questions."""

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from localchain.abi import Reverted
from localchain.compound import EXP, NATIVE, Compound

from scanner import scan as scanning
from scanner.scan import Finished, Request

OWN = {"ETH": ("WETH", NATIVE), "BTC": ("WBTC",), "LINK": ("LINK",)}


def scan(compound: Compound, store: Path, verify: int | None = None) -> Finished:
    """`bandscan scan --verify all` of a local pool."""
    deployments = store / "pool.toml"
    deployments.write_text(compound.deployments_toml())
    url = compound.node.url
    return scanning.run(Request(None, (url,), (), deployments, store, verify=verify, patience=30))


def table(finished: Finished) -> pd.DataFrame:
    """Positions that have a price, under all drivers."""
    frame = pd.DataFrame(finished.positions)
    frame = frame[frame["side"] != "none"].copy()
    frame["raw"] = [int(text) for text in frame["liquidation_price_raw"]]
    return frame


def prices(compound: Compound, row: Any, beyond: int = 0) -> dict[str, int]:
    """Oracle answers for a position's driver at its price, or so many units beyond it."""
    answer = row.raw - beyond * (1 if row.side == "long" else -1)
    return {token: answer for token in OWN[row.driver] if token in compound.markets}


def turns_exactly(compound: Compound, rows: pd.DataFrame) -> None:
    """No shortfall at the oracle's integer, a shortfall one unit beyond: every row."""
    for row in rows.itertuples():
        assert row.price_feed == compound.oracle
        assert row.liquidation_price_usd == pytest.approx(row.raw / row.price_scale, rel=1e-12)
        assert compound.shortfall(row.account, prices(compound, row)) <= 0, row
        assert compound.shortfall(row.account, prices(compound, row, 1)) > 0, row


def refused(compound: Compound, rows: pd.DataFrame, why: str) -> None:
    """One unit beyond the price a real call on any pair reverts, and by that name: every row."""
    for row in rows.itertuples():
        at = prices(compound, row, 1)
        debts, held = compound.holdings(row.account, at)
        for debt, token in itertools.product(debts, held):
            with pytest.raises(Reverted, match=why):
                compound.liquidate(row.account, at, debt, token, max(debts[debt] // 100, 1))
        assert (row.callable, row.seizable_usd) == (False, 0.0), row


def liquidates_as_said(compound: Compound, rows: pd.DataFrame) -> int:
    """Real calls for every pair of a row's debts and collaterals: the best is what was said.

    Returns how many pairs there were whose collateral does not cover what may be repaid.
    """
    covered = 0
    for row in rows.itertuples():
        best, at = 0.0, prices(compound, row, 1)
        debts, held = compound.holdings(row.account, at)
        for debt, (token, tokens) in itertools.product(debts, held.items()):
            units, who = debts[debt] // 2, row.account
            if compound.seizes(who, at, debt, token, units) > tokens:
                ratio = compound.seizes(who, at, debt, token, EXP)
                units = ((tokens + 1) * EXP - 1) // ratio
                covered += 1
                # VAI is repaid by a share of the debt, which is cut to 18 digits.
                more = 1 + (units // 10**12 if debt == "VAI" else 0)
                with pytest.raises(Reverted):  # LIQUIDATE_SEIZE_TOO_MUCH
                    compound.liquidate(who, at, debt, token, units + more)
            code, taken = compound.liquidate(who, at, debt, token, units)
            assert code == 0, (row, debt, token)
            best = max(best, compound.dollars(token, taken, at))
        assert row.seizable_usd == pytest.approx(best, rel=1e-9, abs=0.006), row
        assert (row.callable, row.not_callable_reason) == (True, "")
    return covered
