"""Strength: how a price range compares with the fullest one nearby, 0 to 1.

The strength of a range is its collateral at risk over the most that any equally wide range within
20 % of its price holds, same driver and side: 1 is the strongest around. A tick is a range of one
tick. The press shows such a "strength" or "intensity" (CoinGlass: the importance of each cluster
relative to nearby clusters) instead of dollars; here it stands beside them. It says nothing of
size: a lone dollar far from everything has 1. It is a share of what was nearby in the same scan:
a level can gain by what its neighbours lose, so amounts of two scans are compared in dollars.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .rounding import rounded
from .ticks import TICK_RATIO

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

NEARBY: Final = 0.20
"""What "nearby" means: from price / 1.2 to price * 1.2, the same number of ticks either side."""

REACH: Final = int(np.log(1 + NEARBY) / np.log(TICK_RATIO))  # 73 ticks
_DIGITS = 6


def tick_strength(tick: I64, usd: F64) -> list[float]:
    """The strength of each occupied tick of one driver and side.

    Parameters
    ----------
    tick : int64 array
        Rising or falling, each once.
    usd : float64 array
        Collateral at risk of each. [USD]

    Returns
    -------
    list of float
        0 to 1, six decimals; 0 where nothing is at risk in the tick.

    >>> tick_strength(np.array([10, 40, 400]), np.array([50.0, 200.0, 1.0]))
    [0.25, 1.0, 1.0]
    """
    if not len(tick):
        return []
    order = np.argsort(tick, kind="stable")
    at, held = tick[order], usd[order]
    begin = np.searchsorted(at, at - REACH)
    end = np.searchsorted(at, at + REACH, side="right")
    most = np.maximum.reduceat(np.append(held, 0.0), np.stack((begin, end), axis=1).ravel())[::2]
    result = np.empty(len(tick))
    result[order] = _share(held, most)
    return rounded(result, _DIGITS)


def range_strength(tick: I64, usd: F64, low: int, high: int, amount: float) -> float:
    """The strength of a run of ticks, of the driver and side that `tick` and `usd` are of.

    Parameters
    ----------
    low, high : int
        Its first and last tick, both included.
    amount : float
        What it holds: of a single account's wall less than its ticks do. [USD]

    >>> range_strength(np.array([10, 11, 40]), np.array([3.0, 1.0, 8.0]), 10, 11, 4.0)
    0.5
    """
    first, last = low - REACH, high + REACH
    near = (tick >= first) & (tick <= last)
    cents = np.bincount(tick[near] - first, np.rint(usd[near] * 100.0), last - first + 1)
    total = np.concatenate(([0.0], np.cumsum(cents)))
    width = high - low + 1
    most = float((total[width:] - total[:-width]).max())
    return rounded(_share(np.array([round(amount * 100.0)], float), np.array([most])), _DIGITS)[0]


def strengthened(
    ticks: Sequence[Mapping[str, Any]], bands: Sequence[Mapping[str, Any]] = ()
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of ticks and bands of the document, each with its `strength` behind its dollars.

    `ticks` are all those of every driver and side that has a row in `bands`.
    """
    sides: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(ticks):
        sides.setdefault((row["driver"], row["side"]), []).append(place)
    tables = {}
    strengths = [0.0] * len(ticks)
    for key, places in sides.items():
        tick = np.array([ticks[k]["tick"] for k in places], np.int64)
        usd = np.array([ticks[k]["collateral_at_risk_usd"] for k in places], np.float64)
        tables[key] = tick, usd
        for place, strength in zip(places, tick_strength(tick, usd), strict=True):
            strengths[place] = strength
    none = np.zeros(0, np.int64), np.zeros(0)
    ranges = [
        range_strength(
            *tables.get((row["driver"], row["side"]), none),
            row["tick_low"],
            row["tick_high"],
            row["collateral_at_risk_usd"],
        )
        for row in bands
    ]
    return (
        [_with(row, strength) for row, strength in zip(ticks, strengths, strict=True)],
        [_with(row, strength) for row, strength in zip(bands, ranges, strict=True)],
    )


def _with(row: Mapping[str, Any], strength: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in row.items():
        if key == "strength":
            continue
        found[key] = value
        if key == "collateral_at_risk_usd":
            found["strength"] = strength
    return found


def _share(held: F64, most: F64) -> F64:
    """At most 1, which a range reaches that is itself the fullest; 0 where there is nothing."""
    share = np.divide(held, most, out=np.zeros(len(held)), where=most > 0)
    return np.minimum(share, 1.0)
