"""What `bandscan history` prints of debt and liquidity: windows of a chain or a driver, totals."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import words
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]

_STEPS = 40  # scans in a terminal
_AGO = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days"}
# What a window shows, as far as its changes have it: the head, the key, the rank of the column.
_FIGURES = (
    ("debt", "debt_usd", 0),
    ("collateral", "collateral_usd", 2),
    ("borrowers", "borrowers", 3),
    ("stablecoins", "stablecoin_supply_usd", 1),
    ("if it falls", "at_risk_long_usd", 1),
    ("if it rises", "at_risk_short_usd", 4),
    ("spot", "spot_usd", 5),
)


def show_leverage(screen: Screen, answer: Mapping[str, Any], *, wide: bool) -> None:
    """The chain's newest totals, what changed in each window, and a row per stored scan."""
    totals = answer["leverage"]
    if totals is None:
        some = any(row["complete"] for row in answer["scans"])
        screen.print(
            "The newest complete scan does not record its totals: scan again."
            if some
            else "No complete scan is stored: there is no total to tell."
        )
    else:
        _show_totals(screen, totals, wide=wide)
    screen.print()
    show_windows(screen, answer["windows"], wide=wide)
    screen.print()
    _show_scans(screen, answer["scans"], wide=wide)
    if answer["problems"]:
        many = words.count(len(answer["problems"]), "stored scan")
        first = words.one_line(answer["problems"][0])
        screen.print(Text(f"{many} could not be read: {first}", "yellow"))


def _show_totals(screen: Screen, totals: Row, *, wide: bool) -> None:
    screen.print(
        Text.assemble(
            (f"debt {words.usd(totals['debt_usd'])}", "bold"),
            f" against {words.usd(totals['collateral_usd'])} of collateral,"
            f" {words.count(totals['borrowers'], 'borrower')}",
        )
    )
    screen.print(_supply(totals["liquidity"]))
    for key, name in (("by_protocol", "protocol"), ("by_driver", "driver")):
        rows: Sequence[Row] = totals[key]
        if rows:
            screen.print()
            show_table(screen, [Column(name, [words.symbol(row[name]) for row in rows],
                                       right=False), *_sums(rows)], wide=wide)  # fmt: skip
    several, none = totals["several_drivers"], totals["no_driver"]
    if several and none:
        note = (
            f"rows by driver overlap: {words.usd(several['debt_usd'])} of debt follows several,"
            f" {words.usd(none['debt_usd'])} none"
        )
        screen.print(Text(note, "dim"))


def _sums(rows: Sequence[Row]) -> list[Column]:
    return [
        Column("debt", [words.usd(row["debt_usd"]) for row in rows]),
        Column("collateral", [words.usd(row["collateral_usd"]) for row in rows], rank=1),
        Column("borrowers", [f"{row['borrowers']:,}" for row in rows], rank=2),
    ]


def _supply(liquidity: Row | None) -> str:
    if liquidity is None or not liquidity["tokens"]:
        return "stablecoin supply: no dollar token of this chain is known"
    names = ", ".join(words.symbol(row["symbol"]) for row in liquidity["tokens"])
    if liquidity["stablecoin_supply_usd"] is None:
        lost = [row for row in liquidity["tokens"] if row["supply"] is None]
        which = ", ".join(words.symbol(row["symbol"]) for row in lost)
        return f"stablecoin supply: not known, {which} could not be read"
    return f"stablecoin supply {words.usd(liquidity['stablecoin_supply_usd'])}: {names}"


def show_windows(screen: Screen, windows: Sequence[Row], *, wide: bool) -> None:
    """A row per window with its changes; below them why a window has none."""
    told = [row for row in windows if row["changes"]]
    if told:
        heads = [
            (head, key, rank)
            for head, key, rank in _FIGURES
            if any(key in row["changes"] for row in told)
        ]
        show_table(
            screen,
            [
                Column("change in", [_AGO[row["window"]] for row in told], right=False),
                Column("since", [words.utc(row["from"]["block"]["timestamp"]) for row in told],
                       right=False, rank=6),
                Column("block", [f"{row['from']['block']['number']:,}" for row in told], rank=7),
                *(
                    Column(head, [_change(row["changes"].get(key), key) for row in told], rank=rank)
                    for head, key, rank in heads
                ),
            ],
            wide=wide,
        )  # fmt: skip
        for row in told:
            if sentence := fell(row):
                screen.print(sentence)
    for row in windows:
        if why := row["why"]:
            text = f"{_AGO[row['window']]}: nothing concluded, {words.one_line(why)}"
            screen.print(Text(text, "dim"))
        if why := row.get("stablecoins_why"):
            text = f"{_AGO[row['window']]}: stablecoins not compared, {words.one_line(why)}"
            screen.print(Text(text, "dim"))


def fell(window: Row) -> str:
    """What the press would write of a window's debt; "" where that did not change.

    >>> fell({"window": "7d", "changes": {"debt_usd": {"from": 10e9, "to": 8e9, "change": -2e9,
    ...     "fraction": -0.2}}})
    'debt fell 20.0 % in 7 days, from $10.00B to $8.00B'
    """
    debt = (window["changes"] or {}).get("debt_usd")
    if not debt or not debt["fraction"]:
        return ""
    verb = "fell" if debt["fraction"] < 0 else "rose"
    far = words.percent(abs(debt["fraction"])).lstrip("+")
    return (
        f"debt {verb} {far} in {_AGO[window['window']]},"
        f" from {words.usd(debt['from'])} to {words.usd(debt['to'])}"
    )


def _change(figure: Row | None, key: str) -> str:
    """`-$2.00B (-20.0 %)`; plain counts of borrowers, a percentage of prices."""
    if figure is None:
        return "-"
    part = "" if figure["fraction"] is None else words.percent(figure["fraction"])
    if key == "borrowers":
        shown = f"{figure['change']:+,}" if figure["change"] else "0"
    elif key == "spot_usd":
        return part or "-"
    else:
        shown = words.change(figure["change"])
    return f"{shown} ({part})" if part and figure["change"] else shown


def _show_scans(screen: Screen, everything: Sequence[Row], *, wide: bool) -> None:
    """A row per stored scan, the oldest first."""
    rows = everything[-_STEPS:]
    show_table(
        screen,
        [
            Column("time", [words.utc(row["block"]["timestamp"]) for row in rows], right=False),
            Column("block", [f"{row['block']['number']:,}" for row in rows], rank=4),
            Column("debt", [_money(row, "debt_usd") for row in rows]),
            Column("collateral", [_money(row, "collateral_usd") for row in rows], rank=2),
            Column("borrowers", [_count(row) for row in rows], rank=3),
            Column("stablecoins", [_plain(row["stablecoin_supply_usd"]) for row in rows], rank=1),
        ],
        wide=wide,
    )
    if len(everything) > len(rows):
        screen.print(Text(f"the last {len(rows)} of {len(everything)}: --json has all", "dim"))
    if any(not row["complete"] for row in rows):
        screen.print(Text("≥: that scan is incomplete, its amounts are lower bounds", "dim"))
    if any(row["debt_usd"] is None for row in rows):
        screen.print(Text("-: not recorded by that scan", "dim"))


def _money(row: Row, key: str) -> str:
    return "-" if row[key] is None else ("" if row["complete"] else "≥") + words.usd(row[key])


def _count(row: Row) -> str:
    more = "" if row["complete"] else "≥"
    return "-" if row["borrowers"] is None else f"{more}{row['borrowers']:,}"


def _plain(usd: float | None) -> str:
    return "-" if usd is None else words.usd(usd)
