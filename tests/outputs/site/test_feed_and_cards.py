"""What leaves the site: the Atom feed, the pictures of links, badges."""

import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from PIL import Image

from outputs.site.reading_pages import Element, page
from scanner import answers
from scanner.outputs.site import figures

ATOM = "{http://www.w3.org/2005/Atom}"


def feed(site: Path) -> ElementTree.Element:
    return ElementTree.fromstring((site / "feed.xml").read_bytes())


def test_the_feed_is_well_formed_and_tells_every_kind_of_change(month: Path):
    """Required elements, unique ids, the newest first; born, grown, moved, gone."""
    root = feed(month)
    entries = root.findall(f"{ATOM}entry")

    assert root.find(f"{ATOM}id") is not None
    assert root.find(f"{ATOM}author/{ATOM}name") is not None
    times = [entry.findtext(f"{ATOM}updated") or "" for entry in entries]
    assert times == sorted(times, reverse=True)
    assert root.findtext(f"{ATOM}updated") == "2026-11-21T21:36:00Z"
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids) > 5
    assert all(one and one.startswith("urn:uuid:") for one in ids)
    titles = " ".join(entry.findtext(f"{ATOM}title") or "" for entry in entries)
    for word in ("New ", " moved ", " grew ", " is gone"):
        assert word in titles
    for entry in entries:
        link = entry.find(f"{ATOM}link")
        assert link is not None
        assert (month / link.attrib["href"].split("#")[0]).is_file()


def test_a_first_scan_has_changed_nothing(whales: Path):
    """A feed without entries is a feed."""
    assert feed(whales).findall(f"{ATOM}entry") == []


def test_the_home_page_tells_the_newest_changes(month: Path):
    """In the feed's words, at most ten, bands before walls, one date for each scan."""
    found = page(month / "index.html")
    rows = [one for one in found.all("li") if _in(one, "events")]
    told = [one.text for one in rows if one.inside[-2].tag == "li"]
    titles = [entry.findtext(f"{ATOM}title") or "" for entry in feed(month).findall(f"{ATOM}entry")]
    titles = [title.replace(": ", "", 1) for title in titles]
    dates = [one.attrs["datetime"] for one in found.all("time") if _in(one, "events")]

    assert 0 < len(told) <= 10
    assert set(told) <= set(titles)
    newest = next(title for title in titles if "wall at" not in title)
    assert newest in told
    assert dates == sorted(set(dates), reverse=True)


def _in(element: Element, name: str) -> bool:
    return any(name in one.classes for one in element.inside)


def test_small_changes_are_told_nowhere(month_store: Path, month: Path):
    """What is worth less than 1 % of its driver's collateral at risk then."""
    titles = " ".join(entry.findtext(f"{ATOM}title") or "" for entry in feed(month).iter())
    small = 0
    for driver in ("ETH", "BTC", "LINK"):
        for scan in answers.history(month_store, None, driver, days=30)["scans"]:
            for row in scan["changes"]:
                if row["change"] == "born":
                    usd = row["after"]["collateral_at_risk_usd"]
                    worth = usd / sum(scan["at_risk"].values())
                    small += worth < 0.01
                    prices = figures.prices(row["after"]["low_usd"], row["after"]["high_usd"])
                    assert (f" at {prices}: {figures.usd(usd)}" in titles) == (worth >= 0.01)
    assert small


def test_cards_have_the_size_that_links_show(month: Path, hostile: Path, incomplete: Path):
    """1200 x 630, small, for every page."""
    for site in (month, hostile, incomplete):
        for path in site.rglob("index.html"):
            data = path.with_name("card.png").read_bytes()
            picture = Image.open(io.BytesIO(data))

            assert picture.size == (1200, 630)
            assert picture.format == "PNG"
            assert len(data) < 150_000
            colours = picture.convert("RGB").getcolors(100_000) or []
            assert len(colours) > 10


def test_a_badge_is_one_line(whales: Path, no_bands: Path, incomplete: Path):
    """What a README wants to show."""
    for site, text in (
        (whales, "ETH: −13.4% $1.20B"),
        (no_bands, "ETH: no band below"),
        (incomplete, "ETH: −13.4% ≥$1.20B"),
    ):
        root = ElementTree.fromstring((site / "eth" / "badge.svg").read_bytes())
        assert root.attrib["aria-label"] == text
