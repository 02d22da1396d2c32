"""Accounts of a Comet, translated: holdings, exposures, identities, referee."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed, Source
from scanner.core import callability, integers
from scanner.core.integers import Integers
from scanner.core.legs import Legs
from scanner.core.positions import Exposure, FirstCalls, Holdings, at_risk
from scanner.core.rounding import to_cents
from scanner.core.shocks import Shock
from scanner.core.states import States
from scanner.errors import Problem

from . import Identity, Parity, UnknownRow, verdicts
from . import _comet_rules as rules
from ._comet_market import CometMarket
from ._sample import chosen
from ._slots import places_of
from ._sum_book import Edges, SumBook, edges, told_prices, worth_of
from ._trials import Asking, zero

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_COMET = abi.load("comet")


def principals(chain: Chain, market: CometMarket, accounts: U8) -> tuple[Integers, Bool]:
    """What each account owes, in principal (0 for a supplier), and who was read.

    Asked of everybody who holds collateral, at every scan: base moves between accounts without a
    log (Comet.transferBase), so nothing that was read before can be trusted.
    """
    calls = abi.pack(_COMET.selector("userBasic"), accounts)
    answer = chain.bulk(np.frombuffer(market.comet, np.uint8), calls, words=5)
    words = answer.words[:, 0].copy()
    negative = words[:, 0] >= 0x80
    words[~negative] = 0
    value = integers.from_words(words)
    return np.where(negative, 2**256 - value, 0).astype(object), answer.ok


class CometSurvey:
    """See `scanner.protocols.Survey`."""

    def __init__(self, chain: Chain, market: CometMarket, states: States, failed: U8) -> None:
        self.market = market
        owner = np.repeat(np.arange(len(states.counts)), states.counts)
        addresses = [one.address for one in market.collaterals]
        asset = places_of(states.slot.astype(np.int64), addresses)
        amount = integers.from_words(states.value)
        keep = asset >= 0
        owner, asset, amount = owner[keep], asset[keep], amount[keep]
        holders = np.unique(owner)
        owed = np.zeros(len(states.counts), object)
        principal, read = principals(chain, market, states.accounts[holders])
        owed[holders] = principal
        lost = states.accounts[holders[~read]]
        self.identities = self._identities(asset, amount, owed)
        priced = np.array([price > 0 for price in market.quotes.prices], np.bool_)
        dark = np.bincount(owner[~priced[asset]], minlength=len(owed)) > 0
        dark |= not priced[-1]
        owes = (owed > 0).astype(np.bool_)
        failed = np.concatenate([failed, lost])
        debt = rules.owed(owed, market.index)
        self.unknown = self._unknown(owes & dark, debt, failed)
        good = owes & ~dark
        self.accounts = states.accounts[good]
        rank = np.cumsum(good) - 1
        mine = good[owner]
        self.book, self.raw = self._book(rank[owner[mine]], asset[mine], amount[mine], debt[good])
        self.collateral, self.debt = self.book.sums()
        self.fine = (self.collateral >= self.debt).astype(np.bool_)
        self.holdings = self._holdings()
        tokens = [market.quotes.tokens[k] for k in np.unique(self.book.legs.token)]
        self.drivers = sorted({t.driver for t in tokens if t.driver is not None})
        self.problems = [*market.problems, *self._problems(failed)]
        self.facts = {
            "pool": "0x" + market.comet.hex(),
            "revision": None,
            "version": "3",
            "reserves": len(market.collaterals),
            "known_revision": True,
        }
        self.details = {market.row.name: self._details()}

    def expose(self, kind: str, name: str) -> Exposure | None:
        """What a shock does to every account; None where nothing in the market follows it."""
        legs, quotes = self.book.legs, self.market.quotes
        worth = np.bincount(legs.token, legs.value, len(quotes.tokens)).astype(np.float64)
        shock = quotes.shock(kind, name, worth)
        if shock is None:
            return None
        found = edges(self.book, shock, self.fine)
        called = (found.side != 0) | ~self.fine
        return Exposure(
            shock=shock,
            touched=legs.total(shock.follows[legs.token].astype(np.float64)) > 0,
            side=found.side,
            raw=found.raw,
            ratio=found.ratio,
            at_risk=at_risk(legs, shock, found.side, found.ratio),
            seizable=np.where(
                called & (not self.market.absorb_paused),
                self._everything(shock, found),
                0.0,
            ),
            barred=self._barred(called),
        )

    def _barred(self, called: Bool) -> U8:
        """Why `absorb` cannot be called; 0 where it can. Source: Comet.absorb (isAbsorbPaused)."""
        paused = np.full(len(called), self.market.absorb_paused, np.bool_)
        return callability.first_of(
            (~called, callability.NO_PRICE), (paused, callability.LIQUIDATION_PAUSED)
        )

    def _everything(self, shock: Shock, found: Edges) -> F64:
        """All collateral, which is what `absorb` takes, one unit beyond p* (or at present)."""
        legs = self.book.legs
        beyond = np.where(found.side != 0, found.raw - found.side, shock.present)
        ratio = (beyond / shock.present).astype(np.float64)
        moves = shock.follows[legs.token]
        value = np.where(legs.debt, 0.0, legs.value)
        if shock.moves is not None:
            factor = shock.factor(legs.token, ratio[legs.position])
            return to_cents(legs.total(value * factor))
        return to_cents(
            legs.total(np.where(moves, value, 0.0)) * ratio
            + legs.total(np.where(moves, 0.0, value))
        )

    def trials(self, exposure: Exposure, positions: I64, answers: Integers) -> Asking:
        """isLiquidatable, interest accrued before it as `absorb` does; each asset's own feed."""
        sources = [Source(feed.address) for feed in self.market.quotes.feeds]
        told = told_prices(self.book, exposure.shock, sources, positions, answers)
        comet = self.market.comet
        return Asking(
            sources=told.sources,
            answers=told.answers,
            targets=np.frombuffer(comet, np.uint8),
            data=abi.pack(_COMET.selector("isLiquidatable"), self.accounts[positions]),
            words=1,
            once=[(comet, _COMET.selector("accrueAccount") + bytes(32))],
            verdict=zero(0),
            cannot=told.cannot,
        )

    def parity(self, chain: Chain, count: int | None) -> Parity:
        """Our verdicts against isLiquidatable, interest accrued before it as `absorb` does."""
        rows = chosen(self.accounts, chain.block.hash, count)
        comet = self.market.comet
        accrue = [Call(comet, _COMET, "accrueAccount", (bytes(20),))]
        calls = [Call(comet, _COMET, "isLiquidatable", (self.accounts[i],)) for i in rows]
        answers = chain.read_after(accrue, calls)
        read = np.array([not isinstance(answer, Failed) for answer in answers], np.bool_)
        told = np.array([bool(answer) for answer in answers], np.bool_)
        place = np.zeros(len(self.accounts), np.int64)
        name = self.market.row.name
        whole = verdicts([name], place, rows[read], told[read] == ~self.fine[rows[read]])
        return Parity(len(place), whole.checked, int((~read).sum()), whole.mismatches, 0.0, 0.0)

    def _book(
        self, position: I64, asset: I64, amount: Integers, debt: Integers
    ) -> tuple[SumBook, Integers]:
        """Legs: collaterals by account, then its debt in the base."""
        market, size = self.market, len(debt)
        base = len(market.collaterals)
        owes = np.concatenate([np.zeros(len(position), np.bool_), np.ones(size, np.bool_)])
        position = np.concatenate([position, np.arange(size)])
        token = np.concatenate([asset, np.full(size, base, np.int64)])
        raw = np.concatenate([amount, debt])
        order = np.lexsort((token, owes, position))
        position, token, owes, raw = position[order], token[order], owes[order], raw[order]
        scales = [one.scale for one in market.collaterals]
        scale = np.array([*scales, market.base_scale], object)[token]
        factors = [one.liquidate_factor for one in market.collaterals]
        factor = np.array([*factors, rules.FACTOR], object)[token]
        usd = np.array([t.price for t in market.quotes.tokens])[token]
        held = raw.astype(np.float64) / scale.astype(np.float64)
        legs = Legs(
            positions=size,
            position=position.astype(np.int64),
            token=token.astype(np.int32),
            debt=owes,
            amount=held,
            value=held * usd,
            weight=(factor / rules.FACTOR).astype(np.float64),
        )

        def held_worth(rows: I64, prices: Integers) -> Integers:
            return rules.collateral_value(raw[rows], prices, scale[rows], factor[rows])

        def owed_worth(rows: I64, prices: Integers) -> Integers:
            return rules.debt_value(raw[rows], prices, scale[rows])

        worth = worth_of(owes, held_worth, owed_worth)
        return SumBook(market.quotes, legs, worth), np.asarray(raw, object)

    def _holdings(self) -> Holdings:
        some = (self.debt > 0).astype(np.bool_)
        legs = self.book.legs
        held = to_cents(legs.total(np.where(legs.debt, 0.0, legs.value)))
        able = ~self.fine & (not self.market.absorb_paused)
        factor = (self.collateral / np.where(some, self.debt, 1)).astype(np.float64)
        return Holdings(
            protocol=self.market.protocol,
            market=self.market.row.name,
            tokens=list(self.market.quotes.tokens),
            accounts=self.accounts,
            owners=self.accounts,
            legs=legs,
            amounts=self.raw,
            health_factor=np.where(some, factor, np.inf),
            liquidatable=~self.fine,
            now=FirstCalls(self._barred(~self.fine), np.where(able, held, 0.0)),
        )

    def _identities(self, asset: I64, amount: Integers, owed: Integers) -> list[Identity]:
        """Principal of all debtors, and all of every collateral: both exact."""
        market = self.market
        base = market.quotes.tokens[-1]
        rows = [
            Identity(
                base.address, base.symbol, "principal", int(owed.sum()), market.total_borrow, 0.0
            )
        ]
        for k, one in enumerate(market.collaterals):
            found = int(amount[asset == k].sum())
            rows.append(Identity(one.address, one.symbol, "collateral", found, one.total, 0.0))
        return rows

    def _unknown(self, lost: Bool, debt: Integers, failed: U8) -> list[UnknownRow]:
        rows, base = [], self.market.quotes.tokens[-1]
        if lost.any():
            raw = int(debt[lost].sum())
            usd = raw / base.unit * base.price if base.price else None
            why = "no price for a token of the account"
            rows.append(UnknownRow(why, base.address, int(lost.sum()), [(base.address, raw, usd)]))
        if len(failed):
            rows.append(UnknownRow("stored state could not be read", bytes(20), len(failed), []))
        return rows

    def _problems(self, failed: U8) -> list[Problem]:
        if not len(failed):
            return []
        text = f"{len(failed)} accounts could not be read"
        where = (self.market.protocol, self.market.row.name)
        return [Problem("account_unreadable", text, *where, fatal=True)]

    def _details(self) -> dict[str, Any]:
        """What the market quotes in, and the discount at which absorbed collateral is sold."""
        market, quotes = self.market, self.market.quotes
        return {
            "base": quotes.tokens[-1].symbol,
            "quoted_in": "USD" if quotes.base is None else quotes.tokens[quotes.base].symbol,
            "absorb_paused": market.absorb_paused,
            "store_price": {
                one.symbol: rules.store_price(price, one.liquidation_factor, market.store_factor)
                / rules.PRICE
                for one, price in zip(market.collaterals, quotes.prices, strict=False)
                if price
            },
        }
