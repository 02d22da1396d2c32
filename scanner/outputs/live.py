"""What `bandscan watch` prints: a line for each change of a range."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from scanner.outputs import phrases, words
from scanner.outputs.document import plain

Row = Mapping[str, Any]

_WORD = {"born": "new", "dissolved": "gone", "grew": "larger", "shrank": "smaller"}


def json_line(row: Row) -> str:
    """JSON in one line, ASCII only."""
    return json.dumps(plain(row), allow_nan=False, separators=(",", ":"))


def text_line(row: Row) -> str:
    """When, which range, how much it holds and since then more, its accounts, what became of it.

    >>> band = {"kind": "band", "low_usd": 1781.09, "high_usd": 1862.02, "accounts": 40,
    ...         "collateral_at_risk_usd": 412.3e6, "large_accounts": 6, "top_account_share": 0.2}
    >>> print(text_line({"block": {"number": 25000123, "timestamp": 1764158591}, "driver": "ETH",
    ...                  "side": "long", "change": "grew", "collateral_change_usd": 103.1e6,
    ...                  "before": band, "after": band}))
    12:03:11 block 25000123  ETH long  $1,781.09-$1,862.02  at risk $412.3M (+$103.1M)  6 large accounts of 40  larger
    """  # noqa: E501
    before, after, block = row["before"], row["after"], row["block"]
    band = after or before
    name = f"{words.symbol(row['driver'])} {row['side']}"
    if band["kind"] != "band":
        name += f" {band['kind']}"
    usd = words.usd(band["collateral_at_risk_usd"])
    what = _WORD.get(row["change"], str(row["change"]))
    if row["change"] == "moved":
        what += f" from {phrases.band_range(before)}"
    held = f"at risk {usd}" if after else f"held {usd}"
    if before and after:
        held += f" ({words.change(row['collateral_change_usd'])})"
    when = f"{clock(block['timestamp'])} block {block['number']}"
    accounts = phrases.band_accounts(band)
    return "  ".join([when, name, phrases.band_range(band), held, accounts, what])


def clock(timestamp: object) -> str:
    """The time of day in UTC.

    >>> clock(1764158591), clock(1e300)
    ('12:03:11', 'n/a')
    """
    try:
        return f"{datetime.fromtimestamp(words.number(timestamp) or 0.0, UTC):%H:%M:%S}"
    except (OverflowError, OSError, ValueError):
        return words.MISSING


def failure(error: Exception, wait: float) -> str:
    """A pass that failed, in one line; the URLs in it are the caller's to hide.

    >>> failure(ValueError("odd"), 4)
    'pass failed: ValueError: odd; again in 4 s'
    """
    what = getattr(error, "what", None)
    if what is None:
        told = f"{type(error).__name__}: {error}"
    else:
        rows = [
            line.split(None, 1) for line in str(error).splitlines()[1:] if line.startswith("  ")
        ]
        told = "; ".join([what, *(" ".join(row) for row in rows if row[:1] != ["fix"])])
    return f"pass failed: {words.one_line(told)}; again in {wait:.0f} s"


def begun(document: Row) -> str:
    """The first scan of a watch, in one line."""
    block, bands = document["block"], len(document["bands"])
    return (
        f"watching from block {block['number']}: "
        f"{words.count(len(document['drivers']), 'driver')}, {words.count(bands, 'band')} and walls"
    )
