"""What the commands about several stored scans print: scans, history, diff."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import phrases, words
from scanner.outputs.leverage import show_windows
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]
_ACCOUNTS = 5  # per change in a terminal
_STEPS = 40  # scans in a terminal

_VERB = {
    "born": "was born",
    "grew": "grew",
    "shrank": "shrank",
    "moved": "moved",
    "dissolved": "dissolved",
    "same": "is as it was",
}


def show_scans(screen: Screen, answer: Mapping[str, Any], *, wide: bool) -> None:
    """A row per stored scan, the newest first."""
    rows: Sequence[Row] = answer["scans"]
    show_table(
        screen,
        [
            Column("scan", [row["scan_id"] for row in rows], right=False),
            Column("block", [f"{row['block_number']:,}" for row in rows], rank=3),
            Column("time", [words.utc(row["timestamp"]) for row in rows], right=False, rank=1),
            Column("complete", [_yes(row["complete"]) for row in rows], right=False),
            Column("positions kept", [_yes(row["tables"]) for row in rows], right=False, rank=2),
        ],
        wide=wide,
    )
    _problems(screen, answer["problems"])


def show_history(screen: Screen, answer: Mapping[str, Any], *, wide: bool) -> None:
    """A row per scan, the oldest first, and below it what became of the ranges."""
    name = words.symbol(answer["driver"])
    everything: Sequence[Row] = answer["scans"]
    rows = everything[-_STEPS:]
    screen.print(Text(f"{name}: {words.count(len(everything), 'stored scan')}", "bold"))
    screen.print()
    show_table(
        screen,
        [
            Column("time", [words.utc(row["block"]["timestamp"]) for row in rows], right=False),
            Column("block", [f"{row['block']['number']:,}" for row in rows], rank=8),
            Column("spot", [words.price(row["spot_usd"]) for row in rows], rank=1),
            Column("bands", [str(_bands(row)) for row in rows], rank=7),
            Column("largest", [_largest(row) for row in rows], rank=3),
            Column("if it falls", [_at_risk(row, "long") for row in rows]),
            Column("if it rises", [_at_risk(row, "short") for row in rows], rank=4),
            Column("debt", [_more(row) + words.usd(row["debt_usd"]) for row in rows],
                   rank=2),
            Column("collateral", [_more(row) + words.usd(row["collateral_usd"]) for row in rows],
                   rank=6),
            Column("borrowers", [f"{_more(row)}{row['borrowers']:,}" for row in rows], rank=5),
        ],
        wide=wide,
    )  # fmt: skip
    if len(everything) > len(rows):
        screen.print(Text(f"the last {len(rows)} of {len(everything)}: --json has all", "dim"))
    if any(not row["complete"] for row in rows):
        screen.print(Text("≥: that scan is incomplete, its amounts are lower bounds", "dim"))
    screen.print()
    show_windows(screen, answer["windows"], wide=wide)
    told = [(row, step) for row in rows for step in row["changes"] if _band_of(step)]
    if told:
        screen.print()
    for row, step in told:
        screen.print(Text.assemble((words.utc(row["block"]["timestamp"]), "dim"), "  ",
                                   sentence(name, step)))  # fmt: skip
    _problems(screen, answer["problems"])


def show_diff(screen: Screen, answers: Sequence[Mapping[str, Any]], *, wide: bool) -> None:
    """Driver by driver what became of each range, and the accounts that made it so."""
    if not answers:
        screen.print("No driver moves any position in either scan.")
        return
    one, other = answers[0]["from"], answers[0]["to"]
    for label, scan in (("from", one), ("to", other)):
        worth = "complete" if scan["complete"] else "INCOMPLETE: every amount is a lower bound"
        block = scan["block"]
        screen.print(f"{label:<5} block {block['number']:,} · {words.utc(block['timestamp'])}"
                     f" · {worth}")  # fmt: skip
    for answer in answers:
        changed = [step for step in answer["changes"] if step["change"] != "same"]
        screen.print()
        screen.print(_totals(answer))
        if not changed:
            screen.print("  " + _unchanged(answer))
        for step in changed:
            screen.print(Text.assemble("  ", sentence(words.symbol(answer["driver"]), step)))
            for row in (step["accounts"] or [])[
                : len(step["accounts"] or []) if wide else _ACCOUNTS
            ]:
                screen.print("    " + _account(row, wide=wide))
            if step["accounts"] is None:
                screen.print(Text("    its accounts are no longer stored", "dim"))
            elif len(step["accounts"]) > _ACCOUNTS and not wide:
                hidden = len(step["accounts"]) - _ACCOUNTS
                screen.print(Text(f"    and {words.count(hidden, 'account')} more (--wide)", "dim"))


def sentence(name: str, step: Row) -> Text:
    """What became of one range, in words."""
    before, after = step["before"], step["after"]
    band = after or before
    kind = "wall" if band["kind"] == "wall" else "walls" if band["kind"] == "walls" else "band"
    verb = _VERB[step["change"]]
    usd = words.usd(band["collateral_at_risk_usd"])
    where = phrases.band_range(band)
    if step["change"] in ("born", "dissolved"):
        how = f" with {usd} at risk" if after else f"; it held {usd}"
    elif step["change"] == "moved":
        how = f" from {phrases.band_range(before)}, now {usd} at risk"
        how += f" ({words.change(step['collateral_change_usd'])})"
    else:
        how = f" by {words.change(step['collateral_change_usd']).lstrip('+-')} to {usd} at risk"
    return Text.assemble((f"{name} {where}", "bold"), f" {step['side']} {kind} {verb}{how}")


def _unchanged(answer: Mapping[str, Any]) -> str:
    """Why there is no change to tell; not the same where one of the scans has no such driver."""
    if None in (answer["from"]["debt_usd"], answer["to"]["debt_usd"]):
        return "only one of the scans has it: its bands cannot be compared"
    return "no band or wall changed" if answer["changes"] else "no band in either"


def _totals(answer: Mapping[str, Any]) -> Text:
    one, other = answer["from"], answer["to"]
    text = Text(words.symbol(answer["driver"]), "bold")
    pairs = [
        ("", words.price(one["spot_usd"]), words.price(other["spot_usd"])),
        ("debt ", words.usd(one["debt_usd"]), words.usd(other["debt_usd"])),
        ("if it falls ", words.usd(one["at_risk"]["long"]), words.usd(other["at_risk"]["long"])),
        ("if it rises ", words.usd(one["at_risk"]["short"]), words.usd(other["at_risk"]["short"])),
    ]
    for label, old, new in pairs:
        text.append(f" · {label}{old} → {new}" if old != new else f" · {label}{new}", "not bold")
    return text


def _account(row: Row, *, wide: bool) -> str:
    name = words.one_line(row["account"]) if wide else words.short_hex(row["account"])
    prices = [
        "none" if side is None else phrases.level(side) for side in (row["before"], row["after"])
    ]
    moved = prices[1] if prices[0] == prices[1] else f"{prices[0]} → {prices[1]}"
    return f"{name}  {words.change(row['change_usd'])}  price {moved}"


def _band_of(step: Row) -> bool:
    """Walls come and go with one account; the terminal tells of bands and runs of walls."""
    return any(band and band["kind"] != "wall" for band in (step["before"], step["after"]))


def _bands(row: Row) -> int:
    return sum(band["kind"] != "wall" for band in row["bands"])


def _largest(row: Row) -> str:
    ranges = [band for band in row["bands"] if band["kind"] != "wall"]
    if not ranges:
        return "none"
    return phrases.band_range(max(ranges, key=lambda band: band["collateral_at_risk_usd"]))


def _at_risk(row: Row, side: str) -> str:
    return _more(row) + words.usd(row["at_risk"][side])


def _more(row: Row) -> str:
    return "" if row["complete"] else "≥"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _problems(screen: Screen, problems: Sequence[str]) -> None:
    if problems:
        many = words.count(len(problems), "stored scan")
        screen.print(Text(f"{many} could not be read: {words.one_line(problems[0])}", "yellow"))
