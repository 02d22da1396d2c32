"""What a scan says about a band, a driver or a block, in words; shared by summary and tables."""

from collections.abc import Mapping
from typing import Any

from scanner.outputs import words
from scanner.outputs.document import Document, reasons

Band = Mapping[str, Any]
VERB = {"long": "falls", "short": "rises"}
BEYOND = {"long": "below", "short": "above"}  # spot


def headline(document: Document, chain: str) -> tuple[str, str]:
    """Chain, block and time, and then, apart since it is coloured, what the scan is worth."""
    block = document["block"]
    where = f"{words.symbol(chain)} · block {block['number']:,} · {words.utc(block['timestamp'])}"
    if document["complete"]:
        return where, "complete"
    why = reasons(document)
    more = f" (and {words.count(len(why) - 1, 'more reason')})" if len(why) > 1 else ""
    return where, f"INCOMPLETE: {why[0]}{more}"


def drivers(document: Document) -> list[str]:
    """Every driver (or shocked token) of the scan, the one with most collateral first."""
    listed = sorted(
        document["drivers"], key=lambda row: (-(row["collateral_usd"] or 0.0), row["driver"])
    )
    others = {row["driver"] for key in ("bands", "ticks") for row in document[key]}
    return list(dict.fromkeys([*(row["driver"] for row in listed), *sorted(others)]))


def spot(document: Document, driver: str) -> float | None:
    """The driver's present price; None where it has none (the `market` shock)."""
    for row in document["drivers"]:
        if row["driver"] == driver:
            return words.number(row["spot_usd"])
    return None


def band_range(band: Band) -> str:
    """Where the band lies: prices, or times present prices under the `market` shock."""
    if band["low_usd"] is None:
        return words.ratio_range(band.get("low_ratio"), band.get("high_ratio"))
    return words.price_range(band["low_usd"], band["high_usd"])


def level(row: Mapping[str, Any]) -> str:
    """A position's liquidation price; times present prices under the `market` shock."""
    usd = words.number(row["liquidation_price_usd"])
    ratio = words.number(row["liquidation_ratio"])
    return words.ratio_range(ratio, ratio) if usd is None else words.price(usd)


def distances(band: Band, present: float | None) -> str:
    """From the edge that is met first to the far one."""
    if band["low_usd"] is None:
        edges = [words.number(band.get(key)) for key in ("low_ratio", "high_ratio")]
        present = 1.0
    else:
        edges = [words.number(band[key]) for key in ("low_usd", "high_usd")]
    if present is None or None in edges:
        return words.percent(band["distance"])
    moves = sorted((edge / present - 1 for edge in edges if edge is not None), key=abs)
    ends = [words.percent(move) for move in moves]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def band_tokens(band: Band) -> str:
    """The collateral worth most, in tokens, and how many others there are."""
    held = band["collateral_tokens"]
    if not held:
        return words.MISSING
    first = held[0]
    others = f" + {words.count(len(held) - 1, 'other')}" if len(held) > 1 else ""
    return f"{words.tokens(first['amount'])} {words.symbol(first['symbol'])}{others}"


def band_accounts(band: Band) -> str:
    """How many accounts share it, and how unequally."""
    accounts = words.count(band["accounts"], "account")
    large = band.get("large_accounts") or 0
    if 0 < large < band["accounts"]:
        return f"{words.count(large, 'large account')} of {band['accounts']:,}"
    if large:
        return words.count(large, "large account")
    return f"{accounts}, largest {words.share(band['top_account_share'])}"


def band_strength(band: Band) -> str:
    """Significance for bands; walls are facts and carry none."""
    if band["kind"] == "wall":
        return "wall: one account"
    if band["kind"] == "walls":
        return "walls: single accounts in a row"
    return f"{band['quality'] or 'band'}: {above_normal(band)}"


def above_normal(band: Band) -> str:
    """How many times what its surroundings would put there."""
    normal = words.number(band["normal_usd"])
    amount = words.number(band["collateral_at_risk_usd"])
    if normal is None or amount is None:
        return words.MISSING
    return f"{words.times(amount / normal)} normal" if normal > 0 else "normal there is $0"


def at_risk_total(document: Document, driver: str, side: str) -> float | None:
    """All collateral at risk on one side, summed over the scan's ticks."""
    found = [
        words.number(row["collateral_at_risk_usd"])
        for row in document["ticks"]
        if row["driver"] == driver and row["side"] == side
    ]
    return None if None in found else sum(x for x in found if x is not None)


def at_least(document: Document, amount: object) -> str:
    """An amount; of an incomplete scan it is at least so much."""
    shown = words.usd(amount)
    return shown if shown == words.MISSING else more(document) + shown


def more(document: Document) -> str:
    """What stands before a number that can only grow."""
    return "" if document["complete"] else "≥"


def no_band(document: Document) -> str:
    """Never "no risk"."""
    return "no band stands out" if document["complete"] else "no band found in what was read"


def so_far(document: Document) -> str:
    """What is added to "none": of an incomplete scan it says nothing about the rest."""
    return "" if document["complete"] else " found in what was read"
