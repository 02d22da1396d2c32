"""What the report says in whole sentences: headlines, what changed, what a scan is worth."""

from collections.abc import Sequence

from scanner.outputs.document import reasons
from scanner.outputs.site import figures
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.model import Change, Driver, Range, Row, Scan
from scanner.outputs.words import count, symbol

Pieces = Sequence[tuple[str, bool]]  # (text, bold)
FEW = 0.5  # of a range in six accounts: it is told who holds it, not over how many it is spread
LOW_CONFIDENCE = 5_000  # accounts
NOTEWORTHY = 0.01  # of a driver's collateral: what is worth less is not told first
_WORDS = ("no", "one", "two", "three", "four", "five", "six")
_NO_ENDPOINT = 4  # exit code of the scan
SIDES = {"long": ("▼", "falls"), "short": ("▲", "rises")}


def headline(driver: Driver, amounts: Amounts) -> str:
    """The page's one sentence: the nearest range below spot, or that none stands out."""
    name = symbol(driver.name)
    one = told_first(driver)
    if one is None:
        so_far = "" if amounts.complete else " in what was read"
        return f"No liquidation band stands out below {name} spot{so_far}"
    row = one.row
    usd = amounts.said(row["collateral_at_risk_usd"])
    low, high = figures.price(row["low_usd"]), figures.price(row["high_usd"])
    far = abs(row["distance"])
    start = f"{figures.size(far)} below {name} spot" if row["distance"] < -0.0005 else "at spot"
    if row["kind"] == "wall":
        return f"{usd} of one account’s collateral can be liquidated at {low}, {start}"
    where = f"at {low}, {start}" if low == high else f"between {low} and {high}, starting {start}"
    return f"{usd} of collateral can be liquidated {where}"


def told_first(driver: Driver) -> Range | None:
    """The nearest band below spot; where there is none the nearest wall."""
    below = [one for one in driver.ranges if one.row["side"] == "long"]
    below.sort(key=lambda one: (one.row["kind"] == "wall", abs(one.row["distance"])))
    return below[0] if below else None


def lead(driver: Driver, amounts: Amounts) -> Pieces:
    """The line under the headline: who holds it."""
    name = symbol(driver.name)
    one = told_first(driver)
    pieces: list[tuple[str, bool]]
    if one is None:
        at_risk = driver.row["at_risk"]
        pieces = [
            (
                f"{no_band(amounts, ' below')} That does not mean no risk: ",
                False,
            ),
            (amounts.usd(at_risk["long"]), True),
            (" still has a liquidation price below spot, ", False),
            (amounts.usd(at_risk["short"]), True),
            (" above.", False),
        ]
    else:
        there = "that price" if one.row["kind"] == "wall" else "those prices"
        rule = f" When {name} reaches {there}, lending protocols let anyone sell the collateral"
        pieces = [*_holders(one, amounts), (f"{rule} of these loans.", False)]
        pieces += _nearer(driver, one, amounts)
    if driver.row["borrowers"] < LOW_CONFIDENCE:
        pieces.append(
            (f" Low confidence: bands are unstable below {LOW_CONFIDENCE:,} accounts.", False)
        )
    return pieces


def no_band(amounts: Amounts, where: str = "") -> str:
    """Why nothing stands out."""
    so_far = "" if amounts.complete else " in what was read"
    return (
        f"No price range{where} holds enough more than its surroundings{so_far} to be a band, and"
        " no single account is large enough to be a wall."
    )


def _nearer(driver: Driver, told: Range, amounts: Amounts) -> list[tuple[str, bool]]:
    """A wall that the price would reach before the band of the headline."""
    row = driver.row["below"]
    if row is None or abs(row["distance"]) >= abs(told.row["distance"]):
        return []
    usd, far = amounts.usd(row["collateral_at_risk_usd"]), figures.move(row["distance"])
    return [(f" Before it comes a {_kind(row)} of {usd} at {_range(row)} ({far}).", False)]


def _holders(one: Range, amounts: Amounts) -> list[tuple[str, bool]]:
    row = one.row
    largest = figures.share(row["top_account_share"])
    if row["kind"] == "wall":
        usd = amounts.usd(row["debt_usd"])
        return [("One account", True), (f" is large enough to be a level; it owes {usd}.", False)]
    if row["accounts"] <= len(_WORDS) - 1:
        who = f"{_WORDS[row['accounts']].capitalize()} account{'s' * (row['accounts'] > 1)}"
        return [(who, True), (f" hold it; the largest holds {largest}.", False)]
    if one.top_six is not None and one.top_six > FEW:
        held = figures.share(one.top_six)
        return [
            (f"Six accounts hold {held}", True),
            (f" of it and the largest holds {largest}.", False),
        ]
    return [
        ("It is spread over ", False),
        (amounts.count(row["accounts"], "account"), True),
        (f"; the largest holds {largest}.", False),
    ]


def home_headline(drivers: Sequence[Driver], chain: str, amounts: Amounts) -> str:
    """The nearest range of all drivers that is worth the name, on either side."""
    nearest = nearest_range(drivers)
    if nearest is None:
        so_far = "" if amounts.complete else " in what was read"
        return f"No liquidation band stands out on {chain}{so_far}"
    driver, row = nearest
    usd = amounts.usd(row["collateral_at_risk_usd"])
    what = "wall" if row["kind"] == "wall" else "band"
    side = "below" if row["side"] == "long" else "above"
    return (
        f"The nearest liquidation {what} on {chain} is {symbol(driver.name)} {_range(row)}:"
        f" {usd}, {figures.size(row['distance'])} {side} spot"
    )


def home_lead(drivers: Sequence[Driver], amounts: Amounts) -> Pieces:
    """The line under the home page's headline."""
    if not drivers:
        return []
    shown = len(drivers)
    if shown == 1:
        text = "One price that loans follow, with a page of its own:"
    else:
        number = _WORDS[shown].capitalize() if shown < len(_WORDS) else f"{shown}"
        text = f"{number} prices that loans follow, each with a page of its own:"
    pieces = [
        (f"{text} where the collateral can be liquidated, who holds it, and how we know.", False)
    ]
    told = nearest_range(drivers)
    every = [(driver, one.row) for driver in drivers for one in driver.ranges]
    if told is not None:
        driver, row = min(every, key=lambda item: abs(item[1]["distance"]))
        if abs(row["distance"]) < abs(told[1]["distance"]):
            usd = amounts.usd(row["collateral_at_risk_usd"])
            where = f"{symbol(driver.name)} {_range(row)} ({figures.move(row['distance'])})"
            pieces.append((f" Nearer is a {_kind(row)} of {usd} at {where}.", False))
    return pieces


def nearest_range(drivers: Sequence[Driver]) -> tuple[Driver, Row] | None:
    """The driver and row whose near edge is closest to its spot; bands before walls, and what is
    worth 1 % of its driver's collateral before what is not."""
    found = [
        (
            one.row["kind"] == "wall",
            one.row["collateral_at_risk_usd"] < NOTEWORTHY * driver.row["collateral_usd"],
            abs(one.row["distance"]),
            k,
            driver,
            one.row,
        )
        for k, driver in enumerate(drivers)
        for one in driver.ranges
    ]
    if not found:
        return None
    *_, driver, row = min(found, key=lambda item: item[:4])
    return driver, row


def changed(change: Change | Row) -> str:
    """One change of a range, as the feed and the home page tell it."""
    row = change.row if isinstance(change, Change) else change
    before, after = row["before"], row["after"]
    side = "below" if row["side"] == "long" else "above"
    if row["change"] == "born":
        return f"New {_kind(after)} {side} spot at {_range(after)}: {_usd(after)}"
    if row["change"] == "dissolved":
        return f"The {_kind(before)} at {_range(before)} ({_usd(before)}) is gone"
    if row["change"] == "moved":
        way = "up" if after["low_usd"] > before["low_usd"] else "down"
        return (
            f"The {_kind(after)} at {_range(before)} moved {way} to {_range(after)}: {_usd(after)}"
        )
    verb = "grew" if row["change"] == "grew" else "shrank"
    return f"The {_kind(after)} at {_range(after)} {verb} from {_usd(before)} to {_usd(after)}"


def _kind(row: Row) -> str:
    return {"wall": "wall", "walls": "range of walls"}.get(row["kind"], "band")


def _range(row: Row) -> str:
    return figures.prices(row["low_usd"], row["high_usd"])


def _usd(row: Row) -> str:
    return figures.usd(row["collateral_at_risk_usd"])


def strip(scan: Scan, found: Sequence[Row]) -> dict[str, object]:
    """The strip at the top: its state, and what else must be known before the numbers.

    `found`: the document's rows of what is unknown.
    """
    summary, says = scan.summary, _says(scan)
    checked, differ = summary["checked"], summary["mismatches"]
    of = f"{checked:,} compared" if checked < summary["accounts"] else f"{summary['accounts']:,}"
    return {
        "state": "bad" if not scan.complete else "warn" if says else "ok",
        "found": figures.coverage(summary["lowest_coverage"]),
        "parity": f"{checked - differ:,} of {of}",
        "unknown": unknown_in_short(found, scan.complete),
        "unknown_at": "#unknown",
        "check_at": "#certificate",
        "says": says,
    }


def _says(scan: Scan) -> list[str]:
    """What must be known before the numbers, but for their age: a clock tells."""
    said = []
    if not scan.complete:
        first = reasons(scan.document)[0].rstrip(".")
        said.append(
            f"This scan is incomplete: {first}. Every amount here is a lower bound, marked ≥; bands"
            " may be wider, larger or more. There is no complete scan yet."
        )
    elif scan.newer is not None:
        said.append(
            f"The newest scan, block {scan.newer:,}, is incomplete; this page shows the last"
            " complete one."
        )
    if scan.failed is not None:
        why = ": no endpoint could be used" * (scan.failed == _NO_ENDPOINT)
        shows = " This page shows the last complete scan." * (not said)
        said.append(
            f"The last run of the scan did not finish (exit code {scan.failed}){why}.{shows}"
        )
    return [" ".join(said)] if said else []


def unknown_in_short(found: Sequence[Row], complete: bool) -> str:
    """
    >>> unknown_in_short([], True), unknown_in_short([{"accounts": 3, "debt_usd": None}], True)
    ('Nothing unknown', '3 accounts unknown')
    """
    if not found:
        return "Nothing unknown" if complete else "Unknown: what was not read"
    debts = [row["debt_usd"] for row in found]
    if None in debts:
        return count(sum(row["accounts"] for row in found), "account") + " unknown"
    return f"{Amounts(complete).usd(sum(debts))} of debt unknown"
