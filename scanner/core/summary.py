"""From priced positions to the lists of the document: ticks, drivers, already liquidatable.

One shock at a time, across all markets. Rows are plain dicts with the document's keys; every sum is
over a fixed order of positions, so that the same block gives the same digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import callability
from .positions import Exposure, Holdings
from .rounding import cents, rounded, summed, summed_by
from .ticks import TickTable, tick_of, tick_table

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

SIDES: tuple[tuple[Literal["long", "short"], int], ...] = (("long", 1), ("short", -1))
LISTED = 100  # already liquidatable accounts that are listed one by one


@dataclass(frozen=True)
class Pool:
    """All positions that one shock touches on one side, of every market, in a fixed order.

    `price` [USD; a ratio under the market shock], `at_risk`, `seizable`, `debt` [USD], `callable`
    (whether a call can be made there), `owner` (an
    index that is the same for one address everywhere), `market` and `position` say where from.
    """

    price: F64
    at_risk: F64
    seizable: F64
    debt: F64
    callable: npt.NDArray[np.bool_]
    owner: I64
    market: I64
    position: I64


def pool(entries: Sequence[tuple[Holdings, Exposure]], side: int) -> Pool:
    """The positions on `side` (+1 long, -1 short) of all markets' exposures to one shock."""
    chosen = [np.flatnonzero(exposure.side == side) for _, exposure in entries]

    def column(values: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.concatenate(values) if values else np.zeros(0)

    owners = [h.owners[rows] for (h, _), rows in zip(entries, chosen, strict=True)]
    joined = np.concatenate(owners) if owners else np.zeros((0, 20), np.uint8)
    pairs = list(zip(entries, chosen, strict=True))
    return Pool(
        price=column([e.price[rows] for (_, e), rows in pairs]),
        at_risk=column([e.at_risk[rows] for (_, e), rows in pairs]),
        seizable=column([e.seizable[rows] for (_, e), rows in pairs]),
        debt=column([h.legs.owed()[rows] for (h, _), rows in pairs]),
        callable=column([e.callable[rows] for (_, e), rows in pairs]).astype(np.bool_),
        owner=np.unique(_keys(joined), return_inverse=True)[1].astype(np.int64),
        market=column([np.full(len(rows), k) for k, rows in enumerate(chosen)]).astype(np.int64),
        position=column(chosen).astype(np.int64),
    )


def _keys(addresses: npt.NDArray[np.uint8]) -> npt.NDArray[np.bytes_]:
    """Addresses of shape (n, 20) as sortable values of shape (n,)."""
    return np.ascontiguousarray(addresses).view("S20").ravel()


def ticks(
    name: str, entries: Sequence[tuple[Holdings, Exposure]], *, ratio: bool
) -> list[dict[str, Any]]:
    """Occupied ticks of one shock, long before short, by tick."""
    rows = []
    protocols = [holdings.protocol for holdings, _ in entries]
    for side, sign in SIDES:
        one = pool(entries, sign)
        if not len(one.price):
            continue
        table = tick_table(one.price, one.at_risk, one.debt)
        place = tick_of(one.price) - table.tick[0]
        parts = shares(place, one.at_risk, one.market, protocols)
        rows += tick_rows(name, side, table, parts, ratio=ratio)
    return rows


def tick_rows(
    name: str,
    side: str,
    table: TickTable,
    by_protocol: Sequence[dict[str, float]],
    *,
    ratio: bool,
) -> list[dict[str, Any]]:
    """The document's rows of one side's occupied ticks; `by_protocol` has one entry for each."""
    columns = (
        table.tick.tolist(),
        # Edges as they are: rounded, a price could fall out of its own tick.
        table.low.tolist(),
        table.high.tolist(),
        rounded(table.collateral_at_risk, 2),
        rounded(table.debt, 2),
        table.positions.tolist(),
        by_protocol,
    )
    return [
        {
            "driver": name,
            "side": side,
            "tick": tick,
            **edges(low, high, ratio=ratio),
            "collateral_at_risk_usd": at_risk,
            "debt_usd": debt,
            "positions": positions,
            "by_protocol": parts,
        }
        for tick, low, high, at_risk, debt, positions, parts in zip(*columns, strict=True)
    ]


def shares(
    place: I64, at_risk: F64, market: I64, protocols: Sequence[str]
) -> list[dict[str, float]]:
    """For each occupied place (0 to n - 1, rising) its dollars by protocol, by name.

    Parameters
    ----------
    place, at_risk, market : arrays of one length
        Where a position lies, its dollars (whole cents), and the market it belongs to.
    protocols : sequence of str
        The protocol of each market; several markets may share one.
    """
    names = sorted(set(protocols))
    number = np.array([names.index(name) for name in protocols], np.int64)
    key = place * len(names) + number[market]
    count = np.bincount(key, minlength=(int(place.max()) + 1) * len(names)).reshape(-1, len(names))
    usd = rounded(summed_by(key, at_risk, count.size), 2)
    return [
        {name: usd[row * len(names) + k] for k, name in enumerate(names) if count[row, k]}
        for row in np.flatnonzero(count.any(axis=1)).tolist()
    ]


def driver(
    name: str, entries: Sequence[tuple[Holdings, Exposure]], *, ratio: bool
) -> dict[str, Any]:
    """One row of `drivers`: its feed in the largest market, and who is touched by it."""
    following = [_following(h, e) for h, e in entries]
    largest = max(range(len(entries)), key=lambda k: (following[k], -k))
    shock = entries[largest][1].shock
    touched = [e.touched for _, e in entries]
    owners = [h.owners[t] for (h, _), t in zip(entries, touched, strict=True)]
    borrowers = len(np.unique(_keys(np.concatenate(owners)))) if owners else 0
    pairs = list(zip(entries, touched, strict=True))
    return {
        "driver": name,
        "spot_usd": None if ratio else shock.spot,
        "feed": "0x" + shock.feed.hex() if shock.feed else None,
        "description": shock.description,
        "borrowers": borrowers,
        "debt_usd": cents(sum(summed(h.legs.owed()[t]) for (h, _), t in pairs)),
        "collateral_usd": cents(sum(summed(h.legs.collateral()[t]) for (h, _), t in pairs)),
    }


def already_liquidatable(holdings: Sequence[Holdings]) -> dict[str, Any]:
    """Positions with a health factor below 1 at the block, at present prices; `not_callable_usd` is
    the collateral of those that nobody can call."""
    rows, collateral, debt, bad, barred = [], 0.0, 0.0, 0.0, 0.0
    for one in holdings:
        now = np.flatnonzero(one.liquidatable)
        held, owed = one.legs.collateral()[now], one.legs.owed()[now]
        collateral, debt = collateral + summed(held), debt + summed(owed)
        bad += summed(np.maximum(owed - held, 0.0))
        why = _reasons(one, now)
        barred += summed(held[why != ""])
        rows += [
            {
                "protocol": one.protocol,
                "market": one.market,
                "account": "0x" + one.accounts[position].tobytes().hex(),
                "health_factor": float(one.health_factor[position]),
                "collateral_usd": cents(held[k]),
                "debt_usd": cents(owed[k]),
                "callable": not why[k],
                "not_callable_reason": why[k],
            }
            for k, position in enumerate(now.tolist())
        ]
    listed = sorted(rows, key=lambda r: (-r["debt_usd"], r["protocol"], r["market"], r["account"]))
    return {
        "positions": len(rows),
        "collateral_usd": cents(collateral),
        "debt_usd": cents(debt),
        "bad_debt_usd": cents(bad),
        "not_callable_usd": cents(barred),
        "accounts": listed[:LISTED],
    }


def _reasons(one: Holdings, rows: I64) -> npt.NDArray[np.object_]:
    """Why each of some liquidatable positions cannot be called; "" for one that can."""
    if one.now is None:
        raise ValueError(f"nobody asked whether {one.protocol}'s positions can be called")
    return callability.words(one.now.barred[rows])


def edges(low: float, high: float, *, ratio: bool) -> dict[str, Any]:
    """The keys of a price range; of a range of ratios under the market shock."""
    if not ratio:
        return {"low_usd": low, "high_usd": high}
    return {"low_usd": None, "high_usd": None, "low_ratio": low, "high_ratio": high}


def _following(holdings: Holdings, exposure: Exposure) -> float:
    """Collateral in the market that follows the shock. [USD]"""
    legs = holdings.legs
    return float(legs.value[~legs.debt & exposure.shock.follows[legs.token]].sum())
