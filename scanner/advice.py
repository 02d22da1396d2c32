"""What a user should know about an endpoint before a scan, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.chain.found import Found
from scanner.deployments import Market
from scanner.outputs.words import count, duration

OLD_HEAD = 180  # seconds
MANY_REQUESTS = 5_000  # log requests of a first scan
FEW_BLOCKS = 1_000  # of one log request
LONG_STATE = 100_000  # blocks of state that serve most scans of old blocks
OTHERWISE = "give another endpoint, or import a borrower list (--accounts)"


def obstacle(found: Found, chain_id: int | None) -> str | None:
    """Why no scan can be made there; None = one can."""
    why = found.reasons
    if not found.reachable:
        return f"cannot be used: {why.get('chain_id', 'no answer')}"
    if found.chain_id != chain_id:
        return f"serves chain {found.chain_id}, not {chain_id}"
    if found.head is None:
        return f"does not name its newest block: {why.get('head', '')}"
    if not found.reads and found.multicall3 is False:
        reason = why.get("reads", "")
        return f"has no Multicall3, and accepts no state override that lends it: {reason}"
    if not found.reads:
        return f"cannot be read near its head: {why.get('reads', '')}"
    if found.logs is None:
        return f"answers no logs: {why.get('logs', '')}"
    return None


def of(
    found: Found,
    why_not: str | None,
    first: Mapping[str, Any] | None,
    rows: Sequence[Market],
) -> list[str]:
    """Sentences, the gravest first; none for an endpoint that lacks nothing."""
    if why_not is not None:
        return [why_not]
    return [*_head(found), *_logs(found, first, rows), *_state(found), *_reads(found)]


def _head(found: Found) -> list[str]:
    told = []
    head = found.head
    if head is not None and head.age_seconds > OLD_HEAD:
        told.append(
            f"head is {duration(head.age_seconds)} old: the endpoint is behind,"
            " or the chain stands still"
        )
    if head is not None and head.went_back_blocks:
        told.append(
            f"named a head {count(head.went_back_blocks, 'block')} behind one it had named before:"
            " several nodes answer, and some lag"
        )
    return told


def _logs(found: Found, first: Mapping[str, Any] | None, rows: Sequence[Market]) -> list[str]:
    told = []
    logs, old = found.logs, found.old_logs
    if logs is not None and logs.refused_blocks is not None:
        allows = f"allows only {count(logs.blocks, 'block')} per log request"
        if first is not None and first["log_requests"] > MANY_REQUESTS:
            needs = f"a first scan would need {first['log_requests']:,} requests"
            told.append(f"{allows}: {needs}, about {duration(first['seconds'])}; {OTHERWISE}")
        elif first is None and logs.blocks < FEW_BLOCKS:
            told.append(f"{allows}: a first scan of a long history would need very many of them")
    if old is not None and not old.answered:
        told.append(
            f"refuses the logs of block {old.from_block:,}: a first scan is not possible there;"
            f" {OTHERWISE}"
        )
    wide = old is not None and old.to_block - old.from_block + 1 >= FEW_BLOCKS
    if old is not None and old.answered and old.logs == 0 and wide:
        told.append(
            f"answers no log at block {old.from_block:,}, where the earliest market begins: it may"
            " have dropped old logs; a scan's totals would show what is missing"
        )
    return told


def _state(found: Found) -> list[str]:
    state = found.state
    if state is None or state.whole or state.blocks >= LONG_STATE:
        return []
    if state.refused_blocks is None:
        return []
    return [
        f"keeps about {count(state.blocks, 'block')} of state: scans of old blocks (--block) need"
        " an archive endpoint"
    ]


def _reads(found: Found) -> list[str]:
    told = []
    if found.state_override is False and found.create_and_revert:
        told.append(
            "does not offer state overrides: reads go as init code, at most 48 KB in a request"
        )
    if found.state_override is False and found.create_and_revert is False:
        told.append(
            "does not offer state overrides, nor init code that reverts: reads take 8 times the"
            " bytes"
        )
    batch = found.batch
    if batch is not None and batch.calls < batch.wanted_calls:
        told.append(
            f"takes only {count(batch.calls, 'call')} in one request, not {batch.wanted_calls:,}"
        )
    if found.requests_per_second is not None:
        told.append(
            f"said that it was asked too fast: about {found.requests_per_second:.1f} requests a"
            " second are left"
        )
    for tag in ("safe", "finalized"):
        if getattr(found, tag) is None and tag in found.reasons:
            told.append(f"knows no {tag} block: --block {tag} cannot be used")
    return told
