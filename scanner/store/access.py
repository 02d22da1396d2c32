"""The ledger's file, opened: one writer or any number of readers, and every write a transaction."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from scanner.store import errors_explained, only_writer, writable_directory
from scanner.store.file import checked, connected, create, upgraded

FILE = "ledger.sqlite"


class Access:
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
                connection = checked(path)
                connection.execute("BEGIN")
            with closing(connection):
                yield cls(connection, directory, write=False)
            return
        with only_writer(writable_directory(directory)):
            with errors_explained(directory):
                if not path.exists():
                    create(path)
                checked(path, alone=True).close()
                connection = connected(path, "rw")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA cache_size = -65536")  # [kB]
                upgraded(connection)
            with closing(connection):
                yield cls(connection, directory, write=True)

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
