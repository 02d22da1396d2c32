"""The ledger's file: its schema, how it is made and how it is opened without harm."""

import sqlite3
from contextlib import closing
from pathlib import Path

from scanner.errors import StoreError
from scanner.store import damaged, synced

APPLICATION_ID = 0x62616E64  # "band"
SCHEMA_VERSION = 2
_SINCE_2 = """
CREATE TABLE anchors (market INTEGER PRIMARY KEY, block INTEGER NOT NULL, logs INTEGER NOT NULL);
CREATE TABLE finality (chain_id INTEGER PRIMARY KEY, block INTEGER NOT NULL, hash BLOB NOT NULL);
"""
# One transaction, not synced by SQLite: the file is made aside and synced as a whole.
SCHEMA = f"""
PRAGMA synchronous = OFF;
BEGIN;
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
{_SINCE_2}
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
PRAGMA journal_mode = WAL;
"""


def create(path: Path) -> None:
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


def connected(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)


def upgraded(connection: sqlite3.Connection) -> None:
    """Bring a ledger of an older version up to ours; one transaction."""
    ((version,),) = connection.execute("PRAGMA user_version")
    if version == 1:
        connection.executescript(f"BEGIN; {_SINCE_2} PRAGMA user_version = 2; COMMIT;")


def checked(path: Path, *, alone: bool = False) -> sqlite3.Connection:
    """A read-only connection to a ledger that is ours, whole and of a version we know.

    `alone`: nobody else can be writing. Looking then leaves no file beside the ledger, as SQLite
    does otherwise when it reads in WAL mode, so that a refused store stays exactly as it was.
    """
    if not path.exists():
        raise StoreError(
            "There is no store to read here.",
            store=path.parent,
            fix="run `bandscan scan` first, or name another store with --store",
        )
    log = path.with_name(f"{path.name}-wal")
    unlogged = alone and not (log.exists() and log.stat().st_size)
    connection = connected(path, "ro&immutable=1" if unlogged else "ro")
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
