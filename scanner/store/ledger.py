"""The ledger: how far each market's logs were read, whom they name, and the state stored for them.

Raw integers only, constant between an account's own events, so a later scan reads new logs and
re-reads the accounts they name. Every public write is one transaction: a process killed at any
moment loses at most the step it was in. Accounts found and the checkpoint (block and hash up to
which logs were read) are written together; the newest checkpoint is the cursor.

SQLite in WAL mode: one writer (a lock file), readers never wait. `synchronous=NORMAL` means that
a power cut, unlike a kill, may lose the last transactions, never the file.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scanner.errors import StoreError
from scanner.store import damaged, errors_explained, only_writer, synced, writable_directory
from scanner.store.states import I64, U8, States, address_bytes, packed, per_account, unpacked

FILE = "ledger.sqlite"
APPLICATION_ID = 0x62616E64  # "band"
SCHEMA_VERSION = 1
SCHEMA = f"""
CREATE TABLE markets (
    id INTEGER PRIMARY KEY,
    chain_id INTEGER NOT NULL, protocol TEXT NOT NULL, name TEXT NOT NULL, pool BLOB NOT NULL,
    UNIQUE (chain_id, protocol, name, pool)
);
CREATE TABLE checkpoints (
    market INTEGER NOT NULL, block INTEGER NOT NULL, hash BLOB,
    PRIMARY KEY (market, block)
) WITHOUT ROWID;
CREATE TABLE accounts (
    market INTEGER NOT NULL, address BLOB NOT NULL,
    first_touch INTEGER NOT NULL, last_touch INTEGER NOT NULL,
    PRIMARY KEY (market, address)
) WITHOUT ROWID;
CREATE TABLE states (
    market INTEGER NOT NULL, address BLOB NOT NULL,
    read_block INTEGER NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (market, address),
    FOREIGN KEY (market, address) REFERENCES accounts ON DELETE CASCADE
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
PRAGMA journal_mode = WAL;
"""

RECENT_CHECKPOINTS = 64  # all kept; older ones thin out by powers of two
ROWS_AT_ONCE = 65_536
FAR_AHEAD = 2**63 - 1


@dataclass(frozen=True)
class Cursor:
    """Logs are read through this block. `hash` is None where the block was too old to be undone."""

    block: int
    hash: bytes | None


class Ledger:
    """Use as `with Ledger.open(directory, write=True) as ledger:`.

    A ledger opened for reading sees one state of the file from its first read to its end. All
    methods raise StoreError when the disk is full (exit 3, the step undone) or the file damaged.
    """

    def __init__(self, connection: sqlite3.Connection, directory: Path, *, write: bool) -> None:
        self._connection = connection
        self._directory = directory
        self._write = write

    @classmethod
    @contextmanager
    def open(cls, directory: Path, *, write: bool) -> Iterator[Self]:
        """The ledger of the store at `directory`; for writing, made where there is none.

        Raises
        ------
        StoreError
            Exit 2, the file untouched: no store to read, a directory that cannot be used, a file
            that is damaged or of a newer version, another scan writing. Exit 3: no room.
        """
        path = directory / FILE
        if not write:
            with errors_explained(directory):
                connection = _checked(path)
                connection.execute("BEGIN")
            with closing(connection):
                yield cls(connection, directory, write=False)
            return
        with only_writer(writable_directory(directory)):
            with errors_explained(directory):
                if not path.exists():
                    _create(path)
                _checked(path).close()
                connection = _connected(path, "rw")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA cache_size = -65536")  # [kB]
            with closing(connection):
                yield cls(connection, directory, write=True)

    def market(self, chain_id: int, protocol: str, name: str, pool: bytes) -> int:
        """The number of a market in this ledger; a new one where writing, else StoreError."""
        key = (chain_id, protocol, name, pool)
        find = "SELECT id FROM markets WHERE (chain_id, protocol, name, pool) = (?, ?, ?, ?)"
        rows = self._rows(find, *key)
        if not rows and self._write:
            with self._transaction() as execute:
                execute(
                    "INSERT INTO markets (chain_id, protocol, name, pool) VALUES (?, ?, ?, ?)", key
                )
            rows = self._rows(find, *key)
        if not rows:
            raise StoreError(
                f"The store knows no market {name} of {protocol} on chain {chain_id}.",
                store=self._directory,
                fix="run `bandscan scan` first",
            )
        return int(rows[0][0])

    def cursor(self, market: int) -> Cursor | None:
        """How far the market's logs were read; None if never."""
        known = self._checkpoints(market)
        return known[-1] if known else None

    def has_states(self, market: int) -> bool:
        """Whether any account of the market was ever read."""
        return bool(self._rows("SELECT 1 FROM states WHERE market = ? LIMIT 1", market))

    def touch(
        self,
        market: int,
        accounts: U8,
        blocks: I64,
        upto: Cursor,
        *,
        add: bool | npt.NDArray[np.bool_],
    ) -> None:
        """Record that logs through `upto` name `accounts`; one transaction.

        Parameters
        ----------
        accounts, blocks : uint8[n, 20], int64[n]
            In any order, repeats welcome: each account's latest block counts.
        add : bool or bool[n]
            True where the log may make its account a borrower: an unknown account is then taken
            in. Elsewhere a log only marks accounts that are known.

        Raises
        ------
        ValueError
            `upto` lies behind the cursor or contradicts its hash (call `unwind` first), or a
            block lies beyond `upto`.
        """
        if len(blocks) and blocks.max() > upto.block:
            raise ValueError(f"a log at block {blocks.max()} lies beyond block {upto.block}")
        at = self.cursor(market)
        if at and (at.block > upto.block or (at.block == upto.block and _differ(at, upto))):
            raise ValueError(f"the cursor is at {at.block} and cannot go on to {upto.block}")
        address, first, last, new = per_account(accounts, blocks, add)
        known = ~new
        with self._transaction() as execute:
            self._connection.executemany(
                "INSERT INTO accounts (market, address, first_touch, last_touch)"
                " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET last_touch = max(last_touch, excluded.last_touch)",
                zip(
                    repeat(market),
                    address_bytes(address[new]),
                    first[new].tolist(),
                    last[new].tolist(),
                ),
            )
            self._connection.executemany(
                "UPDATE accounts SET last_touch = max(last_touch, ?3)"
                " WHERE market = ?1 AND address = ?2",
                zip(repeat(market), address_bytes(address[known]), last[known].tolist()),
            )
            execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET hash = coalesce(excluded.hash, hash)",
                (market, upto.block, upto.hash),
            )
            for block in _superfluous(self._checkpoints(market)):
                execute("DELETE FROM checkpoints WHERE market = ? AND block = ?", (market, block))

    def stale(self, market: int, block: int | None = None) -> U8:
        """Addresses, uint8[n, 20] sorted, whose stored state is missing or outdated.

        Outdated means touched since it was read. With `block` (at or behind the cursor) the
        question is whether the stored state is the one *at that block*: a state read elsewhere
        holds there only if no touch lies between, so accounts touched after it are named too.
        """
        rows = self._rows(
            "SELECT address FROM accounts LEFT JOIN states USING (market, address)"
            " WHERE market = ?1 AND (read_block IS NULL"
            " OR (read_block <> ?2 AND last_touch > min(read_block, ?2))) ORDER BY address",
            market,
            FAR_AHEAD if block is None else block,
        )
        joined = b"".join(address for (address,) in rows)
        return np.frombuffer(joined, np.uint8).reshape(-1, 20)

    def accounts(self, market: int) -> U8:
        """Addresses, uint8[n, 20] sorted, of everybody the market's logs named as a borrower."""
        rows = self._rows("SELECT address FROM accounts WHERE market = ? ORDER BY address", market)
        return np.frombuffer(b"".join(a for (a,) in rows), np.uint8).reshape(-1, 20)

    def save(self, market: int, states: States, read_block: int) -> None:
        """Store what was read at `read_block`; one transaction.

        Raises
        ------
        ValueError
            An account that was never touched, or columns that do not belong together.
        """
        rows = zip(
            repeat(market),
            address_bytes(states.accounts),
            repeat(read_block),
            packed(states),
        )
        with self._transaction():
            try:
                self._connection.executemany(
                    "INSERT INTO states VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET read_block = excluded.read_block, state = excluded.state",
                    rows,
                )
            except sqlite3.IntegrityError as error:
                raise ValueError("a state of an account that is not in the ledger") from error

    def load(self, market: int) -> States:
        """All accounts that have a state, sorted by address, outdated ones (`stale`) included."""
        try:
            return unpacked(self._stored(market))
        except ValueError as error:
            raise damaged(self._directory / FILE) from error

    def unwind(self, market: int, hash_of: Callable[[int], bytes | None]) -> int | None:
        """Go back to the newest checkpoint that is still on the chain; one transaction.

        Later checkpoints are forgotten, with the accounts only they named and every state read
        after it. A checkpoint without hash counts as final.

        Parameters
        ----------
        hash_of : callable
            Hash of the block with a number, None where the chain has none. Asked for the cursor,
            and, if that is gone, for about log2 of the other checkpoints. What it raises passes
            through with the ledger unchanged.

        Returns
        -------
        int or None
            The block gone back to; 0, and no cursor, if no checkpoint stands; None if the cursor
            is still on the chain and nothing changed.
        """
        known = self._checkpoints(market)

        def gone(index: int) -> bool:
            return hash_of(known[index].block) != known[index].hash

        final = max((i for i, point in enumerate(known) if point.hash is None), default=-1)
        if final == len(known) - 1 or not gone(len(known) - 1):
            return None
        # A block hash fixes all blocks before it, so those gone are the last ones in a row.
        standing = final + 1 + bisect_left(range(final + 1, len(known) - 1), True, key=gone)
        back = known[standing - 1].block if standing else -1
        with self._transaction() as execute:
            here = (market, back)
            execute("DELETE FROM checkpoints WHERE market = ? AND block > ?", here)
            execute("DELETE FROM accounts WHERE market = ? AND first_touch > ?", here)
            execute("DELETE FROM states WHERE market = ? AND read_block > ?", here)
            # A touch that was undone must not outdate what will be read at lower blocks.
            execute(
                "UPDATE accounts SET last_touch = ?2 WHERE market = ?1 AND last_touch > ?2", here
            )
        return max(back, 0)

    def _checkpoints(self, market: int) -> list[Cursor]:
        rows = self._rows(
            "SELECT block, hash FROM checkpoints WHERE market = ? ORDER BY block", market
        )
        return [Cursor(*row) for row in rows]

    def _stored(self, market: int) -> Iterator[tuple[tuple[bytes, ...], tuple[bytes, ...]]]:
        with errors_explained(self._directory):
            rows = self._connection.execute(
                "SELECT address, state FROM states WHERE market = ? ORDER BY address",
                (market,),
            )
            while chunk := rows.fetchmany(ROWS_AT_ONCE):
                addresses, blobs = zip(*chunk, strict=True)
                yield addresses, blobs

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with errors_explained(self._directory):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        with errors_explained(self._directory):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite may have rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise


def _differ(one: Cursor, other: Cursor) -> bool:
    return one.hash is not None and other.hash is not None and one.hash != other.hash


def _superfluous(known: list[Cursor]) -> list[int]:
    """Blocks whose checkpoints may go: a reorganisation then goes back at most twice as far.

    Nothing before a final checkpoint is ever gone back to. Of the others the newest stay, and
    of each power of two of distance the oldest (the newest would never grow old).
    """
    final = max((i for i, point in enumerate(known) if point.hash is None), default=0)
    blocks = [point.block for point in known]
    kept: dict[int, int] = {}
    for block in blocks[final:-RECENT_CHECKPOINTS]:
        kept.setdefault((blocks[-1] - block).bit_length(), block)
    stay = {*kept.values(), *blocks[final:][-RECENT_CHECKPOINTS:]}
    return [block for block in blocks if block not in stay]


def _create(path: Path) -> None:
    """An empty ledger, made aside and renamed: a file under the final name is always whole."""
    aside = path.with_suffix(".new")
    # Left by a killed run, or by someone who removed the ledger alone: SQLite would replay it.
    for name in (aside.name, f"{aside.name}-wal", f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
    synced(aside)
    aside.rename(path)
    synced(path.parent)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)


def _checked(path: Path) -> sqlite3.Connection:
    """A read-only connection to a ledger that is ours, whole and of a version we know."""
    if not path.exists():
        raise StoreError(
            "There is no store to read here.",
            store=path.parent,
            fix="run `bandscan scan` first, or name another store with --store",
        )
    connection = _connected(path, "ro")
    try:
        ((application,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        if application != APPLICATION_ID or version < 1:
            raise damaged(path)
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"The store was written by a newer bandscan (version {version} of its format; "
                f"this one knows {SCHEMA_VERSION}).",
                store=path.parent,
                fix="upgrade bandscan, or give --store another directory",
            )
        if list(connection.execute("PRAGMA quick_check(1)")) != [("ok",)]:
            raise damaged(path)
    except BaseException:
        connection.close()
        raise
    return connection
