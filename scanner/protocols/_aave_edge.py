"""Exact liquidation prices of an Aave market under one shock. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core import price, search, stretches
from scanner.core.integers import LARGEST_FACTOR, LARGEST_RESULT
from scanner.core.shocks import Shock

from ._aave_book import Book
from ._aave_rules import BPS, healthy
from ._aave_trial import Trial

I8 = npt.NDArray[np.int8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Edges:
    """Liquidation prices of all positions under one shock.

    Attributes
    ----------
    side : int8 array
        +1 long, -1 short, 0 none (also for the already liquidatable).
    raw : int64 array
        p*, the last feed answer at which the position is healthy; 0 where side is 0.
    ratio : float64 array
        p* over the present answer; NaN where side is 0.
    """

    side: I8
    raw: I64
    ratio: F64


def edges(book: Book, shock: Shock) -> Edges:
    """p* of every position: the closed form, then the pool's own integers around it.

    Aave up to 3.4 cuts the average threshold to whole basis points, so the edge lies between the
    closed form and the closed form with thresholds one basis point lower; the search starts at
    the one and looks past the other. Positions with a token that bends are looked at stretch by
    stretch, both ways; of two edges the nearer is told.
    """
    size = book.legs.positions
    side, raw = np.zeros(size, np.int8), np.zeros(size, np.int64)
    if size:
        part = stretches.whole(shock)
        chosen, guess = _straight(book, shock, part)
        bent = stretches.touched(book.legs, shock)
        chosen[bent | ~_quoted(book, shock)] = 0
        step = -chosen.astype(np.int64)
        rows = np.flatnonzero(step != 0)
        low, high = shock.reach
        limit = np.where(step[rows] < 0, low, min(high, LARGEST_FACTOR))
        found_at, found = _search(book, shock, part, rows, step[rows], limit, guess)
        raw[rows] = np.where(found, found_at, 0)
        side[rows] = np.where(found, -step[rows], 0)
        if bent.any():
            _bent(book, shock, bent, side, raw)
    ratio = np.where(side != 0, raw / shock.present, np.nan)
    return Edges(side, raw, ratio)


def _quoted(book: Book, shock: Shock) -> Bool:
    """Positions of which some oracle price moves: in a market that quotes in ether not those whose
    tokens all do as ether does."""
    return np.asarray(
        book.legs.total(shock.quoted[book.legs.token].astype(np.float64)) > 0, np.bool_
    )


def _bent(book: Book, shock: Shock, bent: Bool, side: I8, raw: I64) -> None:
    """Side and p* of the `bent` positions, in place."""
    fine = np.flatnonzero(bent & _quoted(book, shock) & healthy(book.rules, book.totals()))
    slack = 1.0 / BPS if book.rules.truncates else 0.0
    ways = []
    for step in (-1, 1):
        parts = stretches.stretches(shock, step, LARGEST_FACTOR)
        rows = fine[stretches.falls_below(book.legs, parts, slack)[fine]]

        def seek(
            mine: I64, part: stretches.Stretch, rows: I64 = rows, step: int = step
        ) -> tuple[I64, Bool]:
            ways = np.full(len(mine), step)
            limit = np.full(len(mine), part.end)
            fall = np.full(book.legs.positions, step < 0)
            guess = _guesses(book, shock, part, _line(book, part), fall)
            return _search(book, shock, part, rows[mine], ways, limit, guess)

        at, found = np.zeros(len(side), object), np.zeros(len(side), np.bool_)
        at[rows], found[rows] = stretches.walk(np.arange(len(rows)), parts, seek)
        ways.append((at, found))
    fall, rise = ways
    down = stretches.nearer(shock.present, fall, rise)
    up = rise[1] & ~down
    side[down], raw[down] = 1, fall[0][down]
    side[up], raw[up] = -1, rise[0][up]


Guess = tuple[F64, F64, F64]  # near and far end of the edge, how far rounding can move it; by unit


def _search(
    book: Book,
    shock: Shock,
    part: stretches.Stretch,
    rows: I64,
    step: I64,
    limit: I64,
    guess: Guess,
) -> tuple[I64, Bool]:
    """`search.last_healthy` of positions `rows` in one stretch, in int64 where that holds."""
    at, found = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_)
    if not len(rows):
        return at, found
    near, far, margin = (column[rows] for column in guess)
    start = np.full(len(rows), part.start, np.int64)
    # So far from the edge one step shows the way to be healthy (`Trial.judge`: 2 * noise).
    closer, farther = _whole(near - 2.2 * step * margin), _whole(far + step * margin)
    # Sums beyond int64 are computed in Python integers: positions of tens of billions at the
    # far end of a rise.
    gross = np.add.reduceat(book.base.astype(np.float64), book.starts[:-1])[rows]
    reach = np.where(step < 0, 1.0, limit / shock.present)
    if shock.moves is not None:
        reach[:] = max([1.0, *(float(shock.moves.factors(int(p)).max()) for p in np.unique(limit))])
    wide = (gross * reach >= LARGEST_RESULT) | (book.base.dtype == object)
    for some, kind in ((~wide, False), (wide, True)):
        if not some.any():
            continue
        judge = Trial(book, rows[some], shock, part, wide=kind).judge()
        at[some], found[some] = search.last_healthy(
            judge, start[some], closer[some], farther[some], step[some], limit[some]
        )
    return at, found


def _whole(guess: F64) -> I64:
    return np.clip(guess, 1, LARGEST_FACTOR).astype(np.int64)


def _straight(book: Book, shock: Shock, part: stretches.Stretch) -> tuple[I8, Guess]:
    """Side of each position where everything is straight, and its guess."""
    ok = healthy(book.rules, book.totals())
    line = _line(book, part)
    side = np.where(ok, price.side_of(line[1], line[2]), 0).astype(np.int8)
    near, far, margin = _guesses(book, shock, part, line, side > 0)
    ratio = near / shock.present
    reachable = np.where(side > 0, ratio >= price.LOWEST, ratio <= price.HIGHEST)
    return np.where(reachable, side, 0).astype(np.int8), (near, far, margin)


Line = tuple[F64, F64, F64]  # X - Y, X' - Y' and X + Y at the start of a stretch, as oracles count


def _line(book: Book, part: stretches.Stretch) -> Line:
    here = None if (part.factor == 1.0).all() else part.factor
    net, moving, gross = price.balance(book.legs, part.slope, here)
    dollar = book.market.dollar
    return dollar * net, dollar * moving, dollar * gross


def _guesses(book: Book, shock: Shock, part: stretches.Stretch, line: Line, fall: Bool) -> Guess:
    """Where the edge is expected in a stretch, for positions that a fall (else a rise) pushes."""
    legs, begin = book.legs, part.start / shock.present
    net, moving, gross = line
    base = book.base.astype(np.float64)
    weight = np.where(legs.debt, -1.0, book.threshold / BPS)
    collateral = np.where(legs.debt, 0.0, base)
    held = legs.total(collateral * part.slope[legs.token])
    collateral = legs.total(collateral * part.factor[legs.token])

    with np.errstate(divide="ignore", invalid="ignore"):
        far = begin - net / moving
        near = far
        if book.rules.truncates:
            uniform = _uniform(book)
            cut = np.where(uniform, 0.0, 1.0 / BPS)
            near = begin - (net - collateral * cut) / (moving - held * cut)
            near = np.where(np.isfinite(near), near, begin)
        slope = np.abs(moving) / shock.present
        rounded = shock.rest[legs.token] != 0
        quoted = shock.quoted[legs.token]
        error = np.where(quoted, 1.0 + rounded * (book.whole + 1.0), 0.0)
        noise = legs.total(error * np.abs(weight)) + 1.0
        margin = noise / slope + 2.0 + 1e-14 * shock.present * gross / np.abs(moving)
    near = np.where(fall, np.minimum(near, begin), np.maximum(near, begin))
    far = np.where(fall, np.minimum(far, near), np.maximum(far, near))
    if part.end != part.start:  # where the stretch leads away from the edge, its end is looked at
        end = part.end / shock.present
        away = np.where(fall, moving <= 0, moving >= 0)
        near, far = (np.where(away, end, x) for x in (near, far))
        near, far = (np.clip(x, min(begin, end), max(begin, end)) for x in (near, far))
        margin = np.minimum(margin, abs(part.end - part.start))
    scale = float(shock.present)
    clean = [np.nan_to_num(x, nan=begin, posinf=1e18, neginf=0.0) for x in (near, far, margin)]
    return clean[0] * scale, clean[1] * scale, clean[2]


def _uniform(book: Book) -> Bool:
    """True where all collateral of a position has one threshold, so that no cut happens."""
    held = ~book.legs.debt
    highest = np.maximum.reduceat(np.where(held, book.threshold, 0), book.starts[:-1])
    lowest = np.minimum.reduceat(np.where(held, book.threshold, BPS + 1), book.starts[:-1])
    return np.asarray(highest == lowest)
