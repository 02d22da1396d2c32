"""The first charts of a driver's page: the ladder and, where there is a past, the map beside it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from scanner.outputs.site import figures, heat, ladder
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.bands_table import anchors
from scanner.outputs.site.model import NO_SCAN, Driver, Scan
from scanner.outputs.site.places import Places, short
from scanner.outputs.site.views import View
from scanner.outputs.words import count, symbol

Context = dict[str, Any]


def hero(
    scan: Scan,
    driver: Driver,
    bars: ladder.Bars,
    shown: Sequence[View],
    places: Places,
    amounts: Amounts,
) -> Context:
    """The ladder and the map with all their labels."""
    placed = ladder.notes(driver, shown, places)
    tints = ladder.tints(driver, places)
    at_risk = driver.row["at_risk"]
    ids = anchors(driver)
    return {
        "views": sorted(shown, key=lambda view: -view.reach),
        "default": shown[0].name,
        "layer": ladder.layers(shown, driver.window, places),
        "axes": ladder.axes(driver, shown, places),
        "pill": figures.axis_price(round(driver.spot))
        if driver.spot >= 1e4
        else figures.price(driver.spot),
        "spot": figures.spot(driver.spot),
        "spot_at": ladder.spot_line(driver, shown, places),
        "grid": ladder.grid(bars.most, places),
        "zero": places.at("left:0"),
        "bars": bars,
        "bars_alt": _bars_alt(driver, amounts),
        "reader_at": round(driver.window.place(driver.spot) * bars.rows),
        "tints": tints,
        "notes": {
            "spot": placed.spot,
            "leaders": placed.leaders,
            "notes": [_note(note, ids, amounts) for note in placed.notes if note.place],
            "letters": [(note.letter, note.range.letter) for note in placed.notes if note.letter],
        },
        "above_all": amounts.usd(at_risk["short"]),
        "below_all": amounts.usd(at_risk["long"]),
        "unknown": _unknown(scan, bars, places, amounts),
        **_heat(driver, shown, places),
    }


def _note(note: ladder.Note, ids: Mapping[str, str], amounts: Amounts) -> Context:
    row = note.range.row
    wall = row["kind"] == "wall"
    return {
        "letter": note.range.letter,
        "place": note.place,
        "anchor": ids[note.range.letter],
        "usd": amounts.usd(row["collateral_at_risk_usd"]),
        "range": figures.prices(row["low_usd"], row["high_usd"]),
        "starts": f"{'' if wall else 'starts '}{figures.move(row['distance'])}",
        "largest": "one account" if wall else f"largest {figures.share(row['top_account_share'])}",
    }


def _bars_alt(driver: Driver, amounts: Amounts) -> str:
    told = []
    for one in driver.ranges[: ladder.NOTES]:
        usd = amounts.usd(one.row["collateral_at_risk_usd"])
        prices = figures.prices(one.row["low_usd"], one.row["high_usd"])
        told.append(f"{one.letter}: {usd} at {prices}, {figures.move(one.row['distance'])}")
    bands = f" Bands: {'; '.join(told)}." if told else " No band stands out."
    at_risk = driver.row["at_risk"]
    return (
        f"Bars of collateral at risk by {symbol(driver.name)} price. Below spot"
        f" {amounts.usd(at_risk['long'])}, above {amounts.usd(at_risk['short'])}.{bands}"
    )


def _unknown(scan: Scan, bars: ladder.Bars, places: Places, amounts: Amounts) -> Context:
    """The row below the ladder, on its dollar scale."""
    rows = scan.document["unknown"]
    if not rows:
        if scan.complete:
            return {"bar": "", "text": "Nothing unknown", "why": ""}
        return {
            "bar": "open",
            "text": "not all debt was read:",
            "why": "what is missing",
        }
    debts = [row["debt_usd"] for row in rows]
    accounts = count(sum(row["accounts"] for row in rows), "account")
    if None in debts:
        return {"bar": "open", "text": f"{accounts}, debt unknown:", "why": "why"}
    usd = sum(debts)
    width = min(100 * usd / bars.most, 60.0)
    return {
        "bar": places.at(f"width:{short(width)}%"),
        "text": f"{amounts.usd(usd)} of debt",
        "why": "unknown: why",
    }


def _heat(driver: Driver, shown: Sequence[View], places: Places) -> Context:
    one = driver.heat
    if one is None:
        return {
            "heat": None,
            "no_heat": "How the bands move is shown here from the second stored scan on.",
        }
    days = (one.end - one.start) / 86_400
    span = count(round(days), "day") if days >= 1.5 else count(round(days * 24), "hour")
    spots = [spot for spot in one.spots if spot is not None]
    told = heat.told(*driver.event) if driver.event else "no band changed much"
    return {
        "heat_span": span,
        "heat": {
            "span": span,
            "light": heat.image(one, heat.LIGHT),
            "dark": heat.image(one, heat.DARK),
            "columns": one.grades.shape[1],
            "line": heat.line(one, driver.window),
            "rules": heat.rules(driver),
            "event": heat.event(driver, one, shown, places),
            "first": figures.day(one.start),
            "times": heat.times(one, places),
            "legend": heat.legend(one),
            "gaps": bool((one.grades == NO_SCAN).any()),
            "alt": f"Collateral at risk by price over {span}. The price went between"
            f" {figures.price(min(spots))} and {figures.price(max(spots))}."
            f" Largest change: {told}.",
        },
    }


def map_numbers(driver: Driver) -> Context | None:
    """What a pointer over the map needs: its times, and what each colour stands for."""
    one = driver.heat
    if one is None:
        return None
    shown = [figures.axis_usd(step) for step in one.steps]
    between = [f"{low}–{high}" for low, high in pairwise(shown)]
    return {
        "start": one.start,
        "end": one.end,
        "colours": heat.LIGHT,
        "words": [f"less than {shown[0]}", *between, f"{shown[-1]} or more"],
    }
