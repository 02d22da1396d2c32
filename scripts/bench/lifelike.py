"""Ranges planted among the positions of stored scans: real prices, real sizes, real owners.

    python scripts/bench/bands.py lifelike      # makes the chains, scans them, prints; two minutes
    python scripts/bench/lifelike.py STORE ...  # positions of the newest scan of these stores

Without stores the populations are 3,000 people and 520 beside the whales in the real Aave
contracts of a local chain, and 30,000 borrowers of the market of mainnet's shape
(`scripts/synthetic`). Each driver's falls with at least 200 positions in view are one population.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

if __name__ == "__main__":  # a script's own folder is on the path, its parent is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localchain import LocalChain
from localchain.demo import CROWD, CROWD_ETH, SPOT, WHALE_ETH, WHALES
from synthetic import Synthetic

from bench.planted import CENTRAL, MATCH, Truth, is_one_account, near_edges, offsets, overlap, sized
from scanner import scan
from scanner.core.bands import Band, find_bands
from scanner.store import snapshots

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

WINDOW = 0.6
LEAST = 200
KINDS = ("box", "gauss", "slope", "six", "whale")
SEEDS = range(31800, 31820)
AROUND = 0.20
BLUR = 0.10  # in log price: what is left of a population without any narrow structure


@dataclass(frozen=True)
class Population:
    """Positions of one driver that a fall can liquidate, in view. `owner` are dense numbers."""

    name: str
    spot: float
    price: F64
    weight: F64
    owner: I64

    def found(self) -> list[Band]:
        """What the finder says of it."""
        return find_bands(self.price, self.weight, self.owner, self.spot, "long")

    def joined(self, distance: F64, weight: F64) -> "Population":
        """The same with one more owner for each distance below spot."""
        fresh = int(self.owner.max()) + 1 + np.arange(len(distance))
        return Population(
            self.name,
            self.spot,
            np.append(self.price, self.spot * np.exp(-distance)),
            np.append(self.weight, weight),
            np.append(self.owner, fresh),
        )

    def blurred(self, rng: np.random.Generator) -> "Population":
        """Prices moved at random by about half the surroundings, and sizes dealt out anew.

        No narrow range is left, and no large account stays beside another.
        """
        dealt = rng.permutation(len(self.price))
        distance = np.log(self.spot / self.price)
        moved = np.abs(distance + rng.normal(0.0, BLUR, len(distance)))
        deepest = -np.log(1.0 - WINDOW)
        moved = np.where(moved > deepest, 2 * deepest - moved, moved)
        price = self.spot * np.exp(-np.abs(moved))
        return Population(self.name, self.spot, price, self.weight[dealt], self.owner[dealt])


def populations(store: Path) -> list[Population]:
    """Those of the newest scan of a store that have enough positions."""
    snapshot = snapshots.newest(store, None, complete=None)
    if snapshot is None:
        return []
    spots = {row["driver"]: row["spot_usd"] for row in snapshot.document()["drivers"]}
    table = snapshot.positions()
    found = []
    for driver, spot in sorted(spots.items()):
        price = table["liquidation_price_usd"].to_numpy(np.float64, na_value=np.nan)
        rows = (table["driver"] == driver) & (table["side"] == "long")
        seen = rows.to_numpy() & (price >= (1 - WINDOW) * spot) & (price <= spot)
        if np.count_nonzero(seen) < LEAST:
            continue
        risk = table["collateral_at_risk_usd"].to_numpy(np.float64)[seen]
        _, owner = np.unique(table["owner"].to_numpy()[seen], return_inverse=True)
        found.append(Population(driver, spot, price[seen], risk, owner.astype(np.int64)))
    return found


def planted(crowd: Population, kind: str, seed: int) -> tuple[Population, list[Truth]]:
    """The population with a plant of that kind, in sizes drawn from its own owners.

    Boxes, humps and slopes add 3.5-9 times the dollars and owners of their surroundings (at least
    2 % of the dollars and five owners); the rest is as in `planted.plant`.
    """
    rng = np.random.default_rng([KINDS.index(kind), len(crowd.price), seed])
    distance, everything = np.log(crowd.spot / crowd.price), float(crowd.weight.sum())
    held = np.bincount(crowd.owner, weights=crowd.weight)
    held = held[held > 0.0]
    shape = "box" if kind == "whale" else kind
    ranges: list[tuple[float, float]] = []
    grown = crowd
    if shape == "six":
        width = float(rng.uniform(0.03, 0.05))
        (edge,) = near_edges(rng, [width])
        at = edge + np.concatenate(([0.0], rng.uniform(0.0, width, 4), [width]))
        grown = grown.joined(
            at, sized(rng.uniform(0.5, 1.5, 6), everything, rng.uniform(0.15, 0.35))
        )
        ranges.append((edge, edge + width))
    else:
        widths = [float(rng.uniform(0.012, 0.065)) for _ in range(1 if kind == "whale" else 2)]
        for edge, width in zip(near_edges(rng, widths), widths, strict=True):
            near = np.abs(distance - edge - width / 2) <= AROUND
            part = float(rng.uniform(3.5, 9.0)) * width / (2 * AROUND)
            count = max(5, round(part * np.count_nonzero(near)))
            dollars = max(0.02 * everything, part * float(crowd.weight[near].sum()))
            sizes = rng.choice(held, count)
            at = edge + offsets(rng, shape, width, count)
            grown = grown.joined(at, sizes * (dollars / sizes.sum()))
            ramp = float(CENTRAL[shape]) * width
            ranges.append((edge + ramp, edge + width - ramp))
            if kind == "whale":
                at = np.array([edge + width + 0.03 if rng.random() < 0.5 else edge - 0.03])
                whale = sized(np.ones(1), everything, rng.uniform(0.10, 0.30))
                grown = grown.joined(at, whale)
                ranges.append((float(at[0]), float(at[0])))
    low_high = np.exp(-np.array(ranges))[:, ::-1] * crowd.spot
    return grown, [Truth(float(low), float(high)) for low, high in low_high]


@dataclass
class Tally:
    """Scores of the books of one population."""

    overlaps: dict[str, list[float]] = field(default_factory=dict)
    false_bands: int = 0
    books: int = 0

    def add(
        self, kind: str, truths: Sequence[Truth], known: Sequence[Band], found: Sequence[Band]
    ) -> None:
        """`known` are ranges of the population itself: neither found nor false."""
        facts = [*truths, *(Truth(b.low, b.high) for b in known)]
        best = [max((overlap(t, b.low, b.high) for b in found), default=0.0) for t in truths]
        self.overlaps.setdefault(kind, []).extend(best)
        self.books += 1
        self.false_bands += sum(
            b.kind == "band"
            and not is_one_account(b)
            and all(overlap(t, b.low, b.high) < MATCH for t in facts)
            for b in found
        )


def row(name: str, crowd: Population, seeds: Sequence[int] = SEEDS) -> str:
    """Markdown: what is found of what is planted into one population."""
    tally, free = Tally(), Tally()
    own = crowd.found()
    for seed in seeds:
        for kind in KINDS:
            grown, truths = planted(crowd, kind, seed)
            tally.add(kind, truths, own, grown.found())
        free.add("none", [], [], crowd.blurred(np.random.default_rng([9, seed])).found())
    every = np.concatenate(list(tally.overlaps.values()))
    means = " | ".join(f"{np.mean(tally.overlaps[kind]):.2f}" for kind in KINDS)
    missed = float(np.mean(every < MATCH))
    bands = sum(band.kind == "band" for band in own)
    return (
        f"| {name}, {crowd.name} | {len(crowd.price):,} | {bands} | {means} | {missed:.3f} "
        f"| {tally.false_bands / tally.books:.3f} | {free.false_bands / free.books:.3f} |"
    )


def stores(folder: Path) -> Iterator[tuple[str, Path]]:
    """Scans of chains made for it, by name."""
    with LocalChain("origin") as chain:
        chain.populate(3_000)
        yield "3,000 people", _scanned(chain, folder / "people")
    with LocalChain("origin", spot=SPOT) as chain:
        chain.crowd(CROWD, CROWD_ETH)
        chain.whales(WHALES, WHALE_ETH)
        yield "crowd and whales", _scanned(chain, folder / "whales")
    with Synthetic(7, 30_000, 25_000_000, log_range=100_000) as market:
        yield "mainnet's shape", _scanned(market, folder / "synthetic")


def _scanned(chain: LocalChain | Synthetic, folder: Path) -> Path:
    folder.mkdir()
    chain.write_deployments(str(folder / "deployments.toml"))
    request = scan.Request(
        chain=None,
        rpc=(chain.url,),
        protocols=(),
        deployments=folder / "deployments.toml",
        store=folder / "store",
    )
    finished = scan.run(request)
    if not finished.complete:
        raise RuntimeError(f"an incomplete scan: {finished.document['problems']}")
    return folder / "store"


def table(given: Sequence[Path] = ()) -> Iterator[str]:
    """Markdown: one row for each population."""
    false = "false, planted | false, blurred"
    yield f"| population | rows | own bands | {' | '.join(KINDS)} | missed | {false} |"
    yield "|" + "---|" * (len(KINDS) + 6)
    with tempfile.TemporaryDirectory() as made:
        named = ((path.name, path) for path in given) if given else stores(Path(made))
        for name, store in named:
            for crowd in populations(store):
                yield row(name, crowd)


if __name__ == "__main__":
    for line in table([Path(argument) for argument in sys.argv[1:]]):
        print(line, flush=True)
