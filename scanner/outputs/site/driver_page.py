"""One driver's page: everything its template shows, as text and geometry."""

import json
from collections.abc import Mapping
from typing import Any

from scanner.outputs.site import curve, figures, ladder, names, sections, sentences, strokes
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.bands_table import bands
from scanner.outputs.site.hero import hero, map_numbers
from scanner.outputs.site.model import Driver, Row, Scan
from scanner.outputs.site.moves import moves, nothing
from scanner.outputs.site.places import Places
from scanner.outputs.site.views import View, views
from scanner.outputs.words import symbol

Context = dict[str, Any]


def context(scan: Scan, driver: Driver, amounts: Amounts, trim: int = 0) -> tuple[Context, Places]:
    """What the template is filled with, and the classes it uses; `trim`: see bands_table.py."""
    shown = views(driver.spot, driver.window, _first_reach(driver))
    places = Places(tuple(view.name for view in shown))
    name = symbol(driver.name)
    slots = names.slots(
        {row["protocol"]: row["collateral_at_risk_usd"] for row in driver.protocols}
    )
    for tick in driver.ticks:  # a tick may name what the list of protocols does not
        for protocol in ladder.by_protocol(tick):
            slots.setdefault(protocol, names.SLOTS - 1)
    bars = ladder.bars(driver, slots)
    drawn = curve.draw(driver, shown[0])
    found: Context = {
        "name": name,
        "driver_word": name,
        "title": sentences.headline(driver, amounts),
        "lead": sentences.lead(driver, amounts),
        "tiles": _tiles(driver, amounts),
        "legend": _legend({name: slot for name, slot in slots.items() if slot in bars.strokes}),
        "large": figures.usd(driver.large_from) if driver.large else "",
        "shown": {"curve": True},
        **hero(scan, driver, bars, shown, places, amounts),
        **moves(driver, drawn, shown[0], places, amounts),
        **bands(scan, driver, slots, amounts, trim),
        "protocols": _protocols(driver, slots, shown[0], amounts),
        "standing": sections.unknown(
            scan, driver.standing, name, amounts, sentences.told_first(driver)
        ),
        "numbers": _numbers(driver, bars, drawn, slots, amounts),
    }
    return found, places


def _first_reach(driver: Driver) -> float:
    """The zoom that is shown first: the wide one where only that has a range in it."""
    far = [abs(_outer(one.row, driver.spot)) for one in driver.ranges]
    return 0.60 if far and min(far) > 0.45 else 0.45


def _outer(row: Row, spot: float) -> float:
    return ladder.middle(row) / spot - 1


def _tiles(driver: Driver, amounts: Amounts) -> list[Context]:
    name = symbol(driver.name)
    day = driver.spot_day_ago
    fall = next((row for row in driver.levels["at"] if abs(row["distance"] + 0.2) < 1e-3), None)
    tiles = [
        {
            "label": f"{name} spot, oracle",
            "value": figures.spot(driver.spot),
            "letter": "",
            "note": f"{figures.move(driver.spot / day - 1)} in 24 h" if day else "",
        },
        _next_tile(driver, "below", amounts),
        _next_tile(driver, "above", amounts),
    ]
    if fall is not None:
        for row, verb in ((fall, "falls"), (fall["opposite"], "rises")):
            tiles.append(
                {
                    "label": f"If {name} {verb} {figures.size(row['distance'])[:-3]}%",
                    "value": amounts.usd(row["collateral_at_risk_usd"]),
                    "letter": "",
                    "note": f"liquidatable, {amounts.count(row['positions'], 'position')}",
                }
            )
    return tiles


def _next_tile(driver: Driver, where: str, amounts: Amounts) -> Context:
    row = driver.row[where]
    if row is None:
        side = "long" if where == "below" else "short"
        at_risk = amounts.usd(driver.row["at_risk"][side])
        note = f"{at_risk} {where} in all"
        return {"label": f"Next band {where}", "value": "none", "letter": "", "note": note}
    near = row["high_usd"] if row["side"] == "long" else row["low_usd"]
    letter = next((one.letter for one in driver.ranges if one.row == row), "")
    return {
        "label": f"Next {'wall' if row['kind'] == 'wall' else 'band'} {where}",
        "value": figures.move(row["distance"]),
        "letter": letter,
        "note": f"{amounts.usd(row['collateral_at_risk_usd'])} from {figures.price(near)}",
    }


def _legend(slots: Mapping[str, int]) -> list[Context]:
    by_slot: dict[int, list[str]] = {}
    for name, slot in slots.items():
        by_slot.setdefault(slot, []).append(name)
    found = []
    for slot, members in sorted(by_slot.items()):
        shared = len(members) > 1 or members == [names.OTHER]
        found.append({"slot": slot, "name": "other" if shared else names.protocol(members[0])})
    return found


def _protocols(
    driver: Driver, slots: Mapping[str, int], view: View, amounts: Amounts
) -> list[Context]:
    found = []
    for row in driver.protocols:
        within = [row["within"][str(percent)]["long"] for percent in (10, 20, 30)]
        found.append(
            {
                "slot": slots[row["protocol"]],
                "name": names.protocol(row["protocol"]),
                "wide": view.window.ticks // 4,
                "shape": strokes.shape(driver.ticks, view.window, row["protocol"]),
                "spot": strokes.spot_at(driver, view.window),
                "cells": [
                    *(
                        (amounts.usd(usd), usd)
                        for usd in (*within, row["long_usd"], row["short_usd"])
                    ),
                    (amounts.count(row["positions"]), row["positions"]),
                    (figures.coverage(row["coverage"]), row["coverage"] or 0),
                ],
            }
        )
    return found


def _numbers(
    driver: Driver,
    bars: ladder.Bars,
    drawn: curve.Curve,
    slots: Mapping[str, int],
    amounts: Amounts,
) -> str:
    """What the script reads: the bars for the tooltip, the sums for the slider."""
    numbers = {
        "name": symbol(driver.name),
        "spot": driver.spot,
        "first": driver.window.first,
        "last": driver.window.last,
        "from": drawn.first,
        "to": drawn.last,
        "nothing": nothing(amounts),
        "legend": {item["slot"]: item["name"] for item in _legend(slots)},
        "heat": map_numbers(driver),
        "positions": bars.positions,
        "strength": [None if one is None else round(one, 2) for one in bars.strengths],
        "rows": [[x for pair in cell.items() for x in pair] for cell in bars.cells],
        "long": curve.numbers(driver, "long", (drawn.first, drawn.last)),
        "short": curve.numbers(driver, "short", (drawn.first, drawn.last)),
    }
    text = json.dumps(numbers, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("&", "\\u0026")
