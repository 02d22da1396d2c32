"""The commands about several stored scans: scans, history, diff."""

from typing import TYPE_CHECKING, Any

import click

from scanner import arguments, options, reading
from scanner.commands.answering import newest, tell, tell_several

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen


@click.command(short_help="What changed in 1 h, 24 h and 7 d, and between the stored scans.")
@click.argument("driver", required=False)
@click.option(
    "--days", type=arguments.Positive("DAYS"), help="Only so far back from the newest scan."
)
@options.reading
def history(driver: str | None, days: float | None, wide: bool, **given: Any) -> int:
    """How bands, debt, collateral and borrowers of a driver moved between the stored scans.

    Without a driver: debt, collateral and borrowers of the whole chain, by protocol and driver,
    and the supply of dollar tokens beside them. Changes over 1 h, 24 h and 7 d are between the
    newest complete scan and the one nearest to each window's start; where two scans cannot be
    compared, it says why. How long scans are kept: `bandscan scan --keep`.
    """
    from scanner import answers

    stored = newest(given)
    answer = answers.history(given["store"], stored.snapshot.chain_id, driver, days=days)

    def show(screen: "Screen") -> None:
        from scanner.outputs.chronicle import show_history
        from scanner.outputs.leverage import show_leverage

        (show_leverage if driver is None else show_history)(screen, answer, wide=wide)

    return tell(stored, given, show, answer)


@click.command(short_help="What became of each band between two stored scans.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--driver", metavar="DRIVER", help="Only this driver; all of them otherwise.")
@options.reading
def diff(before: str, after: str, driver: str | None, wide: bool, **given: Any) -> int:
    """Which bands were born, grew, moved or dissolved from scan A to scan B, by how much and
    through which accounts.

    A and B are block numbers, scan ids (`bandscan scans`) or the start of one.
    """
    from scanner import answers
    from scanner.outputs.phrases import drivers

    pair = [reading.by_id(given["store"], given["chain"], name) for name in (before, after)]
    names = list(dict.fromkeys([*drivers(pair[1].document), *drivers(pair[0].document)]))
    if driver is not None:
        names = [reading.spelled(names, driver, "Neither scan has a driver")]
    found = [answers.diff(pair[0], pair[1], name) for name in names]

    def show(screen: "Screen") -> None:
        from scanner.outputs.chronicle import show_diff

        show_diff(screen, found, wide=wide)

    answer = found[0] if driver is not None else {"schema": reading.SCHEMA, "drivers": found}
    complete = all(one.document["complete"] for one in pair)
    return tell_several(given, show, answer, complete=complete)


@click.command(short_help="The stored scans.")
@options.reading
def scans(wide: bool, **given: Any) -> int:
    """Every stored scan of a chain, the newest first."""
    from scanner import answers

    answer = answers.scans(given["store"], given["chain"])

    def show(screen: "Screen") -> None:
        from scanner.outputs.chronicle import show_scans

        show_scans(screen, answer, wide=wide)

    return tell_several(given, show, answer, complete=True)
