"""The positions table as a file: CSV (RFC 4180) or Parquet, whole or not at all."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scanner.outputs.files import whole
from scanner.outputs.words import printable

# What a row holds and as what; the order is the file's.
COLUMNS = {
    "protocol": "text",
    "market": "text",
    "account": "text",
    "owner": "text",
    "driver": "untrusted",
    "side": "text",
    "liquidation_price_usd": "number",
    "liquidation_ratio": "number",
    "liquidation_price_raw": "text",
    "price_feed": "text",
    "price_scale": "number",
    "health_factor": "number",
    "collateral_usd": "number",
    "debt_usd": "number",
    "collateral_at_risk_usd": "number",
    "seizable_usd": "number",
    "callable": "flag",
    "not_callable_reason": "text",
    "already_liquidatable": "flag",
    "largest_collateral": "untrusted",
    "largest_debt": "untrusted",
    "pre_liquidation_price_usd": "number",
}

_CHUNK = 50_000  # rows held as Python objects at a time


def write_positions(path: Path, positions: Mapping[str, Sequence[Any]]) -> None:
    """Write the columns of `positions` to `path`, in the format of its suffix.

    `positions` holds numpy arrays or lists of equal length, at least the columns in `COLUMNS`.
    Raises StoreError (exit 3) where the file cannot be written.
    """
    columns = {name: positions[name] for name in COLUMNS}
    if path.suffix.lower() == ".parquet":
        _parquet(path, columns)
    else:
        _csv(path, columns)


def _parquet(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"number": pa.float64(), "integer": pa.int64(), "flag": pa.bool_()}
    table = pa.table(
        {
            name: pa.array(values, types.get(COLUMNS[name], pa.string()), from_pandas=False)
            for name, values in columns.items()
        }
    )
    with whole(path) as stream:
        pq.write_table(table, stream, compression="zstd")


def _csv(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    rows = len(columns["account"])
    with whole(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8", newline="")
        writer = csv.writer(text)  # its default dialect is RFC 4180: CRLF, quotes doubled
        writer.writerow(COLUMNS)
        for start in range(0, rows, _CHUNK):
            chunk = [
                _CELLS[COLUMNS[name]](_listed(values[start : start + _CHUNK]))
                for name, values in columns.items()
            ]
            writer.writerows(zip(*chunk, strict=True))
        text.detach()


def _listed(values: Any) -> list[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _number_cells(values: list[float]) -> list[object]:
    """NaN is empty; csv itself writes the shortest digits that read back as the same float."""
    return ["" if value != value else value for value in values]


def _untrusted_cells(values: list[str]) -> list[str]:
    clean = {text: untrusted_cell(text) for text in set(values)}  # few symbols, many rows
    return [clean[text] for text in values]


def untrusted_cell(text: str) -> str:
    r"""Text from a chain: no control characters, and no formula when a spreadsheet opens it.

    >>> untrusted_cell("WETH"), untrusted_cell("=HYPERLINK(1)"), untrusted_cell("\t@x")
    ('WETH', "'=HYPERLINK(1)", "'@x")
    """
    clean = printable(text).replace("\n", " ")
    # a leading tab or line break counts as well: spreadsheets skip it and read the formula
    risky = text[:1] in _FORMULA or clean.lstrip()[:1] in _FORMULA
    return "'" + clean if risky else clean


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CELLS: dict[str, Callable[[list[Any]], Sequence[object]]] = {
    "text": list,
    "untrusted": _untrusted_cells,
    "number": _number_cells,
    "integer": list,
    "flag": lambda values: ["true" if value else "false" for value in values],
}
