"""Shocks: which prices move together, and how each follows, in the feed's own integers.

`driver:ETH` moves every token that follows ETH, `token:wstETH` that one price, `market` every
driver by the same ratio, `shock:BTC=0.8,ETH=1` each driver by its weight. Under a driver shock a
token's oracle price is a function of the root feed's answer p: p itself,
`floor(p * ratio / 10**decimals)` through an exchange-rate adapter, or, where only the co-movement
is known, `floor(p * price / present)`. Whatever does not move one for one is in `moves`.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .integers import Integers, mul_div
from .moves import Moves
from .price import HIGHEST, LOWEST

if TYPE_CHECKING:
    from .stretches import Stretch

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
I8 = npt.NDArray[np.int8]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

RELATIVE = frozenset({"market", "shock"})  # kinds of which the axis is a ratio
RATIO_SCALE = 10**9  # ... counted in billionths


@dataclass(frozen=True)
class Shock:
    """One shock in one market: how the market's tokens follow one moving integer.

    Attributes
    ----------
    name : str
        The driver ("ETH"), the token's symbol, "market", or a weighted shock as it is spelled.
    kind : str
        "driver", "token", "market" or "shock".
    feed : bytes
        Address of the feed that moves (20 bytes; empty where the axis is a ratio).
    description : str
        What the feed says of itself; may be empty.
    scale : int
        The feed's unit (10**8).
    present : int
        The feed's answer at the scanned block.
    follows : bool array, shape (tokens,)
        Which tokens move.
    whole, rest, unit : int64 arrays, shape (tokens,)
        A follower's price is floor(p * (whole * unit + rest) / unit), with the root's answer for p
        where `moves` says. Empty where the protocol has a rule of its own.
    moves : Moves or None
        None where every follower moves one for one.
    """

    name: str
    kind: str
    feed: bytes
    description: str
    scale: int
    present: int
    follows: Bool
    whole: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    rest: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    unit: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    moves: Moves | None = None

    @property
    def relative(self) -> bool:
        """Whether the axis is a ratio, and no feed's answer."""
        return self.kind in RELATIVE

    @property
    def slope(self) -> F64:
        """How fast each token's price moves as the axis begins to fall. Shape (tokens,)."""
        return self.follows.astype(np.float64) if self.moves is None else self.moves.slope

    @property
    def reach(self) -> tuple[int, int]:
        """The lowest and the highest answer of which anything is claimed."""
        if self.moves is not None:
            return self.moves.reach
        return max(1, int(self.present * LOWEST)), int(self.present * HIGHEST)

    def factor(self, token: I32 | I64, ratio: F64) -> F64:
        """What each price is multiplied by where the axis is at `ratio` times its present; equal
        shapes."""
        if self.moves is None:
            return np.where(self.follows[token], ratio, 1.0)
        return self.moves.factor(token, ratio)

    def ways(self, part: "Stretch") -> I8:
        """How each oracle price goes as the axis rises in a straight stretch: 1, -1, or 0."""
        return np.sign(part.slope).astype(np.int8)

    @property
    def quoted(self) -> Bool:
        """Which oracle prices move: those of the followers, in an oracle that quotes in dollars."""
        return self.follows

    def rebased(self, price: I64) -> F64:
        """What the oracle's unit is worth when the feed answers `price`, over its present worth:
        one, where it quotes in dollars."""
        return np.ones(len(price))

    @property
    def spot(self) -> float:
        """The feed's answer at the scanned block. [USD]"""
        return self.present / self.scale

    def prices(self, token: I32, price: Integers) -> Integers:
        """Oracle prices of following tokens when the feed answers `price`; equal shapes."""
        if self.moves is None:
            return mul_div(self.whole[token], self.rest[token], self.unit[token], price)
        root = self.moves.root(token, price)
        found = mul_div(self.whole[token], self.rest[token], self.unit[token], root)
        self.moves.curved(token, price, found)
        return found


def follow(
    present: int,
    prices: I64,
    follows: Bool,
    ratios: dict[int, tuple[int, int]],
    parts: I64 | None = None,
) -> tuple[I64, I64, I64]:
    """`whole, rest, unit` for tokens that follow a feed which now answers `present`.

    Parameters
    ----------
    present : int
    prices : int64 array, shape (tokens,)
        Present oracle prices.
    follows : bool array, shape (tokens,)
    ratios : dict
        token -> (numerator, denominator) of its adapter. It is used only where it reproduces the
        present oracle price exactly; otherwise the token follows in proportion.
    parts : int64 array, shape (tokens,), optional
        What each token's root counts in, `1 / parts` of the feed's unit (`Moves.root`).
    """
    size = len(prices)
    whole, rest, unit = (
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.ones(size, np.int64),
    )
    for token in np.flatnonzero(follows):
        price = int(prices[token])
        numerator, denominator = ratios.get(int(token), (1, 1))
        if present * numerator // denominator != price or denominator > 10**18:
            numerator, denominator = price, present
        denominator *= 1 if parts is None else int(parts[token])
        whole[token], rest[token] = divmod(numerator, denominator)
        unit[token] = denominator
    return whole, rest, unit
