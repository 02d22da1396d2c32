"""`bandscan scan`: read every borrower of a chain at one block, and hand over what is asked for."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanner import arguments, options
from scanner.commands import COMPLETE, INCOMPLETE
from scanner.commands.answering import chain_name
from scanner.errors import StoreError
from scanner.outputs.streams import complain, print_bytes, printing
from scanner.redaction import redactor

if TYPE_CHECKING:
    from scanner.scan import Finished


@click.command(
    short_help="Read every borrower of a chain at one block.", epilog=options.SCAN_EXAMPLES
)
@options.scanning
def scan(
    json_to: Path | None,
    positions_to: Path | None,
    stats_to: Path | None,
    quiet: bool,
    protocol: tuple[str, ...],
    shock: tuple[str, ...],
    **rest: Any,
) -> int:
    """Read every borrower of a chain at one block, and keep the result in the store."""
    arguments.different(
        json=json_to, positions=positions_to, stats=stats_to, deployments=rest["deployments"]
    )
    if rest["chain"] is None and not rest["rpc"]:
        raise click.UsageError("Which chain? Give --chain, as in --chain ethereum, or --rpc URL.")
    if str(json_to) == "-" and sys.stdout is None:
        raise click.UsageError("--json - needs an open standard output.")
    from scanner.outputs.progress import Bars
    from scanner.scan import Request, run

    request = Request(protocols=tuple(dict.fromkeys(protocol)), shocks=shock, **rest)
    with Bars(quiet=quiet, redact=redactor(request.rpc)) as watch:
        finished = run(request, watch)
    return _deliver(finished, json_to, positions_to, stats_to, quiet)


def _deliver(
    finished: "Finished",
    json_to: Path | None,
    positions_to: Path | None,
    stats_to: Path | None,
    quiet: bool,
) -> int:
    """Hand over whatever was asked for; one that cannot be written does not stop the others."""
    from scanner.outputs.document import encode, reasons
    from scanner.outputs.files import write
    from scanner.outputs.records import write_positions
    from scanner.outputs.screen import Screen
    from scanner.outputs.summary import show_summary

    document, to_stdout = finished.document, str(json_to) == "-"
    tasks: list[Callable[[], None]] = []
    if to_stdout:
        tasks.append(partial(print_bytes, finished.document_bytes))
    elif json_to:
        tasks.append(partial(write, json_to, finished.document_bytes))
    if positions_to:
        tasks.append(partial(write_positions, positions_to, finished.positions))
    if stats_to:
        tasks.append(partial(write, stats_to, encode(finished.stats)))
    if not quiet:
        screen = Screen(sys.stderr if to_stdout else sys.stdout)
        tasks.append(partial(show_summary, screen, document, chain_name(document)))
    elif not finished.complete:
        complain(f"incomplete: {reasons(document)[0]}", "")
    failures = []
    for task in tasks:
        try:
            with printing():
                task()
        except StoreError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return COMPLETE if finished.complete else INCOMPLETE
