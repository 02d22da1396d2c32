"""Cursors: where a page ends, in a form that names the scan and the question it belongs to."""

import hashlib

from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.source import Question


def cursor(scan_id: str, question: Question, offset: int) -> str:
    """The cursor of the page that begins at row `offset` of `question`'s answer."""
    return f"{scan_id}.{_mark(question)}.{offset}"


def offset(text: str, scan_id: str, question: Question) -> int:
    """The row at which to go on.

    Raises Refusal where `text` belongs to another scan than the newest (pages of two scans do not
    fit together), or to another question.
    """
    of_scan, mark, row = text.split(".")
    if of_scan != scan_id:
        raise Refusal(
            "scan_replaced",
            "The cursor belongs to another scan; start over without it.",
            scan_id=scan_id,
        )
    if mark != _mark(question):
        raise Refusal(
            "bad_parameter", "The cursor belongs to other filters; only `limit` may change."
        )
    return int(row)


def _mark(question: Question) -> str:
    same = [pair for pair in question.filters if pair[0] not in ("limit", "offset")]
    return hashlib.sha256(repr((question.name, same)).encode()).hexdigest()[:8]
