"""From stored state and market to legs, and the pool's verdict at any price. Pure.

Stored state of an account, as slots (integers that stay constant between its own events):

    0                getUserConfiguration: bit 2i: borrows reserve i, bit 2i+1: as collateral
    1                the e-mode of getUserEMode
    2 + 5 i          aToken.scaledBalanceOf          of the reserve with id i
    3 + 5 i          variableDebtToken.scaledBalanceOf
    4, 5, 6 + 5 i    stable debt: principalBalanceOf, getUserStableRate, getUserLastUpdated
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core import integers
from scanner.core.integers import Integers, Wide
from scanner.core.legs import Legs, runs
from scanner.core.states import States

from ._aave_market import AaveMarket
from ._aave_rules import BPS, Rules, Totals, compounded, ray_mul

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

CONFIG, EMODE, FIRST, KINDS = 0, 1, 2, 5
COLLATERAL, DEBT, PRINCIPAL, RATE, UPDATED = range(KINDS)


@dataclass(frozen=True)
class Book:
    """Every position of a market with debt, at one block.

    Attributes
    ----------
    market : AaveMarket
    accounts : uint8 array, shape (positions, 20)
        Sorted.
    legs : Legs
        `token` is the reserve's index.
    starts : int64 array, shape (positions + 1,)
        Where each position's legs begin.
    whole, rest : int64 arrays
        A leg's balance, split by the token's unit: `whole * unit + rest`.
    threshold, bonus : int64 arrays
        Of a leg, with its e-mode. [basis points]; threshold 0 on debts
    base : int64 array, or Python integers
        A leg's value with the version's own rounding. [the oracle's unit: USD * 1e8, wei]
    unknown : Unknown
        Accounts with debt whose legs cannot all be priced.
    """

    market: AaveMarket
    accounts: U8
    legs: Legs
    starts: I64
    whole: I64
    rest: I64
    threshold: I64
    bonus: I64
    base: Integers
    unknown: "Unknown"

    @property
    def rules(self) -> Rules:
        return self.market.rules

    @property
    def unit(self) -> I64:
        """10**decimals of each leg's token."""
        return self.market.reserves.unit[self.legs.token]

    def totals(self) -> Totals:
        """Exact sums of every position at the scanned block."""
        return sums(self.base, self.threshold, self.legs.debt, self.starts[:-1])

    def amounts(self, rows: I64) -> npt.NDArray[np.object_]:
        """Balances of legs `rows` in token units, as Python integers."""
        unit = self.unit[rows].astype(object)
        return np.asarray(self.whole[rows].astype(object) * unit + self.rest[rows].astype(object))


@dataclass(frozen=True)
class Unknown:
    """Accounts with debt that cannot be priced, and their debts.

    `accounts` has shape (k, 20); `blame` (shape (k,)) is the reserve without a price; the debts
    are columns `account` (index), `token` (reserve index), `amount` (Python integers).
    """

    accounts: U8
    blame: I64
    account: I64
    token: I64
    amount: npt.NDArray[np.object_]


def book_of(market: AaveMarket, states: States) -> Book:
    """Legs of every account with debt.

    Parameters
    ----------
    market : AaveMarket
        With the e-modes of the accounts (`emodes_used`).
    states : States
        Stored states valid at the market's block, sorted by account.
    """
    reserves, rules = market.reserves, market.rules
    owner = np.repeat(np.arange(len(states.counts)), states.counts)
    slot = states.slot.astype(np.int64)

    balance = slot >= FIRST
    place = {int(number): index for index, number in enumerate(reserves.number)}
    table = np.array([place.get(k, -1) for k in range(256)], np.int64)
    token = np.where(balance, table[np.clip((slot - FIRST) // KINDS, 0, 255)], -1)
    # A balance of a reserve that the pool no longer lists counts for nothing.
    kind = np.where(token >= 0, (slot - FIRST) % KINDS, -1)
    emode = np.zeros(len(states.counts), np.int64)
    emode[owner[slot == EMODE]] = states.value[slot == EMODE, -1]

    down, up = ("floor", "ceil") if rules.floor_ceil else ("half", "half")
    is_collateral, is_debt = kind == COLLATERAL, kind == DEBT
    whole, rest = np.zeros(len(slot), np.int64), np.zeros(len(slot), np.int64)
    for mine, index, rounding in (
        (is_collateral, reserves.income, down),
        (is_debt, reserves.debt_index, up),
    ):
        what = token[mine]
        whole[mine], rest[mine] = integers.ray_products(
            states.value[mine], what, index, reserves.unit[what], rounding
        )
    if rules.stable_debt:
        _add_stable(whole, rest, states.value, owner, token, kind, market)

    keep = (is_collateral | is_debt) & ((whole > 0) | (rest > 0))
    if rules.skips_zero_threshold:
        keep &= ~(is_collateral & (reserves.threshold[token] == 0))
    owner_of_slot, token_of_slot = owner, token
    owner, token, debt = owner[keep], token[keep], is_debt[keep]
    whole, rest = whole[keep], rest[keep]

    indebted = np.bincount(owner[debt], minlength=len(emode)) > 0
    # The pool asks the oracle for every flagged reserve, even one that will not count: where one
    # has no price, the account's health cannot be known.
    unpriced = (token_of_slot >= 0) & (reserves.price[token_of_slot] == 0).astype(np.bool_)
    blame = np.full(len(emode), -1, np.int64)
    blame[owner_of_slot[unpriced]] = token_of_slot[unpriced]
    lost = indebted & (blame >= 0)
    unknown = _unknown(market, states, lost, blame, (owner, token, debt, whole, rest))

    good = indebted & ~lost
    rank = np.cumsum(good) - 1
    mine = good[owner]
    owner, token, debt = rank[owner[mine]], token[mine], debt[mine]
    # Collateral first, then debt, each by reserve: one fixed order, whatever the store's.
    order = np.argsort((owner * 2 + debt) * 256 + token, kind="stable")
    owner, token, debt = owner[order], token[order], debt[order]
    whole, rest, unit = whole[mine][order], rest[mine][order], reserves.unit[token]
    threshold, bonus = _weights(market, emode[good][owner], token, debt)
    price = reserves.price[token]
    base = integers.mul_div(whole, rest, unit, price, ceil=debt & rules.floor_ceil)
    tokens = whole + rest / unit
    legs = Legs(
        positions=int(good.sum()),
        position=owner,
        token=token.astype(np.int32),
        debt=debt,
        amount=tokens,
        value=(base / market.dollar).astype(np.float64),
        weight=np.where(debt, 1.0, threshold / BPS),
    )
    starts = runs(owner, legs.positions)
    return Book(
        market, states.accounts[good], legs, starts, whole, rest, threshold, bonus, base, unknown
    )


def emodes_used(states: States) -> list[int]:
    """The e-modes that any stored account is in."""
    words = states.value[states.slot == EMODE]
    return sorted({int(n) for n in np.unique(words[:, -1])} if len(words) else set())


def _add_stable(
    whole: I64, rest: I64, value: U8, owner: I64, token: I64, kind: I64, market: AaveMarket
) -> None:
    """Add stable debt to the variable debt of the same account and reserve, in place.

    Source: StableDebtToken.balanceOf: principal * compounded(rate, now - last update), half up.
    """
    principal = np.flatnonzero(kind == PRINCIPAL)
    principal = principal[value[principal].any(axis=1)]
    if not len(principal):
        return
    key = (owner * 256 + token) * KINDS + kind
    order = np.argsort(key, kind="stable")
    base = key[principal] - PRINCIPAL
    at = {k: order[np.searchsorted(key[order], base + k)] for k in (DEBT, RATE, UPDATED)}
    rate, updated = (integers.from_words(value[at[k]]) for k in (RATE, UPDATED))
    factor = compounded(market.rules, rate, market.timestamp - updated)
    stable = ray_mul(integers.from_words(value[principal]), factor, "half")
    rows, unit = at[DEBT], market.reserves.unit[token[principal]].astype(object)
    amount = whole[rows].astype(object) * unit + rest[rows].astype(object) + stable
    whole[rows], rest[rows] = amount // unit, amount % unit


def _weights(market: AaveMarket, emode: I64, token: I64, debt: Bool) -> tuple[I64, I64]:
    """Threshold and bonus of each leg, with the account's e-mode where it applies. [bps]"""
    reserves, emodes = market.reserves, market.emodes
    threshold, bonus = reserves.threshold[token], reserves.bonus[token]
    if len(emodes.number):
        row = np.clip(np.searchsorted(emodes.number, emode), 0, len(emodes.number) - 1)
        inside = (emodes.number[row] == emode) & (emode != 0) & emodes.collateral[row, token]
        threshold = np.where(inside, emodes.threshold[row], threshold)
        bonus = np.where(inside, emodes.bonus[row], bonus)
    return np.where(debt, 0, threshold), bonus


def _unknown(
    market: AaveMarket,
    states: States,
    lost: Bool,
    blame: I64,
    legs: tuple[I64, I64, Bool, I64, I64],
) -> Unknown:
    """Debts of the accounts that are `lost`; legs are owner, token, debt, whole, rest."""
    owner, token, debt, whole, rest = legs
    rank = np.cumsum(lost) - 1
    rows = lost[owner] & debt
    unit = market.reserves.unit[token[rows]].astype(object)
    amount = whole[rows].astype(object) * unit + rest[rows].astype(object)
    return Unknown(states.accounts[lost], blame[lost], rank[owner[rows]], token[rows], amount)


def sums(base: Integers, threshold: I64, debt: Bool, begin: I64) -> Totals:
    """Exact sums over runs of legs that begin at `begin`; no run is empty."""
    collateral = np.where(debt, 0, base)
    if not len(begin):
        none = np.zeros(0, np.int64)
        return Totals(none, Wide(none, none), none)
    return Totals(
        np.add.reduceat(collateral, begin),
        Wide.product(collateral, threshold).sums(begin),
        np.add.reduceat(np.where(debt, base, 0), begin),
    )
