"""One market's positions and what a shock does to them, as columns every protocol fills alike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .callability import CALLABLE
from .curves import Curve
from .integers import Integers
from .legs import Legs
from .rounding import significant, to_cents
from .shocks import Shock
from .tracing import Line

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RootLine:
    """A root feed under a token's price, and how the price was seen to follow it.

    `driver` is what the feed quotes in dollars; None for a dollar stable and for what is unknown.
    """

    feed: bytes
    description: str
    driver: str | None
    line: Line


@dataclass(frozen=True)
class Token:
    """A token of a market. `driver` is None where it follows none.

    `sensitivity` is by how much the price moves with its driver's, as a share of each, where that
    was measured; None where it is taken to move in proportion (by 1), or not at all. `curve` is how
    it follows the driver's root feed where that is not in proportion. `roots`
    are the feeds that were seen to move it, the followed one first.
    """

    address: bytes
    symbol: str
    unit: int
    price: float
    driver: str | None
    driver_source: str
    sensitivity: float | None = None
    curve: Curve | None = None
    roots: tuple[RootLine, ...] = ()


@dataclass(frozen=True)
class FirstCalls:
    """The first liquidation call on each position at the block's own prices.

    Attributes
    ----------
    barred : uint8 array
        Why it cannot be made (`callability.REASONS`), 0 where it can; of no meaning where a
        position is not liquidatable at the block.
    seizable : float64 array
        What it may take; 0 where it cannot be made. [USD, whole cents]
    """

    barred: U8
    seizable: F64


@dataclass(frozen=True)
class Holdings:
    """The positions with debt of one market, at one block.

    Attributes
    ----------
    protocol, market : str
    tokens : list of Token
        What `legs.token` points into.
    accounts, owners : uint8 arrays, shape (positions, 20)
        Sorted by account; the owner is the account where nobody else can be read.
    legs : Legs
    amounts : object array, shape (legs,)
        Balances in token units, as Python integers.
    health_factor : float64 array
        inf where the debt is worth nothing.
    liquidatable : bool array
        Health factor below 1 at the block, decided in the protocol's integers.
    markets : tuple of str
        Names of the isolated markets inside, where a protocol keeps many under one contract
        (Morpho's ids, Maker's ilks); empty where there is but one.
    place : int64 array, shape (positions,), or None
        Which of `markets` a position is in.
    now : FirstCalls or None
        What one call may take at present of those liquidatable at the block, whatever the driver;
        None: nobody asked.
    """

    protocol: str
    market: str
    tokens: list[Token]
    accounts: U8
    owners: U8
    legs: Legs
    amounts: npt.NDArray[np.object_]
    health_factor: F64
    liquidatable: Bool
    markets: tuple[str, ...] = ()
    place: I64 | None = None
    now: FirstCalls | None = None

    def market_names(self) -> list[str]:
        """The markets that the positions may be in; `place_of` points into them."""
        return list(self.markets) or [self.market]

    def place_of(self) -> I64:
        """Each position's market, as a place in `market_names`. Shape (positions,)."""
        return np.zeros(self.legs.positions, np.int64) if self.place is None else self.place


@dataclass(frozen=True)
class Feed:
    """A price feed: 20-byte address, what it says of itself, its unit, its present answer."""

    address: bytes
    description: str
    scale: int
    present: int


@dataclass(frozen=True)
class Exposure:
    """What one shock does to the positions of one market; arrays have one entry per position.

    Attributes
    ----------
    shock : Shock
    touched : bool array
        Whether any leg follows the shock.
    side : int8 array
        +1 long, -1 short, 0 none.
    raw : int64 array, or Python integers where they do not fit
        p* as the feed's integer; 0 where side is 0.
    ratio : float64 array
        p* over the present answer; NaN where side is 0.
    at_risk : float64 array
        Collateral at risk, valued at p*. [USD, whole cents]; 0 where side is 0
    seizable : float64 array
        What the first liquidation call may take one unit beyond p* (at present prices for the
        already liquidatable). [USD, whole cents]
    barred : uint8 array
        Why no pair can be called there, as a place in `callability.REASONS`; 0 where one can.
    early : float64 array or None
        Where an earlier, partial liquidation begins that the position has let happen (Morpho's
        pre-liquidation), over the present answer; NaN where there is none.
    feeds, feed : tuple of Feed, int64 array or None
        Where `raw` is of another feed than the shock's own: which feeds, and each position's.
    """

    shock: Shock
    touched: Bool
    side: I8
    raw: Integers
    ratio: F64
    at_risk: F64
    seizable: F64
    barred: U8
    early: F64 | None = None
    feeds: tuple[Feed, ...] = ()
    feed: I64 | None = None

    @property
    def callable(self) -> Bool:
        """Whether any pair can be called one unit beyond p*, or at present if liquidatable now."""
        return np.asarray(self.barred == CALLABLE, np.bool_)

    def raw_feeds(self) -> tuple[tuple[Feed, ...], I64]:
        """The feeds that `raw` counts in, and each position's. Shape (positions,)."""
        if self.feed is not None:
            return self.feeds, self.feed
        shock = self.shock
        one = Feed(shock.feed, shock.description, shock.scale, shock.present)
        return (one,), np.zeros(len(self.side), np.int64)

    @property
    def early_price(self) -> F64:
        """Where the earlier liquidation begins. [USD; a ratio under the market shock]"""
        early = np.full(len(self.side), np.nan) if self.early is None else self.early
        return significant(early * self.shock.spot)

    @cached_property
    def price(self) -> F64:
        """p*, the same digits in ticks, bands and tables. [USD; a ratio under the market shock]"""
        return significant(self.ratio * self.shock.spot)


def at_risk(legs: Legs, shock: Shock, side: I8, ratio: F64) -> F64:
    """Collateral at risk of each position, valued at p*. [USD, whole cents]

    Long: the counted collateral that follows the shock. Short: all counted collateral. Where prices
    do not all move one for one: all of it where a debt has grown on the way to p*, else what
    follows; for those that do move so it is the same.
    """
    counted = np.where(legs.debt | (legs.weight == 0), 0.0, legs.value)
    moves = shock.follows[legs.token]
    still = legs.total(np.where(moves, 0.0, counted))
    if shock.moves is None:
        moving = legs.total(np.where(moves, counted, 0.0)) * np.nan_to_num(ratio)
        everything = side < 0
    else:
        moved = np.nan_to_num(shock.factor(legs.token, ratio[legs.position]))
        moving = legs.total(np.where(moves, counted * moved, 0.0))
        everything = _grown(legs, moved)
    return to_cents(np.where(side == 0, 0.0, moving + np.where(everything, still, 0.0)))


def at_risk_legs(legs: Legs, exposure: Exposure, rows: I64, side: str) -> tuple[Bool, F64]:
    """Which of some legs are collateral at risk, all legs of positions on one `side`; and what each
    one's price is multiplied by at its position's p*. Shape (rows,)."""
    shock, token = exposure.shock, legs.token[rows]
    counted = ~legs.debt[rows] & (legs.weight[rows] > 0)
    moved = shock.factor(token, exposure.ratio[legs.position[rows]])
    if shock.moves is None:
        everything = np.full(len(rows), side == "short")
    else:
        grown = _grown(legs, shock.factor(legs.token, exposure.ratio[legs.position]))
        everything = grown[legs.position[rows]]
    return counted & (everything | shock.follows[token]), moved


def _grown(legs: Legs, moved: F64) -> Bool:
    """Positions of which any debt has grown where prices are multiplied by `moved`."""
    grown = legs.total((legs.debt & (moved > 1.0)).astype(np.float64))
    return np.asarray(grown > 0, np.bool_)
