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
        was not found within a tenth of the price, and elsewhere.
    why : object array of str
        Why it cannot be proven; "" elsewhere.
    """

    status: npt.NDArray[np.int8]
    edge: npt.NDArray[np.object_]
    why: Texts


def judged(raw: Integers, side: I64, known: Bool, healthy: Bool, why: Texts, ask: Ask) -> Outcome:
    """The outcome of n prices, each tried at p* and one unit beyond it.

    Parameters
    ----------
    raw : object array, shape (n,)
        p* as the feed's integers.
    side : int64 array, shape (n,)
        +1 long: beyond is below; -1 short: beyond is above.
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
        edge[off] = _edges(raw[off], side[off], healthy[at][off], lambda r, p: ask(off[r], p))
    return Outcome(status, edge, np.where(status == CANNOT, reasons, ""))


def _edges(raw: Integers, side: I64, healthy: Bool, ask: Ask) -> npt.NDArray[np.object_]:
    """The last healthy price of positions whose p* is off: steps that double away from p*, to
    where the verdict turns, then halves. `healthy` says that it lies farther than p*."""
    away = np.where(healthy, -side, side).astype(object)  # where the other verdict is
    size, most = len(raw), raw // FARTHEST + 1
    near, far = np.zeros(size, object), np.full(size, None, object)
    step = np.ones(size, object)
    rows = np.arange(size)
    while len(rows):
        tried = np.where(far[rows] == None, step[rows], 0)  # noqa: E711 - elementwise
        halves = np.array([(near[k] + (far[k] or 0)) // 2 for k in rows.tolist()], object)
        tried = np.where(tried == 0, halves, tried)
        known, fine = ask(rows, np.maximum(raw[rows] + away[rows] * tried, 1))
        turned = known & (fine != healthy[rows])
        far[rows[turned]] = tried[turned]
        near[rows[known & ~turned]] = tried[known & ~turned]
        step[rows] = tried * 4
        lost = ~known | ((far[rows] == None) & np.asarray(step[rows] > most[rows], bool))  # noqa: E711
        far[rows[lost & ~turned]] = None
        going = [
            k
            for k, gone in zip(rows.tolist(), (lost & ~turned).tolist(), strict=True)
            if not gone and (far[k] is None or far[k] - near[k] > 1)
        ]
        rows = np.array(going, np.int64)
    found = [
        None if far[k] is None else raw[k] + away[k] * (near[k] if healthy[k] else far[k])
        for k in range(size)
    ]
    return np.array([*found, None], object)[:-1]


def tally(status: npt.NDArray[np.int8], debt: npt.NDArray[np.float64]) -> dict[str, Any]:
    """How many of some positions are proven, off, cannot; dust apart. `debt` in USD."""
    small = debt < DUST

    def counts(rows: Bool) -> dict[str, int]:
        found = np.bincount(status[rows], minlength=len(STATUSES)).tolist()
        return {"positions": int(rows.sum()), **dict(zip(STATUSES, found, strict=True))}

    return {**counts(~small), "dust": counts(small)}
