"""`bandscan doctor`: what each endpoint can do, measured, and what that means for a scan."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanner import arguments, options
from scanner.commands import COMPLETE, UNUSABLE
from scanner.commands.answering import tell_several
from scanner.outputs.streams import complain

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen


@click.command(short_help="What each endpoint can do, measured.", epilog=options.DOCTOR_EXAMPLES)
@options.examining
def doctor(
    rpc: tuple[str, ...],
    chain: str | int | None,
    protocol: tuple[str, ...],
    deployments: Path | None,
    patience: float,
    **given: Any,
) -> int:
    """Examine endpoints: chain, head, log ranges, state kept, ways to read, speed.

    At most 80 requests go to each, one at a time. Nothing is stored.
    """
    arguments.different(json=given["json_to"], deployments=deployments)
    if chain is None and not rpc:
        raise click.UsageError("Which endpoint? Give --rpc URL, or --chain for its public ones.")
    from scanner.doctor import Request, run

    document = run(Request(chain, rpc, tuple(dict.fromkeys(protocol)), deployments, patience))

    def show(screen: "Screen") -> None:
        from scanner.outputs import checkup

        checkup.show(screen, document, wide=given["wide"])

    tell_several(given, show, document, complete=True)
    if document["usable"]:
        return COMPLETE
    complain("no endpoint is usable for a scan")
    return UNUSABLE
