"""Maker's urns of all ilks, translated: holdings, exposures, identities, referee."""

from dataclasses import dataclass
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
from scanner.core.states import States, keys
from scanner.errors import Problem

from . import Identity, Parity, UnknownRow, verdicts
from . import _maker_rules as rules
from ._drivers import lines, moves_of, sensitivity_of, weights_of
from ._maker_market import Ilk, MakerMarket, spot_of
from ._maker_rules import RAY, WAD
from ._sample import chosen
from ._trials import REASON_WORDS, Asking, Told, distinct, refused_as

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

INK, ART = 0, 1  # slots of an urn's stored state; of a CDP, slot 0 is its urn

_DOG, _CAT, _MANAGER = (abi.load(f"maker_{name}") for name in ("dog", "cat", "manager"))
_JUG, _SPOTTER = abi.load("maker_jug"), abi.load("maker_spotter")
_SAFE = "not-unsafe"  # Dog/not-unsafe, Cat/not-unsafe
# What a call is refused for once the urn is known to be unsafe (dss/src/dog.sol, cat.sol).
_UNSAFE = ("liquidation-limit-hit", "null-auction", "dusty-auction", "overflow")


@dataclass(frozen=True)
class Urns:
    """Urns that owe: keys[n, 52] sorted, ink and art [wad]; and the manager's ids[m, 20] by urn."""

    keys: U8
    ink: Integers
    art: Integers
    cdp: U8
    cdp_urn: U8


def positions_of(states: States, is_cdp: Bool) -> Urns:
    """Urns with art out of stored states, sorted as they are."""
    size = len(states.counts)
    owner = np.repeat(np.arange(size), states.counts)
    words = np.zeros((size, 2, 32), np.uint8)
    words[owner, states.slot] = states.value
    owing = ~is_cdp & np.asarray(words[:, ART].any(axis=1), np.bool_)
    ink, art = (integers.from_words(words[owing, slot]) for slot in (INK, ART))
    return Urns(
        states.accounts[owing], ink, art, states.accounts[is_cdp, :20], words[is_cdp, INK, 12:]
    )


def owners(chain: Chain, market: MakerMarket, urns: Urns) -> U8:
    """Who owns each urn: as the CDP manager says, else the urn itself. Shape (n, 20)."""
    found = urns.keys[:, :20].copy()
    if not len(urns.cdp) or not len(found) or "cdp_manager" not in market.row.addresses:
        return found
    order = np.argsort(keys(urns.cdp_urn), kind="stable")
    known = keys(urns.cdp_urn)[order]
    place = np.clip(np.searchsorted(known, keys(found)), 0, len(known) - 1)
    managed = np.flatnonzero(known[place] == keys(found))
    if len(managed):
        calls = abi.pack(_MANAGER.selector("owns"), urns.cdp[order[place[managed]]])
        manager = np.frombuffer(market.row.addresses["cdp_manager"], np.uint8)
        answer = chain.bulk(manager, calls, words=1)
        found[managed[answer.ok]] = answer.words[answer.ok, 0, 12:]
    return found


class MakerSurvey:
    """See `scanner.protocols.Survey`."""

    always_falls = True

    def __init__(self, market: MakerMarket, urns: Urns, owners: U8, failed: U8) -> None:
        self.market = market
        number = {one.id: place for place, one in enumerate(market.ilks)}
        place = np.array([number[row.tobytes()] for row in urns.keys[:, 20:]], np.int64)
        self.identities = [
            Identity(
                one.gem, one.name, "art", int(urns.art[place == n].sum()), one.total, 0.0, one.name
            )
            for n, one in enumerate(market.ilks)
        ]
        usable = np.array([bool(one.value) and not one.idle for one in market.ilks], np.bool_)
        dark = np.array([not one.value and not one.idle for one in market.ilks], np.bool_)
        good = usable[place] if len(place) else np.zeros(0, np.bool_)
        lost = dark[place] if len(place) else np.zeros(0, np.bool_)
        self.unknown = _unknown(market, urns.art[lost], place[lost], failed)
        self.keys, self.place, self.owners = urns.keys[good], place[good], owners[good]
        self.ink, self.art = urns.ink[good], urns.art[good]
        self.rate, self.value = self._of("rate"), self._of("value")
        self.spot = self._spots([one.value for one in market.ilks])
        self.debt = self.art * self.rate
        self.fine = (self.ink * self.spot >= self.debt).astype(np.bool_)
        held = (self.ink > 0).astype(np.bool_)
        self.least = np.zeros(len(held), object)
        par, mat = self._of("par"), self._of("mat")
        self.least[held] = rules.least_value(self.ink[held], self.debt[held], par[held], mat[held])
        self.holdings = self._holdings()
        used = [market.ilks[n] for n in np.unique(self.place)]
        self.drivers = sorted({one.driver for one in used if one.driver is not None})
        self.problems = [*market.problems, *_problems(market, failed)]
        self.facts = {
            "pool": "0x" + market.vat.hex(),
            "revision": None,
            "version": "2.0" if market.liquidator[1] else "1.2",
            "reserves": len(market.ilks),
            "known_revision": True,
        }
        self.details = {one.name: self._details(n, one) for n, one in enumerate(market.ilks)}

    def expose(self, kind: str, name: str) -> Exposure | None:
        """What a shock does to every urn; None where nothing follows it."""
        ilks = self.market.ilks
        weights = weights_of(kind, name, [i.symbol for i in ilks], [i.driver for i in ilks])
        moving = np.array([weight != 0 for weight in weights], np.bool_)
        if not moving.any() or not moving[self.place].any():
            return None
        shock = self._shock(kind, name, moving, weights)
        touched = shock.follows[self.place]
        if not touched.any():
            return None
        able = touched & self.fine & (self.least > 0).astype(np.bool_)
        ratio = (self.least / self.value).astype(np.float64)
        if shock.moves is not None:
            dai = np.full(len(ratio), len(ilks))
            ratio, side = quotients.edges(shock, self.place, dai, np.where(able, ratio, np.nan))
        else:
            side = np.where(able & (ratio >= LOWEST) & (ratio <= HIGHEST), 1, 0).astype(np.int8)
            ratio = np.where(side != 0, ratio, np.nan)
        calls = self._first_calls(side)
        return Exposure(
            shock=shock,
            touched=touched,
            side=side,
            raw=np.where(side != 0, self.least, 0).astype(object),
            ratio=ratio,
            at_risk=at_risk(self.holdings.legs, shock, side, ratio),
            seizable=calls.seizable,
            barred=calls.barred,
            feeds=tuple(one.feed for one in ilks),
            feed=self.place,
        )

    def trials(self, exposure: Exposure, positions: I64, answers: Integers) -> Asking:
        """Dog.bark (Cat.bite) after `drip` and `poke`, which anybody may call; the ilk's oracle is
        told. Undone after each: a bark that succeeds seizes the urn."""
        ilks, place = self.market.ilks, self.place[positions]
        sources, source = distinct([Source(one.pip) for one in ilks])
        told = Told(len(positions), sources)
        told.tell(np.arange(len(positions)), source[place], answers)
        keys = self.keys[positions]
        liquidator, dog = self.market.liquidator
        abi_, name, call = (_DOG, "Dog", "bark") if dog else (_CAT, "Cat", "bite")
        more = (0,) if dog else ()  # who is paid for it
        jug, spotter = (
            np.frombuffer(self.market.row.addresses[n], np.uint8) for n in ("jug", "spotter")
        )
        return Asking(
            sources=sources,
            answers=told.answers,
            targets=np.frombuffer(liquidator, np.uint8),
            data=abi.pack(abi_.selector(call), keys[:, 20:], keys[:, :20], *more),
            words=REASON_WORDS,
            prepare=[
                (jug, abi.pack(_JUG.selector("drip"), keys[:, 20:])),
                (spotter, abi.pack(_SPOTTER.selector("poke"), keys[:, 20:])),
            ],
            undone=True,
            verdict=refused_as(f"{name}/{_SAFE}", *(f"{name}/{text}" for text in _UNSAFE)),
            cannot=told.cannot,
        )

    def parity(self, chain: Chain, count: int | None) -> Parity:
        """Our verdicts on what the Vat holds now, against Dog.bark (Cat.bite) in an eth_call.

        The contract goes by the stored spot and rate, so the same are taken here. Switched off it
        refuses before it looks at an urn: then there is no verdict to hold ours against.
        """
        if not self.market.live:
            return verdicts(
                [one.name for one in self.market.ilks],
                self.place,
                np.zeros(0, np.int64),
                np.zeros(0, np.bool_),
            )
        rows = chosen(self.keys, chain.block.hash, count)
        liquidator, dog = self.market.liquidator
        calls = [
            Call(liquidator, _DOG, "bark", (self.keys[i, 20:], self.keys[i, :20], bytes(20)))
            if dog
            else Call(liquidator, _CAT, "bite", (self.keys[i, 20:], self.keys[i, :20]))
            for i in rows
        ]
        told = [isinstance(a, Failed) and _SAFE in a.reason for a in chain.read(calls)]
        rate, spot = self._of("stored_rate"), self._of("stored_spot")
        safe = (self.ink * spot >= self.art * rate) | (spot == 0)
        names = [one.name for one in self.market.ilks]
        same = np.array(told, np.bool_) == safe.astype(np.bool_)[rows]
        return verdicts(names, self.place, rows, same)

    def _of(self, name: str) -> Integers:
        values = np.array([getattr(one, name) for one in self.market.ilks], object)
        return values[self.place] if len(values) else np.zeros(0, object)

    def _spots(self, values: list[int]) -> Integers:
        """Spot of each urn's ilk if its oracle said `values` (one of each ilk). [ray]"""
        spots = [spot_of(one, v) for one, v in zip(self.market.ilks, values, strict=True)]
        return np.array(spots, object)[self.place] if spots else np.zeros(0, object)

    def _unsafe(self, values: list[int]) -> Bool:
        spot = self._spots(values)
        return np.asarray((self.ink * spot < self.debt) & (spot > 0), np.bool_)

    def _details(self, number: int, one: Ilk) -> dict[str, Any]:
        """The three prices, the limit on what sells at once, and who would go at each price."""
        mine, ilks = self.place == number, self.market.ilks
        spot = self._of("stored_spot")
        stored = (self.ink * spot < self.art * self._of("stored_rate")) & (spot > 0)
        later = self._unsafe([i.following or i.value for i in ilks])
        return {
            "price_stored": one.stored_value / WAD,
            "price_refreshed": one.value / WAD if one.value else None,
            "price_next": one.following / WAD if one.following else None,
            "price_source": one.source or None,
            "hole_usd": one.hole / 10**45,
            "room_usd": max(one.limits.most, 0) / 10**45,
            "not_liquidatable": one.idle or one.stopped or None,
            "liquidatable_stored": int((stored.astype(np.bool_) & mine).sum()),
            "liquidatable_next": int((later & mine).sum()) if one.following else None,
        }

    def _holdings(self) -> Holdings:
        size, ilks = len(self.place), self.market.ilks
        rows = np.arange(size)
        held = rows[(self.ink > 0).astype(np.bool_)]
        position = np.concatenate([held, rows])
        debt = np.concatenate([np.zeros(len(held), np.bool_), np.ones(size, np.bool_)])
        order = np.argsort(position * 2 + debt, kind="stable")
        owed = -(-self.debt // RAY)
        raw = np.concatenate([self.ink[held], owed])[order]
        position, debt = position[order], debt[order]
        price = np.array([one.value / WAD for one in ilks], np.float64)
        margin = np.array([RAY / one.mat if one.mat else 0.0 for one in ilks], np.float64)
        place = self.place[position]
        amount = raw.astype(np.float64) / WAD
        legs = Legs(
            positions=size,
            position=position,
            token=np.where(debt, len(ilks), place).astype(np.int32),
            debt=debt,
            amount=amount,
            value=np.where(debt, amount, amount * price[place] if len(ilks) else 0.0),
            weight=np.where(debt, 1.0, margin[place] if len(ilks) else 0.0),
        )
        tokens = [
            Token(
                one.gem,
                one.symbol,
                WAD,
                one.value / WAD,
                one.driver,
                one.driver_source,
                sensitivity_of(one.driver, one.roots),
                curve=one.curve,
                roots=lines(one.roots),
            )
            for one in ilks
        ]
        # DAI is counted at its own target price: what the Vat asks back is a dollar each.
        tokens.append(Token(self.market.vat, "DAI", WAD, 1.0, None, "par"))
        return Holdings(
            protocol=self.market.protocol,
            market=self.market.row.name,
            tokens=tokens,
            accounts=np.ascontiguousarray(self.keys[:, :20]),
            owners=self.owners,
            legs=legs,
            amounts=raw,
            health_factor=(self.ink * self.spot / self.debt).astype(np.float64),
            liquidatable=~self.fine,
            markets=tuple(one.name for one in ilks),
            place=self.place,
            now=self._first_calls(np.zeros(size, np.int8)),
        )

    def _shock(self, kind: str, name: str, moving: Bool, weights: list[Fraction]) -> Shock:
        """The shock, and its axis: a ratio, the driver's dollar feed, or without one the price of
        its largest ilk."""
        ilks, follows = self.market.ilks, np.append(moving, False)
        feed = self._axis(kind, name, moving, follows)
        curves, now = [one.curve for one in ilks], [one.value for one in ilks]
        moves = moves_of(kind, [*weights, Fraction(0)], [*curves, None], feed.present, [*now, WAD])
        follows = follows if moves is None else moves.moving
        axis = (feed.address, feed.description, feed.scale, feed.present)
        return Shock(name, kind, *axis, follows, moves=moves)

    def _axis(self, kind: str, name: str, moves: Bool, follows: Bool) -> Feed:
        if kind in RELATIVE:
            return Feed(b"", "", RATIO_SCALE, RATIO_SCALE)
        feed = self.market.spots.get(name) if kind == "driver" else None
        if feed is None:
            legs = self.holdings.legs
            sums = np.bincount(legs.token, legs.value, len(follows)) * follows
            own = [one.symbol == name for one in self.market.ilks]
            sums[:-1] += np.where(own, 2 * sums.max() + 1, 0) * moves
            feed = self.market.ilks[int(np.argmax(sums[:-1]))].feed
            present, scale = round(feed.present / 10**10), 10**8
            return Feed(feed.address, feed.description, scale, present)
        return feed

    def _first_calls(self, side: npt.NDArray[np.int8]) -> FirstCalls:
        """The first call one unit beyond p* (at present for the liquidatable)."""
        value, barred = np.zeros(len(side)), np.full(len(side), callability.NO_PRICE, np.uint8)
        wanted = (side != 0) | ~self.fine
        for number, one in enumerate(self.market.ilks):
            rows = np.flatnonzero(wanted & (self.place == number))
            if not len(rows):
                continue
            urns, stopped = (
                (self.ink[rows], self.art[rows], one.rate, one.limits),
                bool(one.stopped),
            )
            ink, _ = rules.seized(*urns)
            barred[rows] = rules.barred(*urns, ink, stopped=stopped)
            ink = np.where(barred[rows] == callability.CALLABLE, ink, 0)
            price = np.where(side[rows] != 0, self.least[rows] - 1, self.value[rows])
            value[rows] = (ink * price / (WAD * WAD)).astype(np.float64)
        return FirstCalls(barred, to_cents(value))


def _unknown(market: MakerMarket, art: Integers, place: I64, failed: U8) -> list[UnknownRow]:
    rows = []
    for number in np.unique(place).tolist():
        one, mine = market.ilks[number], place == number
        owed = int((art[mine] * one.rate).sum()) // RAY
        debts: list[tuple[bytes, int, float | None]] = [(market.vat, owed, owed / WAD)]
        why = "the oracle has no value"
        rows.append(UnknownRow(why, one.gem, int(mine.sum()), debts, one.name))
    if len(failed):
        rows.append(UnknownRow("stored state could not be read", bytes(20), len(failed), []))
    return rows


def _problems(market: MakerMarket, failed: U8) -> list[Problem]:
    found = []
    for one in market.ilks:
        if one.idle:
            text = f"{one.idle}: {one.total * one.rate / 10**45:,.0f} DAI of debt is left out"
            found.append(Problem("ilk_not_liquidatable", text, market.protocol, one.name))
        elif not one.value:
            text = "the oracle has no value"
            found.append(Problem("oracle_zero", text, market.protocol, one.name))
        elif one.stopped:
            text = f"{one.stopped}: what is liquidatable there cannot be sold at present"
            found.append(Problem("auctions_stopped", text, market.protocol, one.name))
    if len(failed):
        text = f"{len(failed)} accounts could not be read"
        name = market.row.name
        found.append(Problem("account_unreadable", text, market.protocol, name, fatal=True))
    return found
