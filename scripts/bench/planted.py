"""Synthetic books of liquidation prices with planted bands whose true edges are known.

`d = -ln(price / spot)` is the distance below spot; the view ends at 0.4 of spot. A book is a
background crowd of Pareto-sized accounts, three lone whales (from 1,000 accounts on) and one kind
of plant. Every draw comes from `numpy.random.default_rng` seeded with kind, background, size, seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from scanner.core.bands import Band
from scanner.core.ticks import TICK_RATIO

F64 = npt.NDArray[np.float64]

SPOT = 3000.0
DEPTH = -np.log(0.4)
"""Deepest distance in view: 60 % below spot."""
BACKGROUNDS = ("near", "far", "two-hump", "flat", "steep")
PLANTS = ("box", "gauss", "slope", "six", "whale", "none")
MATCH = 0.3
"""Least IoU at which a reported range counts as the planted one."""


@dataclass(frozen=True)
class Truth:
    """A planted range in USD; a lone price has `low == high`."""

    low: float
    high: float


@dataclass
class Book:
    """Positions (one account each) and what was planted among them.

    Attributes:
        price, weight: one entry per position [USD].
        truths: the planted ranges.
        landmarks: prices of lone whales, which are facts but not plants.
    """

    price: F64
    weight: F64
    truths: list[Truth]
    landmarks: list[float] = field(default_factory=list)

    @property
    def account(self) -> npt.NDArray[np.int64]:
        """One owner per position."""
        return np.arange(len(self.price), dtype=np.int64)


_GRID = np.linspace(0.0, DEPTH, 4001)


def _bell(mean: float, sigma: float) -> F64:
    return np.asarray(np.exp(-0.5 * ((_GRID - mean) / sigma) ** 2) / sigma)


def background_density(name: str) -> F64:
    """Density of the crowd over distance below spot, on the grid, integrating to 1."""
    shape = {
        "near": _bell(0.12, 0.16) + _bell(-0.12, 0.16),
        "far": _bell(0.45, 0.25) + _bell(-0.45, 0.25),
        "two-hump": _bell(0.16, 0.09) + _bell(0.60, 0.14),
        "flat": np.ones_like(_GRID),
        "steep": np.exp(-_GRID / 0.16),
    }[name]
    return np.asarray(shape / (shape.mean() * DEPTH))


def _draw(rng: np.random.Generator, density: F64, count: int) -> F64:
    cumulative = np.cumsum(density)
    return np.interp(rng.random(count), cumulative / cumulative[-1], _GRID)


CENTRAL = {"box": 0.0, "gauss": 0.0, "slope": np.sqrt(0.025 * 4 / 9)}
"""What the truth leaves out on either side, in widths: 2.5 % of the mass where sides are ramps."""


def offsets(rng: np.random.Generator, kind: str, width: float, count: int) -> F64:
    """Distances of a plant's accounts from its near edge; the truth is [0, width]."""
    if kind == "gauss":  # the truth is the central 95 %
        return rng.normal(width / 2, width / 2 / 1.959964, count)
    if kind == "slope":  # trapezoid: ramps of a third on both sides
        return rng.uniform(0, width / 3, count) + rng.uniform(0, 2 * width / 3, count)
    return rng.uniform(0, width, count)


def _sizes(rng: np.random.Generator, tail: float, count: int, total: float) -> F64:
    """Pareto sizes that add up to `total`."""
    sizes = rng.pareto(tail, count) + 1.0
    return np.asarray(sizes * (total / sizes.sum()))


def sized(parts: F64, others: float, share: float) -> F64:
    """Sizes in the ratio of `parts` that hold `share` of everything once they join `others`."""
    return np.asarray(parts * (others * share / (1.0 - share) / parts.sum()))


def near_edges(rng: np.random.Generator, widths: Sequence[float]) -> list[float]:
    """Near edges of plants 6-46 % below spot, at least 6 % apart."""
    while True:
        edges = [float(rng.uniform(-np.log(0.94), -np.log(0.54) - w)) for w in widths]
        spans = sorted(zip(edges, widths, strict=True))
        if all(a + w + 0.06 < b for (a, w), (b, _) in pairwise(spans)):
            return edges


def plant(kind: str, background: str, n: int, seed: int) -> Book:
    """A book of `n` accounts (and whales) with one kind of plant on one background.

    Weights add up to 1e9 USD. Boxes, humps and slopes add 3.5-9 times the background's own
    density over their width (at least 2 % of the background), in dollars and in accounts.
    """
    rng = np.random.default_rng([PLANTS.index(kind), BACKGROUNDS.index(background), n, seed])
    density = background_density(background)
    tail = float(rng.uniform(1.1, 1.5))
    parts: list[F64] = []
    sizes: list[F64] = []
    truths: list[tuple[float, float]] = []

    shape = "box" if kind == "whale" else kind
    masses: list[float] = []
    widths: list[float] = []
    edges: list[float] = []
    if shape in ("box", "gauss", "slope"):
        widths = [float(rng.uniform(0.012, 0.065)) for _ in range(1 if kind == "whale" else 2)]
        edges = near_edges(rng, widths)
        for edge, width in zip(edges, widths, strict=True):
            local = float(np.interp(edge + width / 2, _GRID, density))
            masses.append(max(0.02, float(rng.uniform(3.5, 9.0)) * local * width))
    everything = 1.0 + sum(masses)
    for edge, width, mass in zip(edges, widths, masses, strict=True):
        count = max(5, round(n * mass / everything))
        parts.append(edge + offsets(rng, shape, width, count))
        sizes.append(_sizes(rng, tail, count, mass))
        ramp = float(CENTRAL[shape]) * width
        truths.append((edge + ramp, edge + width - ramp))
    crowd = n - sum(len(part) for part in parts)
    parts.append(_draw(rng, density, crowd))
    sizes.append(_sizes(rng, tail, crowd, 1.0))

    if kind == "six":
        width = float(rng.uniform(0.03, 0.05))
        edge = near_edges(rng, [width])[0]
        parts.append(edge + np.concatenate(([0.0], rng.uniform(0, width, 4), [width])))
        sizes.append(sized(rng.uniform(0.5, 1.5, 6), everything, rng.uniform(0.15, 0.35)))
        truths.append((edge, edge + width))
    if kind == "whale":
        at = edges[0] + widths[0] + 0.03 if rng.random() < 0.5 else edges[0] - 0.03
        parts.append(np.array([at]))
        sizes.append(sized(np.ones(1), everything, rng.uniform(0.10, 0.30)))
        truths.append((at, at))
    landmarks: F64 = np.zeros(0)
    if n >= 1000:
        landmarks = _draw(rng, density, 3)
        parts.append(landmarks)
        everything = sum(float(part.sum()) for part in sizes)
        sizes.append(sized(rng.dirichlet([3.0, 3.0, 3.0]), everything, rng.uniform(0.05, 0.30)))

    distance, weight = np.concatenate(parts), np.concatenate(sizes)
    return Book(
        price=SPOT * np.exp(-distance),
        weight=weight * (1e9 / weight.sum()),
        truths=[Truth(SPOT * float(np.exp(-b)), SPOT * float(np.exp(-a))) for a, b in truths],
        landmarks=[float(p) for p in SPOT * np.exp(-landmarks)],
    )


def whales(
    seed: int,
    *,
    spot: float = 2350.0,
    crowd: int = 520,
    background: str = "near",
    sizes: str = "pareto",
) -> Book:
    """Six quoted whales with 650,000 ETH among a random crowd with 1.3M ETH, valued at p*.

    The crowd's sizes are Pareto with index 1.1-1.5 (so one of them is often as large as a whale)
    or log-normal with sigma 1.
    """
    rng = np.random.default_rng([99, BACKGROUNDS.index(background), crowd, seed])
    price = spot * np.exp(-_draw(rng, background_density(background), crowd))
    tokens = _sizes(rng, rng.uniform(1.1, 1.5), crowd, 1.0)
    if sizes == "lognormal":
        tokens = rng.lognormal(0.0, 1.0, crowd)
    tokens *= 1_300_000.0 / tokens.sum()
    six = np.array([1781.09, 1791.0, 1807.0, 1808.0, 1842.0, 1862.02])
    held = rng.uniform(0.5, 1.5, 6)
    held *= 650_000.0 / held.sum()
    price = np.concatenate((price, six))
    weight = price * np.concatenate((tokens, held))
    return Book(price, weight, [Truth(1781.09, 1862.02)])


def overlap(truth: Truth, low: float, high: float) -> float:
    """Intersection over union in log price; a one-price truth gets a tick of slack each side."""
    slack = float(np.log(TICK_RATIO)) if truth.low == truth.high else 0.0
    a, b = np.log(truth.low) - slack, np.log(truth.high) + slack
    c, d = np.log(low) - slack, np.log(high) + slack
    return max(0.0, float((min(b, d) - max(a, c)) / (max(b, d) - min(a, c))))


def is_one_account(band: Band) -> bool:
    """True for a row that speaks of one account: at most 3 ticks, half of it one account."""
    return band.tick_high - band.tick_low < 3 and band.top_share >= 0.5


@dataclass(frozen=True)
class Score:
    """How a finder did on one book."""

    overlaps: list[float]
    missed: int
    false_bands: int
    false_ranges: int


def score(book: Book, found: Sequence[Band]) -> Score:
    """Best overlap per truth, truths missed, and rows that match no truth.

    A false band is a row of kind `band` that matches no truth and is no statement about one
    account; rows of kind `walls` that match nothing are counted apart (`false_ranges`).
    """
    best = [max((overlap(t, b.low, b.high) for b in found), default=0.0) for t in book.truths]
    stray = [
        b
        for b in found
        if all(overlap(t, b.low, b.high) < MATCH for t in book.truths) and not is_one_account(b)
    ]
    return Score(
        overlaps=best,
        missed=sum(value < MATCH for value in best),
        false_bands=sum(b.kind == "band" for b in stray),
        false_ranges=sum(b.kind == "walls" for b in stray),
    )
