"""What the report shows of one driver: its answers, its largest accounts, and its past."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner import answers
from scanner.core.standing import standing
from scanner.core.window import Window, around, graded, rows, scale, share_of_largest, smoothed
from scanner.outputs.site.heat import PER_ROW as HEAT_ROW
from scanner.outputs.site.heat import SHARP, STEPS
from scanner.outputs.site.model import NO_SCAN, Driver, Heat, Range, Row
from scanner.outputs.site.views import PER_ROW, REACHES
from scanner.past import DAY, Record
from scanner.reading import Stored
from scanner.reporting import movers

if TYPE_CHECKING:
    import pandas as pd

MEMBERS = 6  # accounts of a range that are named
LARGE = 0.02  # of the window's collateral: a single account from here on is marked
_COLUMNS = 150  # of the heat map, at most
_SLOTS = (1, 2, 3, 4, 6, 8, 12)  # hours of a column; above them whole days
_NEAR_DAY = 4 * 3600  # a scan counts as "24 hours ago" within so many seconds
# Dollars of the heat map's unit where they are kept for good, by chain and driver: maps of two days
# can be compared only if their colours mean the same. Elsewhere it follows from the history.
_UNITS = {(1, "ETH"): 1e6, (1, "BTC"): 5e5}
_WHOLE = 4e9  # dollars in the window for which the unit is a million


def portrait(
    stored: Stored,
    row: Row,
    slug: str,
    records: Sequence[Record],
    told: Row,
    levels: Row,
    before: Stored | None = None,
) -> Driver:
    """Everything a driver's page shows.

    Parameters
    ----------
    row : dict
        The driver's row of `answers.drivers`; it has a spot price.
    records, told : list, dict
        The stored scans, and `answers.told` of this driver from them.
    levels : dict
        `answers.levels` of it.
    before : Stored or None
        `movers.scan_before`.
    """
    name, spot = row["driver"], row["spot_usd"]
    window = around(spot, max(REACHES), PER_ROW)
    protocols = answers.protocols(stored, name)["protocols"]
    ticks = _split(answers.ticks(stored, name)["ticks"], protocols)
    now = stored.document["block"]["timestamp"]
    mine = [record for record in records if record.complete and name in record.drivers]
    mine = [record for record in mine if record.timestamp <= now]
    large_from, large = _large(stored, name, window, ticks)
    return Driver(
        name=name,
        slug=slug,
        spot=spot,
        window=window,
        row=row,
        ranges=_ranges(stored, before, name, told, now),
        ticks=ticks,
        levels=levels,
        protocols=protocols,
        standing=_standing(stored, name),
        large=large,
        large_from=large_from,
        heat=_heat(stored, name, window, mine),
        spot_day_ago=next(
            (
                record.drivers[name].spot
                for record in sorted(mine, key=lambda one: abs(one.timestamp - now + DAY))[:1]
                if abs(record.timestamp - now + DAY) <= _NEAR_DAY
            ),
            None,
        ),
        event=_event(told, now),
    )


def everybody(stored: Stored) -> dict[str, dict[str, Any]]:
    """Where the collateral of all positions stands, each counted once: a position that one of
    several drivers can liquidate has a level."""
    frame = stored.positions
    order = np.argsort(np.where(frame["side"] == "none", 1, 0), kind="stable")
    once = frame.iloc[order].drop_duplicates(["protocol", "market", "account"])
    return _sums(once)


def _split(ticks: Sequence[Row], protocols: Sequence[Row]) -> Sequence[Row]:
    """Ticks by protocol; where scans of the first release do not say, a lone one has it all."""
    if len(protocols) != 1:
        return ticks
    only = protocols[0]["protocol"]
    return [{"by_protocol": {only: tick["collateral_at_risk_usd"]}, **tick} for tick in ticks]


def _standing(stored: Stored, name: str) -> dict[str, dict[str, Any]]:
    frame = stored.positions
    return _sums(frame[frame["driver"] == name])


def _sums(frame: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    names = ("side", "already_liquidatable", "collateral_usd", "debt_usd")
    return standing(*(frame[column].to_numpy() for column in names))


def _large(
    stored: Stored, name: str, window: Window, ticks: Sequence[Row]
) -> tuple[float, list[tuple[float, float, str]]]:
    """From how many dollars on an account is marked, and the accounts."""
    amounts = [tick["collateral_at_risk_usd"] for tick in ticks]
    least = LARGE * float(rows(window, PER_ROW, [t["tick"] for t in ticks], amounts).sum())
    frame = stored.positions
    keep = (frame["driver"] == name) & ~frame["already_liquidatable"]
    keep &= frame["side"].isin(["long", "short"]) & (frame["collateral_at_risk_usd"] > least)
    columns = ("liquidation_price_usd", "collateral_at_risk_usd", "protocol")
    found = zip(*(frame[keep][column].tolist() for column in columns), strict=True)
    return least, sorted(found, key=lambda one: (-one[1], one[0])) if least else []


def _ranges(stored: Stored, before: Stored | None, name: str, told: Row, now: int) -> list[Range]:
    """The driver's ranges, the largest first: A, B, C."""
    found = answers.bands(stored, name)["bands"]
    ranked = sorted(found, key=lambda row: (-row["collateral_at_risk_usd"], row["low_usd"]))
    scans = [scan for scan in told["scans"] if scan["block"]["timestamp"] <= now]
    tracks = {
        movers.key(band): band["track"]
        for scan in scans
        if scan["scan_id"] == stored.scan_id
        for band in scan["bands"]
    }
    past = _past(scans)
    changed = _changed(scans)
    moved = movers.movers(before, stored, name) if before and found else {}
    ranges = []
    for number, row in enumerate(ranked):
        track = tracks.get(movers.key(row), "")
        points = past.get(track, [])
        members = answers.members(stored, row)
        ranges.append(
            Range(
                letter=_letter(number),
                row=row,
                accounts=answers.band_accounts(stored, row, MEMBERS),
                top_six=share_of_largest(
                    members["owner"].to_numpy(), members["collateral_at_risk_usd"].to_numpy(), 6
                ),
                past=points,
                day_ago=_day_ago(points, now),
                changed=changed.get(track),
                movers=moved.get(movers.key(row)),
            )
        )
    return ranges


def _letter(number: int) -> str:
    """
    >>> _letter(0), _letter(25), _letter(26)
    ('A', 'Z', 'AA')
    """
    head = "" if number < 26 else _letter(number // 26 - 1)
    return head + chr(ord("A") + number % 26)


def _past(scans: Sequence[Row]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for scan in scans:
        if scan["complete"]:
            for band in scan["bands"]:
                point = (scan["block"]["timestamp"], band["collateral_at_risk_usd"])
                found.setdefault(band["track"], []).append(point)
    return found


def _changed(scans: Sequence[Row]) -> dict[str, tuple[int, Row]]:
    """The last change of each range, but for its end."""
    return {
        row["track"]: (scan["block"]["timestamp"], row)
        for scan in scans
        for row in scan["changes"]
        if row["after"] is not None
    }


def _day_ago(past: Sequence[tuple[int, float]], now: int) -> float | None:
    near = [(abs(when - now + DAY), usd) for when, usd in past]
    distance, usd = min(near, default=(_NEAR_DAY + 1, 0.0))
    return usd if distance <= _NEAR_DAY and usd > 0 else None


def _event(told: Row, now: int) -> tuple[int, Row] | None:
    """The change that most dollars took part in."""
    found = [
        (weight(row), -scan["block"]["timestamp"], row)
        for scan in told["scans"]
        if scan["block"]["timestamp"] <= now
        for row in scan["changes"]
    ]
    if not found:
        return None
    _, moment, row = max(found, key=lambda one: one[:2])
    return -moment, row


def weight(row: Row) -> float:
    """Dollars that took part in a change. [USD]"""
    if row["change"] == "moved":
        return float(row["after"]["collateral_at_risk_usd"])
    return abs(float(row["collateral_change_usd"]))


def _heat(stored: Stored, name: str, window: Window, records: Sequence[Record]) -> Heat | None:
    """The driver's map; None before the second scan."""
    if len(records) < 2:
        return None
    times = np.array([record.timestamp for record in records], np.int64)
    slot = _slot(times)
    end = int(times[-1])
    count = int((end - times[0]) // slot) + 1
    start = end - count * slot
    column = np.maximum((times - start - 1) // slot, 0)
    amounts = np.zeros((window.ticks // HEAT_ROW, count))
    spots: list[float | None] = [None] * count
    for place, record in zip(column.tolist(), records, strict=True):
        one = record.drivers[name]
        tick = np.concatenate([one.long.tick, one.short.tick])
        usd = np.concatenate([one.long.usd, one.short.usd])
        amounts[:, place] = rows(window, HEAT_ROW, tick, usd)  # the last of a slot stands
        spots[place] = one.spot
    unit = _unit(stored, name, amounts)
    steps = [step * unit for step in STEPS]
    grades = graded(smoothed(amounts, SHARP * unit), steps)
    grades[:, [spot is None for spot in spots]] = NO_SCAN
    return Heat(start=start, end=end, grades=grades, spots=spots, steps=steps)


def _slot(times: npt.NDArray[np.int64]) -> int:
    """Seconds of a column: about one scan each, and not too many columns."""
    usual = float(np.median(np.diff(times)))
    least = max(min(usual * 0.9, DAY), float(times[-1] - times[0]) / (_COLUMNS - 1))
    days = ceil(least / DAY)  # more than one where the history is very long
    return next((hours * 3600 for hours in _SLOTS if hours * 3600 >= least), days * DAY)


def _unit(stored: Stored, name: str, amounts: npt.NDArray[np.float64]) -> float:
    fixed = _UNITS.get((stored.document["chain_id"], name))
    totals = amounts.sum(axis=0)
    return fixed or 1e6 * scale(
        float(
            np.median(
                totals[totals > 0],
            )
            if (totals > 0).any()
            else 0.0
        )
        / _WHOLE
    )


def at_risk(row: Mapping[str, Any]) -> float:
    """Collateral at risk of a driver on both sides. [USD]"""
    return float(sum(row["at_risk"].values()))
