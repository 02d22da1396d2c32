"""The stored scans of a chain as history: a few columns of each, read once for every driver."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from scanner.errors import Problem, ScanGone, StoreError
from scanner.reading import SCHEMA
from scanner.store import snapshots

DAY = 86_400


@dataclass(frozen=True)
class Ticks:
    """Collateral at risk per occupied tick of one side: `tick` int64[n] rising, `usd` [USD]."""

    tick: npt.NDArray[np.int64]
    usd: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Past:
    """One driver in one scan. `spot` is None under the market shock; `bands` are its rows."""

    spot: float | None
    borrowers: int
    collateral: float
    debt: float
    bands: list[dict[str, Any]]
    long: Ticks
    short: Ticks


@dataclass(frozen=True)
class Record:
    """One stored scan, as history looks at it.

    `shocks` as the document has them; `leverage` its totals, None where it does not record them.
    """

    scan_id: str
    block: dict[str, Any]
    complete: bool
    drivers: dict[str, Past]
    shocks: tuple[str, ...] = ()
    leverage: dict[str, Any] | None = None

    @property
    def timestamp(self) -> int:
        """The block's time. [Unix seconds]"""
        return int(self.block["timestamp"])


# What history asks of a range.
_BAND = frozenset({"driver", "side", "kind", "low_usd", "high_usd", "tick_low", "tick_high",
                   "collateral_at_risk_usd"})  # fmt: skip


class _Driver(msgspec.Struct):
    driver: str
    spot_usd: float | None
    borrowers: int
    collateral_usd: float
    debt_usd: float


class _Tick(msgspec.Struct):
    driver: str
    side: str
    tick: int
    collateral_at_risk_usd: float


class _Sums(msgspec.Struct):
    debt_usd: float
    collateral_usd: float
    borrowers: int
    positions: int


class _OfProtocol(_Sums):
    protocol: str


class _OfDriver(_Sums):
    driver: str


class _Scope(msgspec.Struct):
    protocol: str
    market: str
    address: str


class _Token(msgspec.Struct):
    address: str
    symbol: str
    supply: str | None


class _Liquidity(msgspec.Struct):
    stablecoin_supply_usd: float | None
    source: str | None
    tokens: list[_Token]


class _Leverage(_Sums):
    by_protocol: list[_OfProtocol]
    by_driver: list[_OfDriver]
    several_drivers: _Sums | None
    no_driver: _Sums | None
    scope: list[_Scope]
    liquidity: _Liquidity | None


class _Document(msgspec.Struct):
    """The part of a document that history needs; the rest is skipped while decoding."""

    schema: str
    block: dict[str, Any]
    complete: bool
    drivers: list[_Driver]
    bands: list[dict[str, Any]]
    ticks: list[_Tick]
    shocks: list[str] = []
    leverage: _Leverage | None = None  # scans of the first release have none


def records(
    store: Path, chain_id: int, *, days: float | None = None
) -> tuple[list[Record], list[Problem]]:
    """The stored scans of a chain, the oldest first, and those that could not be read.

    Parameters
    ----------
    days : float or None
        Only so far back from the newest stored scan's block; None: all.
    """
    damaged: list[StoreError] = []
    listed = snapshots.listed(store, chain_id, damaged)
    found: list[Record] = []
    since: float | None = None
    for snapshot in reversed(listed):
        try:
            if since is not None and snapshot.timestamp < since:
                break
            found.append(record(snapshot))
        except ScanGone:
            continue
        except StoreError as error:
            damaged.append(error)
            continue
        if days is not None and since is None:
            since = found[0].timestamp - days * DAY
    problems = [Problem("scan_unreadable", error.what) for error in damaged]
    return found[::-1], problems


def recent(records: list[Record], days: float | None) -> list[Record]:
    """Those of the last `days` before the newest of them; all where that is None."""
    if days is None or not records:
        return records
    since = records[-1].timestamp - days * DAY
    return [one for one in records if one.timestamp >= since]


def record(snapshot: snapshots.Snapshot) -> Record:
    """What history needs of a stored scan; StoreError where it is none, ScanGone if it left."""
    try:
        document = msgspec.json.decode(snapshot.document_bytes(), type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            "A stored scan is not what a scan writes.", scan=snapshot.scan_id
        ) from error
    if document.schema != SCHEMA:
        raise StoreError(f"A stored scan is not written as {SCHEMA}.", scan=snapshot.scan_id)
    if not all(band.keys() >= _BAND for band in document.bands):
        raise StoreError("A stored scan is not what a scan writes.", scan=snapshot.scan_id)
    ticks: dict[tuple[str, str], list[_Tick]] = {}
    for tick in document.ticks:
        ticks.setdefault((tick.driver, tick.side), []).append(tick)
    bands: dict[str, list[dict[str, Any]]] = {}
    for band in document.bands:
        # Scans of the first release do not name the owner of a wall.
        bands.setdefault(band["driver"], []).append({"owner": None, **band})
    drivers = {
        row.driver: Past(
            spot=row.spot_usd,
            borrowers=row.borrowers,
            collateral=row.collateral_usd,
            debt=row.debt_usd,
            bands=bands.get(row.driver, []),
            long=_ticks(ticks.get((row.driver, "long"), [])),
            short=_ticks(ticks.get((row.driver, "short"), [])),
        )
        for row in document.drivers
    }
    return Record(
        snapshot.scan_id,
        document.block,
        document.complete,
        drivers,
        tuple(document.shocks),
        None if document.leverage is None else msgspec.to_builtins(document.leverage),
    )


def _ticks(rows: list[_Tick]) -> Ticks:
    return Ticks(
        np.array([row.tick for row in rows], np.int64),
        np.array([row.collateral_at_risk_usd for row in rows], np.float64),
    )
