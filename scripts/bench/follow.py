"""`bandscan watch`: a pass beside a cold scan of the same block, and its memory after many passes.

A pass is timed from the new head to the printed lines, and its storing apart; both by the watch's
own machinery in this process. Blocks are mined between passes, and each has 25 accounts that acted.
Memory is that of a process that does nothing else, over empty blocks 12 seconds apart.
"""

import gc
import io
import json
import multiprocessing
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from localchain import LocalChain

from bench.lens import command
from bench.report import Figure
from bench.scan import ACCOUNTS, BORROWERS, TOUCHED, Desk
from scanner.following import Plan, _Following
from scanner.opening import Request
from scanner.outputs.live import json_line
from scanner.watching import SILENT, Watch

ROUNDS = 9
FEW, EARLY, LATE = 60, 200, 2_000  # borrowers and passes where memory is looked at
BLOCK_TIME = 12  # seconds


class Paper:
    """Takes the lines of a watch; a pass that fails ends it."""

    def __init__(self) -> None:
        self.lines = 0
        self._sheet = io.StringIO()

    def progress(self) -> AbstractContextManager[Watch]:
        return nullcontext(SILENT)

    def changes(self, document: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
        if not document["complete"]:
            raise RuntimeError(f"an incomplete scan: {document['problems']}")
        self._sheet.seek(0)
        for row in rows:
            print(json_line(row), file=self._sheet)
        self.lines += len(rows)
        return True

    def said(self, message: str) -> None:
        raise RuntimeError(message)

    def failed(self, error: Exception, wait: float) -> None:
        raise error


class Passes:
    """A watch that is told when to look."""

    def __init__(self, following: _Following, paper: Paper) -> None:
        self._following, self._paper = following, paper

    def once(self) -> tuple[float, float]:
        """Seconds from the head to the printed lines, and for storing."""
        began = time.perf_counter()
        passed = self._following.look()
        self._paper.changes(passed.found.document, passed.rows)
        printed = time.perf_counter()
        self._following.keep(passed)
        return printed - began, time.perf_counter() - printed


@contextmanager
def following(url: str, deployments: Path, store: Path) -> Iterator[Passes]:
    """A watch of that endpoint into a store."""
    request = Request(None, (url,), (), deployments, store)
    paper = Paper()
    with ExitStack() as held:
        yield Passes(_Following(request, Plan(), paper, held), paper)


def figures() -> list[Figure]:
    """All figures of this section."""
    return [*_times(), *_memory()]


def _times() -> list[Figure]:
    with LocalChain("origin") as chain, tempfile.TemporaryDirectory() as made:
        chain.populate(ACCOUNTS)
        borrowers, folder = len(chain.borrowers_ever), Path(made)
        if borrowers < BORROWERS:
            raise RuntimeError(f"only {borrowers:,} accounts ever borrowed")
        desk = Desk(chain, folder)
        desk.scan("warm")
        colds, looks, keeps, ratios = [], [], [], []
        with following(chain.url, folder / "deployments.toml", folder / "watch") as watch:
            watch.once()
            for turn in range(1 + ROUNDS):
                chain.act(TOUCHED, seed=turn + 2)
                cold, _ = desk.scan(f"store{turn}")
                look, keep = watch.once()
                if turn:  # the first one warms up
                    colds.append(cold)
                    looks.append(look)
                    keeps.append(keep)
                    ratios.append(look / cold)
        process, _ = command(folder, "process", chain.url)
    return [
        Figure(f"cold scan of {borrowers:,} borrowers", median(colds), "s"),
        Figure("... as a command, start and imports included", process, "s"),
        Figure(f"a pass after {TOUCHED} moved: head to lines", median(looks), "s"),
        Figure("... of the cold scan", 100 * median(ratios), "%", 20),
        Figure("... of the command", 100 * median(looks) / process, "%"),
        Figure("... storing it", median(keeps), "s"),
    ]


def _memory() -> list[Figure]:
    with LocalChain("origin") as chain, tempfile.TemporaryDirectory() as made:
        chain.populate(FEW)
        chain.rpc("anvil_setBlockTimestampInterval", BLOCK_TIME)
        folder = Path(made)
        chain.write_deployments(folder / "deployments.toml")
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_passes, args=(theirs, chain.url, folder), daemon=True)
        process.start()
        theirs.close()
        early, late, first, last = ours.recv()
        process.join()
    return [
        Figure(f"memory after {EARLY:,} passes", early, "MB"),
        Figure(f"... after {LATE:,}, over that", late / early, "x", 1.05),
        Figure(f"processor time of one of the first {EARLY:,}", 1e3 * first, "ms"),
        Figure(f"... of the last {EARLY:,}", 1e3 * last, "ms"),
    ]


def _passes(said: Connection, url: str, folder: Path) -> None:
    """The child process: says what it held, and how long its passes took."""
    held, spent = [], []
    with following(url, folder / "deployments.toml", folder / "store") as watch:
        for number in range(1, LATE + 1):
            _mine(url)
            began = time.process_time()
            watch.once()
            spent.append(time.process_time() - began)
            if number in (EARLY, LATE):
                gc.collect()
                held.append(_resident())
    said.send((*held, median(spent[:EARLY]), median(spent[-EARLY:])))


def _mine(url: str) -> None:
    question = {"jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": []}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(question).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        if b'"error"' in answer.read():
            raise RuntimeError("no block was mined")


def _resident() -> float:
    """What this process holds in memory now. [MB]"""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
