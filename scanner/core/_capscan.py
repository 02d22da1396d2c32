"""The search behind `find_bands`: dense ranges at several account-size caps, tested for chance.

Histograms are cut at several account-size caps, because a crowd shows when no account may weigh
much, and a group of whales when all may. At each cap, ranges that outweigh `level` times normal
are scored by how unlikely the same accounts, thrown at random, would pile up that much there
without the help of the range's largest account. The least likely disjoint ranges are kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core._chance import Sizes, even_exponent, size_cap, tail_exponent
from scanner.core._normal import block_median, local_loglinear
from scanner.core._segments import dense_segments
from scanner.core._view import View
from scanner.core.ticks import TICK_RATIO

F64 = npt.NDArray[np.float64]

_BLOCK = 0.02  # blocks whose median is the first normal: wide enough to hold accounts
_END_WINDOW = 0.05  # least half window at the ends of the view


@dataclass(frozen=True)
class BandSettings:
    """The parameters of the definition; the defaults are the ones that were measured.

    Attributes:
        window: how far from spot the view reaches (0.4 at least: surroundings need room).
        level: a band holds at least this many times normal.
        span: what "surroundings" means, on either side.
        max_width: a wider range is landscape, and searched again at a higher level.
        min_share: least share of all collateral in view.
        max_chance: bound on the number of such ranges expected by chance (E).
        min_accounts: no bands below that.
        wall_share, wall_link, wall_count: an account with this share is a wall; so many walls,
            each within `wall_link` of the next, are one range.
        lone_share: a band with more than this in one account is that account's wall.
        trim: edges leave out this share of the range on either side ...
        trim_account: ... or this part of its average account, where that is more.
        caps: how many account-size caps, evenly spaced in ratio from the crowd's cap to the
            largest account.
        crowd_share: accounts up to the crowd's cap hold this share of the sum of square roots.
        normal_error: allowed error of "normal", a factor.
        least_crowd: accounts added to every window's crowd.
        mask_chance: ranges with E up to this are left out of the second fit of "normal".
        mask_margin: and so many ticks on either side of them.
    """

    window: float = 0.6
    level: float = 2.0
    span: float = 0.20
    max_width: float = 0.10
    min_share: float = 0.01
    max_chance: float = 1.0
    min_accounts: int = 20
    wall_share: float = 0.03
    wall_link: float = 0.02
    wall_count: int = 3
    lone_share: float = 0.98
    trim: float = 0.01
    trim_account: float = 0.5
    caps: int = 6
    crowd_share: float = 1 / 3
    normal_error: float = 1.25
    least_crowd: float = 2.0
    mask_chance: float = 0.4
    mask_margin: int = 2


@dataclass(frozen=True)
class Candidate:
    """A range of the view's ticks [start, stop).

    Attributes:
        normal: share of the view that its surroundings would put there.
        chance: E, how many such ranges chance would give at most.
        cap: the account-size cap at which it stood out [units].
    """

    start: int
    stop: int
    normal: float
    chance: float
    cap: float


@dataclass(frozen=True)
class _Layer:
    """The view at one account-size cap: units per tick, and the capped sizes."""

    cap: float
    mass: F64
    sizes: Sizes


def tested_ranges(view: View, settings: BandSettings) -> list[Candidate]:
    """Disjoint ranges that stand out, least likely by chance first (ties: lower price)."""
    accounts = int(np.count_nonzero(view.size))
    if accounts < settings.min_accounts:
        return []
    layers = [_layer(view, cap) for cap in _caps(view, settings)]
    uncapped = view.histogram(view.units) / view.total
    normal = _first_normal(layers[0], settings)
    limit = settings.mask_chance
    standing = _pick(_candidates(view, layers, uncapped, normal, limit, settings))
    normal = _second_normal(layers[0], normal, standing, settings)
    limit = settings.max_chance
    return _pick(_candidates(view, layers, uncapped, normal, limit, settings))


def _caps(view: View, settings: BandSettings) -> list[float]:
    """Account-size caps in whole units, from the crowd's to the largest account's size."""
    crowd = size_cap(view.sizes, settings.crowd_share)
    largest = float(view.sizes.size[-1])
    caps = np.rint(np.geomspace(max(1.0, crowd), largest, settings.caps))
    return [float(cap) for cap in caps]


def _layer(view: View, cap: float) -> _Layer:
    return _Layer(cap, view.histogram(view.capped(cap)), view.sizes.capped(cap))


def _ticks(width: float) -> int:
    """How many ticks a relative width spans, at least one."""
    return max(1, int(np.log1p(width) / np.log(TICK_RATIO)))


def _first_normal(crowd: _Layer, settings: BandSettings) -> F64:
    """Normal share of the view per tick: the median around it, which bands hardly move."""
    reach = _ticks(settings.span)
    rate = block_median(crowd.mass, reach, _ticks(_BLOCK), _ticks(_END_WINDOW))
    return (rate + _floor(crowd, settings)) / float(crowd.mass.sum())


def _second_normal(
    crowd: _Layer, first: F64, standing: list[Candidate], settings: BandSettings
) -> F64:
    """Normal share per tick, fitted to the crowd outside the ranges that stand out."""
    keep = np.ones(len(crowd.mass), dtype=np.bool_)
    for found in standing:
        keep[max(0, found.start - settings.mask_margin) : found.stop + settings.mask_margin] = False
    total = float(crowd.mass.sum())
    fit = local_loglinear(
        crowd.mass / crowd.cap, keep, _ticks(settings.span), first * total / crowd.cap
    )
    return (fit * crowd.cap + _floor(crowd, settings)) / total


def _floor(crowd: _Layer, settings: BandSettings) -> float:
    """The least crowd, spread over a window [units per tick]."""
    return settings.least_crowd * crowd.cap / (2 * _ticks(settings.span) + 1)


def _candidates(
    view: View,
    layers: list[_Layer],
    uncapped: F64,
    normal: F64,
    limit: float,
    settings: BandSettings,
) -> list[Candidate]:
    """Ranges at every cap that hold enough and more than `level` times normal, E up to `limit`."""
    held_before = np.append(0.0, np.cumsum(uncapped))
    normal_before = np.append(0.0, np.cumsum(normal))
    longest = _ticks(settings.max_width)
    dense: list[tuple[int, int, int]] = []
    for k, layer in enumerate(layers):
        level = settings.level * normal * float(layer.mass.sum())
        dense += [(k, i, j) for i, j in dense_segments(layer.mass, level, longest)]
    ranges = np.array(dense, dtype=np.int64).reshape(-1, 3)
    _, start, stop = ranges.T
    held = held_before[stop] - held_before[start]
    usual = normal_before[stop] - normal_before[start]
    ranges = ranges[(held > settings.min_share) & (held > settings.level * usual)]

    table, start, stop = ranges.T
    usual = normal_before[stop] - normal_before[start]
    before = np.array([np.append(0.0, np.cumsum(layer.mass)) for layer in layers])
    cap = np.array([layer.cap for layer in layers])[table]
    largest = view.largest_in(start, stop, cap)
    rest = before[table, stop] - before[table, start] - largest
    # Half the ranges of this length that fit side by side, times half the caps, because
    # neighbouring places and caps see much the same accounts.
    trials = settings.caps / 2 * view.ticks / (2.0 * (stop - start))
    sizes, thrown = [layer.sizes for layer in layers], settings.normal_error * usual
    # Most ranges are out by a bound that costs little; the margin is for rounding.
    at_least = trials * np.exp(-even_exponent(sizes, table, rest, thrown))
    hopeful = np.flatnonzero(at_least <= 1.001 * limit)
    exponent = tail_exponent(sizes, table[hopeful], rest[hopeful], thrown[hopeful])
    chance = trials[hopeful] * np.exp(-exponent)
    rare = chance <= limit
    columns = (start[hopeful], stop[hopeful], usual[hopeful], chance, cap[hopeful])
    return list(map(Candidate, *(column[rare].tolist() for column in columns)))


def _pick(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The least likely candidates that overlap nothing less likely."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: (c.chance, c.start, c.stop)):
        if all(one.stop <= other.start or other.stop <= one.start for other in kept):
            kept.append(one)
    return kept
