"""The report of one chain: 40,000 positions, a scan every six hours for 30 days.

`bandscan report` runs in a process of its own, interpreter and imports included. Pages are measured
as they lie on disk.
"""

import gzip
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from statistics import median

from bench import stored
from bench.report import Figure
from bench.servers import BANDSCAN

TURNS = 3
KB = 1_000
HOME = "index.html"

# What makes a browser ask for something while it opens a page.
_ASKING = {
    "audio": "src",
    "embed": "src",
    "frame": "src",
    "iframe": "src",
    "image": "href",
    "img": "src",
    "input": "src",
    "object": "data",
    "script": "src",
    "source": "src",
    "track": "src",
    "video": "src",
}
_LINKS = {"icon", "manifest", "modulepreload", "prefetch", "preload", "stylesheet"}
_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?(?!data:|#)[^"')\s]""")


def figures() -> list[Figure]:
    """All figures of this section."""
    store = stored.ready()
    with tempfile.TemporaryDirectory() as made:
        site = Path(made) / "site"
        runs = [build(store, site) for _ in range(TURNS)]
        pages = {page.parent.name: weigh(page) for page in sorted(site.glob(f"*/{HOME}"))}
        home = weigh(site / HOME)
        files = [path for path in site.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    found = [
        Figure("report of 40,000 positions, 121 scans", median(r.seconds for r in runs), "s", 10),
        Figure("... peak memory", max(run.peak for run in runs), "GB"),
        Figure(f"... {len(files)} files", size / KB**2, "MB"),
        *_page("home page", home),
    ]
    for name, page in pages.items():
        found += _page(f"{name} page", page)
    return found


@dataclass(frozen=True)
class Run:
    """One run of the command: seconds and peak memory [GB]."""

    seconds: float
    peak: float


@dataclass(frozen=True)
class Page:
    """Bytes plain and packed, requests that opening it makes, elements in it."""

    size: int
    packed: int
    requests: int
    nodes: int


def build(store: Path, site: Path) -> Run:
    """Run `bandscan report` on that store."""
    command = [*BANDSCAN, "report", "--store", str(store), "--out", str(site)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(seconds, usage.ru_maxrss / 2**20)


def weigh(page: Path) -> Page:
    """What a page costs."""
    content = page.read_bytes()
    count = _Count()
    count.feed(content.decode())
    return Page(len(content), len(gzip.compress(content, 6)), count.asked, count.nodes)


class _Count(HTMLParser):
    """Elements of a page, and what opening it asks for; without an icon a browser asks for one."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = 0
        self._asked = 0
        self._icon = False
        self._style = False

    @property
    def asked(self) -> int:
        """Requests beside the page's own."""
        return self._asked + (not self._icon)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Count one element."""
        given = {key: value or "" for key, value in attrs}
        self.nodes += 1
        self._style = tag == "style"
        words = set(given.get("rel", "").lower().split())
        if tag == "link" and words & _LINKS:
            self._icon |= "icon" in words
            self._ask(given.get("href", ""))
        elif tag in _ASKING:
            self._ask(given.get(_ASKING[tag], ""))
        self._asked += len(_IN_STYLE.findall(given.get("style", "")))
        self._asked += "srcset" in given

    def handle_endtag(self, tag: str) -> None:
        """The end of a style sheet ends it."""
        self._style = False

    def handle_data(self, data: str) -> None:
        """Style sheets may ask as well."""
        if self._style:
            self._asked += len(_IN_STYLE.findall(data))

    def _ask(self, target: str) -> None:
        self._asked += bool(target) and not target.startswith(("data:", "#"))


def _page(name: str, page: Page) -> list[Figure]:
    return [
        Figure(name, page.size / KB, "KB", 150),
        Figure("... packed", page.packed / KB, "KB", 45),
        Figure("... requests beside it", page.requests, "", 0),
        Figure("... elements", page.nodes, "", 1_500),
    ]
