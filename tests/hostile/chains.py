"""The chains of the hostile tests and of scripts/soak, and what a scan of them should give."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localchain import LocalChain
from localchain.mixed import Mixed

from hostile.scans import scan

PEOPLE, MIXED_SEED = 12, 3
BORROWERS, SEED = 24, 11
SLOTS = 16  # the newest final block is 32 behind the head


@contextmanager
def mixed_chain() -> Iterator[Mixed]:
    """Every protocol's real contracts, a dozen borrowers in each market."""
    with LocalChain("origin", slots=SLOTS) as aave:
        aave.populate(PEOPLE, MIXED_SEED)
        made = Mixed(aave)
        made.populate(PEOPLE, MIXED_SEED)
        yield made


@contextmanager
def small_chain() -> Iterator[Mixed]:
    """Aave v3.6 alone, with two dozen borrowers."""
    with LocalChain("origin", slots=SLOTS) as aave:
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
