"""Liquidations and back-tests for a server: made again only when the store has changed."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from scanner import answers
from scanner.store import snapshots
from scanner.store.events_file import FILE

Answer = dict[str, Any]
_KEPT = 32  # answers


class Happened:
    """The answers of one chain. May be asked by several threads; what costs is made once."""

    def __init__(self, store: Path, chain_id: int) -> None:
        self._store, self._chain_id = store, chain_id
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, Answer] = OrderedDict()

    def liquidations(self, **given: Any) -> Answer:
        """`answers.liquidations`."""
        return self._told("liquidations", partial(answers.liquidations, **given), given)

    def backtest(self, **given: Any) -> Answer:
        """`answers.backtest`."""
        return self._told("backtest", partial(answers.backtest, **given), given)

    def _told(self, name: str, make: Callable[..., Answer], given: dict[str, Any]) -> Answer:
        asked = tuple(
            (key, tuple(value) if isinstance(value, list) else value)
            for key, value in sorted(given.items())
        )
        with self._lock:
            key = (name, asked, self._look())
            if key not in self._kept:
                self._kept[key] = make(self._store, self._chain_id)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _look(self) -> tuple[Any, ...]:
        """What the events' file and the list of scans look like; equal only if neither changed."""
        found: list[Any] = []
        for name in (FILE, f"{FILE}-wal"):
            with suppress(OSError):
                stat = (self._store / name).stat()
                found.append((name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
        folder = self._store / snapshots.FOLDER / str(self._chain_id)
        with suppress(OSError):
            found.append(tuple(sorted(os.listdir(folder))))
        return tuple(found)
