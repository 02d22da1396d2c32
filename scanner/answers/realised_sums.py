"""Sums of liquidations that happened: sides, hours, protocols, drivers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.core.realised import BAD_DEBT, LIQUIDATION, SIDES, SOLD, share_long, side_of
from scanner.core.rounding import summed, summed_by, to_cents

Answer = dict[str, Any]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

HOUR = 3_600
_MOST_HOURS = 24 * 31  # empty hours are listed in windows up to this long
UNKNOWN_SIDE = "unknown"


class Columns:
    """Rows of events as columns, and their sums. Dollars are whole cents, so that parts add up."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = rows
        self.kind = np.array([row["kind"] for row in rows], np.int64)
        self.debt, self.collateral, self.bad = (
            _dollars(rows, name) for name in ("repaid_usd", "seized_usd", "bad_debt_usd")
        )
        self.side = [_side(row) for row in rows]
        self.forced = self.kind == LIQUIDATION
        self.event = self.forced & np.array([row["part"] == 0 for row in rows], np.bool_)
        self._lost = self.forced | (self.kind == BAD_DEBT)

    def totals(self) -> Answer:
        """Of the whole window."""
        sold = self.kind == SOLD
        events = int(self.event.sum())
        accounts = self._distinct(self.event, "protocol", "account")
        return {
            "debt_repaid_usd": summed(self.debt[self.forced]),
            "collateral_seized_usd": summed(self.collateral[self.forced]),
            "bad_debt_usd": summed(self.bad[self._lost]),
            "events": events,
            "accounts": accounts,
            "transactions": self._distinct(self.event, "tx"),
            "events_per_account": round(events / accounts, 2) if accounts else None,
            "sold_usd": summed(self.collateral[sold]),
            "sold_for_usd": summed(self.debt[sold]),
            "unpriced": int(sum(_unpriced(row) for row in self._rows)),
        }

    def by_side(self) -> list[Answer]:
        """Longs, shorts, pairs, loops, and those of which a token is not known."""
        return [
            {"side": side, **self._sums(self._of_side(side))}
            for side in (*SIDES, UNKNOWN_SIDE)
            if side in SIDES or self._of_side(side).any()
        ]

    def long_share(self) -> float | None:
        """Longs' debt as a share of longs', shorts' and pairs'."""
        share = share_long({side: summed(self.debt[self._of_side(side)]) for side in SIDES})
        return None if share is None else round(share, 6)

    def largest(self) -> Answer | None:
        """The most debt that one transaction repaid of one account."""
        if not self.forced.any():
            return None
        rows = np.flatnonzero(self.forced).tolist()
        keys = [
            (self._rows[k]["tx"], self._rows[k]["protocol"], self._rows[k]["account"]) for k in rows
        ]
        number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        place = np.array([number[key] for key in keys], np.int64)
        debt, seized = (summed_by(place, x[self.forced]) for x in (self.debt, self.collateral))
        best = int(np.argmax(debt))
        first = self._rows[rows[int(np.flatnonzero(place == best)[0])]]
        return {
            "transaction": "0x" + first["tx"].hex(),
            "block": first["block"],
            "timestamp": first["timestamp"],
            "protocol": first["protocol"],
            "market": first["market"],
            "account": "0x" + first["account"].hex(),
            "debt_repaid_usd": float(debt[best]),
            "collateral_seized_usd": float(seized[best]),
            "events": int(self.event[self.forced][place == best].sum()),
        }

    def by_hour(self, ends: Sequence[int]) -> list[Answer]:
        """Full hours of the clock (UTC); those without any event where the window is short.

        `ends` are the times of the window's ends, as far as they are known.
        """
        hour = np.array([row["timestamp"] // HOUR for row in self._rows], np.int64)
        hours = [one // HOUR for one in ends] + [int(one) for one in hour[self.forced]]
        if not hours:
            return []
        low, high = min(hours), max(hours)
        whole = range(low, high + 1) if high - low <= _MOST_HOURS else sorted(set(hours))
        return [
            {"from": one * HOUR, "to": (one + 1) * HOUR, **self._sums(self.forced & (hour == one))}
            for one in whole
        ]

    def by_protocol(self) -> list[Answer]:
        """The protocols with any event, the largest first."""
        return self._grouped("protocol", lambda row: row["protocol"])

    def by_driver(self) -> list[Answer]:
        """By the driver of the collateral; of the debt where the collateral is a dollar stable."""
        found = self._grouped("driver", _driver)
        for row in found:
            mine = self.forced & np.array([_driver(one) == row["driver"] for one in self._rows])
            for side in SIDES:
                row[f"{side}_usd"] = summed(self.debt[mine & self._of_side(side)])
        return found

    def price_sources(self) -> list[Answer]:
        """How many rows were valued by what: "block", a stored scan, nothing."""
        names = [row["price_source"] for row in self._rows]
        return [
            {"source": name, "rows": names.count(name)}
            for name in sorted(set(names), key=lambda one: (one != "block", one or ""))
        ]

    def listed(self) -> list[int]:
        """Rows of liquidations and of debt written off, the largest first."""
        rows = np.flatnonzero(self._lost).tolist()
        amount = np.maximum(self.debt, self.bad)
        return sorted(
            rows,
            key=lambda k: (
                -amount[k],
                self._rows[k]["block"],
                self._rows[k]["place"],
                self._rows[k]["part"],
            ),
        )

    def _of_side(self, side: str) -> Bool:
        mine = np.array([one == side for one in self.side], np.bool_)
        return np.asarray(self.forced & mine, np.bool_)

    def _sums(self, mine: Bool) -> Answer:
        return {
            "debt_repaid_usd": summed(self.debt[mine]),
            "collateral_seized_usd": summed(self.collateral[mine]),
            "events": self._distinct(mine, "protocol", "block", "place"),
            "accounts": self._distinct(mine, "protocol", "account"),
        }

    def _grouped(self, name: str, key: Callable[[Mapping[str, Any]], Any]) -> list[Answer]:
        keys = [key(row) for row in self._rows]
        found = []
        for one in dict.fromkeys(keys):
            mine = self.forced & np.array([each == one for each in keys], np.bool_)
            if mine.any():
                found.append({name: one, **self._sums(mine)})
        found.sort(key=lambda row: (-row["debt_repaid_usd"], str(row[name])))
        return found

    def _distinct(self, mine: Bool, *names: str) -> int:
        rows = np.flatnonzero(mine).tolist()
        return len({tuple(self._rows[k][name] for name in names) for k in rows})


def _dollars(rows: Sequence[Mapping[str, Any]], name: str) -> F64:
    """Whole cents; 0 where there is none or no price, which `unpriced` counts."""
    return to_cents(np.array([row[name] or 0.0 for row in rows], np.float64))


def _side(row: Mapping[str, Any]) -> str:
    held, owed = row["collateral_token"], row["debt_token"]
    if held is None or owed is None:
        return UNKNOWN_SIDE
    return side_of(held.driver, owed.driver)


def _driver(row: Mapping[str, Any]) -> str | None:
    held, owed = row["collateral_token"], row["debt_token"]
    if held is not None and held.driver is not None:
        return str(held.driver)
    return None if owed is None else owed.driver


def _unpriced(row: Mapping[str, Any]) -> bool:
    """Whether an amount has no dollars."""
    held = row["seized"] is not None or row["shares"] is not None
    return bool(
        (held and row["seized_usd"] is None)
        or (row["repaid"] is not None and row["repaid_usd"] is None)
        or (row["bad_debt"] is not None and row["bad_debt_usd"] is None)
    )
