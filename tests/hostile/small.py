"""A small chain of one market, and the document that a scan of a block of it should give."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localchain import LocalChain
from localchain.mixed import Mixed

from hostile.scans import scan

BORROWERS, SEED = 24, 11


@contextmanager
def small_chain() -> Iterator[Mixed]:
    """Aave v3.6 alone, with two dozen borrowers."""
    with LocalChain("origin") as aave:
        aave.populate(BORROWERS, SEED)
        yield Mixed(aave, only=())


def clean(mixed: Mixed, block: int | None = None) -> bytes:
    """What an undisturbed scan of a block (the head, if none) says into a store of its own."""
    with tempfile.TemporaryDirectory(prefix="bandscan-clean-") as folder:
        ended = scan(mixed, Path(folder), mixed.ground.node.url, block=block)
    assert ended.code == 0, ended.err
    return ended.document


def bytes_of(folder: Path) -> dict[str, str]:
    """The digest of every file below, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
