"""Rows of an answer as CSV (RFC 4180) and Parquet; lists and objects inside a row as JSON text."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outputs.document import plain
from scanner.outputs.records import untrusted_cell

Row = Mapping[str, Any]

# The heads of tables that may have no row at all.
_SUMS = ("collateral_at_risk_usd", "debt_usd", "positions")
HEADS: Mapping[str, Sequence[str]] = {
    "bands": (
        "driver",
        "side",
        "kind",
        "low_usd",
        "high_usd",
        *_SUMS,
        "accounts",
        "distance",
        "strength",
    ),
    "ticks": ("driver", "side", "tick", "low_usd", "high_usd", *_SUMS, "strength"),
    "levels": ("driver", "side", "tick", "level_usd", "distance", *_SUMS, "strength"),
    "history": ("scan_id", "block_number", "timestamp", "bands", "changes"),
    "drivers": ("driver", "spot_usd", "borrowers", "debt_usd", "collateral_usd"),
    "certificate": ("protocol", "market", "asset", "debt_found", "debt_total", "coverage"),
    "proof": ("driver", "protocol", "market", "positions", "proven", "off", "cannot"),
}


def columns(rows: Sequence[Row], head: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Columns in the order in which the rows first name them; None where a row has no such key.

    `head`: the names where there is no row.

    >>> columns([{"a": 1}, {"a": 2, "b": {"c": 3}}]), columns([], ("a",))
    ({'a': [1, 2], 'b': [None, '{"c":3}']}, {'a': []})
    """
    names = dict.fromkeys(name for row in rows for name in row) or dict.fromkeys(head)
    return {name: [_cell(row.get(name)) for row in rows] for name in names}


def as_csv(rows: Sequence[Row], head: Sequence[str] = ()) -> bytes:
    """A header and one line per row."""
    table = columns(rows, head)
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(table)
    writer.writerows(zip(*(_safe(values) for values in table.values()), strict=True))
    return stream.getvalue().encode()


def as_parquet(rows: Sequence[Row], head: Sequence[str] = ()) -> bytes:
    """The same columns, typed by what they hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: _typed(values) for name, values in columns(rows, head).items()})
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd", write_statistics=False)
    return stream.getvalue()


def _cell(value: object) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(plain(value), separators=(",", ":"))
    return plain(value)


def _safe(values: list[Any]) -> list[Any]:
    """Text from a chain starts no formula; flags as the positions table writes them."""
    return [_text(value) for value in values]


def _text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or (
        value[:1].isalnum() and value.isascii() and value.isprintable()
    ):
        return value  # a number, or text that could not be anything else
    return untrusted_cell(value)


def _typed(values: list[Any]) -> Any:
    import pyarrow as pa

    present = [value for value in values if value is not None]
    if present and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in present
    ):
        whole = all(isinstance(value, int) for value in present)
        return pa.array(values, pa.int64() if whole else pa.float64())
    if present and all(isinstance(value, bool) for value in present):
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else str(value) for value in values], pa.string())
