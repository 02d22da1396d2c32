"""Liquidations that happened in a window, from the events that the store keeps.

A window that was not read whole says so: what is missing is not "no liquidations".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanner import reading
from scanner.answers.realised_sums import Columns
from scanner.core.realised import KINDS
from scanner.core.rounding import to_cents
from scanner.errors import NotRead, UsageError
from scanner.outputs.words import symbol
from scanner.reading import SCHEMA
from scanner.store import snapshots
from scanner.store.events import Events, Mark, Source, Span, gaps

Answer = dict[str, Any]

DAY = 86_400


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

    @property
    def times(self) -> list[int]:
        """Of its ends, as far as they are known. [Unix seconds]"""
        begin = self.since if self.start is None else self.start.timestamp
        end = None if self.end is None else self.end.timestamp
        return [one for one in (begin, end) if one is not None]


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
        "by_hour": columns.by_hour(window.times),
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
