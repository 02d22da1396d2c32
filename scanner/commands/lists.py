"""The commands that list what one stored scan holds: bands, ticks, positions, account."""

from typing import TYPE_CHECKING, Any

import click

from scanner import arguments, options, reading
from scanner.commands.answering import newest, tell

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen

_ROWS = 20  # positions in a terminal
_NEAR = 0.3  # ticks in a terminal: so far around spot


@click.command(short_help="Price ranges with far more at risk than around them.")
@click.argument("driver")
@options.side
@options.group
@options.reading
def bands(driver: str, side: str | None, wide: bool, **given: Any) -> int:
    """The price ranges that hold far more collateral at risk than their surroundings."""
    from scanner import answers

    stored = newest(given)
    name = reading.driver(stored.document, driver)
    answer = answers.bands(stored, name, side=side)

    def show(screen: "Screen") -> None:
        from scanner.outputs.terminal import show_bands

        numbers = answers.numbered(stored, name, answer["bands"])
        show_bands(screen, stored.document, name, answer["bands"], numbers, wide=wide)

    return tell(stored, given, show, answer)


@click.command(short_help="Collateral at risk per small step of price.")
@click.argument("driver")
@options.prices
@options.side
@options.group
@options.reading
def ticks(
    driver: str, low: float | None, high: float | None, side: str | None, wide: bool, **given: Any
) -> int:
    """Collateral at risk per small step of price, as a ladder.

    Where neither --from nor --to is given, the terminal shows 30 % around the present price;
    JSON has everything.
    """
    arguments.ordered(low, high)
    from scanner import answers

    stored = newest(given)
    name = reading.driver(stored.document, driver)
    answer = answers.ticks(stored, name, side=side, low=low, high=high)

    def show(screen: "Screen") -> None:
        from scanner.outputs.terminal import show_ticks

        near = found = answer["ticks"]
        if low is None and high is None:
            near = reading.near_spot(stored.document, name, found, _NEAR)
        show_ticks(screen, stored.document, name, near, wide=wide, of=len(found))

    return tell(stored, given, show, answer)


@click.command(short_help="The positions that a driver can liquidate.")
@click.argument("driver")
@options.prices
@options.side
@options.band
@options.order
@options.group
@options.reading
def positions(
    driver: str,
    low: float | None,
    high: float | None,
    side: str | None,
    band: int | None,
    sort: str,
    limit: int | None,
    wide: bool,
    **given: Any,
) -> int:
    """The positions that a driver can liquidate, the nearest to spot first."""
    arguments.ordered(low, high)
    from scanner import answers

    stored = newest(given)
    name = reading.driver(stored.document, driver)
    most = limit or (None if given["json_to"] else _ROWS)
    answer = answers.positions(
        stored, name, side=side, low=low, high=high, band=band, sort=sort, limit=most
    )

    def show(screen: "Screen") -> None:
        from scanner.outputs.grouped import show_groups
        from scanner.outputs.terminal import show_positions

        show_positions(
            screen,
            stored.document,
            name,
            answer["positions"],
            wide=wide,
            of=answer["matching"],
            already=answer["already_liquidatable"],
        )
        if "groups" in answer:
            show_groups(screen, stored.document, answer["groups"], wide=wide)

    return tell(stored, given, show, answer)


@click.command(short_help="One account: its legs and the prices that liquidate it.")
@click.argument("address", type=arguments.Account())
@options.reach
@options.group
@options.reading
def account(address: str, driver: str | None, reach: float | None, wide: bool, **given: Any) -> int:
    """What one account holds and owes, and which prices liquidate it.

    ADDRESS is the account's, or the one that owns it. With --reach, how much of each token to repay
    or to add so that its liquidation prices move to that price.
    """
    from scanner import answers

    stored = newest(given)
    name = None if driver is None else reading.driver(stored.document, driver)
    answer = answers.account(stored, address, driver=name, reach=reach)

    def show(screen: "Screen") -> None:
        from scanner.outputs.terminal import show_account

        held, legs = answer["positions"], answer["legs"]
        show_account(screen, stored.document, address, held, legs, wide=wide)
        if answer["reach"] is not None:
            from scanner.outputs.reaching import show_reach

            show_reach(screen, answer["reach"], wide=wide)

    return tell(stored, given, show, answer)
