"""The page fits every window, keeps still while it loads, and prints."""

import re
from pathlib import Path

import pytest

from browser import rules
from browser.chromium import DESKTOP, PHONE, Browser
from browser.sites import Site, Sites

WIDTHS = (320, 390, 640, 768, 900, 1024, 1440)
A4 = 718  # pixels between the margins
UNFOLD = "document.querySelectorAll('details').forEach((d) => { d.open = true; })"


@pytest.mark.parametrize("state", ["ok", "behind", "incomplete", "no band"])
def test_nothing_is_wider_than_the_window(browser: Browser, sites: Sites, state: str) -> None:
    """From the smallest phone to a desktop, folded and unfolded, and in a wider font than ours."""
    site = sites[state]
    for page in ("home", *site.drivers):
        with browser.open(site.page(page).as_uri(), clock=site.clock) as shown:
            for change in ("", UNFOLD, "document.body.style.letterSpacing = '0.06em'"):
                shown.js(change or "0")
                for width in WIDTHS:
                    shown.resize(width)
                    assert rules.sideways(shown) == [], f"{page}, {width} px, {change!r}"


# Texts that share a picture's edge or column.
GROUPS = (
    ".note, .rim",
    ".ladder .axis span",
    ".letter",
    ".times span",
    ".key li",
    ".amounts span",
    ".along span",
    ".curve .tag",
    ".curve .h span",
    ".tools button, .tabs, .mark",
)


@pytest.mark.parametrize("page", ["eth", "btc", "link"])
@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_no_text_is_printed_over_another(
    browser: Browser, site: Site, page: str, width: int
) -> None:
    """Labels of the pictures, in every zoom; LINK has a dozen walls close together."""
    with browser.open(site.page(page).as_uri(), (width, 900), clock=site.clock) as shown:
        for zoom in shown.js("[...document.querySelectorAll('#zoom input')].map((i) => i.id)"):
            shown.call("(id) => document.getElementById(id).click()", zoom)
            for group in GROUPS:
                assert rules.collisions(shown, group) == [], f"{group} at {zoom}"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("page", ["home", "eth"])
def test_nothing_moves_while_it_loads(
    browser: Browser, site: Site, page: str, size: tuple[int, int]
) -> None:
    """Neither at the top nor further down, when one scrolls through."""
    file = site.page(page)
    with browser.open(file.as_uri(), size, clock=site.clock) as shown:
        for _ in range(6):
            shown.js("new Promise((done) => { scrollBy(0, 900); requestAnimationFrame(done); })")
        assert rules.shifts(shown) == []


def test_small_text_is_not_too_small(browser: Browser, site: Site) -> None:
    """11 px and more everywhere, on a phone too."""
    with browser.open(site.page().as_uri(), PHONE, clock=site.clock) as shown:
        shown.js(UNFOLD)
        small = shown.js("""[...document.body.querySelectorAll('*')]
          .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
            && e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < 11)
          .map((e) => e.outerHTML.slice(0, 100))""")
        assert small == []


def test_it_prints_in_few_pages_with_everything_unfolded(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """A4, from the dark theme too; what is folded on screen is on paper."""
    with browser.open(site.page().as_uri(), clock=site.clock, scheme="dark") as shown:
        folded = shown.js("document.querySelectorAll('details:not([open])').length")
        shown.pdf(tmp_path / "page.pdf")
        shown.print_media()
        shown.js("dispatchEvent(new Event('beforeprint'))")
        left = shown.js("document.querySelectorAll('details:not([open])').length")
        paper = shown.js("getComputedStyle(document.body).backgroundColor")
        ink = shown.js("getComputedStyle(document.querySelector('h1')).color")
        shown.resize(A4)
        assert rules.sideways(shown) == []
        assert rules.collisions(shown, ".note, .rim") == []

    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes()))
    assert folded > 0
    assert left == 0
    assert 3 <= pages <= 10
    assert light(paper) > 0.9
    assert light(ink) < 0.2


def light(colour: str) -> float:
    """The mean of "rgb(…)", 0 to 1; transparent is paper."""
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)]
    if len(parts) == 4 and parts[3] == 0:
        return 1.0
    return sum(parts[:3]) / 3 / 255
