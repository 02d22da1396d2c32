"""Shocks of an Aave v2 market that quotes in wei of ether, where the rest is as in `_aave_survey`.

A fall of ether by a tenth makes everything else dearer by a ninth there: prices go against the
driver instead of with it. Dollars come from the chain's ETH / USD feed.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scanner.core.integers import Integers
from scanner.core.positions import Feed
from scanner.core.shocks import RATIO_SCALE, RELATIVE, Shock
from scanner.core.stretches import Stretch

from ._aave_rules import BASE_UNIT
from ._aave_survey import AaveSurvey
from ._aave_v2_market import SecondMarket
from ._drivers import moves_of, weights_of

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class EtherShock(Shock):
    """A shock where prices are in ether.

    `now` are the present prices, `way` how each goes with the feed as it begins to move: 1 with it,
    -1 against it. `base` says that ether itself moves; where the shock has `moves`, ether is one
    more token there, the last.
    """

    now: Integers = field(default_factory=lambda: np.zeros(0, object))
    way: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    base: bool = False

    @property
    def quoted(self) -> Bool:
        if self.moves is None:
            return np.asarray(self.way != 0, np.bool_)
        paths = list(zip(self.moves.weights, self.moves.curves, strict=True))
        return np.array([path != paths[-1] for path in paths[:-1]], np.bool_)

    def ways(self, part: Stretch) -> npt.NDArray[np.int8]:
        if self.moves is None:
            return self.way
        rising = part.slope * part.factor[-1] - part.factor * part.slope[-1]
        return np.asarray(np.sign(rising[:-1]), np.int8)

    def rebased(self, price: I64) -> F64:
        if self.moves is not None:
            ether = np.full(len(price), len(self.now))
            return self.moves.factor(ether, price / self.present)
        return price / self.present if self.base else np.ones(len(price))

    def prices(self, token: npt.NDArray[np.int32], price: Integers) -> Integers:
        now = self.now[token]
        if self.moves is None:
            at = np.maximum(price.astype(object), 1)
            moved = np.where(
                self.way[token] > 0, now * at // self.present, now * self.present // at
            )
            return np.asarray(moved, object)
        above, below = self.moves.parts(token, price)
        ether, unit = self.moves.parts(np.full(len(token), len(self.now)), price)
        return np.asarray(now * above * unit // (below * np.maximum(ether, 1)), object)


class SecondSurvey(AaveSurvey):
    """See `scanner.protocols.Survey`."""

    market: SecondMarket

    def _shock(self, kind: str, name: str) -> Shock | None:
        if not self.market.in_ether:
            return super()._shock(kind, name)
        return _ether_shock(self.market, kind, name, self.book.legs.token, self.book.legs.value)


def _ether_shock(
    market: SecondMarket,
    kind: str,
    name: str,
    token: npt.NDArray[np.int32],
    value: npt.NDArray[np.float64],
) -> Shock | None:
    """The shock with its dollar feed, or with what its largest follower costs in dollars."""
    reserves = market.reserves
    priced = (reserves.price > 0).astype(np.bool_)
    drivers = [one.driver for one in market.following]
    weights = weights_of(kind, name, reserves.symbol, drivers)
    follows = np.array([weight != 0 for weight in weights], np.bool_) & priced
    if not follows.any():
        return None
    # Ether itself moves with its driver, and with the token that is it (price 1e18 by rule).
    own = np.array([symbol in ("WETH", "WETH.e") for symbol in reserves.symbol], np.bool_)
    ether = weights_of(kind, name, ["WETH"], ["ETH"])[0]
    base = ether != 0 or bool((own & follows).any())
    if base and not ether:
        ether = weights[int(np.flatnonzero(own & follows)[0])]
    feed = market.spots.get(name) if kind == "driver" else None
    if kind in RELATIVE:
        feed = Feed(b"", "", RATIO_SCALE, RATIO_SCALE)
    if feed is None:
        worth = np.bincount(token, value, len(reserves)) * follows
        place = int(np.argmax(np.where(follows, worth + 1e-9, 0.0)))
        present = max(round(reserves.price[place] / market.dollar * BASE_UNIT), 1)
        feed = Feed(reserves.source[place], reserves.symbol[place], BASE_UNIT, present)
    curves = [one.curve for one in market.following]
    now = [*reserves.price.tolist(), 10**18]
    moves = moves_of(kind, [*weights, ether], [*curves, None], feed.present, now, base=len(weights))
    way = follows.astype(np.int8) - np.int8(base)
    if moves is not None:
        follows = follows & moves.moving[:-1]
        way = np.sign(moves.slope[:-1] - moves.slope[-1])
    return EtherShock(
        name,
        kind,
        feed.address,
        feed.description,
        feed.scale,
        feed.present,
        follows,
        rest=np.ones(len(reserves), np.int64),  # every price is cut
        moves=moves,
        now=reserves.price.astype(object),
        way=way.astype(np.int8),
        base=base,
    )
