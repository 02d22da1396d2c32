"""The two tables of a scan: one row per position and driver, one row per leg. Pure columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import callability
from .legs import Legs
from .positions import Exposure, Holdings

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
I64 = npt.NDArray[np.int64]
Columns = dict[str, Any]

SIDE_NAMES = np.array(["none", "long", "short"], dtype=object)  # by 0, +1, -1
_SIDE_RANKS = np.array([1, 0, 2])  # of these names in the alphabet


def hex_addresses(addresses: U8) -> npt.NDArray[np.object_]:
    """Lower-case 0x addresses of shape (n, 20) rows."""
    text = addresses.tobytes().hex(" ", 20).replace(" ", " 0x")
    return np.array(f"0x{text}".split() if text else [], dtype=object)


def digits(numbers: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    """Whole numbers, int64 or Python's own, as decimal strings."""
    return np.array(list(map(str, numbers.tolist())), dtype=object)


@dataclass(frozen=True)
class _Part:
    """Rows of one market under one driver: their sides, positions, and finished columns."""

    driver: str
    holdings: Holdings
    side: I8
    position: I64
    columns: Columns


def position_columns(
    holdings: Sequence[Holdings], shocks: Sequence[tuple[str, Sequence[Exposure | None]]]
) -> Columns:
    """One row per position and shock that touches it; a position that none touches has one row
    with driver "". Sorted by driver, side, protocol, market, account.

    Parameters
    ----------
    holdings : sequence
        One per market.
    shocks : sequence of (name, exposures)
        Exposures aligned with `holdings`; None where nothing in the market follows.
    """
    parts: list[_Part] = []
    for place, one in enumerate(holdings):
        addresses, owners = hex_addresses(one.accounts), hex_addresses(one.owners)
        collateral, debt = one.legs.collateral(), one.legs.owed()
        largest = [_largest(one, wanted) for wanted in (False, True)]
        untouched = np.ones(len(addresses), np.bool_)
        whole = {
            "protocol": np.full(len(addresses), one.protocol, object),
            "market": np.array(one.market_names(), object)[one.place_of()],
            "account": addresses,
            "owner": owners,
            "health_factor": one.health_factor,
            "collateral_usd": collateral,
            "debt_usd": debt,
            "already_liquidatable": one.liquidatable,
            "largest_collateral": largest[0],
            "largest_debt": largest[1],
        }
        for name, exposures in shocks:
            exposure = exposures[place]
            if exposure is None:
                continue
            rows = np.flatnonzero(exposure.touched)
            untouched[rows] = False
            columns = {k: v[rows] for k, v in whole.items()} | _exposed(name, exposure, rows)
            parts.append(_Part(name, one, exposure.side[rows], rows, columns))
        rows = np.flatnonzero(untouched)
        columns = {k: v[rows] for k, v in whole.items()} | _unexposed(one, rows)
        parts.append(_Part("", one, np.zeros(len(rows), np.int8), rows, columns))
    return _sorted(parts)


def leg_columns(holdings: Sequence[Holdings]) -> Columns:
    """One row per leg, by protocol, market, account, collateral before debt."""
    parts: list[Columns] = []
    for one in holdings:
        legs, tokens = one.legs, one.tokens
        size = len(legs.token)

        def by_token(values: list[Any], legs: Legs = legs) -> npt.NDArray[Any]:
            return np.array(values, dtype=object)[legs.token] if values else np.zeros(0, object)

        parts.append(
            {
                "protocol": np.full(size, one.protocol, object),
                "market": np.array(one.market_names(), object)[one.place_of()][legs.position],
                "account": hex_addresses(one.accounts)[legs.position],
                "token": by_token(["0x" + t.address.hex() for t in tokens]),
                "symbol": by_token([t.symbol for t in tokens]),
                "kind": np.where(legs.debt, "debt", "collateral").astype(object),
                "counted": legs.debt | (legs.weight > 0),
                "amount_raw": digits(one.amounts),
                "amount": legs.amount,
                "price_usd": by_token([t.price for t in tokens]).astype(np.float64),
                "value_usd": legs.value,
                "weight": legs.weight,
                "driver": by_token([t.driver or "" for t in tokens]),
            }
        )
    names = list(parts[0]) if parts else []
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _exposed(name: str, exposure: Exposure, rows: I64) -> Columns:
    shock, side = exposure.shock, exposure.side[rows]
    raw = digits(exposure.raw[rows])
    raw[side == 0] = ""
    dollars, nothing = not shock.relative, np.full(len(rows), np.nan)
    price = exposure.price[rows] if dollars else nothing
    feeds, of = exposure.raw_feeds()
    address = np.array(["0x" + f.address.hex() if f.address else "" for f in feeds], object)
    scale = np.array([f.scale for f in feeds], object)
    return {
        "driver": np.full(len(rows), name, object),
        "side": SIDE_NAMES[side],
        "liquidation_price_usd": price,
        "liquidation_ratio": exposure.ratio[rows],
        "liquidation_price_raw": raw,
        "price_feed": address[of[rows]],
        "price_scale": scale[of[rows]].astype(np.float64),
        "collateral_at_risk_usd": exposure.at_risk[rows],
        "seizable_usd": exposure.seizable[rows],
        "callable": exposure.callable[rows],
        "not_callable_reason": callability.words(exposure.barred[rows]),
        "pre_liquidation_price_usd": exposure.early_price[rows] if dollars else nothing,
    }


def _unexposed(one: Holdings, rows: I64) -> Columns:
    """No driver moves them; those liquidatable at the block can be called all the same."""
    size = len(rows)
    empty, nan = np.full(size, "", object), np.full(size, np.nan)
    barred, seizable = np.full(size, callability.NO_PRICE, np.uint8), np.zeros(size)
    at_once = one.liquidatable[rows]
    if one.now is not None:
        barred[at_once] = one.now.barred[rows[at_once]]
        seizable[at_once] = one.now.seizable[rows[at_once]]
    return {
        "driver": empty,
        "side": np.full(size, "none", object),
        "liquidation_price_usd": nan,
        "liquidation_ratio": nan,
        "liquidation_price_raw": empty,
        "price_feed": empty,
        "price_scale": np.zeros(size),
        "collateral_at_risk_usd": np.zeros(size),
        "seizable_usd": seizable,
        "callable": barred == callability.CALLABLE,
        "not_callable_reason": callability.words(barred),
        "pre_liquidation_price_usd": nan,
    }


def _largest(one: Holdings, debt: bool) -> npt.NDArray[np.object_]:
    """Symbol of each position's largest collateral (or debt) leg; "" where it has none."""
    legs = one.legs
    symbols = np.full(legs.positions, "", object)
    rows = np.flatnonzero(legs.debt == debt)
    if not len(rows):
        return symbols
    position, token, value = legs.position[rows], legs.token[rows], legs.value[rows]
    begin = np.flatnonzero(np.diff(position, prepend=-1))
    largest = np.repeat(np.maximum.reduceat(value, begin), np.diff(begin, append=len(rows)))
    # Of equal legs the token that the market lists first.
    first = np.minimum.reduceat(np.where(value < largest, len(one.tokens), token), begin)
    symbols[position[begin]] = np.array([t.symbol for t in one.tokens], dtype=object)[first]
    return symbols


_ORDER = (
    "protocol",
    "market",
    "account",
    "owner",
    "driver",
    "side",
    "liquidation_price_usd",
    "liquidation_ratio",
    "liquidation_price_raw",
    "price_feed",
    "price_scale",
    "health_factor",
    "collateral_usd",
    "debt_usd",
    "collateral_at_risk_usd",
    "seizable_usd",
    "callable",
    "not_callable_reason",
    "already_liquidatable",
    "largest_collateral",
    "largest_debt",
    "pre_liquidation_price_usd",
)


def _sorted(parts: Sequence[_Part]) -> Columns:
    """The rows of all parts by driver, side, protocol, market, account.

    Each part has one driver, and positions sorted by account: so the order is that of small whole
    numbers, without a look at the text.
    """
    drivers = sorted({part.driver for part in parts})
    markets = sorted(
        {(p.holdings.protocol, name) for p in parts for name in p.holdings.market_names()}
    )
    number = {market: place for place, market in enumerate(markets)}
    ranks = []
    for part in parts:
        one = part.holdings
        names = np.array([number[one.protocol, name] for name in one.market_names()], np.int64)
        rank = 3 * drivers.index(part.driver) + _SIDE_RANKS[part.side]
        ranks.append(rank * len(markets) + names[one.place_of()[part.position]])
    position = np.concatenate([part.position for part in parts])
    order = np.lexsort((position, np.concatenate(ranks)))
    return {name: np.concatenate([part.columns[name] for part in parts])[order] for name in _ORDER}
