"""`bandscan doctor`: every endpoint examined at the same time, and what that means for a scan."""

import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scanner import advice
from scanner.chain.found import Found
from scanner.chain.probe import Probe
from scanner.chain.probes import LONGEST, Plan, examined
from scanner.deployments import ChainInfo, Market, chain_info, markets
from scanner.errors import UsageError
from scanner.opening import needed

IN_FLIGHT = 4  # log requests that a scan has under way at once


@dataclass(frozen=True)
class Request:
    """Which endpoints to examine, and for what; see `bandscan doctor --help`."""

    chain: str | int | None
    rpc: tuple[str, ...]
    protocols: tuple[str, ...] = ()
    deployments: Path | None = None
    patience: float = 60.0


def run(request: Request) -> dict[str, Any]:
    """Examine the request's endpoints, or the chain's public ones; the document (docs/doctor.md).

    Raises
    ------
    UsageError
        No endpoint, an unknown chain or protocol, a deployments file that is none.
    """
    info = None if request.chain is None else chain_info(request.chain)
    urls = request.rpc or (info.endpoints if info else ())
    if not urls:
        what = f"no public endpoint is known for {info.name}" if info else "no endpoint was given"
        raise UsageError(what, fix="give one with --rpc")
    rows = markets(None, request.protocols or None, request.deployments, needed())
    found = _examine(urls, info, rows, request.patience)
    chain_id = info.chain_id if info else next((f.chain_id for f in found if f.chain_id), None)
    return document(found, chain_id, [row for row in rows if row.chain_id == chain_id])


def _examine(
    urls: Sequence[str], info: ChainInfo | None, rows: Sequence[Market], patience: float
) -> list[Found]:
    """All at once, one request in flight at each; every endpoint by a client of its own."""

    def old(chain_id: int) -> tuple[int, Sequence[bytes]]:
        known = [(row.first_block, row) for row in rows if row.chain_id == chain_id]
        begun = [(first, row) for first, row in known if first is not None]
        if not begun:
            return 1, ()
        first, row = min(begun, key=lambda pair: pair[0])
        return first, list(dict.fromkeys(row.addresses.values()))

    plan = Plan(
        info.chain_id if info else None,
        lag=lambda chain_id: chain_info(chain_id).lag,
        since=lambda chain_id: chain_info(chain_id).multicall3_block,
        old=old,
        now=time.time,
    )
    found: dict[int, Found] = {}
    failed: list[BaseException] = []

    def examine(position: int) -> None:
        try:
            with Probe(urls, position, patience) as probe:
                found[position] = examined(probe, plan)
        except BaseException as error:  # a defect of ours: told in the main thread
            failed.append(error)

    threads = [
        threading.Thread(target=examine, args=(position,), daemon=True)
        for position in range(1, len(urls) + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return [found[position] for position in sorted(found)]


def document(
    found: Sequence[Found], chain_id: int | None, rows: Sequence[Market]
) -> dict[str, Any]:
    """The whole answer: a row for each endpoint, in the order given."""
    name = None if chain_id is None else chain_info(chain_id).name
    endpoints = []
    for one in found:
        obstacle = advice.obstacle(one, chain_id)
        first = None if obstacle else first_scan(one, rows)
        facts = asdict(one)
        endpoints.append(
            {
                "endpoint": facts.pop("endpoint"),
                "usable": obstacle is None,
                "obstacle": obstacle,
                **facts,
                "first_scan": first,
                "advice": advice.of(one, obstacle, first, rows),
            }
        )
    return {
        "schema": "bandscan/1",
        "chain_id": chain_id,
        "chain": name,
        "usable": any(row["usable"] for row in endpoints),
        "endpoints": endpoints,
    }


def first_scan(found: Found, rows: Sequence[Market]) -> dict[str, Any] | None:
    """What the logs of a first scan cost there: each market's, from its first block to the head.

    A market whose first block nobody wrote down counts from the earliest of the others. None where
    no market of the chain is known.
    """
    begun = [row.first_block for row in rows if row.first_block is not None]
    if not begun or found.logs is None or found.head is None:
        return None
    earliest, head = min(begun), found.head.number
    width = min(found.logs.blocks, LONGEST)
    firsts = [earliest if row.first_block is None else row.first_block for row in rows]
    requests = sum(-(-max(0, head + 1 - first) // width) for first in firsts)
    each = max(found.logs.seconds, (found.latency_ms or 0.0) / 1000) / IN_FLIGHT
    if found.requests_per_second:
        each = max(each, 1 / found.requests_per_second)
    return {
        "markets": len(rows),
        "from_block": earliest,
        "blocks": max(0, head + 1 - earliest),
        "log_requests": requests,
        "seconds": round(requests * each, 1),
    }
