"""What the reading commands read: the newest stored scan, one driver of it, some of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.core import weighted
from scanner.errors import ScanGone, StoreError, UsageError

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

    @property
    def grouping(self) -> Mapping[str, Any] | None:
        """What an answer says of a file of groups; None where none was given (`grouping.py`)."""
        return None

    def groups_named(self) -> Sequence[str]:
        """The names that a file of groups gives."""
        return ()

    def alias(self, address: str) -> str:
        """What an address is called as an owner."""
        return address

    @property
    def scan_id(self) -> str:
        """What it is called in every output."""
        return self.snapshot.scan_id

    @cached_property
    def positions(self) -> "pd.DataFrame":
        """The positions table, read once."""
        return self.snapshot.positions()

    @cached_property
    def legs(self) -> "pd.DataFrame":
        """The legs table, read once."""
        return self.snapshot.legs()


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

    number = chain_id(store, chain)
    while True:
        latest = snapshots.newest(store, number, complete=None)
        if latest is None:
            raise UsageError(
                f"The store holds no scan of {chain_info(number).name}.",
                chains=", ".join(chain_info(each).name for each in snapshots.chains(store)),
                store=store,
            )
        whole = latest if latest.complete else snapshots.newest(store, number, complete=True)
        try:
            if whole is None:
                return Stored(latest, _checked(latest), None)
            return Stored(whole, _checked(whole), None if whole == latest else latest.block)
        except ScanGone:  # retention was faster: look again
            continue


def chain_id(store: Path, chain: str | int | None) -> int:
    """The id of a chain, which must be named where the store holds several.

    Raises
    ------
    UsageError
        No scan at all, several chains and none named, or an unknown name.
    """
    from scanner.deployments import chain_info
    from scanner.store import snapshots

    number = None if chain is None else chain_info(chain).chain_id
    held = snapshots.chains(store)
    if not held:
        raise UsageError(
            "There is no finished scan yet.",
            store=store,
            fix="run `bandscan scan --chain ethereum`, or name another store with --store",
        )
    if number is None and len(held) > 1:
        raise UsageError(
            "The store holds scans of several chains.",
            chains=", ".join(chain_info(each).name for each in held),
            fix="name one with --chain",
        )
    return held[0] if number is None else number


def by_id(store: Path, chain: str | int | None, name: str) -> Stored:
    """The stored scan of a block number (the one written last), a scan id, or the start of one.

    Raises
    ------
    UsageError
        No stored scan is called so, or several are.
    StoreError
        It is damaged or was written by a newer version.
    """
    from scanner.outputs.words import one_line
    from scanner.store import snapshots

    listed = snapshots.listed(store, chain_id(store, chain), damaged=[])
    # no block has more digits, and Python reads no number of thousands of them
    block = int(name) if name.isascii() and name.isdecimal() and len(name) <= 20 else None
    found = [scan for scan in listed if scan.block == block][-1:]
    found = found or [scan for scan in listed if scan.scan_id.startswith(name)]
    if len(found) != 1:
        many = "Several stored scans are" if found else "No stored scan is"
        shown = found[-3:] or listed[-3:]
        raise UsageError(
            f'{many} called "{one_line(name)[:80]}".',
            stored=", ".join(scan.scan_id for scan in shown),
            fix="`bandscan scans` lists them; a block number or the start of a scan id will do",
        )
    return opened(found[0])


def opened(snapshot: "Snapshot") -> Stored:
    """A stored scan with its document, checked; raises StoreError where it is damaged."""
    return Stored(snapshot, _checked(snapshot), None)


def driver(document: Mapping[str, Any], name: str) -> str:
    """The scan's spelling of a driver; raises UsageError with all it has for any other."""
    from scanner.outputs.phrases import drivers

    return spelled(drivers(document), name, "The scan has no driver")


def spelled(known: Sequence[str], name: str, none: str) -> str:
    """The one of the `known` drivers that is called so; raises UsageError, which begins with
    `none`, for any other."""
    from scanner.outputs.words import symbol

    if name in known:
        return name
    name = weighted.named(name)
    alike = [each for each in known if each.casefold() == name.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise UsageError(
        f'{none} called "{symbol(name)}".',
        drivers=", ".join(map(symbol, known)) or "none",
        fix=f"a single token is scanned by `bandscan scan --shock token:{symbol(name)}`",
    )


def rows_of(
    document: Mapping[str, Any],
    key: str,
    name: str | None,
    side: str | None = None,
    low: float | None = None,
    high: float | None = None,
) -> list[dict[str, Any]]:
    """The bands or ticks (of one driver) that touch [low, high], in the document's order."""
    return [
        row
        for row in document[key]
        if name in (None, row["driver"]) and side in (None, row["side"]) and touches(row, low, high)
    ]


def touches(row: Mapping[str, Any], low: float | None, high: float | None) -> bool:
    """Whether a row's price range (of ratios under the `market` shock) touches [low, high]."""
    return (low is None or _edge(row, "high") >= low) and (
        high is None or _edge(row, "low") <= high
    )


def near_spot(
    document: Mapping[str, Any], name: str, rows: list[dict[str, Any]], reach: float
) -> list[dict[str, Any]]:
    """The ticks within `reach` (a fraction) of the present price; ratios are around 1."""
    from scanner.outputs.phrases import spot

    present = spot(document, name) or 1.0
    low, high = present * (1 - reach), present * (1 + reach)
    return [row for row in rows if _edge(row, "high") >= low and _edge(row, "low") <= high]


def positions_of(
    stored: Stored,
    name: str,
    side: str | None = None,
    low: float | None = None,
    high: float | None = None,
    sort: str = "distance",
    *,
    protocol: str | None = None,
    least: float | None = None,
    among: "pd.Index | None" = None,
) -> tuple["pd.DataFrame", int]:
    """The positions that the driver can liquidate, with their distance from spot, sorted.

    `least`: only those with so much collateral at risk [USD]. `among`: only these rows of the
    table.
    Those already liquidatable have no liquidation price: they are not among them, but counted
    in the second value.
    """
    from scanner.outputs.phrases import spot

    frame = stored.positions
    frame = frame[frame["driver"] == name]
    if protocol is not None:
        frame = frame[frame["protocol"] == protocol]
    now = frame["already_liquidatable"]
    # under the `market` shock a price is a multiple of the present one
    price = frame["liquidation_price_usd"].fillna(frame["liquidation_ratio"])
    keep = frame["side"].isin(["long", "short"] if side is None else [side]) & ~now
    if low is not None:
        keep &= price >= low
    if high is not None:
        keep &= price <= high
    if least is not None:
        keep &= frame["collateral_at_risk_usd"] >= least
    if among is not None:
        keep &= frame.index.isin(among)
    found = frame[keep].copy()
    found["distance"] = price[keep] / (spot(stored.document, name) or 1.0) - 1
    column, descending = SORTS[sort]
    key = found[column].abs() if sort == "distance" else found[column]
    order = key.sort_values(ascending=not descending, kind="stable", na_position="last")
    return found.loc[order.index], int(now.sum())


def account_rows(stored: Stored, address: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Positions, with their distance from spot, and legs of the accounts at this address or owned
    by it."""
    from scanner.outputs.phrases import spot

    positions = stored.positions
    owned = positions["owner"].isin([address, stored.alias(address)])
    mine = positions[(positions["account"] == address) | owned].copy()
    price = mine["liquidation_price_usd"].fillna(mine["liquidation_ratio"])
    present = mine["driver"].map(lambda name: spot(stored.document, name) or 1.0)
    mine["distance"] = price / present.astype(float) - 1
    legs = stored.legs
    return records(mine), records(legs[legs["account"].isin([address, *mine["account"]])])


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table as dicts of Python's own types; None where there is no number."""
    return [
        {str(key): None if value != value else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


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
    return _strengthened(document)


def _strengthened(document: dict[str, Any]) -> Mapping[str, Any]:
    """The document with the `strength` that scans of the first release do not carry; without it
    where its rows are not what a scan writes, which is for those who read them to find."""
    rows = [*document["ticks"], *document["bands"]]
    try:
        if all("strength" in row for row in rows):
            return document
        from scanner.core.strength import strengthened  # numpy, which nobody's help needs

        ticks, bands = strengthened(document["ticks"], document["bands"])
    except (LookupError, TypeError, ValueError, AttributeError, MemoryError):
        return document
    return {**document, "ticks": ticks, "bands": bands}


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
