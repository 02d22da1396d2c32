"""Liquidations that happened, as columns every protocol fills alike.

One row is one liquidation and one collateral of it: where a call takes several (Comet), they share
their block and index, have parts 0, 1, 2 ..., and split the debt between them, so that sums add up
and liquidations are counted by their part 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from .positions import Token

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

LIQUIDATION, BAD_DEBT, SOLD = 0, 1, 2
KINDS = ("liquidation", "bad_debt", "sold")


@dataclass(frozen=True)
class Realised:
    """What logs say, in token units.

    Attributes
    ----------
    kind : int8[n]
        LIQUIDATION; BAD_DEBT, debt that was written off by a log of its own; SOLD, collateral that
        an earlier liquidation took and that found its buyer now: never added to what was seized.
    block, index, part : int64[n]
        Block, the log's place in it, and the row's place among the log's collaterals.
    hash, transaction : uint8[n, 32]
    account, owner : uint8[n, 20]
        The owner is zero where it is not known.
    market : object array of str
        The market's name as the scan has it.
    pool : uint8[n, 32]
        Which isolated market inside the deployment (Morpho's id, Maker's ilk); zero without any.
    collateral, debt : uint8[n, 20]
        Tokens; zero where there is none.
    seized, repaid, bad_debt : object array of int or None
        In units of the tokens. None: there is none, or it is not known before the block's state is
        read; then `shares` says how many shares of the collateral were seized.
    shares : object array of int or None
    tokens : tuple of Token
        All tokens named; their price says nothing.
    """

    kind: I8
    block: I64
    index: I64
    part: I64
    hash: U8
    transaction: U8
    account: U8
    owner: U8
    market: Objects
    pool: U8
    collateral: U8
    debt: U8
    seized: Objects
    shares: Objects
    repaid: Objects
    bad_debt: Objects
    tokens: tuple[Token, ...]

    def __len__(self) -> int:
        return len(self.block)

    def picked(self, rows: I64) -> "Realised":
        """Some rows."""
        return replace(
            self, **{one.name: getattr(self, one.name)[rows] for one in fields(self)[:-1]}
        )


@dataclass(frozen=True)
class Worth:
    """What rows are worth at the end of their block, by the protocol's own oracle there.

    `repaid`, `seized`, `bad_debt` are float64[n] in USD, NaN where there is no price; `units` are
    the collateral units of rows that know only shares, None for all others.
    """

    repaid: F64
    seized: F64
    bad_debt: F64
    units: Objects


def joined(parts: Sequence[Realised]) -> Realised:
    """All rows, in order of block, index and part, with all tokens."""
    columns = {
        one.name: np.concatenate([getattr(part, one.name) for part in parts])
        for one in fields(Realised)[:-1]
    }
    tokens = {token.address: token for part in parts for token in part.tokens}
    whole = Realised(**columns, tokens=tuple(tokens.values()))
    return whole.picked(np.lexsort((whole.part, whole.index, whole.block)))


def nothing() -> Realised:
    """No row."""
    number, text = np.zeros(0, np.int64), np.zeros(0, object)
    address, word = np.zeros((0, 20), np.uint8), np.zeros((0, 32), np.uint8)
    return Realised(number.astype(np.int8), number, number, number, word, word, address, address,
                    text, word, address, address, text, text, text, text, ())  # fmt: skip


def valued(found: Realised, prices: dict[bytes, float], units: Objects | None = None) -> Worth:
    """Amounts times prices of whole tokens [USD] by address; NaN where one is missing.

    `units` are collateral units of rows that know only shares (None elsewhere).
    """
    size = {token.address: token.unit for token in found.tokens}
    seized = found.seized.copy()
    if units is not None:
        told = np.array([one is not None for one in units], np.bool_)
        seized[told] = units[told]

    def usd(amounts: Objects, tokens: U8) -> F64:
        dollars = np.full(len(amounts), np.nan)
        for place, token in _each(tokens):
            price = prices.get(token)
            if price is None or token not in size:
                continue
            known = np.array([amounts[k] is not None for k in place], np.bool_)
            rows = place[known]
            dollars[rows] = (amounts[rows] / size[token]).astype(np.float64) * price
        return dollars

    none = np.full(len(found), None, object)
    return Worth(
        usd(found.repaid, found.debt),
        usd(seized, found.collateral),
        usd(found.bad_debt, found.debt),
        none if units is None else units,
    )


def put(into: Worth, rows: I64, part: Worth) -> None:
    """Write the worth of some rows into that of all."""
    for name in ("repaid", "seized", "bad_debt", "units"):
        getattr(into, name)[rows] = getattr(part, name)


def lacking(found: Realised, worth: Worth) -> npt.NDArray[np.bool_]:
    """Rows with an amount that has no price. Shape (n,)."""

    def some(amounts: Objects) -> npt.NDArray[np.bool_]:
        return np.array([one is not None for one in amounts], np.bool_)

    seized = some(found.seized) | some(found.shares)
    pairs = ((some(found.repaid), worth.repaid), (seized, worth.seized),
             (some(found.bad_debt), worth.bad_debt))  # fmt: skip
    lacks = [held & np.isnan(usd) for held, usd in pairs]
    return np.asarray(lacks[0] | lacks[1] | lacks[2], np.bool_)


def unknown(count: int) -> Worth:
    """Rows without any price."""
    nan = np.full(count, np.nan)
    return Worth(nan, nan.copy(), nan.copy(), np.full(count, None, object))


def _each(tokens: U8) -> list[tuple[I64, bytes]]:
    """Rows of each distinct token."""
    distinct, place = np.unique(tokens, axis=0, return_inverse=True)
    place = place.reshape(-1)
    return [(np.flatnonzero(place == k), row.tobytes()) for k, row in enumerate(distinct)]


LONG, SHORT, LOOP, PAIR = "long", "short", "loop", "pair"
SIDES = (LONG, SHORT, PAIR, LOOP)


def side_of(collateral: str | None, debt: str | None) -> str:
    """Which way a liquidation was, by the drivers of its two tokens (None: a dollar stable).

    >>> side_of("ETH", None), side_of(None, "ETH"), side_of("ETH", "ETH"), side_of("ETH", "BTC")
    ('long', 'short', 'loop', 'pair')
    """
    if collateral == debt:
        return LOOP
    if debt is None:
        return LONG
    return SHORT if collateral is None else PAIR


def share_long(usd: dict[str, float]) -> float | None:
    """Longs as a share of longs, shorts and pairs; loops apart. None where there is nothing.

    >>> share_long({"long": 3.0, "short": 1.0, "loop": 100.0})
    0.75
    """
    whole = sum(usd.get(side, 0.0) for side in (LONG, SHORT, PAIR))
    return usd.get(LONG, 0.0) / whole if whole else None


_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LONGEST = 20 * 365 * 86_400


def seconds_of(text: str) -> int:
    """A length of time as one writes it; ValueError for anything else.

    >>> seconds_of("24h"), seconds_of("7d"), seconds_of("30m")
    (86400, 604800, 1800)
    """
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdecimal()) or unit not in _UNITS or len(number) > 9:
        raise ValueError("write 30m, 1h, 24h, 7d or 2w")
    seconds = int(number) * _UNITS[unit]
    if not 0 < seconds <= _LONGEST:
        raise ValueError("a length of time above 0 and below 20 years")
    return seconds
