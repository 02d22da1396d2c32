"""Without its script the page still says everything, and offers nothing that does nothing."""

import pytest

from browser import rules
from browser.chromium import DESKTOP, PHONE, Browser
from browser.sites import STATES, Site, Sites


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("page", ["home", "eth"])
def test_no_control_is_left_without_its_script(
    browser: Browser, sites: Sites, state: str, page: str
) -> None:
    """Only the zoom is, which needs none."""
    site = sites[state]
    file = site.page(page)
    with browser.open(file.as_uri(), script=False) as shown:
        assert [one for one in rules.dead_controls(shown) if 'name="zoom"' not in one] == []
        assert rules.noise(shown) == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_same_is_said_without_a_script(
    browser: Browser, site: Site, size: tuple[int, int]
) -> None:
    """Headline, tiles, sentence, tables, charts and details."""
    parts = ("h1", ".lead", ".tiles", "#move-says", "#bands table", "#protocols", "#certificate")
    with (
        browser.open(site.page().as_uri(), size, clock=site.clock) as with_script,
        browser.open(site.page().as_uri(), size, script=False) as without,
    ):
        for selector in parts:
            read = f"document.querySelector('{selector}').innerText"
            assert without.js(read).replace("\n", "") == (with_script.js(read).replace("\n", "")), (
                selector
            )
        for chart in (".ladder svg.bars", ".heat svg", ".curve svg"):
            box = without.js(f"document.querySelector('{chart}').getBoundingClientRect().height")
            assert box > 100, chart
        without.click("#moves summary")
        assert without.js("document.querySelector('#moves table').checkVisibility()")


def test_zooming_needs_no_script(browser: Browser, site: Site) -> None:
    """A radio button moves the axis."""
    visible = "document.querySelector('.ladder .axis .w15').checkVisibility()"
    with browser.open(site.page().as_uri(), script=False) as shown:
        before = shown.js(visible)
        shown.click("label[for=zoom-15]")
        assert (before, shown.js(visible)) == (False, True)


def test_the_age_is_told_by_a_clock_only(browser: Browser, site: Site) -> None:
    """The moment of the block stands there for everybody; how long ago it was needs a script."""
    shown_age = "document.getElementById('age').checkVisibility()"
    with browser.open(site.page().as_uri(), script=False) as shown:
        assert shown.js("document.querySelector('.strip time').innerText") == (
            "21 Nov 2026, 21:36 UTC"
        )
        assert not shown.js(shown_age)
    with browser.open(site.page().as_uri(), clock=site.clock) as shown:
        assert shown.js("document.getElementById('age').innerText") == "8 min ago"
