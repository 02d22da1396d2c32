"""Who changed a driver's ranges since the complete scan before: accounts that came, left, moved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scanner import answers, reading
from scanner.errors import StoreError
from scanner.outputs.site.model import Movers, Row
from scanner.reading import Stored

WORTH_A_WORD = 0.01  # of a range: an account that changed it by less is not named
Key = tuple[Any, ...]


def scan_before(stored: Stored, store: Path) -> Stored | None:
    """The newest older scan that can be compared account by account: both are complete, and the
    older one still has its positions."""
    from scanner.store import snapshots

    if not (stored.document["complete"] and stored.snapshot.has_tables):
        return None
    listed = snapshots.listed(store, stored.snapshot.chain_id, [])
    older = [one for one in listed if one.complete and one.block < stored.snapshot.block]
    if not older or not older[-1].has_tables:
        return None
    try:
        found = reading.opened(older[-1])
        found.positions  # noqa: B018 - read here, where a damaged table only costs this comparison
    except StoreError:
        return None
    return found


def key(row: Row) -> Key:
    """What tells a driver's ranges of one scan apart."""
    return (row["side"], row["kind"], row["low_usd"], row["high_usd"], row.get("owner"))


def movers(before: Stored, after: Stored, driver: str) -> dict[Key, Movers]:
    """By the range of the later scan, see `key`."""
    since = int(before.document["block"]["timestamp"])
    return {
        key(step["after"]): _movers(since, step)
        for step in answers.diff(before, after, driver)["changes"]
        if step["after"] is not None and step["accounts"] is not None
    }


def _movers(since: int, step: Row) -> Movers:
    rows = step["accounts"]
    if step["before"] is None:
        # A range that is new has only new members; what they did is to be seen by their own prices.
        rows = [row for row in rows if not _stayed(row, step["after"])]
    came = _summed(rows, lambda row: _is(row["after"], row["change_usd"]))
    left = _summed(rows, lambda row: _is(row["before"], -row["change_usd"]))
    least = WORTH_A_WORD * step["after"]["collateral_at_risk_usd"]
    largest = rows[0] if rows and abs(rows[0]["change_usd"]) >= least else None
    return Movers(since, came, left, largest)


def _is(side: Row | None, usd: float) -> bool:
    """Whether a change is all that an account has on a side: it came with it, or left with it."""
    return side is not None and abs(side["collateral_at_risk_usd"] - usd) < 0.005


def _stayed(row: Row, band: Row) -> bool:
    before = row["before"]
    return before is not None and (
        band["low_usd"] <= before["liquidation_price_usd"] <= band["high_usd"]
    )


def _summed(rows: list[Row], test: Callable[[Row], bool]) -> tuple[int, float]:
    """How many accounts, and their dollars."""
    found = [row for row in rows if test(row)]
    usd = sum(abs(row["change_usd"]) for row in found)
    return len({row["account"] for row in found}), usd
