"""Answers about several stored scans: the list of them, a driver's history, two scans compared."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner import past, reading
from scanner.answers import windows
from scanner.answers.head import head
from scanner.answers.holders import SIDES, members, priced_rows
from scanner.answers.lists import at_risk_total
from scanner.core.changes import changes, closeness
from scanner.core.rounding import summed
from scanner.core.windows import LONGEST
from scanner.errors import ScanGone, StoreError
from scanner.past import Past, Record
from scanner.reading import SCHEMA, Stored

if TYPE_CHECKING:
    import pandas as pd

Answer = dict[str, Any]
Row = Mapping[str, Any]
_SHARED = 0.25  # of the smaller range's dollars: so much in the same accounts makes two ranges one
_BAND = ("side", "kind", "low_usd", "high_usd", "low_ratio", "high_ratio", "tick_low", "tick_high",
         "collateral_at_risk_usd", "debt_usd", "positions", "accounts", "top_account_share",
         "distance", "owner")  # fmt: skip


def scans(store: Path, chain: str | int | None) -> Answer:
    """Every stored scan of a chain, the newest first, and those that cannot be read."""
    from scanner.store import snapshots

    number = reading.chain_id(store, chain)
    damaged: list[StoreError] = []
    rows = []
    for scan in snapshots.listed(store, number, damaged):
        try:
            rows.append(
                {
                    "scan_id": scan.scan_id,
                    "block_number": scan.block,
                    "timestamp": scan.timestamp,
                    "complete": scan.complete,
                    "tables": scan.has_tables,
                }
            )
        except ScanGone:
            continue
        except StoreError as error:
            damaged.append(error)
    return {
        "schema": SCHEMA,
        "chain_id": number,
        "scans": rows[::-1],
        "problems": [error.what for error in damaged],
    }


def history(
    store: Path, chain: str | int | None, driver: str | None = None, *, days: float | None = None
) -> Answer:
    """How a driver's ranges, debt, collateral and borrowers moved between the stored scans; those
    of the whole chain, and the liquidity beside them, where no driver is named.

    The windows look back as far as they reach, whatever `days`.

    Raises
    ------
    UsageError
        No stored scan of the chain has such a driver.
    """
    number = reading.chain_id(store, chain)
    far = None if days is None else max(days, LONGEST / past.DAY)
    records, problems = past.records(store, number, days=far)
    told_of = [problem.message for problem in problems]
    if driver is None:
        return leverage(number, records, told_of, days=days)
    known = dict.fromkeys(name for record in reversed(records) for name in record.drivers)
    name = reading.spelled(list(known), driver, "No stored scan has a driver")
    return told(number, records, name, told_of, days=days)


def leverage(
    chain_id: int,
    records: Sequence[Record],
    problems: Sequence[str],
    *,
    days: float | None = None,
) -> Answer:
    """The history of a whole chain: `leverage` of the newest complete scan, `windows`, and a row
    of totals per scan; null in those that do not record them."""
    newest = next((one for one in reversed(records) if one.complete), None)
    totals = None
    if newest is not None and newest.leverage is not None:
        totals = {"scan_id": newest.scan_id, "block": newest.block, **newest.leverage}
    return {
        "schema": SCHEMA,
        "chain_id": chain_id,
        "driver": None,
        "leverage": totals,
        "windows": windows.of_chain(records),
        "scans": [
            {
                "scan_id": one.scan_id,
                "block": one.block,
                "complete": one.complete,
                **{name: (one.leverage or {}).get(name) for name in windows.TOTALS},
                "stablecoin_supply_usd": _supply(one),
            }
            for one in past.recent(list(records), days)
        ],
        "problems": list(problems),
    }


def _supply(record: Record) -> float | None:
    liquidity = None if record.leverage is None else record.leverage["liquidity"]
    return None if liquidity is None else liquidity["stablecoin_supply_usd"]


def told(
    chain_id: int,
    records: Sequence[Record],
    driver: str,
    problems: Sequence[str],
    *,
    days: float | None = None,
) -> Answer:
    """The history of one driver from records that were read for several; `days` as in `history`.

    `changes` are against the complete scan before; an incomplete one is listed, but nothing is
    concluded from what it lacks. A range keeps its `track` as long as it is the same range.
    """
    rows: list[Answer] = []
    known: list[tuple[Row, str]] = []  # the ranges of the last complete scan, with their tracks
    named: set[str] = set()  # all tracks of complete scans
    first = True
    for record in past.recent(list(records), days):
        one = record.drivers.get(driver)
        if one is None:
            continue
        found: list[Answer] = []
        taken = named if record.complete else set(named)
        carried = {id(band): name for band, name in known if record.complete}
        ours: dict[int, str] = {}
        for step in changes([band for band, _ in known if record.complete], one.bands):
            before, after = step["before"], step["after"]
            track = carried.get(id(before))
            if after is not None:
                ours[id(after)] = track = track or _track(record, after, taken)
            if record.complete and step["change"] != "same" and not first:
                found.append({**step, "track": track, "before": short(before),
                              "after": short(after)})  # fmt: skip
        tracks = [ours[id(band)] for band in one.bands]
        if record.complete:
            known, first = list(zip(one.bands, tracks, strict=True)), False
        rows.append(
            {
                "scan_id": record.scan_id,
                "block": record.block,
                "complete": record.complete,
                **_totals(one),
                "bands": [
                    {**(short(band) or {}), "track": track}
                    for band, track in zip(one.bands, tracks, strict=True)
                ],
                "changes": found,
            }
        )
    return {
        "schema": SCHEMA,
        "chain_id": chain_id,
        "driver": driver,
        "windows": windows.of_driver(records, driver),
        "scans": rows,
        "problems": list(problems),
    }


def diff(before: Stored, after: Stored, driver: str) -> Answer:
    """What became of each range of a driver between two scans, and through which accounts.

    Where both scans still have their positions, ranges that share a quarter of the smaller one's
    dollars in the same accounts are one range, wherever it lies; otherwise ticks decide. `accounts`
    is null where positions are no longer kept. Of a driver that one of the scans does not have
    nothing is concluded: there are no changes, and that side's totals are null.
    """
    pair = (before, after)
    totals = [_totals_of(one, driver) for one in pair]
    ranges = [reading.rows_of(one.document, "bands", driver) for one in pair]
    if any(one["debt_usd"] is None for one in totals):
        ranges = [[], []]
    held: dict[int, pd.Series[float]] = {}
    if all(one.snapshot.has_tables for one in pair):
        held = {id(b): _members(s, b) for s, rows in zip(pair, ranges, strict=True) for b in rows}
    rows = [
        {**step, "accounts": _accounts(pair, driver, step, held) if held else None}
        for step in changes(ranges[0], ranges[1], partial(_close, held) if held else closeness)
    ]
    sides = [{**head(one), **total} for one, total in zip(pair, totals, strict=True)]
    return {
        "schema": SCHEMA,
        "chain_id": after.document["chain_id"],
        "driver": driver,
        "from": sides[0],
        "to": sides[1],
        "changes": rows,
    }


def _track(record: Record, band: Row, taken: set[str]) -> str:
    """A new range's name, from where and when it was first seen; it joins those `taken`."""
    name = base = f"{band['side']}-{band['tick_low']}-{record.block['number']}"
    number = 2
    while name in taken:  # two walls in one tick
        name, number = f"{base}-{number}", number + 1
    taken.add(name)
    return name


def short(band: Row | None) -> Answer | None:
    """A range as histories and events carry it."""
    return None if band is None else {key: band[key] for key in _BAND if key in band}


def _totals(one: Past) -> Answer:
    return {
        "spot_usd": one.spot,
        "borrowers": one.borrowers,
        "collateral_usd": one.collateral,
        "debt_usd": one.debt,
        "at_risk": {"long": summed(one.long.usd), "short": summed(one.short.usd)},
    }


def _totals_of(stored: Stored, driver: str) -> Answer:
    row = next((row for row in stored.document["drivers"] if row["driver"] == driver), None)
    keys = ("spot_usd", "borrowers", "collateral_usd", "debt_usd")
    return {
        **{key: row[key] if row else None for key in keys},
        "at_risk": {side: at_risk_total(stored, driver, side) if row else None for side in SIDES},
    }


_KEY = ["protocol", "market", "account"]


def _close(held: Mapping[int, "pd.Series[float]"], before: Row, after: Row) -> float:
    """Shared accounts first; else where the ranges lie."""
    shared = _shared(held[id(before)], held[id(after)])
    return 2.0 + shared if shared else closeness(before, after)


def _members(stored: Stored, band: Row) -> "pd.Series[float]":
    """Dollars of a range by protocol, market and account."""
    frame = members(stored, band)
    dollars: pd.Series[float] = frame.set_index(_KEY)["collateral_at_risk_usd"]
    return dollars


def _shared(one: "pd.Series[float]", other: "pd.Series[float]") -> float:
    """The share of the smaller range that lies in accounts of both; 0 below a quarter."""
    both = one.index.intersection(other.index)
    if not len(both):
        return 0.0
    common = float(one[both].clip(upper=other[both]).sum())
    share = common / min(float(one.sum()), float(other.sum()))
    return share if share >= _SHARED else 0.0


def _accounts(
    pair: tuple[Stored, Stored], driver: str, step: Row, held: Mapping[int, "pd.Series[float]"]
) -> list[Answer]:
    """What each member did, the largest change first: joined, left, or stayed with more or less.

    An account outside the range is looked up in the other scan, so that its new price shows.
    """
    inside = [
        held[id(band)] if band is not None else None for band in (step["before"], step["after"])
    ]
    keys = sorted({key for one in inside if one is not None for key in one.index})
    tables = [_lookup(one, driver, step["side"]) for one in pair]
    rows = []
    for protocol, market, account in keys:
        key = (protocol, market, account)
        usd = [float(one.get(key, 0.0)) if one is not None else 0.0 for one in inside]
        sides = [table.get(key) for table in tables]
        rows.append(
            {
                "account": account,
                "protocol": protocol,
                "market": market,
                "before": sides[0],
                "after": sides[1],
                "change_usd": round(usd[1] - usd[0], 2),
            }
        )
    return sorted(rows, key=lambda row: (-abs(row["change_usd"]), row["account"]))


def _lookup(stored: Stored, driver: str, side: str) -> dict[tuple[str, str, str], Answer]:
    """Price and dollars of each position of a driver and side."""
    frame = priced_rows(stored, driver, side)
    keys = zip(*(frame[name].tolist() for name in _KEY), strict=True)
    names = ["liquidation_price_usd", "liquidation_ratio", "collateral_at_risk_usd"]
    return dict(zip(keys, reading.records(frame[names]), strict=True))
