"""`bandscan levels`: what a fall below, or a rise above, a price makes liquidatable."""

from typing import TYPE_CHECKING, Any

import click

from scanner import arguments, options, reading
from scanner.commands.answering import newest, tell

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen


@click.command(short_help="What a fall or a rise to a price makes liquidatable.")
@click.argument("driver")
@click.option(
    "--at",
    type=arguments.Positive("PRICE"),
    multiple=True,
    help="This price; may be repeated, as for one below spot and one above. [USD]",
)
@options.prices
@options.side
@options.group
@options.reading
def levels(
    driver: str,
    at: tuple[float, ...],
    low: float | None,
    high: float | None,
    side: str | None,
    wide: bool,
    **given: Any,
) -> int:
    """What a fall below, or a rise above, each price makes liquidatable, added up from spot.

    Without options: fixed moves of 1 to 50 %, down and up side by side. With --at the prices
    named, and how the longs below compare with the shorts above (the same move the other way where
    only one is named). With --from, --to or --side every occupied tick between them.
    """
    from scanner import answers

    arguments.ordered(low, high)
    stored = newest(given)
    name = reading.driver(stored.document, driver)
    answer = answers.levels(stored, name, side=side, low=low, high=high, at=at)

    def show(screen: "Screen") -> None:
        from scanner.outputs import ladder

        if at:
            ladder.show_points(screen, stored.document, answer)
        elif low is None and high is None and side is None:
            ladder.show_moves(screen, stored.document, answer, wide=wide)
        else:
            ladder.show_levels(screen, stored.document, answer, wide=wide)

    return tell(stored, given, show, answer)
