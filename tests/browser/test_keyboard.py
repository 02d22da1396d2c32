"""Everything can be reached and left by keyboard, in reading order, and the focus is seen."""

import pytest

from browser import rules
from browser.chromium import DESKTOP, PHONE, Browser
from browser.sites import STATES, Site, Sites

TOPS = """[...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')]
  .filter((e) => e.checkVisibility() && e.tabIndex >= 0 && !e.disabled
    && !(e.type === 'radio' && !e.checked)).length"""


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("page", ["home", "eth"])
def test_tab_goes_through_the_page_and_out(
    browser: Browser, sites: Sites, state: str, size: tuple[int, int], page: str
) -> None:
    """Every control once, in the order of the page, each with a ring and inside the window."""
    site = sites[state]
    file = site.page(page)
    with browser.open(file.as_uri(), size, clock=site.clock, motion="reduce") as shown:
        count = shown.js(TOPS)
        stops = rules.tab_stops(shown)
        back = rules.tab_stops(shown, "Shift+Tab")

        names = [stop["name"] for stop in stops]
        assert [stop["name"] for stop in stops if not stop["ring"]] == []
        assert [stop["name"] for stop in stops if not stop["shown"]] == []
        assert len(set(names)) == len(names) == count
        places = [int(name.split(" ")[0]) for name in names]
        assert places == sorted(places)
        assert [stop["name"] for stop in back] == names[::-1]
        assert rules.noise(shown) == []


def test_the_skip_link_comes_first_and_skips(browser: Browser, site: Site) -> None:
    """One Tab and Enter: the next stop is in the main part, past the header."""
    with browser.open(site.page().as_uri(), clock=site.clock) as shown:
        shown.press("Tab")
        assert shown.js("document.activeElement.className") == "skip"
        assert shown.js("document.activeElement.getBoundingClientRect().top") >= 0
        shown.press("Enter", "Tab")
        assert shown.js("document.getElementById('main').contains(document.activeElement)")
