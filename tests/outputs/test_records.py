"""Positions as CSV and Parquet."""

import csv
import math

import numpy as np
import pandas as pd
import pytest
from cli import whales_sample

from scanner.outputs.records import COLUMNS, write_positions


@pytest.mark.parametrize("name", ["all.csv", "all.parquet", "all.CSV"])
def test_both_formats_hold_the_same_rows(tmp_path, name):
    """Every column in its order, every float to the last digit."""
    positions = whales_sample.scan()["positions"]
    write_positions(tmp_path / name, positions)

    path = tmp_path / name
    table = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path)
    assert list(table.columns) == list(COLUMNS)
    assert table["account"].tolist() == positions["account"]
    assert table["callable"].dtype == bool
    for column in ("liquidation_price_usd", "health_factor", "debt_usd"):
        np.testing.assert_array_equal(table[column].to_numpy(), positions[column])


def test_no_rows_are_a_table_without_rows(tmp_path):
    """The columns and their types are there all the same."""
    empty = {
        name: [] if kind in ("text", "untrusted") else np.array([], dtype=float)
        for name, kind in COLUMNS.items()
    }
    write_positions(tmp_path / "none.csv", empty)
    write_positions(tmp_path / "none.parquet", empty)

    assert (tmp_path / "none.csv").read_bytes() == ",".join(COLUMNS).encode() + b"\r\n"
    table = pd.read_parquet(tmp_path / "none.parquet")
    assert (len(table), list(table.columns)) == (0, list(COLUMNS))
    assert table["callable"].dtype == bool


def test_csv_is_rfc_4180(tmp_path):
    """CRLF, doubled quotes; a missing price is empty and an infinite health factor is inf."""
    positions = whales_sample.scan(symbol='W"E,TH')["positions"]
    positions["health_factor"][0] = math.inf
    write_positions(tmp_path / "all.csv", positions)

    raw = (tmp_path / "all.csv").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == 35
    assert b'"W""E,TH"' in raw
    with open(tmp_path / "all.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["health_factor"] == "inf"
    loop = next(row for row in rows if row["account"] == whales_sample.address(302))
    assert (loop["liquidation_price_usd"], loop["liquidation_price_raw"]) == ("", "")


@pytest.mark.parametrize("symbol", ["=cmd()", "+1", "-1", "@x", "\t=x", "\r=x", " =x", "\n=x"])
def test_a_symbol_is_no_formula(tmp_path, symbol):
    """A quote stands before it; numbers keep their sign."""
    write_positions(tmp_path / "all.csv", whales_sample.scan(symbol=symbol)["positions"])

    with open(tmp_path / "all.csv", newline="") as stream:
        row = next(r for r in csv.DictReader(stream) if r["account"] == whales_sample.address(1))
    assert row["largest_collateral"].startswith("'")
    assert float(row["debt_usd"]) > 0


def test_parquet_of_the_same_positions_has_the_same_bytes(tmp_path):
    """Same block, same bytes."""
    for name in ("a.parquet", "b.parquet"):
        write_positions(tmp_path / name, whales_sample.scan()["positions"])

    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
