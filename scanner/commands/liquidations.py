"""`bandscan liquidations` and `bandscan backtest`: what happened, and what had been said of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanner import options
from scanner.commands.answering import tell_several
from scanner.outputs.streams import complain
from scanner.redaction import redactor

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen


@click.command(short_help="Liquidations that happened: debt repaid, collateral seized.")
@options.realising
def liquidations(
    since: int | None,
    first: int | None,
    last: int | None,
    limit: int | None,
    offline: bool,
    chain: str | int | None,
    rpc: tuple[str, ...],
    protocol: tuple[str, ...],
    deployments: Path | None,
    store: Path,
    patience: float,
    **given: Any,
) -> int:
    """Liquidations that happened in a window: dollars at the block of each event, accounts, long
    and short, the largest single one, by hour, protocol and driver.

    With an endpoint what is new is read first and kept; without one (or --offline) the answer is
    from what was kept, and says how far that reaches.
    """
    if since is not None and first is not None:
        raise click.UsageError("--since and --from-block are two beginnings: give one of them.")
    from scanner import answers
    from scanner.answers.realised import DAY
    from scanner.store import events

    protocols = tuple(dict.fromkeys(protocol))
    if not offline and (rpc or (chain is not None and not events.kept(store))):
        from scanner import liquidations as reading
        from scanner.opening import Request
        from scanner.outputs.progress import Bars

        request = Request(chain, rpc, protocols, deployments, store, patience=patience)
        seconds = (since or DAY) if first is None else None
        with Bars(quiet=False, redact=redactor(rpc)) as watch:
            told = reading.read(request, reading.Window(seconds, first, last), watch)
        for problem in told.problems:
            complain(f"{problem.protocol} {problem.market}: {problem.message}", "note: ")
        chain = told.chain_id
        # Another run may have read further meanwhile: the window is the one that was asked about.
        last = told.last.block if last is None else last
    answer = answers.liquidations(
        store, chain, since=since, first=first, last=last, protocols=protocols, limit=limit
    )

    def show(screen: "Screen") -> None:
        from scanner.outputs.realised import show_liquidations

        show_liquidations(screen, answer, limit=limit, wide=given["wide"])

    return tell_several(given, show, answer, complete=answer["complete"])


@click.command(short_help="What became of earlier bands that the price crossed.")
@click.argument("driver", required=False)
@options.reading
def backtest(driver: str | None, wide: bool, **given: Any) -> int:
    """Of each band of the stored scans that the price has crossed since: how much of the collateral
    it listed was liquidated, repaid or withdrawn, and is still there.

    From stored scans that still have their positions, and from the liquidations that
    `bandscan liquidations` read.
    """
    from scanner import answers

    answer = answers.backtest(given["store"], given["chain"], driver)

    def show(screen: "Screen") -> None:
        from scanner.outputs.realised import show_backtest

        show_backtest(screen, answer, wide=wide)

    return tell_several(given, show, answer, complete=answer["complete"])
