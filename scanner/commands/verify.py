"""`bandscan verify`: the newest scan's prices, put to the protocols themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanner import arguments, options
from scanner.commands import COMPLETE, INCOMPLETE
from scanner.commands.answering import tell
from scanner.outputs.streams import complain
from scanner.redaction import redactor

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen


@click.command(
    short_help="Put every liquidation price to the protocol itself.",
    epilog=options.VERIFY_EXAMPLES,
)
@click.argument("driver", nargs=-1)
@options.verifying
def verify(
    driver: tuple[str, ...],
    account: str | None,
    band: int | None,
    every: bool,
    rpc: tuple[str, ...],
    deployments: Path | None,
    patience: float,
    stats_to: Path | None,
    wide: bool,
    **given: Any,
) -> int:
    """Ask the protocols' own contracts whether the liquidation prices of the newest scan are right.

    At the scanned block, with the price feeds replaced for one call: healthy at the price,
    liquidatable one feed unit beyond. DRIVER: only prices of these drivers; all of the scan's
    where none is named. The endpoint must take state overrides and keep the block's state.

    Exit code 0: all proven (debts under $1 aside). 3: a price is off, or nobody can say.
    """
    if account is not None and band is not None:
        raise click.UsageError("--account and --band: one of the two.")
    if every and (account is not None or band is not None):
        raise click.UsageError("--all is everything: without --account and --band.")
    arguments.different(json=given["json_to"], stats=stats_to, deployments=deployments)
    from scanner import verifying
    from scanner.outputs.document import encode
    from scanner.outputs.files import write
    from scanner.outputs.progress import Bars

    request = verifying.Request(
        given["store"], given["chain"], rpc, deployments, driver, account, band, patience
    )
    with Bars(quiet=False, redact=redactor(rpc)) as watch:
        found = verifying.run(request, watch)

    def show(screen: "Screen") -> None:
        from scanner.outputs import proof_table

        proof_table.show(screen, found.answer, wide=wide)

    tell(found.stored, given, show, found.answer)
    if stats_to is not None:
        write(stats_to, encode(found.stats))
    if not found.proven:
        complain(_why_not(found.answer))
    return COMPLETE if found.proven else INCOMPLETE


def _why_not(answer: dict[str, Any]) -> str:
    if answer["verified"] != "prices":
        return f"no price was verified, health factors only: {answer['reason']}"
    return f"{answer['off'] + answer['cannot']:,} of {answer['positions']:,} prices are not proven"
