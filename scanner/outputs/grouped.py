"""What --group adds to the terminal: that it was applied, and each group's share of positions."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import phrases, words
from scanner.outputs.document import Document
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]


def show_grouping(screen: Screen, grouping: Row) -> None:
    """One line below the headline."""
    groups = words.count(grouping["groups"], "group")
    known = f"{grouping['found']:,} of {words.count(grouping['accounts'], 'listed account')}"
    digest = grouping["sha256"][:8]
    text = f"accounts of {groups} count as one each ({known} in this scan; file {digest})"
    screen.print(Text(text, "dim"))


def show_groups(screen: Screen, document: Document, rows: Sequence[Row], *, wide: bool) -> None:
    """A row per group, of all positions that match."""
    if not rows:
        screen.print("No group has a position among these" + phrases.so_far(document) + ".")
        return

    def dollars(name: str) -> list[str]:
        return [phrases.at_least(document, row[name]) for row in rows]

    screen.print()
    show_table(
        screen,
        [
            Column("group", [words.one_line(row["group"]) for row in rows], right=False),
            Column("positions", [f"{row['positions']:,}" for row in rows]),
            Column("accounts", [f"{row['accounts']:,}" for row in rows], rank=3),
            Column("nearest", [words.percent(row["distance"]) for row in rows], rank=1),
            Column("collateral", dollars("collateral_usd"), rank=4),
            Column("debt", dollars("debt_usd"), rank=2),
            Column("at risk", dollars("collateral_at_risk_usd")),
            Column("seizable", dollars("seizable_usd"), rank=5),
        ],
        wide=wide,
    )
