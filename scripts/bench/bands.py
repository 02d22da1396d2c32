"""The band finder's table: planted books, band-free books, the quoted whales, and timings."""

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from bench.planted import BACKGROUNDS, PLANTS, SPOT, plant, score, whales
from scanner.core.bands import BandSettings, find_bands


@dataclass
class Row:
    n: int
    overlaps: dict[str, list[float]] = field(default_factory=dict)
    missed: int = 0
    false_planted: int = 0
    false_free: int = 0
    ranges_free: int = 0
    planted: int = 0
    free: int = 0
    seconds: list[float] = field(default_factory=list)


def measure(n: int, seeds: Iterable[int], settings: BandSettings | None = None) -> Row:
    row = Row(n)
    for seed in seeds:
        for kind in PLANTS:
            for background in BACKGROUNDS:
                book = plant(kind, background, n, seed)
                start = time.perf_counter()
                found = find_bands(book.price, book.weight, book.account, SPOT, "long", settings)
                row.seconds.append(time.perf_counter() - start)
                result = score(book, found)
                if kind == "none":
                    row.free += 1
                    row.false_free += result.false_bands
                    row.ranges_free += result.false_ranges
                else:
                    row.planted += 1
                    row.false_planted += result.false_bands
                    row.missed += result.missed
                    row.overlaps.setdefault(kind, []).extend(result.overlaps)
    return row

def show(row):
    iou=" ".join(f"{np.mean(row.overlaps[k]):.2f}" for k in PLANTS if k!="none")
    nt=sum(len(v) for v in row.overlaps.values())
    print(f"{row.n:>8} {iou} | missed {row.missed/nt:.3f} | false {row.false_planted/row.planted:.3f} | free {row.false_free/row.free:.3f} ranges {row.ranges_free/row.free:.3f} | {1e3*np.median(row.seconds):.1f} ms", flush=True)
if __name__=="__main__":
    first=int(sys.argv[1]); count=int(sys.argv[2])
    for n in map(int, sys.argv[3:]):
        show(measure(n, range(first, first+count)))
