"""Finished scans: immutable directories under `scans/`, written aside and renamed.

    scans/<chain id>/<block>-<8 hex of its hash>-<8 hex of the document's SHA-256>/
        scan.json           the document, byte for byte
        positions.parquet   one row per position and driver
        legs.parquet
        meta.json           complete or not, and the order among the scans of one block

Whatever is visible under such a name is whole. meta.json is no part of the digest.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner.errors import StoreError, UsageError
from scanner.store import errors_explained, locked, synced, writable_directory

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Columns = Mapping[str, npt.NDArray[Any] | Sequence[str | None]]

FOLDER = "scans"
NAME = re.compile(r"(?P<block>\d{12,})-[0-9a-f]{8}-(?P<digest>[0-9a-f]{8})")
_HEAD = 256  # rows of a table that are looked at to choose its encoding
_BUFFER = 2**20


@dataclass(frozen=True)
class Snapshot:
    """One stored scan. Its methods raise StoreError (exit 2) where a file of it is damaged."""

    path: Path
    chain_id: int
    block: int
    complete: bool

    def document_bytes(self) -> bytes:
        """The document as it was written, checked against the digest in the directory's name."""
        try:
            document = (self.path / "scan.json").read_bytes()
        except OSError as error:
            raise _damaged(self.path / "scan.json") from error
        if not self.path.name.endswith(_digest(document)):
            raise _damaged(self.path / "scan.json")
        return document

    def document(self) -> dict[str, Any]:
        """The document, decoded."""
        try:
            document: dict[str, Any] = json.loads(self.document_bytes())
        except ValueError as error:
            raise _damaged(self.path / "scan.json") from error
        return document

    def positions(self) -> "pd.DataFrame":
        """The positions table, columns and dtypes as they were written."""
        return _read(self.path / "positions.parquet")

    def legs(self) -> "pd.DataFrame":
        """The legs table."""
        return _read(self.path / "legs.parquet")


def write(
    directory: Path,
    chain_id: int,
    block_number: int,
    block_hash: bytes,
    complete: bool,
    document: bytes,
    positions: Columns,
    legs: Columns,
) -> Path:
    """Store a finished scan in the store at `directory` and return where it lies.

    A scan stored already (same block, same document) is left as it is. Tables are columns of
    equal length: numpy arrays, or lists of str for text and for 256-bit integers.

    Raises
    ------
    StoreError
        Exit 3: no room, nothing of the scan visible. Exit 2: the directory cannot be used.
    """
    tables = {"positions.parquet": positions, "legs.parquet": legs}
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
            if final.exists():
                return final
            order = 1 + _last_order(final.parent, block_number)
            meta = json.dumps({"complete": complete, "order": order}).encode()
            try:
                _fill(aside, {"scan.json": document, "meta.json": meta}, tables)
                final.parent.mkdir(exist_ok=True)
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
    listed = sorted(_listed(directory / FOLDER / str(chain_id)), reverse=True)
    for block, group in groupby(listed, key=lambda pair: pair[0]):
        found = [(_meta(path), path) for _, path in group]
        fit = [(meta, path) for meta, path in found if meta["complete"] or not complete]
        if fit:
            meta, path = max(fit, key=lambda pair: pair[0]["order"])
            return Snapshot(path, chain_id, block, meta["complete"])
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
                orders.append(_meta(path)["order"])
    return max(orders)


def _meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads((path / "meta.json").read_bytes())
        return {"complete": bool(meta["complete"]), "order": int(meta["order"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path / "meta.json") from error


def _digest(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()[:8]


def _table(columns: Columns) -> "pa.Table":
    import pyarrow as pa

    def column(values: npt.NDArray[Any] | Sequence[str | None]) -> "pa.Array":
        if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
            return pa.array(values)
        # Named, so that an empty or wholly unknown column is text as well.
        return pa.array(values, pa.string())

    return pa.table({name: column(values) for name, values in columns.items()})


def _parquet(columns: Columns, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _table(columns)
    # Only text that repeats gains by a dictionary; whether it does shows in the first rows.
    head = table.slice(0, _HEAD)
    repeating = [
        field.name
        for field in table.schema
        if field.type == pa.string() and len(set(head[field.name].to_pylist())) <= _HEAD // 4
    ]
    # Files that are read whole need no statistics of their parts. Through a large buffer, because
    # Arrow hands over each piece of each column by itself.
    with path.open("wb", buffering=_BUFFER) as file:
        pq.write_table(
            table, file, compression="zstd", use_dictionary=repeating, write_statistics=False
        )


def _fill(folder: Path, files: Mapping[str, bytes], tables: Mapping[str, Columns]) -> None:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    # Side by side: encoding, compressing and waiting for the disk leave the interpreter free.
    with ThreadPoolExecutor() as workers:
        list(workers.map(_parquet, tables.values(), (folder / name for name in tables)))
        list(workers.map(synced, (folder / name for name in (*files, *tables))))
    synced(folder)


def _read(path: Path) -> "pd.DataFrame":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not read_table: it would take "x=1" in the store's path for a column of the table.
        with pq.ParquetFile(path) as file:
            frame: pd.DataFrame = file.read().to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path) from error
    return frame


def _damaged(path: Path) -> StoreError:
    return StoreError(
        "A stored scan is damaged.",
        file=path,
        fix=f"remove {path.parent} and run `bandscan scan` again",
    )
