"""The band finder's table: planted books, band-free books, the quoted whales, and timings.

    python scripts/bench/bands.py            # prints; about ten minutes on one core
    python scripts/bench/bands.py --write    # and puts the tables into docs/bands.md
    python scripts/bench/bands.py TABLE ...  # these only: time planted whales thick owned lifelike

The seeds below were never used while the finder was tuned.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

if __name__ == "__main__":  # a script's own folder is on the path, its parent is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import lifelike, owned
from bench.planted import (
    BACKGROUNDS,
    MATCH,
    PLANTS,
    SPOT,
    Book,
    overlap,
    plant,
    score,
    whales,
)
from bench.report import Figure
from scanner.core.bands import Band, find_bands
from scanner.core.ticks import tick_table

WHALE_SEEDS = range(30200, 30250)
THICK_SEEDS = range(30300, 30325)
THICK_SPOTS = (2_100.0, 1_980.0)  # the whales at 1,781-1,862 sit where the crowd is thickest
SIZES = (60, 200, 500, 1_000, 5_000, 50_000, 1_000_000)
QUOTED = (1781.09, 1862.02)
TIMED = (1_000, 5_000, 50_000, 1_000_000)
DOCS = Path(__file__).resolve().parents[2] / "docs" / "bands.md"

# The hold-out figures of the trial finder, by number of accounts: mean IoU per plant ...
TRIAL = {
    200: {"box": 0.73, "gauss": 0.71, "slope": 0.73, "six": 0.73, "whale": 0.82},
    1_000: {"box": 0.93, "gauss": 0.85, "slope": 0.88, "six": 0.73, "whale": 0.96},
    5_000: {"box": 0.96, "gauss": 0.87, "slope": 0.94, "six": 0.76, "whale": 0.96},
    50_000: {"box": 0.97, "gauss": 0.91, "slope": 0.95, "six": 0.75, "whale": 0.96},
}
# ... and false bands per band-free scan.
TRIAL_FALSE = {200: 0.063, 1_000: 0.040, 5_000: 0.013, 50_000: 0.0}


def seeds(n: int, free: bool = False) -> range:
    """Seeds of the table for books of that size: single small books scatter most."""
    count = 40 if n < 1_000 else 10 if n < 1_000_000 else 2
    if free:
        return range(30100, 30100 + (40 if n < 50_000 else 2 * count))
    return range(30000, 30000 + count)


@dataclass
class Tally:
    """Scores of many books of one size."""

    overlaps: dict[str, list[float]] = field(default_factory=dict)
    missed: int = 0
    false_bands: int = 0
    false_ranges: int = 0
    books: int = 0

    @property
    def truths(self) -> int:
        """How many ranges were planted."""
        return sum(len(values) for values in self.overlaps.values())


def search(book: Book, spot: float = SPOT) -> list[Band]:
    """What the finder says about a book's falls."""
    return find_bands(book.price, book.weight, book.account, spot, "long")


def tally(kinds: Iterable[str], n: int, seeds: Iterable[int]) -> Tally:
    """Scores over all backgrounds and seeds."""
    result = Tally()
    for seed in seeds:
        for kind in kinds:
            for background in BACKGROUNDS:
                book = plant(kind, background, n, seed)
                one = score(book, search(book))
                result.books += 1
                result.missed += one.missed
                result.false_bands += one.false_bands
                result.false_ranges += one.false_ranges
                result.overlaps.setdefault(kind, []).extend(one.overlaps)
    return result


def planted_table() -> Iterator[str]:
    """Markdown: mean IoU per plant, missed, false bands."""
    kinds = [kind for kind in PLANTS if kind != "none"]
    heads = ["missed", "false, planted", "false, band-free (scans)", "walls"]
    yield f"| n | {' | '.join(kinds + heads)} |"
    yield "|" + "---|" * (len(kinds) + 5)
    for n in SIZES:
        planted = tally(kinds, n, seeds(n))
        free = tally(["none"], n, seeds(n, free=True))
        means = " | ".join(f"{np.mean(planted.overlaps[kind]):.2f}" for kind in kinds)
        yield (
            f"| {n:,} | {means} | {planted.missed / planted.truths:.3f} "
            f"| {planted.false_bands / planted.books:.3f} "
            f"| {free.false_bands / free.books:.3f} ({free.books}) "
            f"| {free.false_ranges / free.books:.3f} |"
        )


def figures() -> list[Figure]:
    """What `scripts/bench bands` checks: IoU lost and false bands, against the trial's."""
    result = []
    for n, trials in TRIAL.items():
        planted = tally(list(trials), n, seeds(n))
        for kind, trial in trials.items():
            lost = 1.0 - float(np.mean(planted.overlaps[kind]))
            result.append(Figure(f"n = {n:,}, {kind}: 1 - mean IoU", lost, "", 1.05 - trial))
        free = tally(["none"], n, seeds(n, free=True))
        rate = free.false_bands / free.books
        result.append(
            Figure(f"n = {n:,}: false bands per band-free scan", rate, "", 2 * TRIAL_FALSE[n])
        )
    return result


def whale_table() -> Iterator[str]:
    """Markdown: how often the quoted range comes out to the cent, first by amount."""
    yield "| crowd of 520 | first, to the cent | as a band | mean IoU |"
    yield "|---|---|---|---|"
    cases = [(background, "pareto") for background in BACKGROUNDS] + [("near", "lognormal")]
    for background, sizes in cases:
        exact = bands = 0
        overlaps = []
        for seed in WHALE_SEEDS:
            book = whales(seed, background=background, sizes=sizes)
            found = search(book, 2350.0)
            first = found[0] if found else None
            hit = first is not None and (first.low, first.high) == QUOTED
            exact += hit
            bands += hit and first is not None and first.kind == "band"
            overlaps += score(book, found).overlaps
        yield (
            f"| {background}, {sizes} sizes | {exact} of {len(WHALE_SEEDS)} | {bands} "
            f"| {np.mean(overlaps):.2f} |"
        )


def thick_table() -> Iterator[str]:
    """Markdown: the quoted whales in the thickest part of the crowd, band or walls."""
    yield "| spot, crowd of 520 | to the cent | as a band | as walls | missed | mean IoU |"
    yield "|---|---|---|---|---|---|"
    for spot in THICK_SPOTS:
        for background in ("near", "steep", "two-hump"):
            exact, kinds, overlaps = 0, {"band": 0, "walls": 0, "wall": 0}, []
            for seed in THICK_SEEDS:
                for sizes in ("pareto", "lognormal"):
                    book = whales(seed, spot=spot, background=background, sizes=sizes)
                    truth = book.truths[0]
                    best = max(search(book, spot), key=lambda b: overlap(truth, b.low, b.high))
                    overlaps.append(overlap(truth, best.low, best.high))
                    exact += (best.low, best.high) == QUOTED
                    kinds[best.kind] += overlaps[-1] >= MATCH
            missed = sum(value < MATCH for value in overlaps)
            yield (
                f"| {spot:,.0f}, {background} | {exact} of {len(overlaps)} | {kinds['band']} "
                f"| {kinds['walls']} | {missed} | {np.mean(overlaps):.2f} |"
            )


def _fastest(run: object, times: int = 7) -> float:
    assert callable(run)
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        spent.append(time.perf_counter() - start)
    return min(spent)


def time_table() -> Iterator[str]:
    """Markdown: the fastest of seven runs, and how many `np.bincount` passes that is."""
    legs = np.sort(np.random.default_rng(1).integers(0, 1_000_000, 2_500_000))
    amount = np.ones(len(legs))
    base = _fastest(lambda: np.bincount(legs, weights=amount, minlength=1_000_000))
    yield "| n | finder, ms | tick table, ms | both, in passes of bincount over 2.5M legs |"
    yield "|---|---|---|---|"
    for n in TIMED:
        book = plant("box", "near", n, 1)
        account, price, weight = book.account, book.price, book.weight
        finder = _fastest(lambda p=price, w=weight, a=account: find_bands(p, w, a, SPOT, "long"))
        table = _fastest(lambda p=price, w=weight: tick_table(p, w, w))
        yield (
            f"| {n:,} | {1e3 * finder:.1f} | {1e3 * table:.1f} | {(finder + table) / base:.1f} |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield ""
    yield f"One bincount pass took {1e3 * base:.1f} ms; peak memory of the run {peak:,.0f} MB."


TABLES = {
    "time": time_table,
    "planted": planted_table,
    "whales": whale_table,
    "thick": thick_table,
    "owned": owned.table,
    "lifelike": lifelike.table,
}


def main() -> None:
    """Print the tables; with --write, put them into the documentation, each between its markers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="all where none is named")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/bands.md")
    options = parser.parse_args()
    for name in options.tables or TABLES:
        lines = []
        for line in TABLES[name]():
            print(line, flush=True)
            lines.append(line)
        print()
        if options.write:
            _write(name, "\n".join(lines))


def _write(name: str, text: str) -> None:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = DOCS.read_text().split(begin)
    after = rest.split(end)[1]
    DOCS.write_text(f"{before}{begin}\n{text}\n{end}{after}")


if __name__ == "__main__":
    main()
