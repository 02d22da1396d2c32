"""Every file that the Data section offers is there, opens, and agrees with its siblings."""

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from browser import links
from browser.chromium import Browser
from browser.hosting import hosted
from browser.sites import Site
from scanner import reading

# Which list of a JSON document the tables of its line hold.
LISTS = {
    "bands": "bands",
    "ticks": "ticks",
    "levels": "levels",
    "history": "scans",
    "drivers": "drivers",
    "certificate": "certificate",
    "scans": "scans",
}
OFFERED = """[...document.querySelectorAll('#data table tbody tr')].map((row) => ({
  what: row.cells[0].innerText, note: row.innerText,
  files: [...row.querySelectorAll('a')].map((a) => a.getAttribute('href')),
}))"""


@pytest.fixture(scope="module", params=["home", "eth", "btc", "link"])
def offered(
    request: pytest.FixtureRequest, browser: Browser, site: Site
) -> list[tuple[dict[str, Any], dict[str, Path]]]:
    """The lines of a page's Data section: what is said, and the files by their kind."""
    page = site.page(request.param)
    with browser.open(page.as_uri(), clock=site.clock) as shown:
        rows = shown.js(OFFERED)
    return [
        (row, {href.rpartition(".")[2]: (page.parent / href).resolve() for href in row["files"]})
        for row in rows
    ]


def table(file: Path) -> pd.DataFrame:
    """A table as pandas reads it."""
    return pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)


def test_tables_hold_the_rows_of_their_document(
    offered: list[tuple[dict[str, Any], dict[str, Path]]],
) -> None:
    """Same number in JSON, CSV and Parquet; same columns in the two tables."""
    checked = 0
    for row, files in offered:
        assert "json" in files, row
        document = json.loads(files["json"].read_bytes())
        if "csv" not in files:
            continue
        csv, parquet = table(files["csv"]), table(files["parquet"])
        assert list(csv.columns) == list(parquet.columns)
        assert len(csv) == len(parquet)
        name = files["json"].stem
        if name in LISTS:
            assert len(csv) == len(document[LISTS[name]]), row
            checked += 1
    assert checked >= 3


def test_positions_are_all_there(site: Site) -> None:
    """CSV and Parquet have every position of the driver; JSON says how many it leaves out."""
    stored = reading.newest(site.store, None)
    mine = stored.positions[stored.positions["driver"] == "ETH"]
    csv, parquet = (
        table(site.folder / f"data/eth/positions.{kind}") for kind in ("csv", "parquet")
    )
    document = json.loads((site.folder / "v1/eth/positions.json").read_bytes())

    for one in (csv, parquet):
        assert len(one) == len(mine)
        assert set(one["account"]) == set(mine["account"])
        assert one["debt_usd"].sum() == pytest.approx(mine["debt_usd"].sum())
    assert len(document["positions"]) <= document["matching"] <= len(mine)


def test_sizes_are_told_as_they_are(
    offered: list[tuple[dict[str, Any], dict[str, Path]]],
) -> None:
    """Behind each link stands how large the file is."""
    for row, files in offered:
        for file in files.values():
            size = file.stat().st_size
            told = f"{size} B" if size < 1000 else f"{size / 1e3:.0f} KB"
            if size >= 1e6:
                told = f"{size / 1e6:.1f} MB"
            assert told in row["note"], file


def test_a_click_saves_the_file(browser: Browser, site: Site, tmp_path: Path) -> None:
    """CSV and Parquet are saved under their name, the bytes that lie there."""
    with hosted(site.folder) as host, browser.open(host.url + "eth/", clock=site.clock) as page:
        for kind in ("csv", "parquet"):
            saved = page.save(f"a[href$='eth/bands.{kind}']", tmp_path)
            assert saved.name == f"bands.{kind}"
            assert saved.read_bytes() == (site.folder / f"data/eth/bands.{kind}").read_bytes()


def test_the_index_lists_every_document_and_table(site: Site) -> None:
    """v1/index.json names what lies there, with its size, and nothing else does."""
    index = json.loads((site.folder / "v1/index.json").read_bytes())
    listed = {row["path"]: row["bytes"] for row in index["files"]}
    there = {
        file.relative_to(site.folder).as_posix(): file.stat().st_size
        for folder in ("v1", "data")
        for file in (site.folder / folder).rglob("*")
        if file.is_file() and file.name != "index.json"
    }

    assert listed == there
    linked = links.crawled(site.folder).files
    assert there.keys() <= linked | {"v1/index.json"}


def test_documents_are_strict_json(site: Site) -> None:
    """No NaN, no Infinity: every parser reads them."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    for file in (site.folder / "v1").rglob("*.json"):
        assert json.load(io.BytesIO(file.read_bytes()), parse_constant=refuse)["schema"]
