"""What the sections below the charts say: unknown, certificate, data. Text for the templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outputs import proof_words
from scanner.outputs.callability import beside, not_callable
from scanner.outputs.document import holds
from scanner.outputs.site import figures, following, names
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.model import Dataset, Range, Row, Scan
from scanner.outputs.words import count, one_line, short_hex, symbol

_BESIDE = 8  # drivers whose feed is told of
_MARKETS = 12  # rows of the certificate; further markets share the last
_TOTALS = 12  # totals on a page; the file has all
_PROBLEMS = 6
_TOLD_ABOVE = frozenset({"debt_missing", "parity_mismatch"})  # problems that the tables tell
_CAUSES = 6
_WAITING = 12  # markets with prices that wait
Context = dict[str, Any]


def unknown(
    scan: Scan,
    standing: Mapping[str, Row],
    name: str,
    amounts: Amounts,
    nearest: Range | None = None,
) -> Context:
    """Where the collateral stands, and what is not known. `name`: the driver's, "" for all;
    `nearest`: the range that is told first, for the worst case."""
    groups = [
        (
            "g1",
            "Has a liquidation price",
            _added(standing["long"], standing["short"]),
            "On the ladder above" if name else "On the ladder of a driver",
        ),
        (
            "g2",
            "Has none",
            standing["none"],
            f"No {name or 'driver'} price liquidates them: collateral and debt follow it both, or"
            " neither does. Interest and rate changes can",
        ),
        (
            "now",
            "Already liquidatable",
            standing["already"],
            f"Health factor below 1 at this block{_bad_debt(scan, amounts, name)}"
            f"{_barred(scan, amounts, name)}. Part of no band",
        ),
    ]
    groups = [group for group in groups if group[2]["positions"]]
    rows = [
        {
            "kind": kind,
            "name": title,
            "collateral": amounts.usd(row["collateral_usd"]),
            "debt": amounts.usd(row["debt_usd"]),
            "count": amounts.count(row["positions"]),
            "meaning": meaning,
        }
        for kind, title, row, meaning in groups
    ]
    return {
        "title": _title(scan),
        "intro": " ".join(filter(None, (_intro(scan), _worst(scan, nearest, amounts)))),
        "rows": [*rows, *_unknown_rows(scan, amounts)],
        "bar": _bar([(kind, row["debt_usd"]) for kind, _, row, _ in groups], scan),
    }


def _added(one: Row, other: Row) -> Row:
    return {key: one[key] + other[key] for key in one}


def _bad_debt(scan: Scan, amounts: Amounts, name: str) -> str:
    bad = scan.document["already_liquidatable"]["bad_debt_usd"]
    return f"; of all such debt {amounts.usd(bad)} has no collateral" if bad and not name else ""


def _barred(scan: Scan, amounts: Amounts, name: str) -> str:
    barred = not_callable(scan.document["already_liquidatable"])
    return f"; {amounts.usd(barred)} of all such collateral cannot be called" * bool(
        barred and not name
    )


def _title(scan: Scan) -> str:
    rows = scan.document["unknown"]
    if not rows:
        return "Nothing unknown" if scan.complete else "What we do not know: all that was not read"
    debts = [row["debt_usd"] for row in rows]
    if None in debts:
        accounts = count(sum(row["accounts"] for row in rows), "account")
        return f"What we do not know: {accounts}"
    return f"What we do not know: {Amounts(scan.complete).usd(sum(debts))} of debt"


def _intro(scan: Scan) -> str:
    if not scan.document["unknown"] and scan.complete:
        return "Every position was read, and every token in it has an oracle price. Bar: debt."
    text = "Unknown is never counted as zero. Bar: debt."
    return text if scan.complete else f"{text} Debt that was not read is in no number here."


def _worst(scan: Scan, nearest: Range | None, amounts: Amounts) -> str:
    """What the range would owe if all that is unknown sat in it."""
    debts = [row["debt_usd"] for row in scan.document["unknown"]]
    if nearest is None or not debts or None in debts:
        return ""
    debt = nearest.row["debt_usd"]
    now, then = amounts.usd(debt), amounts.usd(debt + sum(debts))
    where = f"if all of it sat in {nearest.letter}"
    if now == then:
        return f"Even {where}, it would still read {now} of debt there."
    return f"At worst, {where}, that would carry {then} of debt instead of {now}."


def _unknown_rows(scan: Scan, amounts: Amounts) -> list[Context]:
    found = sorted(scan.document["unknown"], key=lambda row: -(row["debt_usd"] or 0.0))
    rows = [
        {
            "kind": "un",
            "name": "Unknown",
            "collateral": "unknown",
            "debt": "not known" if row["debt_usd"] is None else amounts.usd(row["debt_usd"]),
            "count": f"{row['accounts']:,}",
            "meaning": f"{names.protocol(row['protocol'])} {symbol(row['market'])}:"
            f" {one_line(str(row['why']))[:160]}",
        }
        for row in found[:_CAUSES]
    ]
    if left := found[_CAUSES:]:
        accounts = sum(row["accounts"] for row in left)
        debts = [row["debt_usd"] for row in left]
        rows.append(
            {
                "kind": "un",
                "name": "Unknown",
                "collateral": "unknown",
                "debt": "not known" if None in debts else amounts.usd(sum(debts)),
                "count": f"{accounts:,}",
                "meaning": f"{count(len(left), 'further cause')}; v1/certificate.json names them",
            }
        )
    return rows


def _bar(groups: Sequence[tuple[str, float]], scan: Scan) -> list[tuple[str, float, float]]:
    """(kind, start, width) of 1,000; what is there stays visible."""
    parts = [(kind, usd) for kind, usd in groups if usd > 0]
    debt = sum(row["debt_usd"] or 0.0 for row in scan.document["unknown"])
    if scan.document["unknown"]:
        parts.append(("un", debt))
    total = sum(usd for _, usd in parts)
    if not total:
        return []
    widths = [max(1000 * usd / total, 6.0) for _, usd in parts]
    found, x = [], 0.0
    for (kind, _), width in zip(parts, widths, strict=True):
        part = 1000 * width / sum(widths)
        found.append((kind, round(x, 1), round(part, 1)))
        x += part
    return found


def certificate(scan: Scan, chain_option: str) -> Context:
    """Per market what was compared; below it totals, and how to run it again."""
    document = scan.document
    totals = sorted(document["certificate"], key=holds)  # what does not agree comes first
    agree = sum(holds(row) for row in totals)
    summary = f"{agree:,} of {count(len(totals), 'total')} {'agree' if agree != 1 else 'agrees'}"
    problems = [row for row in document["problems"] if row["kind"] not in _TOLD_ABOVE]
    problems.sort(key=lambda row: not row["fatal"])
    said = [one_line(str(row["message"]))[:200] for row in problems[:_PROBLEMS]]
    if len(problems) > _PROBLEMS:
        said.append(f"and {len(problems) - _PROBLEMS} more, in v1/certificate.json")
    return {
        "markets": _markets(scan),
        "totals": [_total(row) for row in totals[:_TOTALS]],
        "summary": f"Totals, in the protocol’s own units: {summary}",
        "open": agree < len(totals),
        "note": "Sums of scaled balances, the integers the contracts keep."
        + (f" {len(totals) - _TOTALS:,} more in the files below." * (len(totals) > _TOTALS)),
        "beside": _beside(scan),
        "waiting": _waiting(scan),
        "proof": _proof(scan),
        "problems": said,
        "sources": following.sources(document),
        "command": f"bandscan scan --chain {chain_option} --block {document['block']['number']}"
        " --verify all",
        "hash": one_line(str(document["block"]["hash"])),
        "sha256": scan.sha256,
    }


def _beside(scan: Scan) -> list[str]:
    """A line per driver whose feed tells its age, or that a pool is listed for."""
    told = [(symbol(row["driver"]), beside(row)) for row in scan.document["drivers"]]
    return [f"{name}: {text}" for name, text in told if text][:_BESIDE]


def _proof(scan: Scan) -> Context | None:
    """What the protocols said about the prices, or that nobody asked them yet."""
    told = scan.proof
    if told is None:
        return None
    rows = [
        {
            "name": f"{names.protocol(row['protocol'])}, {symbol(row['driver'])}",
            "cells": [f"{row[key]:,}" for key in ("positions", "proven", "off", "cannot")],
        }
        for row in (proof_words.summed(told["proof"]) if told["verified"] == "prices" else [])
    ]
    return {"said": one_line(proof_words.sentence(told)), "rows": rows}


def _markets(scan: Scan) -> list[Context]:
    """A row per market, those with a gap first, then the largest."""
    ranked = sorted(
        scan.document["markets"],
        key=lambda row: (row["complete"], -_many(row), row["protocol"], row["market"]),
    )
    if len(ranked) <= _MARKETS:
        return [_market(scan, [row]) for row in ranked]
    shown, left = ranked[: _MARKETS - 1], ranked[_MARKETS - 1 :]
    return [*(_market(scan, [row]) for row in shown), _market(scan, left)]


def _market(scan: Scan, rows: Sequence[Row]) -> Context:
    """One market's line, or that of several."""
    keys = {(row["protocol"], row["market"]) for row in rows}
    totals, parity = (
        [one for one in scan.document[name] if (one["protocol"], one["market"]) in keys]
        for name in ("certificate", "parity")
    )
    covered = [one["coverage"] for one in totals if one["coverage"] is not None]
    errors = [one["max_rel_error"] for one in parity if one["max_rel_error"] is not None]
    checked, accounts = (sum(one[name] for one in parity) for name in ("checked", "accounts"))
    version = rows[0].get("version") if len(rows) == 1 else None
    read = [row["borrowers"] is not None for row in rows]
    least = "" if all(read) else "≥"
    name = f"{names.protocol(rows[0]['protocol'])} {symbol(rows[0]['market'])}"
    return {
        "name": name if len(rows) == 1 else f"{len(rows):,} smaller markets",
        "version": f"version {symbol(version)}" if version else "",
        "agree": f"{sum(map(holds, totals)):,} of {len(totals):,}",
        "worst": figures.coverage(min(covered, default=None)),
        "borrowers": f"{least}{sum(map(_many, rows)):,}" if any(read) else "not read",
        "checked": f"{checked:,}" if checked == accounts else f"{checked:,} of {accounts:,}",
        "differ": f"{sum(one['mismatches'] for one in parity):,}",
        "error": figures.error(max(errors, default=None)) if checked else "none compared",
    }


def _waiting(scan: Scan) -> list[Context]:
    """Markets whose protocol has not yet taken its oracle's price (Maker): the prices it has, how
    many accounts could go at each, and what its auctions take at once. Those in which any could go
    come first, then the largest."""
    found = [row for row in scan.document["markets"] if "price_stored" in row.get("details", {})]
    found.sort(key=lambda row: (-_going(row["details"]), -_many(row), row["market"]))
    rows = []
    for row in found[:_WAITING]:
        told = row["details"]
        source = told["price_source"]
        rows.append(
            {
                "name": f"{names.protocol(row['protocol'])} {symbol(row['market'])}",
                "source": one_line(str(source)) if source else "",
                "prices": [
                    figures.price(told[name]) if told[name] is not None else "none"
                    for name in ("price_stored", "price_refreshed", "price_next")
                ],
                "stored": f"{told['liquidatable_stored']:,}",
                "next": ""
                if told["liquidatable_next"] is None
                else f"{told['liquidatable_next']:,}",
                "room": figures.usd(told["room_usd"]),
            }
        )
    return rows


def _many(row: Row) -> int:
    """Borrowers of a market; of one that could not be read nobody knows how many."""
    return int(row["borrowers"] or 0)


def _going(told: Row) -> int:
    return int(told["liquidatable_stored"]) + int(told["liquidatable_next"] or 0)


def _total(row: Row) -> Context:
    identity = row["identity"]
    if identity != "exact":
        identity = f"within {figures.finer_share(row.get('bound'))}"
    return {
        "asset": symbol(row["symbol"]),
        "market": f"{symbol(row['market'])} · {short_hex(row['asset'])}",
        "total": f"{int(row['debt_total']):,}",
        "found": f"{int(row['debt_found']):,}",
        "coverage": figures.coverage(row["coverage"]),
        "identity": identity if holds(row) else f"{identity}: does not hold",
    }


def data(datasets: Sequence[Dataset]) -> list[Context]:
    """The lines of the Data section."""
    return [
        {
            "title": one.title,
            "note": one.note,
            "files": [
                (label, _file(one, form))
                for label, form in (("JSON", "json"), ("CSV", "csv"), ("Parquet", "parquet"))
            ],
        }
        for one in datasets
    ]


def _file(dataset: Dataset, form: str) -> Context | None:
    file = dataset.files.get(form)
    if file is None:
        return None
    return {
        "path": file.path,
        "name": file.path.rsplit("/", 1)[-1],
        "size": figures.filesize(file.size),
        "download": form != "json",
    }
