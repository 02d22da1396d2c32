"""The report opens from disk and under a sub-path, quietly, and asks nobody for anything."""

import re
from collections.abc import Iterator

import pytest

from browser import links, rules
from browser.chromium import Browser
from browser.hosting import Host, hosted
from browser.sites import STATES, Site, Sites

PAGES = ("", "eth/", "btc/")


@pytest.fixture(scope="module")
def host(site: Site) -> Iterator[Host]:
    """The site at http://127.0.0.1:…/some/project/."""
    with hosted(site.folder) as running:
        yield running


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_from_disk_is_quiet_and_complete_in_itself(
    browser: Browser, sites: Sites, state: str, page: str
) -> None:
    """No error, no warning, and no request but for the document."""
    file = sites[state].folder / page / "index.html"
    with browser.open(file.as_uri(), clock=sites[state].clock) as shown:
        assert rules.noise(shown) == []
        assert rules.requests(shown) == []
        assert shown.js("document.querySelectorAll('h1').length") == 1


@pytest.mark.parametrize("page", PAGES)
def test_a_page_under_a_sub_path_asks_for_itself_only(
    browser: Browser, site: Site, host: Host, page: str
) -> None:
    """One answered request per page, and it says the same as from disk."""
    before = len(host.answered)
    with browser.open(host.url + page, clock=site.clock) as shown:
        assert rules.noise(shown) == []
        assert rules.foreign(shown, host.url) == []
        assert host.answered[before:] == [(f"/some/project/{page}", 200)]
        text = shown.js("document.body.innerText")
    file = site.folder / page / "index.html"
    with browser.open(file.as_uri(), clock=site.clock) as shown:
        assert shown.js("document.body.innerText") == text


def test_the_drivers_are_reached_by_links(browser: Browser, site: Site, host: Host) -> None:
    """From home to ETH, on to BTC, and home again: real links, so that each has an address."""
    with browser.open(host.url, clock=site.clock) as shown:
        for name in ("ETH", "BTC"):
            shown.go(f"nav a[href*='{name.lower()}/']")
            assert shown.js("location.pathname").startswith(f"/some/project/{name.lower()}/")
            assert name in shown.js("document.title")
            assert shown.js("document.querySelector('nav [aria-current]').innerText") == name
        shown.go("header a")
        assert shown.js("location.pathname") == "/some/project/index.html"
        assert rules.noise(shown) == []


def test_no_page_could_ask_for_anything(site: Site) -> None:
    """What a browser loads by itself is in the page: nothing but data in src, styles and icons."""
    for file in [site.page("home"), *(site.page(driver) for driver in site.drivers)]:
        text = file.read_text()
        assert not re.findall(r"""\bsrc=["'](?!data:)[^"']*""", text), file
        assert not re.findall(r"@import|url\((?!['\"]?(?:data:|#))", text), file
        loads = [tag for tag in re.findall(r"<link\b[^>]*>", text) if "stylesheet" in tag]
        assert loads == [], file
        icons = re.findall(r"<link\b[^>]*rel=[\"']?icon[^>]*>", text)
        assert icons, f"{file}: without an icon of its own a browser asks for /favicon.ico"
        assert all("data:" in icon for icon in icons), file


def test_every_link_leads_somewhere(site: Site) -> None:
    """Files, and places in them; every driver's page is reached; out go explorers only."""
    found = links.crawled(site.folder)

    assert found.broken == []
    assert {f"{driver}/index.html" for driver in site.drivers} <= set(found.pages)
    assert {re.match(r"https://[^/]+/", url)[0] for url in found.outside} <= OUTSIDE  # type: ignore[index]


OUTSIDE = {"https://etherscan.io/", "https://github.com/"}
