"""The table of covered markets for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outputs import words
from scanner.outputs.screen import Column, Screen, show_table


def show(screen: Screen, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the markets of `bandscan protocols`, one a line, and where their addresses are from."""

    def cells(name: str) -> list[str]:
        return [words.printable(str(row[name])) for row in rows]

    blocks = [row["first_block"] for row in rows]
    first = ["found on chain" if block is None else f"{block:,}" for block in blocks]
    show_table(
        screen,
        [
            Column("protocol", cells("protocol"), right=False),
            Column("chain", cells("chain"), right=False),
            Column("market", cells("market"), right=False),
            Column("address", cells("address"), right=False),
            Column("first block", first, rank=1),
        ],
    )
    chains, names = {row["chain_id"] for row in rows}, {row["protocol"] for row in rows}
    parts = (
        words.count(len(rows), "market"),
        words.count(len(names), "protocol"),
        words.count(len(chains), "chain"),
    )
    screen.print("{} of {} on {}".format(*parts))
    for name, source in sorted({(row["protocol"], row["source"]) for row in rows}):
        screen.print(words.printable(f"addresses of {name}: {source}"), soft_wrap=True)


def show_accounts(screen: Screen, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print how many accounts of each market are known, and through which block."""

    def cells(name: str) -> list[str]:
        return [words.printable(str(row[name])) for row in rows]

    through = ["not read" if row["through"] is None else f"{row['through']:,}" for row in rows]
    show_table(
        screen,
        [
            Column("protocol", cells("protocol"), right=False),
            Column("chain", cells("chain"), right=False),
            Column("market", cells("market"), right=False),
            Column("accounts", [f"{row['accounts']:,}" for row in rows]),
            Column("through block", through),
        ],
    )
