"""Accounts judged by a sum: each leg's value rounded by itself, collateral against debt. Pure.

What Compound v2, Venus and Compound v3 have in common:  liquidatable when the sum of weighted
collateral values is below the sum of debt values, all in the oracle's own integers. How one leg is
valued is the protocol's (`SumBook.worth`), its price the oracle's (`_quotes.Quotes`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain.pinned import Source
from scanner.core import price, stretches
from scanner.core.exact import last_healthy_price
from scanner.core.integers import Integers
from scanner.core.legs import Legs, rows_of, runs
from scanner.core.shocks import Shock
from scanner.core.stretches import Stretch

from ._quotes import Quotes
from ._trials import Told, distinct, rows_told

I8 = npt.NDArray[np.int8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SumBook:
    """Every position with debt of one market, at one block.

    Attributes
    ----------
    quotes : Quotes
    legs : Legs
        `token` points into the quotes' tokens; at least one leg a position.
    worth : (rows, prices) -> object array
        Values of legs `rows` (indices) at oracle prices of equal shape, never negative, weighted
        and rounded as the protocol does.
    """

    quotes: Quotes
    legs: Legs
    worth: Callable[[I64, Integers], Integers]

    def prices(self, rows: I64) -> Integers:
        """Present oracle prices of legs."""
        return np.array(self.quotes.prices, object)[self.legs.token[rows]]

    def signed(self, rows: I64, prices: Integers) -> Integers:
        """Values of legs, debts negative."""
        value = self.worth(rows, prices)
        return np.asarray(np.where(self.legs.debt[rows], -value, value), object)

    def sums(self) -> tuple[Integers, Integers]:
        """Weighted collateral and debt of each position, exact. Shape (positions,)."""
        rows = np.arange(len(self.legs.token))
        value = self.worth(rows, self.prices(rows))
        begin = runs(self.legs.position, self.legs.positions)[:-1]
        debt = self.legs.debt
        return (
            _sums(np.where(debt, 0, value), begin),
            _sums(np.where(debt, value, 0), begin),
        )

    def shocked(self, rows: I64, shock: Shock, answer: Integers) -> Integers:
        """Oracle prices of legs `rows` when the shock's feed gives `answer` (equal shapes)."""
        return self.quotes.shocked(self.legs.token[rows], self.prices(rows), shock, answer)


def told_prices(
    book: SumBook, shock: Shock, sources: Sequence[Source], positions: I64, answers: Integers
) -> Told:
    """What the sources of the tokens (one each) say when the shock's feed gives `answers`, in one
    trial for each of `positions`."""
    every, place = distinct(sources)
    told = Told(len(positions), every)
    rows, trial = rows_told(runs(book.legs.position, book.legs.positions), positions)
    moves = book.quotes.quoted(shock)[book.legs.token[rows]]
    rows, trial = rows[moves], trial[moves]
    told.tell(trial, place[book.legs.token[rows]], book.shocked(rows, shock, answers[trial]))
    return told


Valued = Callable[[I64, Integers], Integers]


def worth_of(debt: Bool, held: Valued, owed: Valued) -> Valued:
    """`SumBook.worth` out of what collateral (`held`) and debts (`owed`) are worth: each is asked
    about its own legs only."""

    def worth(rows: I64, prices: Integers) -> Integers:
        owes = debt[rows]
        if owes.all():
            return owed(rows, prices)
        if not owes.any():
            return held(rows, prices)
        value = np.empty(len(rows), object)
        value[owes] = owed(rows[owes], prices[owes])
        value[~owes] = held(rows[~owes], prices[~owes])
        return value

    return worth


@dataclass(frozen=True)
class Edges:
    """Side, p* as the feed's integer and as a ratio of the present; see core/positions.Exposure."""

    side: I8
    raw: Integers
    ratio: F64


def edges(book: SumBook, shock: Shock, fine: Bool) -> Edges:
    """p* of every position that is `fine` now: the closed form, then the protocol's integers.

    Positions with a token that bends are looked at stretch by stretch, both ways; of two edges the
    nearer is told.
    """
    net, moving, gross = price.balance(book.legs, shock.slope)
    side = np.where(fine, price.side_of(moving, gross), 0).astype(np.int8)
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = np.nan_to_num(1.0 - net / moving, nan=0.0, posinf=0.0, neginf=0.0)
    # Rounding moves the edge of small positions: whether it is within reach the search will tell.
    side[(guess < price.LOWEST / 2) | (guess > price.HIGHEST * 2)] = 0
    quoted = book.legs.total(book.quotes.quoted(shock)[book.legs.token].astype(np.float64)) > 0
    side[~quoted] = 0
    bent = stretches.touched(book.legs, shock)
    side[bent] = 0
    chosen = np.flatnonzero(side)
    raw, ratio = np.zeros(len(side), object), np.full(len(side), np.nan)
    if len(chosen):
        step = -side[chosen].astype(np.int64)
        limit = np.array(shock.reach, object)[(step > 0).astype(np.int64)]
        part = stretches.whole(shock)
        found_at, found = _search(book, shock, part, chosen, step, limit, guess)
        side[chosen[~found]] = 0
        raw[chosen[found]] = found_at[found]
    if bent.any():
        _bent(book, shock, np.flatnonzero(bent & quoted & fine), side, raw)
    good = np.flatnonzero(side)
    ratio[good] = (raw[good] / shock.present).astype(np.float64)
    return Edges(side, raw, ratio)


def _bent(book: SumBook, shock: Shock, rows: I64, side: I8, raw: Integers) -> None:
    """Side and p* of healthy positions with a token that bends, in place."""
    ways = []
    for step in (-1, 1):
        parts = stretches.stretches(shock, step)
        able = rows[stretches.falls_below(book.legs, parts)[rows]]

        def seek(
            mine: I64, part: Stretch, able: I64 = able, step: int = step
        ) -> tuple[Integers, Bool]:
            net, moving, _ = price.balance(book.legs, part.slope, part.factor)
            with np.errstate(divide="ignore", invalid="ignore"):
                guess = part.start / shock.present - net / moving
            steps = np.full(len(mine), step, np.int64)
            limit = np.full(len(mine), part.end, object)
            return _search(book, shock, part, able[mine], steps, limit, guess)

        at, found = np.zeros(len(side), object), np.zeros(len(side), np.bool_)
        at[able], found[able] = stretches.walk(np.arange(len(able)), parts, seek)
        ways.append((at, found))
    fall, rise = ways
    down = stretches.nearer(shock.present, fall, rise)
    up = rise[1] & ~down
    side[down], raw[down] = 1, fall[0][down]
    side[up], raw[up] = -1, rise[0][up]


def _search(
    book: SumBook,
    shock: Shock,
    part: Stretch,
    chosen: I64,
    step: I64,
    limit: Integers,
    guess: F64,
) -> tuple[Integers, Bool]:
    """`last_healthy_price` of chosen positions in one stretch; `guess` has one entry a position."""
    return last_healthy_price(
        _verdict(book, shock, chosen),
        np.full(len(chosen), part.start, object),
        guess[chosen] * shock.present,
        step,
        limit,
        _one_sided(book, part)[chosen],
    )


def _one_sided(book: SumBook, part: Stretch) -> Bool:
    """Positions that everything that moves pushes the same way: their verdict turns once."""
    legs = book.legs
    helps = np.where(legs.debt, -1, 1) * book.quotes.ways(part)[legs.token]
    up = legs.total((helps > 0).astype(np.float64)) > 0
    down = legs.total((helps < 0).astype(np.float64)) > 0
    return np.asarray(~(up & down), np.bool_)


def _verdict(book: SumBook, shock: Shock, chosen: I64) -> Callable[[I64, Integers], Bool]:
    """Healthy or not, for positions as indices into `chosen`, at trial answers."""
    starts = runs(book.legs.position, book.legs.positions)
    rows, begin = rows_of(starts, chosen)
    moves = book.quotes.quoted(shock)[book.legs.token[rows]]
    still = book.signed(rows, book.prices(rows))
    fixed = _sums(np.where(moves, 0, still), begin)
    owner = np.repeat(np.arange(len(chosen)), np.diff(np.append(begin, len(rows))))[moves]
    moving = rows[moves]
    first = np.searchsorted(owner, np.arange(len(chosen) + 1)).astype(np.int64)

    def healthy(places: I64, answers: Integers) -> Bool:
        mine, start = rows_of(first, places)
        counts = first[places + 1] - first[places]
        mine = moving[mine]
        at = book.shocked(mine, shock, np.repeat(answers, counts))
        return np.asarray(fixed[places] + _sums(book.signed(mine, at), start) >= 0, np.bool_)

    return healthy


def _sums(values: Integers, begin: I64) -> Integers:
    """Sums over runs of legs, none of them empty."""
    if not len(begin):
        return np.zeros(0, object)
    return np.asarray(np.add.reduceat(values.astype(object), begin), object)


@dataclass(frozen=True)
class Pairs:
    """Every (collateral, debt) pair of some positions: leg rows, and the position's place."""

    owner: I64
    collateral: I64
    debt: I64


def pairs(book: SumBook, positions: I64) -> Pairs:
    """Each collateral leg of `positions` (sorted) with each debt leg of the same position."""
    rows, begin = rows_of(runs(book.legs.position, book.legs.positions), positions)
    owner = np.repeat(np.arange(len(positions)), np.diff(np.append(begin, len(rows))))
    debt = book.legs.debt[rows]
    held, owed = np.flatnonzero(~debt), np.flatnonzero(debt)
    first = np.searchsorted(owner[owed], np.arange(len(positions) + 1))
    repeat = np.diff(first)[owner[held]]
    c = np.repeat(held, repeat)
    within = np.arange(len(c)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    return Pairs(owner[c], rows[c], rows[owed[first[owner[c]] + within]])
