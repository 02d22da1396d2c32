"""The command line: its commands (in commands/), and how each way to end is told.

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
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import click

from scanner import __version__, options
from scanner.commands import (
    COMPLETE,
    INCOMPLETE,
    USAGE,
    accounts,
    doctor,
    history,
    levels,
    liquidations,
    lists,
    protocols,
    report,
    scan,
    serve,
    tokens,
    verify,
    watch,
)
from scanner.errors import BandscanError
from scanner.outputs.streams import complain
from scanner.redaction import given_urls, redactor

_STOPPED = "stopped; everything found so far is kept, run again to go on"
_ADVICE = "this is a defect of bandscan; run again with BANDSCAN_DEBUG=1 for a traceback"


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


for _command in (
    scan.scan,
    lists.bands,
    levels.levels,
    lists.ticks,
    lists.positions,
    lists.account,
    history.history,
    history.diff,
    history.scans,
    protocols.protocols,
    tokens.tokens,
    accounts.accounts,
    doctor.doctor,
    report.report,
    verify.verify,
    serve.serve,
    watch.watch,
    liquidations.liquidations,
    liquidations.backtest,
):
    main.add_command(_command)
