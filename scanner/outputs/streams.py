"""stdout and stderr when they misbehave: closed, full, or left by their reader."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from scanner.errors import StoreError
from scanner.outputs.words import printable

FAILED = 3  # exit code: the scan is kept, only the telling failed


@contextmanager
def printing() -> Iterator[None]:
    """Print to stdout inside the block; a reader that leaves early (`| head`) is no error.

    Raises
    ------
    StoreError
        Exit 3: what stdout leads to cannot take it (a full disk).
    """
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError as error:
        _silence(sys.stdout)
        raise StoreError(
            f"Standard output could not be written: {error.strerror}.", exit_code=FAILED
        ) from error


def print_bytes(data: bytes) -> None:
    """`data` to stdout, nothing added; raises like `printing`."""
    with printing():
        if sys.stdout is None:
            raise StoreError("Standard output is closed.", exit_code=FAILED)
        sys.stdout.buffer.write(data)


def print_line(line: str) -> bool:
    """A line to stdout, at once; False where nobody reads it any more. Raises like `printing`."""
    if sys.stdout is None:
        raise StoreError("Standard output is closed.", exit_code=FAILED)
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        return False
    except OSError as error:
        _silence(sys.stdout)
        raise StoreError(
            f"Standard output could not be written: {error.strerror}.", exit_code=FAILED
        ) from error
    return True


def complain(message: str, label: str = "error: ") -> None:
    """A message on stderr, its label red where somebody sees it; never an error of its own."""
    colour = sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = click.style(label, fg="red", bold=True) if label else ""
    try:
        click.echo(label + printable(message), err=True, color=colour)
    except (OSError, ValueError):  # nobody listens any more
        _silence(sys.stderr)


def _silence(stream: Any) -> None:
    """Point a stream to nowhere: Python flushes it once more when it ends."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
