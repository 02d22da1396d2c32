"""Answers from a store on this machine."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scanner import __version__, answers, reading
from scanner.client.answer import Answer
from scanner.client.errors import Incomplete
from scanner.core.realised import seconds_of
from scanner.errors import ScanGone, UsageError
from scanner.outputs.document import plain, reasons
from scanner.reading import Stored
from scanner.store import snapshots

_STALE = 6 * 3600.0  # seconds, as `bandscan serve` has it
_TRIES = 100


class LocalSource:
    """The newest scan of one chain of a store; read again only when there is a newer one."""

    def __init__(self, store: Path, chain: str | int | None, *, incomplete: bool) -> None:
        self._store = store
        self._chain = chain
        self._incomplete = incomplete
        self._stored: Stored | None = None

    def answer(self, name: str, filters: dict[str, Any]) -> Answer:
        """As `scanner.answers` has it, with NaN as None, as the JSON has it."""
        match name:
            case "scans":
                return _plain(answers.scans(self._store, self._chain))
            case "status":
                return self._status()
            case "liquidations":
                return _plain(self._liquidations(**filters))
            case "backtest":
                return _plain(answers.backtest(self._store, self._chain, **filters))
        stored = self._newest()
        given = self._checked(stored, filters)
        if name == "history":
            return _plain(answers.history(self._store, stored.snapshot.chain_id, **given))
        return _plain(getattr(answers, name)(stored, **given))

    def pages(self, filters: dict[str, Any]) -> Iterator[Answer]:
        """One page: nothing has to travel."""
        yield self.answer("positions", filters)

    def _newest(self) -> Stored:
        """The newest complete scan, its tables read."""
        chain_id = reading.chain_id(self._store, self._chain)
        for _ in range(_TRIES):
            newest = snapshots.newest(self._store, chain_id, complete=True)
            held = self._stored
            if held is not None and newest is not None and held.snapshot.path == newest.path:
                return held
            stored = reading.newest(self._store, chain_id)
            if not stored.document["complete"] and not self._incomplete:
                why = reasons(stored.document)
                raise Incomplete(503, {
                    "type": "urn:bandscan:problem:incomplete",
                    "detail": f"The only scan is incomplete: {why[0]}",
                    "reasons": why,
                })  # fmt: skip
            try:
                _ = stored.positions, stored.legs
            except ScanGone:  # retention was faster
                continue
            self._stored = stored
            return stored
        raise ScanGone("The store changes faster than it can be read.", store=self._store)

    def _liquidations(self, **given: Any) -> dict[str, Any]:
        """As the server has it: its words for filters are the client's."""
        words = {"from_block": "first", "to_block": "last"}
        asked = {words.get(name, name): value for name, value in given.items()}
        if "since" in asked:
            try:
                asked["since"] = seconds_of(asked["since"])
            except ValueError as error:
                raise UsageError(f"since: {error}.") from None
        if "protocol" in asked:
            asked["protocols"] = [asked.pop("protocol")]
        return answers.liquidations(self._store, self._chain, **asked)

    def _checked(self, stored: Stored, filters: dict[str, Any]) -> dict[str, Any]:
        """The filters with the scan's spelling of the driver; refuses what a server would."""
        given = dict(filters)
        if "driver" in given:
            given["driver"] = reading.driver(stored.document, given["driver"])
        known = sorted({row["protocol"] for row in stored.document["markets"]})
        if given.get("protocol", known[0] if known else None) not in (None, *known):
            raise UsageError("The scan has no such protocol.", protocols=", ".join(known))
        if "address" in given:
            given["address"] = given["address"].lower()
        return given

    def _status(self) -> Answer:
        from scanner.outputs.api import health
        from scanner.serving.showing import Store

        state = Store(self._store).load()
        return Answer(health.status(state, time.time(), _STALE, __version__, None))


def _plain(answer: dict[str, Any]) -> Answer:
    return Answer(plain(answer))
