"""What `bandscan account --reach` prints: how much of each token moves a price there."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import words
from scanner.outputs.document import where
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]

_RULE = {
    "integers": "by the protocol's own integers: with less it would be liquidatable there",
    "closed_form": "in closed form, a billionth of the debt to the safe side",
}


def show_reach(screen: Screen, answer: Row, *, wide: bool) -> None:
    """Per position the tokens to repay and to add, or why it cannot be told or done."""
    ratio = answer["price_usd"] is None
    price = (
        words.ratio_range(answer["price_ratio"], answer["price_ratio"])
        if ratio
        else words.price(answer["price_usd"])
    )
    screen.print()
    name = words.symbol(answer["driver"])
    screen.print(Text(f"healthy as far as {name} {price}: each line alone is enough", "bold"))
    for row in answer["positions"]:
        screen.print()
        screen.print(Text.assemble((where(row), "bold"), f" · {row['account']}"))
        if row["why"] is not None:
            screen.print(f"  not known: {words.one_line(row['why'])}")
        elif not row["needed"]:
            screen.print("  nothing is needed: it is healthy there already")
        else:
            _tokens(screen, row, wide=wide)
            screen.print(Text(f"  {_RULE[row['rule']]}", "dim"))
    if not answer["positions"]:
        screen.print("nothing of this account follows it")


def _tokens(screen: Screen, row: Row, *, wide: bool) -> None:
    tokens: Sequence[tuple[str, Row]] = [
        (kind, token) for kind in ("repay", "add") for token in row[kind]
    ]
    show_table(
        screen,
        [
            Column("do", [kind for kind, _ in tokens], right=False),
            Column("token", [words.symbol(one["symbol"]) for _, one in tokens], right=False),
            Column("amount", [_amount(one) for _, one in tokens]),
            Column("worth", [words.usd(one["usd"]) for _, one in tokens], rank=1),
            Column("smallest units", [one["amount_raw"] or "-" for _, one in tokens], rank=3),
            Column("then liquidated at", [_then(one) for _, one in tokens], rank=2),
            Column("", [words.one_line(one["reason"] or "") for _, one in tokens], right=False),
        ],
        wide=wide,
    )


def _amount(token: Row) -> str:
    return "cannot" if token["amount"] is None else words.tokens(token["amount"])


def _then(token: Row) -> str:
    if token["amount"] is None:
        return "-"
    price = token["liquidation_price_usd"]
    return "no price" if price is None else words.price(price)
