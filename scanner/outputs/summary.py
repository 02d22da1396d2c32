"""What `bandscan scan` prints: the answer and how it is known, readable in ten seconds."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from scanner.outputs import phrases, words
from scanner.outputs.callability import beside, not_callable
from scanner.outputs.document import Document, holds, where
from scanner.outputs.screen import Screen, flow

_BANDS_SHOWN = 3  # per driver and side
_DRIVERS_SHOWN = 6
_PROBLEMS_SHOWN = 5
# What a protocol calls its own verdict about an account.
_OWN_VIEW = {"aave_v3": "getUserAccountData", "spark": "getUserAccountData"}


def show_summary(screen: Screen, document: Document, chain: str) -> None:
    """Print the summary of a scan; `chain` is the chain's name."""
    show_headline(screen, document, chain)
    screen.print()
    _drivers(screen, document)
    screen.print()
    _totals(screen, document)
    _problems(screen, document)
    screen.print()
    _certificate(screen, document)


def show_headline(screen: Screen, document: Document, chain: str) -> None:
    """Chain, block, time, and first of all whether the scan is complete."""
    where_, worth = phrases.headline(document, chain)
    style = "bold green" if document["complete"] else "bold red"
    screen.print(Text.assemble((where_, "bold"), " · ", (worth, style)))
    if not document["complete"]:
        note = "Every amount below is a lower bound; more may be at risk than is shown."
        screen.print(Text(note, "red"))


def _drivers(screen: Screen, document: Document) -> None:
    names = phrases.drivers(document)
    with_bands = [n for n in names if any(band["driver"] == n for band in document["bands"])]
    # The largest driver is always told of, even where nothing stands out.
    told = list(dict.fromkeys([*names[:1], *with_bands]))
    for name in told[:_DRIVERS_SHOWN]:
        _driver(screen, document, name)
    if more := told[_DRIVERS_SHOWN:]:
        screen.print(f"More bands: {', '.join(map(words.symbol, more))} (bandscan bands DRIVER)")
    if silent := [words.symbol(name) for name in names if name not in told]:
        screen.print(f"{phrases.no_band(document).capitalize()}: {', '.join(silent)}")
    if not names:
        screen.print("No driver moves any position found." if document["complete"] else _NOTHING)


_NOTHING = "Nothing was read that a driver moves: this says nothing about the risk."


def _driver(screen: Screen, document: Document, name: str) -> None:
    shown = words.symbol(name)
    facts = next((row for row in document["drivers"] if row["driver"] == name), None)
    title = Text(shown, "bold")
    if facts:
        if facts["spot_usd"] is not None:
            title.append(f" at {words.price(facts['spot_usd'])}")
        borrowers = phrases.more(document) + words.count(facts["borrowers"], "borrower")
        collateral, debt = (
            phrases.at_least(document, facts[key]) for key in ("collateral_usd", "debt_usd")
        )
        title.append(f" · {borrowers} · {collateral} collateral · {debt} debt", "not bold")
        if told := beside(facts):
            title.append(f" · {told}", "not bold dim")
    screen.print(title)
    for side in ("long", "short"):
        bands = [b for b in document["bands"] if (b["driver"], b["side"]) == (name, side)]
        bands.sort(key=lambda band: -(band["collateral_at_risk_usd"] or 0.0))
        total = phrases.at_risk_total(document, name, side)
        mass = f"{phrases.at_least(document, total)} at risk at all prices {phrases.BEYOND[side]}"
        found = "" if bands else f"{phrases.no_band(document)}; "
        screen.print(f"  if {shown} {phrases.VERB[side]}: {found}{mass}")
        rows = [_band(document, band, shown) for band in bands[:_BANDS_SHOWN]]
        if rows:
            flow(screen, rows, indent=4)
        if len(bands) > _BANDS_SHOWN:
            screen.print(f"    and {len(bands) - _BANDS_SHOWN} more: bandscan bands {shown}")


def _band(document: Document, band: Mapping[str, Any], driver: str) -> list[Text | str]:
    present = phrases.spot(document, band["driver"])
    of = f" from {words.price(present)}" if present is not None else ""
    risk = phrases.at_least(document, band["collateral_at_risk_usd"])
    strength, barred = phrases.band_strength(band), not_callable(band)
    return [
        Text(f"{driver} {phrases.band_range(band)}", "bold"),
        f"{risk} at risk ({phrases.band_tokens(band)})"
        + (f", {words.usd(barred)} of it not callable at present" if barred else ""),
        phrases.band_accounts(band),
        phrases.distances(band, present) + of,
        Text(strength, "bold yellow" if band["quality"] == "strong" else ""),
    ]


def _totals(screen: Screen, document: Document) -> None:
    markets = document["markets"]
    borrowers = words.count(sum(row["borrowers"] for row in markets), "borrower")
    found = phrases.more(document) + borrowers
    screen.print(f"{found} in {words.count(len(markets), 'market')}")
    now = document["already_liquidatable"]
    if now["positions"]:
        bad, barred = now["bad_debt_usd"], not_callable(now)
        screen.print(
            f"Already liquidatable: {words.count(now['positions'], 'position')},"
            f" {phrases.at_least(document, now['collateral_usd'])} collateral,"
            f" {phrases.at_least(document, now['debt_usd'])} debt"
            + (f", {phrases.at_least(document, bad)} of it bad debt" if bad else "")
            + (f"; {words.usd(barred)} of the collateral cannot be called" if barred else "")
        )
    else:
        screen.print("Already liquidatable: none" + phrases.so_far(document))
    for row in document["unknown"]:
        debt = (
            "debt without a price"
            if row["debt_usd"] is None
            else f"{words.usd(row['debt_usd'])} debt"
        )
        screen.print(
            Text(
                f"Unknown: {words.count(row['accounts'], 'account')} of {where(row)},"
                f" {debt}: {words.one_line(str(row['why']))}",
                "yellow",
            )
        )
    if not document["unknown"]:
        screen.print(
            "Nothing unknown" if document["complete"] else "Unknown: whatever was not read"
        )


def _problems(screen: Screen, document: Document) -> None:
    # fatal ones first; the sort keeps the document's order otherwise
    problems = sorted(document["problems"], key=lambda problem: not problem["fatal"])
    for problem in problems[:_PROBLEMS_SHOWN]:
        message = words.one_line(str(problem["message"]))
        screen.print(
            Text(f"Problem ({where(problem)}): {message}", "red" if problem["fatal"] else "yellow")
        )
    if len(problems) > _PROBLEMS_SHOWN:
        screen.print(f"and {len(problems) - _PROBLEMS_SHOWN} more problems (--json has them)")


def _certificate(screen: Screen, document: Document) -> None:
    for label, (text, good) in (
        ("coverage", _coverage(document)),
        ("parity", _parity(document)),
    ):
        screen.print(Text.assemble((f"{label:<10}", "dim"), (text, "" if good else "red")))
    block_hash = words.one_line(str(document["block"]["hash"]))
    if 10 + len(block_hash) > screen.width:
        block_hash = words.short_hex(block_hash, 18, 16)
    screen.print(Text.assemble((f"{'block':<10}", "dim"), block_hash))


def _coverage(document: Document) -> tuple[str, bool]:
    rows = document["certificate"]
    if not rows:
        return "no reserve was reconciled with the protocol's totals", False
    exact = [row for row in rows if row["identity"] == "exact"]
    bounded = [row for row in rows if row["identity"] != "exact"]
    missing = [row for row in rows if not holds(row)]
    parts = []
    for kind, word in ((exact, "exact"), (bounded, "within their bound")):
        if kind:
            good = sum(holds(row) for row in kind)
            parts.append(f"{good:,} of {words.count(len(kind), 'reserve')} {word}")
    text = ", ".join(parts)
    if missing:
        named = [f"{words.symbol(r['symbol'])} {words.coverage(r['coverage'])}" for r in missing]
        more = f" and {len(named) - 4} more" if len(named) > 4 else ""
        return f"{text}; debt found: {', '.join(named[:4])}{more}", False
    if not document["complete"]:
        return f"{text} among what was read", True
    return f"{text}: every borrower found", True


def _parity(document: Document) -> tuple[str, bool]:
    rows = document["parity"]
    checked = sum(row["checked"] for row in rows)
    accounts = sum(row["accounts"] for row in rows)
    if not checked:
        return f"none of {words.count(accounts, 'account')} checked", accounts == 0
    views = {_OWN_VIEW.get(row["protocol"], "the protocol's own view") for row in rows}
    against = views.pop() if len(views) == 1 else "the protocols' own views"
    worst = max(row["max_rel_error"] or 0.0 for row in rows)
    text = (
        f"{checked:,} of {words.count(accounts, 'account')} checked against {against},"
        f" largest error {worst:.2g}"
    )
    mismatches = sum(row["mismatches"] for row in rows)
    if mismatches:
        verb = "differs" if mismatches == 1 else "differ"
        text += f", {words.count(mismatches, 'account')} {verb}"
    return text, mismatches == 0
