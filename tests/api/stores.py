"""Stores for the API's tests: the whales' scan, at any block, time and chain."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

from cli import whales_sample

from scanner.store import snapshots

ADDRESS = whales_sample.address(1)


@cache
def _made(complete: bool) -> dict[str, Any]:
    return whales_sample.scan(complete=complete)


def add(
    store: Path,
    *,
    block: int = whales_sample.BLOCK,
    timestamp: int = whales_sample.TIME,
    complete: bool = True,
    chain_id: int = 1,
    worth: float = 1.0,
) -> Path:
    """Write a scan into `store` and return where it lies; `worth` scales its bands' dollars."""
    made = _made(complete)
    document = copy.deepcopy(made["document"])
    document["block"] |= {"number": block, "timestamp": timestamp}
    document["chain_id"] = chain_id
    for band in document["bands"]:
        band["collateral_at_risk_usd"] *= worth
    store.mkdir(exist_ok=True)
    return snapshots.write(
        store,
        chain_id,
        block,
        whales_sample.HASH,
        complete,
        whales_sample.as_bytes(document),
        made["positions"],
        made["legs"],
        timestamp=timestamp,
    )
