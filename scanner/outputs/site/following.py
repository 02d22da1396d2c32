"""What the report says of the sources of drivers: who told what each token follows."""

from collections.abc import Mapping
from typing import Any

from scanner.outputs.words import count, symbol

_NAMED = 6  # tokens that are named before the rest is counted
_SOURCES = {
    "adapter": "by their price adapters’ getters",
    "deployment": "by the deployments file",
    "own": "by nothing but their own price",
    "par": "at par",
    "symbol": "by symbol",
    "table": "by the shipped table",
}


def sources(document: Mapping[str, Any]) -> str:
    """One or two sentences; "" where the scan has no tokens.

    >>> row = {"driver": "ETH", "sensitivity": 1.0, "roots": []}
    >>> told = [{**row, "symbol": "WETH", "driver_source": "probe"}]
    >>> told += [{**row, "symbol": "LP", "driver_source": "probe", "sensitivity": 0.5}]
    >>> sources({"tokens": [*told, {**row, "symbol": "FOO", "driver_source": "symbol"}]})
    'Of 3 tokens, 2 follow what their oracles were seen to follow; by symbol: FOO. Not one for one: LP follows ETH by 0.5.'
    """  # noqa: E501 - one line in the report
    rows = document["tokens"]
    if not rows:
        return ""
    probed = sum(row["driver_source"] == "probe" for row in rows)
    verb = "follows what its oracle was" if probed == 1 else "follow what their oracles were"
    parts = [f"Of {count(len(rows), 'token')}, {probed:,} {verb} seen to follow"]
    for source, text in _SOURCES.items():
        names = sorted({symbol(r["symbol"]) for r in rows if r["driver_source"] == source})
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            parts.append(f"{text}: {', '.join(names[:_NAMED])}{more}")
    apart = sorted(
        f"{symbol(row['symbol'])} follows {symbol(row['driver'])} by {row['sensitivity']:.6g}"
        for row in rows
        if row["driver"] and row["sensitivity"] != 1
    )
    more = f" and {len(apart) - _NAMED} more" if len(apart) > _NAMED else ""
    said = f" Not one for one: {'; '.join(apart[:_NAMED])}{more}." if apart else ""
    return "; ".join(parts) + "." + said
