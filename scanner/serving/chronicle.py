"""A chain's stored scans for a server that runs for months: each document is read once.

`past.records` reads them all, which is right for a command. Here what was read stays, and only a
scan that is new is read.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanner import answers, past
from scanner.errors import ScanGone, StoreError
from scanner.outputs.api.source import Event, Log
from scanner.outputs.document import plain
from scanner.past import Record
from scanner.reading import SCHEMA
from scanner.store import snapshots
from scanner.store.snapshots import Snapshot

# What a document or a meta.json that nobody of us wrote makes the code that reads it raise.
ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Chronicle:
    """The history of one chain. Its methods may be called from several threads."""

    def __init__(self, store: Path, chain_id: int) -> None:
        self._store = store
        self._chain_id = chain_id
        self._lock = threading.Lock()
        self._read: dict[str, Record] = {}

    def history(self, driver: str | None, days: float | None) -> dict[str, Any]:
        """`answers.history` of the scans that are stored now."""
        records, problems = self._records()
        if driver is None:
            return answers.leverage(self._chain_id, records, problems, days=days)
        return answers.told(self._chain_id, records, driver, problems, days=days)

    def log(self, listed: frozenset[str]) -> Log:
        """The events of the scans in `listed`: for each a `scan`, a `band` for every change."""
        records = [one for one in self._records()[0] if one.scan_id in listed]
        moving = {name for one in records for name, held in one.drivers.items() if held.bands}
        changes: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for driver in sorted(moving):
            for row in answers.told(self._chain_id, records, driver, ())["scans"]:
                found = changes.setdefault(row["scan_id"], [])
                found += [(driver, change) for change in row["changes"]]
        events = [
            event for one in records for event in self._events(one, changes.get(one.scan_id, []))
        ]
        return Log(tuple(events), frozenset(one.scan_id for one in records))

    def _events(self, record: Record, changes: list[tuple[str, Mapping[str, Any]]]) -> list[Event]:
        head = {
            "schema": SCHEMA,
            "chain_id": self._chain_id,
            "scan_id": record.scan_id,
            "block": record.block,
            "complete": record.complete,
        }
        told = [Event(record.scan_id, 0, "scan", None, _line({**head, "changes": len(changes)}))]
        for number, (driver, change) in enumerate(changes, 1):
            spot = record.drivers[driver].spot
            data = _line({**head, "driver": driver, "spot_usd": spot, **change})
            told.append(Event(record.scan_id, number, "band", driver, data))
        return told

    def _whole(self, snapshot: Snapshot) -> Record:
        """A scan that history can be told of, alone at least: one bad one must not end them all."""
        try:
            record = past.record(snapshot)
            for driver in record.drivers:
                answers.told(self._chain_id, [record], driver, ())
            answers.leverage(self._chain_id, [record], ())
            if record.timestamp < 0 or record.block["number"] != snapshot.block:
                raise ValueError("not the block that the scan is named for")
        except ODD as error:
            raise StoreError("A stored scan is not what a scan writes.") from error
        return record

    def _records(self) -> tuple[list[Record], list[str]]:
        """As `past.records`; what it says of damaged scans too."""
        damaged: list[StoreError] = []
        found: list[Record] = []
        with self._lock:
            known: dict[str, Record] = {}
            for snapshot in snapshots.listed(self._store, self._chain_id, damaged):
                name = snapshot.scan_id
                try:
                    known[name] = self._read.get(name) or self._whole(snapshot)
                except ScanGone:
                    continue
                except StoreError as error:
                    damaged.append(error)
                    continue
                found.append(known[name])
            self._read = known  # what retention removed is forgotten here as well
        return found, [error.what for error in damaged]


def _line(value: Mapping[str, Any]) -> bytes:
    """JSON in one line, ASCII only: what an event can hold."""
    return json.dumps(plain(value), allow_nan=False, separators=(",", ":")).encode()
