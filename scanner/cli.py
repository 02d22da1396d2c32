"""The command line: parse, call, print. The only place that knows exit codes.

    0  complete
    2  usage; nothing stored was touched
    3  incomplete, or stopped half way; everything found is kept
    4  no endpoint usable before anything was read

Nothing heavy is imported before a command needs it: `--help` is instant.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scanner import __version__, arguments, options, reading
from scanner.errors import BandscanError, StoreError
from scanner.outputs.streams import complain, print_bytes, printing
from scanner.redaction import given_urls, redactor

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen
    from scanner.reading import Stored
    from scanner.scan import Finished

COMPLETE, USAGE, INCOMPLETE = 0, 2, 3

_STOPPED = "stopped; everything found so far is kept, run again to go on"
_ADVICE = "this is a defect of bandscan; run again with BANDSCAN_DEBUG=1 for a traceback"
_ROWS = 20  # positions in a terminal
_NEAR = 0.3  # ticks in a terminal: so far around spot
_STALE = 6 * 3600  # seconds after which a stored scan is called old


class Commands(click.Group):
    """The group of commands: every way to end gets a message and an exit code."""

    def main(self, args: Any = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run, tell what went wrong without ever showing a URL, and exit."""
        given = sys.argv[1:] if args is None else list(args)
        _stop_on_termination()
        redact = redactor(given_urls(given, os.environ))
        try:
            code = super().main(
                given, *rest, **{"prog_name": "bandscan", **extra, "standalone_mode": False}
            )
        except Exception as error:
            code = _explain(error, redact)
        except SystemExit as error:
            # click leaves with 1 when whoever read the help text has gone
            code = COMPLETE if error.code == 1 else error.code
        sys.exit(code or COMPLETE)


def _stop_on_termination() -> None:
    """Let a service manager's SIGTERM stop us like Ctrl-C: with a word, and exit code 3."""
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _explain(error: Exception, redact: Callable[[str], str]) -> int:
    """Tell an error on stderr, and return its exit code."""
    if isinstance(error, click.Abort):
        complain(_STOPPED, "")
        return INCOMPLETE
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        complain(error.format_message(), "")
        return USAGE
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"\n  fix  see {context.command_path} --help" if context else ""
        complain(redact(error.format_message()) + hint)
        return USAGE
    if isinstance(error, BandscanError):
        complain(redact(str(error)))
        return error.exit_code
    if os.environ.get("BANDSCAN_DEBUG"):
        complain(redact("".join(traceback.format_exception(error))), "")
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    complain(f"{redact(reason)}\n  fix  {_ADVICE}", "internal error: ")
    return INCOMPLETE


@click.group(
    cls=Commands, epilog=options.EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="bandscan")
def main() -> None:
    """At which prices how much collateral can be liquidated on DeFi lending protocols.

    `scan` reads every borrower of a chain at one block, proves that none is missing, and keeps
    the result. The other commands read the newest scan that is stored.
    """


@main.command(
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

    request = Request(
        protocols=tuple(dict.fromkeys(protocol)), shocks=tuple(dict.fromkeys(shock)), **rest
    )
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
        tasks.append(partial(show_summary, screen, document, _chain_name(document)))
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


@main.command(short_help="Price ranges with far more at risk than around them.")
@click.argument("driver")
@options.side
@options.reading
def bands(driver: str, side: str | None, wide: bool, **given: Any) -> int:
    """The price ranges that hold far more collateral at risk than their surroundings."""
    stored = _newest(given)
    name = reading.driver(stored.document, driver)
    found = reading.rows_of(stored.document, "bands", name, side)

    def show(screen: "Screen") -> None:
        from scanner.outputs.terminal import show_bands

        show_bands(screen, stored.document, name, found, wide=wide)

    return _answer(stored, given, show, driver=name, bands=found)


@main.command(short_help="Collateral at risk per small step of price.")
@click.argument("driver")
@options.prices
@options.side
@options.reading
def ticks(
    driver: str, low: float | None, high: float | None, side: str | None, wide: bool, **given: Any
) -> int:
    """Collateral at risk per small step of price, as a ladder.

    Where neither --from nor --to is given, the terminal shows 30 % around the present price;
    JSON has everything.
    """
    arguments.ordered(low, high)
    stored = _newest(given)
    name = reading.driver(stored.document, driver)
    found = reading.rows_of(stored.document, "ticks", name, side, low, high)

    def show(screen: "Screen") -> None:
        from scanner.outputs.terminal import show_ticks

        near = found
        if low is None and high is None:
            near = reading.near_spot(stored.document, name, found, _NEAR)
        show_ticks(screen, stored.document, name, near, wide=wide, of=len(found))

    ratio = stored.document["tick_ratio"]
    return _answer(stored, given, show, driver=name, tick_ratio=ratio, ticks=found)


@main.command(short_help="The positions that a driver can liquidate.")
@click.argument("driver")
@options.prices
@options.side
@options.order
@options.reading
def positions(
    driver: str,
    low: float | None,
    high: float | None,
    side: str | None,
    sort: str,
    limit: int | None,
    wide: bool,
    **given: Any,
) -> int:
    """The positions that a driver can liquidate, the nearest to spot first."""
    arguments.ordered(low, high)
    stored = _newest(given)
    name = reading.driver(stored.document, driver)
    found, already = reading.positions_of(stored, name, side, low, high, sort)
    most = len(found) if given["json_to"] else _ROWS
    rows = reading.records(found.head(limit or most))

    def show(screen: "Screen") -> None:
        from scanner.outputs.terminal import show_positions

        show_positions(
            screen, stored.document, name, rows, wide=wide, of=len(found), already=already
        )

    return _answer(stored, given, show, driver=name, matching=len(found), positions=rows)


@main.command(short_help="One account: its legs and the prices that liquidate it.")
@click.argument("address", type=arguments.Account())
@options.reading
def account(address: str, wide: bool, **given: Any) -> int:
    """What one account holds and owes, and which prices liquidate it.

    ADDRESS is the account's, or the one that owns it.
    """
    stored = _newest(given)
    held, legs = reading.account_rows(stored, address)

    def show(screen: "Screen") -> None:
        from scanner.outputs.terminal import show_account

        show_account(screen, stored.document, address, held, legs, wide=wide)

    return _answer(stored, given, show, account=address, positions=held, legs=legs)


def _newest(given: dict[str, Any]) -> "Stored":
    """The scan to read, with a word on stderr where it is not what one would expect."""
    stored = reading.newest(given["store"], given["chain"])
    block = stored.document["block"]
    if not stored.document["complete"]:
        complain("There is no complete scan yet; this one is incomplete.", "warning: ")
    if stored.newer is not None:
        what = f"There is a newer but incomplete scan, of block {stored.newer:,}"
        if stored.newer == block["number"]:
            what = "There is a later but incomplete scan of the same block"
        complain(
            f"{what}; this is the newest complete one, of block {block['number']:,}.", "note: "
        )
    hours = (time.time() - block["timestamp"]) / 3600
    if hours * 3600 > _STALE:
        age = f"{hours:,.0f} hours" if hours < 72 else f"{hours / 24:,.0f} days"
        complain(f"This scan is {age} old; prices and positions have moved since.", "note: ")
    return stored


def _answer(
    stored: "Stored", given: dict[str, Any], show: Callable[["Screen"], None], **lists: Any
) -> int:
    """Print or write what a reading command found."""
    from scanner.outputs.document import encode, part

    document, target = stored.document, given["json_to"]
    if target is None:
        from scanner.outputs.screen import Screen
        from scanner.outputs.summary import show_headline

        screen = Screen(sys.stdout)
        with printing():
            show_headline(screen, document, _chain_name(document))
            show(screen)
    elif str(target) == "-":
        print_bytes(encode(part(document, **lists)))
    else:
        from scanner.outputs.files import write

        write(target, encode(part(document, **lists)))
    return COMPLETE if document["complete"] else INCOMPLETE


def _chain_name(document: Any) -> str:
    from scanner.deployments import chain_info

    name = chain_info(document["chain_id"]).name
    return name[:1].upper() + name[1:]
