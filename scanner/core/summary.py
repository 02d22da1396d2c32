"""From priced positions to the lists of the document: bands, ticks, drivers, already liquidatable.

One shock at a time, across all markets. Rows are plain dicts with the document's keys; every sum is
over a fixed order of positions, so that the same block gives the same digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .bands import Band, BandSettings, find_bands
from .legs import rows_of, runs
from .positions import Exposure, Holdings
from .rounding import cents, decimal, digits, rounded, shown
from .ticks import tick_table

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

SIDES: tuple[tuple[Literal["long", "short"], int], ...] = (("long", 1), ("short", -1))
LARGE_SHARE = BandSettings().wall_share  # an account with this share of the view is a large one
LISTED = 100  # already liquidatable accounts that are listed one by one

_Part = tuple[Holdings, Exposure, I64]  # a market's, and where each position's legs begin


@dataclass(frozen=True)
class Pool:
    """All positions that one shock touches on one side, of every market, in a fixed order.

    `price` [USD; a ratio under the market shock], `at_risk`, `seizable`, `debt` [USD], `owner` (an
    index that is the same for one address everywhere), `market` and `position` say where from.
    """

    price: F64
    at_risk: F64
    seizable: F64
    debt: F64
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
        owner=np.unique(_keys(joined), return_inverse=True)[1].astype(np.int64),
        market=column([np.full(len(rows), k) for k, rows in enumerate(chosen)]).astype(np.int64),
        position=column(chosen).astype(np.int64),
    )


def _keys(addresses: npt.NDArray[np.uint8]) -> npt.NDArray[np.bytes_]:
    """Addresses of shape (n, 20) as sortable values of shape (n,)."""
    return np.ascontiguousarray(addresses).view("S20").ravel()


def bands(
    name: str, entries: Sequence[tuple[Holdings, Exposure]], spot: float, *, ratio: bool
) -> list[dict[str, Any]]:
    """Band and wall rows of one shock: long before short, each by collateral."""
    rows = []
    parts = [(h, e, runs(h.legs.position, h.legs.positions)) for h, e in entries]
    for side, sign in SIDES:
        one = pool(entries, sign)
        found = find_bands(one.price, one.at_risk, one.owner, spot, side)
        if not found:
            continue
        view = _in_view(one, spot, side)
        rows += [_band(name, side, band, one, parts, view, ratio=ratio) for band in found]
    return rows


def ticks(
    name: str, entries: Sequence[tuple[Holdings, Exposure]], *, ratio: bool
) -> list[dict[str, Any]]:
    """Occupied ticks of one shock, long before short, by tick."""
    rows = []
    for side, sign in SIDES:
        one = pool(entries, sign)
        if not len(one.price):
            continue
        table = tick_table(one.price, one.at_risk, one.debt)
        columns = (
            table.tick.tolist(),
            rounded(table.low, 6),
            rounded(table.high, 6),
            rounded(table.collateral_at_risk, 2),
            rounded(table.debt, 2),
            table.positions.tolist(),
        )
        rows += [
            {
                "driver": name,
                "side": side,
                "tick": tick,
                **_range(low, high, ratio=ratio),
                "collateral_at_risk_usd": at_risk,
                "debt_usd": debt,
                "positions": positions,
            }
            for tick, low, high, at_risk, debt, positions in zip(*columns, strict=True)
        ]
    return rows


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
        "debt_usd": cents(sum(h.legs.owed()[t].sum() for (h, _), t in pairs)),
        "collateral_usd": cents(sum(h.legs.collateral()[t].sum() for (h, _), t in pairs)),
    }


def already_liquidatable(holdings: Sequence[Holdings]) -> dict[str, Any]:
    """Positions with a health factor below 1 at the block, at present prices."""
    rows, collateral, debt, bad = [], 0.0, 0.0, 0.0
    for one in holdings:
        now = np.flatnonzero(one.liquidatable)
        held, owed = one.legs.collateral()[now], one.legs.owed()[now]
        collateral, debt = collateral + float(held.sum()), debt + float(owed.sum())
        bad += float(np.maximum(owed - held, 0.0).sum())
        rows += [
            {
                "protocol": one.protocol,
                "market": one.market,
                "account": "0x" + one.accounts[position].tobytes().hex(),
                "health_factor": float(one.health_factor[position]),
                "collateral_usd": cents(held[k]),
                "debt_usd": cents(owed[k]),
            }
            for k, position in enumerate(now.tolist())
        ]
    listed = sorted(rows, key=lambda r: (-r["debt_usd"], r["protocol"], r["market"], r["account"]))
    return {
        "positions": len(rows),
        "collateral_usd": cents(collateral),
        "debt_usd": cents(debt),
        "bad_debt_usd": cents(bad),
        "accounts": listed[:LISTED],
    }


def _range(low: float, high: float, *, ratio: bool) -> dict[str, Any]:
    if not ratio:
        return {"low_usd": low, "high_usd": high}
    return {"low_usd": None, "high_usd": None, "low_ratio": low, "high_ratio": high}


def _following(holdings: Holdings, exposure: Exposure) -> float:
    """Collateral in the market that follows the shock. [USD]"""
    legs = holdings.legs
    return float(legs.value[~legs.debt & exposure.shock.follows[legs.token]].sum())


def _in_view(one: Pool, spot: float, side: str) -> float:
    """All collateral at risk in the band finder's window. [USD]"""
    window = BandSettings().window
    low, high = (spot * (1 - window), spot) if side == "long" else (spot, spot * (1 + window))
    return float(one.at_risk[(one.price >= low) & (one.price <= high)].sum())


def _band(
    name: str,
    side: str,
    band: Band,
    one: Pool,
    parts: Sequence[_Part],
    view: float,
    *,
    ratio: bool,
) -> dict[str, Any]:
    members = np.sort(band.members)
    by_owner = np.bincount(
        np.unique(one.owner[members], return_inverse=True)[1], one.at_risk[members]
    )
    tokens, by_protocol = _contents(side, members, one, parts)
    low, high = (band.low, band.high) if ratio else (shown(band.low), shown(band.high))
    quality = None
    if band.chance_bound is not None:
        quality = "strong" if band.chance_bound <= 0.01 else "fair"
    return {
        "driver": name,
        "side": side,
        "kind": band.kind,
        **_range(low, high, ratio=ratio),
        "tick_low": band.tick_low,
        "tick_high": band.tick_high,
        "collateral_at_risk_usd": cents(band.amount),
        "collateral_tokens": tokens,
        "normal_usd": None if band.normal is None else cents(band.normal),
        "chance_bound": None if band.chance_bound is None else digits(band.chance_bound),
        "quality": quality,
        "seizable_usd": cents(one.seizable[members].sum()),
        "debt_usd": cents(one.debt[members].sum()),
        "positions": band.positions,
        "accounts": band.accounts,
        "large_accounts": int((by_owner >= LARGE_SHARE * view).sum()),
        "effective_accounts": round(band.effective_accounts, 4),
        "top_account_share": round(band.top_share, 6),
        "distance": round(band.distance, 6),
        "dominant_token": tokens[0]["symbol"] if tokens else None,
        "by_protocol": by_protocol,
    }


def _contents(
    side: str, members: I64, one: Pool, parts: Sequence[_Part]
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Tokens of the members' collateral at risk (largest first), and its dollars by protocol."""
    amounts: dict[bytes, list[Any]] = {}
    by_protocol: dict[str, float] = {}
    for k, (holdings, exposure, begin) in enumerate(parts):
        rows = members[one.market[members] == k]
        if not len(rows):
            continue
        worth = float(one.at_risk[rows].sum())
        by_protocol[holdings.protocol] = by_protocol.get(holdings.protocol, 0.0) + worth
        legs = holdings.legs
        leg, _ = rows_of(begin, one.position[rows])
        ratio = exposure.ratio[legs.position[leg]]
        follows = exposure.shock.follows[legs.token[leg]]
        counted = ~legs.debt[leg] & (legs.weight[leg] > 0)
        if side == "long":
            counted &= follows
        leg, value = leg[counted], (legs.value[leg] * np.where(follows, ratio, 1.0))[counted]
        for token in np.unique(legs.token[leg]).tolist():
            mine = legs.token[leg] == token
            info = holdings.tokens[token]
            entry = amounts.setdefault(info.address, [info, 0, 0.0])
            entry[1] += int(holdings.amounts[leg[mine]].sum())
            entry[2] += float(value[mine].sum())
    tokens = sorted(amounts.values(), key=lambda entry: (-entry[2], entry[0].address))
    rows_out = [
        {
            "address": "0x" + info.address.hex(),
            "symbol": info.symbol,
            "amount": decimal(raw, info.unit),
            "usd": cents(usd),
        }
        for info, raw, usd in tokens
    ]
    return rows_out, {name: cents(usd) for name, usd in sorted(by_protocol.items())}
