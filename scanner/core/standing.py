"""Where the collateral of a driver's positions stands: behind a price, behind none, or past it."""

from typing import Any

import numpy as np
import numpy.typing as npt


def standing(
    side: npt.ArrayLike,
    already: npt.ArrayLike,
    collateral: npt.ArrayLike,
    debt: npt.ArrayLike,
) -> dict[str, dict[str, Any]]:
    """Positions, collateral and debt at present prices, by what the driver can do to them.

    Parameters
    ----------
    side : n texts
        `long`, `short` or `none`.
    already : n flags
        Liquidatable at the block already: such a position counts as nothing else.
    collateral, debt : n numbers
        [USD]; each is rounded to the cent before it is summed.

    Returns
    -------
    dict
        For each of `long`, `short`, `none`, `already`: `positions`, `collateral_usd`, `debt_usd`.

    >>> standing(["long", "long", "none"], [False, True, False], [2.0, 3.0, 4.0], [1.0, 3.0, 2.0])[
    ...     "already"
    ... ]
    {'positions': 1, 'collateral_usd': 3.0, 'debt_usd': 3.0}
    """
    sides, now = np.asarray(side, object), np.asarray(already, np.bool_)
    groups = {name: (sides == name) & ~now for name in ("long", "short", "none")}
    groups["already"] = now
    held, owed = (np.rint(np.asarray(x, np.float64) * 100) for x in (collateral, debt))
    return {
        name: {
            "positions": int(rows.sum()),
            "collateral_usd": float(held[rows].sum()) / 100,
            "debt_usd": float(owed[rows].sum()) / 100,
        }
        for name, rows in groups.items()
    }
