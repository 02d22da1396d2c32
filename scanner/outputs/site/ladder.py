"""Collateral at risk by price, upright: bars of 1 % of price, bands, notes beside them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core.window import Window, rows
from scanner.outputs.site.figures import axis_price, axis_usd, whole_usd
from scanner.outputs.site.model import Driver, Range, Row
from scanner.outputs.site.names import OTHER
from scanner.outputs.site.places import HIDDEN, Places, short
from scanner.outputs.site.views import PER_ROW, View, labels, layer, spread, steps

F64 = npt.NDArray[np.float64]

WIDE = 2000  # of the drawing, in its own units
ROOM = 1.03  # the scale goes a little beyond the longest bar
DRAWN = 14  # ranges in the pictures, the largest
NOTES = 6  # of them with a note; the others have their letter, where there is room for it
_LETTER = 3.9  # height of one [%]
_NOTE, _SPOT, _RIM = 10.3, 3.6, 10.8  # heights of a note, of spot's, and of the rims' own notes [%]


@dataclass(frozen=True)
class Bars:
    """One stroke path per colour, the end-caps of single accounts, and the scale. [USD]

    `strengths`: of each row's strongest tick.
    """

    rows: int
    strokes: Mapping[int, str]
    caps: str
    most: float
    cells: Sequence[Mapping[int, float]]
    positions: Sequence[int]
    strengths: Sequence[float | None]


def by_protocol(tick: Row) -> Mapping[str, float]:
    """A tick's dollars by protocol; scans of the first release do not split them."""
    found: Mapping[str, float] = tick.get("by_protocol") or {OTHER: tick["collateral_at_risk_usd"]}
    return found


def bars(driver: Driver, slots: Mapping[str, int]) -> Bars:
    """The bars of the driver's whole window, the highest price first."""
    window = driver.window
    count = window.ticks // PER_ROW
    amounts = _by_colour(driver.ticks, window, slots)
    sums = sum(amounts.values(), np.zeros(count))
    most = float(sums.max(initial=0.0)) * ROOM or 1.0
    large = _large(driver, window, slots)
    strokes: dict[int, list[str]] = {slot: [] for slot in sorted(amounts)}
    caps = []
    for row in range(count):
        x, y = 0, row * 10 + 5
        for slot in strokes:
            left = float(amounts[slot][row])
            for usd in large.get((row, slot), ()):
                width = round(WIDE * usd / most)
                strokes[slot].append(f"M{x} {y}h{width}")
                x, left = x + width, left - usd
                caps.append(f"M{x} {y - 5}v10")
            # what is there but too small for a unit still shows
            width = max(round(WIDE * left / most), 1) if left > 0.005 else 0
            if width:
                strokes[slot].append(f"M{x} {y}h{width}")
                x += width
    return Bars(
        rows=count,
        strokes={slot: "".join(parts) for slot, parts in strokes.items() if parts},
        caps="".join(caps),
        most=most,
        cells=[
            {
                slot: whole_usd(float(column[row]))
                for slot, column in amounts.items()
                if column[row] > 0
            }
            for row in range(count)
        ],
        positions=[
            round(number)
            for number in rows(
                window,
                PER_ROW,
                [tick["tick"] for tick in driver.ticks],
                [tick["positions"] for tick in driver.ticks],
            ).tolist()
        ],
        strengths=_strengths(driver.ticks, window, count),
    )


def _strengths(ticks: Sequence[Row], window: Window, count: int) -> list[float | None]:
    """Of each row's strongest tick; None where no tick has one."""
    found: list[float | None] = [None] * count
    for tick in ticks:
        row, strength = (window.last - 1 - tick["tick"]) // PER_ROW, tick.get("strength")
        if 0 <= row < count and strength is not None:
            found[row] = max(found[row] or 0.0, strength)
    return found


def _by_colour(ticks: Sequence[Row], window: Window, slots: Mapping[str, int]) -> dict[int, F64]:
    columns: dict[int, tuple[list[int], list[float]]] = {}
    for tick in ticks:
        for name, usd in by_protocol(tick).items():
            places, amounts = columns.setdefault(slots[name], ([], []))
            places.append(tick["tick"])
            amounts.append(usd)
    return {slot: rows(window, PER_ROW, *column) for slot, column in sorted(columns.items())}


def _large(
    driver: Driver, window: Window, slots: Mapping[str, int]
) -> dict[tuple[int, int], list[float]]:
    """Single accounts by row and colour, the largest first."""
    found: dict[tuple[int, int], list[float]] = {}
    for price, usd, protocol in driver.large:
        place = window.place(price)
        if 0 <= place < 1:
            row = int(place * window.ticks // PER_ROW)
            found.setdefault((row, slots.get(protocol, slots.get(OTHER, 0))), []).append(usd)
    return {key: sorted(amounts, reverse=True) for key, amounts in found.items()}


@dataclass(frozen=True)
class Axis:
    """One zoom's labels: (class, price, distance from spot)."""

    view: str
    labels: Sequence[tuple[str, str, str]]


def axes(driver: Driver, views: Sequence[View], places: Places) -> list[Axis]:
    """The price labels of every zoom."""
    return [
        Axis(
            view.name,
            [
                (
                    places.at(f"top:{short(view.y(price))}%"),
                    axis_price(price),
                    f"{'−' if price < driver.spot else '+'}{abs(price / driver.spot - 1):.0%}",
                )
                for price in labels(view, driver.spot)
            ],
        )
        for view in views
    ]


@dataclass(frozen=True)
class Note:
    """What stands beside a range in some zooms, and its mere letter in the others."""

    range: Range
    place: str
    letter: str


@dataclass(frozen=True)
class Notes:
    """Notes, spot's own place, and per zoom the lines that join ranges and notes."""

    notes: Sequence[Note]
    spot: str
    leaders: Sequence[tuple[str, str]]


def notes(driver: Driver, views: Sequence[View], places: Places) -> Notes:
    """In every zoom the largest ranges it shows have notes, as far as there is room on their side
    of spot. They are pushed apart; spot's own stands still, between those below and above."""
    hidden = {view.name: HIDDEN for view in views}
    tops: dict[str, dict[str, str]] = {}
    letters: dict[str, dict[str, str]] = {}
    spot_top: dict[str, str] = {}
    leaders = []
    for view in views:
        seen = [(view.seen(*ends(one.row)), one) for one in driver.ranges[:DRAWN]]
        shown = [(y, one) for y, one in seen if y is not None]
        spot = view.y(driver.spot)
        spot_top[view.name] = _top(spot)
        noted, path = _noted(shown, spot), ""
        for y, top, one in noted:
            tops.setdefault(one.letter, dict(hidden))[view.name] = _top(top)
            path += f"M0 {short(min(max(y, 0.3), 99.7) * 10)}L100 {short(top * 10)}"
        leaders.append((view.name, path))
        told = {one.letter for _, _, one in noted}
        lettered: list[float] = []
        for y, one in shown:
            if one.letter not in told and all(abs(y - other) >= _LETTER for other in lettered):
                letters.setdefault(one.letter, dict(hidden))[view.name] = _top(y)
                lettered.append(y)
    return Notes(
        notes=[
            Note(
                one,
                places.per_view(tops[one.letter]) if one.letter in tops else "",
                places.per_view(letters[one.letter], "inline-grid")
                if one.letter in letters
                else "",
            )
            for one in driver.ranges[:DRAWN]
        ],
        spot=places.per_view(spot_top),
        leaders=leaders,
    )


def _noted(shown: Sequence[tuple[float, Range]], spot: float) -> list[tuple[float, float, Range]]:
    """(where a range is, where its note stands, the range) of those that get a note."""
    zones = {"short": (_RIM, spot - _SPOT / 2), "long": (spot + _SPOT / 2, 100 - _RIM)}
    chosen: dict[str, list[tuple[float, Range]]] = {"short": [], "long": []}
    for y, one in shown:
        low, high = zones[one.row["side"]]
        mine = chosen[one.row["side"]]
        if sum(map(len, chosen.values())) < NOTES and (len(mine) + 1) * _NOTE <= high - low:
            mine.append((y, one))
    found = []
    for side, mine in chosen.items():
        mine.sort(key=lambda item: item[0])
        placed = spread([y for y, _ in mine], [_NOTE] * len(mine), *zones[side])
        found += [(y, top, one) for (y, one), top in zip(mine, placed, strict=True)]
    return found


def _top(y: float) -> str:
    return f"top:{short(y)}%"


def ends(row: Row) -> tuple[float, float]:
    """A range's prices. [USD]"""
    return float(row["low_usd"]), float(row["high_usd"])


def middle(row: Row) -> float:
    """On the log axis. [USD]"""
    low, high = ends(row)
    return math.sqrt(low * high)


def tints(driver: Driver, places: Places) -> list[tuple[str, Range]]:
    """Where each range lies in the drawing of the whole window."""
    found = []
    for one in driver.ranges[:DRAWN]:
        low, high = ends(one.row)
        top, bottom = 100 * driver.window.place(high), 100 * driver.window.place(low)
        if bottom > 0 and top < 100:
            box = f"top:{short(top)}%;height:{short(max(bottom - top, 0.0))}%"
            found.append((places.at(box), one))
    return found


def grid(most: float, places: Places) -> list[tuple[str, str]]:
    """Amounts below the bars: (class, text)."""
    return [
        (places.at(f"left:{short(100 * usd / most)}%"), axis_usd(usd)) for usd in steps(most, 4)
    ]


def layers(views: Sequence[View], window: Window, places: Places) -> str:
    """The class of what is drawn for the whole window, and moved and stretched by a zoom."""
    return places.per_view({view.name: layer(view, window) for view in views})


def spot_line(driver: Driver, views: Sequence[View], places: Places) -> str:
    """The class of what stands at spot's own price in every zoom."""
    return places.per_view({v.name: f"top:{short(v.y(driver.spot))}%" for v in views})
