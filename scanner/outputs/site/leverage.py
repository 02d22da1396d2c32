"""The section "Leverage" of the home page: totals, and their changes in an hour, a day, a week."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outputs.site import figures, names
from scanner.outputs.site.model import Row
from scanner.outputs.words import one_line, symbol

_NAMES = {"1h": "1 h", "24h": "24 h", "7d": "7 d"}
_PROTOCOLS = 8  # rows; the files have all
Context = dict[str, Any]


def section(history: Row | None) -> Context:
    """What the template is filled with; `history` as `answers.leverage` has it."""
    found: Context = {"rows": [], "windows": [], "tokens": "", "notes": [], "nothing": ""}
    if history is None or history["leverage"] is None:
        some = history is not None and any(row["complete"] for row in history["scans"])
        found["nothing"] = (
            "This scan does not record its totals; the next one does."
            if some
            else "No complete scan is stored: there are no totals to compare."
        )
        return found
    totals, windows = history["leverage"], history["windows"]
    return {
        **found,
        "rows": _rows(totals, windows),
        "windows": [{"name": f"In {_NAMES[row['window']]}"} for row in windows],
        "tokens": _tokens(totals["liquidity"]),
        "notes": _notes(totals, windows),
    }


def _rows(totals: Row, windows: Sequence[Row]) -> list[Context]:
    liquidity = totals["liquidity"] or {"stablecoin_supply_usd": None}
    supply = liquidity["stablecoin_supply_usd"]
    rows = [
        _row("Debt", figures.usd(totals["debt_usd"]), windows, "debt_usd"),
        _row("Collateral", figures.usd(totals["collateral_usd"]), windows, "collateral_usd",
             "that counts for its debt"),
        _row("Borrowers", f"{totals['borrowers']:,}", windows, "borrowers"),
        _row("Stablecoin supply", "not known" if supply is None else figures.usd(supply), windows,
             "stablecoin_supply_usd"),
    ]  # fmt: skip
    if len(totals["by_protocol"]) > 1:
        for one in totals["by_protocol"][:_PROTOCOLS]:
            changes = [_of_protocol(window, one["protocol"]) for window in windows]
            name = f"Debt in {names.protocol(one['protocol'])}"
            rows.append(_row(name, figures.usd(one["debt_usd"]), changes, "debt_usd"))
    return rows


def _row(name: str, now: str, windows: Sequence[Row], key: str, under: str = "") -> Context:
    return {
        "name": name,
        "under": under,
        "now": now,
        "changes": [_change((window["changes"] or {}).get(key), key) for window in windows],
    }


def _of_protocol(window: Row, protocol: str) -> Mapping[str, Any]:
    """A window's changes of one protocol."""
    rows = window.get("by_protocol") or ()
    return {"changes": next((row for row in rows if row["protocol"] == protocol), None)}


def _change(figure: Row | None, key: str) -> tuple[str, str]:
    """The change as a part, and from what."""
    if figure is None:
        return "–", ""
    before = figure["from"]
    text = f"{before:,}" if key == "borrowers" else figures.usd(before)
    if figure["fraction"] is None:
        return ("as before" if figure["to"] == before else "new"), f"from {text}"
    return figures.move(figure["fraction"]), f"from {text}"


def _tokens(liquidity: Row | None) -> str:
    if liquidity is None:
        return ""
    return ", ".join(dict.fromkeys(symbol(row["symbol"]) for row in liquidity["tokens"]))


def _notes(totals: Row, windows: Sequence[Row]) -> list[str]:
    """Between which scans, and why a window says nothing."""
    told = [
        f"{_NAMES[row['window']]}: since {figures.moment(row['from']['block']['timestamp'])},"
        f" block {row['from']['block']['number']:,}"
        for row in windows
        if row["changes"]
    ]
    notes = ["; ".join(told) + "."] if told else []
    notes += [
        f"{_NAMES[row['window']]}: nothing concluded, {one_line(row['why'])}."
        for row in windows
        if row["why"]
    ]
    supply = dict.fromkeys(row["stablecoins_why"] for row in windows if row.get("stablecoins_why"))
    notes += [f"Stablecoins are not compared: {one_line(why)}." for why in supply]
    liquidity = totals["liquidity"]
    if liquidity is not None and liquidity["tokens"]:
        lost = [symbol(row["symbol"]) for row in liquidity["tokens"] if row["supply"] is None]
        if lost:
            notes.append(f"The supply of {', '.join(lost)} could not be read.")
    elif liquidity is None or not liquidity["tokens"]:
        notes.append("No dollar token of this chain is known.")
    return notes
