"""Whether what is served can be relied on: /healthz and /v1/status."""

from typing import Any

from scanner.outputs.api.problems import SCHEMA
from scanner.outputs.api.source import Chain, State

Report = dict[str, Any]


def health(state: State, now: float, stale: float) -> tuple[int, Report]:
    """The HTTP status (200 or 503) and why.

    Parameters
    ----------
    now : float
        Unix time. [s]
    stale : float
        The age of a scan's block from which on it is not relied on. [s]
    """
    chains = [_health_of(chain, now, stale) for chain in state.chains.values()]
    bad = [row for row in chains if row["status"] != "ok"]
    report: Report = {"schema": SCHEMA, "status": "ok", "reason": None, "chains": chains}
    if state.trouble is not None:
        report |= {"status": "unreadable", "reason": state.trouble}
    elif not chains:
        report |= {"status": "no_scan", "reason": "The store holds no finished scan."}
    elif bad:
        report |= {"status": bad[0]["status"], "reason": bad[0]["reason"]}
    return (200 if report["status"] == "ok" else 503), report


def _health_of(chain: Chain, now: float, stale: float) -> Report:
    scan = chain.scan
    age = None if scan is None else _age(scan.timestamp, now)
    status, reason = "ok", None
    if chain.trouble is not None:
        status, reason = "unreadable", chain.trouble
    elif scan is None:
        status, reason = "no_scan", "There is no finished scan."
    elif not scan.complete:
        status, reason = "incomplete", "; ".join(scan.reasons)
    elif age is not None and age > stale:
        status = "stale"
        reason = f"The newest complete scan is {age:,.0f} s old; {stale:,.0f} s are allowed."
    return {
        "chain_id": chain.chain_id,
        "chain": chain.name,
        "status": status,
        "reason": reason,
        "scan_id": scan.scan_id if scan else None,
        "block_number": scan.block if scan else None,
        "age_seconds": age,
    }


def status(state: State, now: float, stale: float, version: str, watch: Report | None) -> Report:
    """What is served of each chain, how old it is, and what stands in the way of newer scans."""
    _, report = health(state, now, stale)
    chains = []
    for row, chain in zip(report["chains"], state.chains.values(), strict=True):
        scan = chain.scan
        chains.append(
            {
                **row,
                "complete": scan.complete if scan else None,
                "block_timestamp": scan.timestamp if scan else None,
                "drivers": list(scan.drivers) if scan else [],
                "newer_incomplete": None
                if chain.newer is None
                else {"scan_id": chain.newer[0], "block_number": chain.newer[1]},
            }
        )
    return {
        **report,
        "version": version,
        "stale_after_seconds": stale,
        "chains": chains,
        "watch": watch,
    }


def _age(timestamp: int, now: float) -> float:
    return round(max(0.0, now - timestamp), 1)
