"""What to repay, or to add, so that an account's liquidation prices move to a chosen price."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from scanner import reading
from scanner.answers.moved import Moved, moved
from scanner.core.price import HIGHEST, LOWEST
from scanner.core.reach import BPS, Book, Leg, Rule, to_add, to_repay
from scanner.core.rounding import cents, significant
from scanner.core.shocks import RELATIVE
from scanner.errors import UsageError
from scanner.outputs.words import symbol
from scanner.reading import Stored

Answer = dict[str, Any]
Row = Mapping[str, Any]

_GRAIN, _FULL = 10**30, 10**18
_RATIO = 10**18  # what stands for one where the axis is a ratio, or the feed's integer is not kept
_CLOSED = Rule(_GRAIN, _FULL, False, True, Fraction(1, 10**9), 1)
_AGREES = 1e-6  # so close the legs must give back the scan's own liquidation price
_CUT = 1e-3  # ... and this much before it, where an average weight is cut to basis points

# Why a token cannot do it, or a position is not known well enough.
NOT_ENOUGH = "repaying all of it is not enough"
NOT_COUNTED = "not counted as collateral"
NO_AMOUNT = "no amount of it is enough"
EMPTY = "its decimals are not known: the balance is 0"
UNPRICED = "a leg has no price"
BENT = "a leg does not follow this shock in a line that is known well enough"
APART = "the stored legs do not give back the scan's own liquidation price"


def reach(
    stored: Stored, held: Sequence[Row], legs: Sequence[Row], driver: str, price: float
) -> Answer:
    """For each position under the driver, how much of each token moves p* to `price`.

    Parameters
    ----------
    held, legs : rows of the positions table under `driver`, and of the legs table
    price : float
        Below spot for what a fall liquidates, above it for what a rise does. [USD; under the
        `market` shock and weighted ones times the present prices]

    Raises
    ------
    UsageError
        A price further from spot than anything is claimed for.
    """
    move = moved(stored, driver)
    ratio = move.kind in RELATIVE
    rows = []
    for row in held:
        key = (row["protocol"], row["market"], row["account"])
        mine = [leg for leg in legs if (leg["protocol"], leg["market"], leg["account"]) == key]
        rows.append(_position(stored, row, mine, move, price))
    return {
        "driver": driver,
        **({"price_usd": None, "price_ratio": price} if ratio else {"price_usd": price}),
        "positions": rows,
    }


def _position(stored: Stored, row: Row, legs: Sequence[Row], move: Moved, price: float) -> Answer:
    market, driver = _market(stored, row), move.name
    spot, scale = _axis(stored, row, market, move)
    if not LOWEST < price / spot < HIGHEST:
        raise UsageError(
            f"{symbol(driver)} is at {spot:g} there: nothing is claimed of {price:g}.",
            fix="give a price between a thousandth and a thousand times the present one",
        )
    found: Answer = {key: row[key] for key in ("protocol", "market", "account", "owner")}
    found |= {"side": "long" if price <= spot else "short", "rule": None, "why": None}
    found |= {"needed": None, "repay": [], "add": []}
    built = _book(stored, row, legs, market, move, spot, scale)
    if isinstance(built, str):
        return {**found, "why": built}
    name, book, places = built
    # The last answer of the feed that is not before the price: p* there is at it or beyond.
    exact = Fraction(price) * book.present / Fraction(spot)
    target = int(exact) if price <= spot else -int(-exact // 1)
    if isinstance(scale, int):
        exact = Fraction(repr(float(price))) * scale
        target = int(exact) if price <= spot else -int(-exact // 1)
    target = max(target, 1)
    done = book.reaches(target)
    found |= {"rule": name, "needed": not done}
    for place, leg in zip(places, legs, strict=True):
        kind, solve = ("repay", to_repay) if leg["kind"] == "debt" else ("add", to_add)
        found[kind].append(_token(book, place, leg, target, spot, solve))
    return found


def _token(
    book: Book,
    place: int | None,
    leg: Row,
    target: int,
    spot: float,
    solve: Callable[[Book, int, int], int | None],
) -> Answer:
    """How much of one token; null with the reason where it cannot be done with it."""
    row: Answer = {"token": leg["token"], "symbol": leg["symbol"], "amount_raw": None}
    row |= {"amount": None, "usd": None, "liquidation_price_usd": None, "reason": None}
    repays = leg["kind"] == "debt"
    if not repays and not leg["counted"]:
        return {**row, "reason": NOT_COUNTED}
    if place is None:
        return {**row, "reason": EMPTY}
    amount = solve(book, place, target)
    if amount is None:
        return {**row, "reason": NOT_ENOUGH if repays else NO_AMOUNT}
    after = book.repaid(place, amount) if repays else book.added(place, amount)
    edge = after.edge(target) if amount else book.edge(target)
    tokens = amount / book.legs[place].unit
    return {
        **row,
        "amount_raw": str(amount),
        "amount": tokens,
        "usd": cents(tokens * float(leg["price_usd"])),
        "liquidation_price_usd": None if edge is None else _shown(edge / book.present * spot),
    }


def _shown(price: float) -> float:
    return float(significant(np.array([price]))[0])


def _market(stored: Stored, row: Row) -> Row:
    key = (row["protocol"], row["market"])
    return next(m for m in stored.document["markets"] if (m["protocol"], m["market"]) == key)


def _axis(stored: Stored, row: Row, market: Row, move: Moved) -> tuple[float, int | None]:
    """The market's own present price of the driver, and its feed's unit where p* counts in it."""
    driver = move.name
    if move.kind in RELATIVE:
        return 1.0, None
    feed = market.get("driver_feeds", {}).get(driver)
    if feed is None:
        [spot] = [d["spot_usd"] for d in stored.document["drivers"] if d["driver"] == driver]
        return float(spot), None
    scale = row["price_scale"]
    own = feed["feed"] == row["price_feed"] and scale
    return float(feed["price_usd"]), int(scale) if own else None


def _book(
    stored: Stored,
    row: Row,
    legs: Sequence[Row],
    market: Row,
    move: Moved,
    spot: float,
    scale: int | None,
) -> tuple[str, Book, list[int | None]] | str:
    """The rule's name, the position under it, and the place of each leg; or why there is none."""
    if any(leg["price_usd"] is None or leg["weight"] is None for leg in legs if leg["counted"]):
        return UNPRICED
    slopes = [move.weight(leg["symbol"], leg["driver"]) for leg in legs]
    bent = any(_knots(move, leg) for leg in legs)
    if bent and (_closed(market).cuts or not all(map(move.sure, (leg["token"] for leg in legs)))):
        return BENT
    rule = None if bent or not set(slopes) <= {0, 1} else _integers(stored, market, legs)
    present = round(spot * scale) if scale else _RATIO
    for name, chosen in (("integers", rule), ("closed_form", _closed(market))):
        if chosen is None:
            continue
        # A weight that is cut to basis points is the protocol's own to the last digit.
        own = name == "integers" or chosen.cuts
        factor = Fraction(1) if own else _calibration(row, legs)
        made: list[Leg] = []
        places: list[int | None] = []
        for leg, slope in zip(legs, slopes, strict=True):
            unit = _unit(leg)
            places.append(None if unit is None or not leg["counted"] else len(made))
            if unit is not None and leg["counted"]:
                made.append(_leg(move, leg, slope, unit, chosen, present, factor))
        book = Book(chosen, present, tuple(made))
        if _agrees(book, row):
            return name, book, places
    return APART


def _leg(
    move: Moved,
    leg: Row,
    slope: Fraction,
    unit: int,
    rule: Rule,
    present: int,
    factor: Fraction,
) -> Leg:
    debt = leg["kind"] == "debt"
    price = Fraction(leg["price_usd"]) * rule.grain
    units = round(price) if rule.grain != _GRAIN else -int(-price // 1) if debt else int(price)
    weight = 0 if debt else int(Fraction(leg["weight"]) * factor * rule.full)
    if not debt and (rule.cuts or rule.full == BPS):
        weight = round(leg["weight"] * BPS) * rule.full // BPS
    plain = units == present or move.kind != "driver"
    knots = _knots(move, leg)
    return Leg(debt, int(leg["amount_raw"]), unit, units, weight, slope, plain, knots)


def _unit(leg: Row) -> int | None:
    """What makes one token, from the two spellings of its balance; None where that is 0."""
    raw, amount = int(leg["amount_raw"]), float(leg["amount"])
    if raw == 0 or amount <= 0:
        return None
    unit = int(10 ** max(len(str(round(raw / amount))) - 1, 0))
    return next(u for u in (unit, 10 * unit) if 0.5 < raw / amount / u < 2)


def _knots(move: Moved, leg: Row) -> tuple[tuple[Fraction, Fraction], ...]:
    """How the leg's price follows its root where that is not in proportion."""
    curve = move.curve(leg["token"])
    if curve is None or not move.weight(leg["symbol"], leg["driver"]):
        return ()
    pairs = zip(curve.at.tolist(), curve.value.tolist(), strict=True)
    return tuple((Fraction(at), Fraction(value)) for at, value in pairs)


def _integers(stored: Stored, market: Row, legs: Sequence[Row]) -> Rule | None:
    """The protocol's own rule, where the stored scan keeps all it needs: Aave v3, whose oracle
    counts in 1e-8 dollars and whose thresholds are basis points."""
    known = market.get("version") and not _unknown(stored, market)
    if market["protocol"] not in ("aave_v3", "spark") or not known:
        return None
    prices = [leg["price_usd"] * 10**8 for leg in legs if leg["counted"]]
    weights = [leg["weight"] * BPS for leg in legs if leg["counted"] and leg["kind"] != "debt"]
    if any(abs(x - round(x)) > 1e-6 * max(1.0, abs(x) * 1e-6) for x in (*prices, *weights)):
        return None
    new = _version(market) >= (3, 5)
    # Spark has a second profile that rounds debts up: so they are here, a unit to the safe side.
    return Rule(10**8, BPS, not new, new or market["protocol"] == "spark", Fraction(0), 0)


def _version(market: Row) -> tuple[int, ...]:
    """Of the rules; empty where none is told."""
    return tuple(int(part) for part in (market.get("version") or "").split(".")[:2] if part)


def _unknown(stored: Stored, market: Row) -> bool:
    """Whether the market's rules are newer than those known here."""
    return any(
        problem["kind"] == "unknown_revision"
        and (problem["protocol"], problem["market"]) == (market["protocol"], market["market"])
        for problem in stored.document["problems"]
    )


def _closed(market: Row) -> Rule:
    """The sum in fractions, with a billionth of the debt as margin for what is not kept."""
    cuts = market["protocol"] in ("aave_v2", "aave_v3", "spark")
    new = market["protocol"] != "aave_v2" and _version(market) >= (3, 5)
    return Rule(_GRAIN, _FULL, cuts and not new, True, _CLOSED.margin, _CLOSED.spare)


def _calibration(row: Row, legs: Sequence[Row]) -> Fraction:
    """What a single collateral's weight is multiplied by so that the legs give the health factor
    the protocol has: an isolated market's oracle may price its tokens a little otherwise."""
    held = [leg for leg in legs if leg["kind"] != "debt" and leg["counted"]]
    owed = sum(Fraction(leg["value_usd"]) for leg in legs if leg["kind"] == "debt")
    factor = row["health_factor"]
    if len(held) != 1 or not owed or not held[0]["value_usd"]:
        return Fraction(1)
    if factor is None or not math.isfinite(factor):
        return Fraction(1)
    ours = Fraction(held[0]["value_usd"]) * Fraction(held[0]["weight"]) / owed
    return Fraction(factor) / ours if ours else Fraction(1)


def _agrees(book: Book, row: Row) -> bool:
    """Whether the book is liquidated where the scan says, up to a millionth."""
    if row["already_liquidatable"]:
        return not book.healthy(book.present)
    if row["side"] == "none":
        return True
    ratio = row["liquidation_ratio"]
    if ratio is None:
        return False
    away = -1 if row["side"] == "long" else 1
    # An average of whole basis points may be cut or not by digits that the scan does not keep.
    early = _CUT if book.rule.cuts and book.rule.margin else _AGREES
    inside = round(book.present * ratio * (1 - away * early)) - away * 2
    beyond = round(book.present * ratio * (1 + away * _AGREES)) + away * 2
    return book.healthy(max(inside, 1)) and not book.healthy(max(beyond, 1))


def driver_of(stored: Stored, held: Sequence[Row], driver: str | None) -> str:
    """The driver that is meant: the named one, or the only one the account's positions have.

    Raises
    ------
    UsageError
        No such driver, or several and none named.
    """
    if driver is not None:
        return reading.driver(stored.document, driver)
    names = sorted({row["driver"] for row in held if row["driver"]})
    if len(names) == 1:
        return str(names[0])
    raise UsageError(
        "Several drivers move this account." if names else "No driver moves this account.",
        drivers=", ".join(map(symbol, names)) or "none",
        fix="name one with --driver",
    )
