"""Earlier ranges against what happened: of what they listed, how much was liquidated when the price
crossed them.

From stored scans that still have their positions, the scans after them, and the liquidations that
were read. What cannot be told from these is `unknown`, never counted as one or the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner import reading
from scanner.answers.holders import members
from scanner.core.backtest import OUTCOMES, Members, outcome
from scanner.core.realised import LIQUIDATION
from scanner.core.rounding import summed
from scanner.errors import NotRead, ScanGone, StoreError
from scanner.reading import SCHEMA, Stored
from scanner.store import snapshots
from scanner.store.events import Events, gaps

if TYPE_CHECKING:
    import pandas as pd

Answer = dict[str, Any]
Row = Mapping[str, Any]
Key = tuple[str, str, str]
Bool = npt.NDArray[np.bool_]

_KEY = ["protocol", "market", "account"]
_NEAR = 0.005  # of a range's edge: interest moves a liquidation price a little every day


@dataclass(frozen=True)
class Kept:
    """The liquidations of a chain, and which blocks of which market were read."""

    rows: list[dict[str, Any]]
    spans: dict[tuple[str, str], list[tuple[int, int]]]

    @cached_property
    def by_member(self) -> dict[Key, list[dict[str, Any]]]:
        """Events of each position."""
        found: dict[Key, list[dict[str, Any]]] = {}
        for row in self.rows:
            key = (row["protocol"], row["market"], "0x" + row["account"].hex())
            found.setdefault(key, []).append(row)
        return found

    def whole(self, protocol: str, first: int, last: int) -> bool:
        """Whether every market of a protocol was read from `first` to `last`."""
        mine = [spans for (name, _), spans in self.spans.items() if name == protocol]
        return bool(mine) and not any(gaps(spans, first, last) for spans in mine)


def backtest(store: Path, chain: str | int | None, driver: str | None = None) -> Answer:
    """Every band and wall of every earlier stored scan, and what became of it.

    Raises
    ------
    UsageError
        No scan, several chains and none named, or no stored scan has such a driver.
    """
    number = reading.chain_id(store, chain)
    problems: list[str] = []
    scans = _scans(store, number, problems)
    kept = _kept(store, number, problems)
    name = None
    if driver is not None:
        known = dict.fromkeys(
            row["driver"] for one in reversed(scans) for row in one.document["drivers"]
        )
        name = reading.spelled(list(known), driver, "No stored scan has a driver")
    rows: list[Answer] = []
    tested = 0
    for place, scan in enumerate(scans):
        later = scans[place + 1 :]
        if not scan.snapshot.has_tables:
            continue
        tested += bool(later)
        for band in reading.rows_of(scan.document, "bands", name):
            if band["low_usd"] is None:  # an axis of ratios has no price that could be crossed
                continue
            try:
                row = _tested(scan, band, later, kept)
            except ScanGone:
                continue
            if later or row["crossed"] is not None:  # of the newest scan: only by liquidations
                rows.append(row)
    return {
        "schema": SCHEMA,
        "chain_id": number,
        "driver": name,
        "scans": tested,
        "complete": not problems
        and all(row["outcome"] is None or not row["outcome"]["unknown_usd"] for row in rows),
        "bands": rows,
        "problems": problems,
    }


def _scans(store: Path, chain_id: int, problems: list[str]) -> list[Stored]:
    """Every readable scan, the oldest first."""
    damaged: list[StoreError] = []
    found = []
    for snapshot in snapshots.listed(store, chain_id, damaged):
        try:
            found.append(reading.opened(snapshot))
        except ScanGone:
            continue
        except StoreError as error:
            damaged.append(error)
    problems += [error.what for error in damaged]
    return found


def _kept(store: Path, chain_id: int, problems: list[str]) -> Kept:
    try:
        with Events.open(store, write=False) as events:
            sources = events.sources(chain_id)
            rows = [row for row in events.rows(sources, 0, 2**62) if row["kind"] == LIQUIDATION]
            spans = {
                (one.protocol, one.name): [(s.first, s.last) for s in events.spans(one.id)]
                for one in sources
            }
    except NotRead as error:
        problems.append(f"{error.what} Run `bandscan liquidations` with an endpoint.")
        return Kept([], {})
    return Kept(rows, spans)


def _tested(scan: Stored, band: Row, later: Sequence[Stored], kept: Kept) -> Answer:
    """One range's row."""
    block = scan.document["block"]
    long = band["side"] == "long"
    frame = members(scan, band)
    keys: list[Key] = list(zip(*(frame[one].tolist() for one in _KEY), strict=True))
    seen = [(one, _spot(one, band["driver"])) for one in later]
    priced = [(one, spot) for one, spot in seen if spot is not None]
    far = min(priced, key=lambda pair: pair[1] if long else -pair[1], default=None)
    crossed_at = None
    if far is not None and (far[1] <= band["high_usd"] if long else far[1] >= band["low_usd"]):
        crossed_at = far[0]
    events = _events(kept, keys, block["number"], None, _follows(scan, band))
    head = {
        "scan": {
            "scan_id": scan.scan_id,
            "block_number": block["number"],
            "timestamp": block["timestamp"],
            "complete": scan.document["complete"],
        },
        **{key: band[key] for key in ("driver", "side", "kind", "low_usd", "high_usd",
                                      "collateral_at_risk_usd", "positions", "accounts")},
    }  # fmt: skip
    if crossed_at is None and not any(events.values()):
        return {**head, "crossed": None, "outcome": None}
    compared, events = _compared(kept, keys, scan, band, later, crossed_at, events)
    reach = None if far is None else far[1]
    crossed = _crossing(band, crossed_at, reach, events, long=long)
    price = frame["liquidation_price_usd"].to_numpy(np.float64)
    held = Members(
        at_risk=frame["collateral_at_risk_usd"].to_numpy(np.float64),
        seized=_shares(scan, band, keys, events),
        called=np.array([bool(events[key]) for key in keys], np.bool_),
        reached=_reached(price, crossed_at, reach, long=long),
        listed=_listed(compared, band, keys),
        known=_known(kept, keys, block["number"], compared),
    )
    parts = outcome(held)
    mine = [row for found in events.values() for row in found]
    return {
        **head,
        "crossed": crossed,
        "outcome": {
            **{f"{name}_usd": parts[name] for name in OUTCOMES},
            "compared_with": None if compared is None else compared.scan_id,
            "liquidations": len({(r["protocol"], r["block"], r["place"]) for r in mine}),
            "accounts_liquidated": len({key for key, found in events.items() if found}),
            "debt_repaid_usd": _sum(mine, "repaid_usd"),
            "collateral_seized_usd": _sum(mine, "seized_usd"),
        },
    }


def _spot(stored: Stored, driver: str) -> float | None:
    for row in stored.document["drivers"]:
        if row["driver"] == driver:
            return None if row["spot_usd"] is None else float(row["spot_usd"])
    return None


def _follows(scan: Stored, band: Row) -> "pd.DataFrame":
    """The legs that a range's collateral at risk is made of: counted collateral, of longs that
    which follows the driver."""
    legs = scan.legs
    keep = (legs["kind"] == "collateral") & legs["counted"]
    if band["side"] == "long":
        keep &= legs["driver"] == band["driver"]
    return legs[keep]


def _events(
    kept: Kept, keys: Sequence[Key], after: int, last: int | None, legs: "pd.DataFrame"
) -> dict[Key, list[dict[str, Any]]]:
    """Liquidations of members after a block (up to `last`) that took such collateral."""
    tokens: dict[Key, set[str]] = {}
    columns = (legs[one].tolist() for one in (*_KEY, "token"))
    for protocol, market, account, token in zip(*columns, strict=True):
        tokens.setdefault((protocol, market, account), set()).add(token)
    return {
        key: [
            row
            for row in kept.by_member.get(key, ())
            if row["block"] > after
            and (last is None or row["block"] <= last)
            and "0x" + row["collateral"].hex() in tokens.get(key, ())
        ]
        for key in keys
    }


def _compared(
    kept: Kept,
    keys: Sequence[Key],
    scan: Stored,
    band: Row,
    later: Sequence[Stored],
    crossed_at: Stored | None,
    events: Mapping[Key, list[dict[str, Any]]],
) -> tuple[Stored | None, dict[Key, list[dict[str, Any]]]]:
    """The first complete scan with positions from the crossing on, and the events up to it."""
    if crossed_at is not None:
        begin = crossed_at.document["block"]["number"]
    else:
        begin = max(row["block"] for found in events.values() for row in found)
    for one in later:
        block = one.document["block"]["number"]
        if block >= begin and one.document["complete"] and one.snapshot.has_tables:
            return one, _events(
                kept, keys, scan.document["block"]["number"], block, _follows(scan, band)
            )
    return None, _events(kept, keys, scan.document["block"]["number"], None, _follows(scan, band))


def _crossing(
    band: Row,
    crossed_at: Stored | None,
    reach: float | None,
    events: Mapping[Key, list[dict[str, Any]]],
    *,
    long: bool,
) -> Answer:
    """How far the price went, and who says so: a later scan, or only liquidations of members."""
    if crossed_at is None:
        first = min(row["timestamp"] for found in events.values() for row in found)
        return {"by": "liquidations", "whole": False, "price_usd": None, "timestamp": first,
                "scan_id": None}  # fmt: skip
    assert reach is not None
    whole = reach < band["low_usd"] if long else reach > band["high_usd"]
    return {
        "by": "scan",
        "whole": whole,
        "price_usd": reach,
        "timestamp": crossed_at.document["block"]["timestamp"],
        "scan_id": crossed_at.scan_id,
    }


def _reached(
    price: npt.NDArray[np.float64], crossed_at: Stored | None, reach: float | None, *, long: bool
) -> Bool:
    """Members whose price the later scan's spot lies beyond; nobody where no scan saw it."""
    if crossed_at is None or reach is None:
        return np.zeros(len(price), np.bool_)
    return np.asarray(price > reach if long else price < reach, np.bool_)


def _shares(
    scan: Stored, band: Row, keys: Sequence[Key], events: Mapping[Key, list[dict[str, Any]]]
) -> npt.NDArray[np.float64]:
    """The share of each member's collateral at risk that events took, each token by its own share
    of the units that were listed, all tokens by their dollars then."""
    legs = _follows(scan, band)
    wanted = {key for key, found in events.items() if found}
    columns = (legs[one].tolist() for one in (*_KEY, "token", "amount_raw", "value_usd"))
    held: dict[Key, list[tuple[str, int, float]]] = {}
    for protocol, market, account, token, raw, value in zip(*columns, strict=True):
        key = (protocol, market, account)
        if key in wanted:
            held.setdefault(key, []).append((token, int(raw), float(value)))
    share = np.zeros(len(keys))
    for place, key in enumerate(keys):
        if key not in wanted:
            continue
        taken: dict[str, int | None] = {}
        for row in events[key]:
            token = "0x" + row["collateral"].hex()
            before = taken.get(token, 0)
            known = row["seized"] is not None and before is not None
            taken[token] = int(row["seized"]) + (before or 0) if known else None
        if None in taken.values():
            share[place] = np.nan
            continue
        whole = sum(value for *_, value in held[key])
        part = sum(
            value * min(1.0, (taken.get(token) or 0) / raw)
            for token, raw, value in held[key]
            if raw
        )
        share[place] = part / whole if whole else np.nan
    return share


def _listed(compared: Stored | None, band: Row, keys: Sequence[Key]) -> Bool:
    """Members that a later scan has on the same side, still in the range or nearer to spot than
    that, or liquidatable now."""
    if compared is None:
        return np.zeros(len(keys), np.bool_)
    frame = compared.positions
    frame = frame[frame["driver"] == band["driver"]]
    price = frame["liquidation_price_usd"].to_numpy(np.float64)
    if band["side"] == "long":
        there = price >= band["low_usd"] * (1 - _NEAR)
    else:
        there = price <= band["high_usd"] * (1 + _NEAR)
    there &= (frame["side"] == band["side"]).to_numpy()
    there |= frame["already_liquidatable"].to_numpy(np.bool_)
    mine = frame[there]
    found = set(zip(*(mine[one].tolist() for one in _KEY), strict=True))
    return np.array([key in found for key in keys], np.bool_)


def _known(kept: Kept, keys: Sequence[Key], after: int, compared: Stored | None) -> Bool:
    """Members of markets whose liquidations were read from the scan to the later one."""
    if compared is None:
        return np.zeros(len(keys), np.bool_)
    last = compared.document["block"]["number"]
    whole = {
        protocol: kept.whole(protocol, after + 1, last) for protocol in {key[0] for key in keys}
    }
    return np.array([whole[key[0]] for key in keys], np.bool_)


def _sum(rows: Sequence[Row], name: str) -> float | None:
    """Dollars at the events' blocks; None where one of them has no price."""
    if any(row[name] is None for row in rows):
        return None
    return summed(np.array([round(row[name], 2) for row in rows], np.float64))
