"""A scan, from endpoints to an immutable snapshot: the pipeline on one screen.

rpc ──► discover ──► read ──► ledger ──► price ──► bands ──► outputs
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner import certificate
from scanner.chain.connect import Node, connect
from scanner.chain.pinned import Chain
from scanner.core import rows, summary
from scanner.core.positions import Exposure
from scanner.core.ticks import TICK_RATIO
from scanner.deployments import ChainInfo, Market, chain_info, markets
from scanner.errors import Problem, ReadError, UsageError
from scanner.mirror import market_number, mirror
from scanner.outputs.document import encode
from scanner.protocols import Adapter, Parity, Survey, adapters
from scanner.store import snapshots
from scanner.store.ledger import Ledger
from scanner.watching import SILENT, Watch

SCHEMA = "bandscan/1"
FEEDS_APART = 0.005  # a market whose feed differs more than this from spot is named


@dataclass(frozen=True)
class Request:
    """What to scan; see `bandscan scan --help`."""

    chain: str | int | None
    rpc: tuple[str, ...]
    protocols: tuple[str, ...]
    deployments: Path | None
    store: Path
    block: int | str = "latest"
    shocks: tuple[str, ...] = ()
    verify: int | None = 100
    patience: float = 600.0


@dataclass(frozen=True)
class Finished:
    """A finished scan: the document, its exact bytes, and facts of the run beside it."""

    document: dict[str, Any]
    document_bytes: bytes
    complete: bool
    positions: dict[str, Any]
    path: Path
    stats: dict[str, Any]


@dataclass(frozen=True)
class Scanned:
    """One market, opened and surveyed."""

    row: Market
    survey: Survey
    parity: Parity


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
    info = _chain_of(request)
    with closing(_connect(request, info)) as node:
        info = info or chain_info(node.chain_id)
        listed = _markets(request, info)
        chain = node.pin(request.block, info.lag)
        listed = _begun(listed, chain.block.number, watch)
        opened = [(row, adapters()[row.protocol].open_market(chain, row)) for row in listed]
        _check_shocks(request.shocks, opened)
        with Ledger.open(request.store, write=True) as ledger:
            scanned = [
                _survey(ledger, node, chain, adapters()[row.protocol], market, row, request, watch)
                for row, market in opened
            ]
        watch.step("prices and bands", None)
        finished = _finish(request, chain, scanned)
        if not chain.still_canonical():
            raise ReadError(
                f"block {chain.block.number} was reorganised away while it was read",
                fix="run again; nothing wrong was stored",
            )
        facts = {"seconds": time.monotonic() - begun, **_traffic(node)}
    document, positions, legs = finished
    content = encode(document)
    block = chain.block
    path = snapshots.write(
        request.store,
        chain.chain_id,
        block.number,
        block.hash,
        document["complete"],
        content,
        positions,
        legs,
    )
    return Finished(document, content, document["complete"], positions, path, facts)


def _survey(
    ledger: Ledger,
    node: Node,
    chain: Chain,
    adapter: Adapter,
    market: Any,
    row: Market,
    request: Request,
    watch: Watch,
) -> Scanned:
    states, failed = mirror(ledger, node, chain, adapter, market, row, watch)
    survey = adapter.survey(chain, market, states, failed)
    watch.step(f"{row.name}: referee", None)
    # Rules that are newer than ours are trusted only as far as they are checked.
    count = request.verify if survey.facts["known_revision"] else None
    parity = survey.parity(chain, count)
    if not all(identity.holds for identity in survey.identities) or parity.mismatches:
        ledger.distrust(market_number(ledger, chain, adapter, row))
        watch.say(f"{row.name}: the totals do not add up; the next run reads this market afresh")
    return Scanned(row, survey, parity)


def _finish(
    request: Request, chain: Chain, scanned: Sequence[Scanned]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Prices, bands, ticks and certificate of all markets: the document and the two tables."""
    surveys = [one.survey for one in scanned]
    holdings = [survey.holdings for survey in surveys]
    problems = [problem for survey in surveys for problem in survey.problems]
    shocks: list[tuple[str, list[Exposure | None]]] = []
    lists: dict[str, list[Any]] = {"drivers": [], "bands": [], "ticks": []}
    feeds: list[dict[str, Any]] = [{} for _ in scanned]
    for kind, name in _shocks(request.shocks, surveys):
        exposures = [survey.expose(kind, name) for survey in surveys]
        shocks.append((name, exposures))
        entries = [(h, e) for h, e in zip(holdings, exposures, strict=True) if e is not None]
        if not entries:
            continue  # nobody can be priced under it: who and why is in `unknown`
        ratio = kind == "market"
        driver = summary.driver(name, entries, ratio=ratio)
        spot = driver["spot_usd"] or 1.0
        lists["drivers"].append(driver)
        lists["bands"] += summary.bands(name, entries, spot, ratio=ratio)
        lists["ticks"] += summary.ticks(name, entries, ratio=ratio)
        for one, exposure, feed in zip(scanned, exposures, feeds, strict=True):
            if exposure is None or ratio:
                continue
            shock = exposure.shock
            feed[name] = {
                "feed": "0x" + shock.feed.hex(),
                "description": shock.description,
                "price_usd": shock.spot,
            }
            if abs(shock.spot / spot - 1) > FEEDS_APART:
                problems.append(
                    Problem(
                        "feeds_differ",
                        f"{name} is at {shock.spot} in this market, {spot} in the largest",
                        one.row.protocol,
                        one.row.name,
                    )
                )
    proof = certificate.of([(s.row.protocol, s.row.name, s.survey, s.parity) for s in scanned])
    problems += proof.problems
    document = {
        "schema": SCHEMA,
        "chain_id": chain.chain_id,
        "block": {
            "number": chain.block.number,
            "hash": "0x" + chain.block.hash.hex(),
            "timestamp": chain.block.timestamp,
        },
        "complete": proof.complete and not any(p.fatal for p in problems),
        "shocks": [
            f"{kind}:{name}" if kind != "market" else kind
            for kind, name in _shocks(request.shocks, surveys)
        ],
        "tick_ratio": TICK_RATIO,
        "certificate": proof.identities,
        "parity": proof.parity,
        "markets": [
            {**market, "driver_feeds": feed}
            for market, feed in zip(proof.markets, feeds, strict=True)
        ],
        "drivers": lists["drivers"],
        "tokens": certificate.tokens(holdings, shocks),
        "bands": lists["bands"],
        "ticks": lists["ticks"],
        "already_liquidatable": summary.already_liquidatable(holdings),
        "unknown": proof.unknown,
        "problems": [_problem(p) for p in problems],
    }
    return document, rows.position_columns(holdings, shocks), rows.leg_columns(holdings)


def _chain_of(request: Request) -> ChainInfo | None:
    if request.chain is None and not request.rpc:
        raise UsageError(
            "neither a chain nor an endpoint was given",
            fix="give --chain NAME, or --rpc URL, or both",
        )
    return None if request.chain is None else chain_info(request.chain)


def _connect(request: Request, info: ChainInfo | None) -> Node:
    urls = request.rpc or (info.endpoints if info else ())
    if not urls and info:
        raise UsageError(f"no public endpoint is known for {info.name}", fix="give one with --rpc")
    return connect(info.chain_id if info else None, urls, patience=request.patience)


def _markets(request: Request, info: ChainInfo) -> list[Market]:
    needs = {name: adapter.ADDRESSES for name, adapter in adapters().items()}
    found = markets(info.chain_id, request.protocols or None, request.deployments, needs)
    if not found:
        raise UsageError(
            f"no market is known on {info.name}"
            + (f" for {', '.join(request.protocols)}" if request.protocols else ""),
            fix="name markets in a deployments file: --deployments FILE",
        )
    return sorted(found, key=lambda row: (row.protocol, row.name))


def _begun(listed: list[Market], block: int, watch: Watch) -> list[Market]:
    """The markets that exist at the block; a shipped one that began later is named and left out.

    Raises UsageError where none is left, and for one of the user's own file: its `first_block` may
    be wrong, and a market that is left out by mistake would look like one without risk.
    """
    late = [row for row in listed if (row.first_block or 0) > block]
    own = [row for row in late if row.source == "file"]
    for row in own or (late if len(late) == len(listed) else []):
        raise UsageError(
            f"the market {row.name} begins at block {row.first_block},"
            f" after the scanned block {block}",
            fix="scan a later block" + (", or correct first_block in the file" if own else ""),
        )
    for row in late:
        watch.say(f"{row.name}: left out, it begins after block {block}")
    return [row for row in listed if row not in late]


def _check_shocks(asked: Sequence[str], opened: Sequence[tuple[Market, Any]]) -> None:
    for kind, name in map(_parsed, asked):
        if not any(adapters()[row.protocol].follows(market, kind, name) for row, market in opened):
            raise UsageError(
                f"nothing in the scanned markets follows {kind}:{name}",
                fix="check the driver's or token's name; without --shock every driver is scanned",
            )


def _parsed(shock: str) -> tuple[str, str]:
    kind, _, name = shock.partition(":")
    return kind, name or kind


def _shocks(asked: Sequence[str], surveys: Sequence[Survey]) -> list[tuple[str, str]]:
    """(kind, name) in a fixed order; every driver found where none is asked for."""
    if asked:
        return sorted({_parsed(shock) for shock in asked})
    return sorted({("driver", name) for survey in surveys for name in survey.drivers})


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "kind": problem.kind,
        "protocol": problem.protocol,
        "market": problem.market,
        "message": problem.message,
        "fatal": problem.fatal,
    }


def _traffic(node: Node) -> dict[str, Any]:
    stats = node.stats
    return {
        "requests": stats.requests,
        "bytes_sent": stats.sent,
        "bytes_received": stats.received,
        "retries": stats.retries,
    }
