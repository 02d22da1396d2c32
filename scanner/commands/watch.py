"""`bandscan watch`: follow the head of a chain, and print what becomes of its bands."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import click

from scanner import arguments
from scanner.commands import COMPLETE, INCOMPLETE
from scanner.commands.scan import scan
from scanner.outputs.streams import complain, print_line
from scanner.redaction import redactor

if TYPE_CHECKING:
    from scanner.watching import Watch

EXAMPLES = """\b
Examples:
  bandscan watch --chain ethereum
  bandscan watch --chain ethereum --every 60 --json >> changes.jsonl
  bandscan watch --chain ethereum --once || echo incomplete

\b
A line for each change of a band, and nothing else, on stdout:
  12:03:11 block 25000123  ETH long  $1,781.09-$1,862.02  at risk $412.3M (+$103.1M)  6 large accounts  larger

docs/watch.md says what a change is, which scans are kept and when a watch ends.
"""  # noqa: E501

# Options of `bandscan scan` that mean the same here.
_SCANNING = ("chain", "rpc", "protocol", "deployments", "store", "shock", "verify", "keep")
_GRACE = 1.5  # seconds to put down what is in hand once told to stop


@click.command(short_help="Follow the head, and print what becomes of the bands.", epilog=EXAMPLES)
@click.option(
    "--every",
    type=arguments.Every(),
    metavar=arguments.Every.name,
    default="block",
    show_default=True,
    help="From the start of one scan to the start of the next; with `block` a new one at every"
    " block, as far as scans are fast enough.",
)
@click.option("--once", is_flag=True, help="One scan, for cron; exits as `bandscan scan` does.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each change, one a line.")
@click.option(
    "--snapshot-every",
    type=arguments.Positive("SECONDS"),
    default=300.0,
    show_default=True,
    help="Of scans in which no band changed, keep one in so many seconds, and the newest.",
)
@click.option(
    "--patience",
    type=arguments.Positive("SECONDS"),
    default=60.0,
    show_default=True,
    help="How long a scan waits without progress before it counts as failed.",
)
@click.option("--quiet", is_flag=True, help="Print nothing on stderr but what went wrong.")
def watch(
    every: float | None,
    once: bool,
    as_json: bool,
    snapshot_every: float,
    quiet: bool,
    protocol: tuple[str, ...],
    shock: tuple[str, ...],
    **rest: Any,
) -> int:
    """Scan each new block of a chain, and print a line for every band that changed."""
    if rest["chain"] is None and not rest["rpc"]:
        raise click.UsageError("Which chain? Give --chain, as in --chain ethereum, or --rpc URL.")

    def plan() -> tuple[Any, Any, "_Outlet"]:
        from scanner.following import Plan
        from scanner.opening import Request

        request = Request(protocols=tuple(dict.fromkeys(protocol)), shocks=shock, **rest)
        outlet = _Outlet(redactor(request.rpc), quiet=quiet, as_json=as_json, once=once)
        return request, Plan(every, snapshot_every), outlet

    if once:
        from scanner import following

        return COMPLETE if following.once(*plan()) else INCOMPLETE
    with _stopping():
        from scanner import following

        following.follow(*plan())
    return COMPLETE


class _Outlet:
    """stdout for changes, stderr for everything else; see `following.Outlet`."""

    def __init__(
        self, redact: Callable[[str], str], *, quiet: bool, as_json: bool, once: bool
    ) -> None:
        self._redact, self._quiet, self._json, self._once = redact, quiet, as_json, once
        self._lacking = ""  # why the last scan was incomplete
        self._begun = False

    def progress(self) -> AbstractContextManager["Watch"]:
        from scanner.outputs.progress import Bars

        return Bars(quiet=self._quiet, redact=self._redact)

    def changes(self, document: dict[str, Any], rows: Sequence[dict[str, Any]]) -> bool:
        from scanner.outputs.document import reasons
        from scanner.outputs.live import begun, json_line, text_line

        if not self._begun and not self._quiet and not self._once:
            complain(begun(document), "")
        self._begun = True
        lacking = "" if document["complete"] else reasons(document)[0]
        if lacking and lacking != self._lacking:
            complain(f"block {document['block']['number']} incomplete: {lacking}", "")
        self._lacking = lacking
        return all(print_line((json_line if self._json else text_line)(row)) for row in rows)

    def said(self, message: str) -> None:
        complain(self._redact(message), "")

    def failed(self, error: Exception, wait: float) -> None:
        from scanner.outputs.live import failure

        complain(self._redact(failure(error, wait)), "")


@contextmanager
def _stopping() -> Iterator[None]:
    """Leave the block quietly at SIGTERM and SIGINT; the process, where that takes too long.

    What hangs then (a name server, a disk) cannot hurt: a kill at any moment loses nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, lambda *_: os._exit(COMPLETE))
        signal.setitimer(signal.ITIMER_REAL, _GRACE)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except KeyboardInterrupt:
        if not stopped:
            raise
    finally:
        if not stopped:
            for each, handler in before.items():
                signal.signal(each, handler)


watch.params += [option for option in scan.params if option.name in _SCANNING]
