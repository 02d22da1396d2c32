"""What the protocols themselves said about a scan's liquidation prices (`bandscan verify`)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scanner import reading
from scanner.answers.head import head
from scanner.answers.holders import members
from scanner.answers.lists import range_of
from scanner.core import proof as verdicts
from scanner.errors import UsageError
from scanner.reading import Stored
from scanner.store import proofs

if TYPE_CHECKING:
    import pandas as pd

Answer = dict[str, Any]
LISTED = 100  # prices that are not proven, at most so many of a driver are listed
_COUNTS = ("positions", *verdicts.STATUSES)


def proof(stored: Stored) -> Answer:
    """The proof that is kept beside a scan; `verified` is null where there is none."""
    return told(stored, proofs.read(stored.snapshot))


def chosen(
    stored: Stored, drivers: Sequence[str], account: str | None, band: int | None
) -> "pd.DataFrame":
    """The stored positions that have a liquidation price under some drivers: all, an account's, or
    the members of a driver's range of that number.

    Raises
    ------
    UsageError
        A range of several drivers, or no position that fits.
    """
    frame = stored.positions
    frame = frame[frame["driver"].isin(list(drivers)) & frame["side"].isin(["long", "short"])]
    frame = frame[~frame["already_liquidatable"]]
    if band is not None:
        if len(drivers) != 1:
            raise UsageError(
                "A range is one driver's.",
                drivers=", ".join(drivers),
                fix="name the driver: bandscan verify ETH --band 1",
            )
        among = members(stored, range_of(stored, drivers[0], band)).index
        frame = frame[frame.index.isin(among)]
    if account is not None:
        frame = frame[(frame["account"] == account) | (frame["owner"] == account)]
        if not len(frame):
            raise UsageError(
                "The scan has no liquidation price of this account.",
                account=account,
                fix="`bandscan account` shows what it holds and owes",
            )
    return frame


def outcome(
    rows: "pd.DataFrame",
    drivers: Sequence[str],
    found: verdicts.Outcome,
    refused: str | None,
    parity: list[Answer],
) -> Answer:
    """What is kept of a verification: counts by driver, protocol and market, and what failed."""
    debt = rows["debt_usd"].to_numpy(np.float64)
    groups: list[Answer] = []
    where = rows[["driver", "protocol", "market"]].reset_index(drop=True)
    by: dict[Any, Any] = dict(where.groupby([*where.columns]).groups)
    for (driver, protocol, market), mine in sorted(by.items()):
        places = np.asarray(mine, np.int64)
        groups.append(
            {
                "driver": driver,
                "protocol": protocol,
                "market": market,
                **verdicts.tally(found.status[places], debt[places]),
            }
        )
    return {
        "verified": "prices" if refused is None else "parity",
        "reason": refused,
        "drivers": sorted(drivers),
        "proof": groups,
        "failures": [] if refused else _failures(rows, found),
        "parity": parity,
    }


def _failures(rows: "pd.DataFrame", found: verdicts.Outcome) -> list[Answer]:
    """What is not proven: the largest debts of each driver first, no dust before all others."""
    failed = np.flatnonzero(found.status != verdicts.PROVEN)
    keys = ("driver", "protocol", "market", "account", "side", "debt_usd", "liquidation_price_usd",
            "liquidation_price_raw", "price_feed")  # fmt: skip
    frame = rows.iloc[failed][list(keys)].reset_index(drop=True)
    records: list[Answer] = []
    for place, record in zip(failed.tolist(), reading.records(frame), strict=True):
        edge, raw = found.edge[place], int(record["liquidation_price_raw"])
        records.append(
            {
                **record,
                "status": verdicts.STATUSES[found.status[place]],
                "found_raw": None if edge is None else str(edge),
                "off_units": None if edge is None else str(edge - raw),
                "off_by": None if edge is None else (edge - raw) / raw,
                "why": found.why[place] or None,
            }
        )
    records.sort(key=lambda r: (r["driver"], -r["debt_usd"], r["protocol"], r["account"]))
    listed: dict[str, int] = {}
    kept = []
    for record in records:
        listed[record["driver"]] = listed.get(record["driver"], 0) + 1
        if listed[record["driver"]] <= LISTED:
            kept.append(record)
    return kept


def merged(old: Mapping[str, Any] | None, new: Answer) -> Answer:
    """A kept proof with some drivers verified anew. Prices that were verified are not given up for
    a comparison of health factors."""
    if old is None or old.get("verified") != "prices":
        return new
    if new["verified"] != "prices":
        return {**old}
    fresh = set(new["drivers"])

    def both(key: str) -> list[Answer]:
        kept = [row for row in old[key] if row["driver"] not in fresh]
        return sorted([*kept, *new[key]], key=lambda row: str(row["driver"]))

    return {
        **new,
        "drivers": sorted({*old["drivers"], *fresh}),
        "proof": both("proof"),
        "failures": both("failures"),
    }


def told(stored: Stored, kept: Mapping[str, Any] | None) -> Answer:
    """The answer: which scan, the sums, and what is kept."""
    if kept is None:
        why = "bandscan verify was not run on this scan"
        kept = {"verified": None, "reason": why, "drivers": []}
        kept |= {"proof": [], "failures": [], "parity": []}
    known = {key: kept[key] for key in ("verified", "reason", "drivers")}
    lists = {key: kept[key] for key in ("proof", "failures", "parity")}
    return {**head(stored), **known, **_sums(kept["proof"]), **lists}


def _sums(groups: Sequence[Mapping[str, Any]]) -> Answer:
    sums = {key: sum(row[key] for row in groups) for key in _COUNTS}
    return {**sums, "dust": {key: sum(row["dust"][key] for row in groups) for key in _COUNTS}}


def all_proven(answer: Mapping[str, Any]) -> bool:
    """Whether every price but dust's is proven."""
    return bool(answer["verified"] == "prices" and answer["proven"] == answer["positions"])
