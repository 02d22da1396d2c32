"""The document's bands and walls: what the band finder found, with what the members hold.

One shock at a time, across all markets; every sum is by membership, each member at its own p*.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .bands import Band, BandSettings, find_bands
from .legs import rows_of, runs
from .positions import Exposure, Holdings, at_risk_legs
from .rounding import cents, decimal, digits, shown, summed
from .summary import SIDES, Pool, edges, pool

I64 = npt.NDArray[np.int64]

LARGE_SHARE = BandSettings().wall_share  # an account with this share of the view is a large one

_Part = tuple[Holdings, Exposure, I64]  # a market's, and where each position's legs begin


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
        **edges(low, high, ratio=ratio),
        "tick_low": band.tick_low,
        "tick_high": band.tick_high,
        "collateral_at_risk_usd": summed(one.at_risk[members]),
        "collateral_tokens": tokens,
        "normal_usd": None if band.normal is None else cents(band.normal),
        "chance_bound": None if band.chance_bound is None else digits(band.chance_bound),
        "quality": quality,
        "seizable_usd": summed(one.seizable[members]),
        "not_callable_usd": summed(one.at_risk[members[~one.callable[members]]]),
        "debt_usd": summed(one.debt[members]),
        "positions": band.positions,
        "accounts": band.accounts,
        "large_accounts": int((by_owner >= LARGE_SHARE * view).sum()),
        "effective_accounts": round(band.effective_accounts, 4),
        "top_account_share": round(band.top_share, 6),
        "distance": round(band.distance, 6),
        "owner": _owner(band, one, parts),
        "dominant_token": tokens[0]["symbol"] if tokens else None,
        "by_protocol": by_protocol,
    }


def _owner(band: Band, one: Pool, parts: Sequence[_Part]) -> str | None:
    """Whose wall it is; None for ranges of several accounts."""
    if band.kind != "wall":
        return None
    first = int(band.members[0])
    holdings = parts[int(one.market[first])][0]
    owner: bytes = holdings.owners[int(one.position[first])].tobytes()
    return "0x" + owner.hex()


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
        worth = summed(one.at_risk[rows])
        by_protocol[holdings.protocol] = by_protocol.get(holdings.protocol, 0.0) + worth
        legs = holdings.legs
        leg, _ = rows_of(begin, one.position[rows])
        counted, moved = at_risk_legs(legs, exposure, leg, side)
        leg, value = leg[counted], (legs.value[leg] * moved)[counted]
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
