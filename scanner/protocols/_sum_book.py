"""Accounts judged by a sum: each leg's value rounded by itself, collateral against debt. Pure.

What Compound v2, Venus and Compound v3 have in common:  liquidatable when the sum of weighted
collateral values is below the sum of debt values, all in the oracle's own integers. How one leg is
valued is the protocol's (`SumBook.worth`). Prices may be quoted in dollars or in a token of the
market (`Quotes.base`): when that token's own dollar price moves, the prices of all others in it do,
the other way round.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain.pinned import Source
from scanner.core import price
from scanner.core.exact import last_healthy_price
from scanner.core.integers import Integers
from scanner.core.legs import Legs, rows_of, runs
from scanner.core.positions import Feed, Token
from scanner.core.shocks import Shock

from ._drivers import is_own
from ._trials import Told, distinct, rows_told

I8 = npt.NDArray[np.int8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_RATIO = 10**9  # the axis of the market shock: a ratio in billionths
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

    def follows(self, kind: str, name: str) -> Bool:
        """Which tokens move with a shock, in dollars."""
        return np.array([_follows(token, kind, name) for token in self.tokens], np.bool_)

    def shock(self, kind: str, name: str, worth: F64) -> Shock | None:
        """The shock in this market, None where no token follows.

        The axis is the market's own feed of the driver's own token (WETH for ETH) where prices are
        in dollars, else the chain's dollar feed of the driver, else what the token of most `worth`
        (float64, shape (tokens,)) costs.
        """
        follows = self.follows(kind, name)
        if not follows.any():
            return None
        if kind == "market":
            return Shock(name, kind, b"", "", _RATIO, _RATIO, follows)
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
        return Shock(name, kind, feed.address, feed.description, feed.scale, feed.present, follows)

    def moves(self, shock: Shock) -> I8:
        """How each oracle price goes with the shock's feed: +1 with it, -1 against it, 0 not."""
        way = shock.follows.astype(np.int8)
        return way if self.base is None else (way - way[self.base]).astype(np.int8)


def _follows(token: Token, kind: str, name: str) -> bool:
    if kind == "token":
        return token.symbol == name
    return token.driver is not None and (kind == "market" or token.driver == name)


@dataclass(frozen=True)
class SumBook:
    """Every position with debt of one market, at one block.

    Attributes
    ----------
    quotes : Quotes
    legs : Legs
        `token` points into the quotes' tokens; at least one leg a position.
    worth : (rows, prices) -> object array
        Values of legs `rows` (indices) at oracle prices of equal shape, never negative, weighted
        and rounded as the protocol does.
    """

    quotes: Quotes
    legs: Legs
    worth: Callable[[I64, Integers], Integers]

    def prices(self, rows: I64) -> Integers:
        """Present oracle prices of legs."""
        return np.array(self.quotes.prices, object)[self.legs.token[rows]]

    def signed(self, rows: I64, prices: Integers) -> Integers:
        """Values of legs, debts negative."""
        value = self.worth(rows, prices)
        return np.asarray(np.where(self.legs.debt[rows], -value, value), object)

    def sums(self) -> tuple[Integers, Integers]:
        """Weighted collateral and debt of each position, exact. Shape (positions,)."""
        rows = np.arange(len(self.legs.token))
        value = self.worth(rows, self.prices(rows))
        begin = runs(self.legs.position, self.legs.positions)[:-1]
        debt = self.legs.debt
        return (
            _sums(np.where(debt, 0, value), begin),
            _sums(np.where(debt, value, 0), begin),
        )

    def shocked(self, rows: I64, shock: Shock, answer: Integers) -> Integers:
        """Oracle prices of legs `rows` when the shock's feed gives `answer` (equal shapes)."""
        way = self.quotes.moves(shock)[self.legs.token[rows]]
        price = self.prices(rows)
        # One market has prices that go with the feed or such as go against it, never both.
        with_it, against = np.flatnonzero(way > 0), np.flatnonzero(way < 0)
        price[with_it] = price[with_it] * answer[with_it] // shock.present
        price[against] = price[against] * shock.present // np.maximum(answer[against], 1)
        return price


def told_prices(
    book: SumBook, shock: Shock, sources: Sequence[Source], positions: I64, answers: Integers
) -> Told:
    """What the sources of the tokens (one each) say when the shock's feed gives `answers`, in one
    trial for each of `positions`."""
    every, place = distinct(sources)
    told = Told(len(positions), every)
    rows, trial = rows_told(runs(book.legs.position, book.legs.positions), positions)
    moves = book.quotes.moves(shock)[book.legs.token[rows]] != 0
    rows, trial = rows[moves], trial[moves]
    told.tell(trial, place[book.legs.token[rows]], book.shocked(rows, shock, answers[trial]))
    return told


Valued = Callable[[I64, Integers], Integers]


def worth_of(debt: Bool, held: Valued, owed: Valued) -> Valued:
    """`SumBook.worth` out of what collateral (`held`) and debts (`owed`) are worth: each is asked
    about its own legs only."""

    def worth(rows: I64, prices: Integers) -> Integers:
        owes = debt[rows]
        if owes.all():
            return owed(rows, prices)
        if not owes.any():
            return held(rows, prices)
        value = np.empty(len(rows), object)
        value[owes] = owed(rows[owes], prices[owes])
        value[~owes] = held(rows[~owes], prices[~owes])
        return value

    return worth


@dataclass(frozen=True)
class Edges:
    """Side, p* as the feed's integer and as a ratio of the present; see core/positions.Exposure."""

    side: I8
    raw: Integers
    ratio: F64


def edges(book: SumBook, shock: Shock, fine: Bool) -> Edges:
    """p* of every position that is `fine` now: the closed form, then the protocol's integers."""
    net, moving, gross = price.balance(book.legs, shock.follows)
    side = np.where(fine, price.side_of(moving, gross), 0).astype(np.int8)
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = np.nan_to_num(1.0 - net / moving, nan=0.0, posinf=0.0, neginf=0.0)
    # Rounding moves the edge of small positions: whether it is within reach the search will tell.
    side[(guess < price.LOWEST / 2) | (guess > price.HIGHEST * 2)] = 0
    quoted = book.quotes.moves(shock)[book.legs.token] != 0
    side[book.legs.total(quoted.astype(np.float64)) == 0] = 0
    chosen = np.flatnonzero(side)
    raw, ratio = np.zeros(len(side), object), np.full(len(side), np.nan)
    if len(chosen):
        step = -side[chosen].astype(np.int64)
        present = np.full(len(chosen), shock.present, object)
        lowest = max(1, int(shock.present * price.LOWEST))
        highest = int(shock.present * price.HIGHEST)
        limit = np.array([lowest, highest], object)[(step > 0).astype(np.int64)]
        found_at, found = last_healthy_price(
            _verdict(book, shock, chosen),
            present,
            guess[chosen] * shock.present,
            step,
            limit,
            _one_sided(book, shock)[chosen],
        )
        side[chosen[~found]] = 0
        good = chosen[found]
        raw[good] = found_at[found]
        ratio[good] = (found_at[found] / shock.present).astype(np.float64)
    return Edges(side, raw, ratio)


def _one_sided(book: SumBook, shock: Shock) -> Bool:
    """Positions of which only collateral or only debt moves: each value rises with its price, so
    their verdict turns once."""
    moves = book.quotes.moves(shock)[book.legs.token] != 0
    held = book.legs.total((moves & ~book.legs.debt).astype(np.float64)) > 0
    owed = book.legs.total((moves & book.legs.debt).astype(np.float64)) > 0
    return np.asarray(~(held & owed), np.bool_)


def _verdict(book: SumBook, shock: Shock, chosen: I64) -> Callable[[I64, Integers], Bool]:
    """Healthy or not, for positions as indices into `chosen`, at trial answers."""
    starts = runs(book.legs.position, book.legs.positions)
    rows, begin = rows_of(starts, chosen)
    moves = book.quotes.moves(shock)[book.legs.token[rows]] != 0
    still = book.signed(rows, book.prices(rows))
    fixed = _sums(np.where(moves, 0, still), begin)
    owner = np.repeat(np.arange(len(chosen)), np.diff(np.append(begin, len(rows))))[moves]
    moving = rows[moves]
    first = np.searchsorted(owner, np.arange(len(chosen) + 1)).astype(np.int64)

    def healthy(places: I64, answers: Integers) -> Bool:
        mine, start = rows_of(first, places)
        counts = first[places + 1] - first[places]
        mine = moving[mine]
        at = book.shocked(mine, shock, np.repeat(answers, counts))
        return np.asarray(fixed[places] + _sums(book.signed(mine, at), start) >= 0, np.bool_)

    return healthy


def _sums(values: Integers, begin: I64) -> Integers:
    """Sums over runs of legs, none of them empty."""
    if not len(begin):
        return np.zeros(0, object)
    return np.asarray(np.add.reduceat(values.astype(object), begin), object)


@dataclass(frozen=True)
class Pairs:
    """Every (collateral, debt) pair of some positions: leg rows, and the position's place."""

    owner: I64
    collateral: I64
    debt: I64


def pairs(book: SumBook, positions: I64) -> Pairs:
    """Each collateral leg of `positions` (sorted) with each debt leg of the same position."""
    rows, begin = rows_of(runs(book.legs.position, book.legs.positions), positions)
    owner = np.repeat(np.arange(len(positions)), np.diff(np.append(begin, len(rows))))
    debt = book.legs.debt[rows]
    held, owed = np.flatnonzero(~debt), np.flatnonzero(debt)
    first = np.searchsorted(owner[owed], np.arange(len(positions) + 1))
    repeat = np.diff(first)[owner[held]]
    c = np.repeat(held, repeat)
    within = np.arange(len(c)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    return Pairs(owner[c], rows[c], rows[owed[first[owner[c]] + within]])
