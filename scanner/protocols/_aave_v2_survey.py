"""Shocks of an Aave v2 market that quotes in wei of ether, where the rest is as in `_aave_survey`.

A fall of ether by a tenth makes everything else dearer by a ninth there: prices go against the
driver instead of with it. Dollars come from the chain's ETH / USD feed.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scanner.core.integers import Integers
from scanner.core.positions import Feed
from scanner.core.shocks import Shock

from ._aave_rules import BASE_UNIT
from ._aave_survey import AaveSurvey
from ._aave_v2_market import SecondMarket
from ._drivers import MARKET

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_RATIO = 10**9  # the axis of the market shock: a ratio in billionths


@dataclass(frozen=True)
class EtherShock(Shock):
    """A shock where prices are in ether.

    `now` are the present prices, `way` how each goes with the feed: 1 with it, -1 against it.
    `base` says that ether itself moves.
    """

    now: Integers = field(default_factory=lambda: np.zeros(0, object))
    way: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    base: bool = False

    @property
    def quoted(self) -> Bool:
        return np.asarray(self.way != 0, np.bool_)

    def rebased(self, price: I64) -> npt.NDArray[np.float64]:
        return price / self.present if self.base else np.ones(len(price))

    def prices(self, token: npt.NDArray[np.int32], price: I64) -> Integers:
        now, at = self.now[token], np.maximum(price.astype(object), 1)
        moved = np.where(self.way[token] > 0, now * at // self.present, now * self.present // at)
        return np.asarray(moved, object)


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
    if kind == "token":
        follows = np.array([symbol == name for symbol in reserves.symbol], np.bool_) & priced
    elif kind == MARKET:
        follows = np.array([driver is not None for driver in drivers], np.bool_) & priced
    else:
        follows = np.array([driver == name for driver in drivers], np.bool_) & priced
    if not follows.any():
        return None
    # Ether itself moves with its driver, and with the token that is it (price 1e18 by rule).
    own = np.array([symbol in ("WETH", "WETH.e") for symbol in reserves.symbol], np.bool_)
    base = kind == MARKET or (kind != "token" and name == "ETH") or bool((own & follows).any())
    feed = market.spots.get(name) if kind == "driver" else None
    if kind == MARKET:
        feed = Feed(b"", "", _RATIO, _RATIO)
    if feed is None:
        worth = np.bincount(token, value, len(reserves)) * follows
        place = int(np.argmax(np.where(follows, worth + 1e-9, 0.0)))
        present = max(round(reserves.price[place] / market.dollar * BASE_UNIT), 1)
        feed = Feed(reserves.source[place], reserves.symbol[place], BASE_UNIT, present)
    return EtherShock(
        name,
        kind,
        feed.address,
        feed.description,
        feed.scale,
        feed.present,
        follows,
        rest=np.ones(len(reserves), np.int64),  # every price is cut
        now=reserves.price.astype(object),
        way=(follows.astype(np.int8) - np.int8(base)).astype(np.int8),
        base=base,
    )
