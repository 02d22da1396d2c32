"""The levels of a driver: what a fall below, or a rise above, each price makes liquidatable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanner.answers.head import head
from scanner.answers.holders import SIDES, is_ratio, present, priced
from scanner.core.levels import (
    MOVES,
    LevelTable,
    Priced,
    Reached,
    Side,
    Sums,
    level_table,
    reached,
)
from scanner.core.rounding import rounded, shown
from scanner.core.strength import tick_strength
from scanner.core.ticks import tick_of
from scanner.reading import Stored

Answer = dict[str, Any]


def levels(
    stored: Stored,
    driver: str,
    *,
    side: str | None = None,
    protocol: str | None = None,
    low: float | None = None,
    high: float | None = None,
    at: Sequence[float] = (),
) -> Answer:
    """What a fall below, or a rise above, each price makes liquidatable, from spot outwards.

    `levels` has one row per occupied tick: long from spot downwards (each tick's low edge), then
    short from spot upwards (its high edge). `at` are the prices asked for, by default fixed moves:
    each with the strength of the tick it lies in, its mirror (as many dollars on the other side of
    spot; null where no price is so low) and long : short.
    """
    ratio = is_ratio(stored, driver)
    spot = present(stored, driver)
    held = {one: _Held.of(priced(stored, driver, one, protocol)) for one in SIDES}
    rows = [
        row
        for one in SIDES
        if side in (None, one)
        for row in _level_rows(driver, one, held[one], spot, ratio=ratio)
        if _within(row, low, high)
    ]
    wanted = list(at) or [shown(spot * (1 - move)) for move in MOVES]
    points = [_at(held, level, spot, ratio=ratio) for level in wanted]
    return {
        **head(stored),
        "driver": driver,
        "spot_usd": None if ratio else spot,
        "tick_ratio": stored.document["tick_ratio"],
        "levels": rows,
        "at": points,
        "balance": _balance(held, at, spot, ratio=ratio) if at else None,
    }


@dataclass(frozen=True)
class _Held:
    """One side: its positions, its levels, and the strength of each level's own tick."""

    priced: Priced
    table: LevelTable
    strength: list[float]

    @classmethod
    def of(cls, held: Priced) -> "_Held":
        table = level_table(held)
        return cls(held, table, tick_strength(table.tick, table.own.at_risk))

    def strength_at(self, level: float) -> float:
        """Of the tick that the level lies in; 0 where nothing is at risk in it."""
        there = np.flatnonzero(self.table.tick == tick_of([level])[0])
        return self.strength[int(there[0])] if len(there) else 0.0


def _level_rows(driver: str, side: Side, held: _Held, spot: float, *, ratio: bool) -> list[Answer]:
    table = held.table
    columns = (
        table.tick.tolist(),
        table.level.tolist(),  # as it is: asked for, it gives the same sums
        *_columns(table.reached),
        *_columns(table.own),
        held.strength,
    )
    return [
        {
            "driver": driver,
            "side": side,
            "tick": tick,
            **_level(level, ratio=ratio),
            "distance": round(level / spot - 1, 6),
            **dict(zip(_CUMULATIVE, sums[: len(_CUMULATIVE)], strict=True)),
            **dict(zip(_OWN, sums[len(_CUMULATIVE) :], strict=True)),
        }
        for tick, level, *sums in zip(*columns, strict=True)
    ]


def _columns(sums: Sums) -> list[list[Any]]:
    usd = (sums.at_risk, sums.debt, sums.seizable, sums.barred)
    return [*(rounded(column, 2) for column in usd), sums.positions.tolist()]


_CUMULATIVE = (
    "collateral_at_risk_usd",
    "debt_usd",
    "seizable_usd",
    "not_callable_usd",
    "positions",
)
_OWN = (*(f"tick_{name}" for name in _CUMULATIVE), "strength")


def _level(level: float, *, ratio: bool) -> Answer:
    return {"level_usd": None, "level_ratio": level} if ratio else {"level_usd": level}


def _balance(
    held: Mapping[Side, _Held], at: Sequence[float], spot: float, *, ratio: bool
) -> Answer:
    """Longs to the lowest price asked for against shorts to the highest; where all prices asked
    for lie on one side of spot, against the same move the other way."""
    low, high = min(at), max(at)
    levels = {
        "long": low if low <= spot else _mirror(high, spot),
        "short": high if high > spot else _mirror(low, spot),
    }
    sides = {
        side: None if level is None else _point(held[side], level, spot, ratio=ratio)
        for side, level in zip(SIDES, (levels["long"], levels["short"]), strict=True)
    }
    key = "level_ratio" if ratio else "level_usd"
    answer: Answer = {}
    for side, point in sides.items():
        answer[f"{side}_{key}"] = point[key] if point else None
        answer[f"{side}_usd"] = point["collateral_at_risk_usd"] if point else None
    return {**answer, "long_short_ratio": _share(answer["long_usd"], answer["short_usd"])}


def _mirror(level: float, spot: float) -> float | None:
    """As far on the other side of spot; None where no price is so low."""
    mirror = shown(2 * spot - level)
    return mirror if mirror > 0 else None


def _share(long: float | None, short: float | None) -> float | None:
    return round(long / short, 6) if long is not None and short else None


def _at(held: Mapping[Side, _Held], level: float, spot: float, *, ratio: bool) -> Answer:
    """One level and its mirror."""
    side: Side = "long" if level <= spot else "short"
    other: Side = "short" if side == "long" else "long"
    own, far = _point(held[side], level, spot, ratio=ratio), _mirror(level, spot)
    if far is None:
        return {**own, "opposite": None, "long_short_ratio": None}
    mirror = _point(held[other], far, spot, ratio=ratio)
    long, short = (own, mirror) if side == "long" else (mirror, own)
    share = _share(long["collateral_at_risk_usd"], short["collateral_at_risk_usd"])
    return {**own, "opposite": mirror, "long_short_ratio": share}


def _point(held: _Held, level: float, spot: float, *, ratio: bool) -> Answer:
    found: Reached = reached(held.priced, level)
    return {
        **_level(level, ratio=ratio),
        "side": held.priced.side,
        "distance": round(level / spot - 1, 6),
        "collateral_at_risk_usd": found.at_risk,
        "debt_usd": found.debt,
        "seizable_usd": found.seizable,
        "not_callable_usd": found.barred,
        "positions": found.positions,
        "accounts": found.accounts,
        "strength": held.strength_at(level),
    }


def _within(row: Answer, low: float | None, high: float | None) -> bool:
    level = row["level_ratio"] if row["level_usd"] is None else row["level_usd"]
    return (low is None or level >= low) and (high is None or level <= high)
