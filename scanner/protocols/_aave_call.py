"""What one liquidation call on an Aave position may take, at any answer of a shock's feed. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.core import callability
from scanner.core.legs import rows_of
from scanner.core.shocks import Shock

from ._aave_book import Book, sums
from ._aave_rules import BPS, RAY, SENTINEL_HEALTH, Pair, Seizure, health_factors, seize

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


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
