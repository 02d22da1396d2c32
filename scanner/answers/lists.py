"""The lists of one scan: each answer starts with which scan it is and what that scan is worth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scanner import reading
from scanner.answers.head import head
from scanner.answers.holders import SIDES, is_ratio, members, priced, subtotals
from scanner.answers.reach import driver_of
from scanner.answers.reach import reach as _reach
from scanner.core.levels import Side
from scanner.core.rounding import rounded, summed
from scanner.core.strength import strengthened
from scanner.core.summary import tick_rows
from scanner.core.ticks import tick_table
from scanner.errors import UsageError
from scanner.outputs.words import symbol
from scanner.reading import Stored

Answer = dict[str, Any]
Row = Mapping[str, Any]


def drivers(stored: Stored) -> Answer:
    """Every driver of the scan: totals, collateral at risk, nearest range below and above spot."""
    rows = []
    for row in stored.document["drivers"]:
        name = row["driver"]
        rows.append(
            {
                **row,
                "at_risk": {side: at_risk_total(stored, name, side) for side in SIDES},
                "below": _nearest(stored, name, "long"),
                "above": _nearest(stored, name, "short"),
            }
        )
    rows.sort(key=lambda row: (-(row["collateral_usd"] or 0.0), row["driver"]))
    return {**head(stored), "drivers": rows}


def at_risk_total(stored: Stored, driver: str, side: str) -> float:
    """All collateral at risk of a driver on one side. [USD]"""
    found = reading.rows_of(stored.document, "ticks", driver, side)
    return summed(np.array([row["collateral_at_risk_usd"] for row in found], np.float64))


def bands(
    stored: Stored,
    driver: str | None = None,
    *,
    side: str | None = None,
    protocol: str | None = None,
    low: float | None = None,
    high: float | None = None,
    least: float | None = None,
) -> Answer:
    """Bands and walls, of one driver or of all, in the document's order.

    Parameters
    ----------
    protocol : str or None
        Only ranges that hold some of its collateral; their amounts stay whole.
    low, high : float or None
        Only ranges that touch these prices. [USD; a ratio under the market shock]
    least : float or None
        Only ranges with so much collateral at risk. [USD]
    """
    found = [
        row
        for row in reading.rows_of(stored.document, "bands", driver, side, low, high)
        if (protocol is None or row["by_protocol"].get(protocol))
        and (least is None or row["collateral_at_risk_usd"] >= least)
    ]
    return {**head(stored), "driver": driver, "bands": found}


def ticks(
    stored: Stored,
    driver: str | None = None,
    *,
    side: str | None = None,
    protocol: str | None = None,
    low: float | None = None,
    high: float | None = None,
    least: float | None = None,
) -> Answer:
    """Collateral at risk per occupied tick; with `protocol` only that protocol's part of it, and
    its strength among that protocol's ticks."""
    if protocol is None:
        found = reading.rows_of(stored.document, "ticks", driver, side, low, high)
    else:
        names = [driver] if driver else [row["driver"] for row in stored.document["drivers"]]
        found = [
            row
            for name in names
            for one in SIDES
            if side in (None, one)
            for row in _protocol_ticks(stored, name, one, protocol)
            if reading.touches(row, low, high)
        ]
    found = [row for row in found if least is None or row["collateral_at_risk_usd"] >= least]
    ratio = stored.document["tick_ratio"]
    return {**head(stored), "driver": driver, "tick_ratio": ratio, "ticks": found}


def positions(
    stored: Stored,
    driver: str,
    *,
    side: str | None = None,
    protocol: str | None = None,
    low: float | None = None,
    high: float | None = None,
    least: float | None = None,
    band: int | None = None,
    sort: str = "distance",
    limit: int | None = None,
    offset: int = 0,
) -> Answer:
    """The positions a driver can liquidate, sorted; `matching` counts them before any limit.

    `band`: only the members of that range, counted from 1 in the order of `bands` of the driver.

    Raises
    ------
    UsageError
        The driver has no such range.
    """
    among = None if band is None else members(stored, range_of(stored, driver, band)).index
    found, already = reading.positions_of(
        stored, driver, side, low, high, sort, protocol=protocol, least=least, among=among
    )
    page = found.iloc[offset : None if limit is None else offset + limit]
    return {
        **head(stored),
        "driver": driver,
        "matching": len(found),
        "already_liquidatable": already,
        **({} if stored.grouping is None else {"groups": subtotals(stored, found)}),
        "positions": reading.records(page),
    }


def range_of(stored: Stored, driver: str, number: int) -> Row:
    """The driver's band or wall of that number; raises UsageError where it has fewer."""
    found = reading.rows_of(stored.document, "bands", driver)
    if not 1 <= number <= len(found):
        raise UsageError(
            f"{symbol(driver)} has no range {number} in this scan.",
            ranges=f"1 to {len(found)}" if found else "none",
            fix=f"`bandscan bands {symbol(driver)}` lists them",
        )
    return found[number - 1]


def numbered(stored: Stored, driver: str, rows: Sequence[Row]) -> list[int]:
    """The numbers `range_of` knows rows of `bands` by, whichever of them are shown."""
    number = {
        id(row): place
        for place, row in enumerate(reading.rows_of(stored.document, "bands", driver), 1)
    }
    return [number[id(row)] for row in rows]


def account(
    stored: Stored, address: str, *, driver: str | None = None, reach: float | None = None
) -> Answer:
    """Every position of an account, or of an owner, with its legs.

    `driver`: only what that one does to them. `reach`: what to repay or to add so that their
    liquidation prices move to this one [USD; a ratio under the market shock]; null without it.

    Raises
    ------
    UsageError
        `reach` without a driver where several move the account, or too far from spot.
    """
    held, legs = reading.account_rows(stored, address)
    if driver is not None or reach is not None:
        driver = driver_of(stored, held, driver)
        held = [row for row in held if row["driver"] == driver]
    advice = None if reach is None or driver is None else _reach(stored, held, legs, driver, reach)
    return {
        **head(stored),
        "account": address,
        "driver": driver,
        "positions": held,
        "legs": legs,
        "reach": advice,
    }


def certificate(stored: Stored) -> Answer:
    """The proof the scan carries: totals, parity, markets, prices, and all that is not known."""
    keys = ("certificate", "parity", "markets", "tokens", "unknown", "problems")
    document = stored.document
    return {
        **head(stored),
        **{key: document[key] for key in keys},
        "already_liquidatable": document["already_liquidatable"],
    }


def _protocol_ticks(stored: Stored, driver: str, side: Side, protocol: str) -> list[Answer]:
    held = priced(stored, driver, side, protocol)
    if not len(held.price):
        return []
    table = tick_table(held.price, held.at_risk, held.debt)
    parts = [{protocol: usd} for usd in rounded(table.collateral_at_risk, 2)]
    rows = tick_rows(driver, side, table, parts, ratio=is_ratio(stored, driver))
    return strengthened(rows)[0]


def _nearest(stored: Stored, driver: str, side: Side) -> Row | None:
    """The range whose near edge is closest to spot; the larger of two at one distance."""
    found = reading.rows_of(stored.document, "bands", driver, side)
    key = [(abs(row["distance"]), -row["collateral_at_risk_usd"]) for row in found]
    return found[min(range(len(found)), key=key.__getitem__)] if found else None
