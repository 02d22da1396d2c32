"""`scripts/publish report`: the site, and what the run's page says of it."""

import doctest
import os
import re
import sys
from pathlib import Path

import pytest
from cli import whales_sample
from publish import github

from publishing.conftest import ROOT, Place
from scanner.cli import main


def test_a_complete_scan_is_published(place: Place):
    """The site is built, and bands and certificate are on the run's page, in words."""
    place.scan("complete")
    ended = place.report(SCAN_EXIT="0", SITE_URL="https://someone.github.io/bandscan")

    assert ended.code == 0, ended.log
    assert ended.outputs == {"built": "true"}
    assert (place.site / "index.html").exists()
    assert "### The page is up to date" in ended.summary
    assert "ETH $1,781.09-$1,862.02" in ended.summary
    assert "coverage  2 of 2 reserves exact: every borrower found" in ended.summary


@pytest.mark.parametrize(
    ("how", "code", "why"),
    [
        ("incomplete", "3", "The scan is incomplete or was stopped half way"),
        ("no_endpoint", "4", "The scan found no endpoint that it could use"),
        ("refused", "2", "The scan was refused"),
    ],
)
def test_after_a_failure_the_page_is_the_last_complete_one(
    place: Place, how: str, code: str, why: str
):
    """`bandscan report` is told how the scan ended; the summary shows what the page shows."""
    place.scan("complete")
    put_out = place.scan(how).outputs["exit"]
    ended = place.report(SCAN_EXIT=put_out)

    assert put_out == code
    assert ended.outputs == {"built": "true"}
    assert ended.calls[0][-2:] == ["--scan-exit", code]
    assert "### The page shows the last complete scan and says so" in ended.summary
    assert why in ended.summary
    assert "block 24,512,345" in ended.summary
    assert "INCOMPLETE" not in ended.summary


def test_the_report_is_one_that_bandscan_understands(place: Place):
    """Every option exists."""
    place.scan("complete")
    ended = place.report(SITE_URL="https://someone.github.io/bandscan")

    [[name, command, *options]] = ended.calls
    assert (name, command) == ("bandscan", "report")
    context = main.commands[command].make_context(command, options)
    assert str(context.params["store"]) == "store"


def test_a_report_that_fails_publishes_nothing(place: Place):
    """No output `built`, so that the last page stays."""
    place.scan("complete")
    ended = place.report("no_site")

    assert ended.code == 1
    assert ended.outputs == {}
    assert "::error::The site could not be built" in ended.log


def test_a_code_that_no_scan_ends_with_is_refused(place: Place):
    """A typing error in the workflow must not read as a good scan."""
    ended = place.report(SCAN_EXIT="7")

    assert ended.code == 2
    assert '::error::SCAN_EXIT is "7"' in ended.log


def test_a_token_cannot_write_on_the_runs_page(place: Place):
    """Whoever creates a token chooses its name; it is shown as it stands, inside a fence."""
    place.store.mkdir()
    whales_sample.store(place.store, symbol="```![x](//a.b)")
    summary = place.report().summary

    fence = summary.partition("text\n")[0].splitlines()[-1]
    assert set(fence) == {"`"}
    assert len(fence) > 3
    assert summary.count(f"\n{fence}\n") == 1


def test_the_examples_in_the_script_hold():
    """A fence is longer than any run of backticks inside it."""
    assert doctest.testmod(github).failed == 0


def test_the_real_command_builds_the_real_site(place: Place):
    """From a stored scan to an index.html, nothing replaced but the scan."""
    place.store.mkdir()
    whales_sample.store(place.store)
    ended = place.report(
        SCAN_EXIT="4",
        SITE_URL="https://someone.github.io/bandscan",
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )

    assert ended.code == 0, ended.log
    assert ended.outputs == {"built": "true"}
    pages = sorted(place.site.rglob("index.html"))
    assert {place.site / "index.html", place.site / "eth" / "index.html"} <= set(pages)
    for page in pages:
        assert "exit code 4" in page.read_text(), page
        assert "https://someone.github.io/bandscan/" in page.read_text(), page
    guide = (ROOT / "docs" / "publish.md").read_text()
    for name in re.findall(r"`(v1/[^`]+)`", guide):
        assert (place.site / name).exists(), name
    [stored] = place.store.glob("scans/1/*/scan.json")
    assert (place.site / "v1" / "scan.json").read_bytes() == stored.read_bytes()
