"""The section "If the price moves" of a driver's page."""

from typing import Any

from scanner.outputs.site import curve, figures, ladder
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.model import Driver, Row
from scanner.outputs.site.places import Places, short
from scanner.outputs.site.views import View
from scanner.outputs.words import symbol

_LETTER = 8.4  # width of one on the smallest phone [%]
Context = dict[str, Any]


def moves(
    driver: Driver, drawn: curve.Curve, view: View, places: Places, amounts: Amounts
) -> Context:
    """The curve with its slider, the sentence it starts with, and the table of fixed moves."""
    wide = drawn.last - drawn.first
    price = figures.price(curve.price(drawn.chosen))
    distance = figures.move(curve.price(drawn.chosen) / driver.spot - 1)
    sums = curve.reached(driver, drawn.chosen)

    def across(usd: float) -> float:
        return 100 - view.y(usd)

    tints = []
    lines: tuple[list[float], list[float]] = ([], [])  # of letters; the largest range chooses first
    for one in driver.ranges[: ladder.DRAWN]:
        low, high = (min(max(across(end), 0.0), 100.0) for end in ladder.ends(one.row))
        if low < 100 and high > 0:
            middle = (low + high) / 2
            free = [k for k in (0, 1) if all(abs(middle - x) >= _LETTER for x in lines[k])]
            if free:
                lines[free[0]].append(middle)
            box = f"left:{short(low)}%;width:{short(high - low)}%"
            tints.append((places.at(box), one.letter if free else "", free == [1]))
    return {
        "curve": {
            "wide": wide,
            "value": drawn.chosen - drawn.first,
            "lines": [line for line in (drawn.long, drawn.short) if line],
            "amounts": curve.amounts(drawn, places),
            "prices": curve.prices(driver, view, places),
            "tints": tints,
            "spot": places.at(f"left:{short(across(driver.spot))}%"),
            "here": places.at(f"left:{short(100 * (drawn.chosen - drawn.first) / wide)}%"),
            "alt": f"Collateral that can be liquidated as {symbol(driver.name)} moves away from"
            " spot, adding up; the table below has fixed moves.",
        },
        "move": {
            "price": price,
            "distance": distance,
            "any": bool(sums["positions"]),
            "nothing": nothing(amounts),
            "collateral": amounts.usd(sums["collateral_at_risk_usd"]),
            "positions": amounts.count(int(sums["positions"]), "position"),
            "debt": amounts.usd(sums["debt_usd"]),
            "seizable": amounts.usd(sums["seizable_usd"]),
            "spoken": f"{price}, {distance}: {amounts.usd(sums['collateral_at_risk_usd'])} of"
            " collateral can be liquidated"
            if sums["positions"]
            else f"{price}, {distance}: {nothing(amounts)}",
            "table": [_fixed(row, amounts) for row in driver.levels["at"]],
        },
    }


def nothing(amounts: Amounts) -> str:
    """What is said of a move that liquidates nothing."""
    found = "" if amounts.complete else " of what was read"
    return f"nothing{found} can be liquidated"


def _fixed(row: Row, amounts: Amounts) -> Context:
    rise, ratio = row["opposite"], row["long_short_ratio"]
    return {
        "price": figures.price(row["level_usd"]),
        "distance": figures.move(row["distance"]),
        "collateral": amounts.usd(row["collateral_at_risk_usd"]),
        "debt": amounts.usd(row["debt_usd"]),
        "seizable": amounts.usd(row["seizable_usd"]),
        "positions": amounts.count(row["positions"]),
        "accounts": amounts.count(row["accounts"]),
        "rise": figures.price(rise["level_usd"]),
        "rise_distance": figures.move(rise["distance"]),
        "rise_collateral": amounts.usd(rise["collateral_at_risk_usd"]),
        "ratio": _ratio(ratio),
    }


def _ratio(value: float | None) -> str:
    """
    >>> _ratio(4.27), _ratio(0.25), _ratio(123.0), _ratio(None)
    ('4.3 : 1', '1 : 4.0', '123 : 1', '–')
    """
    if not value:
        return "–"
    far = value if value >= 1 else 1 / value
    text = figures.fixed(far, 1 if far < 10 else 0)
    return f"{text} : 1" if value >= 1 else f"1 : {text}"
