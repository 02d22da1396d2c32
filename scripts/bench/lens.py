"""The lens beside aggregate3, for the very same calls; and how much of a scan is our own work.

The calls are those by which a cold scan of a local chain reads its accounts (flags, e-modes,
balances). They are asked again by each path, in turns, of the same node. The share of the processor
is that of the scanning process over the wall time: on loopback, where the node answers in
microseconds, and through a line of 20 ms (`delay.py`, in a process of its own).
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as Folder
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
from localchain import LocalChain

from bench.delay import delayed
from bench.report import Figure
from bench.scan import Desk
from bench.servers import BANDSCAN
from scanner.chain.abi import U8
from scanner.chain.bulk import MANY
from scanner.chain.connect import connect
from scanner.chain.pinned import Chain
from scanner.chain.transport import Path

ACCOUNTS, ROUNDS, SCANS = 2_000, 9, 5
LINE = 0.02  # seconds, there and back
NAMES = {Path.OVERRIDE: "lens lent as an override", Path.CREATE: "lens as init code"}


@dataclass(frozen=True)
class Read:
    """One bulk read of a scan."""

    targets: U8
    data: U8
    words: int
    gas: int | None


def figures() -> list[Figure]:
    """All figures of this section."""
    with LocalChain("origin") as chain, tempfile.TemporaryDirectory() as made:
        chain.populate(ACCOUNTS)
        folder = Folder(made)
        with recorded() as reads:
            Desk(chain, folder).scan("recorded")
        found = _paths(chain, [one for one in reads if one.words == 1 and len(one.data) >= MANY])
        found += _shares(chain, folder, "on loopback", chain.url)
        with delayed(chain.url, LINE) as url:
            found += _shares(chain, folder, f"over a line of {1e3 * LINE:.0f} ms", url, 40)
    return found


@contextmanager
def recorded() -> Iterator[list[Read]]:
    """Every bulk read, meanwhile."""
    reads: list[Read] = []
    real = Chain.bulk_ahead

    def asked(self: Chain, targets: U8, data: U8, words: int, **options: Any) -> Any:
        reads.append(Read(targets, np.array(data), words, options.get("gas")))
        return real(self, targets, data, words, **options)

    with mock.patch.object(Chain, "bulk_ahead", asked):
        yield reads


def _paths(chain: LocalChain, reads: list[Read]) -> list[Figure]:
    """All paths in turns; a node for each, so that each has learned its own sizes."""
    borrowers, calls = len(chain.borrowers_ever), sum(len(one.data) for one in reads)
    nodes = {path: connect(chain.chain_id, [chain.url]) for path in Path}
    sent: dict[Path, int] = {}
    spent: dict[Path, list[float]] = {path: [] for path in Path}
    answers = set()
    try:
        for path, node in nodes.items():
            [endpoint] = node.client.endpoints
            endpoint.path = path
            endpoint.closed = set(list(Path)[: list(Path).index(path)])
        for turn in range(1 + ROUNDS):
            for path in list(Path)[:: 1 if turn % 2 else -1]:
                node = nodes[path]
                pinned = node.pin()
                before = node.stats.methods["eth_call"].sent if turn else 0
                began = time.perf_counter()
                found = [
                    pinned.bulk(one.targets, one.data, one.words, gas=one.gas) for one in reads
                ]
                seconds = time.perf_counter() - began
                answers.add(b"".join(one.words.tobytes() for one in found))
                if turn:  # the first one warms up
                    spent[path].append(seconds)
                    sent[path] = node.stats.methods["eth_call"].sent - before
                if node.client.endpoints[0].path is not path:
                    raise RuntimeError(f"{path} was left")
    finally:
        for node in nodes.values():
            node.close()
    if len(answers) > 1:
        raise RuntimeError("the paths answer differently")
    plain, slow = sent[Path.AGGREGATE], spent[Path.AGGREGATE]
    rows = [
        Figure(f"{calls:,} calls about {borrowers:,} borrowers by aggregate3", median(slow), "s"),
        Figure("... bytes sent per borrower", plain / borrowers),
    ]
    for path, name in NAMES.items():
        ratios = [mine / theirs for mine, theirs in zip(spent[path], slow, strict=True)]
        rows += [
            Figure(f"{name}: bytes sent per borrower", sent[path] / borrowers),
            Figure("... of aggregate3's", sent[path] / plain, "x", 1 / 8),
            Figure("... time, of aggregate3's", median(ratios), "x", 1),
        ]
    return rows


def _shares(
    chain: LocalChain, folder: Folder, where: str, url: str, budget: float | None = None
) -> list[Figure]:
    """Processor over wall of cold scans, in this process and as the command."""
    desk = Desk(chain, folder)
    desk.url = url
    walls, busy = [], []
    for number in range(SCANS):
        began = time.process_time()
        wall, _ = desk.scan(f"{where} {number}")
        walls.append(wall)
        busy.append((time.process_time() - began) / wall)
    wall, share = command(folder, where, url)
    return [
        Figure(f"cold scan {where}", median(walls), "s"),
        Figure("... its processor time, of that", 100 * median(busy), "%", budget),
        Figure("... as a command, start and imports included", wall, "s"),
        Figure("... its processor time, of that", 100 * share, "%"),
    ]


def command(folder: Folder, where: str, url: str) -> tuple[float, float]:
    """Seconds of `bandscan scan`, and the share of a core that it used."""
    words = [*BANDSCAN, "scan", "--rpc", url, "--quiet", "--store", str(folder / f"{where} c")]
    words += ["--deployments", str(folder / "deployments.toml")]
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return seconds, (usage.ru_utime + usage.ru_stime) / seconds
