"""A cold scan of 5,000 borrowers on a local chain, and one after 25 of them moved.

The yardstick is what a bare HTTP client needs for the very same requests: as many in flight, each
answer read whole and thrown away. Both take turns in one process, imports done.
"""

import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import aiohttp
from localchain import FLAVOURS, LocalChain

from bench.report import Figure
from scanner import opening, scan
from scanner.chain.connect import connect

ACCOUNTS, TOUCHED = 5_500, 25  # a tenth of the accounts never has debt
BORROWERS = 5_000
ROUNDS = 7
IN_FLIGHT = 4  # what `connect` keeps in flight


def figures() -> list[Figure]:
    """All figures of this section, for both generations of the contracts."""
    return [figure for flavour in FLAVOURS for figure in _of_flavour(flavour)]


def _of_flavour(flavour: str) -> list[Figure]:
    with LocalChain(flavour) as chain, tempfile.TemporaryDirectory() as made:
        chain.populate(ACCOUNTS)
        borrowers = len(chain.borrowers_ever)
        if borrowers < BORROWERS:
            raise RuntimeError(f"only {borrowers:,} accounts ever borrowed")
        desk = Desk(chain, Path(made))
        desk.scan("warm")
        scans, replays, ratios = [], [], []
        for turn in range(ROUNDS):
            cold, facts = desk.scan(f"store{turn}")
            bodies = list(desk.bodies)
            bare, _ = asyncio.run(replay(chain.url, bodies))
            scans.append(cold)
            replays.append(bare)
            ratios.append(cold / bare)
        chain.act(TOUCHED)
        again, repeated = desk.scan("store0")
    traffic = facts["bytes_sent"] + facts["bytes_received"]
    moved = repeated["bytes_sent"] + repeated["bytes_received"]
    return [
        Figure(f"{flavour}: cold scan of {borrowers:,} borrowers", median(scans), "s"),
        Figure("... the same requests, bare HTTP client", median(replays), "s"),
        Figure("... scan over bare client", median(ratios), "x", 1.6),
        Figure("... requests", len(bodies), "", 200),
        Figure("... bytes sent per borrower", facts["bytes_sent"] / borrowers, "", 2_600),
        Figure(f"... scan after {TOUCHED} moved", again, "s"),
        Figure("... its bytes, of the cold scan's", 100 * moved / traffic, "%", 10),
    ]


class Desk:
    """Scans of one chain, with every request's body kept in `bodies`."""

    def __init__(self, chain: LocalChain, folder: Path) -> None:
        self.url, self.folder = chain.url, folder
        self.bodies: list[bytes] = []
        self.document: dict[str, Any] = {}
        chain.write_deployments(str(folder / "deployments.toml"))

    def scan(self, store: str) -> tuple[float, dict[str, Any]]:
        """Seconds and traffic of one scan into a store of that name."""
        self.bodies.clear()
        request = scan.Request(
            chain=None,
            rpc=(self.url,),
            protocols=(),
            deployments=self.folder / "deployments.toml",
            store=self.folder / store,
        )
        recording = partial(connect, record=lambda body, _: self.bodies.append(body))
        with mock.patch.object(opening, "connect", recording):
            began = time.perf_counter()
            finished = scan.run(request)
            seconds = time.perf_counter() - began
        if not finished.complete:
            raise RuntimeError(f"an incomplete scan: {finished.document['problems']}")
        self.document = finished.document
        return seconds, finished.stats


async def replay(url: str, bodies: list[bytes]) -> tuple[float, int]:
    """Seconds for all requests, `IN_FLIGHT` at a time, in their order, answers unread; and how
    many bytes the answers had."""
    waiting, size = iter(bodies), 0
    headers = {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            nonlocal size
            for body in waiting:
                async with session.post(url, data=body, headers=headers) as answer:
                    size += len(await answer.read())

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return time.perf_counter() - began, size
