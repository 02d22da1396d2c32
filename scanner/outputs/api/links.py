"""Where answers live: their URLs, the link to the next page, the headers that name the scan."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from scanner.outputs.api.cursors import cursor
from scanner.outputs.api.source import Chain, Question, Scan

PATHS = {
    "drivers": "/v1/drivers",
    "bands": "/v1/bands",
    "ticks": "/v1/ticks",
    "levels": "/v1/levels",
    "positions": "/v1/positions",
    "history": "/v1/history",
    "certificate": "/v1/certificate",
    "tokens": "/v1/tokens",
    "proof": "/v1/proof",
    "scans": "/v1/scans",
    "scan": "/v1/scan",
    "liquidations": "/v1/liquidations",
    "backtest": "/v1/backtest",
}
# Filters whose name in the URL is another than in the answers.
_WORDS = {"low": "from", "high": "to", "least": "min_usd"}


def spellings(chain: Chain, question: Question, *, alone: bool) -> Iterator[bytes]:
    """Every usual spelling of a plain question's URL, as it comes over the wire.

    `alone`: the store has one chain, so that none need be named.
    """
    drivers = [f"driver={quote(each)}" for each in _names(chain, question)] or [""]
    chains = [f"chain={chain.chain_id}", f"chain={quote(chain.name)}", *([""] if alone else [])]
    for one in chains:
        for other in drivers:
            for pair in {(one, other), (other, one)}:
                query = "&".join(part for part in pair if part)
                yield f"{PATHS[question.name]}?{query}".encode()


def _names(chain: Chain, question: Question) -> list[str]:
    """The driver as the scan spells it, and in lower case where that means no other."""
    driver = question.get("driver")
    if driver is None:
        return []
    known = [] if chain.scan is None else chain.scan.drivers
    alike = [name for name in known if name.casefold() == driver.casefold()]
    return list(dict.fromkeys((driver, driver.lower()))) if len(alike) == 1 else [driver]


def facts(chain: Chain, scan: Scan) -> list[tuple[bytes, bytes]]:
    """The headers that say which scan an answer is from, and whether a later one was no use."""
    found = [
        (b"x-bandscan-scan", scan.scan_id.encode()),
        (b"x-bandscan-block", b"%d" % scan.block),
        (b"x-bandscan-complete", b"true" if scan.complete else b"false"),
    ]
    if chain.newer is not None:
        newer, block = chain.newer
        found.append((b"x-bandscan-newer", f"{newer}; block={block}; incomplete".encode()))
    return found


def next_page(scan: Scan, question: Question, row: int) -> list[tuple[bytes, bytes]]:
    """The headers that lead to the page which begins at `row`."""
    mark = cursor(scan.scan_id, question, row)
    pairs = [("chain", str(scan.chain_id))]
    for key, value in question.filters:
        if key != "offset":
            values = value if isinstance(value, tuple) else (value,)
            pairs += [(_WORDS.get(key, key), _written(each)) for each in values]
    if not scan.complete:
        pairs.append(("incomplete", "true"))
    query = "&".join(f"{key}={quote(text)}" for key, text in [*pairs, ("cursor", mark)])
    return [
        (b"x-bandscan-next", mark.encode()),
        (b"link", f'<{PATHS[question.name]}?{query}>; rel="next"'.encode()),
    ]


def _written(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)
