"""A file appears whole or not at all: written aside in its directory, then renamed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from scanner.errors import StoreError


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for bytes; it is replaced only when the block ends well.

    A symbolic link keeps pointing where it did. What is no regular file (a pipe, /dev/null) is
    written straight, since a rename would replace the device itself.

    Raises
    ------
    StoreError
        Exit 3: it could not be written; whatever was there before still is.
    """
    target = Path(os.path.realpath(path))
    straight = target.exists() and not target.is_file()
    aside = target if straight else target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            with aside.open("wb" if straight else "xb") as stream:
                yield stream
                if not straight:
                    stream.flush()
                    os.fsync(stream.fileno())
            if not straight:
                os.replace(aside, target)
        finally:
            if not straight:
                aside.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"The file could not be written: {error.strerror or type(error).__name__}.",
            exit_code=3,
            file=path,
            fix="free some space or choose another place; the scan itself is kept in the store",
        ) from error


def write(path: Path, data: bytes) -> None:
    """Put `data` into `path`, whole or not at all; raises like `whole`."""
    with whole(path) as stream:
        stream.write(data)
