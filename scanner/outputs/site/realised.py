"""The section "Liquidations" of the home page: the 24 hours that were read last."""

from collections.abc import Sequence
from typing import Any

from scanner.outputs.site import figures, names
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.model import Row
from scanner.outputs.words import short_hex, symbol

_PROTOCOLS = 8  # rows; the file has all
_OLD = 3_600  # seconds before the scan's block, above which it is said how far events were read
Context = dict[str, Any]


def section(answer: Row | None, scanned: int) -> Context:
    """What the template is filled with; `answer` as `answers.liquidations` has it, None where no
    liquidations were ever read: that is not the same as none. `scanned`: the scan's time."""
    found: Context = {"intro": "", "rows": [], "notes": [], "nothing": ""}
    if answer is None:
        found["nothing"] = (
            "Not read: nobody has asked the chain which liquidations happened, so nothing is said"
            " about them here. bandscan liquidations does."
        )
        return found
    totals, end = answer["totals"], answer["window"]["to"]["timestamp"]
    sums = Amounts(bool(answer["complete"]) and not totals["unpriced"])
    found["intro"] = f"In the 24 hours to {figures.moment(end)}."
    found["notes"] = _notes(answer, scanned, end)
    if not totals["events"]:
        found["nothing"] = (
            "No liquidation happened." if answer["complete"] else "None in what was read."
        )
        return found
    return {
        **found,
        "intro": f"{found['intro']} {_said(answer, sums)}",
        "rows": _rows(answer, sums),
    }


def _said(answer: Row, sums: Amounts) -> str:
    totals, largest = answer["totals"], answer["largest"]
    share = answer["long_share"]
    text = (
        f"{sums.said(totals['debt_repaid_usd'])} of debt was repaid by force, and"
        f" {sums.usd(totals['collateral_seized_usd'])} of collateral seized for it, in"
        f" {sums.count(totals['events'], 'liquidation')} of"
        f" {sums.count(totals['accounts'], 'account')}."
    )
    if share is not None:
        text += f" Longs: {share:.0%} of it, loops apart."
    return (
        f"{text} The largest single one repaid {figures.usd(largest['debt_repaid_usd'])} of"
        f" {short_hex(largest['account'])} on {names.protocol(largest['protocol'])}."
    )


def _rows(answer: Row, sums: Amounts) -> list[Context]:
    rows = [("All", "", answer["totals"])]
    rows += [
        (symbol(row["driver"] or "stable"), "", row) for row in answer["by_driver"] if row["events"]
    ][:_PROTOCOLS]
    rows += [
        (names.protocol(row["protocol"]), "", row) for row in answer["by_protocol"][:_PROTOCOLS]
    ]
    return [
        {
            "name": name,
            "under": under,
            "debt": sums.usd(row["debt_repaid_usd"]),
            "collateral": sums.usd(row["collateral_seized_usd"]),
            "events": sums.count(row["events"]),
            "accounts": sums.count(row["accounts"]),
        }
        for name, under, row in rows
    ]


def _notes(answer: Row, scanned: int, end: int | None) -> list[str]:
    """What was not read, and by what it was valued."""
    notes = []
    lacking: Sequence[Row] = [row for row in answer["markets"] if not row["complete"]]
    if lacking:
        told = ", ".join(dict.fromkeys(names.protocol(row["protocol"]) for row in lacking))
        notes.append(f"Not read, or not whole: {told}. What is missing is not “none”.")
    elif not answer["complete"]:
        notes.append("The window begins before what was read: every sum is at least so much.")
    if end is not None and scanned - end > _OLD:
        notes.append(f"Read up to {figures.moment(end)} only, before this scan.")
    other = [row for row in answer["price_sources"] if row["source"] not in ("block", None)]
    if other:
        count = sum(row["rows"] for row in other)
        notes.append(f"{count:,} valued at prices of stored scans: their blocks’ state is gone.")
    if answer["totals"]["unpriced"]:
        notes.append(f"{answer['totals']['unpriced']:,} without a price, left out of the sums.")
    return notes
