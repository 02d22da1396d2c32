"""The totals of a scan: debt, collateral and borrowers, whole, by protocol and by driver.

In the whole and by protocol every position counts once. By driver a position counts, whole, with
each driver that any of its legs follows: rows overlap where a position follows several, and what
follows none is in no row. `several_drivers` and `no_driver` say how much that is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .positions import Exposure, Holdings
from .rounding import summed

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
_Shocked = tuple[str, Sequence[Exposure | None]]


def totals(
    holdings: Sequence[Holdings],
    protocols: Sequence[str],
    drivers: Sequence[_Shocked],
    *,
    every_driver: bool,
) -> dict[str, Any]:
    """Everything that was found with a debt, at the block's prices.

    Parameters
    ----------
    holdings : sequence of Holdings
        One per market.
    protocols : sequence of str
        All that were scanned: one without a position has a row of zeros.
    drivers : sequence of (name, exposures)
        The drivers that were shocked, each with one exposure per market.
    every_driver : bool
        Whether these are all that anything follows; else `several_drivers` and `no_driver` are
        null.

    Returns
    -------
    dict
        `debt_usd`, `collateral_usd` (counted), `borrowers` (owners, each once), `positions`,
        `by_protocol`, `by_driver` (largest debt first), `several_drivers`, `no_driver`.
    """
    book = _Book.of(holdings)
    everybody = np.ones(len(book.debt), np.bool_)
    names = sorted(set(protocols) | {one.protocol for one in holdings})
    sizes = [one.legs.positions for one in holdings]
    of = np.repeat([names.index(one.protocol) for one in holdings], sizes)
    by_protocol = [{"protocol": name, **book.sums(of == place)} for place, name in enumerate(names)]
    many = np.zeros(len(book.debt), np.int64)
    by_driver = []
    for name, exposures in drivers:
        touched = _touched(holdings, exposures)
        many += touched
        by_driver.append({"driver": name, **book.sums(touched)})
    overlap = {"several_drivers": many > 1, "no_driver": many == 0}
    return {
        **book.sums(everybody),
        "by_protocol": sorted(by_protocol, key=lambda row: (-row["debt_usd"], row["protocol"])),
        "by_driver": sorted(by_driver, key=lambda row: (-row["debt_usd"], row["driver"])),
        **{name: book.sums(those) if every_driver else None for name, those in overlap.items()},
    }


@dataclass(frozen=True)
class _Book:
    """All positions of all markets as columns: `debt`, `collateral` [USD, whole cents], `owner` (a
    number that is the same for one address everywhere, 0 to `owners` - 1)."""

    debt: F64
    collateral: F64
    owner: I64
    owners: int

    @classmethod
    def of(cls, holdings: Sequence[Holdings]) -> "_Book":
        addresses = np.concatenate([np.zeros((0, 20), np.uint8), *(one.owners for one in holdings)])
        keys = np.ascontiguousarray(addresses).view("S20").ravel()
        known, owner = np.unique(keys, return_inverse=True)
        return cls(
            debt=np.concatenate([np.zeros(0), *(one.legs.owed() for one in holdings)]),
            collateral=np.concatenate([np.zeros(0), *(one.legs.collateral() for one in holdings)]),
            owner=owner.astype(np.int64),
            owners=len(known),
        )

    def sums(self, chosen: Bool) -> dict[str, Any]:
        """Of the chosen positions, each once."""
        there = np.bincount(self.owner[chosen], minlength=self.owners)
        return {
            "debt_usd": summed(self.debt[chosen]),
            "collateral_usd": summed(self.collateral[chosen]),
            "borrowers": int(np.count_nonzero(there)),
            "positions": int(np.count_nonzero(chosen)),
        }


def _touched(holdings: Sequence[Holdings], exposures: Sequence[Exposure | None]) -> Bool:
    """Which positions of all markets a shock moves."""
    parts = [
        np.zeros(one.legs.positions, np.bool_) if exposure is None else exposure.touched
        for one, exposure in zip(holdings, exposures, strict=True)
    ]
    return np.concatenate([np.zeros(0, np.bool_), *parts])
