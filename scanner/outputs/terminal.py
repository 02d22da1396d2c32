"""What the reading commands print: bands, ticks and positions of a driver, and one account."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import phrases, words
from scanner.outputs.callability import beside, none_callable, not_callable, why
from scanner.outputs.document import Document, where
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]
_BAR = 24  # characters of the longest bar


def show_bands(
    screen: Screen,
    document: Document,
    driver: str,
    bands: Sequence[Row],
    numbers: Sequence[int],
    *,
    wide: bool,
) -> None:
    """A row per band or wall, in the document's order, with the number `--band` knows it by."""
    _title(screen, document, driver)
    if not bands:
        _nothing(screen, document, driver, phrases.no_band(document))
        return
    show_table(
        screen,
        [
            Column("#", [str(number) for number in numbers]),
            Column("kind", [band["kind"] for band in bands], right=False),
            Column("side", [band["side"] for band in bands], right=False, rank=8),
            Column("range", [Text(phrases.band_range(band), "bold") for band in bands]),
            Column("at risk", [words.usd(band["collateral_at_risk_usd"]) for band in bands]),
            Column("tokens", [phrases.band_tokens(band) for band in bands], rank=5),
            Column("normal", [_normal(band) for band in bands], rank=3),
            Column("E", [_chance(band) for band in bands], rank=6, right=False),
            Column("accounts", [f"{band['accounts']:,}" for band in bands], rank=2),
            Column("largest", [words.share(b["top_account_share"]) for b in bands], rank=4),
            Column(
                "distance",
                [phrases.distances(b, phrases.spot(document, b["driver"])) for b in bands],
                rank=1,
            ),
            Column("strength", [words.strength(band.get("strength")) for band in bands], rank=10),
            Column("debt", [words.usd(band["debt_usd"]) for band in bands], rank=9),
            Column("seizable", [words.usd(band["seizable_usd"]) for band in bands], rank=7),
            *barred_column(bands),
        ],
        wide=wide,
    )


def barred_column(rows: Sequence[Row]) -> list[Column]:
    """The dollars at risk that nobody can call, where any row has some."""
    if not none_callable(rows):
        return []
    cells = [words.usd(not_callable(row)) if not_callable(row) else "-" for row in rows]
    return [Column("not callable", cells, rank=1)]


def show_ticks(
    screen: Screen, document: Document, driver: str, ticks: Sequence[Row], *, wide: bool, of: int
) -> None:
    """A ladder: the highest price on top, spot where it belongs, a bar per tick.

    `of`: how many ticks there are, shown or not.
    """
    _title(screen, document, driver)
    if not ticks:
        _nothing(screen, document, driver, "no collateral at risk in this range")
        return
    present = phrases.spot(document, driver)
    rows = sorted(ticks, key=lambda row: (-row["tick"], row["side"]))
    most = max((words.number(row["collateral_at_risk_usd"]) or 0.0 for row in rows), default=0.0)
    # Rows are ordered from high to low, so spot goes above the first tick that lies below it.
    at = next((i for i, row in enumerate(rows) if present and _middle(row) < present), len(rows))
    cells: dict[str, list[str | Text]] = {
        "price": [phrases.band_range(row) for row in rows],
        "side": [row["side"] for row in rows],
        "at risk": [words.usd(row["collateral_at_risk_usd"]) for row in rows],
        "": [_bar(row["collateral_at_risk_usd"], most) for row in rows],
        "strength": [words.strength(row.get("strength")) for row in rows],
        "debt": [words.usd(row["debt_usd"]) for row in rows],
        "positions": [f"{row['positions']:,}" for row in rows],
    }
    if present is not None:
        for head, column in cells.items():
            column.insert(
                at, Text(f"spot {words.price(present)}" if head == "price" else "", "bold")
            )
    ranks = {"side": 2, "debt": 3, "positions": 1, "strength": 4}
    show_table(
        screen,
        [
            Column(head, column, right=head not in ("side", ""), rank=ranks.get(head, 0))
            for head, column in cells.items()
        ],
        wide=wide,
    )
    step = (document["tick_ratio"] - 1) * 100
    hidden = f"; {words.count(of - len(rows), 'tick')} further away: --from, --to" * (
        of > len(rows)
    )
    screen.print(Text(f"one tick is {step:.3g} % of price{hidden}", "dim"))


def show_positions(
    screen: Screen,
    document: Document,
    driver: str,
    rows: Sequence[Row],
    *,
    wide: bool,
    of: int,
    already: int,
) -> None:
    """A row per position, of `of` that match; `already` are liquidatable now and no part of it."""
    _title(screen, document, driver)
    if already:
        note = f"{words.count(already, 'position')} already liquidatable, not in this list"
        screen.print(Text(note, "bold yellow"))
    if not rows:
        _nothing(screen, document, driver, "no position matches")
        return

    def dollars(name: str) -> list[str]:
        return [words.usd(row[name]) for row in rows]

    show_table(
        screen,
        [
            Column("account", [_address(row["account"], wide) for row in rows], right=False),
            Column("market", [where(row) for row in rows], right=False, rank=7),
            Column("side", [row["side"] for row in rows], right=False, rank=6),
            Column(
                "price",
                [Text(phrases.level(row), "bold") for row in rows],
            ),
            Column("distance", [words.percent(row["distance"]) for row in rows], rank=1),
            Column("health", [words.health_factor(row["health_factor"]) for row in rows], rank=3),
            Column("collateral", dollars("collateral_usd"), rank=5),
            Column("debt", dollars("debt_usd"), rank=2),
            Column("at risk", dollars("collateral_at_risk_usd")),
            Column("seizable", dollars("seizable_usd"), rank=4),
            Column("callable", [_callable(row) for row in rows], right=False, rank=8),
        ],
        wide=wide,
    )
    if of > len(rows):
        screen.print(Text(f"{len(rows):,} of {of:,} positions: --limit shows more", "dim"))


def show_account(
    screen: Screen,
    document: Document,
    address: str,
    positions: Sequence[Row],
    legs: Sequence[Row],
    *,
    wide: bool,
) -> None:
    """Per market the account's legs, its health factor, and what each driver would do to it."""
    if not positions:
        markets = ", ".join(map(where, document["markets"])) or "no market"
        found = "owes nothing" if document["complete"] else "was not found"
        screen.print(f"{address} {found} in what was scanned: {markets}.")
        if lost := sum(row["accounts"] for row in document["unknown"]):
            unknown = words.count(lost, "account is", "accounts are")
            screen.print(f"But {unknown} unknown, and this may be one of them.")
        return
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in positions:
        groups.setdefault((row["protocol"], row["market"], row["account"]), []).append(row)
    for (protocol, market, account), rows in groups.items():
        first = rows[0]
        screen.print()
        screen.print(
            Text.assemble(
                (where(first), "bold"),
                f" · {account}",
                f" · health factor {words.health_factor(first['health_factor'])}",
                f" · {words.usd(first['collateral_usd'])} collateral",
                f" · {words.usd(first['debt_usd'])} debt",
            )
        )
        if first["owner"] != account:
            screen.print(f"  owner {words.one_line(first['owner'])}")
        # an account that is liquidatable already is so whatever the driver
        for row in rows[:1] if first["already_liquidatable"] else rows:
            screen.print(Text("  ").append_text(_fate(document, row)))
        own = (protocol, market, account)
        screen.print()
        _legs(
            screen,
            [leg for leg in legs if (leg["protocol"], leg["market"], leg["account"]) == own],
            wide=wide,
        )


def _callable(row: Row) -> str:
    return "yes" if row["callable"] else f"no: {why(row)}"


def _title(screen: Screen, document: Document, driver: str) -> None:
    present = phrases.spot(document, driver)
    at = "" if present is None else f" at {words.price(present)}"
    screen.print(
        Text.assemble((words.symbol(driver) + at, "bold"), (_beside(document, driver), "dim"))
    )
    screen.print()


def _beside(document: Document, driver: str) -> str:
    """How old the feed is, how far from its pool, as far as the scan tells."""
    told = "".join(beside(row) for row in document["drivers"] if row["driver"] == driver)
    return f" · {told}" if told else ""


def _nothing(screen: Screen, document: Document, driver: str, text: str) -> None:
    """An empty answer, and beside it what is at risk all the same."""
    masses = " and ".join(
        f"{phrases.at_least(document, phrases.at_risk_total(document, driver, side))} {place}"
        for side, place in phrases.BEYOND.items()
    )
    screen.print(f"{text[:1].upper()}{text[1:]}; at risk at all prices: {masses}.")


def _legs(screen: Screen, legs: Sequence[Row], *, wide: bool) -> None:
    show_table(
        screen,
        [
            Column("kind", [leg["kind"].replace("_", " ") for leg in legs], right=False),
            Column("symbol", [words.symbol(leg["symbol"]) for leg in legs], right=False),
            Column("token", [_address(leg["token"], wide) for leg in legs], right=False, rank=5),
            Column("amount", [words.tokens(leg["amount"]) for leg in legs]),
            Column("price", [words.price(leg["price_usd"]) for leg in legs], rank=3),
            Column("value", [words.usd(leg["value_usd"]) for leg in legs]),
            Column("weight", [_weight(leg) for leg in legs], rank=2),
            Column("counted", ["yes" if leg["counted"] else "no" for leg in legs], rank=1),
            Column(
                "follows",
                [words.symbol(leg["driver"]) if leg["driver"] else "no driver" for leg in legs],
                right=False,
                rank=4,
            ),
        ],
        wide=wide,
    )


def _fate(document: Document, row: Row) -> Text:
    if row["already_liquidatable"]:
        text = "liquidatable now: its health factor is below 1"
        return Text(text + _but(row), "bold red")
    if not row["driver"]:
        return Text("no driver moves it")
    name = words.symbol(row["driver"])
    if row["side"] not in phrases.VERB:
        return Text(f"no {name} price liquidates it")
    known = words.number(row["liquidation_price_usd"])
    move = words.number(row["liquidation_ratio"])
    if known is None and move is None:
        verb = phrases.VERB[row["side"]]
        return Text(f"can be liquidated when {name} {verb}, at a price that is not known")
    beyond = phrases.BEYOND[row["side"]]
    present = phrases.spot(document, row["driver"])
    if known is not None and present:
        move = known / present
    far = "" if move is None else f" ({words.percent(move - 1)})"
    risk = f": {words.usd(row['collateral_at_risk_usd'])} at risk"
    seized = f", {words.usd(row['seizable_usd'])} seizable by the first call"
    return Text.assemble(
        f"can be liquidated when {name} {phrases.VERB[row['side']]} {beyond} ",
        (phrases.level(row), "bold"),
        far + risk + seized + _but(row),
    )


def _but(row: Row) -> str:
    """Liquidatable is not callable: why not, where it is not."""
    return "" if row["callable"] else f", but not callable at present ({why(row)})"


def _normal(band: Row) -> str:
    """`$90.5M (13x)`: what the surroundings would put there, and the band against it."""
    normal, amount = words.number(band["normal_usd"]), words.number(band["collateral_at_risk_usd"])
    if normal is None:
        return "-"
    if not normal or amount is None:
        return words.usd(normal)
    return f"{words.usd(normal)} ({words.times(amount / normal)})"


def _chance(band: Row) -> str:
    bound = words.number(band["chance_bound"])
    if bound is None:
        return "-"
    shown = f"{bound:.2g}" if bound >= 1e-4 else "<0.0001"
    return f"{shown} {band['quality'] or ''}".strip()


def _middle(row: Row) -> float:
    ends = (words.number(row["low_usd"]), words.number(row["high_usd"]))
    return sum(end or 0.0 for end in ends) / 2


def _bar(amount: object, most: float) -> str:
    """Linear from zero; what is there but too small for a half block shows as a dot."""
    part = words.number(amount) or 0.0
    if part <= 0 or most <= 0:
        return ""
    halves = round(2 * _BAR * part / most)
    return "█" * (halves // 2) + "▌" * (halves % 2) or "·"


def _address(text: str, wide: bool) -> str:
    return words.one_line(text) if wide else words.short_hex(text)


def _weight(leg: Row) -> str:
    weight = words.number(leg["weight"])
    return words.MISSING if weight is None else f"{weight:.4g}"
