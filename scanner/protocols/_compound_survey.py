"""Accounts of Compound v2, translated: holdings, exposures, identities, referee."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed, Source
from scanner.core import callability
from scanner.core.integers import Integers
from scanner.core.legs import Legs
from scanner.core.positions import Exposure, FirstCalls, Holdings, at_risk
from scanner.core.rounding import to_cents
from scanner.core.shocks import Shock
from scanner.core.states import States
from scanner.errors import Problem

from . import Identity, Parity, UnknownRow
from . import _compound_rules as rules
from ._compound_accounts import DRIFT
from ._compound_columns import Columns, columns_of
from ._compound_market import CompoundMarket
from ._compound_rules import EXP
from ._sample import chosen
from ._sum_book import SumBook, edges, pairs, told_prices, worth_of
from ._trials import Asking, zero

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_COMPTROLLER, _CTOKEN = abi.load("compound_comptroller"), abi.load("compound_ctoken")
_ORACLE = abi.load("compound_oracle")

# Every accrual and repayment cuts, so the sum of debts and totalBorrows part slowly. A hundred
# thousandth is far above it and far below a lost borrower that matters.
BOUND = 1e-5


class CompoundSurvey:
    """See `scanner.protocols.Survey`."""

    def __init__(self, market: CompoundMarket, states: States, failed: U8) -> None:
        self.market = market
        columns = columns_of(market, states)
        self.identities = self._identities(columns)
        size = len(states.counts)
        owes = np.bincount(columns.account[columns.debt > 0], minlength=size) > 0
        owes |= self._owes_more(states)
        priced = np.array([price > 0 for price in market.quotes.prices], np.bool_)
        dark = np.bincount(columns.account[~priced[columns.market]], minlength=size) > 0
        self.unknown = _unknown(market, columns, owes & dark, failed)
        good = owes & ~dark
        self.accounts = states.accounts[good]
        self.book, self.raw = self._book(columns, good)
        self.collateral, self.debt = self.book.sums()
        legs = self.book.legs
        self.forced = self._flags("forced")[legs.token] & legs.debt
        always = legs.total(self.forced.astype(np.float64)) > 0
        self.short = (self.collateral < self.debt).astype(np.bool_)
        self.fine = ~self.short & ~always
        self.holdings = self._holdings()
        tokens = [market.quotes.tokens[k] for k in np.unique(legs.token)]
        self.drivers = sorted({t.driver for t in tokens if t.driver is not None})
        self.problems = [*market.problems, *_problems(market, failed)]
        self.facts = {
            "pool": "0x" + market.comptroller.hex(),
            "revision": None,
            "version": "2",
            "reserves": len(market.ctokens),
            "oracle": "0x" + market.oracle.hex(),
            "known_revision": True,
        }

    def expose(self, kind: str, name: str) -> Exposure | None:
        """What a shock does to every account; None where nothing in the market follows it."""
        legs = self.book.legs
        shock = self.market.quotes.shock(kind, name, self._worth_of_tokens())
        if shock is None:
            return None
        found = edges(self.book, shock, self.fine)
        side = found.side.astype(np.int64)
        answer = np.where(self.fine, found.raw - side, shock.present).astype(object)
        calls = self._first_calls((found.side != 0) | ~self.fine, shock, answer)
        return Exposure(
            shock=shock,
            touched=legs.total(shock.follows[legs.token].astype(np.float64)) > 0,
            side=found.side,
            raw=found.raw,
            ratio=found.ratio,
            at_risk=at_risk(legs, shock, found.side, found.ratio),
            seizable=calls.seizable,
            barred=calls.barred,
        )

    def _worth_of_tokens(self) -> F64:
        legs, size = self.book.legs, len(self.market.quotes.tokens)
        return np.bincount(legs.token, legs.value, size).astype(np.float64)

    def trials(self, exposure: Exposure, positions: I64, answers: Integers) -> Asking:
        """getAccountLiquidity, all interest accrued before it; the oracle told for each cToken."""
        market = self.market
        ask = _ORACLE.selector("getUnderlyingPrice")
        sources = [Source(market.oracle, ask + bytes(12) + one.address) for one in market.ctokens]
        # A coin without a market (VAI) has a price of its own that nobody is asked for.
        sources += [Source(bytes(20))] * (len(market.quotes.tokens) - len(sources))
        told = told_prices(self.book, exposure.shock, sources, positions, answers)
        return Asking(
            sources=told.sources,
            answers=told.answers,
            targets=np.frombuffer(market.comptroller, np.uint8),
            data=abi.pack(_COMPTROLLER.selector("getAccountLiquidity"), self.accounts[positions]),
            words=3,
            once=[(call.address, call.encoded()) for call in self._accruals()],
            verdict=zero(2, without_error=0),
            cannot=told.cannot,
        )

    def parity(self, chain: Chain, count: int | None) -> Parity:
        """Our collateral and debt against getAccountLiquidity, all interest accrued before it.

        The contract tells the difference of the two. A debt carried from an older block may part
        by DRIFT units from its own, so that much is no mismatch.
        """
        size = len(self.accounts)
        rows = chosen(self.accounts, chain.block.hash, count)
        calls = [
            Call(self.market.comptroller, _COMPTROLLER, "getAccountLiquidity", (self.accounts[i],))
            for i in rows
        ]
        answers = chain.read_after(self._accruals(), calls)
        read = np.array([not isinstance(a, Failed) and a[0] == 0 for a in answers], np.bool_)
        told = np.array([a[1] - a[2] for a, ok in zip(answers, read, strict=True) if ok], object)
        mine = rows[read]
        gap = np.abs(self.collateral[mine] - self.debt[mine] - told)
        legs = self.book.legs
        most = self.book.worth(np.arange(len(legs.token)), self._dearest())
        slack = np.zeros(size, object)
        np.add.at(slack, legs.position[legs.debt], most[legs.debt])
        wrong = (gap > slack[mine]).astype(np.bool_)
        error = np.abs(gap / np.maximum(self.debt[mine], 1)).astype(np.float64)
        worst, p99 = (
            (float(error.max()), float(np.quantile(error, 0.99))) if len(error) else (0.0, 0.0)
        )
        return Parity(size, len(mine), int((~read).sum()), int(wrong.sum()), worst, p99)

    def _accruals(self) -> list[Call]:
        """What anybody may call before a liquidation."""
        return [Call(one.address, _CTOKEN, "accrueInterest") for one in self.market.ctokens]

    def _flags(self, name: str) -> Bool:
        """A flag of the cToken behind each token; what has none is open and not forced."""
        flags = np.full(len(self.market.quotes.tokens), name != "forced")
        flags[: len(self.market.ctokens)] = [getattr(one, name) for one in self.market.ctokens]
        return flags

    def _dearest(self) -> Integers:
        """Prices at which a debt leg's worth is that of DRIFT units of its token, rounded up."""
        raw, rows = self.raw, np.arange(len(self.raw))
        now = self.book.prices(rows)
        return np.asarray(now * DRIFT // np.maximum(raw, 1) + 1, object)

    def _weights(self, columns: Columns) -> Integers:
        """What collateral of each (account, market) counts for; a mantissa of 1e18."""
        factor = np.array([one.factor for one in self.market.ctokens], object)
        return np.asarray(factor[columns.market], object)

    def _book(self, columns: Columns, good: Bool) -> tuple[SumBook, Integers]:
        """Legs of the accounts that are `good`, and each one's cTokens or debt."""
        market, rank = self.market, np.cumsum(good) - 1
        weights = self._weights(columns)
        held = np.flatnonzero(good[columns.account] & (columns.tokens > 0).astype(np.bool_))
        owed = np.flatnonzero(good[columns.account] & (columns.debt > 0).astype(np.bool_))
        row = np.concatenate([held, owed])
        debt = np.concatenate([np.zeros(len(held), np.bool_), np.ones(len(owed), np.bool_)])
        position, token = rank[columns.account[row]], columns.market[row]
        raw = np.where(debt, columns.debt[row], columns.tokens[row])
        weight = np.where(debt, EXP, weights[row])
        more = self._more_debt(good)
        position, token = np.append(position, more[0]), np.append(token, more[1])
        raw, weight = np.append(raw, more[2]), np.append(weight, np.full(len(more[0]), EXP, object))
        debt = np.append(debt, np.ones(len(more[0]), np.bool_))
        order = np.lexsort((token, debt, position))
        position, token, debt = position[order], token[order], debt[order]
        raw, weight = raw[order].astype(object), weight[order].astype(object)
        rate = self._rates()[token]
        quotes = market.quotes
        unit = np.array([t.unit for t in quotes.tokens], np.float64)[token]
        usd = np.array([t.price for t in quotes.tokens])[token]
        underlying = np.where(debt, raw, raw * rate // EXP)
        amount = underlying.astype(np.float64) / unit
        legs = Legs(
            positions=int(good.sum()),
            position=position.astype(np.int64),
            token=token.astype(np.int32),
            debt=debt,
            amount=amount,
            value=amount * usd,
            weight=(weight / EXP).astype(np.float64),
        )
        self.underlying = np.asarray(underlying, object)

        share = weight * rate // EXP  # the first product of three, which no price changes

        def held_worth(rows: I64, prices: Integers) -> Integers:
            return rules.tokens_value(share[rows], prices, raw[rows])

        def owed_worth(rows: I64, prices: Integers) -> Integers:
            return rules.debt_value(prices, raw[rows])

        return SumBook(quotes, legs, worth_of(debt, held_worth, owed_worth)), raw

    def _rates(self) -> Integers:
        """Exchange rate of each token's cToken."""
        rates = np.full(len(self.market.quotes.tokens), EXP, object)
        rates[: len(self.market.ctokens)] = [one.rate for one in self.market.ctokens]
        return rates

    def _owes_more(self, states: States) -> Bool:
        """Which accounts owe something outside the cTokens. Compound knows no such debt."""
        return np.zeros(len(states.counts), np.bool_)

    def _more_debt(self, good: Bool) -> tuple[I64, I64, Integers]:
        """Debts outside the cTokens: position, token, amount."""
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, object)

    def _first_calls(self, wanted: Bool, shock: Shock | None, answer: Integers) -> FirstCalls:
        """The first call on the `wanted` when the feed answers `answer` (one of each position); at
        the block's own prices without a shock."""
        size = len(wanted)
        positions = np.flatnonzero(wanted)
        value, barred = np.zeros(size), np.full(size, callability.NO_PRICE, np.uint8)
        if not len(positions):
            return FirstCalls(barred, value)
        pair = pairs(self.book, positions)
        held, owed = pair.collateral, pair.debt
        if shock is None:
            price, debt_price = self.book.prices(held), self.book.prices(owed)
        else:
            at = answer[positions][pair.owner]
            price = self.book.shocked(held, shock, at)
            debt_price = self.book.shocked(owed, shock, at)
        token = self.book.legs.token[held]
        tokens, why = self._seized(held, owed, price, debt_price)
        quotes = self.market.quotes
        scale = np.array(
            [f.scale * t.unit for f, t in zip(quotes.feeds, quotes.tokens, strict=True)], object
        )
        dollars = (tokens * self._rates()[token] // EXP * price / scale[token]).astype(np.float64)
        mine, rows = callability.best(pair.owner, dollars, why)
        mine = positions[mine]
        barred[positions] = callability.NO_COLLATERAL
        barred[mine] = why[rows]
        able = why[rows] == callability.CALLABLE
        value[mine] = to_cents(np.where(able, dollars[rows], 0.0))
        return FirstCalls(barred, value)

    def _seized(
        self, held: I64, owed: I64, price: Integers, debt_price: Integers
    ) -> tuple[Integers, U8]:
        """cTokens of one call for each pair of legs (`held`, `owed`), and why it cannot be made.

        Sources: Comptroller.liquidateBorrowAllowed (close factor; a forced debt whole; Venus: not
        while LIQUIDATE of the debt's market is paused), seizeAllowed (seizeGuardianPaused; Venus:
        SEIZE of the collateral's market; protocolPaused), liquidateCalculateSeizeTokens. The
        contract refuses what the collateral does not cover instead of cutting it, so the largest
        repayment that it covers is taken.
        """
        token, whole = self.book.legs.token, self.forced[owed]
        most = np.where(whole, self.raw[owed], self.market.close_factor * self.raw[owed] // EXP)
        # Without a shortfall only a forced debt can be called.
        position = self.book.legs.position[owed]
        alone = ~whole & ~self.short[position] & ~self.fine[position]
        rate = self._rates()[token[held]]
        factor = self._incentives(held, owed)
        taken = rules.seize_most(most, self.raw[held], factor, debt_price, price, rate)
        taken = np.where(alone, 0, taken)
        return taken, callability.first_of(
            (np.full(len(held), self.market.paused), callability.PAUSED),
            (~self._flags("repays")[token[owed]], callability.LIQUIDATION_PAUSED),
            (~self._flags("seizes")[token[held]], callability.SEIZE_PAUSED),
            (np.asarray(taken == 0, np.bool_), callability.TOO_SMALL),
        )

    def _incentives(self, held: I64, owed: I64) -> Integers:
        """Liquidation incentive of pairs of legs; a mantissa of 1e18."""
        return np.full(len(held), self.market.incentive, object)

    def _holdings(self) -> Holdings:
        legs = self.book.legs
        owed = np.where(self.debt > 0, self.debt, 1)
        factor = (self.collateral / owed).astype(np.float64)
        return Holdings(
            protocol=self.market.protocol,
            market=self.market.row.name,
            tokens=list(self.market.quotes.tokens),
            accounts=self.accounts,
            owners=self.accounts,
            legs=legs,
            amounts=self.underlying,
            health_factor=np.where((self.debt > 0).astype(np.bool_), factor, np.inf),
            liquidatable=~self.fine,
            now=self._first_calls(~self.fine, None, np.zeros(0, object)),
        )

    def _identities(self, columns: Columns) -> list[Identity]:
        rows = []
        for place, one in enumerate(self.market.ctokens):
            found = int(columns.debt[columns.market == place].sum())
            total = one.ledger.borrows
            rows.append(Identity(one.address, one.symbol, "debt", found, total, BOUND))
        return rows


def _unknown(market: CompoundMarket, columns: Columns, lost: Bool, failed: U8) -> list[UnknownRow]:
    """Accounts that owe and have entered a market without a price, by the first such market."""
    rows = []
    priced = np.array([price > 0 for price in market.quotes.prices], np.bool_)
    blame = np.full(len(lost), -1, np.int64)
    dark = np.flatnonzero(~priced[columns.market])[::-1]
    blame[columns.account[dark]] = columns.market[dark]
    for place in np.unique(blame[lost]).tolist():
        mine = lost & (blame == place)
        debts: list[tuple[bytes, int, float | None]] = []
        for k, one in enumerate(market.ctokens):
            raw = int(columns.debt[mine[columns.account] & (columns.market == k)].sum())
            usd = market.quotes.tokens[k].price or None
            if raw:
                debts.append((one.underlying, raw, usd and raw / one.unit * usd))
        one = market.ctokens[place]
        rows.append(
            UnknownRow(f"no price for {one.symbol}", one.underlying, int(mine.sum()), debts)
        )
    if len(failed):
        rows.append(UnknownRow("stored state could not be read", bytes(20), len(failed), []))
    return rows


def _problems(market: CompoundMarket, failed: U8) -> list[Problem]:
    where: dict[str, Any] = {"protocol": market.protocol, "market": market.row.name}
    if not len(failed):
        return []
    text = f"{len(failed)} accounts could not be read"
    return [Problem("account_unreadable", text, **where, fatal=True)]
