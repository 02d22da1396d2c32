"""Where the links of a built site lead: followed on disk, from its first page on."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_ADDRESSES = ("href", "src", "action", "poster", "data")
_META = ("og:image", "twitter:image")


@dataclass
class Crawl:
    """Paths are relative to the site; `files` are what is linked and is no page."""

    pages: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


class _Document(HTMLParser):
    """The links of a page, and the places in it that links can name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.links += [known[name] for name in _ADDRESSES if name in known and tag != "data"]
        if tag == "meta" and known.get("property", known.get("name")) in _META:
            self.links.append(known.get("content", ""))
        if "id" in known:
            self.places.add(known["id"])


def of_page(file: Path) -> list[str]:
    """Every address in a page, as it is written."""
    return _Document(file.read_text()).links


def places(file: Path) -> set[str]:
    """What a fragment of an address can name in a page."""
    return _Document(file.read_text()).places


def crawled(site: Path, first: str = "index.html") -> Crawl:
    """Follow every relative link of every page."""
    crawl, waiting = Crawl(pages=[first]), [first]
    while waiting:
        page = waiting.pop(0)
        for link in of_page(site / page):
            _follow(site, page, link, crawl, waiting)
    return crawl


def _follow(site: Path, page: str, link: str, crawl: Crawl, waiting: list[str]) -> None:
    parts = urlsplit(link)
    if parts.scheme in ("data", "mailto"):
        return
    if parts.scheme or parts.netloc:
        crawl.outside.add(link)
        return
    root = site.resolve()
    target = (root / page).parent / unquote(parts.path) if parts.path else root / page
    if parts.path.startswith("/") or not target.resolve().is_relative_to(root):
        crawl.broken.append(f"{page}: {link}: leaves the site")
        return
    target = target.resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        crawl.broken.append(f"{page}: {link}: no such file")
        return
    name = target.relative_to(root).as_posix()
    if target.suffix != ".html":
        crawl.files.add(name)
        return
    if name not in crawl.pages:
        crawl.pages.append(name)
        waiting.append(name)
    # "#p=1778" is for the page's script
    plain = re.fullmatch(r"[^=]+", parts.fragment)
    if plain and unquote(parts.fragment) not in places(target):
        crawl.broken.append(f"{page}: {link}: no such place")
