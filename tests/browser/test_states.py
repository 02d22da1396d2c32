"""What a scan is worth is said before its numbers: old, behind, incomplete, without a band."""

import re

import pytest

from browser.chromium import Browser, Page
from browser.sites import HOURS, MINUTES, Site, Sites

AMOUNT = re.compile(r"(≥\s?)?\$[\d.,]+[KMBT]\b|(≥\s?)?<\$1K")


def words(page: Page) -> list[str]:
    """The words of state at the top of the page that are seen."""
    found: list[str] = page.js(
        "[...document.querySelectorAll('.strip .word')].filter((e) => e.checkVisibility())"
        ".map((e) => e.innerText.trim())"
    )
    return found


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("ok", "Complete"),
        ("stale", "Stale"),
        ("behind", "Complete"),
        ("incomplete", "Incomplete"),
        ("no band", "Complete"),
    ],
)
@pytest.mark.parametrize("page", ["home", "eth"])
def test_one_word_says_what_the_scan_is_worth(
    browser: Browser, sites: Sites, state: str, word: str, page: str
) -> None:
    """In a state of its own colour, on every page."""
    site = sites[state]
    file = site.page(page)
    with browser.open(file.as_uri(), clock=site.clock) as shown:
        assert words(shown) == [word]


@pytest.mark.parametrize(
    ("after", "word", "age"),
    [
        (8 * MINUTES, "Complete", "8 min ago"),
        (6 * HOURS - MINUTES, "Complete", "5 hours ago"),
        (6 * HOURS + MINUTES, "Stale", "6 hours ago"),
        (31 * HOURS, "Stale", "31 hours ago"),
        (50 * HOURS, "Stale", "2 days ago"),
        (-5 * MINUTES, "Complete", ""),
    ],
)
def test_a_page_knows_by_the_reader_s_clock_that_it_is_old(
    browser: Browser, site: Site, after: float, word: str, age: str
) -> None:
    """Six hours after its block; a clock that is behind makes no age at all."""
    block = site.clock - 8 * MINUTES
    with browser.open(site.page().as_uri(), clock=block + after) as shown:
        assert words(shown) == [word]
        assert shown.js("document.getElementById('age').innerText") == age
        said = "This scan is" in shown.js("document.querySelector('.strip').innerText")
        assert said == (word == "Stale")


def test_behind_says_which_scan_is_shown(browser: Browser, sites: Sites) -> None:
    """The newest scan is incomplete: the last complete one stays, and says so."""
    site = sites["behind"]
    with browser.open(site.page().as_uri(), clock=site.clock) as shown:
        strip = shown.js("document.querySelector('.strip').innerText")

    assert "block 24,512,345, is incomplete" in strip
    assert "24,511,145" in strip  # four hours before


@pytest.mark.parametrize("driver", ["eth", "btc"])
def test_an_incomplete_scan_marks_every_amount(browser: Browser, sites: Sites, driver: str) -> None:
    """Amounts of collateral and debt are lower bounds: none without ≥, also after the slider."""
    site = sites["incomplete"]
    parts = "h1, .lead, .tiles, .note, .rim, .say-move, #moves table, #bands, #protocols table"
    with browser.open(site.page(driver).as_uri(), clock=site.clock) as shown:
        shown.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        shown.js("document.getElementById('move').focus()")
        shown.press("ArrowLeft")
        texts = shown.js(f"[...document.querySelectorAll('{parts}')].map((e) => e.innerText)")
        assert shown.js("document.querySelector('h1').innerText").startswith(("At least", "No "))

    amounts = [found for text in texts for found in AMOUNT.finditer(text)]
    bare = [found[0] for found in amounts if not found[0].startswith("≥")]
    at_least = [found for text in texts for found in re.findall(r"At least (\S+)", text)]
    assert len(amounts) > 40
    assert [one for one in bare if one not in at_least] == []


@pytest.mark.parametrize("page", ["home", "eth"])
def test_without_a_band_the_risk_is_still_told(browser: Browser, sites: Sites, page: str) -> None:
    """No band is no news of safety: what has a price below spot is named."""
    site = sites["no band"]
    file = site.page(page)
    with browser.open(file.as_uri(), clock=site.clock) as shown:
        assert shown.js("document.querySelector('h1').innerText").startswith(
            "No liquidation band stands out"
        )
        if page == "eth":
            lead = shown.js("document.querySelector('.lead').innerText")
            assert "does not mean no risk" in lead
            assert "$1." in lead
