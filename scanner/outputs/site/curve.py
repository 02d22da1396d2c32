"""If the price moves: everything that adds up from spot outwards, and the slider's own numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from scanner.core.ticks import tick_low, tick_of
from scanner.outputs.site.figures import axis_price, axis_usd, whole_usd
from scanner.outputs.site.model import Driver, Row
from scanner.outputs.site.places import Places, short
from scanner.outputs.site.views import View, labels, steps

TALL = 1000
_SUMS = ("collateral_at_risk_usd", "debt_usd", "seizable_usd", "positions")


@dataclass(frozen=True)
class Curve:
    """Drawn over the tick edges `first` to `last`; `most` [USD] is the top of the picture."""

    first: int
    last: int
    most: float
    long: str
    short: str
    chosen: int


def draw(driver: Driver, view: View) -> Curve:
    """The two curves of a view, and where the slider stands first."""
    first, last = view.window.first, view.window.last
    sums = {side: _at_edges(driver.levels["levels"], side, first, last) for side in _SIDES}
    most = max((usd for values in sums.values() for usd in values), default=0.0) or 1.0
    at_spot = next((k for k in range(last - first + 1) if price(first + k) > driver.spot), 0)
    below, above = sums["long"][:at_spot], sums["short"][at_spot:]
    return Curve(
        first=first,
        last=last,
        most=most * 1.04,
        long=_line(0, below, most * 1.04),
        short=_line(at_spot, above, most * 1.04),
        chosen=_chosen(driver, first, last),
    )


_SIDES = ("long", "short")


def price(edge: int) -> float:
    """At a tick's lower edge. [USD]"""
    return float(tick_low(edge))


def _at_edges(rows: Sequence[Row], side: str, first: int, last: int) -> list[float]:
    """The sum reached at each tick edge; the rows have one per occupied tick, outwards."""
    found = [0.0] * (last - first + 1)
    mine = [(row["tick"], row["collateral_at_risk_usd"]) for row in rows if row["side"] == side]
    edges = mine if side == "long" else [(tick + 1, usd) for tick, usd in mine]
    for edge, usd in edges:
        if side == "long" and edge >= first:
            found[min(edge, last) - first] = usd
        if side == "short" and edge <= last:
            found[max(edge, first) - first] = usd
    order = range(last - first, -1, -1) if side == "long" else range(last - first + 1)
    reached = 0.0
    for k in order:
        reached = found[k] = max(found[k], reached)
    return found


def _line(start: int, values: Sequence[float], most: float) -> str:
    """A path in tick edges across and TALL down, up from the ground and back to it; "" without a
    point."""
    if not values:
        return ""
    path, before = f"M{start} {TALL}", TALL
    for k, usd in enumerate(values):
        y = round(TALL - TALL * usd / most)
        path += f"l{min(k, 1)} {y - before}"
        before = y
    return f"{path}V{TALL}"


def _chosen(driver: Driver, first: int, last: int) -> int:
    """The far edge of the nearest long range; without one, 20 % below spot."""
    below = driver.row["below"]
    if below is not None and first <= below["tick_low"] <= last:
        return int(below["tick_low"])
    return max(first, int(tick_of([driver.spot * 0.8])[0]))


def reached(driver: Driver, edge: int) -> dict[str, float]:
    """The sums at a tick edge at or below spot: what the slider's sentence says first."""
    rows = [row for row in driver.levels["levels"] if row["side"] == "long"]
    there = [row for row in rows if row["tick"] >= edge]
    return {key: there[-1][key] if there else 0 for key in _SUMS}


def numbers(driver: Driver, side: str, window: tuple[int, int]) -> list[float]:
    """What the script adds up: five numbers per occupied tick, outwards, the edge and four sums,
    each as its difference to the one before; dollars as `whole_usd` has them. Ticks beyond the
    window are left out."""
    found: list[float] = []
    before = [0.0] * 5
    for row in driver.levels["levels"]:
        if row["side"] != side:
            continue
        edge = row["tick"] + (side == "short")
        if (edge < window[0]) if side == "long" else (edge > window[1]):
            break
        now = [edge, *(whole_usd(row[key]) for key in _SUMS)]
        told = (round(a - b, 2) for a, b in zip(now, before, strict=True))
        found += [int(step) if step == int(step) else step for step in told]
        before = now
    return found


def amounts(curve: Curve, places: Places) -> list[tuple[str, str]]:
    """Labels of the dollars: (class, text), without zero."""
    return [
        (places.at(f"top:{short(100 - 100 * usd / curve.most)}%"), axis_usd(usd))
        for usd in steps(curve.most, 4)[1:]
    ]


def prices(driver: Driver, view: View, places: Places) -> list[tuple[str, str, bool]]:
    """Labels of the prices: (class, text, whether a phone shows it)."""
    shown = labels(view, driver.spot)
    return [
        (places.at(f"left:{short(100 - view.y(at))}%"), axis_price(at), k % 2 == 0)
        for k, at in enumerate(shown)
    ]
