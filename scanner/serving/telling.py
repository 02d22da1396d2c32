"""From the API's questions to `answers`, the same as everywhere: a page of one, encoded."""

from collections.abc import Callable
from typing import Any

from scanner import answers
from scanner.errors import NotRead, StoreError, UsageError
from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.source import PAGE, Question, Told
from scanner.outputs.document import encode
from scanner.reading import Stored
from scanner.serving.chronicle import Chronicle
from scanner.serving.happened import Happened

Tell = Callable[[Question], Told]


def teller(
    stored: Stored,
    chronicle: Chronicle,
    listed: Callable[[], dict[str, Any]],
    happened: Happened,
) -> Tell:
    """What answers the questions about one scan; `listed` gives the list of all of them,
    `happened` what is about liquidations that were read."""

    def tell(question: Question) -> Told:
        given = dict(question.filters)
        _possible(stored, given)
        limit, offset = given.pop("limit", None), given.pop("offset", 0)
        try:
            match question.name:
                case "scan":
                    return Told(stored.snapshot.document_bytes())
                case "positions":
                    limit = limit or PAGE
                    answer = answers.positions(stored, limit=limit, offset=offset, **given)
                    end = offset + limit
                    return Told(encode(answer), end if end < answer["matching"] else None)
                case "history":
                    answer = chronicle.history(given.get("driver"), given.get("days"))
                    return _newest_page(answer, limit, offset)
                case "scans":
                    return _page(listed(), "scans", limit, offset)
                case "bands" | "ticks" as rows:
                    return _page(_ASKED[rows](stored, **given), rows, limit, offset)
                case "liquidations":
                    words = {"from_block": "first", "to_block": "last"}
                    asked = {words.get(name, name): value for name, value in given.items()}
                    if "protocol" in asked:
                        asked["protocols"] = [asked.pop("protocol")]
                    return Told(encode(happened.liquidations(**asked, limit=limit)))
                case "backtest":
                    return Told(encode(happened.backtest(**given)))
                case name:
                    return Told(encode(_ASKED[name](stored, **given)))
        except NotRead as error:
            raise Refusal("not_read", error.what) from error
        except StoreError as error:
            raise Refusal("unreadable", error.what) from error
        except UsageError as error:
            raise Refusal("bad_parameter", error.what) from error

    return tell


_ASKED: dict[str, Callable[..., dict[str, Any]]] = {
    "drivers": answers.drivers,
    "bands": answers.bands,
    "ticks": answers.ticks,
    "levels": answers.levels,
    "account": answers.account,
    "certificate": answers.certificate,
    "tokens": answers.tokens,
    "proof": answers.proof,
}


def _possible(stored: Stored, given: dict[str, Any]) -> None:
    """Refuse what would get an empty answer that looks like no risk."""
    low, high = given.get("low"), given.get("high")
    if low is not None and high is not None and low > high:
        raise Refusal("bad_parameter", "from is above to: no price lies between them.")
    known = sorted({row["protocol"] for row in stored.document["markets"]})
    if given.get("protocol") not in (None, *known):
        raise Refusal("unknown_protocol", "See `protocols` for all it has.", protocols=known)


def _page(answer: dict[str, Any], rows: str, limit: int | None, offset: int) -> Told:
    """The rows from `offset` on; all of them where there is no limit."""
    if limit is None and not offset:
        return Told(encode(answer))
    end = len(answer[rows]) if limit is None else offset + limit
    more = end if end < len(answer[rows]) else None
    return Told(encode({**answer, rows: answer[rows][offset:end]}), more)


def _newest_page(answer: dict[str, Any], limit: int | None, offset: int) -> Told:
    """Of a history: the newest scans first, page by page; in a page the oldest comes first."""
    if limit is None and not offset:
        return Told(encode(answer))
    end = max(0, len(answer["scans"]) - offset)
    begin = 0 if limit is None else max(0, end - limit)
    page = {**answer, "scans": answer["scans"][begin:end]}
    return Told(encode(page), offset + (limit or 0) if begin else None)
