"""Bands and walls: the price ranges where far more collateral is at risk than around them.

A band is a price range at most 10 % wide that holds at least twice the collateral its surroundings
(+-20 %) would put there, and that would still stand out if its largest account left: fewer than
one such range is expected if the same accounts were scattered at random over those surroundings.
A wall is one account outside all bands with 3 % or more of all collateral in view, quoted at its
own price; three or more walls, each within 2 % of the next, are quoted as one range.

Deterministic: no random numbers, ties by price, and sums that do not depend on the row order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from scanner.core._capscan import BandSettings, Candidate, tested_ranges
from scanner.core._view import View, look

__all__ = ["Band", "BandSettings", "Side", "find_bands"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Side = Literal["long", "short"]
_Ticks = tuple[int, int]  # of the view, half open


@dataclass(frozen=True, eq=False)
class Band:
    """One reported range.

    Attributes:
        kind: "band" (tested against chance), "wall" (one account), "walls" (several, one range).
        low, high: edges, real liquidation prices [USD].
        tick_low, tick_high: first and last tick of the run, both included.
        members: rows of the caller's arrays, rising, int64[k].
        amount: collateral at risk of the members [USD].
        normal: what the surroundings would put there [USD]; None for walls.
        chance_bound: E, expected number of such ranges by chance; None for walls.
        positions, accounts: rows and owners among the members.
        effective_accounts: 1 / sum of squared account shares.
        top_share: share of the largest account in `amount`.
        distance: nearest edge / spot - 1, negative below spot.
    """

    kind: Literal["band", "walls", "wall"]
    low: float
    high: float
    tick_low: int
    tick_high: int
    members: I64
    amount: float
    normal: float | None
    chance_bound: float | None
    positions: int
    accounts: int
    effective_accounts: float
    top_share: float
    distance: float


def find_bands(
    price: F64,
    weight: F64,
    account: I64,
    spot: float,
    side: Side,
    settings: BandSettings | None = None,
) -> list[Band]:
    """Bands and walls of one driver and side.

    Args:
        price: liquidation prices [USD], float64[n]; rows outside the window (or nan) are ignored.
        weight: collateral at risk at that price [USD], float64[n]; rows without any are ignored.
        account: owner of each row, int64[n]; rows of one owner are one account in tests and
            counts, but keep their own prices (`_view.py` says how).
        spot: present price [USD].
        side: "long" looks at [(1 - window) spot, spot], "short" at [spot, (1 + window) spot].
        settings: the definition's parameters.

    Returns:
        Ranges by amount, largest first (then by price). Bands do not overlap each other.

    Raises:
        ValueError: columns of different length, a negative or infinite weight, a spot that is not
            finite and above zero, an unknown side, or a window below 0.4.
    """
    settings = settings or BandSettings()
    _check(price, weight, account, spot, side, settings)
    low, high = (1 - settings.window) * spot, spot
    if side == "short":
        low, high = spot, (1 + settings.window) * spot
    view = look(price, weight, account, low, high)
    if view is None:
        return []
    quote = _Quote(view, spot, settings.trim)
    bands, lone = _quote_bands(quote, tested_ranges(view, settings), settings)
    walls = _quote_walls(quote, bands, lone, settings)
    return sorted(bands + walls, key=lambda band: (-band.amount, band.low))


def _check(
    price: F64, weight: F64, account: I64, spot: float, side: str, settings: BandSettings
) -> None:
    if not len(price) == len(weight) == len(account):
        raise ValueError("price, weight and account must have the same length")
    if len(weight) and not (weight.min() >= 0.0 and weight.max() < np.inf):
        raise ValueError("a weight must be finite and not negative")
    if not 0.0 < spot < np.inf:
        raise ValueError("spot must be finite and above zero")
    if side not in ("long", "short"):
        raise ValueError("side must be 'long' or 'short'")
    if not 0.4 <= settings.window < 1.0:
        raise ValueError("the window must be at least 0.4: the surroundings need room")


@dataclass(frozen=True)
class _Quote:
    """Turns sets of rows of one view into reported ranges."""

    view: View
    spot: float
    trim: float

    def in_ticks(self, start: int, stop: int) -> I64:
        """Rows of the view in ticks [start, stop), in the caller's order."""
        return np.flatnonzero((self.view.tick >= start) & (self.view.tick < stop))

    def edges(self, at: I64, cap: float = np.inf, trim_account: float = 0.0) -> tuple[float, float]:
        """Real prices where the rows begin and end when no account weighs more than `cap`.

        On either side `trim` of the capped units lies at or beyond the edge, or `trim_account` of
        the average account, the largest left out. A giant thus hides no crowd around it, and what
        is small beside the others at the rim widens nothing.
        """
        view = self.view
        price, tick, units = view.price[at], view.tick[at], view.capped(cap, at)
        held = np.sort(view.owners(at, units)[1])
        others = held[:-1]
        average = float((others * others).sum()) / max(float(others.sum()), 1.0)
        beyond = max(self.trim * float(held.sum()), trim_account * average)
        low = _price_reached(price, tick, units, beyond)
        high = -_price_reached(-price, view.ticks - 1 - tick, units, beyond)
        return low, high

    def quote(
        self,
        kind: Literal["band", "walls", "wall"],
        members: I64,
        edges: tuple[float, float],
        ticks: _Ticks,
    ) -> Band:
        """A range of these members."""
        low, high = edges
        held = self.view.units[members]
        units = float(held.sum())
        share = np.sort(self.view.owners(members, held)[1] / units)
        nearest = high if high <= self.spot else low
        return Band(
            kind=kind,
            low=low,
            high=high,
            tick_low=self.view.first_tick + ticks[0],
            tick_high=self.view.first_tick + ticks[1] - 1,
            members=self.view.row[members],
            amount=units * self.view.unit,
            normal=None,
            chance_bound=None,
            positions=len(members),
            accounts=len(share),
            effective_accounts=float(1.0 / (share * share).sum()),
            top_share=float(share[-1]),
            distance=nearest / self.spot - 1.0,
        )


def _price_reached(price: F64, tick: I64, units: F64, need: float) -> float:
    """The price at which `need` of the units lie at or below; only one tick needs sorting."""
    held = np.cumsum(np.bincount(tick, weights=units))
    at = int(np.searchsorted(held, need))
    inside = np.flatnonzero(tick == at)
    inside = inside[np.argsort(price[inside])]
    before = float(held[at - 1]) if at else 0.0
    reached = int(np.searchsorted(before + np.cumsum(units[inside]), need))
    return float(price[inside[reached]])


@dataclass(frozen=True)
class _Lone:
    """A range in ticks [start, stop) given up as a band because `owner` is nearly all of it."""

    owner: int
    start: int
    stop: int


@dataclass(frozen=True)
class _Wall:
    """One account's rows in a run of adjoining ticks [start, stop)."""

    owner: int
    rows: I64
    start: int
    stop: int
    low: float
    high: float


def _quote_bands(
    quote: _Quote, ranges: Iterable[Candidate], settings: BandSettings
) -> tuple[list[Band], list[_Lone]]:
    """Bands of the tested ranges, and those given up because one account is all of it."""
    bands: list[Band] = []
    lone: list[_Lone] = []
    for one in ranges:
        members = quote.in_ticks(one.start, one.stop)
        owners, held = quote.view.owners(members, quote.view.units[members])
        if held.max() > settings.lone_share * held.sum():
            lone.append(_Lone(int(owners[held.argmax()]), one.start, one.stop))
            continue
        edges = quote.edges(members, one.cap, settings.trim_account)
        band = quote.quote("band", members, edges, (one.start, one.stop))
        normal = one.normal * quote.view.total * quote.view.unit
        bands.append(replace(band, normal=normal, chance_bound=one.chance))
    return bands, lone


def _quote_walls(
    quote: _Quote, bands: Sequence[Band], lone: Sequence[_Lone], settings: BandSettings
) -> list[Band]:
    """Walls outside the bands: alone, on one tick, or linked into one range."""
    view = quote.view
    inside = np.zeros(view.ticks, dtype=np.bool_)
    for band in bands:
        inside[band.tick_low - view.first_tick : band.tick_high + 1 - view.first_tick] = True
    walls = sorted(_walls(quote, inside, lone, settings), key=lambda w: (w.low, w.owner))
    found: list[Band] = []
    for chain in _chains(walls, lambda a, b: _linked(a, b, inside, settings.wall_link)):
        if len({wall.owner for wall in chain}) >= settings.wall_count:
            found.append(_quote_chain(quote, chain))
        else:
            same_tick = _chains(chain, lambda a, b: b.start < a.stop)
            found.extend(_quote_chain(quote, group) for group in same_tick)
    return found


def _walls(
    quote: _Quote, inside: npt.NDArray[np.bool_], lone: Sequence[_Lone], settings: BandSettings
) -> Iterable[_Wall]:
    """Runs of adjoining ticks in which one account holds `wall_share` of the view."""
    view = quote.view
    least = settings.wall_share * view.total
    large = view.size >= least
    large[[one.owner for one in lone]] = True
    rows = np.flatnonzero(large[view.owner] & ~inside[view.tick])
    for owner in np.unique(view.owner[rows]).tolist():
        own = rows[view.owner[rows] == owner]
        ticks = np.unique(view.tick[own])
        for group in np.split(ticks, np.flatnonzero(np.diff(ticks) > 1) + 1):
            start, stop = int(group[0]), int(group[-1]) + 1
            run = own[(view.tick[own] >= start) & (view.tick[own] < stop)]
            given_up = any(o.owner == owner and o.start < stop and start < o.stop for o in lone)
            if given_up or view.units[run].sum() >= least:
                yield _Wall(owner, run, start, stop, *quote.edges(run))


def _linked(a: _Wall, b: _Wall, inside: npt.NDArray[np.bool_], link: float) -> bool:
    """True if wall b follows wall a closely, with no band between them."""
    near = b.start < a.stop or b.low <= a.high * (1.0 + link)
    return near and not inside[a.start : b.stop].any()


def _chains(walls: Sequence[_Wall], linked: Callable[[_Wall, _Wall], bool]) -> list[list[_Wall]]:
    """Walls, sorted by price, in groups of which each is linked to the next."""
    chains: list[list[_Wall]] = []
    for wall in walls:
        if chains and linked(chains[-1][-1], wall):
            chains[-1].append(wall)
        else:
            chains.append([wall])
    return chains


def _quote_chain(quote: _Quote, chain: Sequence[_Wall]) -> Band:
    """One account is a wall with its own rows; several are a range with all rows in its ticks.

    The edges are those of the walls, so that a crowd around them does not widen the range.
    """
    ticks = min(wall.start for wall in chain), max(wall.stop for wall in chain)
    rows = np.sort(np.concatenate([wall.rows for wall in chain]))
    edges = quote.edges(rows)
    if len({wall.owner for wall in chain}) == 1:
        return quote.quote("wall", rows, edges, ticks)
    return quote.quote("walls", quote.in_ticks(*ticks), edges, ticks)
