"""One table of a snapshot as a Parquet file: columns in, columns out, the same bytes each time."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Columns = Mapping[str, npt.NDArray[Any] | Sequence[str | None]]

_HEAD = 256  # rows of a table that are looked at to choose its encoding
_BUFFER = 2**20


class Unreadable(Exception):
    """The file is not there, cut short or no Parquet."""


def _arrow(columns: Columns) -> "pa.Table":
    import pyarrow as pa

    def column(values: npt.NDArray[Any] | Sequence[str | None]) -> "pa.Array":
        if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
            return pa.array(values)
        # Named, so that an empty or wholly unknown column is text as well.
        return pa.array(values, pa.string())

    return pa.table({name: column(values) for name, values in columns.items()})


def write(columns: Columns, path: Path) -> str:
    """Put columns of equal length into a new Parquet file; its SHA-256."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _arrow(columns)
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
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, digest: str | None) -> "pd.DataFrame":
    """The table as it was written; Unreadable where that is not possible.

    `digest`: what `write` returned; None where that was not kept (scans of the first release).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if digest is not None and _digest(path) != digest:
            raise Unreadable(path.name)
        # Not read_table: it would take "x=1" in the store's path for a column of the table.
        with pq.ParquetFile(path) as file:
            frame: pd.DataFrame = file.read().to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise Unreadable(path.name) from error
    return frame
