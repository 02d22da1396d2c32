"""What the reading commands read: the newest stored scan, one driver of it, some of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.errors import StoreError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from scanner.store.snapshots import Snapshot

SCHEMA = "bandscan/1"
# Sort orders of `positions`: the column, and whether large values come first.
SORTS = {
    "distance": ("distance", False),
    "at-risk": ("collateral_at_risk_usd", True),
    "collateral": ("collateral_usd", True),
    "debt": ("debt_usd", True),
    "health": ("health_factor", False),
    "price": ("distance", True),
    "account": ("account", False),
}


@dataclass(frozen=True)
class Stored:
    """A stored scan. `newer` is the block of a newer incomplete one, None without such a one."""

    snapshot: "Snapshot"
    document: Mapping[str, Any]
    newer: int | None


def newest(store: Path, chain: str | int | None) -> Stored:
    """The newest complete scan in `store`; the newest incomplete one if none is complete.

    Raises
    ------
    UsageError
        No scan there, none of that chain, several chains and none named, or an unknown name.
    StoreError
        What is stored is damaged or was written by a newer version.
    """
    from scanner.deployments import chain_info
    from scanner.store import snapshots

    chain_id = None if chain is None else chain_info(chain).chain_id
    held = snapshots.chains(store)
    if not held:
        raise UsageError(
            "There is no finished scan yet.",
            store=store,
            fix="run `bandscan scan --chain ethereum`, or name another store with --store",
        )
    names = ", ".join(chain_info(each).name for each in held)
    if chain_id is None and len(held) > 1:
        raise UsageError(
            "The store holds scans of several chains.", chains=names, fix="name one with --chain"
        )
    chain_id = held[0] if chain_id is None else chain_id
    latest = snapshots.newest(store, chain_id, complete=None)
    if latest is None:
        raise UsageError(
            f"The store holds no scan of {chain_info(chain_id).name}.", chains=names, store=store
        )
    whole = latest if latest.complete else snapshots.newest(store, chain_id, complete=True)
    if whole is None:
        return Stored(latest, _checked(latest), None)
    return Stored(whole, _checked(whole), None if whole == latest else latest.block)


def driver(document: Mapping[str, Any], name: str) -> str:
    """The scan's spelling of a driver; raises UsageError with all it has for any other."""
    from scanner.outputs.phrases import drivers
    from scanner.outputs.words import symbol

    known = drivers(document)
    if name in known:
        return name
    alike = [each for each in known if each.casefold() == name.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise UsageError(
        f'The scan has no driver called "{symbol(name)}".',
        drivers=", ".join(map(symbol, known)) or "none",
        fix=f"a single token is scanned by `bandscan scan --shock token:{symbol(name)}`",
    )


def rows_of(
    document: Mapping[str, Any],
    key: str,
    name: str,
    side: str | None,
    low: float | None = None,
    high: float | None = None,
) -> list[dict[str, Any]]:
    """The bands or ticks of a driver that touch [low, high], in the document's order."""
    return [
        row
        for row in document[key]
        if row["driver"] == name
        and side in (None, row["side"])
        and (low is None or _edge(row, "high") >= low)
        and (high is None or _edge(row, "low") <= high)
    ]


def near_spot(
    document: Mapping[str, Any], name: str, rows: list[dict[str, Any]], reach: float
) -> list[dict[str, Any]]:
    """The ticks within `reach` (a fraction) of the present price; ratios are around 1."""
    from scanner.outputs.phrases import spot

    present = spot(document, name) or 1.0
    low, high = present * (1 - reach), present * (1 + reach)
    return [row for row in rows if _edge(row, "high") >= low and _edge(row, "low") <= high]


def positions_of(
    stored: Stored, name: str, side: str | None, low: float | None, high: float | None, sort: str
) -> tuple["pd.DataFrame", int]:
    """The positions that the driver can liquidate, with their distance from spot, sorted.

    Those already liquidatable have no liquidation price: they are not among them, but counted
    in the second value.
    """
    from scanner.outputs.phrases import spot

    frame = stored.snapshot.positions()
    frame = frame[frame["driver"] == name]
    now = frame["already_liquidatable"]
    # under the `market` shock a price is a multiple of the present one
    price = frame["liquidation_price_usd"].fillna(frame["liquidation_ratio"])
    keep = frame["side"].isin(["long", "short"] if side is None else [side]) & ~now
    if low is not None:
        keep &= price >= low
    if high is not None:
        keep &= price <= high
    found = frame[keep].copy()
    found["distance"] = price[keep] / (spot(stored.document, name) or 1.0) - 1
    column, descending = SORTS[sort]
    key = found[column].abs() if sort == "distance" else found[column]
    order = key.sort_values(ascending=not descending, kind="stable", na_position="last")
    return found.loc[order.index], int(now.sum())


def account_rows(stored: Stored, address: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Positions and legs of the accounts at this address or owned by it."""
    positions = stored.snapshot.positions()
    mine = positions[(positions["account"] == address) | (positions["owner"] == address)]
    legs = stored.snapshot.legs()
    return records(mine), records(legs[legs["account"].isin([address, *mine["account"]])])


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table as dicts of Python's own types."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _edge(row: Mapping[str, Any], end: str) -> float:
    """A row's price, or its ratio under the `market` shock, where prices are null."""
    price = row[f"{end}_usd"]
    return float(row[f"{end}_ratio"] if price is None else price)


def _checked(snapshot: "Snapshot") -> Mapping[str, Any]:
    document = snapshot.document()
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise StoreError(
            f"The stored scan is not written as {SCHEMA}.",
            file=snapshot.path,
            fix="use the version of bandscan that wrote it, or scan again",
        )
    missing = [key for key, kind in _KEYS.items() if not isinstance(document.get(key), kind)]
    if missing:
        raise StoreError(
            f"The stored scan lacks {', '.join(missing)}.",
            file=snapshot.path,
            fix="remove it and scan again",
        )
    return document


_KEYS: Mapping[str, type] = {
    "certificate": list,
    "parity": list,
    "drivers": list,
    "tokens": list,
    "bands": list,
    "ticks": list,
    "markets": list,
    "unknown": list,
    "problems": list,
    "block": dict,
    "already_liquidatable": dict,
    "complete": bool,
    "chain_id": int,
}
