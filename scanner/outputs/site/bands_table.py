"""The bands of a driver's page as rows of a table, and the largest accounts of each."""

import re
from collections.abc import Mapping
from typing import Any

from scanner.outputs.callability import not_callable, why
from scanner.outputs.site import figures, ladder, names, sentences, strokes
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.model import Driver, Movers, Range, Row, Scan
from scanner.outputs.words import count, short_hex, symbol

# Rows of the table, and how many of them with their accounts; the files have all. A page that would
# be too heavy takes the next pair.
TRIMS = ((ladder.DRAWN, 6), (12, 4), (9, 3), (6, 1))
Context = dict[str, Any]


def anchor(row: Row) -> str:
    """Letters change between scans, prices tell.

    >>> anchor({"low_usd": 1781.09, "high_usd": 1862.02})
    'band-1781-1862'
    """
    ends = [f"{end:.0f}" if end >= 1000 else f"{end:.4g}" for end in ladder.ends(row)]
    return f"band-{'-'.join(dict.fromkeys(re.sub(r'[^0-9.e-]', '', end) for end in ends))}"


def anchors(driver: Driver) -> dict[str, str]:
    """By letter; where two walls stand at one price the second has a number."""
    found: dict[str, str] = {}
    for one in driver.ranges:
        name = base = anchor(one.row)
        number = 2
        while name in found.values():
            name, number = f"{base}-n{number}", number + 1
        found[one.letter] = name
    return found


def bands(
    scan: Scan, driver: Driver, slots: Mapping[str, int], amounts: Amounts, trim: int
) -> Context:
    """The table's rows and what stands around it; `trim`: which of TRIMS."""
    shown, opened = TRIMS[trim]
    ids = anchors(driver)
    rows = [
        {"anchor": ids[one.letter], **_row(scan, driver, one, slots, amounts)}
        for one in driver.ranges[:shown]
    ]
    for row in rows[opened:]:
        row["members"] = []
    left = len(driver.ranges) - len(rows)
    at_risk = driver.row["at_risk"]
    return {
        "bands": rows,
        "past": driver.heat is not None,
        "bands_left": f"{left} smaller ones are in the files below." if left else "",
        "no_band": f"No liquidation band stands out for {symbol(driver.name)}"
        f"{'' if amounts.complete else ' in what was read'}. {sentences.no_band(amounts)} That does"
        " not mean no risk:"
        f" {amounts.usd(at_risk['long'])} still has a liquidation price below spot,"
        f" {amounts.usd(at_risk['short'])} above.",
    }


def _row(
    scan: Scan, driver: Driver, one: Range, slots: Mapping[str, int], amounts: Amounts
) -> Context:
    row = one.row
    triangle, verb = sentences.SIDES[row["side"]]
    prices = figures.prices(row["low_usd"], row["high_usd"])
    far = row["low_usd"] if row["side"] == "long" else row["high_usd"]
    wall, barred = row["kind"] == "wall", not_callable(row)
    return {
        "letter": one.letter,
        "range": prices,
        "low": row["low_usd"],
        "side": f"{triangle} if {symbol(driver.name)} {verb}",
        "kind": _kind(row),
        "starts": figures.move(row["distance"]),
        "ends": "" if wall else f"ends {figures.move(far / driver.spot - 1)}",
        "distance": row["distance"],
        "usd": amounts.usd(row["collateral_at_risk_usd"]),
        "amount": row["collateral_at_risk_usd"],
        "strength": "–" if row.get("strength") is None else figures.fixed(row["strength"], 2),
        "strength_value": row.get("strength"),
        "tokens": _tokens(row, amounts),
        "seizable": amounts.usd(row["seizable_usd"]),
        "seizable_usd": row["seizable_usd"],
        "barred": f"{amounts.usd(barred)} not callable" if barred else "",
        "debt": amounts.usd(row["debt_usd"]),
        "debt_usd": row["debt_usd"],
        "accounts": "1" if wall else amounts.count(row["accounts"]),
        "account_count": row["accounts"],
        "like": "" if wall else f"acts like {figures.fixed(row['effective_accounts'], 0)}",
        "largest": figures.share(row["top_account_share"]),
        "top_share": row["top_account_share"],
        "top_six": f"top six {figures.share(one.top_six)}"
        if one.top_six is not None and row["accounts"] > 6
        else "",
        **_mostly(row, slots),
        "day": figures.move(row["collateral_at_risk_usd"] / one.day_ago - 1)
        if one.day_ago
        else "new" * (driver.spot_day_ago is not None),
        "day_change": row["collateral_at_risk_usd"] / one.day_ago - 1 if one.day_ago else 0,
        "spark": strokes.spark(one.past, driver.heat.start, driver.heat.end) if driver.heat else "",
        "spark_alt": _past(one),
        "title": f"Wall {one.letter}: its positions"
        if wall
        else f"Band {one.letter}: what moved, and the largest positions",
        "shown": f"{len(one.accounts)}"
        if len(one.accounts) == row["positions"]
        else f"{len(one.accounts)} of {amounts.count(row['positions'])}",
        "told": _told(one),
        "members": [_member(scan, account, amounts) for account in one.accounts],
    }


def _told(one: Range) -> list[str]:
    """What moved: the last change of the whole range, and whose doing the newest is."""
    told = []
    if one.changed:
        told.append(f"{figures.day(one.changed[0])}: {_lower(sentences.changed(one.changed[1]))}.")
    if one.movers:
        wall = one.row["kind"] == "wall"
        found = ([] if wall else [_came_and_left(one.movers)]) + _largest(one.movers)
        if found:
            told.append(f"Since {figures.moment(one.movers.since)}: {' '.join(found)}")
    return told


def _came_and_left(movers: Movers) -> str:
    (came, came_usd), (left, left_usd) = movers.came, movers.left
    parts = []
    if came:
        parts.append(f"{count(came, 'account')} came in ({figures.usd(came_usd)})")
    if left:
        parts.append(f"{count(left, 'account')} left ({figures.usd(left_usd)})")
    return f"{', '.join(parts) or 'no account came in or left'}."


def _largest(movers: Movers) -> list[str]:
    """What the account with the largest change did, as far as two scans can tell."""
    row = movers.largest
    if row is None:
        return []
    who, usd = short_hex(str(row["account"])), figures.usd(abs(row["change_usd"]))
    before, after = (
        figures.price(side["liquidation_price_usd"]) if side else None
        for side in (row["before"], row["after"])
    )
    if before is None:
        return [
            f"The largest change is {who}, {usd}: it had no liquidation price on this side before."
        ]
    if after is None:
        return [f"The largest change is {who}, {usd}: its liquidation price on this side is gone."]
    if before == after:
        more = "more" if row["change_usd"] > 0 else "less"
        return [f"The largest change is {who}, {usd} {more} at {after}."]
    return [
        f"The largest change is {who}, {usd}: its liquidation price went from {before} to {after}."
    ]


def _kind(row: Row) -> str:
    if row["kind"] == "wall":
        return "one account"
    if row["kind"] == "walls":
        return f"{row['large_accounts']} large accounts"
    if not row["normal_usd"]:
        return "band"
    times = row["collateral_at_risk_usd"] / row["normal_usd"]
    return f"{figures.fixed(times, 0 if times >= 9.95 else 1)}× normal"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _tokens(row: Row, amounts: Amounts) -> str:
    held = row["collateral_tokens"]
    if not held:
        return ""
    return f"{amounts.tokens(held[0]['amount'])} {symbol(held[0]['symbol'])}" + (
        f" + {len(held) - 1} more" if len(held) > 1 else ""
    )


def _mostly(row: Row, slots: Mapping[str, int]) -> Context:
    split = row["by_protocol"]
    total = sum(split.values())
    most = max(split, key=lambda name: (split[name], name), default=None)
    tokens = row["collateral_tokens"]
    worth = sum(token["usd"] for token in tokens)
    by_slot: dict[int, float] = {}
    for name, usd in split.items():
        slot = slots.get(name, names.SLOTS - 1)
        by_slot[slot] = by_slot.get(slot, 0.0) + usd
    return {
        "protocol": f"{names.protocol(most)} {figures.share(split[most] / total)}"
        if most and total
        else "",
        "token": f"{symbol(tokens[0]['symbol'])} {figures.share(tokens[0]['usd'] / worth)}"
        if worth
        else "",
        "mix": strokes.mix(by_slot) if len(by_slot) > 1 else [],
    }


def _past(one: Range) -> str:
    if len(one.past) < 2:
        return ""
    (_, first), (_, last) = one.past[0], one.past[-1]
    return f"from {figures.usd(first)} to {figures.usd(last)}"


def _member(scan: Scan, row: Row, amounts: Amounts) -> Context:
    account = str(row["account"])
    return {
        "account": account,
        "short": short_hex(account),
        "url": names.account_url(scan.document["chain_id"], account),
        "where": f"{names.protocol(row['protocol'])} {symbol(row['market'])} ·"
        f" {symbol(row['largest_collateral'])}",
        "price": figures.price(row["liquidation_price_usd"]),
        "health": figures.health_factor(row["health_factor"]),
        "usd": amounts.usd(row["collateral_at_risk_usd"]),
        "share": figures.finer_share(row["share"]),
        "debt": amounts.usd(row["debt_usd"]),
        "seizable": amounts.usd(row["seizable_usd"])
        if row.get("callable", True)
        else f"not callable: {why(row)}",
    }
