"""How the ranges of one driver changed from one scan to a later one.

Two ranges of one side are the same if they lie on one another, if one account is the wall in both
(of two walls whose accounts are known nothing else counts), or, where nothing lies nearer, if less
than 2 % of price is between them. Each range is matched once, the closest pairs first. A pair whose
middle is more than 1 % of price away has moved; otherwise it grew from 1.25 times its collateral
up, and shrank from 0.8 times down.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Band = Mapping[str, Any]
Closeness = Callable[[Band, Band], float]

GREW, SHRANK = 1.25, 0.8
MOVED = 0.01  # of price
_NEAR = 8  # ticks of 0.25 %: as far apart as two ranges may be and still count as one


def closeness(before: Band, after: Band) -> float:
    """Between 0 (not the same range) and 2; see the module's rule."""
    if before["kind"] == after["kind"] == "wall":
        owners = [row.get("owner") for row in (before, after)]
        if None not in owners:  # scans of the first release do not name them
            return 2.0 if owners[0] == owners[1] else 0.0
    low = max(int(before["tick_low"]), int(after["tick_low"]))
    high = min(int(before["tick_high"]), int(after["tick_high"]))
    shared = high - low + 1
    if shared > 0:
        lengths = [int(row["tick_high"]) - int(row["tick_low"]) + 1 for row in (before, after)]
        return 1.0 + shared / max(lengths)
    return max(0.0, 1.0 - (1 - shared) / _NEAR)


def changes(
    before: Sequence[Band], after: Sequence[Band], close: Closeness = closeness
) -> list[dict[str, Any]]:
    """Every range of either scan, each once: what became of it.

    Returns rows of `change` (born, dissolved, moved, grew, shrank, same), `side`, `before`,
    `after` (rows of the document, None where there is none) and `collateral_change_usd`; long
    before short, then the largest first.
    """
    pairs = [(close(a, b), i, j) for i, a in enumerate(before) for j, b in enumerate(after)
             if a["side"] == b["side"]]  # fmt: skip
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for score, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if score > 0 and i not in matched and j not in taken:
            matched[i] = j
            taken.add(j)
    rows = [_row(a, after[matched[i]] if i in matched else None) for i, a in enumerate(before)]
    rows += [_row(None, b) for j, b in enumerate(after) if j not in taken]
    return sorted(rows, key=lambda row: (row["side"], -_size(row)))


def _row(before: Band | None, after: Band | None) -> dict[str, Any]:
    usd = [row["collateral_at_risk_usd"] if row else 0.0 for row in (before, after)]
    known = before or after
    assert known is not None
    return {
        "change": _change(before, after),
        "side": known["side"],
        "before": before,
        "after": after,
        "collateral_change_usd": round(usd[1] - usd[0], 2),
    }


def _change(before: Band | None, after: Band | None) -> str:
    if before is None or after is None:
        return "born" if before is None else "dissolved"
    if abs(math.log(_middle(after) / _middle(before))) > math.log1p(MOVED):
        return "moved"
    ratio = after["collateral_at_risk_usd"] / before["collateral_at_risk_usd"]
    return "grew" if ratio >= GREW else "shrank" if ratio <= SHRANK else "same"


def _middle(band: Band) -> float:
    """Geometric middle of its edges; of ratios under the market shock."""
    unit = "ratio" if band["low_usd"] is None else "usd"
    return math.sqrt(float(band[f"low_{unit}"]) * float(band[f"high_{unit}"]))


def _size(row: Mapping[str, Any]) -> float:
    bands = [band for band in (row["before"], row["after"]) if band is not None]
    return max(float(band["collateral_at_risk_usd"]) for band in bands)
