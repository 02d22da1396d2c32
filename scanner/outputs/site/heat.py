"""The ladder over time: a picture per theme, the price line, today's ranges, one written event."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanner.core.window import Window
from scanner.outputs.site import figures, png
from scanner.outputs.site.ladder import DRAWN
from scanner.outputs.site.model import NO_SCAN, Driver, Heat, Row
from scanner.outputs.site.places import HIDDEN, Places, short
from scanner.outputs.site.views import View

# Level 0 is the panel itself; more is always further away from it.
LIGHT = ("#ffffff", "#f1f5f9", "#dde8f2", "#bcd4e8", "#84b2d6", "#4687bb", "#1d5a90", "#06264a")
DARK = ("#151b23", "#18222e", "#1b2e40", "#204460", "#2d678c", "#4f90b4", "#86bcd9", "#c4e4f5")
STEPS = (1.0, 6.0, 16.0, 32.0, 64.0, 125.0, 250.0)  # of the legend, times the driver's own unit
SHARP = 30.0  # rows above it are not smoothed
PER_ROW = 2  # ticks: 0.5 % of price
TALL = 1000  # of the line's drawing, in its own units
_TIMES = 4  # labels below, at most
_EMPTY = 8  # in the palette: no scan is stored


def image(heat: Heat, colours: Sequence[str]) -> str:
    """The picture as a data URL."""
    pixels = np.where(heat.grades == NO_SCAN, _EMPTY, heat.grades).astype(np.uint8)
    return "data:image/png;base64," + b64encode(png.indexed(pixels, [*colours, ""])).decode()


def line(heat: Heat, window: Window) -> str:
    """The price over time; broken where no scan is stored."""
    path, pen = "", "M"
    for column, spot in enumerate(heat.spots):
        if spot is None:
            pen = "M"
            continue
        y = round(TALL * min(max(window.place(spot), 0.0), 1.0))
        last = column == len(heat.spots) - 1
        # a lone scan would be a point, which no stroke shows
        start = f"M{column * 10} {y}" if pen == "M" else ""
        path += f"{start}L{column * 10 + (10 if last else 5)} {y}"
        pen = "L"
    return path


def rules(driver: Driver) -> str:
    """Today's ranges: a line at each edge, across."""
    edges = {
        round(TALL * driver.window.place(float(one.row[key])))
        for one in driver.ranges[:DRAWN]
        for key in ("low_usd", "high_usd")
    }
    return "".join(f"M0 {y}h10" for y in sorted(edges) if 0 < y < TALL)


def times(heat: Heat, places: Places) -> list[tuple[str, str, bool]]:
    """Dates below the picture: (class, text, whether a phone has room for it). The first date and
    "now" stand at the ends."""
    span = heat.end - heat.start
    days = max(1, round(span / 86_400 / _TIMES))
    first = heat.start - heat.start % 86_400 + 86_400
    found = []
    for moment in range(first, heat.end, days * 86_400):
        x = 100 * (moment - heat.start) / span
        if 16 <= x <= 86:
            text = figures.day(moment)
            found.append((places.at(f"left:{short(x)}%"), text, 32 <= x <= 74))
    return found


def legend(heat: Heat) -> list[str]:
    """The texts under the colours, one per level; those in between without a shared unit."""
    shown = [figures.axis_usd(step) for step in heat.steps]
    same = len({text[-1] for text in shown}) == 1
    between = [text[1:-1] if same else text for text in shown[:-1]]
    return [f"<{shown[0]}", *between, f"≥{shown[-1]}"]


@dataclass(frozen=True)
class Event:
    """A change written into the picture: (class, text, whether it stands left of its mark)."""

    place: str
    text: str
    left: bool


def event(driver: Driver, heat: Heat, views: Sequence[View], places: Places) -> Event | None:
    """The largest change of a range, beside where it happened, in the zooms that show it."""
    if driver.event is None:
        return None
    moment, row = driver.event
    x = 100 * (moment - heat.start) / (heat.end - heat.start)
    around = row["after"] or row["before"]
    if not 0 <= x <= 100:
        return None
    left = x > 45
    side = f"right:{short(100 - x)}%" if left else f"left:{short(x)}%"
    found = {}
    for view in views:
        high, low = (view.y(float(around[key])) for key in ("high_usd", "low_usd"))
        # on the side away from spot, whose line it would hide; there must be room for it
        below = high < 22 if row["side"] == "short" else low <= 78
        place = f"top:{short(low + 1.2)}%" if below else f"bottom:{short(101.2 - high)}%"
        found[view.name] = f"{place};{side}" if low > 2 and high < 98 else HIDDEN
    return Event(places.per_view(found), told(moment, row), left)


def told(moment: int, row: Row) -> str:
    """A change in half a line."""
    day = figures.day(moment)
    before, after = row["before"], row["after"]
    if row["change"] == "moved":
        way = "up" if after["low_usd"] > before["low_usd"] else "down"
        usd = figures.usd(after["collateral_at_risk_usd"])
        return f"{day}: {usd} moves {way} from {_range(before)} to {_range(after)}"
    if row["change"] == "born":
        return f"{day}: {figures.usd(after['collateral_at_risk_usd'])} appears at {_range(after)}"
    if row["change"] == "dissolved":
        return f"{day}: {figures.usd(before['collateral_at_risk_usd'])} leaves {_range(before)}"
    verb = "grows" if row["change"] == "grew" else "shrinks"
    usd = figures.usd(abs(row["collateral_change_usd"]))
    return f"{day}: {_range(after)} {verb} by {usd}"


def _range(row: Row) -> str:
    return figures.prices(row["low_usd"], row["high_usd"])
