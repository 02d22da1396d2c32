"""Liquidations that happened, kept: `events.sqlite`, beside the ledger and apart from it.

    sources     one market's contracts each
    spans       ranges of blocks whose logs were read, without overlap; the hash of the last one
                where that may still be reorganised away
    events      rows as core/realised.py has them, with what they were worth
    tokens      the tokens that they name
    marks       blocks whose number, hash and time are known: where windows begin and end

A span and its events are one transaction, so a killed run loses at most the range it was reading,
and a range is either read with all its events or not at all. A block hash fixes every block before
it: a span whose last block has another hash now goes, with its events, and is read again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from scanner.core.positions import Token
from scanner.core.realised import Realised, Worth
from scanner.errors import NotRead, StoreError
from scanner.store import errors_explained, locked, writable_directory
from scanner.store.events_file import FILE, connected, create

BLOCK_PRICES = "block"  # price_source: the protocol's oracle at the event's block


@dataclass(frozen=True)
class Source:
    """One market's contracts."""

    id: int
    protocol: str
    name: str


@dataclass(frozen=True)
class Span:
    """Blocks `first` .. `last` were read. `hash` is of the last one, None where it is final;
    `looks` says by which ways they were asked."""

    first: int
    last: int
    hash: bytes | None
    looks: str


@dataclass(frozen=True)
class Mark:
    """A block that is known by number, hash and time. [Unix seconds]"""

    block: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True)
class Read:
    """What one range of logs held: rows, their blocks' times, their worth, whence the prices."""

    rows: Realised
    timestamp: Sequence[int]
    worth: Worth
    price_source: Sequence[str | None]


class Events:
    """Use as `with Events.open(directory, write=True) as events:`; for reading, `kept(directory)`.

    All methods raise StoreError where the disk is full or the file damaged.
    """

    def __init__(self, connection: sqlite3.Connection, directory: Path) -> None:
        self._connection, self._directory = connection, directory

    @classmethod
    @contextmanager
    def open(cls, directory: Path, *, write: bool) -> Iterator[Self]:
        """The events of the store at `directory`; for writing, made where there are none.

        Raises
        ------
        StoreError
            None kept (reading), another run writing, damaged, of a newer version, no room.
        """
        path = directory / FILE
        if not write and not path.exists():
            raise NotRead(
                "No liquidations were read into this store yet.",
                store=directory,
                fix="`bandscan liquidations --rpc URL` reads them",
            )
        with ExitStack() as held:
            if write:
                with errors_explained(directory, FILE):
                    lock = writable_directory(directory) / "events.lock"
                    try:
                        held.enter_context(locked(lock, wait=False))
                    except BlockingIOError:
                        raise StoreError(
                            "Another run is reading liquidations into this store.",
                            store=directory,
                            fix="wait until it ends",
                        ) from None
                    if not path.exists():
                        create(path)
            with errors_explained(directory, FILE):
                connection = connected(path, write=write)
            with closing(connection):
                yield cls(connection, directory)

    # --- writing --------------------------------------------------------------------

    def source(self, chain_id: int, protocol: str, name: str, key: bytes) -> int:
        """The number of a market's contracts; a new one where they are not known."""
        row = (chain_id, protocol, name, key)
        with self._transaction() as execute:
            execute(
                "INSERT OR IGNORE INTO sources (chain_id, protocol, name, key) VALUES (?, ?, ?, ?)",
                row,
            )
        find = "SELECT id FROM sources WHERE (chain_id, protocol, name, key) = (?, ?, ?, ?)"
        return int(self._rows(find, *row)[0][0])

    def keep(self, source: int, span: Span, found: Read) -> None:
        """A range that was read, with all its events: one transaction."""
        rows, worth = found.rows, found.worth
        blocks = rows.block
        if len(rows) and not (span.first <= blocks.min() and blocks.max() <= span.last):
            raise ValueError("an event outside its span")
        if self.missing(source, span.first, span.last) != [(span.first, span.last)]:
            raise ValueError("a range that was read before")
        columns = zip(
            rows.block.tolist(),
            rows.index.tolist(),
            rows.part.tolist(),
            rows.kind.tolist(),
            _bytes(rows.hash),
            _bytes(rows.transaction),
            found.timestamp,
            _bytes(rows.account),
            _bytes(rows.owner),
            rows.market.tolist(),
            _bytes(rows.pool),
            _bytes(rows.collateral),
            _bytes(rows.debt),
            *(_texts(x) for x in (_seized(rows, worth), rows.shares, rows.repaid, rows.bad_debt)),
            *(_reals(x) for x in (worth.seized, worth.repaid, worth.bad_debt)),
            found.price_source,
            strict=True,
        )
        marks = ", ".join("?" * 22)
        with self._transaction() as execute:
            execute(
                "INSERT INTO spans VALUES (?, ?, ?, ?, ?)",
                (source, span.first, span.last, span.hash, span.looks),
            )
            self._connection.executemany(
                f"INSERT INTO events VALUES ({marks})", ((source, *row) for row in columns)
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (source, t.address, t.symbol, str(t.unit), t.driver, t.driver_source)
                    for t in rows.tokens
                ],
            )

    def unwind(self, source: int, hash_of: Callable[[int], bytes | None], final: int) -> int | None:
        """Drop the spans that are no longer of the chain; the lowest block dropped, or None.

        `hash_of` gives the hash of a block, None where the chain has none; spans that end at
        `final` or below and still stand are marked as final.
        """
        gone: int | None = None
        for span in reversed([one for one in self.spans(source) if one.hash is not None]):
            if hash_of(span.last) == span.hash:
                break  # its hash fixes all before it
            with self._transaction() as execute:
                execute("DELETE FROM spans WHERE source = ? AND first = ?", (source, span.first))
                execute(
                    "DELETE FROM events WHERE source = ? AND block BETWEEN ? AND ?",
                    (source, span.first, span.last),
                )
            gone = span.first
        with self._transaction() as execute:
            execute("UPDATE spans SET hash = NULL WHERE source = ? AND last <= ?", (source, final))
        return gone

    def mark(self, chain_id: int, marks: Iterable[Mark]) -> None:
        """Remember blocks; a number that has another hash now is told anew."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)",
                [(chain_id, one.block, one.hash, one.timestamp) for one in marks],
            )

    def forget_marks(self, chain_id: int, hash_of: Callable[[int], bytes | None]) -> None:
        """Drop the newest marks that are no longer the chain's."""
        for one in reversed(self.marks(chain_id)):
            if hash_of(one.block) == one.hash:
                return
            with self._transaction() as execute:
                execute("DELETE FROM marks WHERE chain_id = ? AND block = ?", (chain_id, one.block))

    # --- reading --------------------------------------------------------------------

    def sources(self, chain_id: int) -> list[Source]:
        """Every market of a chain whose logs were ever read, by protocol and name."""
        rows = self._rows(
            "SELECT id, protocol, name FROM sources WHERE chain_id = ? ORDER BY protocol, name, id",
            chain_id,
        )
        return [Source(*row) for row in rows]

    def chains(self) -> list[int]:
        """Chains of which anything was read."""
        return [row[0] for row in self._rows("SELECT DISTINCT chain_id FROM sources ORDER BY 1")]

    def spans(self, source: int) -> list[Span]:
        """What was read of a market, in order."""
        rows = self._rows(
            "SELECT first, last, hash, looks FROM spans WHERE source = ? ORDER BY first", source
        )
        return [Span(*row) for row in rows]

    def missing(self, source: int, first: int, last: int) -> list[tuple[int, int]]:
        """The ranges of blocks in `first` .. `last` that were not read."""
        return gaps([(one.first, one.last) for one in self.spans(source)], first, last)

    def marks(self, chain_id: int) -> list[Mark]:
        """Known blocks, in order."""
        rows = self._rows(
            "SELECT block, hash, timestamp FROM marks WHERE chain_id = ? ORDER BY block", chain_id
        )
        return [Mark(*row) for row in rows]

    def rows(self, sources: Sequence[Source], first: int, last: int) -> list[dict[str, Any]]:
        """Events of some markets in blocks `first` .. `last`, in order of block and place."""
        found: list[dict[str, Any]] = []
        for source in sources:
            known = self.tokens(source.id)
            cursor = self._rows(
                f"SELECT {', '.join(_COLUMNS)} FROM events"
                " WHERE source = ? AND block BETWEEN ? AND ?",
                source.id,
                first,
                last,
            )
            for values in cursor:
                row = dict(zip(_COLUMNS, values, strict=True))
                found.append(
                    {
                        **row,
                        "protocol": source.protocol,
                        "collateral_token": known.get(row["collateral"]),
                        "debt_token": known.get(row["debt"]),
                    }
                )
        found.sort(key=lambda row: (row["block"], row["place"], row["part"]))
        return found

    def tokens(self, source: int) -> dict[bytes, Token]:
        """The tokens that a market's events name, by address."""
        rows = self._rows(
            "SELECT address, symbol, unit, driver, driver_source FROM tokens WHERE source = ?",
            source,
        )
        return {
            address: Token(address, symbol, int(unit), float("nan"), driver, told_by)
            for address, symbol, unit, driver, told_by in rows
        }

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with errors_explained(self._directory, FILE):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        with errors_explained(self._directory, FILE):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


_COLUMNS = ("block", "place", "part", "kind", "hash", "tx", "timestamp", "account", "owner",
            "market", "pool", "collateral", "debt", "seized", "shares", "repaid", "bad_debt",
            "seized_usd", "repaid_usd", "bad_debt_usd", "price_source")  # fmt: skip


def gaps(read: Sequence[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """What of `first` .. `last` lies in none of the sorted ranges.

    >>> gaps([(3, 4), (8, 20)], 1, 10)
    [(1, 2), (5, 7)]
    """
    found, at = [], first
    for low, high in read:
        if low > last:
            break
        if low > at:
            found.append((at, low - 1))
        at = max(at, high + 1)
    if at <= last:
        found.append((at, last))
    return found


def kept(directory: Path) -> bool:
    """Whether any liquidation was ever read into the store."""
    return (directory / FILE).exists()


def _seized(rows: Realised, worth: Worth) -> Any:
    """Collateral units: of the log, else of the block's exchange rate."""
    pairs = zip(rows.seized, worth.units, strict=True)
    return np.array([one if other is None else other for one, other in pairs], object)


def _bytes(rows: Any) -> list[bytes]:
    data, width = rows.tobytes(), rows.shape[1]
    return [data[k * width : (k + 1) * width] for k in range(len(rows))]


def _texts(amounts: Any) -> list[str | None]:
    return [None if one is None else str(one) for one in amounts]


def _reals(dollars: Any) -> list[float | None]:
    return [None if one != one else float(one) for one in dollars]
