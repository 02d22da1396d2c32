"""A site appears whole or not at all: built in a folder aside, which then takes the old one's name.

Only a folder that is missing, empty, or carries our own mark is ever replaced.
"""

import ctypes
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scanner.errors import StoreError, UsageError

MARK = ".bandscan-site"
_MARK_TEXT = "This folder is written by `bandscan report` and replaced whole by its next run.\n"
_HERE, _EXCHANGE = -100, 2  # of Linux's renameat2


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """An empty folder to build in; when the block ends well it is what `target` names.

    A symbolic link keeps pointing where it did. Whatever ends the block early, or kills the
    process, leaves the old site as it was; what a killed run built is removed by the next.

    Raises
    ------
    UsageError
        Exit 2, before anything is written: `target` holds something else than our site.
    StoreError
        Exit 3: it could not be written; the old site is still there.
    """
    final = Path(os.path.realpath(target))
    _ours(final, target)
    try:
        _sweep(final)
        aside = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
        aside.mkdir()
        handle = os.open(aside, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # tells a sweep that somebody builds here
            (aside / MARK).write_text(_MARK_TEXT)
            yield aside
            _ours(final, target)
            _swap(aside, final)
        finally:
            os.close(handle)
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"The site could not be written: {error.strerror or type(error).__name__}.",
            exit_code=3,
            folder=target,
            fix="free some space or choose another folder; the old site is as it was",
        ) from error


def _ours(final: Path, shown: Path) -> None:
    try:
        held = set(os.listdir(final))
    except FileNotFoundError:
        if final.parent.is_dir():
            return
        raise UsageError(
            "The folder that should hold the site does not exist.",
            folder=shown,
            fix="create its parent, or choose another place with --out",
        ) from None
    except NotADirectoryError:
        raise UsageError("--out is a file, not a folder.", file=shown) from None
    except OSError as error:
        raise UsageError(f"--out cannot be read: {error.strerror}.", folder=shown) from error
    if held and MARK not in held:
        raise UsageError(
            "The folder holds something that is not a bandscan site; nothing was touched.",
            folder=shown,
            fix="give --out a new or an empty folder",
        )


def _sweep(final: Path) -> None:
    """Remove what killed runs left beside the site."""
    left = re.compile(rf"\.{re.escape(final.name)}\.[0-9a-f]{{8}}\.part")
    for path in final.parent.iterdir():
        if left.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            handle = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # it is being built
            finally:
                os.close(handle)
            shutil.rmtree(path, ignore_errors=True)


def _swap(aside: Path, final: Path) -> None:
    """Put `aside` where `final` is; the old site, if any, is where `aside` was, and removed."""
    if not final.exists():
        os.rename(aside, final)
        return
    if _exchange(aside, final):
        return
    # Without an exchange in one step the name is missing for a moment.
    old = aside.with_suffix(".old")
    os.rename(final, old)
    try:
        os.rename(aside, final)
    except OSError:
        os.rename(old, final)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step, where the system can."""
    with suppress(OSError, AttributeError):
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        done: int = rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE)
        return done == 0
    return False
