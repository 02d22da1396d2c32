"""The table of examined endpoints for the terminal, and what it means below."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.text import Text

from scanner.outputs import words
from scanner.outputs.screen import Column, Screen, show_table

Row = Mapping[str, Any]
UNKNOWN = "unknown"
_CLIENT = 24  # characters of a client's name


def show(screen: Screen, document: Mapping[str, Any], *, wide: bool) -> None:
    """Print a row for each endpoint, then what was not found out, and the advice."""
    rows: Sequence[Row] = document["endpoints"]

    def cells(cell: Callable[[Row], str]) -> list[str]:
        return [words.one_line(cell(row)) for row in rows]

    show_table(
        screen,
        [
            Column("endpoint", cells(lambda r: r["endpoint"].removeprefix("endpoint ")), False),
            Column("scan", [_usable(row) for row in rows], right=False),
            Column("client", cells(lambda r: _client(r, wide)), right=False, rank=9),
            Column("chain", cells(lambda r: _plain(r["chain_id"], str))),
            Column("head", cells(lambda r: _plain(r["head"], _head)), rank=2),
            Column("finalized", cells(lambda r: _plain(r["finalized"], _behind)), rank=8),
            Column("logs", cells(lambda r: _plain(r["logs"], _logs))),
            Column("old logs", cells(lambda r: _plain(r["old_logs"], _old)), rank=5),
            Column("state", cells(lambda r: _plain(r["state"], _state)), rank=1),
            Column("reads by", cells(lambda r: _plain(r["batch"], _batch)), rank=3),
            Column("gzip", cells(lambda r: _plain(r["gzip"], _yes)), rank=7),
            Column("latency", cells(lambda r: _plain(r["latency_ms"], _ms)), rank=6),
            Column("first scan", cells(lambda r: _first(r["first_scan"])), rank=4),
        ],
        wide=wide,
    )
    for row in rows:
        _details(screen, row, document["chain"])


def _details(screen: Screen, row: Row, chain: str | None) -> None:
    lines = [Text(words.one_line(sentence)) for sentence in row["advice"]]
    first = row["first_scan"]
    if first is not None:
        lines.append(Text(_sentence(first, str(chain))))
    if row["usable"]:
        lines += [Text(_reason(row, name, why), "dim") for name, why in row["reasons"].items()]
    if lines:
        screen.print(Text(f"{row['endpoint']}:", "bold"))
    for line in lines:
        screen.print(Text("  ").append_text(line), soft_wrap=True)


def _sentence(first: Row, chain: str) -> str:
    return (
        f"first scan of {chain}: {words.count(first['log_requests'], 'log request')} for"
        f" {words.count(first['blocks'], 'block')} (from {first['from_block']:,}) of"
        f" {words.count(first['markets'], 'market')}, about {words.duration(first['seconds'])}"
    )


def _reason(row: Row, name: str, why: str) -> str:
    value = row[name]
    kind = " unknown" if value is None else " refused" if value is False else ""
    return words.one_line(f"{name.replace('_', ' ')}{kind}: {why}")


def _plain(value: Any, cell: Callable[[Any], str]) -> str:
    return UNKNOWN if value is None else cell(value)


def _usable(row: Row) -> Text:
    return Text("usable", "green") if row["usable"] else Text("no", "bold red")


def _client(row: Row, wide: bool) -> str:
    name = words.one_line(row["client"] or UNKNOWN)
    return name if wide or len(name) <= _CLIENT else name[: _CLIENT - 1] + "…"


def _head(head: Row) -> str:
    return f"{head['number']:,}, {_age(head['age_seconds'])} old"


def _age(seconds: int) -> str:
    for unit, letter in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{round(seconds / unit):,} {letter}"
    return f"{seconds} s"


def _behind(tag: Row) -> str:
    return f"{tag['behind_blocks']:,} behind"


def _logs(logs: Row) -> str:
    least = "" if logs["refused_blocks"] is not None else "≥ "
    return f"{least}{words.count(logs['blocks'], 'block')}"


def _old(old: Row) -> str:
    return "answered" if old["answered"] else "refused"


def _state(state: Row) -> str:
    if state["whole"]:
        return "all"
    least = "" if state["refused_blocks"] is not None else "≥ "
    return f"{least}{words.count(state['blocks'], 'block')}"


def _batch(batch: Row) -> str:
    return f"{batch['path']}, {words.count(batch['calls'], 'call')}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 1 else "< 1 ms"


def _first(first: Row | None) -> str:
    return words.MISSING if first is None else words.count(first["log_requests"], "request")
