"""Books in which one owner has several rows, and what the finder makes of them when it knows it.

`rows of five`: every account of a planted book in five rows within 0.2 % of its price.
`split`: one owner's fortune in 30 wallets, 3 % wide, in a book without a band.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.planted import BACKGROUNDS, SPOT, Book, plant, score
from scanner.core.bands import find_bands

I64 = npt.NDArray[np.int64]

ROWS, SPREAD = 5, 0.002  # rows per owner, and how far their prices lie from the account's
WALLETS, WIDTH = 30, 0.03  # of the owner who splits a fortune
SHARE = (0.10, 0.30)  # of everything, that fortune
SEEDS = range(31700, 31720)
SIZES = (200, 1_000, 5_000)


@dataclass(frozen=True)
class Owned:
    """A book, and whose each of its rows is."""

    book: Book
    owner: I64


def in_five_rows(book: Book, seed: int) -> Owned:
    """Each account in five rows of random parts, near its own price."""
    rng = np.random.default_rng([55, seed])
    rows = len(book.price)
    part = rng.dirichlet(np.ones(ROWS), rows)
    price = book.price[:, None] * (1.0 + rng.uniform(-SPREAD, SPREAD, (rows, ROWS)))
    weight = (book.weight[:, None] * part).ravel()
    split = Book(price.ravel(), weight, book.truths, book.landmarks)
    return Owned(split, np.repeat(np.arange(rows), ROWS))


def with_split_fortune(book: Book, seed: int) -> Owned:
    """The same book and one owner's fortune in 30 wallets of much the same size."""
    rng = np.random.default_rng([56, seed])
    share = rng.uniform(*SHARE)
    fortune = book.weight.sum() * share / (1.0 - share)
    near = rng.uniform(-np.log(0.94), -np.log(0.54) - WIDTH)
    price = SPOT * np.exp(-(near + rng.uniform(0.0, WIDTH, WALLETS)))
    rows = len(book.price)
    grown = Book(
        np.append(book.price, price),
        np.append(book.weight, fortune * rng.dirichlet(np.full(WALLETS, 5.0))),
        book.truths,
        book.landmarks,
    )
    return Owned(grown, np.append(np.arange(rows), np.full(WALLETS, rows)))


@dataclass
class _Tally:
    overlaps: list[float]
    false_bands: int = 0

    def add(self, owned: Owned, owner: I64) -> None:
        found = find_bands(owned.book.price, owned.book.weight, owner, SPOT, "long")
        one = score(owned.book, found)
        self.overlaps += one.overlaps
        self.false_bands += one.false_bands


def table() -> Iterator[str]:
    """Markdown: boxes found and false bands, each row taken for an account and owners known."""
    yield "| rows | n | IoU of boxes, owners unknown | known | false, unknown (scans) | known |"
    yield "|---|---|---|---|---|---|"
    for n in SIZES:
        boxes = [_Tally([]), _Tally([])]
        free = [_Tally([]), _Tally([])]
        split = [_Tally([]), _Tally([])]
        for seed in SEEDS:
            for background in BACKGROUNDS:
                none = plant("none", background, n, seed)
                for tallies, owned in (
                    (boxes, in_five_rows(plant("box", background, n, seed), seed)),
                    (free, in_five_rows(none, seed)),
                    (split, with_split_fortune(none, seed)),
                ):
                    tallies[0].add(owned, np.arange(len(owned.owner)))
                    tallies[1].add(owned, owned.owner)
        scans = len(SEEDS) * len(BACKGROUNDS)
        found = " | ".join(f"{np.mean(tally.overlaps):.2f}" for tally in boxes)
        rates = [f"{tally.false_bands / scans:.3f}" for tally in (*free, *split)]
        yield f"| five to an account | {n:,} | {found} | {rates[0]} ({scans}) | {rates[1]} |"
        yield f"| a fortune in 30 wallets | {n:,} | | | {rates[2]} ({scans}) | {rates[3]} |"
