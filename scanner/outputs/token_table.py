"""The table of tokens for the terminal: what each follows, by how much, and who says so."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outputs import words
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]


def show_tokens(screen: Screen, rows: Sequence[Row], *, wide: bool) -> None:
    """Print the tokens, one a line, by symbol."""
    rows = sorted(rows, key=lambda row: (str(row["symbol"]).casefold(), row["address"]))
    prices = ["" if r["price_usd"] is None else words.price(r["price_usd"]) for r in rows]
    show_table(
        screen,
        [
            Column("token", [words.symbol(row["symbol"]) for row in rows], right=False),
            Column("price", prices, rank=3),
            Column("follows", [_follows(row) for row in rows], right=False),
            Column("by", [by(row) for row in rows]),
            Column("source", [str(row["driver_source"]) for row in rows], right=False),
            Column("feeds that move it", [feeds(row) for row in rows], right=False, rank=1),
            Column("address", [row["address"] for row in rows], right=False, rank=4),
        ],
        wide=wide,
    )
    probed = sum(row["driver_source"] == "probe" for row in rows)
    screen.print(f"{probed} of {words.count(len(rows), 'token')} by the probe")


def _follows(row: Row) -> str:
    return words.symbol(row["driver"]) if row["driver"] else "no driver"


def by(row: Row) -> str:
    """By how much a token moves with what it follows: "1", "0.47", "1, above 0"."""
    if not row["driver"]:
        return ""
    mine = [one for one in row["roots"] if one["driver"] == row["driver"]]
    up = mine[0]["sensitivity_up"] if mine else row["sensitivity"]
    text = f"{row['sensitivity']:.6g}"
    return text if up == row["sensitivity"] else f"{text}, above {up:.6g}"


def feeds(row: Row) -> str:
    """The feeds that move a token; how much where that is not one for one, and where it bends."""
    return "; ".join(_feed(one) for one in row["roots"])


def _feed(one: Row) -> str:
    name = words.one_line(str(one["description"]))[:40] or words.short_hex(one["feed"], 6, 4)
    parts = [] if one["sensitivity"] == 1 else [f"by {one['sensitivity']:.6g}"]
    return " ".join([name, *parts, *(["(bent)"] if one["bent"] else [])])
