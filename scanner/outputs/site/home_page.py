"""The home page: a row per driver, the nearest first, and what changed lately."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from scanner.outputs.site import figures, leverage, realised, sections, sentences, strokes
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.bands_table import anchors
from scanner.outputs.site.ladder import DRAWN
from scanner.outputs.site.model import Change, Driver, Row, Site
from scanner.outputs.site.places import Places
from scanner.outputs.site.views import PER_ROW, views
from scanner.outputs.words import symbol

EVENTS = 10  # changes on the page; the feed has more
REACH = 0.45  # of the lying ladders
_SHADED = 12  # ranges in one of them, the largest
Context = dict[str, Any]


def context(site: Site, amounts: Amounts) -> tuple[Context, Places]:
    """What the template is filled with; it needs no classes of its own."""
    ranked = nearest_first(site.drivers)
    found: Context = {
        "title": sentences.home_headline(ranked, site.scan.chain, amounts),
        "lead": sentences.home_lead(ranked, amounts),
        "driver_word": "",
        "rows": [_row(driver, amounts) for driver in ranked],
        "nothing": "No driver moves any position found."
        if amounts.complete
        else "Nothing was read that a driver moves: this says nothing about the risk.",
        "silent": _silent(site),
        "events": _events(site),
        "leverage": leverage.section(site.leverage),
        "realised": realised.section(site.realised, site.scan.timestamp),
        "standing": sections.unknown(site.scan, site.standing, "", amounts),
    }
    return found, Places()


def nearest_first(drivers: Sequence[Driver]) -> list[Driver]:
    """By the distance of the nearest range from spot, on either side."""
    return sorted(drivers, key=_nearest)


def _nearest(driver: Driver) -> tuple[float, float, str]:
    far = [abs(row["distance"]) for row in (driver.row["below"], driver.row["above"]) if row]
    return (min(far, default=9.0), -driver.row["collateral_usd"], driver.name)


def _silent(site: Site) -> str:
    if not site.silent:
        return ""
    listed = "; ".join(f"{symbol(one.name)} ({one.why})" for one in site.silent[:20])
    left = f"; and {len(site.silent) - 20} more" if len(site.silent) > 20 else ""
    return f"Without a page of their own: {listed}{left}. v1/drivers.json has them all."


def _row(driver: Driver, amounts: Amounts) -> Context:
    view = next(v for v in views(driver.spot, driver.window, REACH) if v.reach == REACH)
    at_risk = driver.row["at_risk"]
    name = symbol(driver.name)
    below, above = (_next(driver.row[key], amounts) for key in ("below", "above"))
    return {
        "name": name,
        "href": f"{driver.slug}/index.html",
        "spot": figures.spot(driver.spot),
        "below": below,
        "above": above,
        "wide": view.window.ticks // PER_ROW,
        "shape": strokes.shape(driver.ticks, view.window),
        "ranges": strokes.lying(driver, view.window)[:_SHADED],
        "spot_x": strokes.spot_at(driver, view.window),
        "alt": f"{name}: next below {below['distance']} {below['text']}; next above"
        f" {above['distance']} {above['text']}",
        "long": amounts.usd(at_risk["long"]),
        "short": amounts.usd(at_risk["short"]),
        "debt": amounts.usd(driver.row["debt_usd"]),
        "borrowers": amounts.count(driver.row["borrowers"], "borrower"),
    }


def _next(row: Row | None, amounts: Amounts) -> Context:
    if row is None:
        return {"distance": "none", "text": "no band stands out"}
    wall = "wall, " if row["kind"] == "wall" else ""
    prices = figures.prices(row["low_usd"], row["high_usd"])
    return {
        "distance": figures.move(row["distance"]),
        "text": f"{wall}{amounts.usd(row['collateral_at_risk_usd'])} at {prices}",
    }


def _events(site: Site) -> list[Context]:
    """The newest changes by scan; those of bands before those of walls, which move more often."""
    ranked = sorted(site.changes, key=_of_wall)[:EVENTS]
    ranked.sort(key=lambda change: (-change.timestamp, _of_wall(change), -change.worth))
    return [
        {"timestamp": moment, "told": [_event(change, site.drivers) for change in told]}
        for moment, told in groupby(ranked, key=lambda change: change.timestamp)
    ]


def _of_wall(change: Change) -> bool:
    return bool((change.row["after"] or change.row["before"])["kind"] == "wall")


def _event(change: Change, drivers: Sequence[Driver]) -> Context:
    after = change.row["after"]
    href = ""
    for driver in drivers:
        if driver.name == change.driver:
            ids = anchors(driver)
            there = (
                ids[one.letter]
                for one in driver.ranges[:DRAWN]  # the page's table has no more
                if after and one.row["low_usd"] == after["low_usd"]
            )
            href = f"{driver.slug}/index.html#{next(there, 'bands')}"
    return {
        "driver": symbol(change.driver),
        "text": sentences.changed(change),
        "href": href,
    }
