"""Who holds what: the positions under a driver as columns, the members of a range, protocols."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner import reading
from scanner.answers.head import head
from scanner.core.levels import Priced, Side
from scanner.core.rounding import summed
from scanner.core.ticks import tick_of
from scanner.reading import Stored

if TYPE_CHECKING:
    import pandas as pd

Answer = dict[str, Any]
Row = Mapping[str, Any]

SIDES: tuple[Side, Side] = ("long", "short")
_WITHIN = (10, 20, 30)  # percent of spot


def band_accounts(stored: Stored, band: Row, limit: int | None = None) -> list[Answer]:
    """The members of a range, the largest first; several positions of one account stay apart."""
    frame = members(stored, band)
    total = float(band["collateral_at_risk_usd"])
    frame = frame.sort_values(
        ["collateral_at_risk_usd", "protocol", "market", "account"],
        ascending=[False, True, True, True],
        kind="stable",
    )
    keys = ("account", "owner", "protocol", "market", "liquidation_price_usd", "liquidation_ratio",
            "health_factor", "collateral_at_risk_usd", "debt_usd", "seizable_usd", "callable",
            "not_callable_reason", "largest_collateral", "largest_debt")  # fmt: skip
    rows = reading.records(
        frame[[key for key in keys if key in frame]].head(len(frame) if limit is None else limit)
    )
    return [{**row, "share": row["collateral_at_risk_usd"] / total} for row in rows]


def members(stored: Stored, band: Row) -> "pd.DataFrame":
    """The positions whose collateral at risk a range adds up: those in its run of ticks, and of a
    single account's wall that account's only."""
    frame = priced_rows(stored, band["driver"], band["side"], None)
    tick = tick_of(_prices(frame))
    inside = (tick >= band["tick_low"]) & (tick <= band["tick_high"])
    inside &= (frame["collateral_at_risk_usd"] > 0).to_numpy()
    found: pd.DataFrame = frame[inside]
    if band["kind"] == "wall" and len(found):
        # Scans of the first release do not say whose wall it is: nobody there has more.
        owner = band.get("owner") or found.groupby("owner")["collateral_at_risk_usd"].sum().idxmax()
        found = found[found["owner"] == owner]
    return found


def subtotals(stored: Stored, frame: "pd.DataFrame") -> list[Answer]:
    """What each group of the file of groups has in these positions, the most at risk first.

    `nearest`: the price of its position that is nearest to spot [USD; a ratio under the market
    shock].
    """
    names = set(stored.groups_named())
    rows = []
    for name, mine in frame[frame["owner"].isin(names)].groupby("owner"):
        sums = {
            key: summed(mine[key].to_numpy(np.float64))
            for key in ("collateral_usd", "debt_usd", "collateral_at_risk_usd", "seizable_usd")
        }
        nearest = mine.iloc[int(mine["distance"].abs().to_numpy().argmin())]
        price = nearest["liquidation_price_usd"]
        rows.append(
            {
                "group": str(name),
                "positions": len(mine),
                "accounts": int(mine["account"].nunique()),
                **sums,
                "nearest": float(nearest["liquidation_ratio"] if price != price else price),
                "distance": float(nearest["distance"]),
            }
        )
    return sorted(rows, key=lambda row: (-row["collateral_at_risk_usd"], row["group"]))


def protocols(stored: Stored, driver: str) -> Answer:
    """A driver's collateral at risk by protocol: all of it, and within 10, 20, 30 % of spot."""
    spot = present(stored, driver)
    coverage = _worst_coverage(stored.document["certificate"])
    rows = []
    for name in sorted({row["protocol"] for row in stored.document["markets"]}):
        held = {side: priced(stored, driver, side, name) for side in SIDES}
        rows.append(
            {
                "protocol": name,
                "positions": sum(len(one.price) for one in held.values()),
                "collateral_at_risk_usd": summed(
                    np.concatenate([one.at_risk for one in held.values()])
                ),
                **{f"{side}_usd": summed(one.at_risk) for side, one in held.items()},
                "debt_usd": summed(np.concatenate([one.debt for one in held.values()])),
                "within": {
                    str(percent): {
                        side: summed(one.at_risk[np.abs(one.price / spot - 1) <= percent / 100])
                        for side, one in held.items()
                    }
                    for percent in _WITHIN
                },
                "coverage": coverage.get(name),
            }
        )
    rows.sort(key=lambda row: (-row["collateral_at_risk_usd"], row["protocol"]))
    return {**head(stored), "driver": driver, "protocols": rows}


def priced(stored: Stored, driver: str, side: Side, protocol: str | None = None) -> Priced:
    """The positions with a liquidation price on one side, as columns."""
    frame = priced_rows(stored, driver, side, protocol)
    at_risk, debt, seizable = (
        frame[name].to_numpy(np.float64)
        for name in ("collateral_at_risk_usd", "debt_usd", "seizable_usd")
    )
    owner, able = frame["owner"].to_numpy(object), frame["callable"].to_numpy(np.bool_)
    return Priced(side, _prices(frame), at_risk, debt, seizable, owner, able)


def priced_rows(
    stored: Stored, driver: str, side: str, protocol: str | None = None
) -> "pd.DataFrame":
    """Rows of the positions table with a liquidation price under the driver, on one side."""
    frame = stored.positions
    keep = (frame["driver"] == driver) & (frame["side"] == side) & ~frame["already_liquidatable"]
    if protocol is not None:
        keep &= frame["protocol"] == protocol
    return frame[keep]


def _prices(frame: "pd.DataFrame") -> npt.NDArray[np.float64]:
    price = frame["liquidation_price_usd"].fillna(frame["liquidation_ratio"])
    return price.to_numpy(np.float64)


def is_ratio(stored: Stored, driver: str) -> bool:
    """Whether the driver's axis is a ratio: under the market shock, where nothing has one price."""
    return _present(stored, driver) is None


def present(stored: Stored, driver: str) -> float:
    """The driver's present price; 1 where its axis is a ratio. [USD]"""
    spot = _present(stored, driver)
    return 1.0 if spot is None else spot


def _present(stored: Stored, driver: str) -> float | None:
    [row] = [row for row in stored.document["drivers"] if row["driver"] == driver]
    return None if row["spot_usd"] is None else float(row["spot_usd"])


def _worst_coverage(rows: Sequence[Row]) -> dict[str, float | None]:
    """The lowest coverage of each protocol's identities; None where one cannot be said."""
    worst: dict[str, float | None] = {}
    for row in rows:
        known, new = worst.get(row["protocol"], 1.0), row["coverage"]
        worst[row["protocol"]] = None if known is None or new is None else min(known, new)
    return worst
