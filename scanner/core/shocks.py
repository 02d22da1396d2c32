"""Shocks: which prices move together, and how each follows, in the feed's own integers.

`driver:ETH` moves every token that follows ETH, `token:wstETH` that one price, `market` every
driver by the same ratio. Under a driver shock a token's oracle price is a function of the root
feed's answer p: p itself, `floor(p * ratio / 10**decimals)` through an exchange-rate adapter, or,
where only the co-movement is known, `floor(p * price / present)`.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .integers import mul_div

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Shock:
    """One shock in one market: how the market's tokens follow one moving integer.

    Attributes
    ----------
    name : str
        The driver ("ETH"), the token's symbol, or "market".
    kind : str
        "driver", "token" or "market".
    feed : bytes
        Address of the feed that moves (20 bytes; empty for `market`).
    description : str
        What the feed says of itself; may be empty.
    scale : int
        The feed's unit (10**8).
    present : int
        The feed's answer at the scanned block.
    follows : bool array, shape (tokens,)
        Which tokens move.
    whole, rest, unit : int64 arrays, shape (tokens,)
        A follower's price is floor(p * (whole * unit + rest) / unit). Empty where the protocol has
        a rule of its own.
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

    def prices(self, token: npt.NDArray[np.int32], price: I64) -> I64:
        """Oracle prices of following tokens when the feed answers `price`; equal shapes."""
        return mul_div(self.whole[token], self.rest[token], self.unit[token], price)


def follow(
    present: int, prices: I64, follows: Bool, ratios: dict[int, tuple[int, int]]
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
        whole[token], rest[token] = divmod(numerator, denominator)
        unit[token] = denominator
    return whole, rest, unit
