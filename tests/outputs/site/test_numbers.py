"""Numbers on a page are those of the documents beside it."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from outputs.site.reading_pages import Page, page
from scanner.outputs.site import figures


def document(site: Path, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((site / "v1" / name).read_bytes())
    return read


def drivers(site: Path) -> list[str]:
    return sorted(path.parent.name for path in site.glob("*/index.html"))


def data(found: Page) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(found.one("numbers").text)
    return read


@pytest.fixture(params=["whales", "incomplete", "month"])
def site(request: pytest.FixtureRequest) -> Path:
    """One of the sites."""
    chosen: Path = request.getfixturevalue(request.param)
    return chosen


def rows(found: Page, table: str) -> list[list[tuple[str, str | None]]]:
    """(text, data-v) of the cells of a table's body, row by row."""
    out = []
    for row in found.all("tr"):
        if any(table in one.classes for one in row.inside) and row.inside[-1].tag == "tbody":
            cells = [one for one in found.elements if one.inside and one.inside[-1] is row]
            out.append([(one.text, one.attrs.get("data-v")) for one in cells])
    return out


def test_the_bands_table_has_the_bands_of_the_document(site: Path):
    """The largest first, each with the document's dollars, to the cent."""
    for slug in drivers(site):
        bands = document(site, f"{slug}/bands.json")["bands"]
        found = rows(page(site / slug / "index.html"), "t-bands")

        bands.sort(key=lambda row: (-row["collateral_at_risk_usd"], row["low_usd"]))
        assert len(found) == len(bands)
        for row, band in zip(found, bands, strict=True):
            assert figures.prices(band["low_usd"], band["high_usd"]) in row[0][0]
            assert float(row[1][1] or 0) == band["distance"]
            assert float(row[2][1] or 0) == band["collateral_at_risk_usd"]
            assert figures.usd(band["collateral_at_risk_usd"]) in row[2][0]
            assert float(row[3][1] or 0) == band["strength"]
            assert row[3][0] == f"{band['strength']:.2f}"
            assert float(row[4][1] or 0) == band["seizable_usd"]
            assert float(row[5][1] or 0) == band["debt_usd"]
            assert int(row[6][1] or 0) == band["accounts"]


def test_the_slider_adds_up_to_the_levels(site: Path):
    """At every occupied tick of the curve the script's sums are the document's, in dollars."""
    for slug in drivers(site):
        levels = document(site, f"{slug}/levels.json")["levels"]
        numbers = data(page(site / slug / "index.html"))
        for side, step in (("long", 0), ("short", 1)):
            flat = numbers[side]
            table = [list(accumulate(flat[column::5])) for column in range(5)]
            wanted = [row for row in levels if row["side"] == side][: len(table[0])]
            assert table[0] == [row["tick"] + step for row in wanted]
            assert table[1] == [int(row["collateral_at_risk_usd"]) for row in wanted]
            assert table[2] == [int(row["debt_usd"]) for row in wanted]
            assert table[3] == [int(row["seizable_usd"]) for row in wanted]
            assert table[4] == [row["positions"] for row in wanted]


def test_the_ladder_adds_up_to_the_ticks(site: Path):
    """Every bar is the sum of its four ticks, and its positions theirs."""
    for slug in drivers(site):
        ticks = document(site, f"{slug}/ticks.json")["ticks"]
        numbers = data(page(site / slug / "index.html"))
        for place, (cell, positions) in enumerate(
            zip(numbers["rows"], numbers["positions"], strict=True)
        ):
            upper = numbers["last"] - 4 * place
            inside = [row for row in ticks if upper - 4 <= row["tick"] < upper]
            usd = sum(row["collateral_at_risk_usd"] for row in inside)
            assert sum(cell[1::2]) == pytest.approx(usd, abs=1 + len(cell))
            assert positions == sum(row["positions"] for row in inside)


def test_the_first_sentence_of_the_slider_is_the_level_of_the_nearest_band(whales: Path):
    """$1.20B of the whales and two of the crowd, below the band's lowest tick."""
    found = page(whales / "eth" / "index.html")
    band = document(whales, "eth/bands.json")["bands"][0]
    reached = [
        row
        for row in document(whales, "eth/levels.json")["levels"]
        if row["side"] == "long" and row["tick"] >= band["tick_low"]
    ][-1]

    says = found.one("move-says").text
    assert says.startswith("If ETH falls to $1,778 (−17.3%), ")
    assert figures.usd(reached["collateral_at_risk_usd"]) in says
    assert f"{reached['positions']} positions" in says


def test_tiles_and_fixed_moves_are_the_documents(site: Path):
    """The fall by 20 % on its tile; every fixed move in the table, with its rise."""
    for slug in drivers(site):
        at = document(site, f"{slug}/levels.json")["at"]
        found = page(site / slug / "index.html")
        [fall] = [row for row in at if abs(row["distance"] + 0.2) < 1e-3]
        tiles = [
            one.text for one in found.all("li") if any("tiles" in up.classes for up in one.inside)
        ]

        assert figures.usd(fall["collateral_at_risk_usd"]) in tiles[3]
        assert figures.usd(fall["opposite"]["collateral_at_risk_usd"]) in tiles[4]
        table = rows(found, "t-moves")
        assert len(table) == len(at)
        for row, move in zip(table, at, strict=True):
            assert figures.price(move["level_usd"]) in row[0][0]
            assert figures.usd(move["debt_usd"]) in row[2][0]
            assert figures.usd(move["opposite"]["collateral_at_risk_usd"]) in row[7][0]


def test_the_home_page_has_every_driver_with_its_sums(site: Path):
    """At risk below and above, debt, spot."""
    text = page(site / "index.html").text
    for row in document(site, "drivers.json")["drivers"]:
        assert figures.spot(row["spot_usd"]) in text
        assert figures.usd(row["at_risk"]["long"]) in text
        assert figures.usd(row["debt_usd"]) in text


def test_every_table_has_the_rows_of_its_document(site: Path):
    """CSV and Parquet hold what the JSON holds, and the same sums."""
    for slug in drivers(site):
        for key in ("bands", "ticks", "levels"):
            listed = document(site, f"{slug}/{key}.json")[key]
            for read in (
                pd.read_csv(site / "data" / slug / f"{key}.csv"),
                pd.read_parquet(site / "data" / slug / f"{key}.parquet"),
            ):
                assert len(read) == len(listed)
                assert read["collateral_at_risk_usd"].tolist() == [
                    row["collateral_at_risk_usd"] for row in listed
                ]
        positions = document(site, f"{slug}/positions.json")
        whole = pd.read_parquet(site / "data" / slug / "positions.parquet")
        priced = whole[whole["side"].isin(["long", "short"]) & ~whole["already_liquidatable"]]
        assert len(priced) == positions["matching"]
        assert len(positions["positions"]) == min(100, len(priced))


def test_the_first_sentence_is_read_off_the_document(whales: Path):
    """Whales by hand: 650,412 WETH between $1,781.09 and $1,862.02."""
    found = page(whales / "eth" / "index.html")

    assert found.all("h1")[0].text == (
        "$1.20B of collateral can be liquidated between $1,781 and $1,862,"
        " starting 13.4% below ETH spot"
    )
    assert "651k WETH" in found.text
    assert "Six accounts hold >99%" in found.text
    assert "the largest holds 31%" in found.text
