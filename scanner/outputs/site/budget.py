"""What a page may weigh. A page above it is not published."""

import gzip
from html.parser import HTMLParser

from scanner.errors import BandscanError

BYTES, GZIPPED, NODES = 150_000, 45_000, 1_500


class _Counter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.nodes = 0
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.nodes += 1
        given = dict(attrs)
        source = given.get("src") or given.get("srcset") or given.get("data") or given.get("poster")
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            source = given.get("href")
        if source and tag != "a" and not source.startswith("data:"):
            self.loads.append(source)


def weigh(html: bytes) -> dict[str, int]:
    """`bytes`, `gzipped`, `nodes` (elements) and `requests` of a page."""
    counter = _Counter()
    counter.feed(html.decode())
    return {
        "bytes": len(html),
        "gzipped": len(gzip.compress(html, 9, mtime=0)),
        "nodes": counter.nodes,
        "requests": len(counter.loads),
    }


def excess(html: bytes) -> list[str]:
    """What of a page is over its budget, in words; empty where all is well."""
    found = weigh(html)
    limits = {"bytes": BYTES, "gzipped": GZIPPED, "nodes": NODES, "requests": 0}
    return [
        f"{found[name]:,} {name}, at most {most:,}"
        for name, most in limits.items()
        if found[name] > most
    ]


def check(path: str, html: bytes) -> None:
    """Raises BandscanError where a page is heavier than a phone should have to load."""
    if over := excess(html):
        raise BandscanError(
            "A page of the report is heavier than it may be; nothing was published.",
            page=path,
            found="; ".join(over),
            fix="this is a defect of bandscan; please report it with the scan's block",
        )
