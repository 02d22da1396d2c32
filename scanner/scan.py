"""A scan, from endpoints to an immutable snapshot: the pipeline on one screen.

rpc ──► discover ──► read ──► ledger ──► price ──► bands ──► outputs
"""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.chain.connect import Node
from scanner.chain.pinned import Chain
from scanner.deployments import ChainInfo
from scanner.errors import MarketError, Problem, Reorganised, StateGone, StoreError
from scanner.findings import Findings, Surveyed, findings
from scanner.mirror import market_number, mirror
from scanner.opening import (
    Opened,
    Opening,
    Request,
    connected,
    opened,
    require_shocks,
    unreadable,
)
from scanner.outputs.document import encode
from scanner.store import retention, snapshots
from scanner.store.ledger import Ledger
from scanner.watching import SILENT, Watch

__all__ = ["Finished", "Request", "run"]

# A node without old state keeps about 128 blocks of it: half a minute on a fast chain. A first scan
# outlives many of them, so it moves on to a newer block and takes along all that did not change.
_PINS = 100


@dataclass(frozen=True)
class Finished:
    """A finished scan: the document, its exact bytes, and facts of the run beside it."""

    document: dict[str, Any]
    document_bytes: bytes
    complete: bool
    positions: dict[str, Any]
    path: Path
    stats: dict[str, Any]


def run(request: Request, watch: Watch = SILENT) -> Finished:
    """Scan a chain's markets at one block and store the result.

    Raises
    ------
    UsageError, EndpointError
        Before anything was read or stored.
    ReadError, StoreError
        Stopped half way; what was found is kept and the next run goes on from there.
    """
    begun = time.monotonic()
    node, info = connected(request)
    with closing(node):
        here = opened(node, info, request, watch)
        with Ledger.open(request.store, write=True) as ledger:
            chain, found = read(ledger, node, info, here, request, watch)
        for note in node.notes:
            watch.say(f"not used any more: {note}")
        facts = {"seconds": time.monotonic() - begun, **_traffic(node)}
    finished = stored(request, chain, found, facts)
    if request.keep is not None:
        try:
            retention.prune(request.store, chain.chain_id, request.keep, spared=finished.path)
        except StoreError as error:  # the scan itself is safe and is what was asked for
            watch.say(f"old scans could not be removed: {error.what}")
    return finished


def read(
    ledger: Ledger, node: Node, info: ChainInfo, here: Opening, request: Request, watch: Watch
) -> tuple[Chain, Findings]:
    """What is found at one block, and which that was: `here`, or a newer one where its state goes.

    Raises Reorganised where the block is no longer the chain's once it was read.
    """
    for pins in range(_PINS):
        try:
            surveyed, failed = _surveys(ledger, node, here, request, watch)
            break
        except StateGone:
            old = here.chain.block.number
            if isinstance(request.block, int) or pins + 1 == _PINS:
                raise
            here = opened(node, info, request, watch)
            if here.chain.block.number <= old:
                raise
            watch.say(
                f"nobody keeps the state of block {old} any more;"
                f" going on at block {here.chain.block.number}"
            )
    watch.step("prices and bands", None)
    chain = here.chain
    require_shocks(request.shocks, [one.survey for one in surveyed], here.shocks)
    problems = [*here.problems, *(problem for problem, _ in failed)]
    unread = [*here.unread, *(row for _, row in failed)]
    found = findings(chain.chain_id, chain.block, request.shocks, surveyed, problems, unread)
    if not chain.still_canonical():
        raise Reorganised(
            f"block {chain.block.number} was reorganised away while it was read",
            fix="run again; nothing wrong was stored",
        )
    return chain, found


def stored(request: Request, chain: Chain, found: Findings, facts: dict[str, Any]) -> Finished:
    """Put what was found into the store."""
    content, complete = encode(found.document), found.document["complete"]
    path = snapshots.write(
        request.store,
        chain.chain_id,
        chain.block.number,
        chain.block.hash,
        complete,
        content,
        found.positions,
        found.legs,
        timestamp=chain.block.timestamp,
    )
    return Finished(found.document, content, complete, found.positions, path, facts)


Failure = tuple[Problem, dict[str, Any]]


def _surveys(
    ledger: Ledger, node: Node, here: Opening, request: Request, watch: Watch
) -> tuple[list[Surveyed], list[Failure]]:
    """Every market, and what became of those that answer like no market of their protocol.

    One protocol's failure leaves the others whole: it is named, its row says that nothing is known,
    and the scan is incomplete.
    """
    surveyed: list[Surveyed] = []
    failed: list[Failure] = []
    for one in here.markets:
        try:
            surveyed.append(_survey(ledger, node, here.chain, one, request, watch))
        except MarketError as error:
            if len(here.markets) == 1:
                raise
            failed.append(unreadable(one.row, one.adapter, error))
            watch.say(f"{one.row.protocol} {one.row.name}: left out, {error.what}")
    return surveyed, failed


def _survey(
    ledger: Ledger, node: Node, chain: Chain, one: Opened, request: Request, watch: Watch
) -> Surveyed:
    """One market: its ledger brought up to the block, translated, and held against its referee."""
    states, failed = mirror(ledger, node, chain, one, watch)
    survey = one.adapter.survey(chain, one.market, states, failed)
    watch.step(f"{one.row.name}: referee", None)
    # Rules that are newer than ours are trusted only as far as they are checked.
    parity = survey.parity(chain, request.verify if survey.facts["known_revision"] else None)
    sound = all(identity.holds for identity in survey.identities) and not parity.mismatches
    # Where accounts could not be read the gap is explained: they are read again, nobody else.
    if not sound and not len(failed):
        ledger.distrust(market_number(ledger, chain, one))
        watch.say(
            f"{one.row.name}: the totals do not add up; the next run reads this market afresh"
        )
    return Surveyed(one.row, survey, parity)


def _traffic(node: Node) -> dict[str, Any]:
    stats = node.stats
    return {
        "requests": stats.requests,
        "bytes_sent": stats.sent,
        "bytes_received": stats.received,
        "retries": stats.retries,
    }
