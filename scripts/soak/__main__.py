"""`python scripts/soak [faults|kills] [--seeds N] [--first S]`: exit 1 where anything is lost.

faults: 500 seeded mixtures of what a good client must get over, before all protocols at once.
kills: 200 processes killed at seeded moments; the next scan must be that of a new store.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

if not __package__:  # run as a directory: where this package and the tests are imported from
    _root = Path(__file__).resolve().parents[2]
    sys.path[:1] = [str(_root / "scripts"), str(_root / "tests"), str(_root)]

from hostile.chains import clean, mixed_chain, small_chain
from hostile.kills import Kills
from hostile.seeds import through_mixture

SEEDS = {"faults": 500, "kills": 200}
EVERY = 20  # seeds between two lines


@dataclass
class Tally:
    """What became of the seeds of one section."""

    section: str
    run: int = 0
    healed: int = 0
    identical: int = 0
    idle: int = 0
    failed: list[int] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    begun: float = field(default_factory=time.monotonic)

    def count(self, seed: int, *, healed: bool, identical: bool, idle: bool, why: str) -> None:
        """One more; `why` is told at once where it failed."""
        self.run += 1
        self.healed += healed
        self.identical += identical
        self.idle += idle
        if not (healed and identical):
            self.failed.append(seed)
            print(f"{self.section}: seed {seed} failed: {why}", flush=True)
        if self.run % EVERY == 0:
            print(self.line(), flush=True)

    def line(self) -> str:
        """The figures so far."""
        return (
            f"{self.section}: {self.run} seeds, {self.healed} healed, {self.identical} identical,"
            f" {self.run - self.identical} differences, {self.idle} idle,"
            f" {time.monotonic() - self.begun:.0f} s"
        )

    def summary(self) -> str:
        """The last line, and the seeds that failed."""
        seen = ", ".join(f"{name} {count}" for name, count in sorted(self.seen.items()))
        failed = ", ".join(map(str, self.failed)) or "none"
        return f"{self.line()}\n  seen: {seen}\n  failing seeds: {failed}"


def faults(seeds: Iterable[int], folder: Path) -> Tally:
    """Idle are the seeds of which no fault acted; seen is how many each fault was in."""
    with mixed_chain() as mixed:
        want = clean(mixed)
        tally = Tally("faults")
        for seed in seeds:
            one = through_mixture(mixed, folder / str(seed), seed, want)
            tally.seen.update(name.partition("/")[0] for name in one.faults)
            tally.count(
                seed,
                healed=one.healed,
                identical=one.identical,
                idle=not one.struck,
                why=f"{', '.join(one.faults)}\n{one.said}",
            )
    return tally


def kills(seeds: Iterable[int], folder: Path) -> Tally:
    """Idle are the processes that had ended by themselves; seen is how far the stores had come."""
    with small_chain() as small, Kills(small, folder) as made:
        tally = Tally("kills")
        for seed in seeds:
            one = made.one(seed)
            tally.seen[f"{one.kind}/{one.left}"] += 1
            good = not one.wrong
            tally.count(seed, healed=good, identical=good, idle=not one.died, why=one.wrong)
    return tally


SECTIONS: dict[str, Callable[[Iterable[int], Path], Tally]] = {"faults": faults, "kills": kills}


def main() -> int:
    """Exit code 1 where a seed failed."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=tuple(SECTIONS), help="both, if left out")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many; 500 and 200 by default")
    parser.add_argument("--first", type=int, default=0, metavar="S", help="the first seed")
    asked = parser.parse_args()
    failed = False
    for name in [asked.what] if asked.what else SECTIONS:
        count = SEEDS[name] if asked.seeds is None else asked.seeds
        with tempfile.TemporaryDirectory(prefix="bandscan-soak-") as folder:
            tally = SECTIONS[name](range(asked.first, asked.first + count), Path(folder))
        print(tally.summary(), flush=True)
        failed = failed or bool(tally.failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
