"""`bandscan tokens`: what each token follows, by how much, and who says so."""

from typing import TYPE_CHECKING, Any

import click

from scanner import options
from scanner.commands.answering import newest, tell

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen


@click.command(short_help="What each token follows, by how much, and who says so.")
@options.reading
def tokens(wide: bool, **given: Any) -> int:
    """What each token's price follows: driver, sensitivity, source, and the feeds that move it.

    Source: deployment (your file), probe (seen in the oracle itself), adapter (its getters), table,
    symbol, own.
    """
    from scanner import answers

    stored = newest(given)
    answer = answers.tokens(stored)

    def show(screen: "Screen") -> None:
        from scanner.outputs.token_table import show_tokens

        show_tokens(screen, answer["tokens"], wide=wide)

    return tell(stored, given, show, answer)
