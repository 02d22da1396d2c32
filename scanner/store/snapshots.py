"""Finished scans: immutable directories under `scans/`, written aside and renamed.

    scans/<chain id>/<block>-<8 hex of its hash>-<8 hex of the document's SHA-256>/
        scan.json           the document, byte for byte
        positions.parquet   one row per position and driver
        legs.parquet
        meta.json           complete or not, the block's time, which of the scans of one block,
                            the tables' SHA-256

Whatever is visible under such a name is whole. meta.json is no part of the digest. What is kept for
how long, and how a scan leaves without harm to its readers, is in retention.py.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.errors import ScanGone, StoreError, UsageError
from scanner.store import errors_explained, locked, meta, synced, tables, writable_directory
from scanner.store.meta import Meta, damaged
from scanner.store.tables import Columns

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "scans"
NAME = re.compile(r"(?P<block>\d{12,})-[0-9a-f]{8}-(?P<digest>[0-9a-f]{8})")
TABLES = ("positions.parquet", "legs.parquet")


@dataclass(frozen=True)
class Snapshot:
    """One stored scan.

    Its methods raise StoreError (exit 2) where a file of it is damaged, and ScanGone where
    retention has removed it since it was listed.
    """

    path: Path
    chain_id: int
    block: int
    complete: bool

    @property
    def scan_id(self) -> str:
        """Its name in every output: block, start of the block's hash, digest of the document."""
        return self.path.name

    @property
    def has_tables(self) -> bool:
        """False once retention has left only the document."""
        return not meta.read(self.path).thinned

    @property
    def timestamp(self) -> int:
        """The block's time. [Unix seconds]"""
        known = meta.read(self.path).timestamp
        try:
            return int(self.document()["block"]["timestamp"]) if known is None else known
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(self.path / "scan.json") from error

    def document_bytes(self) -> bytes:
        """The document as it was written, checked against the digest in the directory's name."""
        try:
            document = (self.path / "scan.json").read_bytes()
        except OSError as error:
            raise damaged(self.path / "scan.json") from error
        if not self.path.name.endswith(_digest(document)):
            raise damaged(self.path / "scan.json")
        return document

    def document(self) -> dict[str, Any]:
        """The document, decoded."""
        try:
            document: dict[str, Any] = json.loads(self.document_bytes())
        except ValueError as error:
            raise damaged(self.path / "scan.json") from error
        return document

    def positions(self) -> "pd.DataFrame":
        """The positions table, columns and dtypes as they were written."""
        return self._table("positions.parquet")

    def legs(self) -> "pd.DataFrame":
        """The legs table."""
        return self._table("legs.parquet")

    def _table(self, name: str) -> "pd.DataFrame":
        try:
            if self.has_tables:
                return tables.read(self.path / name, meta.read(self.path).tables.get(name))
        except tables.Unreadable as error:
            if self.has_tables:  # else retention was faster
                raise damaged(self.path / name) from error
        raise StoreError(
            "The positions of this scan are no longer kept, only its bands and totals.",
            scan=self.scan_id,
            fix="ask about a newer scan (`bandscan scan --keep` says how long tables are kept)",
        )


def write(
    directory: Path,
    chain_id: int,
    block_number: int,
    block_hash: bytes,
    complete: bool,
    document: bytes,
    positions: Columns,
    legs: Columns,
    *,
    timestamp: int | None = None,
) -> Path:
    """Store a finished scan in the store at `directory` and return where it lies.

    A scan stored already (same block, same document) is left as it is, but for tables that
    retention took or facts that are damaged: they are put back. Tables are columns of equal length:
    numpy arrays, or lists of str for text and for 256-bit integers.

    Raises
    ------
    StoreError
        Exit 3: no room, nothing of the scan visible. Exit 2: the directory cannot be used.
    """
    columns = dict(zip(TABLES, (positions, legs), strict=True))
    scans = writable_directory(directory) / FOLDER
    name = f"{block_number:012d}-{block_hash[:4].hex()}-{_digest(document)}"
    final = scans / str(chain_id) / name
    with errors_explained(directory):
        scans.mkdir(exist_ok=True)
        # The ledger's lock may be free by now; this one is held for the moment of writing only.
        with locked(scans / ".lock", wait=True):
            aside = scans / ".writing"
            if aside.exists():  # left by a killed run: whoever lives holds the lock
                shutil.rmtree(aside)
            held = _facts(final)
            if held is not None and not held.thinned:
                return final
            order = held.order if held else 1 + _last_order(final.parent, block_number)
            try:
                _fill(aside, document, Meta(complete, order, timestamp), columns)
                final.parent.mkdir(exist_ok=True)
                if final.exists():
                    _restore(aside, final)
                else:
                    os.rename(aside, final)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise
            for parent in (final.parent, scans):
                synced(parent)
    return final


def newest(directory: Path, chain_id: int | None, complete: bool | None = True) -> Snapshot | None:
    """The stored scan of the highest block, and of several there the one written last.

    Parameters
    ----------
    chain_id : int or None
        None where the store holds one chain.
    complete : bool or None
        True: complete scans only. False or None: any, to see whether a newer incomplete one
        exists.

    Raises
    ------
    UsageError
        `chain_id` is None and the store holds several chains.
    """
    if chain_id is None:
        held = chains(directory)
        if len(held) > 1:
            raise UsageError(
                "The store holds scans of several chains.",
                chains=", ".join(map(str, held)),
                fix="name one with --chain",
            )
        if not held:
            return None
        chain_id = held[0]
    while True:
        try:
            return _newest(directory / FOLDER / str(chain_id), chain_id, complete)
        except ScanGone:  # retention was faster: look again at what there is now
            continue


def listed(
    directory: Path, chain_id: int, damaged: list[StoreError] | None = None
) -> list[Snapshot]:
    """Every stored scan of a chain, by block and, of one block, in the order they were written.

    Scans that cannot be read are put into `damaged`; without it the first of them raises.
    """
    found = []
    for block, path in sorted(_listed(directory / FOLDER / str(chain_id))):
        try:
            facts = meta.read(path)
        except ScanGone:
            continue
        except StoreError as error:
            if damaged is None:
                raise
            damaged.append(error)
            continue
        found.append(((block, facts.order), path, facts.complete))
    return [Snapshot(path, chain_id, key[0], complete) for key, path, complete in sorted(found)]


def at(directory: Path, chain_id: int, block: int) -> set[Path]:
    """Where the stored scans of a block lie; none of their files is read."""
    return {path for number, path in _listed(directory / FOLDER / str(chain_id)) if number == block}


def _newest(folder: Path, chain_id: int, complete: bool | None) -> Snapshot | None:
    for block, group in groupby(sorted(_listed(folder), reverse=True), key=lambda pair: pair[0]):
        found = [(meta.read(path), path) for _, path in group]
        fit = [(facts, path) for facts, path in found if facts.complete or not complete]
        if fit:
            facts, path = max(fit, key=lambda pair: pair[0].order)
            return Snapshot(path, chain_id, block, facts.complete)
    return None


def chains(directory: Path) -> list[int]:
    """Ids of the chains that the store at `directory` holds a scan of, ascending."""
    folders = [path for path in _children(directory / FOLDER) if path.name.isdecimal()]
    return sorted(int(path.name) for path in folders if any(_listed(path)))


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(
            f"The store cannot be read: {error.strerror}.",
            folder=folder,
            fix="check its permissions",
        ) from error


def _listed(folder: Path) -> Iterator[tuple[int, Path]]:
    """(block, path) of the scans in a chain's folder."""
    for path in _children(folder):
        if match := NAME.fullmatch(path.name):
            yield int(match["block"]), path


def _last_order(folder: Path, block_number: int) -> int:
    orders = [0]
    for block, path in _listed(folder):
        if block == block_number:
            with suppress(StoreError):  # a damaged scan must not keep a whole one from being stored
                orders.append(meta.read(path).order)
    return max(orders)


def _digest(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()[:8]


def _fill(folder: Path, document: bytes, facts: Meta, columns: Mapping[str, Columns]) -> None:
    folder.mkdir()
    (folder / "scan.json").write_bytes(document)
    paths = [folder / name for name in columns]
    # Side by side: encoding, compressing and waiting for the disk leave the interpreter free.
    with ThreadPoolExecutor() as workers:
        digests = list(workers.map(tables.write, columns.values(), paths))
        meta.write(folder, replace(facts, tables=dict(zip(columns, digests, strict=True))))
        list(workers.map(synced, (*paths, folder / "scan.json")))
    synced(folder)


def _facts(folder: Path) -> Meta | None:
    """What is known of a scan that may be stored; None where it is not, or is damaged."""
    with suppress(StoreError):
        return meta.read(folder)
    return None


def _restore(aside: Path, final: Path) -> None:
    """Put back what a stored scan has lost; meta.json says so last."""
    for name in ("scan.json", *TABLES, meta.FILE):
        os.replace(aside / name, final / name)
    synced(final)
    shutil.rmtree(aside)
