"""Morpho's positions of all markets, translated: holdings, exposures, identities, referee."""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed, Source
from scanner.core import callability, integers, quotients
from scanner.core.integers import Integers
from scanner.core.legs import Legs
from scanner.core.positions import Exposure, Feed, FirstCalls, Holdings, Token, at_risk
from scanner.core.price import HIGHEST, LOWEST
from scanner.core.rounding import to_cents
from scanner.core.shocks import RATIO_SCALE, RELATIVE, Shock
from scanner.core.states import States
from scanner.errors import Problem

from . import Identity, Parity, verdicts
from . import _morpho_rules as rules
from ._drivers import is_own, lines, moves_of, sensitivity_of, weights_of
from ._morpho_early import PreLiquidation, early_falls, read_contracts
from ._morpho_market import Asset, Isolated, MorphoMarket
from ._morpho_unknown import problems_of, unknown_of
from ._sample import chosen
from ._trials import REASON_WORDS, Asking, Told, distinct, refused_as

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
I8 = npt.NDArray[np.int8]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_MORPHO = abi.load("morpho_blue")
_HEALTHY = "position is healthy"  # ErrorsLib.HEALTHY_POSITION
# SafeTransferLib, after the position was found unhealthy.
_PAYMENT = ("transfer reverted", "transferFrom reverted", "transfer returned", "no code")
_BORROWER = 4 + 5 * 32 + 12  # where in the call data of `liquidate` the borrower's 20 bytes are
_CENTS = 10**8  # scale of a spot that is derived from a market's oracle


class MorphoSurvey:
    """See `scanner.protocols.Survey`."""

    always_falls = True

    def __init__(self, market: MorphoMarket, states: States, failed: U8) -> None:
        self.market = market
        isolated = market.isolated
        words = states.value
        keys = np.repeat(states.accounts, states.counts, axis=0)
        shares, collateral = integers.from_words(words), integers.from_words(words)
        shares, collateral = shares % 2**128, collateral // 2**128
        number = {one.id: place for place, one in enumerate(isolated)}
        place = np.array([number.get(k.tobytes(), -1) for k in keys[:, 20:]], np.int64)
        indebted = (shares > 0).astype(np.bool_) & (place >= 0)
        keys, shares, collateral, place = (
            keys[indebted],
            shares[indebted],
            collateral[indebted],
            place[indebted],
        )
        debt = rules.owed(shares, self._of("assets", place), self._of("shares", place))
        usable = np.array(
            [bool(m.price) and None not in (m.loan.usd, m.collateral.usd) for m in isolated],
            np.bool_,
        )
        good = usable[place] if len(place) else np.zeros(0, np.bool_)

        self.identities = self._identities(shares, place)
        self.unknown = unknown_of(market, debt[~good], place[~good], failed)
        self.keys, self.place = keys[good], place[good]
        self.shares, self.collateral, self.debt = shares[good], collateral[good], debt[good]
        self.price, self.lltv = self._of("price", self.place), self._of("lltv", self.place)
        held = (self.collateral > 0).astype(np.bool_) & (self.lltv > 0).astype(np.bool_)
        self.least = np.zeros(len(held), object)
        self.least[held] = rules.least_price(
            self.collateral[held], self.debt[held], self.lltv[held]
        )
        most = rules.largest_debt(self.collateral, self.price, self.lltv)
        self.fine = (most >= self.debt).astype(np.bool_)
        self.tokens = sorted(
            {t.address: t for m in isolated for t in (m.collateral, m.loan)}.values(),
            key=lambda token: token.address,
        )
        self.holdings = self._holdings(most)
        used = {t.driver for t in self._used() if t.driver is not None}
        self.drivers = sorted(used)
        self.problems = [*market.problems, *problems_of(market, failed)]
        self.facts = {
            "pool": "0x" + market.morpho.hex(),
            "revision": None,
            "version": "1",
            "reserves": len(isolated),
            "known_revision": True,
        }
        self.early: F64 | None = None
        self.contracts: list[PreLiquidation] = []
        self.details: dict[str, dict[str, Any]] = {
            one.label: {
                "id": "0x" + one.id.hex(),
                "oracle": "0x" + one.oracle.hex(),
                "lltv": one.lltv / rules.WAD,
                "oracle_price_raw": str(one.price) if one.price else None,
            }
            for one in isolated
        }

    def add_early(self, chain: Chain, contracts: U8) -> None:
        """Learn where pre-liquidations begin; `contracts` have shape (n, 20)."""
        self.contracts = read_contracts(chain, self.market.isolated, contracts)
        self.early, by, silent = early_falls(
            chain,
            self.market.morpho,
            self.contracts,
            self.keys,
            self.place,
            self.collateral,
            self.debt,
        )
        if silent:
            text = f"{silent} questions of who lets a pre-liquidation happen were not answered"
            where = (self.market.protocol, self.market.row.name)
            self.problems.append(Problem("pre_liquidation_unread", text, *where, fatal=True))
        for place, one in enumerate(self.market.isolated):
            mine = [k for k, contract in enumerate(self.contracts) if contract.place == place]
            self.details[one.label]["pre_liquidation"] = [
                {
                    "contract": "0x" + self.contracts[k].address.hex(),
                    "lltv": self.contracts[k].lltv / rules.WAD,
                    "borrowers": int((by == k).sum()),
                }
                for k in mine
            ]

    def expose(self, kind: str, name: str) -> Exposure | None:
        """What a shock does to every position; None where nothing follows it."""
        symbols, drivers = [t.symbol for t in self.tokens], [t.driver for t in self.tokens]
        weights = weights_of(kind, name, symbols, drivers)
        follows = np.array([weight != 0 for weight in weights], np.bool_)
        if not follows.any() or not len(self.place):
            return None
        shock = self._shock(kind, name, follows, weights)
        follows = shock.follows
        index, isolated = self._index(), self.market.isolated
        of_held = np.array([index[m.collateral.address] for m in isolated], np.int64)
        of_lent = np.array([index[m.loan.address] for m in isolated], np.int64)
        held, lent = follows[of_held], follows[of_lent]
        touched = (held | lent)[self.place]
        if not touched.any():
            return None
        able = self.fine & (self.least > 0).astype(np.bool_)
        fall = (self.least / self.price).astype(np.float64)
        early = self.early
        if shock.moves is not None:
            pair = of_held[self.place], of_lent[self.place]
            ratio, side = quotients.edges(shock, *pair, np.where(able, fall, np.nan))
            if early is not None:
                early = quotients.edges(shock, *pair, np.where(able, early, np.nan))[0]
        else:
            ratio, side = self._straight(held, lent, able, fall)
            early = self._early(side)
        raw = np.where(side != 0, self.least, 0).astype(object)
        moved = None if shock.moves is None else shock.factor(of_held[self.place], ratio)
        return Exposure(
            shock=shock,
            touched=touched,
            side=side,
            raw=raw,
            ratio=ratio,
            at_risk=at_risk(self.holdings.legs, shock, side, ratio),
            seizable=self._seizable(side, held[self.place], moved),
            # Morpho knows no pause: Morpho.liquidate asks for nothing but an unhealthy position.
            barred=callability.first_of(((side == 0) & self.fine, callability.NO_PRICE)),
            early=early,
            feeds=tuple(one.feed for one in isolated),
            feed=self.place,
        )

    def trials(self, exposure: Exposure, positions: I64, answers: Integers) -> Asking:
        """`liquidate` of one share: a healthy position is refused by name before anything moves,
        of another one the call fails at the payment. Each market's own oracle is told."""
        isolated, place = self.market.isolated, self.place[positions]
        sources, source = distinct([Source(one.oracle) for one in isolated])
        told = Told(len(positions), sources)
        told.tell(np.arange(len(positions)), source[place], answers)
        call = [
            Call(self.market.morpho, _MORPHO, "liquidate", (m.params, bytes(20), 0, 1, b""))
            for m in isolated
        ]
        calls = np.array([list(one.encoded()) for one in call], np.uint8)
        data = calls[place]
        data[:, _BORROWER : _BORROWER + 20] = self.keys[positions, :20]
        return Asking(
            sources=sources,
            answers=told.answers,
            targets=np.frombuffer(self.market.morpho, np.uint8),
            data=data,
            words=REASON_WORDS,
            undone=True,
            verdict=refused_as(_HEALTHY, *_PAYMENT),
            cannot=told.cannot,
        )

    def _straight(self, held: Bool, lent: Bool, able: Bool, fall: F64) -> tuple[F64, I8]:
        """s* and side where the tokens move one for one; `held` and `lent` say, of each market,
        whether its collateral and its loan do."""
        way = held.astype(np.int8)[self.place] - lent.astype(np.int8)[self.place]
        side = np.where(able, way, 0).astype(np.int8)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(side > 0, fall, np.where(side < 0, 1 / fall, np.nan))
        reachable = (ratio >= LOWEST) & (ratio <= HIGHEST)
        side = np.where(reachable, side, 0).astype(np.int8)
        return np.where(side != 0, ratio, np.nan), side

    def parity(self, chain: Chain, count: int | None) -> Parity:
        """Our verdicts against Morpho's own: `liquidate` of one share, in an eth_call.

        Morpho has no view of a position's health. A healthy one is refused by name before anything
        moves; of another one the call goes on, to fail at the payment.
        """
        rows = chosen(self.keys, chain.block.hash, count)
        calls = [
            Call(
                self.market.morpho,
                _MORPHO,
                "liquidate",
                (self.market.isolated[self.place[i]].params, self.keys[i, :20], 0, 1, b""),
            )
            for i in rows
        ]
        answers = chain.read(calls)
        told = np.array([isinstance(a, Failed) and _HEALTHY in a.reason for a in answers], np.bool_)
        names = [one.label for one in self.market.isolated]
        return verdicts(names, self.place, rows, told == self.fine[rows])

    def _of(self, name: str, place: I64) -> Integers:
        values = np.array([getattr(one, name) for one in self.market.isolated], object)
        return values[place] if len(values) else np.zeros(0, object)

    def _used(self) -> list[Asset]:
        found = [self.market.isolated[i] for i in np.unique(self.place)]
        return [token for one in found for token in (one.collateral, one.loan)]

    def _holdings(self, most: Integers) -> Holdings:
        size, isolated, index = len(self.place), self.market.isolated, self._index()
        rows = np.arange(size)
        held = rows[(self.collateral > 0).astype(np.bool_)]
        position = np.concatenate([held, rows])
        debt = np.concatenate([np.zeros(len(held), np.bool_), np.ones(size, np.bool_)])
        order = np.argsort(position * 2 + debt, kind="stable")
        raw = np.concatenate([self.collateral[held], self.debt])[order]
        position, debt = position[order], debt[order]
        columns: list[list[Any]] = [
            [index[m.collateral.address], m.collateral.unit, _usd(m.collateral)] for m in isolated
        ]
        owed: list[list[Any]] = [
            [index[m.loan.address], m.loan.unit, _usd(m.loan)] for m in isolated
        ]
        table = np.array([columns, owed], np.float64).reshape(2, -1, 3)
        which = table[debt.astype(np.int64), self.place[position]]
        amount = raw.astype(np.float64) / which[:, 1]
        lltv = (self.lltv / rules.WAD).astype(np.float64)[position]
        legs = Legs(
            positions=size,
            position=position,
            token=which[:, 0].astype(np.int32),
            debt=debt,
            amount=amount,
            value=amount * which[:, 2],
            weight=np.where(debt, 1.0, lltv),
        )
        accounts = np.ascontiguousarray(self.keys[:, :20])
        return Holdings(
            protocol=self.market.protocol,
            market=self.market.row.name,
            tokens=[
                Token(
                    t.address,
                    t.symbol,
                    t.unit,
                    t.usd or 0.0,
                    t.driver,
                    t.driver_source,
                    sensitivity_of(t.driver, t.roots),
                    curve=t.curve,
                    roots=lines(t.roots),
                )
                for t in self.tokens
            ],
            accounts=accounts,
            owners=accounts,
            legs=legs,
            amounts=raw,
            health_factor=(most / self.debt).astype(np.float64),
            liquidatable=~self.fine,
            now=FirstCalls(
                callability.first_of((self.fine, callability.NO_PRICE)),
                self._seizable(np.zeros(size, np.int8), np.zeros(size, np.bool_), None),
            ),
            markets=tuple(one.label for one in isolated),
            place=self.place,
        )

    def _index(self) -> dict[bytes, int]:
        return {token.address: i for i, token in enumerate(self.tokens)}

    def _shock(self, kind: str, name: str, follows: Bool, weights: list[Fraction]) -> Shock:
        feed = self._axis(kind, name, follows)
        now = [round((t.usd or 0.0) * _CENTS) for t in self.tokens]
        moves = moves_of(kind, weights, [t.curve for t in self.tokens], feed.present, now)
        follows = follows if moves is None else moves.moving
        axis = (feed.address, feed.description, feed.scale, feed.present)
        return Shock(name, kind, *axis, follows, moves=moves)

    def _axis(self, kind: str, name: str, follows: Bool) -> Feed:
        """The driver's dollar feed; without one, the price of its own token
        (WETH for ETH), or of its largest follower where no such token is used.

        `raw` is never of this feed but of each market's own oracle.
        """
        if kind in RELATIVE:
            return Feed(b"", "", RATIO_SCALE, RATIO_SCALE)
        feed = self.market.spots.get(name) if kind == "driver" else None
        if feed is not None:
            return feed
        legs = self.holdings.legs
        own = np.array([is_own(t.symbol, t.driver) for t in self.tokens], np.bool_) & follows
        sums = np.bincount(legs.token, legs.value, len(self.tokens)) * follows
        sums = np.where(own, sums, 0.0) if (sums * own).any() else sums
        token = self.tokens[int(np.argmax(sums))]
        present = max(round((token.usd or 0.0) * _CENTS), 1)
        return Feed(token.address, token.symbol, _CENTS, present)

    def _early(self, side: I8) -> F64 | None:
        """Where pre-liquidation begins, as a multiple of the driver's present price."""
        if self.early is None:
            return None
        with np.errstate(divide="ignore"):
            return np.where(side > 0, self.early, np.where(side < 0, 1 / self.early, np.nan))

    def _seizable(self, side: I8, held: Bool, moved: F64 | None) -> F64:
        """In dollars one unit beyond p*, or at present prices for the already liquidatable.

        `moved` is what the collateral's price is multiplied by at p*; None where that is the
        oracle's own fall, or nothing.
        """
        rows = np.flatnonzero((side != 0) | ~self.fine)
        value = np.zeros(len(side))
        if not len(rows):
            return value
        place = self.place[rows]
        price = np.where(side[rows] != 0, self.least[rows] - 1, self.price[rows])
        isolated = self.market.isolated
        factor = np.array([rules.incentive(m.lltv) for m in isolated], object)[place]
        repaid = rules.owed_down(
            self.shares[rows], self._of("assets", place), self._of("shares", place)
        )
        taken = rules.seized(self.collateral[rows], repaid, factor, np.maximum(price, 1))
        unit = np.array([m.collateral.unit for m in isolated], np.float64)[place]
        usd = np.array([_usd(m.collateral) for m in isolated])[place]
        # Of a long the collateral has fallen with the oracle; of a short the loan has risen.
        fallen = np.where((side[rows] > 0) & held[rows], price / self.price[rows], 1.0)
        if moved is not None:
            fallen = np.where(side[rows] != 0, moved[rows], 1.0)
        value[rows] = taken.astype(np.float64) / unit * usd * fallen.astype(np.float64)
        return to_cents(value)

    def _identities(self, shares: Integers, place: I64) -> list[Identity]:
        found = [0] * len(self.market.isolated)
        for market in np.unique(place):
            found[market] = int(shares[place == market].sum())
        return [
            Identity(m.loan.address, m.loan.symbol, "borrow_shares", n, m.shares, 0.0, m.label)
            for m, n in zip(self.market.isolated, found, strict=True)
        ]


def _usd(one: Asset) -> float:
    return one.usd or 0.0


__all__ = ["Isolated", "MorphoSurvey"]
