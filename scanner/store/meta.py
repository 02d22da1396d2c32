"""meta.json of a stored scan: what is known of it beside its document; no part of its digest."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scanner.errors import ScanGone, StoreError
from scanner.store import synced

FILE = "meta.json"


@dataclass(frozen=True)
class Meta:
    """Facts of one stored scan.

    Attributes
    ----------
    order : int
        Its place among the scans of one block, in the order they were written.
    timestamp : int or None
        The block's time [Unix seconds]; scans of the first release do not have it here.
    thinned : bool
        Whether retention has left only the document.
    tables : dict
        SHA-256 of each table, by file name; empty for scans of the first release.
    """

    complete: bool
    order: int
    timestamp: int | None = None
    thinned: bool = False
    tables: dict[str, str] = field(default_factory=dict)


def read(folder: Path) -> Meta:
    """The facts of the scan in `folder`; raises as `damaged` says."""
    try:
        kept = json.loads((folder / FILE).read_bytes())
        timestamp = kept.get("timestamp")
        if not isinstance(kept["complete"], bool):
            raise TypeError("a text would count as true, whatever it says")
        return Meta(
            complete=kept["complete"],
            order=int(kept["order"]),
            timestamp=None if timestamp is None else int(timestamp),
            thinned=bool(kept.get("thinned", False)),
            tables=dict(kept.get("tables", {})),
        )
    except (AttributeError, OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder / FILE) from error


def write(folder: Path, meta: Meta) -> None:
    """Put the facts into `folder`, whole or not at all."""
    aside = folder / "meta.new"
    aside.write_text(json.dumps(asdict(meta)))
    synced(aside)
    os.replace(aside, folder / FILE)


def damaged(path: Path) -> StoreError:
    """A file of a stored scan that cannot be read: ScanGone where retention has removed it."""
    if not os.path.lexists(path.parent):  # a link that leads nowhere was not removed
        return ScanGone("This scan was removed while it was read.", scan=path.parent.name)
    return StoreError(
        "A stored scan is damaged.",
        file=path,
        fix=f"remove {path.parent} and run `bandscan scan` again",
    )
