"""A scan, from endpoints to an immutable snapshot: the pipeline on one screen.

rpc ──► discover ──► read ──► ledger ──► price ──► bands ──► outputs
"""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner import beside, liquidity
from scanner.borrowers import BorrowerList
from scanner.chain.connect import Node
from scanner.chain.pinned import Chain
from scanner.core.states import States
from scanner.deployments import ChainInfo
from scanner.errors import (
    BandscanError,
    MarketError,
    Problem,
    ReadError,
    Reorganised,
    StateGone,
    StoreError,
)
from scanner.findings import Findings, Surveyed, findings
from scanner.mirror import Mirror
from scanner.opening import (
    Opened,
    Opening,
    Request,
    connected,
    listed,
    opened,
    require_shocks,
    unreadable,
)
from scanner.outputs.document import encode
from scanner.plan import agreed, planned
from scanner.protocols import key_width
from scanner.store import retention, snapshots
from scanner.store.ledger import Ledger
from scanner.watching import SILENT, Watch

U8 = npt.NDArray[np.uint8]

__all__ = ["Finished", "Request", "run"]

# A node without old state keeps about 128 blocks of it: half a minute on a fast chain. A first scan
# outlives many of them, so it moves on to a newer block and takes along all that did not change.
_PINS = 100
_FRUITLESS = 3  # blocks in a row that grew too old before anything of them was stored


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
        here = _opened(node, info, request, watch)
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
    """What is found at one block, and which that was: `here`, or a newer one where that goes away.

    Raises
    ------
    Reorganised
        Every block that was tried was replaced while it was read.
    ReadError
    """
    known = ledger.final(info.chain_id)
    if known is not None:
        require_final(node, *known)
    each = node.stats.wall / max(1, node.stats.requests)
    agreed(planned(ledger, node, here, each), request, watch)
    here, surveyed, failed, supply = _settled(ledger, node, info, here, request, watch)
    chain = here.chain
    if chain.final is not None:
        ledger.set_final(info.chain_id, chain.final.number, chain.final.hash)
    watch.step("prices and bands", None)
    require_shocks(request.shocks, [one.survey for one in surveyed], here.shocks)
    problems = [*here.problems, *(problem for problem, _ in failed), *supply[1]]
    unread = [*here.unread, *(row for _, row in failed)]
    found = findings(
        chain.chain_id, chain.block, request.shocks, surveyed, problems, unread, supply[0]
    )
    with node.hasty():  # what stands beside is not worth waiting for
        beside.add(chain, found.document, here.pools)
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
Beside = tuple[dict[str, Any], list[Problem]]  # liquidity, and what of it could not be read


def require_final(node: Node, number: int, block_hash: bytes) -> None:
    """Refuse a chain that no longer has a block that was final when it was scanned before.

    Raises
    ------
    ReadError
        By name; nothing stored was changed.
    """
    if node.head_from(number) < number or node.hash_of(number) != block_hash:
        raise ReadError(
            f"block {number} was final when this store was last written, and is another one now",
            chain=node.chain_id,
            reason="a reorganisation deeper than finality, or another chain under the same id",
            fix="give this chain its own --store; nothing in this one was changed",
        )


def _opened(node: Node, info: ChainInfo, request: Request, watch: Watch) -> Opening:
    """The markets, at a newer block where the first one is replaced or its state is gone."""
    rows = listed(request, info)
    for _ in range(_FRUITLESS):
        head = node.head()
        chain = node.pin(request.block, info.lag)
        try:
            return opened(node, info, request, watch, chain, rows)
        except StateGone:
            if isinstance(request.block, int) or node.head() <= head:
                raise
        except ReadError:
            if not _replaced(node, chain):
                raise
            node.doubt()
    return opened(node, info, request, watch, rows=rows)


def _settled(
    ledger: Ledger, node: Node, info: ChainInfo, here: Opening, request: Request, watch: Watch
) -> tuple[Opening, list[Surveyed], list[Failure], Beside]:
    """Every market at one block that is still the chain's at the end.

    Where the block's state is kept by nobody any more, or the block is reorganised away while it is
    read, it goes on at a newer one: what does not change between an account's own events is kept.
    """
    fruitless = 0
    for _ in range(_PINS):
        done = ledger.states_count()
        try:
            surveyed, failed = _surveys(ledger, node, here, request, watch)
            beside = liquidity.read(here.chain, [one.survey.holdings for one in surveyed])
            if here.chain.still_canonical():
                return here, surveyed, failed, beside
            why = "was reorganised away while it was read"
        except StateGone:
            if isinstance(request.block, int):
                raise
            why = "is too old: nobody keeps its state any more"
            fruitless = fruitless + 1 if ledger.states_count() <= done else 0
            if fruitless >= _FRUITLESS or node.head() <= here.chain.block.number:
                raise
        except ReadError:
            if not _replaced(node, here.chain):
                raise
            why = "was reorganised away while it was read"
        old = here.chain.block
        node.doubt()  # another block, or the address of another chain
        here = _opened(node, info, request, watch)
        watch.say(f"block {old.number} {why}; going on at block {here.chain.block.number}")
    raise Reorganised(
        f"no block stays long enough to be read: block {old.number} {why}",
        fix="an endpoint that keeps old state (archive), or a faster one; what was read is kept",
    )


def _replaced(node: Node, chain: Chain) -> bool:
    """Whether a block is surely no longer the chain's; who does not answer at once does not say."""
    try:
        with node.hasty():
            return not chain.still_canonical()
    except BandscanError:
        return False


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
            surveyed.append(_survey(ledger, node, here.chain, one, request, watch, here.people))
        except MarketError as error:
            if len(here.markets) == 1:
                raise
            failed.append(unreadable(one.row, one.adapter, error))
            watch.say(f"{one.row.protocol} {one.row.name}: left out, {error.what}")
    return surveyed, failed


def _survey(
    ledger: Ledger,
    node: Node,
    chain: Chain,
    one: Opened,
    request: Request,
    watch: Watch,
    people: BorrowerList | None,
) -> Surveyed:
    """One market: its ledger brought up to the block, translated, and held against its referee."""
    row = one.row
    listed = (
        people.of(chain.chain_id, row.protocol, row.name, key_width(one.adapter))
        if people
        else None
    )
    reflection = Mirror(ledger, node, chain, one, watch, listed)
    states, failed = reflection.states()
    found, sound = _judged(chain, one, states, failed, request, watch)
    # Where accounts could not be read the gap is explained: they are read again, nobody else.
    searches = iter(()) if sound or len(failed) else reflection.searches(_gaps(found))
    for states, failed in searches:
        found, sound = _judged(chain, one, states, failed, request, watch)
        if sound:
            break
    if not sound and not len(failed):
        identities = found.survey.identities
        if not identities or any(not one.holds and one.found < one.total for one in identities):
            found.problems.append(reflection.lost())
        ledger.distrust(reflection.number)
        watch.say(
            f"{one.row.name}: the totals do not add up; the next run reads this market afresh"
        )
    return found


def _gaps(found: Surveyed) -> list[str]:
    """Symbols of the tokens whose totals do not add up."""
    return sorted({one.symbol for one in found.survey.identities if not one.holds})


def _judged(
    chain: Chain, one: Opened, states: States, failed: U8, request: Request, watch: Watch
) -> tuple[Surveyed, bool]:
    """States translated and held against the referee; whether everything adds up."""
    survey = one.adapter.survey(chain, one.market, states, failed)
    watch.step(f"{one.row.name}: referee", None)
    # Rules that are newer than ours are trusted only as far as they are checked.
    parity = survey.parity(chain, request.verify if survey.facts["known_revision"] else None)
    # Without any total (a Morpho of which no log names a market) nothing proves anything.
    sound = bool(survey.identities) and all(identity.holds for identity in survey.identities)
    sound = sound and not parity.mismatches
    return Surveyed(one.row, survey, parity), sound


def _traffic(node: Node) -> dict[str, Any]:
    stats = node.stats
    return {
        "requests": stats.requests,
        "bytes_sent": stats.sent,
        "bytes_received": stats.received,
        "retries": stats.retries,
    }
