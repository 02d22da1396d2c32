"""What survives a kill -9: the ledger of raw stored state, and snapshots of finished scans.

A store is one directory:

    ledger.sqlite   cursors, accounts and their stored state (ledger.py)
    ledger.lock     held by the one scan that writes
    events.sqlite   liquidations that happened, and how far their logs were read (events.py)
    scans/          finished scans, never changed once they are visible (snapshots.py, tables.py,
                    meta.py), kept by a stated rule (retention.py)

The directory must lie on a local POSIX file system: SQLite's WAL needs shared memory and the
locks are `flock`s.
"""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scanner.errors import StoreError

# What the machine ran out of while we wrote: the user frees space and runs again, so exit 3.
OUT_OF_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def default_directory() -> Path:
    """The platform's user data directory for bandscan; not created here."""
    from platformdirs import user_data_dir

    return Path(user_data_dir("bandscan"))


def writable_directory(directory: Path) -> Path:
    """`directory`, made if only its last part is missing (the default one with its parents).

    Raises
    ------
    StoreError
        Exit 2: it is a file, may not be written, or its parent does not exist (a mistyped path
        must not silently start a new, empty store). Exit 3: no room.
    """
    with errors_explained(directory):
        directory.mkdir(parents=directory == default_directory(), exist_ok=True)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "not writable")
    return directory


@contextmanager
def errors_explained(directory: Path, file: str = "ledger.sqlite") -> Iterator[None]:
    """Turn what the system or SQLite says about disk and files into a StoreError."""
    try:
        yield
    except OSError as error:
        raise _of_system(error, directory) from error
    except sqlite3.DatabaseError as error:
        explained = _of_sqlite(error, directory, file)
        if explained is None:
            raise
        raise explained from error


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`; the system drops it when the process dies.

    Raises
    ------
    BlockingIOError
        Someone else holds it and `wait` is false.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


@contextmanager
def only_writer(directory: Path) -> Iterator[None]:
    """Hold the store at `directory` for writing; StoreError where another scan does."""
    with ExitStack() as held:
        with errors_explained(directory):
            try:
                held.enter_context(locked(directory / "ledger.lock", wait=False))
            except BlockingIOError:
                raise StoreError(
                    "Another scan is writing to this store.",
                    store=directory,
                    fix="wait until it ends, or give this one its own --store",
                ) from None
        yield


def synced(path: Path) -> None:
    """Push a file or a directory entry to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def damaged(file: Path) -> StoreError:
    """A ledger that is not ours or no longer whole."""
    return StoreError(
        "The store is damaged or was not written by bandscan.",
        file=file,
        fix="move this file away and run `bandscan scan`, which reads the chain anew; "
        "finished scans stay",
    )


def _no_room(why: str, directory: Path) -> StoreError:
    return StoreError(
        f"The disk is full or failing: {why}.",
        exit_code=3,
        store=directory,
        fix="free some space and run again; all that was finished before is kept",
    )


def _of_sqlite(error: sqlite3.DatabaseError, directory: Path, file: str) -> StoreError | None:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(directory / file)
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return _no_room(str(error), directory)
        case (
            sqlite3.SQLITE_BUSY
            | sqlite3.SQLITE_CANTOPEN
            | sqlite3.SQLITE_READONLY
            | sqlite3.SQLITE_PERM
        ):
            return StoreError(
                f"The store cannot be used: {error}.",
                store=directory,
                fix="close other programs that use it and check its permissions",
            )
    return None


def _of_system(error: OSError, directory: Path) -> StoreError:
    if error.errno in OUT_OF_ROOM:
        return _no_room(error.strerror or "", directory)
    if isinstance(error, FileExistsError | NotADirectoryError):
        return StoreError(
            "The store is a file, not a directory.",
            store=directory,
            fix="give --store a directory",
        )
    if isinstance(error, FileNotFoundError):
        return StoreError(
            "The directory that should hold the store does not exist.",
            store=directory,
            fix=f"create {directory.parent}, or give --store another directory",
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StoreError(
            "The store is not accessible: permission denied.",
            store=directory,
            fix="change its permissions, or give --store another directory",
        )
    return StoreError(
        f"The store cannot be used: {error.strerror or type(error).__name__}.",
        store=directory,
        fix="give --store another directory",
    )
