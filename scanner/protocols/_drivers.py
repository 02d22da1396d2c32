"""Which driver each token of a market follows, and the shocks that come of it. Pure.

First hit wins (design: "Which driver a token follows"), and the source is kept: "deployment" (a
row of the deployments file), "probe" (the feed that was seen to move the price), "adapter" (the
price adapter's root feed by its getters), "table" (the shipped table by chain and address),
"symbol" (the shipped table by symbol), "own" (a driver of its own).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from scanner.core import weighted
from scanner.core.curves import Curve
from scanner.core.moves import Moves
from scanner.core.positions import RootLine
from scanner.core.shocks import RATIO_SCALE, RELATIVE, Shock, follow
from scanner.deployments import DriverTables

from ._feeds import Path
from ._probe import Seen

I64 = npt.NDArray[np.int64]

MARKET = "market"
_PEGGED = {"BTC": {"WBTC", "cbBTC", "tBTC", "BTCB"}}


@dataclass(frozen=True)
class Following:
    """What one token follows.

    `driver` is None for a token that follows none (a dollar stable); `feed`, `answer`, `scale` and
    `description` are of the root feed, `ratio` as in `_feeds.Path`. `curve` is how the price was
    seen to follow that feed; None where nobody looked, or where it does in proportion (by `ratio`
    to the last digit, where that is known). `roots` are all feeds that were seen to move it.
    """

    driver: str | None
    source: str
    feed: bytes
    answer: int
    scale: int
    description: str
    ratio: tuple[int, int]
    curve: Curve | None = None
    roots: tuple[Seen, ...] = ()

    @property
    def sensitivity(self) -> float | None:
        """By how much the price moves with the followed feed now; None where nobody has seen it."""
        return sensitivity_of(self.driver, self.roots)


def followings(
    chain_id: int,
    addresses: list[bytes],
    symbols: list[str],
    sources: list[bytes],
    prices: I64,
    base_unit: int,
    paths: Mapping[bytes, Path],
    declared: Mapping[bytes, str | None],
    tables: DriverTables,
    seen: Sequence[Sequence[Seen]] | None = None,
) -> list[Following]:
    """One entry per token, in order. Arguments are columns of equal length; see Following. `seen`
    are the roots that the probe saw to move each price; None where it was refused."""
    found = []
    every: Sequence[Sequence[Seen]] = [()] * len(addresses) if seen is None else seen
    columns = zip(addresses, symbols, sources, prices, every, strict=True)
    for address, symbol, source, price, roots in columns:
        path = paths.get(source)
        if path is None or path.answer <= 0:
            path = Path(source, int(price), base_unit, "")
        driver, told_by = driver_of(chain_id, address, symbol, path, declared, tables, roots)
        found.append(_following(driver, told_by, path, roots, int(price)))
    return found


def _following(
    driver: str | None, source: str, path: Path, roots: Sequence[Seen], price: int
) -> Following:
    """By the root that the driver was seen in, else by the adapter's path."""
    mine = followed(driver, roots)
    every = tuple(roots)
    if mine is None:
        told = (path.root, path.answer, path.scale, path.description, path.ratio)
        return Following(driver, source, *told, roots=every)
    root = mine.root
    ratios = [path.ratio] if path.root == root.address else []
    ratios += [mine.line.ratio] if mine.line.ratio is not None else []
    ratio = next((r for r in ratios if root.answer * r[0] // r[1] == price), (1, 1))
    curve = mine.line.curve if driver is not None else None
    told = (root.address, root.answer, root.scale, root.description, ratio)
    return Following(driver, source, *told, curve, every)


def followed(driver: str | None, roots: Sequence[Seen]) -> Seen | None:
    """The root that a token with this driver follows, as the probe has seen it; None for none."""
    return next((one for one in roots if one.root.named and one.root.driver == driver), None)


def curve_of(driver: str | None, roots: Sequence[Seen]) -> Curve | None:
    """How a token follows its driver's root where that is not in proportion; else None."""
    one = followed(driver, roots) if driver is not None else None
    return None if one is None else one.line.curve


def sensitivity_of(driver: str | None, roots: Sequence[Seen]) -> float | None:
    """By how much a token moves with its driver's root now; None where nobody has seen it."""
    one = followed(driver, roots) if driver is not None else None
    return None if one is None else one.line.sensitivity


def lines(roots: Sequence[Seen]) -> tuple[RootLine, ...]:
    """What a token's row says of the feeds that move it."""
    return tuple(
        RootLine(one.root.address, one.root.description, one.root.driver, one.line) for one in roots
    )


def driver_of(
    chain_id: int,
    address: bytes,
    symbol: str,
    path: Path,
    declared: Mapping[bytes, str | None],
    tables: DriverTables,
    roots: Sequence[Seen] = (),
) -> tuple[str | None, str]:
    """The driver of a token and who says so; `roots` as the probe has seen them."""
    if address in declared:
        return declared[address], "deployment"
    if roots and roots[0].root.named:  # sorted: what has a driver comes first
        return roots[0].root.driver, "probe"
    if path.fixed:
        return None, "adapter"
    if path.description:
        try:
            return tables.of_feed(path.description), "adapter"
        except KeyError:
            pass  # a feed that says something else than "X / USD" tells nothing: on to the tables
    if (chain_id, address) in tables.by_address:
        return tables.by_address[chain_id, address], "table"
    if symbol in tables.by_symbol:
        return tables.by_symbol[symbol], "symbol"
    return symbol, "own"


def is_own(symbol: str, driver: str | None) -> bool:
    """Whether a token is one of its driver by design: ETH and WETH of ETH, WBTC of BTC.

    >>> is_own("WETH", "ETH"), is_own("wstETH", "ETH"), is_own("cbBTC", "BTC")
    (True, False, True)
    """
    if driver is None:
        return False
    return symbol.upper() in {driver.upper(), f"W{driver}".upper()} or (
        symbol in _PEGGED.get(driver, ())
    )


def shock_of(
    kind: str,
    name: str,
    symbols: list[str],
    sources: list[bytes],
    prices: I64,
    base_unit: int,
    tokens: list[Following],
) -> Shock | None:
    """The shock in this market, or None where nothing in it follows.

    `kind` is "driver" (name: the driver), "token" (name: the symbol), "market" or "shock" (name: a
    weighted shock).
    """
    priced = prices > 0
    weights = weights_of(kind, name, symbols, [t.driver for t in tokens])
    follows = np.array([weight != 0 for weight in weights], np.bool_) & priced
    if kind == "token":
        if not follows.any():
            return None
        first = int(np.flatnonzero(follows)[0])
        feed, answer, scale, text = sources[first], int(prices[first]), base_unit, ""
        ratios: dict[int, tuple[int, int]] = {}
    elif kind in RELATIVE:
        feed, answer, scale, text, ratios = b"", RATIO_SCALE, RATIO_SCALE, "", {}
    else:
        if not follows.any():
            return None
        root = _root(
            name,
            [tokens[i] for i in np.flatnonzero(follows)],
            [symbols[i] for i in np.flatnonzero(follows)],
        )
        feed, answer, scale, text = root.feed, root.answer, root.scale, root.description
        ratios = {
            int(i): tokens[i].ratio for i in np.flatnonzero(follows) if tokens[i].feed == root.feed
        }
    curves = [t.curve for t in tokens]
    moves = moves_of(kind, weights, curves, answer, prices.tolist())
    if moves is None:
        whole, rest, unit = follow(answer, prices, follows, ratios)
    else:
        follows = follows & moves.moving
        whole, rest, unit = follow(answer, prices, follows, ratios, moves.denominator)
        rest[[c is not None for c in moves.curves]] = 1  # a curve's price is always a cut one
    if not follows.any():
        return None
    return Shock(name, kind, feed, text, scale, answer, follows, whole, rest, unit, moves)


def weights_of(
    kind: str, name: str, symbols: Sequence[str], drivers: Sequence[str | None]
) -> list[Fraction]:
    """How much of a shock each token's root makes; columns of equal length."""
    if kind == "token":
        return [Fraction(symbol == name) for symbol in symbols]
    if kind == MARKET:
        return [Fraction(driver is not None) for driver in drivers]
    of = weighted.weights_of(name) if kind == "shock" else {name: Fraction(1)}
    return [of.get(driver, Fraction(0)) if driver else Fraction(0) for driver in drivers]


def moves_of(
    kind: str,
    weights: Sequence[Fraction],
    curves: Sequence[Curve | None],
    present: int,
    now: Sequence[int],
    base: int | None = None,
) -> Moves | None:
    """How the tokens move; None where each that moves does so one for one.

    `present` is the axis now, `now` the oracle prices, `base` what they are quoted in. A price that
    a token shock moves follows nothing but itself.
    """
    if kind == "token":
        return None
    bent = [None if c is None or c.proportional else c for c in curves]
    told = zip(weights, bent, strict=True)
    if all(weight == 0 or (weight == 1 and curve is None) for weight, curve in told):
        return None
    return Moves(present, tuple(weights), tuple(bent), tuple(now), base)


def _root(driver: str, followers: list[Following], symbols: list[str]) -> Following:
    """The root feed of a driver in one market: the one most tokens stand on.

    Between equals the one of the driver's own token (WETH for ETH) comes first.
    """
    count = Counter(f.feed for f in followers)

    def order(place: int) -> tuple[int, int, int, int]:
        following = followers[place]
        own = symbols[place].upper() in {driver.upper(), f"W{driver}".upper()}
        return (-bool(following.description), -count[following.feed], -own, place)

    return followers[min(range(len(followers)), key=order)]
