"""What a protocol's own verdicts say about liquidation prices: proven, off by, cannot. Pure.

A price is proven where the protocol calls the position healthy at it and liquidatable one feed unit
beyond. Debts under a dollar are dust: told apart, since nobody liquidates them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .integers import Integers

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

DUST = 1.0  # dollars of debt
FARTHEST = 10  # an edge is looked for no farther than a tenth of the price
LOOKED = 50  # ... and of so many of a market's prices that are off
STATUSES = ("proven", "off", "cannot")
PROVEN, OFF, CANNOT = range(3)
Ask = Callable[[I64, Integers], tuple[Bool, Bool]]


@dataclass(frozen=True)
class Outcome:
    """Of n liquidation prices.

    Attributes
    ----------
    status : int8 array
        PROVEN, OFF or CANNOT.
    edge : object array
        Where it is off, the last healthy price as the protocol has it, an integer; None where it
        was not found within a tenth of the price or not looked for, and elsewhere.
    why : object array of str
        Why it cannot be proven; "" elsewhere.
    """

    status: npt.NDArray[np.int8]
    edge: npt.NDArray[np.object_]
    why: Texts


def judged(raw: Integers, step: I64, known: Bool, healthy: Bool, why: Texts, ask: Ask) -> Outcome:
    """The outcome of n prices, each tried at p* and one unit beyond it.

    Parameters
    ----------
    raw : object array, shape (n,)
        p* as the feed's integers.
    step : int64 array, shape (n,)
        Where one unit beyond is: -1 below p*, +1 above it.
    known, healthy, why : shape (2 n,)
        The verdicts, those of one price side by side: at p*, beyond.
    ask : (rows, prices) -> (known, healthy)
        The protocol's verdict on some of the n at other prices, to find by how much one is off.
    """
    at, beyond = slice(0, None, 2), slice(1, None, 2)
    sure = known[at] & known[beyond]
    good = sure & healthy[at] & ~healthy[beyond]
    status = np.where(good, PROVEN, np.where(sure, OFF, CANNOT)).astype(np.int8)
    reasons = np.where(why[at] != "", why[at], why[beyond])
    off = np.flatnonzero(status == OFF)
    edge = np.full(len(raw), None, object)
    if len(off):
        edge[off] = _edges(raw[off], step[off], healthy[at][off], lambda r, p: ask(off[r], p))
    return Outcome(status, edge, np.where(status == CANNOT, reasons, ""))


def _edges(raw: Integers, step: I64, healthy: Bool, ask: Ask) -> npt.NDArray[np.object_]:
    """The last healthy price of positions whose p* is off, the first LOOKED of them.

    `healthy` says of each that it lies farther than p*. Its distance is bracketed between powers of
    two, all tried at once, then the bracket cut into sixteen.
    """
    found = np.full(len(raw), None, object)
    size = min(len(raw), LOOKED)
    away = np.where(healthy, step, -step).astype(object)  # where the other verdict is
    most = [int(price) // FARTHEST + 1 for price in raw[:size].tolist()]
    near, far = [0] * size, [0] * size
    tried = [[*(2**k for k in range(bound.bit_length() - 1)), bound] for bound in most]
    while any(tried):
        row = np.repeat(np.arange(size), [len(each) for each in tried])
        distance = np.array([*(d for each in tried for d in each), None], object)[:-1]
        known, fine = ask(row, np.maximum(raw[row] + away[row] * distance, 1))
        turned = known & (fine != healthy[row])
        for k in range(size):
            mine = np.flatnonzero(row == k)
            first = mine[turned[mine]][:1]
            if not len(mine):
                continue
            if not len(first) or not known[mine].all():
                far[k], tried[k] = 0, []  # not within reach, or nobody says
                continue
            near[k] = max([near[k], *distance[mine[mine < first[0]]].tolist()])
            far[k] = distance[first[0]]
            cuts = {near[k] + (far[k] - near[k]) * part // 16 for part in range(1, 16)}
            tried[k] = [*sorted(cuts - {near[k]}), far[k]] if far[k] - near[k] > 1 else []
    for k in range(size):
        if far[k]:
            found[k] = raw[k] + away[k] * (near[k] if healthy[k] else far[k])
    return found


def tally(status: npt.NDArray[np.int8], debt: npt.NDArray[np.float64]) -> dict[str, Any]:
    """How many of some positions are proven, off, cannot; dust apart. `debt` in USD."""
    small = debt < DUST

    def counts(rows: Bool) -> dict[str, int]:
        found = np.bincount(status[rows], minlength=len(STATUSES)).tolist()
        return {"positions": int(rows.sum()), **dict(zip(STATUSES, found, strict=True))}

    return {**counts(~small), "dust": counts(small)}
