"""Liquidations that happened in a window, from the events that the store keeps.

A window that was not read whole says so: what is missing is not "no liquidations".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner import reading
from scanner.core.realised import BAD_DEBT, KINDS, LIQUIDATION, SIDES, SOLD, share_long, side_of
from scanner.core.rounding import summed, summed_by, to_cents
from scanner.errors import NotRead, UsageError
from scanner.outputs.words import symbol
from scanner.reading import SCHEMA
from scanner.store import snapshots
from scanner.store.events import Events, Mark, Source, Span, gaps

Answer = dict[str, Any]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

DAY = 86_400
HOUR = 3_600
_MOST_HOURS = 24 * 31  # empty hours are listed in windows up to this long
UNKNOWN_SIDE = "unknown"


@dataclass(frozen=True)
class Window:
    """Blocks `first` .. `last`; of a window by time, rows before `since` are none of it.

    `start` and `end` are the marks of its ends, as far as they are known; `known` says whether
    `first` is surely not behind the window's beginning.
    """

    first: int
    last: int
    since: int | None
    start: Mark | None
    end: Mark | None
    known: bool


def liquidations(
    store: Path,
    chain: str | int | None,
    *,
    since: int | None = None,
    first: int | None = None,
    last: int | None = None,
    protocols: Sequence[str] = (),
    limit: int | None = None,
) -> Answer:
    """Debt repaid and collateral seized by force, as the kept events have it.

    Parameters
    ----------
    since : int or None
        Seconds back from the newest block that was read (or from `last`); a day where neither this
        nor `first` is given.
    first, last : int or None
        Blocks.
    protocols : sequence of str
        Only these; all where none is named.
    limit : int or None
        At most so many of the list, the largest first; sums are of all.

    Raises
    ------
    UsageError
        Several chains and none named; a window that ends where nothing was read.
    NotRead
        No liquidations were ever read, of the chain or of any.
    StoreError
        What is kept is damaged.
    """
    with Events.open(store, write=False) as events:
        number = _chain(store, events, chain)
        window = _window(events, number, since, first, last)
        sources = _named(events.sources(number), protocols)
        spans = {one.id: events.spans(one.id) for one in sources}
        rows = events.rows(sources, window.first, window.last)
    if window.since is not None:
        rows = [row for row in rows if row["timestamp"] >= window.since]
    markets = [_market(one, spans[one.id], window) for one in sources]
    markets += [] if protocols else _unread(store, number, sources)
    columns = Columns(rows)
    return {
        "schema": SCHEMA,
        "chain_id": number,
        "window": _told(window, since, first),
        "complete": window.known and all(row["complete"] for row in markets),
        "markets": markets,
        "totals": columns.totals(),
        "sides": columns.by_side(),
        "long_share": columns.long_share(),
        "largest": columns.largest(),
        "by_hour": columns.by_hour(window),
        "by_protocol": columns.by_protocol(),
        "by_driver": columns.by_driver(),
        "price_sources": columns.price_sources(),
        "matching": len(columns.listed()),
        "liquidations": [shown(rows[k], columns.side[k]) for k in columns.listed()[:limit]],
    }


def _chain(store: Path, events: Events, chain: str | int | None) -> int:
    """The chain that is meant; events may be kept of chains without any scan."""
    from scanner.deployments import chain_info

    held = events.chains()
    if chain is not None:
        number = chain_info(chain).chain_id
    elif len(held) == 1:
        number = held[0]
    else:
        number = reading.chain_id(store, None)
    if number not in held:
        raise NotRead(
            f"No liquidations of {chain_info(number).name} were read yet.",
            store=store,
            fix="`bandscan liquidations --rpc URL` reads them",
        )
    return number


def _named(sources: Sequence[Source], protocols: Sequence[str]) -> list[Source]:
    known = sorted({one.protocol for one in sources})
    for name in protocols:
        if name not in known:
            raise UsageError(
                f'Liquidations of "{symbol(name)}" were never read here.',
                protocols=", ".join(known) or "none",
            )
    return [one for one in sources if not protocols or one.protocol in protocols]


def _window(
    events: Events, chain_id: int, since: int | None, first: int | None, last: int | None
) -> Window:
    marks = events.marks(chain_id)
    if not marks:
        raise NotRead(
            "Reading liquidations was stopped before its first window was whole.",
            fix="`bandscan liquidations --rpc URL` goes on from there",
        )
    by_block = {one.block: one for one in marks}
    end = marks[-1] if last is None else by_block.get(last)
    last = marks[-1].block if last is None else last
    if last > marks[-1].block:
        raise UsageError(
            f"Liquidations are read up to block {marks[-1].block}, not to block {last}.",
            fix="`bandscan liquidations --rpc URL` reads on",
        )
    if first is not None:
        if first > last:
            raise UsageError(f"Block {first} lies after block {last}.")
        return Window(first, last, None, by_block.get(first), end, known=True)
    if end is None:
        raise UsageError(
            f"The time of block {last} is not known here.",
            fix="give --from-block as well, or a block that a window ended with",
        )
    start = end.timestamp - (DAY if since is None else since)
    earlier = [one for one in marks if one.timestamp < start]
    inside = [one for one in marks if one.timestamp >= start]
    lower = earlier[-1].block + 1 if earlier else inside[0].block
    begin = by_block.get(lower)
    # A chain's first block has none before it.
    known = bool(earlier) or lower == 0
    return Window(lower, last, start, begin if known else None, end, known)


def _told(window: Window, since: int | None, first: int | None) -> Answer:
    def end(mark: Mark | None, block: int | None, timestamp: int | None) -> Answer:
        if mark is not None:
            return {
                "number": mark.block,
                "hash": "0x" + mark.hash.hex(),
                "timestamp": mark.timestamp,
            }
        return {"number": block, "hash": None, "timestamp": timestamp}

    seconds = None if first is not None else DAY if since is None else since
    return {
        "seconds": seconds,
        "from": end(window.start, first, window.since),
        "to": end(window.end, window.last, None),
    }


def _market(source: Source, spans: Sequence[Span], window: Window) -> Answer:
    """How much of the window was read of one market, and by which ways."""
    missing = gaps([(one.first, one.last) for one in spans], window.first, window.last)
    inside = [one for one in spans if one.last >= window.first and one.first <= window.last]
    return {
        "protocol": source.protocol,
        "market": source.name,
        "complete": not missing,
        "missing_blocks": [{"from": low, "to": high} for low, high in missing],
        "asked": sorted({one.looks for one in inside}),
    }


def _unread(store: Path, chain_id: int, sources: Sequence[Source]) -> list[Answer]:
    """Protocols that the newest scan has and whose liquidations were never asked for."""
    newest = snapshots.newest(store, chain_id, complete=None)
    if newest is None:
        return []
    known = {one.protocol for one in sources}
    rows = newest.document().get("markets", [])
    return [
        {
            "protocol": protocol,
            "market": None,
            "complete": False,
            "missing_blocks": [],
            "asked": [],
        }
        for protocol in sorted({row["protocol"] for row in rows} - known)
    ]


class Columns:
    """Rows of events as columns, and their sums. Dollars are whole cents, so that parts add up."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = rows
        self.kind = np.array([row["kind"] for row in rows], np.int64)
        self.debt, self.collateral, self.bad = (
            _dollars(rows, name) for name in ("repaid_usd", "seized_usd", "bad_debt_usd")
        )
        self.side = [_side(row) for row in rows]
        self.forced = self.kind == LIQUIDATION
        self.event = self.forced & np.array([row["part"] == 0 for row in rows], np.bool_)
        self._lost = self.forced | (self.kind == BAD_DEBT)

    def totals(self) -> Answer:
        """Of the whole window."""
        sold = self.kind == SOLD
        events = int(self.event.sum())
        accounts = self._distinct(self.event, "protocol", "account")
        return {
            "debt_repaid_usd": summed(self.debt[self.forced]),
            "collateral_seized_usd": summed(self.collateral[self.forced]),
            "bad_debt_usd": summed(self.bad[self._lost]),
            "events": events,
            "accounts": accounts,
            "transactions": self._distinct(self.event, "tx"),
            "events_per_account": round(events / accounts, 2) if accounts else None,
            "sold_usd": summed(self.collateral[sold]),
            "sold_for_usd": summed(self.debt[sold]),
            "unpriced": int(sum(_unpriced(row) for row in self._rows)),
        }

    def by_side(self) -> list[Answer]:
        """Longs, shorts, pairs, loops, and those of which a token is not known."""
        return [
            {"side": side, **self._sums(self._of_side(side))}
            for side in (*SIDES, UNKNOWN_SIDE)
            if side in SIDES or self._of_side(side).any()
        ]

    def long_share(self) -> float | None:
        """Longs' debt as a share of longs', shorts' and pairs'."""
        share = share_long({side: summed(self.debt[self._of_side(side)]) for side in SIDES})
        return None if share is None else round(share, 6)

    def largest(self) -> Answer | None:
        """The most debt that one transaction repaid of one account."""
        if not self.forced.any():
            return None
        rows = np.flatnonzero(self.forced).tolist()
        keys = [
            (self._rows[k]["tx"], self._rows[k]["protocol"], self._rows[k]["account"]) for k in rows
        ]
        number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        place = np.array([number[key] for key in keys], np.int64)
        debt, seized = (summed_by(place, x[self.forced]) for x in (self.debt, self.collateral))
        best = int(np.argmax(debt))
        first = self._rows[rows[int(np.flatnonzero(place == best)[0])]]
        return {
            "transaction": "0x" + first["tx"].hex(),
            "block": first["block"],
            "timestamp": first["timestamp"],
            "protocol": first["protocol"],
            "market": first["market"],
            "account": "0x" + first["account"].hex(),
            "debt_repaid_usd": float(debt[best]),
            "collateral_seized_usd": float(seized[best]),
            "events": int(self.event[self.forced][place == best].sum()),
        }

    def by_hour(self, window: Window) -> list[Answer]:
        """Full hours of the clock (UTC); those without any event where the window is short."""
        hour = np.array([row["timestamp"] // HOUR for row in self._rows], np.int64)
        ends = [int(one) for one in hour[self.forced]]
        if window.start is not None or window.since is not None:
            start = window.since if window.start is None else window.start.timestamp
            ends.append(int(start or 0) // HOUR)
        if window.end is not None:
            ends.append(window.end.timestamp // HOUR)
        if not ends:
            return []
        low, high = min(ends), max(ends)
        whole = range(low, high + 1) if high - low <= _MOST_HOURS else sorted(set(ends))
        return [
            {"from": one * HOUR, "to": (one + 1) * HOUR, **self._sums(self.forced & (hour == one))}
            for one in whole
        ]

    def by_protocol(self) -> list[Answer]:
        """The protocols with any event, the largest first."""
        return self._grouped("protocol", lambda row: row["protocol"])

    def by_driver(self) -> list[Answer]:
        """By the driver of the collateral; of the debt where the collateral is a dollar stable."""
        found = self._grouped("driver", _driver)
        for row in found:
            mine = self.forced & np.array([_driver(one) == row["driver"] for one in self._rows])
            for side in SIDES:
                row[f"{side}_usd"] = summed(self.debt[mine & self._of_side(side)])
        return found

    def price_sources(self) -> list[Answer]:
        """How many rows were valued by what: "block", a stored scan, nothing."""
        names = [row["price_source"] for row in self._rows]
        return [
            {"source": name, "rows": names.count(name)}
            for name in sorted(set(names), key=lambda one: (one != "block", one or ""))
        ]

    def listed(self) -> list[int]:
        """Rows of liquidations and of debt written off, the largest first."""
        rows = np.flatnonzero(self._lost).tolist()
        amount = np.maximum(self.debt, self.bad)
        return sorted(
            rows,
            key=lambda k: (
                -amount[k],
                self._rows[k]["block"],
                self._rows[k]["place"],
                self._rows[k]["part"],
            ),
        )

    def _of_side(self, side: str) -> Bool:
        mine = np.array([one == side for one in self.side], np.bool_)
        return np.asarray(self.forced & mine, np.bool_)

    def _sums(self, mine: Bool) -> Answer:
        return {
            "debt_repaid_usd": summed(self.debt[mine]),
            "collateral_seized_usd": summed(self.collateral[mine]),
            "events": self._distinct(mine, "protocol", "block", "place"),
            "accounts": self._distinct(mine, "protocol", "account"),
        }

    def _grouped(self, name: str, key: Callable[[Mapping[str, Any]], Any]) -> list[Answer]:
        keys = [key(row) for row in self._rows]
        found = []
        for one in dict.fromkeys(keys):
            mine = self.forced & np.array([each == one for each in keys], np.bool_)
            if mine.any():
                found.append({name: one, **self._sums(mine)})
        found.sort(key=lambda row: (-row["debt_repaid_usd"], str(row[name])))
        return found

    def _distinct(self, mine: Bool, *names: str) -> int:
        rows = np.flatnonzero(mine).tolist()
        return len({tuple(self._rows[k][name] for name in names) for k in rows})


def _dollars(rows: Sequence[Mapping[str, Any]], name: str) -> F64:
    """Whole cents; 0 where there is none or no price, which `unpriced` counts."""
    return to_cents(np.array([row[name] or 0.0 for row in rows], np.float64))


def _side(row: Mapping[str, Any]) -> str:
    held, owed = row["collateral_token"], row["debt_token"]
    if held is None or owed is None:
        return UNKNOWN_SIDE
    return side_of(held.driver, owed.driver)


def _driver(row: Mapping[str, Any]) -> str | None:
    held, owed = row["collateral_token"], row["debt_token"]
    if held is not None and held.driver is not None:
        return str(held.driver)
    return None if owed is None else owed.driver


def _unpriced(row: Mapping[str, Any]) -> bool:
    """Whether an amount has no dollars."""
    held = row["seized"] is not None or row["shares"] is not None
    return bool(
        (held and row["seized_usd"] is None)
        or (row["repaid"] is not None and row["repaid_usd"] is None)
        or (row["bad_debt"] is not None and row["bad_debt_usd"] is None)
    )


def shown(row: Mapping[str, Any], side: str) -> Answer:
    """One event as the answer has it."""
    return {
        "kind": KINDS[row["kind"]],
        "side": side,
        "protocol": row["protocol"],
        "market": row["market"],
        "account": "0x" + row["account"].hex(),
        "owner": "0x" + row["owner"].hex() if any(row["owner"]) else None,
        "transaction": "0x" + row["tx"].hex(),
        "log_index": row["place"],
        "part": row["part"],
        "block": {"number": row["block"], "hash": "0x" + row["hash"].hex()},
        "timestamp": row["timestamp"],
        **_amount("collateral", row["collateral"], row["collateral_token"], row["seized"]),
        "collateral_shares_raw": row["shares"],
        "collateral_usd": _cents(row["seized_usd"]),
        **_amount("debt", row["debt"], row["debt_token"], row["repaid"]),
        "debt_usd": _cents(row["repaid_usd"]),
        "bad_debt_raw": row["bad_debt"],
        "bad_debt_usd": _cents(row["bad_debt_usd"]),
        "price_source": row["price_source"],
    }


def _amount(name: str, address: bytes, token: Any, raw: str | None) -> Answer:
    return {
        f"{name}_token": "0x" + address.hex() if any(address) else None,
        f"{name}_symbol": None if token is None else token.symbol,
        f"{name}_driver": None if token is None else token.driver,
        f"{name}_raw": raw,
        f"{name}_amount": None if raw is None or token is None else int(raw) / token.unit,
    }


def _cents(dollars: float | None) -> float | None:
    return None if dollars is None else float(to_cents(np.array([dollars]))[0])
