"""Exact liquidation prices of an Aave market under one shock, and the first call there. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.core import callability, price, search, stretches
from scanner.core.integers import LARGEST_FACTOR, LARGEST_RESULT
from scanner.core.legs import rows_of
from scanner.core.shocks import Shock

from ._aave_book import Book, sums
from ._aave_rules import (
    BPS,
    RAY,
    SENTINEL_HEALTH,
    Pair,
    Seizure,
    health_factors,
    healthy,
    seize,
)
from ._aave_trial import Trial

U8 = npt.NDArray[np.uint8]
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
        chosen[bent] = 0
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


def _bent(book: Book, shock: Shock, bent: Bool, side: I8, raw: I64) -> None:
    """Side and p* of the `bent` positions, in place."""
    quoted = book.legs.total(shock.quoted[book.legs.token].astype(np.float64)) > 0
    fine = np.flatnonzero(bent & quoted & healthy(book.rules, book.totals()))
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


@dataclass(frozen=True)
class FirstCall:
    """The first liquidation call on each of some positions, for its largest pair.

    Attributes
    ----------
    value : float64 array
        Collateral taken (fee included), at the trial price. [USD]
    barred : uint8 array
        Why the pair of most value cannot be called (`core.callability`); 0 where any pair can.
    collateral, debt : int64 arrays
        Reserve indices of the pair; -1 where there is none.
    seizure : Seizure
        Amounts in token units.
    """

    value: F64
    barred: U8
    collateral: I64
    debt: I64
    seizure: Seizure


def first_call(
    book: Book, positions: I64, shock: Shock | None, answer: I64, *, exact: bool
) -> FirstCall:
    """What one call may take from `positions` (sorted) when the feed answers `answer`; at the
    block's own prices without a shock.

    The pair of collateral and debt with the largest seizure, by the version's close factor, bonus,
    fee and dust rules. With `exact`, amounts are Python integers equal to the contract's; without,
    floats.
    """
    size = len(positions)
    if not size:
        none, nothing = np.zeros(0), np.zeros(0, np.int64)
        return FirstCall(none, none.astype(np.uint8), nothing, nothing, Seizure(none, none, none))
    reserves, rules = book.market.reserves, book.rules
    rows, begin = rows_of(book.starts, positions)
    owner = np.repeat(np.arange(size), np.diff(np.append(begin, len(rows))))
    token, debt = book.legs.token[rows], book.legs.debt[rows]
    quoted = reserves.price[token]
    if shock is not None:
        moves = shock.quoted[token]
        quoted = np.where(moves, shock.prices(token, answer[owner]), quoted)

    # Every (collateral, debt) pair of a position: its collateral legs, each repeated once per debt.
    held = np.flatnonzero(~debt & (book.threshold[rows] > 0))
    owed = np.flatnonzero(debt)
    debts_from = np.searchsorted(owner[owed], np.arange(size + 1))
    repeat = np.diff(debts_from)[owner[held]]
    c = np.repeat(held, repeat)
    within = np.arange(len(c)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    d = owed[debts_from[owner[c]] + within]

    kind = object if exact else np.float64
    unit = book.unit[rows].astype(kind)
    amount = book.whole[rows].astype(kind) * unit + book.rest[rows].astype(kind)
    quote = quoted.astype(kind)
    worth = amount * quote
    up = debt & rules.floor_ceil
    base = np.where(up, -(-worth // unit), worth // unit)
    totals_debt = np.add.reduceat(np.where(debt, base, 0), begin)
    health: npt.NDArray[Any]
    if exact:
        health = health_factors(rules, sums(base, book.threshold[rows], debt, begin))
    else:
        weighted = np.add.reduceat(np.where(debt, 0.0, base * book.threshold[rows]), begin)
        health = weighted / BPS / np.maximum(totals_debt, 1e-9) * 1e18
    pair = Pair(
        health=health[owner[c]],
        total_debt=totals_debt[owner[c]],
        collateral=amount[c],
        collateral_base=base[c],
        collateral_price=quote[c],
        collateral_unit=unit[c],
        debt=amount[d],
        debt_base=base[d],
        debt_price=quote[d],
        debt_unit=unit[d],
        bonus=book.bonus[rows][c].astype(kind),
        fee=reserves.fee[token[c]].astype(kind),
    )
    taken = seize(rules, pair)
    barred = _barred(book, token[c], token[d], pair.health, taken)
    value = (taken.taken * pair.collateral_price).astype(np.float64)
    value = value / pair.collateral_unit.astype(np.float64) / book.market.dollar
    if shock is not None:
        value = value * shock.rebased(answer)[owner[c]]
    return _largest(size, owner[c], token[c], token[d], value, barred, taken)


def _barred(
    book: Book,
    collateral: npt.NDArray[np.int32],
    debt: npt.NDArray[np.int32],
    health: npt.NDArray[Any],
    taken: Seizure,
) -> U8:
    """Why a pair cannot be called; 0 where it can.

    Sources: ValidationLogic.validateLiquidationCall (v2: LendingPool.liquidationCall, which is
    whenNotPaused): active, not paused, no sentinel that forbids it, no grace period, on either
    side; ScaledBalanceTokenBase._burnScaled reverts on an amount that scales to 0
    (InvalidBurnAmount).
    """
    reserves, market = book.market.reserves, book.market
    index = np.array([v / RAY for v in reserves.debt_index])[debt]
    income = np.array([v / RAY for v in reserves.income])[collateral]
    least = 1.0 if book.rules.floor_ceil else 0.5
    burned = taken.repay.astype(np.float64) / index >= least
    received = (taken.taken - taken.fee).astype(np.float64) / income
    enough = received > 0 if book.rules.floor_ceil else received >= 0.5
    sides = reserves.barred[collateral], reserves.barred[debt]
    watched = np.asarray(health >= SENTINEL_HEALTH, np.bool_) & market.watched

    def either(code: int) -> tuple[Bool, int]:
        return (sides[0] == code) | (sides[1] == code), code

    dust = np.zeros(len(collateral), np.bool_) if taken.dust is None else taken.dust
    return callability.first_of(
        either(callability.INACTIVE),
        either(callability.PAUSED),
        (watched, callability.SENTINEL),
        either(callability.GRACE),
        (dust, callability.LEFTOVER),
        (np.asarray(~(burned & enough), np.bool_), callability.TOO_SMALL),
    )


def _largest(
    size: int,
    owner: I64,
    collateral: npt.NDArray[np.int32],
    debt: npt.NDArray[np.int32],
    value: F64,
    barred: U8,
    taken: Seizure,
) -> FirstCall:
    """Of each position the callable pair of most value, else the pair of most value."""
    rows, first = callability.best(owner, value, barred)
    worth, why = np.zeros(size), np.full(size, callability.NO_COLLATERAL, np.uint8)
    c, d = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    columns = []
    for amounts in (taken.repay, taken.taken, taken.fee):
        column = np.zeros(size, amounts.dtype)
        column[rows] = amounts[first]
        columns.append(column)
    why[rows], c[rows], d[rows] = barred[first], collateral[first], debt[first]
    worth[rows] = np.where(barred[first] == callability.CALLABLE, value[first], 0.0)
    return FirstCall(worth, why, c, d, Seizure(*columns))
