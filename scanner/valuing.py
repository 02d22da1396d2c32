"""What liquidations were worth when they happened.

By the protocol's own oracle at the end of the event's block. Where no endpoint keeps that block's
state any more, by the prices of the stored scan that is nearest in time, and the row says which;
where no scan knows the token either, there is no price, and that is counted.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain.connect import Node
from scanner.chain.pinned import Chain
from scanner.core.realised import Realised, Worth, lacking, put, unknown, valued
from scanner.errors import BandscanError, MarketError, Problem, Reorganised, ScanGone, StateGone
from scanner.opening import Opened
from scanner.store import snapshots
from scanner.store.events import BLOCK_PRICES, Read
from scanner.watching import Watch

U8 = npt.NDArray[np.uint8]
_KEYS = ("repaid", "seized", "bad_debt")


class Valuer:
    """Values the rows of one market."""

    def __init__(self, store: Path, node: Node, one: Opened, watch: Watch) -> None:
        self._store, self._node, self._one, self._watch = store, node, one, watch
        self._gone = -1  # at and below this block nobody keeps state any more
        self._scans: list[tuple[int, snapshots.Snapshot]] | None = None
        self._prices: dict[str, dict[bytes, float]] = {}

    def read(self, rows: Realised) -> tuple[Read, list[Problem]]:
        """The rows with the times of their blocks and what they were worth.

        Raises
        ------
        Reorganised
            A row's block is another one now.
        """
        whole, times = unknown(len(rows)), np.zeros(len(rows), np.int64)
        source: list[str | None] = [BLOCK_PRICES] * len(rows)
        unpriced = 0
        for block in np.unique(rows.block).tolist():
            place = np.flatnonzero(rows.block == block)
            at, part = self._node.pin(block), rows.picked(place)
            if (rows.hash[place] != np.frombuffer(at.block.hash, np.uint8)).any():
                raise Reorganised(f"block {block} was reorganised while it was read")
            times[place] = at.block.timestamp
            worth = self._worth(at, part)
            before = lacking(part, worth)
            if before.any():
                scan = self._completed(part, worth, at.block.timestamp)
                after = lacking(part, worth)
                for row in np.flatnonzero(before).tolist():
                    source[place[row]] = scan if scan and _priced(worth, row) else None
                unpriced += int(after.sum())
            put(whole, place, worth)
        problems = []
        if unpriced:
            row_of = self._one.row
            text = (
                f"{unpriced} events have an amount without a price: nobody keeps the state of their"
                " block, and no stored scan tells it; sums leave them out"
            )
            problems.append(Problem("event_unpriced", text, row_of.protocol, row_of.name))
        return Read(self._owned(rows, times), times.tolist(), whole, source), problems

    def _worth(self, at: Chain, part: Realised) -> Worth:
        """At the block's own prices; unknown where its state is gone."""
        adapter: Any = self._one.adapter
        if at.block.number > self._gone:
            try:
                worth: Worth = adapter.worth(at, self._one.market, part)
                return worth
            except StateGone:
                self._gone = at.block.number
                self._watch.say(
                    f"{self._one.row.name}: nobody keeps the state of block {at.block.number};"
                    " events up to it are valued at the prices of stored scans"
                )
            except MarketError as error:  # it had no price in dollars then
                self._watch.say(f"{self._one.row.name}: block {at.block.number}: {error.what}")
        return unknown(len(part))

    def _completed(self, part: Realised, worth: Worth, timestamp: int) -> str | None:
        """Fill in what has no price by the scan nearest in time; its name for the rows."""
        nearest = self._nearest(timestamp)
        if nearest is None:
            return None
        name, prices = nearest
        other = valued(part, prices, worth.units)
        for key in _KEYS:
            mine, theirs = getattr(worth, key), getattr(other, key)
            mine[np.isnan(mine)] = theirs[np.isnan(mine)]
        return f"scan {name}"

    def _nearest(self, timestamp: int) -> tuple[str, dict[bytes, float]] | None:
        """The stored scan nearest in time, and its prices by token. [USD]"""
        for scan_time, scan in sorted(self._listed(), key=lambda pair: abs(pair[0] - timestamp)):
            if scan.scan_id not in self._prices:
                try:
                    rows = scan.document()["tokens"]
                except (BandscanError, KeyError):
                    continue
                self._prices[scan.scan_id] = {
                    bytes.fromhex(row["address"][2:]): float(row["price_usd"])
                    for row in rows
                    if row["price_usd"]
                }
            assert scan_time >= 0
            return scan.scan_id, self._prices[scan.scan_id]
        return None

    def _listed(self) -> list[tuple[int, snapshots.Snapshot]]:
        if self._scans is None:
            self._scans = []
            for scan in snapshots.listed(self._store, self._node.chain_id, damaged=[]):
                try:
                    self._scans.append((scan.timestamp, scan))
                except BandscanError:  # damaged, or gone meanwhile
                    continue
        return self._scans

    def _owned(self, rows: Realised, times: npt.NDArray[np.int64]) -> Realised:
        """The rows with the owners that the nearest scan with positions knows, where the logs name
        none."""
        nobody = ~rows.owner.any(axis=1)
        if not nobody.any():
            return rows
        owner = rows.owner.copy()
        known: dict[str, str] = {}
        middle = int(np.median(times))
        for _, scan in sorted(self._listed(), key=lambda pair: abs(pair[0] - middle)):
            try:
                if not scan.has_tables:
                    continue
                table = scan.positions()
            except ScanGone:
                continue
            mine = table[table["protocol"] == self._one.row.protocol]
            known = dict(zip(mine["account"], mine["owner"], strict=True))
            break
        for row in np.flatnonzero(nobody):
            told = known.get("0x" + rows.account[row].tobytes().hex())
            if told is not None:
                owner[row] = np.frombuffer(bytes.fromhex(told[2:]), np.uint8)
        return Realised(**{**vars(rows), "owner": owner})


def _priced(worth: Worth, row: int) -> bool:
    return any(not np.isnan(getattr(worth, key)[row]) for key in _KEYS)
