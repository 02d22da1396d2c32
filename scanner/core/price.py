"""Liquidation prices in closed form: one vectorised line for every protocol.

With X the weighted collateral, Y the debt and X', Y' the parts of each that move with the
shock, a position is on the edge when the shocked price is multiplied by

    s* = 1 - (X - Y) / (X' - Y')

It is `long` (liquidated by a fall) where X' > Y', `short` (by a rise) where X' < Y'. A price that
moves by only a part of the shock counts in X' and Y' with that part, its slope.
"""

import numpy as np
import numpy.typing as npt

from .legs import Legs

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
I8 = npt.NDArray[np.int8]
Slope = F64 | npt.NDArray[np.bool_]

LONG, SHORT, NONE = 1, -1, 0

# A pure loop (collateral and debt both follow the shock) has X' - Y' = X - Y up to rounding
# only; below this share of X + Y the difference is noise and must not become a price.
NOISE = 1e-12
LOWEST, HIGHEST = 1e-3, 1e3  # beyond these multiples of the present price nothing is claimed


def balance(legs: Legs, slope: Slope, factor: F64 | None = None) -> tuple[F64, F64, F64]:
    """X - Y, X' - Y' and X + Y of each position. [USD]

    Parameters
    ----------
    legs : Legs
    slope : float64 or bool array, shape (tokens,)
        How much of the shock each token's price makes: 1 for one that follows it, 0 for one that
        stays.
    factor : float64 array, shape (tokens,), optional
        What each price is multiplied by where the line is looked at; by default all are as now.
    """
    signed = legs.signed()
    here = signed if factor is None else signed * factor[legs.token]
    net = legs.total(here)
    gross = legs.total(np.abs(here))
    signed *= slope[legs.token]
    return net, legs.total(signed), gross


def closed_form(legs: Legs, slope: Slope) -> tuple[F64, I8]:
    """s* and side of each position, as `edge` gives them, with prices moving by `slope`."""
    return edge(*balance(legs, slope))


def side_of(net_moving: F64, gross: F64) -> I8:
    """+1 long, -1 short, 0 where the shock cannot liquidate.

    Parameters
    ----------
    net_moving : float array
        X' - Y' of each position. [USD]
    gross : float array
        X + Y of each position. [USD]
    """
    sign = np.sign(net_moving).astype(np.int8)
    return np.where(np.abs(net_moving) > NOISE * gross, sign, NONE).astype(np.int8)


def edge(net: F64, net_moving: F64, gross: F64) -> tuple[F64, I8]:
    """The multiple s* of the present price at which health is exactly 1, and the side.

    Parameters
    ----------
    net : float array
        X - Y of each position. [USD]
    net_moving : float array
        X' - Y' of each position. [USD]
    gross : float array
        X + Y of each position. [USD]

    Returns
    -------
    ratio : float array
        s*; NaN where the shock cannot liquidate the position within 0.001 to 1,000 times the
        present price.
    side : int8 array
        +1 long, -1 short, 0 none.

    Examples
    --------
    10 ETH at $2,000 with threshold 0.80 against a debt of 12,000 USDC: X = X' = 16,000, Y = 12,000.

    >>> ratio, side = edge(np.array([4_000.0]), np.array([16_000.0]), np.array([28_000.0]))
    >>> ratio * 2_000, side
    (array([1500.]), array([1], dtype=int8))
    """
    side = side_of(net_moving, gross)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 1.0 - net / net_moving
    reachable = (side != NONE) & (ratio >= LOWEST) & (ratio <= HIGHEST)
    ratio = np.where(reachable, ratio, np.nan)
    return ratio, np.where(reachable, side, NONE).astype(np.int8)
