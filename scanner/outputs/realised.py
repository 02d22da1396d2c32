"""What `liquidations` and `backtest` print."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import words
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]
_LISTED = 20
_HOURS = 48


def show_liquidations(
    screen: Screen, answer: Mapping[str, Any], *, limit: int | None, wide: bool
) -> None:
    """The window, its sums, and the largest events."""
    window, totals = answer["window"], answer["totals"]
    screen.print(Text(f"Liquidations, {_span(window)}", "bold"))
    if not answer["complete"]:
        _lacking(screen, answer)
    screen.print()
    more = "" if answer["complete"] else "≥"
    if not totals["events"]:
        screen.print("none in what was read" if more else "none")
    else:
        screen.print(headline(answer))
        screen.print(_sides(answer))
        if largest := answer["largest"]:
            screen.print(
                f"largest single: {words.usd(largest['debt_repaid_usd'])} of"
                f" {_hex(largest['account'], wide)} on {largest['protocol']} {_name(largest)},"
                f" transaction {_hex(largest['transaction'], wide)}"
            )
    if totals["sold_usd"]:
        screen.print(
            f"sold later by protocols: {words.usd(totals['sold_usd'])} of collateral for"
            f" {words.usd(totals['sold_for_usd'])}"
        )
    _prices(screen, answer)
    if totals["events"]:
        screen.print()
        _groups(screen, answer["by_protocol"], "protocol", wide=wide)
        screen.print()
        _groups(screen, answer["by_driver"], "driver", wide=wide)
        screen.print()
        _hours(screen, answer["by_hour"], wide=wide)
        screen.print()
        _events(screen, answer, limit or _LISTED, wide=wide)


def headline(answer: Mapping[str, Any]) -> Text:
    """ "$412M of debt repaid, $441M of collateral seized: 1,043 events, 611 accounts"."""
    totals = answer["totals"]
    more = "" if answer["complete"] and not totals["unpriced"] else "≥"
    text = Text.assemble(
        (f"{more}{words.usd(totals['debt_repaid_usd'])} of debt repaid", "bold"),
        f", {more}{words.usd(totals['collateral_seized_usd'])} of collateral seized:"
        f" {words.count(totals['events'], 'liquidation')} of"
        f" {words.count(totals['accounts'], 'account')}",
    )
    if totals["bad_debt_usd"]:
        text.append(f", {words.usd(totals['bad_debt_usd'])} of bad debt written off")
    return text


def _sides(answer: Mapping[str, Any]) -> str:
    parts = [
        f"{row['side']} {words.usd(row['debt_repaid_usd'])}"
        for row in answer["sides"]
        if row["events"]
    ]
    share = answer["long_share"]
    told = "" if share is None else f" · long share {words.share(share)} (loops apart)"
    return " · ".join(parts) + told


def _span(window: Row) -> str:
    ends = [
        f"{words.utc(one['timestamp'])}"
        + (f" (block {one['number']:,} {words.short_hex(one['hash'])})" if one["hash"] else "")
        if one["timestamp"] is not None
        else f"block {one['number']:,}"
        for one in (window["from"], window["to"])
    ]
    length = "" if window["seconds"] is None else f"{words.duration(window['seconds'])}: "
    return f"{length}{ends[0]} to {ends[1]}"


def _lacking(screen: Screen, answer: Mapping[str, Any]) -> None:
    """What of the window was not read."""
    lacking = [row for row in answer["markets"] if not row["complete"]]
    for row in lacking[:5]:
        spans = row["missing_blocks"]
        what = f"{row['protocol']} {words.one_line(row['market'] or '')}".rstrip()
        blocks = ", ".join(f"{one['from']:,} to {one['to']:,}" for one in spans[:3])
        how = f"blocks {blocks} were not read" if spans else "was never read"
        screen.print(Text(f"not whole: {what}: {how}", "yellow"))
    if not lacking:
        screen.print(Text("not whole: the window begins before what was read", "yellow"))
    elif len(lacking) > 5:
        screen.print(Text(f"and {words.count(len(lacking) - 5, 'market')} more", "yellow"))


def _prices(screen: Screen, answer: Mapping[str, Any]) -> None:
    """Whence the prices are, where not all are of the events' own blocks."""
    for row in answer["price_sources"]:
        if row["source"] == "block":
            continue
        rows = words.count(row["rows"], "row")
        told = "without a price" if row["source"] is None else f"at the prices of {row['source']}"
        screen.print(Text(f"{rows} {told}: the state of their block is not kept", "yellow"))
    if answer["totals"]["unpriced"]:
        rows = words.count(answer["totals"]["unpriced"], "row")
        screen.print(Text(f"{rows} have an amount without a price, left out of sums", "yellow"))


def _groups(screen: Screen, rows: Sequence[Row], name: str, *, wide: bool) -> None:
    show_table(
        screen,
        [
            Column(name, [words.symbol(row[name] or "none") for row in rows], right=False),
            Column("debt repaid", [words.usd(row["debt_repaid_usd"]) for row in rows]),
            Column("collateral", [words.usd(row["collateral_seized_usd"]) for row in rows], rank=1),
            Column("events", [f"{row['events']:,}" for row in rows]),
            Column("accounts", [f"{row['accounts']:,}" for row in rows], rank=2),
        ],
        wide=wide,
    )


def _hours(screen: Screen, rows: Sequence[Row], *, wide: bool) -> None:
    busy = [row for row in rows if row["events"]][-_HOURS:]
    show_table(
        screen,
        [
            Column("hour from", [words.utc(row["from"]) for row in busy], right=False),
            Column("debt repaid", [words.usd(row["debt_repaid_usd"]) for row in busy]),
            Column("collateral", [words.usd(row["collateral_seized_usd"]) for row in busy], rank=1),
            Column("events", [f"{row['events']:,}" for row in busy]),
        ],
        wide=wide,
    )


def _events(screen: Screen, answer: Mapping[str, Any], most: int, *, wide: bool) -> None:
    rows = [row for row in answer["liquidations"] if row["kind"] == "liquidation"][:most]
    show_table(
        screen,
        [
            Column("time", [words.utc(row["timestamp"]) for row in rows], right=False, rank=3),
            Column("protocol", [row["protocol"] for row in rows], right=False),
            Column("market", [_name(row) for row in rows], right=False, rank=5),
            Column("account", [_hex(row["account"], wide) for row in rows], right=False),
            Column("side", [row["side"] for row in rows], right=False, rank=1),
            Column("debt", [_tokens(row, "debt") for row in rows], rank=2),
            Column("repaid", [words.usd(row["debt_usd"]) for row in rows]),
            Column("collateral", [_tokens(row, "collateral") for row in rows], rank=2),
            Column("seized", [words.usd(row["collateral_usd"]) for row in rows]),
            Column("transaction", [_hex(row["transaction"], wide) for row in rows], right=False,
                   rank=4),
        ],
        wide=wide,
    )  # fmt: skip
    if answer["matching"] > len(rows):
        screen.print(Text(f"the largest {len(rows)}; --top N or --json for more", "dim"))


def _tokens(row: Row, name: str) -> str:
    amount = row[f"{name}_amount"]
    symbol = row[f"{name}_symbol"]
    return "n/a" if amount is None else f"{words.tokens(amount)} {words.symbol(symbol)}"


def _name(row: Row) -> str:
    return words.one_line(str(row["market"]))


def _hex(text: object, wide: bool) -> str:
    return words.one_line(str(text)) if wide else words.short_hex(text)


def show_backtest(screen: Screen, answer: Mapping[str, Any], *, wide: bool) -> None:
    """A row for each crossed range, and how many were not crossed."""
    rows: Sequence[Row] = answer["bands"]
    crossed = [row for row in rows if row["crossed"] is not None]
    screen.print(
        Text(
            f"{words.count(answer['scans'], 'earlier scan')},"
            f" {words.count(len(rows), 'band')}: {len(crossed)} crossed since",
            "bold",
        )
    )
    for text in answer["problems"]:
        screen.print(Text(words.one_line(text), "yellow"))
    if not crossed:
        return
    screen.print()
    columns = [
        Column("scan", [words.utc(row["scan"]["timestamp"]) for row in crossed], right=False),
        Column("driver", [words.symbol(row["driver"]) for row in crossed], right=False, rank=2),
        Column("side", [row["side"] for row in crossed], right=False, rank=3),
        Column(
            "range",
            [words.price_range(row["low_usd"], row["high_usd"]) for row in crossed],
            right=False,
        ),
        Column("crossed", [_crossing(row["crossed"]) for row in crossed], right=False, rank=4),
        Column("at risk", [words.usd(row["collateral_at_risk_usd"]) for row in crossed]),
    ]
    for name, head in (
        ("liquidated", "liquidated"),
        ("left", "left by it"),
        ("repaid", "repaid or moved"),
        ("still_there", "still there"),
        ("not_reached", "not reached"),
        ("unknown", "unknown"),
    ):
        cells = [words.usd(row["outcome"][f"{name}_usd"]) for row in crossed]
        if name in ("liquidated", "repaid") or any(
            row["outcome"][f"{name}_usd"] for row in crossed
        ):
            columns.append(Column(head, cells))
    show_table(screen, columns, wide=wide)


def _crossing(crossed: Row) -> str:
    whole = "" if crossed["whole"] else "in part, "
    return f"{whole}by {words.utc(crossed['timestamp'])}"
