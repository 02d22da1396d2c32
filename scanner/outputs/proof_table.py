"""What `bandscan verify` prints: what is proven, by protocol and driver, and what is not."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import words
from scanner.outputs.proof_words import COUNTS, sentence, summed
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]
SHOWN = 10  # prices that are not proven


def show(screen: Screen, answer: Row, *, wide: bool) -> None:
    """The sentence, a row for each protocol and driver, and the worst."""
    screen.print()
    good = answer["verified"] == "prices" and answer["proven"] == answer["positions"]
    screen.print(Text(sentence(answer), "bold green" if good else "bold red"))
    if answer["verified"] == "parity":
        _parity(screen, answer)
        return
    rows = summed(answer["proof"])
    if not rows:
        return
    show_table(
        screen,
        [
            Column("protocol", [row["protocol"] for row in rows], right=False),
            Column("driver", [words.symbol(row["driver"]) for row in rows], right=False),
            *(Column(_HEADS[key], [f"{row[key]:,}" for row in rows]) for key in COUNTS),
            Column("dust", [_dust(row["dust"]) for row in rows], rank=1),
        ],
        wide=wide,
    )
    _failures(screen, answer["failures"], wide=wide)


_HEADS = {"positions": "positions", "proven": "proven", "off": "off by", "cannot": "cannot"}


def _dust(counts: Row) -> str:
    if counts["proven"] == counts["positions"]:
        return f"{counts['positions']:,}"
    return f"{counts['proven']:,} of {counts['positions']:,}"


def _failures(screen: Screen, rows: Sequence[Row], *, wide: bool) -> None:
    if not rows:
        return
    shown = sorted(rows, key=lambda row: -row["debt_usd"])[:SHOWN]
    screen.print()
    show_table(
        screen,
        [
            Column("account", [_address(row["account"], wide) for row in shown], right=False),
            Column("market", [_market(row) for row in shown], right=False, rank=3),
            Column("driver", [words.symbol(row["driver"]) for row in shown], right=False),
            Column("debt", [words.usd(row["debt_usd"]) for row in shown], rank=2),
            Column("price", [words.price(row["liquidation_price_usd"]) for row in shown], rank=1),
            Column("", [_what(row) for row in shown], right=False),
        ],
        wide=wide,
    )
    if len(rows) > len(shown):
        text = f"{len(rows) - len(shown):,} more that are not proven (--json lists them)"
        screen.print(Text(text, "dim"))


def _address(text: str, wide: bool) -> str:
    return text if wide else words.short_hex(text)


def _market(row: Row) -> str:
    return f"{row['protocol']} {words.symbol(row['market'])}"


def _what(row: Row) -> str:
    if row["status"] == "cannot":
        return f"cannot: {words.one_line(str(row['why']))[:100]}"
    if row["off_units"] is None:
        return "off by more than was looked for"
    return f"off by {int(row['off_units']):+,} feed units ({row['off_by']:+.2e})"


def _parity(screen: Screen, answer: Row) -> None:
    rows = answer["parity"]
    if not rows:
        return
    show_table(
        screen,
        [
            Column("market", [_market(row) for row in rows], right=False),
            Column("accounts", [f"{row['accounts']:,}" for row in rows]),
            Column("compared", [f"{row['checked']:,}" for row in rows]),
            Column("differ", [f"{row['mismatches']:,}" for row in rows]),
        ],
    )
