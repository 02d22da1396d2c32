"""One Aave market, read and translated: holdings, exposures, identities, referee."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Chain, Source
from scanner.core import callability, integers
from scanner.core.positions import Exposure, FirstCalls, Holdings, Token, at_risk
from scanner.core.rounding import to_cents
from scanner.core.shocks import Shock
from scanner.core.states import States
from scanner.errors import Problem

from . import Identity, Parity, UnknownRow
from ._aave_book import DEBT, FIRST, KINDS, PRINCIPAL, Book, book_of, emodes_used
from ._aave_call import first_call
from ._aave_edge import Edges, edges
from ._aave_market import AaveMarket
from ._aave_reading import with_emodes
from ._aave_rules import (
    BASE_UNIT,
    WAD,
    Totals,
    compounded,
    health_factors,
    healthy,
    ray_mul,
)
from ._drivers import lines, shock_of
from ._sample import chosen as sample
from ._trials import Asking, Told, distinct, least, rows_told

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

_POOL = abi.load("aave_v3_pool")
_FACTOR = 5  # the word of getUserAccountData that is the health factor

# Stable debt grows at each borrower's own rate, its total at the average rate: their sums part by
# a second-order term. A percent is far above it and far below a lost borrower that matters.
STABLE_BOUND = 0.01


def survey_of(
    chain: Chain,
    market: AaveMarket,
    states: States,
    failed: U8,
    kind: "type[AaveSurvey] | None" = None,
) -> "AaveSurvey":
    """Translate stored states, valid at the market's block, into a survey (of a `kind`).

    Parameters
    ----------
    chain : Chain
        For what depends on the accounts: the e-modes they use.
    market : AaveMarket
    states : States
        Sorted by account.
    failed : uint8 array, shape (k, 20)
        Accounts that could not be read: unknown, counted.
    """
    market = with_emodes(chain, market, emodes_used(states))
    book = book_of(market, states)
    return (kind or AaveSurvey)(market, book, _identities(market, states), failed)


class AaveSurvey:
    """See `scanner.protocols.Survey`."""

    def __init__(
        self,
        market: AaveMarket,
        book: Book,
        identities: list[Identity],
        failed: U8,
    ) -> None:
        self.market, self.book = market, book
        self.identities = identities
        self.totals = book.totals()
        self.health = health_factors(book.rules, self.totals)
        fine = healthy(book.rules, self.totals)
        self.holdings = _holdings(market, book, self.totals, self.health, fine)
        self.unknown = _unknown_rows(book, failed)
        self.problems = [*market.problems, *_problems(market, failed)]
        used = np.unique(book.legs.token)
        self.drivers = sorted(
            {d for i in used if (d := market.following[int(i)].driver) is not None}
        )
        self.facts = {
            "pool": "0x" + market.pool.hex(),
            "revision": market.revision,
            "version": market.rules.version,
            "reserves": len(market.reserves),
            "oracle": "0x" + market.oracle.hex(),
            "known_revision": market.known_revision,
        }

    def expose(self, kind: str, name: str) -> Exposure | None:
        """What a shock does to every position; None where nothing in the market follows it."""
        shock = self._shock(kind, name)
        if shock is None:
            return None
        legs = self.book.legs
        found = edges(self.book, shock)
        seizable, barred = self._first_calls(shock, found)
        return Exposure(
            shock=shock,
            touched=legs.total(shock.follows[legs.token].astype(np.float64)) > 0,
            side=found.side,
            raw=found.raw,
            ratio=found.ratio,
            at_risk=at_risk(legs, shock, found.side, found.ratio),
            seizable=seizable,
            barred=barred,
        )

    def _shock(self, kind: str, name: str) -> Shock | None:
        """A shock in this market, or None where nothing follows."""
        return shock_in(self.market, kind, name)

    def _first_calls(self, shock: Shock, found: Edges) -> tuple[F64, U8]:
        """Seizable one unit beyond p*; at present prices for the already liquidatable."""
        now = self.holdings.liquidatable
        positions = np.flatnonzero((found.side != 0) | now)
        answer = np.where(now, shock.present, found.raw - found.side)[positions].astype(np.int64)
        return _calls(self.book, positions, shock, answer)

    def trials(self, exposure: Exposure, positions: I64, answers: integers.Integers) -> Asking:
        """getUserAccountData, every moving token's own source told what the shock makes of it."""
        shock, reserves = exposure.shock, self.market.reserves
        sources, place = distinct([Source(address) for address in reserves.source])
        told = Told(len(positions), sources)
        rows, trial = rows_told(self.book.starts, positions)
        moves = shock.quoted[self.book.legs.token[rows]]
        rows, trial = rows[moves], trial[moves]
        token = self.book.legs.token[rows]
        told.tell(trial, place[token], shock.prices(token, answers[trial]))
        return Asking(
            sources=sources,
            answers=told.answers,
            targets=np.frombuffer(self.market.pool, np.uint8),
            data=abi.pack(_POOL.selector("getUserAccountData"), self.book.accounts[positions]),
            words=1,
            skip=_FACTOR,
            verdict=least(WAD),
            cannot=told.cannot,
        )

    def parity(self, chain: Chain, count: int | None) -> Parity:
        """Our health factors and totals against `getUserAccountData` at the same block.

        Accounts by the smallest hash of address and block, so that nobody chooses them.
        """
        book = self.book
        size = book.legs.positions
        chosen = sample(book.accounts, chain.block.hash, count)
        if not len(chosen):
            return Parity(size, 0, 0, 0, 0.0, 0.0)
        data = abi.pack(_POOL.selector("getUserAccountData"), book.accounts[chosen])
        answer = chain.bulk(np.frombuffer(self.market.pool, np.uint8), data, words=6)
        read, chosen = answer.words[answer.ok], chosen[answer.ok]
        unread = int((~answer.ok).sum())
        theirs = integers.from_words(read[:, 5])
        ours = self.health[chosen]
        same = (ours == theirs).astype(np.bool_)
        same &= (integers.from_words(read[:, 0]) == self.totals.collateral[chosen]).astype(bool)
        same &= (integers.from_words(read[:, 1]) == self.totals.debt[chosen]).astype(bool)
        scale = np.maximum(theirs.astype(np.float64), 1.0)
        error = np.abs((ours - theirs).astype(np.float64)) / scale
        largest, p99 = (
            (float(error.max()), float(np.quantile(error, 0.99))) if len(error) else (0, 0)
        )
        return Parity(size, len(chosen), unread, int((~same).sum()), largest, p99)


def _calls(book: Book, positions: I64, shock: Shock | None, answer: I64) -> tuple[F64, U8]:
    """Dollars of the first call on some positions, and why none can be made, for all positions."""
    call = first_call(book, positions, shock, answer, exact=False)
    seizable = np.zeros(book.legs.positions)
    barred = np.full(book.legs.positions, callability.NO_PRICE, np.uint8)
    seizable[positions], barred[positions] = to_cents(call.value), call.barred
    return seizable, barred


def shock_in(market: AaveMarket, kind: str, name: str) -> Shock | None:
    """A shock in this market, or None where nothing follows."""
    reserves = market.reserves
    return shock_of(
        kind,
        name,
        reserves.symbol,
        reserves.source,
        reserves.price,
        BASE_UNIT,
        list(market.following),
    )


def _holdings(
    market: AaveMarket,
    book: Book,
    totals: Totals,
    health: npt.NDArray[np.object_],
    fine: npt.NDArray[np.bool_],
) -> Holdings:
    reserves = market.reserves
    factor = health.astype(np.float64) / WAD
    at_once = np.flatnonzero(~fine)
    seizable, barred = _calls(book, at_once, None, np.zeros(len(at_once), np.int64))
    return Holdings(
        protocol=market.protocol,
        market=market.name,
        tokens=[
            Token(
                address,
                symbol,
                int(unit),
                float(price / market.dollar),
                f.driver,
                f.source,
                f.sensitivity,
                f.curve,
                lines(f.roots),
            )
            for address, symbol, unit, price, f in zip(
                reserves.address,
                reserves.symbol,
                reserves.unit,
                reserves.price,
                market.following,
                strict=True,
            )
        ],
        accounts=book.accounts,
        owners=book.accounts,  # the pool knows no other owner than the account
        legs=book.legs,
        amounts=book.amounts(np.arange(len(book.legs.token))),
        health_factor=np.where(totals.debt == 0, np.inf, factor),
        liquidatable=~fine,
        now=FirstCalls(barred, seizable),
    )


def _identities(market: AaveMarket, states: States) -> list[Identity]:
    """Per reserve: scaled variable debt found against scaledTotalSupply; stable debt apart."""
    reserves, rows = market.reserves, []
    for place, number in enumerate(reserves.number.tolist()):
        words = states.value[states.slot == FIRST + KINDS * number + DEBT]
        found, total = integers.sum_words(words), reserves.debt_total[place]
        address, symbol = reserves.address[place], reserves.symbol[place]
        rows.append(Identity(address, symbol, "variable_debt", found, total, 0.0))
        if reserves.stable_total[place]:
            stable = _stable_balance(market, states, number)
            total = reserves.stable_total[place]
            rows.append(Identity(address, symbol, "stable_debt", stable, total, STABLE_BOUND))
    return rows


def _stable_balance(market: AaveMarket, states: States, number: int) -> int:
    """Stable debt of everybody in one reserve, with interest to the block. [token units]"""
    columns = [
        integers.from_words(states.value[states.slot == FIRST + KINDS * number + PRINCIPAL + k])
        for k in range(3)
    ]
    principal, rate, updated = columns
    factor = compounded(market.rules, rate, market.timestamp - updated)
    return int(ray_mul(principal, factor, "half").sum())


def _unknown_rows(book: Book, failed: U8) -> list[UnknownRow]:
    """One row per reserve without a price, and one for the accounts that could not be read."""
    unknown, reserves, dollar = book.unknown, book.market.reserves, book.market.dollar
    rows = []
    for place in np.unique(unknown.blame).tolist():
        mine = unknown.blame[unknown.account] == place
        debts = []
        for token in np.unique(unknown.token[mine]).tolist():
            raw = int(unknown.amount[mine & (unknown.token == token)].sum())
            price = int(reserves.price[token])
            usd = raw * price / int(reserves.unit[token]) / dollar if price else None
            debts.append((reserves.address[token], raw, usd))
        why = f"no price for {reserves.symbol[place]}"
        count = int((unknown.blame == place).sum())
        rows.append(UnknownRow(why, reserves.address[place], count, debts))
    if len(failed):
        rows.append(UnknownRow("stored state could not be read", bytes(20), len(failed), []))
    return rows


def _problems(market: AaveMarket, failed: U8) -> list[Problem]:
    where: dict[str, Any] = {"protocol": market.protocol, "market": market.name}
    found = []
    if not market.known_revision:
        text = f"pool revision {market.revision} is not known here; every account is checked"
        found.append(Problem("unknown_revision", text, **where))
    if len(failed):
        text = f"{len(failed)} accounts could not be read"
        found.append(Problem("account_unreadable", text, **where, fatal=True))
    return found
