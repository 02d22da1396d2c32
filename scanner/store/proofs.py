"""The proof of a stored scan: what the protocols themselves said about its prices.

It lies in the scan's directory as proof.json, so that it leaves with it; the files of the scan are
not touched, and the digest in the directory's name is the document's alone.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from scanner.errors import ScanGone
from scanner.store import errors_explained, locked, synced
from scanner.store.meta import damaged
from scanner.store.snapshots import FOLDER, Snapshot

FILE = "proof.json"


def read(scan: Snapshot) -> dict[str, Any] | None:
    """The kept proof; None where the scan was never verified. Raises as `meta.damaged` says."""
    path = scan.path / FILE
    try:
        kept: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        if not scan.path.exists():
            raise damaged(path) from error
        return None
    except (OSError, ValueError) as error:
        raise damaged(path) from error
    if not isinstance(kept, dict):
        raise damaged(path)
    return kept


def write(store: Path, scan: Snapshot, content: bytes) -> None:
    """Keep a proof, whole or not at all.

    Raises
    ------
    ScanGone
        Retention has removed the scan meanwhile.
    StoreError
        The store cannot be written.
    """
    with errors_explained(store), locked(store / FOLDER / ".lock", wait=True):
        if not scan.path.exists():
            raise ScanGone("This scan was removed while it was verified.", scan=scan.scan_id)
        aside = scan.path / "proof.new"
        try:
            aside.write_bytes(content)
            synced(aside)
            os.replace(aside, scan.path / FILE)
        except BaseException:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
        synced(scan.path)
