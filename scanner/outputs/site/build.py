"""Every page of a site, with its card, badge and feed, into a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scanner import __version__
from scanner.deployments import chain_info
from scanner.outputs.site import (
    budget,
    driver_page,
    home_page,
    pages,
    sections,
    sentences,
)
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.badge import badge
from scanner.outputs.site.bands_table import TRIMS
from scanner.outputs.site.card import card
from scanner.outputs.site.feed import feed
from scanner.outputs.site.model import Driver, File, Site
from scanner.outputs.site.places import Places
from scanner.outputs.words import symbol

_TABS = 5  # drivers in the header; the home page has all
Context = dict[str, Any]


def write(site: Site, target: Path) -> list[File]:
    """Write all pages; returns them with their sizes. Raises BandscanError above the budget."""
    amounts = Amounts(site.scan.complete)
    written = []

    def put(path: str, data: bytes) -> None:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(data)

    def put_page(path: str, html: bytes) -> None:
        budget.check(path, html)
        put(path, html)
        written.append(File(path, len(html)))

    found, places = home_page.context(site, amounts)
    context = {**_shared(site, amounts, "", ""), **found}
    put_page("index.html", pages.page("home.html", context, places))
    put(
        "card.png",
        card(site.scan, found["title"], _state(site), home_page.nearest_first(site.drivers)),
    )
    for driver in site.drivers:
        path = f"{driver.slug}/index.html"
        for trim in range(len(TRIMS)):
            found, places = driver_page.context(site.scan, driver, amounts, trim)
            context = {**_shared(site, amounts, "../", driver.slug), **found}
            html = pages.page("driver.html", context, places)
            if not budget.excess(html):
                break
        put_page(path, html)
        put(f"{driver.slug}/card.png", card(site.scan, found["title"], _state(site), [driver]))
        put(f"{driver.slug}/badge.svg", badge(driver, amounts))
    # Served for any address, so only absolute links would hold; without them it stays at home.
    lost = {
        **_shared(site, amounts, site.scan.site_url, ""),
        "title": "There is no such page",
        "path": "404.html",
    }
    put_page("404.html", pages.page("404.html", lost, Places()))
    put("feed.xml", feed(site))
    put(".nojekyll", b"")
    return written


def _state(site: Site) -> str:
    return str(sentences.strip(site.scan, site.scan.document["unknown"])["state"])


def _shared(site: Site, amounts: Amounts, root: str, slug: str) -> Context:
    """What the frame of every page needs. `root`: the way up to the site's root."""
    scan = site.scan
    document = scan.document
    strip = sentences.strip(scan, document["unknown"])
    return {
        "scan": scan,
        "chain": scan.chain,
        "more": amounts.more,
        "root": root,
        "path": f"{slug}/" if slug else "",
        "image": f"{slug}/card.png" if slug else "card.png",
        "version": __version__,
        "schema": document["schema"],
        "block": f"{document['block']['number']:,}",
        "description": _description(site, strip),
        "strip": strip,
        "tabs": pages.tabs(_tabs(site.drivers, slug), root, slug),
        "certificate": sections.certificate(scan, _chain_option(document["chain_id"])),
        "data": sections.data([*site.data.get(slug, ()), *(site.data[""] if slug else ())]),
    }


def _tabs(drivers: Sequence[Driver], slug: str) -> list[tuple[str, str]]:
    """The drivers with most at risk, and always the one that is open."""
    first = list(drivers[:_TABS])
    first += [one for one in drivers[_TABS:] if one.slug == slug]
    return [(symbol(one.name), one.slug) for one in first]


def _description(site: Site, strip: Mapping[str, Any]) -> str:
    block = f"{site.scan.document['block']['number']:,}"
    worth = "complete" if site.scan.complete else "incomplete: every amount is a lower bound"
    return (
        f"Liquidation bands on {site.scan.chain}, block {block}, {worth}; debt found"
        f" {strip['found']}. Reproducible, with its certificate."
    )


def _chain_option(chain_id: int) -> str:
    name = chain_info(chain_id).name
    return str(chain_id) if " " in name else name
