"""Why a position cannot be called, in words, and what stands beside a driver's price."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outputs import words

Row = Mapping[str, Any]

_MEANING = {
    "no_liquidation_price": "no price of the driver liquidates it",
    "no_collateral": "there is no collateral to take",
    "inactive": "a reserve is not active",
    "paused": "paused",
    "grace_period": "in a grace period after a pause",
    "sentinel": "the sequencer's sentinel forbids it",
    "leftover_dust": "every call would leave dust",
    "too_small": "too small",
    "seize_paused": "seizing is paused",
    "liquidation_paused": "liquidations are paused",
    "auction_stopped": "auctions are stopped",
    "hole_full": "auctions are full",
}


def why(row: Row) -> str:
    """Why a position that is not callable is not; what an older scan can tell of it.

    >>> why({"not_callable_reason": "auction_stopped"}), why({})
    ('auctions are stopped', 'paused, in grace, or too small')
    """
    reason = str(row.get("not_callable_reason") or "")
    return _MEANING.get(reason, reason.replace("_", " ") or "paused, in grace, or too small")


def not_callable(row: Row) -> float:
    """Dollars of a range or a level that nobody can call; 0 where a scan does not say. [USD]"""
    return words.number(row.get("not_callable_usd")) or 0.0


def none_callable(rows: Sequence[Row]) -> bool:
    """Whether any of the rows has dollars that nobody can call."""
    return any(not_callable(row) > 0 for row in rows)


def beside(row: Row) -> str:
    """How old a driver's feed is, and how far it is from its pool; "" where neither is known.

    >>> beside({"feed_age_seconds": 900, "dex": {"fee": 0.0005, "distance": -0.00123}})
    'feed 15 minutes old, 0.12 % below its 0.05 % DEX pool'
    """
    parts = []
    if (age := row.get("feed_age_seconds")) is not None:
        parts.append(f"feed {words.duration(age)} old" if age else "feed updated at the block")
    if (dex := row.get("dex")) is not None:
        side = "below" if dex["distance"] < 0 else "above"
        parts.append(
            f"{abs(dex['distance']) * 100:.2f} % {side} its {dex['fee'] * 100:.3g} % DEX pool"
        )
    return ", ".join(parts)
