"""An Aave pool's exact verdict on positions at trial prices. Pure."""

import numpy as np
import numpy.typing as npt

from scanner.core import integers, search
from scanner.core.integers import Wide
from scanner.core.legs import rows_of
from scanner.core.shocks import Shock
from scanner.core.stretches import Stretch, whole

from ._aave_book import Book, sums
from ._aave_rules import BPS, Totals, healthy

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


class Trial:
    """The pool's exact verdict on chosen positions at trial prices of one shock.

    Legs that do not move are summed once; a trial values the moving ones with the version's own
    rounding. The prices tried lie in one stretch `part` (all there is, where nothing bends). `wide`
    computes in Python integers, for positions beyond int64.
    """

    def __init__(
        self,
        book: Book,
        positions: I64,
        shock: Shock,
        part: Stretch | None = None,
        *,
        wide: bool = False,
    ) -> None:
        rows, begin = rows_of(book.starts, positions)
        moves = shock.quoted[book.legs.token[rows]]
        owner = np.repeat(np.arange(len(positions)), np.diff(np.append(begin, len(rows))))
        kind = object if wide else np.int64
        still = np.where(moves, 0, book.base[rows].astype(kind))
        self.book, self.shock = book, shock
        self.fixed = sums(still, book.threshold[rows], book.legs.debt[rows], begin)
        # Where all collateral has one threshold, the average is that threshold, uncut.
        held = ~book.legs.debt[rows]
        highest = np.maximum.reduceat(np.where(held, book.threshold[rows], 0), begin)
        lowest = np.minimum.reduceat(np.where(held, book.threshold[rows], BPS + 1), begin)
        self.threshold_of_all = np.where(highest == lowest, highest, -1)
        rows, self.owner = rows[moves], owner[moves]
        self.rows = rows
        self.starts = np.searchsorted(self.owner, np.arange(len(positions) + 1)).astype(np.int64)
        self.whole = book.whole[rows].astype(kind)
        self.rest = book.rest[rows].astype(kind)
        self.unit = book.unit[rows]
        self.token = book.legs.token[rows]
        self.debt = book.legs.debt[rows]
        self.threshold = book.threshold[rows]
        self._noise(len(positions), shock.ways(part or whole(shock))[self.token])

    def _noise(self, size: int, way: npt.NDArray[np.int8]) -> None:
        """How far rounding between two prices can carry the sums from a straight line, and whom
        all that moves pushes the same `way` (of each leg's price, as the axis rises)."""
        rounded = (self.shock.rest[self.token] != 0).astype(np.float64)
        error = 1.0 + rounded * (self.whole.astype(np.float64) + 1.0)
        held = np.where(self.debt, 0.0, error)
        self.noise_collateral = np.bincount(self.owner, held, size)
        self.noise_weighted = np.bincount(self.owner, held * self.threshold, size)
        self.noise_debt = np.bincount(self.owner, error - held, size)
        helps = np.where(self.debt, -way, way)
        up = np.bincount(self.owner, helps > 0, size) > 0
        down = np.bincount(self.owner, helps < 0, size) > 0
        self.one_sided = ~(up & down)

    def totals(self, positions: I64, price: I64) -> Totals:
        """Exact sums of the chosen positions (indices into those given) at feed answers."""
        if np.array_equal(positions, np.arange(len(self.starts) - 1)):
            rows, begin = np.arange(len(self.rows)), self.starts[:-1]
        else:
            rows, begin = rows_of(self.starts, positions)
        counts = np.diff(np.append(begin, len(rows)))
        answer = np.repeat(price, counts).astype(self.whole.dtype)
        answer = self.shock.prices(self.token[rows], answer)
        debt = self.debt[rows]
        base = integers.mul_div(
            self.whole[rows],
            self.rest[rows],
            self.unit[rows],
            answer,
            ceil=debt & self.book.rules.floor_ceil,
        )
        moving = sums(base, self.threshold[rows], debt, begin)
        return Totals(
            self.fixed.collateral[positions] + moving.collateral,
            self.fixed.weighted[positions] + moving.weighted,
            self.fixed.debt[positions] + moving.debt,
        )

    def judge(self) -> search.Judge:
        """The verdicts as core/search.py wants them."""
        return search.Judge(self._at, self._sure_cut if self.book.rules.truncates else self._sure)

    def _at(self, positions: I64, price: I64) -> tuple[Bool, F64]:
        totals = self.totals(positions, price)
        if not self.book.rules.truncates:
            trace = (totals.weighted - Wide.product(totals.debt, BPS)).to_float()[:, None]
        else:
            columns = (totals.weighted.to_float(), totals.collateral, totals.debt)
            trace = np.column_stack([np.asarray(c, np.float64) for c in columns])
        return healthy(self.book.rules, totals), trace

    def _sure(self, positions: I64, here: F64, there: F64) -> Bool:
        """Between two prices the margin lies above the line through its ends, less rounding."""
        noise = self.noise_weighted[positions] + BPS * self.noise_debt[positions]
        least = np.minimum(here[:, 0], there[:, 0])
        return self.one_sided[positions] | (least >= 2 * noise + 1e-15 * np.abs(least))

    def _sure_cut(self, positions: I64, here: F64, there: F64) -> Bool:
        """As `_sure`, with the average threshold at its smaller end.

        The average is a ratio of two straight lines, hence monotone between the ends.
        """
        loss = self.noise_collateral[positions]
        averages = []
        for trace in (here, there):
            weighted = trace[:, 0] - 2 * self.noise_weighted[positions]
            averages.append(np.floor(weighted / (trace[:, 1] + 2 * loss + 1e-9) - 1e-9))
        average = np.maximum(np.minimum(*averages), 0.0)
        uniform = self.threshold_of_all[positions] >= 0
        average = np.where(uniform, self.threshold_of_all[positions], average)
        margins = [t[:, 1] * average + BPS / 2 - BPS * t[:, 2] for t in (here, there)]
        noise = 2.0 * BPS * (loss + self.noise_debt[positions])
        noise = noise + 1e-14 * BPS * np.maximum(here[:, 1] + here[:, 2], there[:, 1] + there[:, 2])
        return (uniform & self.one_sided[positions]) | (np.minimum(*margins) >= noise)
