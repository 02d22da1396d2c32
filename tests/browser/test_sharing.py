"""What others see of a page: the feed, the picture of a link, the badge."""

import re
from pathlib import Path
from urllib.parse import urldefrag, urlsplit
from xml.etree import ElementTree

import pytest
from PIL import Image

from browser import links, rules
from browser.chromium import Browser
from browser.sites import Site
from scanner.reporting import report as reports

ATOM = "{http://www.w3.org/2005/Atom}"
ADDRESS = "https://bands.example.org/some/project/"


@pytest.fixture(scope="module")
def published(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same site, told where it will be."""
    out = tmp_path_factory.mktemp("published") / "site"
    reports.build(reports.Asked(store=site.store, out=out, site_url=ADDRESS))
    return out


@pytest.mark.parametrize("address", ["", ADDRESS], ids=["anywhere", "published"])
def test_the_feed_tells_each_change_once_and_leads_to_it(
    site: Site, published: Path, address: str
) -> None:
    """Well-formed Atom, newest first; every entry's link ends at a place that exists."""
    folder = published if address else site.folder
    feed = ElementTree.fromstring((folder / "feed.xml").read_bytes())
    entries = feed.findall(f"{ATOM}entry")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    times = [entry.findtext(f"{ATOM}updated", "") for entry in entries]
    hrefs = [link.get("href") for link in feed.iter(f"{ATOM}link")]

    assert len(entries) > 3
    assert len(set(ids)) == len(ids)
    assert times == sorted(times, reverse=True)
    assert all(entry.findtext(f"{ATOM}title") for entry in entries)
    for href in hrefs:
        assert href is not None
        assert href.startswith(address)
        path, place = urldefrag(href.removeprefix(address))
        assert (folder / path).is_file(), href
        assert not place or place in links.places(folder / path), href


def test_a_published_page_names_its_picture(published: Path) -> None:
    """Absolute, of the usual size, and there; nothing in the page asks for it."""
    for page in ("index.html", "eth/index.html", "btc/index.html"):
        text = (published / page).read_text()
        [picture] = re.findall(r'property="og:image" content="([^"]*)"', text)
        assert picture.startswith(ADDRESS)
        with Image.open(published / picture.removeprefix(ADDRESS)) as image:
            assert image.size == (1200, 630)
        [canonical] = re.findall(r'rel="canonical" href="([^"]*)"', text)
        assert urlsplit(canonical).path == f"/some/project/{page.removesuffix('index.html')}"
    assert links.crawled(published).broken == []


def test_the_badge_is_a_picture_of_its_own(browser: Browser, site: Site) -> None:
    """One line of text, inside the picture's edges, no request."""
    with browser.open((site.folder / "eth" / "badge.svg").as_uri()) as shown:
        assert rules.noise(shown) == []
        assert rules.requests(shown) == []
        edges = shown.js("""[document.documentElement, ...document.querySelectorAll('text')]
          .map((e) => e.getBoundingClientRect().right)""")
        assert "ETH" in shown.js("document.documentElement.textContent")
        assert max(edges) == edges[0]


def test_a_wrong_address_leads_home(browser: Browser, published: Path) -> None:
    """404.html is served at any depth, so its links are absolute."""
    hrefs = [href for href in links.of_page(published / "404.html") if "index.html" in href]

    assert hrefs
    assert all(href.startswith((ADDRESS, "/some/project/")) for href in hrefs)
    with browser.open((published / "404.html").as_uri()) as shown:
        assert rules.noise(shown) == []
        assert rules.requests(shown) == []
        assert rules.barriers(shown) == []
