"""What changed in one hour, a day and a week, where two stored scans can tell.

A window ends at the newest complete scan and begins at the complete one nearest to its start. The
figures are those of these two scans, never scaled to the window's length. Where none is near
enough, or the two did not scan the same, nothing is concluded and `why` says so.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scanner.core.rounding import summed
from scanner.core.windows import SPANS, Span, nearest
from scanner.outputs.words import duration, symbol, utc
from scanner.past import Past, Record

Answer = dict[str, Any]
Figures = Mapping[str, float | None]

TOTALS = ("debt_usd", "collateral_usd", "borrowers", "positions")


def of_chain(records: Sequence[Record]) -> list[Answer]:
    """The windows of a whole chain, by protocol and by driver too."""

    def told(one: Record, other: Record) -> Answer:
        before, after = one.leverage, other.leverage
        assert before is not None  # as `_apart` has looked
        assert after is not None
        liquidity, why = _liquidity(before, after)
        return {
            "changes": {**_changes(before, after, TOTALS), "stablecoin_supply_usd": liquidity},
            "stablecoins_why": why,
            "by_protocol": _rows(before, after, "by_protocol", "protocol"),
            "by_driver": _rows(before, after, "by_driver", "driver"),
        }

    return _windows(records, told, lambda record: "")


def of_driver(records: Sequence[Record], driver: str) -> list[Answer]:
    """The windows of one driver."""

    def told(one: Record, other: Record) -> Answer:
        before, after = (_figures(each.drivers[driver]) for each in (one, other))
        return {"changes": _changes(before, after, tuple(after))}

    def lacks(record: Record) -> str:
        return "" if driver in record.drivers else f"no {symbol(driver)} in the scan"

    return _windows(records, told, lacks, driver)


def _windows(
    records: Sequence[Record],
    told: Callable[[Record, Record], Answer],
    lacks: Callable[[Record], str],
    driver: str | None = None,
) -> list[Answer]:
    complete = [one for one in records if one.complete]
    if not complete:
        none = {"from": None, "to": None, "apart_seconds": None, "changes": None}
        return [{**_head(s), **none, "why": "no complete scan is stored"} for s in SPANS]
    newest, earlier = complete[-1], complete[:-1]
    times = np.array([one.timestamp for one in earlier], np.int64)
    rows = []
    for span in SPANS:
        place = nearest(times, newest.timestamp, span)
        begun = None if place is None else earlier[place]
        why = _none_near(newest, span) if begun is None else _apart(begun, newest, lacks, driver)
        rows.append(
            {
                **_head(span),
                "from": None if begun is None else _named(begun),
                "to": _named(newest),
                "apart_seconds": None if begun is None else newest.timestamp - begun.timestamp,
                **({"changes": None} if begun is None or why else told(begun, newest)),
                "why": why or None,
            }
        )
    return rows


def _head(span: Span) -> Answer:
    return {
        "window": span.name,
        "seconds": span.seconds,
        "tolerance_seconds": span.tolerance,
    }


def _named(record: Record) -> Answer:
    return {"scan_id": record.scan_id, "block": record.block}


def _none_near(newest: Record, span: Span) -> str:
    start = utc(newest.timestamp - span.seconds)
    return f"no complete scan is stored within {duration(span.tolerance)} of {start}"


def _apart(one: Record, other: Record, lacks: Callable[[Record], str], driver: str | None) -> str:
    """Why two scans cannot be compared; "" where they can."""
    for record, which in ((one, "earlier"), (other, "newest")):
        if record.leverage is None:
            return f"the {which} scan does not record what it covered"
        if missing := lacks(record):
            return f"{missing} at {utc(record.timestamp)}"
    before, after = _scope(one), _scope(other)
    if before != after:
        parts = [
            f"{word} {_listed(names)}"
            for word, names in (("now with", after - before), ("without", before - after))
            if names
        ]
        return f"the two scans are of different markets: {', '.join(parts)}"
    if driver is not None and _spelled(one, driver) != _spelled(other, driver):
        return "the two scans were asked for different shocks of that name"
    return ""


def _scope(record: Record) -> frozenset[tuple[str, str, str]]:
    assert record.leverage is not None
    return frozenset(
        (row["protocol"], row["market"], row["address"]) for row in record.leverage["scope"]
    )


def _listed(names: frozenset[tuple[str, str, str]]) -> str:
    shown = [f"{protocol} {market}" for protocol, market, _ in sorted(names)]
    return " and ".join(dict.fromkeys(shown[:3])) + (
        f" and {len(shown) - 3} more" * (len(shown) > 3)
    )


def _spelled(record: Record, driver: str) -> frozenset[str]:
    """The shocks that a scan shows under a name: a driver ETH and a token ETH are not the same."""
    return frozenset(
        one for one in record.shocks if one.partition(":")[2] == driver or one == driver
    )


def _figures(one: Past) -> Figures:
    return {
        "spot_usd": one.spot,
        "debt_usd": one.debt,
        "collateral_usd": one.collateral,
        "borrowers": one.borrowers,
        "at_risk_long_usd": summed(one.long.usd),
        "at_risk_short_usd": summed(one.short.usd),
    }


def _changes(before: Figures, after: Figures, names: Sequence[str]) -> Answer:
    return {name: change(before[name], after[name]) for name in names}


def change(before: float | None, after: float | None) -> Answer | None:
    """From one figure to another; null where one of them is not known.

    >>> change(10.0, 8.0)
    {'from': 10.0, 'to': 8.0, 'change': -2.0, 'fraction': -0.2}
    >>> change(0.0, 5.0)["fraction"] is None, change(None, 5.0) is None
    (True, True)
    """
    if before is None or after is None:
        return None
    return {
        "from": before,
        "to": after,
        "change": round(after - before, 2),
        "fraction": round(after / before - 1, 6) if before else None,
    }


def _rows(before: Mapping[str, Any], after: Mapping[str, Any], key: str, name: str) -> list[Answer]:
    """Row by row what both have; in the order of the later scan."""
    known = {row[name]: row for row in before[key]}
    return [
        {name: row[name], **_changes(known[row[name]], row, TOTALS)}
        for row in after[key]
        if row[name] in known
    ]


def _liquidity(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[Answer | None, str | None]:
    """How the supply changed, or why that cannot be said."""
    one, other = before["liquidity"], after["liquidity"]
    if one is None or other is None or not one["tokens"] or not other["tokens"]:
        return None, "no supply of dollar tokens is recorded"
    if {row["address"] for row in one["tokens"]} != {row["address"] for row in other["tokens"]}:
        return None, "the two scans count different dollar tokens"
    told = change(one["stablecoin_supply_usd"], other["stablecoin_supply_usd"])
    return told, None if told else "the supply of a dollar token could not be read"
