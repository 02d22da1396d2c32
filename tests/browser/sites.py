"""Built reports in every state a reader can meet, from stores made up here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import stored
from cli import whales_sample

from scanner.reporting import report as reports
from scanner.store import snapshots

# "behind": a newer scan is incomplete, and the job that made it failed.
STATES = ("ok", "stale", "behind", "incomplete", "no band")
MINUTES, HOURS = 60, 3600


@dataclass(frozen=True)
class Site:
    """A built site, the store it came from, and the moment at which it is read."""

    folder: Path
    store: Path
    clock: float  # seconds since 1970

    def page(self, name: str = "eth") -> Path:
        """The page of a driver, or "home"."""
        return self.folder / ("" if name == "home" else name) / "index.html"

    @property
    def drivers(self) -> list[str]:
        """The drivers that have a page, as their folders are named."""
        return sorted(file.parent.name for file in self.folder.glob("*/index.html"))


class Sites:
    """Every state's site, built when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[str, Site] = {}

    def __getitem__(self, state: str) -> Site:
        if state not in self._built:
            self._built[state] = self._make(state)
        return self._built[state]

    def _make(self, state: str) -> Site:
        if state == "stale":  # the same pages, read a day and a half later
            fresh = self["ok"]
            return Site(fresh.folder, fresh.store, fresh.clock + 31 * HOURS)
        place = self._folder / state.replace(" ", "-")
        store = place / "store"
        store.mkdir(parents=True)
        time = _STORES[state](store)
        code = 3 if state in ("behind", "incomplete") else 0
        reports.build(reports.Asked(store=store, out=place / "site", scan_exit=code))
        return Site(place / "site", store, time + 8 * MINUTES)


def _history(store: Path) -> float:
    stored.make(store, positions=2_000, scans=8)
    return stored.TIME


def _behind(store: Path) -> float:
    stored.make(store, positions=2_000, scans=3, hours=4, incomplete=True)
    return stored.TIME


def _incomplete(store: Path) -> float:
    stored.make(store, positions=2_000, scans=1, incomplete=True)
    return stored.TIME


def _no_band(store: Path) -> float:
    made: dict[str, Any] = whales_sample.scan()
    document = {**made["document"], "bands": []}
    text = whales_sample.as_bytes(document)
    tables = made["positions"], made["legs"]
    block = whales_sample.BLOCK
    snapshots.write(store, 1, block, whales_sample.HASH, True, text, *tables)
    return whales_sample.TIME


_STORES = {"ok": _history, "behind": _behind, "incomplete": _incomplete, "no band": _no_band}
