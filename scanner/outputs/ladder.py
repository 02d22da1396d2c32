"""What `bandscan levels` prints: prices asked for, fixed moves, or every occupied tick."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import phrases, words
from scanner.outputs.callability import beside, none_callable, not_callable
from scanner.outputs.document import Document
from scanner.outputs.screen import Column, Screen, show_table
from scanner.outputs.terminal import barred_column

Row = Mapping[str, Any]


def show_points(screen: Screen, document: Document, answer: Mapping[str, Any]) -> None:
    """A sentence per price asked for, then how longs and shorts compare."""
    _title(screen, document, answer)
    name = words.symbol(answer["driver"])
    for point in answer["at"]:
        screen.print(_sentence(document, name, point))
    if len(answer["at"]) == 1 and (mirror := answer["at"][0]["opposite"]):
        screen.print(_sentence(document, name, mirror, "as far on the other side, "))
    screen.print(Text(f"longs to shorts: {_balance(document, answer)}", "bold"))


def show_moves(
    screen: Screen, document: Document, answer: Mapping[str, Any], *, wide: bool
) -> None:
    """Falls and the same rises side by side, the smallest move first."""
    _title(screen, document, answer)
    falls: Sequence[Row] = answer["at"]
    rises: Sequence[Row] = [row["opposite"] for row in falls]
    moves = [f"±{abs(row['distance']) * 100:.0f} %" for row in falls]
    odds = [
        words.odds(fall["collateral_at_risk_usd"], rise["collateral_at_risk_usd"])
        for fall, rise in zip(falls, rises, strict=True)
    ]
    show_table(
        screen,
        [
            Column("move", moves),
            Column("falls below", [Text(_level(row), "bold") for row in falls]),
            Column("longs", _dollars(document, falls, "collateral_at_risk_usd")),
            Column("their debt", _dollars(document, falls, "debt_usd"), rank=4),
            Column("positions", _positions(document, falls), rank=3),
            Column("rises above", [Text(_level(row), "bold") for row in rises], rank=1),
            Column("shorts", _dollars(document, rises, "collateral_at_risk_usd")),
            Column("their debt", _dollars(document, rises, "debt_usd"), rank=4),
            Column("positions", _positions(document, rises), rank=3),
            Column("longs : shorts", odds, rank=2),
        ],
        wide=wide,
    )
    screen.print(Text("collateral that can be liquidated, added up from spot", "dim"))
    if none_callable([*falls, *rises]):
        most = [max(map(not_callable, rows)) for rows in (falls, rises)]
        told = (
            f"of it nobody can call {words.usd(most[0])} of longs, {words.usd(most[1])} of shorts"
        )
        screen.print(Text(f"{told} at present", "yellow"))


def show_levels(
    screen: Screen, document: Document, answer: Mapping[str, Any], *, wide: bool
) -> None:
    """A row per occupied tick, the highest price first: added up from spot, and its own."""
    _title(screen, document, answer)
    rows: Sequence[Row] = sorted(answer["levels"], key=lambda row: (-row["tick"], row["side"]))
    if not rows:
        screen.print("No collateral at risk in this range" + phrases.so_far(document) + ".")
        return
    total = [words.usd(row["collateral_at_risk_usd"]) for row in rows]
    show_table(
        screen,
        [
            Column("level", [Text(f"{_BEYOND[r['side']]} {_level(r)}", "bold") for r in rows]),
            Column("distance", [words.percent(row["distance"]) for row in rows], rank=1),
            Column("side", [row["side"] for row in rows], right=False, rank=6),
            Column("added up", [phrases.more(document) + text for text in total]),
            Column("debt", _dollars(document, rows, "debt_usd"), rank=4),
            Column("seizable", _dollars(document, rows, "seizable_usd"), rank=5),
            Column("positions", _positions(document, rows), rank=3),
            Column("this tick", _dollars(document, rows, "tick_collateral_at_risk_usd"), rank=2),
            *barred_column(rows),
            Column("strength", [words.strength(row["strength"]) for row in rows], rank=7),
        ],
        wide=wide,
    )
    step = (document["tick_ratio"] - 1) * 100
    screen.print(Text(f"one tick is {step:.3g} % of price; added up from spot", "dim"))


_BEYOND = phrases.BEYOND


def _title(screen: Screen, document: Document, answer: Mapping[str, Any]) -> None:
    name = answer["driver"]
    at = "" if answer["spot_usd"] is None else f" at {words.price(answer['spot_usd'])}"
    told = "".join(beside(row) for row in document["drivers"] if row["driver"] == name)
    more = f" · {told}" if told else ""
    screen.print(Text.assemble((words.symbol(name) + at, "bold"), (more, "dim")))
    screen.print()


def _sentence(document: Document, name: str, point: Row, lead: str = "") -> Text:
    side, more, barred = point["side"], phrases.more(document), not_callable(point)
    amounts = [
        phrases.at_least(document, point[key])
        for key in ("collateral_at_risk_usd", "debt_usd", "seizable_usd")
    ]
    return Text.assemble(
        f"{lead}{_BEYOND[side]} ",
        (_level(point), "bold"),
        f" ({words.percent(point['distance'])}): ",
        (f"{amounts[0]} of {side}s", "bold"),
        f" in {more}{words.count(point['positions'], 'position')}"
        f" of {more}{words.count(point['accounts'], 'account')},"
        f" {amounts[1]} debt; first calls may take {amounts[2]}",
        (f"; nobody can call {words.usd(barred)} of it at present" if barred else "", "yellow"),
    )


def _balance(document: Document, answer: Mapping[str, Any]) -> str:
    """How longs and shorts compare, and between which prices where no line above says it."""
    balance, points = answer["balance"], answer["at"]
    ends = {side: balance.get(f"{side}_level_usd") for side in _BEYOND}
    ratios = {side: balance.get(f"{side}_level_ratio") for side in _BEYOND}
    if any(ends[side] is None and ratios[side] is None for side in _BEYOND):
        return "no price is as far below spot"
    text = words.odds(balance["long_usd"], balance["short_usd"])
    if not balance["long_usd"] or not balance["short_usd"]:
        text += phrases.so_far(document)
    if len(points) == 1 or len({point["side"] for point in points}) == 2:
        return text
    return (
        text
        + ", "
        + " to ".join(
            f"{_BEYOND[side]} {_price(ends[side], ratios[side])}" for side in ("long", "short")
        )
    )


def _level(row: Row) -> str:
    return _price(row["level_usd"], row.get("level_ratio"))


def _price(usd: float | None, ratio: float | None) -> str:
    return words.ratio_range(ratio, ratio) if usd is None else words.price(usd)


def _positions(document: Document, rows: Sequence[Row]) -> list[str]:
    return [f"{phrases.more(document)}{row['positions']:,}" for row in rows]


def _dollars(document: Document, rows: Sequence[Row], key: str) -> list[str]:
    return [phrases.at_least(document, row[key]) for row in rows]
