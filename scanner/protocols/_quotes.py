"""Oracle prices of a market that is judged by sums, and how they move with a shock. Pure.

Prices may be quoted in dollars or in a token of the market (`Quotes.base`): when that token's own
dollar price moves, the prices of all others in it do, the other way round.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from scanner.core.curves import Curve
from scanner.core.integers import Integers
from scanner.core.positions import Feed, Token
from scanner.core.shocks import RATIO_SCALE, RELATIVE, Shock
from scanner.core.stretches import Stretch

from ._drivers import is_own, moves_of, weights_of

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_CENTS = 10**8  # the unit of a dollar price made up of two


@dataclass(frozen=True)
class Quotes:
    """The tokens of a market and their prices in the oracle's integers.

    `prices[k]` is 0 where the oracle gives none; `feeds[k]` says who answers, with the scale that
    makes dollars of it (only where prices are in dollars). `base` is the token that prices are
    quoted in, None for dollars. `spots` are dollar feeds by driver.
    """

    tokens: tuple[Token, ...]
    prices: tuple[int, ...]
    feeds: tuple[Feed, ...]
    spots: dict[str, Feed]
    base: int | None = None

    def names(self) -> set[str]:
        """The shocks that are about something here, be its price known or not."""
        drivers = {f"driver:{t.driver}" for t in self.tokens if t.driver is not None}
        return (
            drivers
            | {f"token:{t.symbol}" for t in self.tokens}
            | ({"market"} if drivers else set())
        )

    def weights(self, kind: str, name: str) -> list[Fraction]:
        """How much of a shock each token's root makes."""
        symbols, drivers = [t.symbol for t in self.tokens], [t.driver for t in self.tokens]
        return weights_of(kind, name, symbols, drivers)

    def shock(self, kind: str, name: str, worth: F64) -> Shock | None:
        """The shock in this market, None where no token follows.

        The axis is the market's own feed of the driver's own token (WETH for ETH) where prices are
        in dollars, else the chain's dollar feed of the driver, else what the token of most `worth`
        (float64, shape (tokens,)) costs.
        """
        weights = self.weights(kind, name)
        follows = np.array([weight != 0 for weight in weights], np.bool_)
        feed = self._axis(kind, name, follows, worth) if follows.any() else None
        if feed is None:
            return None
        moves = moves_of(kind, weights, self.curves, feed.present, self.prices, self.base)
        if moves is not None:
            follows = moves.moving
        shock = (name, kind, feed.address, feed.description, feed.scale, feed.present, follows)
        return Shock(*shock, moves=moves) if follows.any() else None

    def _axis(self, kind: str, name: str, follows: Bool, worth: F64) -> Feed | None:
        if kind in RELATIVE:
            return Feed(b"", "", RATIO_SCALE, RATIO_SCALE)
        places = np.flatnonzero(follows & (np.array(self.prices, object) > 0).astype(np.bool_))
        if not len(places):
            return None
        own = [k for k in places if kind == "token" or is_own(self.tokens[k].symbol, name)]
        feed = self.feeds[own[0]] if own and self.base is None else None
        if feed is None and kind == "driver":
            feed = self.spots.get(name)
        if feed is None:
            place = own[0] if own else int(places[np.argmax(worth[places])])
            feed = self.feeds[place]
            if self.base is not None:
                token = self.tokens[place]
                present = max(round(token.price * _CENTS), 1)
                feed = Feed(feed.address, feed.description, _CENTS, present)
        return feed

    @property
    def curves(self) -> list[Curve | None]:
        """How each token follows its root; None: in proportion."""
        return [token.curve for token in self.tokens]

    def quoted(self, shock: Shock) -> Bool:
        """Which oracle prices move: where they are in a token, those that move unlike it."""
        if self.base is None:
            return shock.follows
        if shock.moves is None:
            return np.asarray(shock.follows != shock.follows[self.base], np.bool_)
        paths = list(zip(shock.moves.weights, shock.moves.curves, strict=True))
        return np.array([path != paths[self.base] for path in paths], np.bool_)

    def ways(self, part: Stretch) -> I8:
        """How each oracle price goes as the axis rises in a stretch: +1, -1, or 0."""
        if self.base is None:
            return np.sign(part.slope).astype(np.int8)
        slope, factor = part.slope, part.factor
        rising = slope * factor[self.base] - factor * slope[self.base]
        return np.asarray(np.sign(rising), np.int8)

    def shocked(self, token: I32 | I64, now: Integers, shock: Shock, answer: Integers) -> Integers:
        """Oracle prices of tokens, `now` at present, when the shock's feed gives `answer` (equal
        shapes)."""
        price = now.copy()
        if shock.moves is not None:
            above, below = shock.moves.parts(token, answer)
            if self.base is not None:
                base, unit = shock.moves.parts(np.full(len(token), self.base), answer)
                above, below = above * unit, below * np.maximum(base, 1)
            return np.asarray(price * above // below, object)
        follows = shock.follows[token]
        follows_base = self.base is not None and bool(shock.follows[self.base])
        # One market has prices that go with the feed or such as go against it, never both.
        with_it = np.flatnonzero(follows) if not follows_base else np.zeros(0, np.int64)
        against = np.flatnonzero(~follows) if follows_base else np.zeros(0, np.int64)
        price[with_it] = price[with_it] * answer[with_it] // shock.present
        price[against] = price[against] * shock.present // np.maximum(answer[against], 1)
        return price
