"""The file of the kept liquidations: its schema, how it is made and how it is opened."""

import sqlite3
from contextlib import closing
from pathlib import Path

from scanner.errors import StoreError
from scanner.store import synced

FILE = "events.sqlite"
APPLICATION_ID = 0x62616E65  # "bane"
VERSION = 1
SCHEMA = f"""
PRAGMA synchronous = OFF;
BEGIN;
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    chain_id INTEGER NOT NULL, protocol TEXT NOT NULL, name TEXT NOT NULL, key BLOB NOT NULL,
    UNIQUE (chain_id, protocol, name, key)
);
CREATE TABLE spans (
    source INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, hash BLOB,
    looks TEXT NOT NULL,
    PRIMARY KEY (source, first)
) WITHOUT ROWID;
CREATE TABLE events (
    source INTEGER NOT NULL, block INTEGER NOT NULL, place INTEGER NOT NULL, part INTEGER NOT NULL,
    kind INTEGER NOT NULL, hash BLOB NOT NULL, tx BLOB NOT NULL, timestamp INTEGER NOT NULL,
    account BLOB NOT NULL, owner BLOB NOT NULL, market TEXT NOT NULL, pool BLOB NOT NULL,
    collateral BLOB NOT NULL, debt BLOB NOT NULL,
    seized TEXT, shares TEXT, repaid TEXT, bad_debt TEXT,
    seized_usd REAL, repaid_usd REAL, bad_debt_usd REAL, price_source TEXT,
    PRIMARY KEY (source, block, place, part)
) WITHOUT ROWID;
CREATE INDEX events_by_time ON events (timestamp);
CREATE TABLE tokens (
    source INTEGER NOT NULL, address BLOB NOT NULL,
    symbol TEXT NOT NULL, unit TEXT NOT NULL, driver TEXT, driver_source TEXT NOT NULL,
    PRIMARY KEY (source, address)
) WITHOUT ROWID;
CREATE TABLE marks (
    chain_id INTEGER NOT NULL, block INTEGER NOT NULL, hash BLOB NOT NULL,
    timestamp INTEGER NOT NULL,
    PRIMARY KEY (chain_id, block)
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
COMMIT;
PRAGMA journal_mode = WAL;
"""


def create(path: Path) -> None:
    """An empty file, made aside and renamed: under the final name it is always whole."""
    aside = path.with_suffix(".new")
    for name in (aside.name, f"{aside.name}-wal", f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
    synced(aside)
    aside.rename(path)
    synced(path.parent)


def connected(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection to a file that is ours and of a version we know; StoreError for any other."""
    uri = f"{path.absolute().as_uri()}?mode={'rw' if write else 'ro'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)
    try:
        ((application,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        if application != APPLICATION_ID or version < 1:
            raise StoreError(
                "The kept liquidations are damaged or were not written by bandscan.",
                file=path,
                fix="move this file away; `bandscan liquidations` reads them again",
            )
        if version > VERSION:
            raise StoreError(
                f"The kept liquidations were written by a newer bandscan (version {version}).",
                file=path,
                fix="upgrade bandscan, or give --store another directory",
            )
        if write:
            connection.execute("PRAGMA synchronous = FULL")
        else:
            connection.execute("BEGIN")
    except BaseException:
        connection.close()
        raise
    return connection
