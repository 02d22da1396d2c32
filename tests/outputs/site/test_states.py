"""A page says what its scan is worth: complete, incomplete, old, without bands, without a past."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from cli import whales_sample

from outputs.site.conftest import site, write
from outputs.site.reading_pages import Page, page

# Scales of a picture are no amounts of the scan.
_SCALES = {"amounts", "h", "legend", "key"}
_AMOUNT = re.compile(r"(?<![≥\d])(?<!At least )\$[\d.,]+[KMBT]\b|(?<!≥)\$0(?![.\d])|<\$1K")


def bare_amounts(found: Page) -> list[str]:
    """Texts with an amount that is not said to be a lower bound; prices have no unit."""
    return [
        text
        for text, around in found.pieces
        if _AMOUNT.search(text) and not any(one.classes & _SCALES for one in around)
    ]


def test_an_incomplete_scan_has_no_amount_without_a_lower_bound(incomplete: Path):
    """In sentences, tiles, notes and every cell of every table, on every page."""
    for path in incomplete.rglob("index.html"):
        found = page(path)

        assert bare_amounts(found) == [], path
        assert found.all("html")[0].attrs["data-more"] == "≥"
        assert "≥$" in found.text
        for element in found.elements:
            for name in ("aria-label", "aria-valuetext", "title", "alt"):
                assert not _AMOUNT.search(element.attrs.get(name, "")), (path, element)


def test_the_check_above_can_fail(whales: Path):
    """A complete scan's amounts are bare."""
    assert len(bare_amounts(page(whales / "eth" / "index.html"))) > 50


def test_an_incomplete_scan_says_so_first(incomplete: Path):
    """The strip, its reason, the headline and the unknown row; nothing claims completeness."""
    found = page(incomplete / "eth" / "index.html")

    assert found.all("h1")[0].text.startswith("At least $1.20B of collateral")
    assert "This scan is incomplete: The endpoint stopped answering after 17 of 18 batches" in (
        found.text
    )
    assert "Debt found 93.318%" in found.text
    assert "Complete" not in found.text
    assert "Nothing unknown" not in found.text


def test_a_complete_scan_can_only_grow_old(whales: Path):
    """The page carries its time; what it says when it is old is there, hidden until a script
    compares."""
    found = page(whales / "eth" / "index.html")
    root = found.all("html")[0]

    assert root.attrs["data-block"] == str(whales_sample.TIME)
    assert root.attrs["data-stale"] == "6.0"
    assert "Complete" in found.text
    hidden = [text for text, around in found.pieces if any("is-stale" in o.classes for o in around)]
    assert any("old" in text for text in hidden)
    assert found.all("time", datetime="2026-02-09T14:05:00Z")


def test_a_newer_incomplete_scan_marks_the_page_and_replaces_nothing(tmp_path: Path):
    """Strip and state change; the numbers are the complete scan's."""
    store = write(tmp_path / "store")
    write(store, complete=False, block=whales_sample.BLOCK + 100)

    found = page(site(store, tmp_path / "site") / "eth" / "index.html")

    assert (
        "The newest scan, block 24,512,445, is incomplete; this page shows the last complete"
        in (found.text)
    )
    assert "warn" in found.all("section", aria_label="What this scan is worth")[0].classes
    assert found.all("h1")[0].text.startswith("$1.20B")
    assert "≥" not in found.text


def test_a_scan_that_failed_marks_every_page(tmp_path: Path):
    """`--scan-exit 4`: nothing new was read."""
    built = site(write(tmp_path / "store"), tmp_path / "site", scan_exit=4)

    for path in built.rglob("index.html"):
        text = page(path).text
        assert "did not finish (exit code 4): no endpoint could be used." in text
        assert "This page shows the last complete scan." in text


def test_a_newer_incomplete_scan_and_how_it_ended_are_both_said(tmp_path: Path):
    """`--scan-exit 3` beside the newer scan."""
    store = write(tmp_path / "store")
    write(store, complete=False, block=whales_sample.BLOCK + 100)

    text = page(site(store, tmp_path / "site", scan_exit=3) / "index.html").text

    assert "The newest scan, block 24,512,445, is incomplete" in text
    assert "The last run of the scan did not finish (exit code 3)." in text


def test_a_wall_before_the_band_of_the_headline_is_said(tmp_path: Path):
    """The headline tells the band; the wall that the price reaches first is not kept back."""

    def wall(made: dict[str, Any]) -> None:
        document = made["document"]
        band = next(row for row in document["bands"] if row["driver"] == "ETH")
        near = {
            "kind": "wall",
            "low_usd": 2000.0,
            "high_usd": 2000.0,
            "distance": -0.07,
            "collateral_at_risk_usd": 3e7,
            "owner": "0x" + "ab" * 20,
            "accounts": 1,
        }
        document["bands"].insert(0, {**band, **near})

    built = site(write(tmp_path / "store", wall), tmp_path / "site")

    found = page(built / "eth" / "index.html")
    assert found.all("h1")[0].text.startswith("$1.20B of collateral")
    assert "Before it comes a wall of $30.0M at $2,000 (−7.0%)." in found.text
    home = page(built / "index.html")
    assert "Nearer is a wall of $30.0M at ETH $2,000 (−7.0%)." in home.text


def test_no_band_is_never_no_risk(no_bands: Path):
    """The headline, the section and the tiles say what still has a price; no letter is drawn."""
    found = page(no_bands / "eth" / "index.html")

    assert found.all("h1")[0].text == "No liquidation band stands out below ETH spot"
    assert "That does not mean no risk: $1.20B still has a liquidation price below spot" in (
        found.text
    )
    assert not [one for one in found.elements if "tag" in one.classes]
    assert "No liquidation band stands out on Ethereum" in page(no_bands / "index.html").text


def test_few_accounts_are_said_to_be_few(whales: Path):
    """Below 5,000 accounts bands are unstable."""
    assert "Low confidence" in page(whales / "eth" / "index.html").text


def test_nothing_unknown_is_words_and_not_zero(whales: Path):
    """A complete scan without unknown accounts."""
    text = page(whales / "eth" / "index.html").text

    assert "Nothing unknown" in text
    assert "$0 unknown" not in text


def test_the_first_scan_has_no_map_and_says_when_there_is_one(whales: Path, month: Path):
    """No empty box: the ladder alone, until the second scan."""
    first, later = page(whales / "eth" / "index.html"), page(month / "eth" / "index.html")

    assert not first.all("img")
    assert "from the second stored scan on" in first.text
    assert len(later.all("img")) == 2
    assert "28 days" in later.text
    assert "from the second stored scan on" not in later.text


def test_a_driver_without_dollars_has_no_page(tmp_path: Path):
    """Under the market shock the axis is a ratio: named on the home page, with its documents."""

    def market(made: dict[str, Any]) -> None:
        document = made["document"]
        for row in document["drivers"]:
            if row["driver"] == "BTC":
                row |= {"driver": "market", "spot_usd": None}
        for row in document["ticks"]:
            if row["driver"] == "BTC":
                ends = {
                    "low_ratio": row["low_usd"] / 68_000,
                    "high_ratio": row["high_usd"] / 68_000,
                }
                row |= {"driver": "market", "low_usd": None, "high_usd": None, **ends}
        columns = made["positions"]
        mine = [name == "BTC" for name in columns["driver"]]
        columns["driver"] = [
            "market" if m else n for m, n in zip(mine, columns["driver"], strict=True)
        ]
        columns["liquidation_price_usd"][mine] = float("nan")

    built = site(write(tmp_path / "store", market), tmp_path / "site")

    assert not (built / "market").exists()
    assert "market (its axis is a ratio, not dollars)" in page(built / "index.html").text
    assert (built / "v1" / "market" / "ticks.json").is_file()


def test_small_drivers_are_on_the_home_page_only(tmp_path: Path):
    """Below a million at risk; the largest of a chain always has a page."""

    def shrink(made: dict[str, Any]) -> None:
        for row in made["document"]["ticks"]:
            if row["driver"] == "BTC":
                row["collateral_at_risk_usd"] = 999_999.0

    built = site(write(tmp_path / "store", shrink), tmp_path / "site")

    assert (built / "eth" / "index.html").is_file()
    assert not (built / "btc").exists()
    assert "BTC (less than $1M at risk)" in page(built / "index.html").text


def test_the_worst_case_of_the_unknown_is_said(tmp_path: Path):
    """$50M of unknown debt, if all of it sat in the band that owes $992M."""

    def forget(made: dict[str, Any]) -> None:
        made["document"]["unknown"] = [
            {"protocol": "aave_v3", "market": "core", "why": "no price", "accounts": 2,
             "debt_usd": 5e7, "debt_raw": []}
        ]  # fmt: skip

    text = page(site(write(tmp_path / "store", forget), tmp_path / "site") / "eth/index.html").text

    assert "What we do not know: $50.0M of debt" in text
    assert "if all of it sat in A, that would carry $1.04B of debt instead of $992M" in text
    assert "$50.0M of debt unknown" in text


def test_two_walls_at_one_price_have_places_of_their_own(tmp_path: Path):
    """Their links lead to their own rows."""

    def twins(made: dict[str, Any]) -> None:
        [band] = made["document"]["bands"]
        made["document"]["bands"] = [
            {**band, "kind": "wall", "owner": f"0x{k:040x}", "low_usd": at, "high_usd": at}
            for k, at in enumerate((1795.10, 1795.20))
        ]

    found = page(site(write(tmp_path / "store", twins), tmp_path / "out") / "eth" / "index.html")

    rows = [one.attrs["id"] for one in found.all("tr") if "id" in one.attrs]
    links = [one.attrs["href"] for one in found.all("a") if "#band-" in (one.attrs["href"] or "")]
    assert rows == ["band-1795", "band-1795-n2"]
    assert links == [f"#{name}" for name in rows]


def test_less_than_a_dollar_is_not_nothing(tmp_path: Path):
    """What the script reads keeps cents where a whole dollar would be zero."""

    def dust(made: dict[str, Any]) -> None:
        for tick in made["document"]["ticks"]:
            tick["collateral_at_risk_usd"] = 0.3 if tick["driver"] == "ETH" else 2e6
        made["document"]["bands"] = []
        table = made["positions"]
        table["collateral_at_risk_usd"] = np.where(table["collateral_at_risk_usd"] > 0, 0.3, 0.0)

    out = site(write(tmp_path / "store", dust), tmp_path / "out")
    [path] = out.glob("*/index.html")
    numbers = json.loads(page(path).one("numbers").text)
    assert path.parent.name == "btc"
    assert numbers["long"][1] == 0.3


def test_a_history_of_years_still_fits(tmp_path: Path):
    """The map's columns grow to several days; the page keeps its budget."""
    for number in range(400):

        def later(made: dict[str, Any], number: int = number) -> None:
            made["document"]["block"]["timestamp"] += number * 86_400

        write(tmp_path / "store", later, block=whales_sample.BLOCK + number)
    out = site(tmp_path / "store", tmp_path / "out", days=1_000.0)

    boxes = re.findall(r'viewBox="0 0 (\d+) 1000"', (out / "eth" / "index.html").read_text())
    assert max(map(int, boxes)) <= 10 * 151  # ten units a column
