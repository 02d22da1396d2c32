"""The section Leverage of the home page, against the document beside it."""

import json
from pathlib import Path

import pytest
from bench import stored as sample

from outputs.site.reading_pages import page
from scanner import answers, open_site
from scanner.outputs.document import encode
from scanner.outputs.site import figures
from scanner.reporting.report import Asked, build


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-one scans, six hours apart."""
    folder = tmp_path_factory.mktemp("leverage")
    sample.make(folder / "store", positions=300, scans=31)
    build(Asked(folder / "store", folder / "site", days=2.0))
    return folder / "site"


def test_the_document_is_the_answer_byte_for_byte(site: Path) -> None:
    """As the API sends it and the CLI prints it; the windows reach beyond the pictures' days."""
    answer = answers.history(site.parent / "store", None, days=2.0)
    assert (site / "v1" / "history.json").read_bytes() == encode(answer)
    assert open_site(str(site)).history() == json.loads(encode(answer))
    assert answer["windows"][2]["changes"]["debt_usd"]["from"] > 0


def test_the_table_shows_the_documents_figures(site: Path) -> None:
    answer = json.loads((site / "v1" / "history.json").read_bytes())
    totals, week = answer["leverage"], answer["windows"][2]
    text = page(site / "index.html").text

    assert figures.usd(totals["debt_usd"]) in text
    assert figures.usd(totals["liquidity"]["stablecoin_supply_usd"]) in text
    for key in ("debt_usd", "collateral_usd"):
        figure = week["changes"][key]
        assert figures.move(figure["fraction"]) in text
        assert f"from {figures.usd(figure['from'])}" in text
    assert f"block {week['from']['block']['number']:,}" in text
    assert "1 h: nothing concluded, no complete scan is stored within 15 minutes" in text


def test_every_scan_is_a_row_of_the_table_file(site: Path) -> None:
    answer = json.loads((site / "v1" / "history.json").read_bytes())
    lines = (site / "data" / "history.csv").read_text().splitlines()
    assert lines[0].startswith("scan_id,block_number,timestamp,complete,debt_usd,collateral_usd")
    assert len(lines) == len(answer["scans"]) + 1
