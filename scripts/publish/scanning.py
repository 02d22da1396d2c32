"""The scan, and what the later steps are to do after it.

The run ends red, and its owner gets mail, after every scan that is not complete, but for one: a
first scan that got further and was stopped. That one simply goes on in the next run.
"""

from contextlib import closing
from dataclasses import dataclass

from publish.github import fenced, note, put, summary
from publish.guard import guarded
from publish.page import in_words
from publish.settings import COMPLETE, MEANING, STOPPED, Settings
from scanner.deployments import chain_info
from scanner.errors import BandscanError
from scanner.store import errors_explained, snapshots
from scanner.store.access import FILE as LEDGER
from scanner.store.file import checked

BESIDE = 600.0  # [s] that each of what stands beside the scan may take


@dataclass(frozen=True)
class Holding:
    """What the store has of the chain: its newest scans' names, and how far each market is read.

    `read`: (market, logs read through this block, accounts found, of them read) for each.
    """

    complete: str | None
    newest: str | None
    read: tuple[tuple[str, int, int, int], ...]


def run(settings: Settings) -> None:
    """Scan with full parity.

    Puts out `exit` (the scan's exit code), `keep` (whether there is a store worth saving),
    `complete` (whether it holds a complete scan, so that there is a page to build) and `red`
    (whether the run must end as a failure).
    """
    command = ["bandscan", "scan", "--chain", settings.chain, "--verify", "all"]
    command += ["--store", str(settings.store), "--quiet"]
    before = holding(settings)
    ended = guarded(command, settings.seconds, settings.grace)
    if ended == COMPLETE:
        beside(settings)
    after = holding(settings)
    code = ended if ended in MEANING else STOPPED
    finished, further = after.newest != before.newest, after.read != before.read
    first = after.complete is None and code == STOPPED and further and not finished
    red = not first and (code != COMPLETE or after.complete is None)
    # After a refusal the store is as it was, and perhaps damaged: never saved as the newest.
    put(exit=code, keep=ended in (COMPLETE, STOPPED) or ended < 0)
    put(complete=after.complete is not None, red=red)
    if after.complete is not None:
        if red:
            note("error", f"{MEANING[code]} The page shows the last complete scan and says so.")
        return
    if first:
        note("notice", "The first scan is under way; the next run goes on where this one stopped.")
    else:
        note("error", f"{MEANING[code]} There is no complete scan to publish yet.")
    summary(
        "The first scan is under way" if first else "There is no complete scan yet",
        MEANING[code] + ("" if further else " It got no further than before."),
        "The next run goes on where this one stopped. The published page was not touched.",
        progress(after),
        fenced(in_words(settings)) if finished else "",
    )


def beside(settings: Settings) -> None:
    """What the report shows beside a complete scan: its proof by the protocols, and the day's
    liquidations. An endpoint that allows neither costs the page those sections only."""
    for name, *options in (("verify",), ("liquidations", "--since", "24h")):
        command = ["bandscan", name, *options, "--chain", settings.chain]
        ended = guarded([*command, "--store", str(settings.store)], BESIDE, settings.grace)
        if ended:
            note("notice", f"`bandscan {name}` ended with exit code {ended}; its output says why.")


def holding(settings: Settings) -> Holding:
    """What can be read of the store; a store that cannot be read holds nothing."""
    complete = newest = None
    read: tuple[tuple[str, int, int, int], ...] = ()
    try:
        chain_id = chain_info(settings.chain).chain_id
        whole = snapshots.newest(settings.store, chain_id, complete=True)
        latest = snapshots.newest(settings.store, chain_id, complete=None)
        complete, newest = (each.path.name if each else None for each in (whole, latest))
        if (settings.store / LEDGER).exists():
            with (
                errors_explained(settings.store),
                closing(checked(settings.store / LEDGER, alone=True)) as ledger,
            ):
                read = tuple(ledger.execute(_READ, (chain_id,)))
    except BandscanError as error:
        print(error, flush=True)
    return Holding(complete, newest, read)


_READ = """
SELECT protocol || ' ' || name,
    COALESCE((SELECT MAX(block) FROM checkpoints WHERE market = id), 0),
    (SELECT COUNT(*) FROM accounts WHERE market = id),
    (SELECT COUNT(*) FROM states WHERE market = id)
FROM markets WHERE chain_id = ? ORDER BY protocol, name
"""


def progress(held: Holding) -> str:
    """How far each market is read, as a table in Markdown."""
    if not held.read:
        return "Nothing is read yet."
    head = ["| market | events read through block | accounts found | of them read |"]
    rows = [f"| {name} | {block:,} | {n:,} | {read:,} |" for name, block, n, read in held.read]
    return "\n".join([*head, "|---|--:|--:|--:|", *rows])
