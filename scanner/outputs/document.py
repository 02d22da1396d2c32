"""JSON out, and what a scan's document says of itself: its certificate in short, its reasons."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outputs.words import count, coverage, one_line, symbol

Document = Mapping[str, Any]


def encode(value: object) -> bytes:
    r"""JSON with what JSON knows: NaN and infinities are null, bytes are hex.

    ASCII only, so that no symbol from a chain can steer the terminal that shows it.

    >>> encode({"health_factor": float("inf"), "symbol": "a\x9b"})
    b'{\n  "health_factor": null,\n  "symbol": "a\\u009b"\n}\n'
    """
    import msgspec  # here, because nobody who asks for help needs it

    # Python's encoder is slow when it indents, so it writes one line and another hand breaks it.
    # A scan's document mostly has JSON's own types already: it is walked only where it has others.
    try:
        line = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        line = json.dumps(plain(value), allow_nan=False)
    return msgspec.json.format(line.encode(), indent=2) + b"\n"


def plain(value: Any) -> Any:
    """`value` with JSON's own types only; numpy scalars and arrays become numbers and lists."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, float):  # numpy's float64 is one
        return float(value) if math.isfinite(value) else None
    if kind is dict or isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str | int):
        return value
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def certificate_summary(document: Document) -> dict[str, Any]:
    """The certificate in a few numbers.

    `reserves` counts every reconciled total, `exact` those whose integers are equal, `approximate`
    those inside their stated bound, `lowest_coverage` is the worst of all (null without any).
    """
    rows = document["certificate"]
    parity = document["parity"]
    good = [row for row in rows if holds(row)]
    # a coverage is null where the protocol owes nothing and something was found
    covered = [row["coverage"] for row in rows if row["coverage"] is not None]
    errors = [row["max_rel_error"] for row in parity if row["max_rel_error"] is not None]
    return {
        "reserves": len(rows),
        "exact": sum(row["identity"] == "exact" for row in good),
        "approximate": sum(row["identity"] != "exact" for row in good),
        "lowest_coverage": min(covered, default=None),
        "accounts": sum(row["accounts"] for row in parity),
        "checked": sum(row["checked"] for row in parity),
        "mismatches": sum(row["mismatches"] for row in parity),
        "max_rel_error": max(errors, default=None),
        "unknown": len(document["unknown"]),
        "problems": len(document["problems"]),
    }


def holds(row: Mapping[str, Any]) -> bool:
    """Whether a certificate row's identity holds: equal integers, or within the stated bound.

    >>> holds({"identity": "exact", "debt_found": "4810", "debt_total": "4810"})
    True
    >>> holds({"identity": "approximate", "debt_found": "99", "debt_total": "100", "bound": 0.02})
    True
    """
    found, total = int(row["debt_found"]), int(row["debt_total"])
    if row["identity"] == "exact":
        return found == total
    return bool(abs(found - total) <= row["bound"] * total)


def reasons(document: Document) -> list[str]:
    """Why the scan is incomplete, the gravest first; empty for a complete one."""
    if document["complete"]:
        return []
    found = [
        one_line(str(problem["message"]))
        for problem in document["problems"]
        if problem["fatal"] and problem["kind"] not in _TOLD_BY_ROWS
    ]
    found += [
        f"{coverage(row['coverage'])} of the {symbol(row['symbol'])} debt found in {where(row)}"
        for row in document["certificate"]
        if not holds(row)
    ]
    found += [
        f"{count(row['mismatches'], 'account')} of {where(row)}"
        f" {'differs' if row['mismatches'] == 1 else 'differ'} from the protocol's own view"
        for row in document["parity"]
        if row["mismatches"]
    ]
    return found or ["the scan stopped before it could say what is missing"]


# Problems that the certificate's own rows tell better.
_TOLD_BY_ROWS = frozenset({"debt_missing", "parity_mismatch"})


def where(row: Mapping[str, Any]) -> str:
    """Protocol and market of a row, as far as it names them.

    >>> where({"protocol": "aave_v3", "market": "core"}), where({"protocol": None})
    ('aave_v3 core', 'the scan')
    """
    names: Sequence[str] = [
        one_line(str(row[key])) for key in ("protocol", "market") if row.get(key)
    ]
    return " ".join(names) or "the scan"
