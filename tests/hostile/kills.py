"""Scans and watches in processes of their own, killed (SIGKILL) at random moments."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from localchain.mixed import Mixed

from hostile.chains import clean
from hostile.scans import scan
from hostile.server import HostileProxy

ROOT = Path(__file__).parents[2]
KINDS = ("cold",) * 8 + ("incremental",) * 7 + ("watch",) * 5  # of each twenty seeds
LONGER = 3  # a watch is killed within so many times the questions of a scan
TAIL = 0.3  # of the scans are killed after their last question, while they are stored
SOON = 60.0
# Not `scans/.writing`: a scan that a kill left half written there is one that nobody sees.
_SCANS = "scans/[0-9]*/*/scan.json"


@dataclass(frozen=True)
class Span:
    """An undisturbed scan: its first question for state, its last question, seconds from there."""

    first: int
    last: int
    tail: float


@dataclass(frozen=True)
class Killed:
    """One kill, and what became of the store.

    Attributes
    ----------
    seed, kind : int, str
    asked, moment : int, float
        It was killed so many seconds after this question.
    died : bool
        Whether it still ran.
    left : str
        The furthest that the store had come: nothing, ledger, borrowers, states or scan.
    wrong : str
        What is not as it must be; empty if all is.
    """

    seed: int
    kind: str
    asked: int
    moment: float
    died: bool
    left: str
    wrong: str


class Kills:
    """`with Kills(mixed, folder) as kills: kills.one(seed)`; the chain is put back at the end."""

    def __init__(self, mixed: Mixed, folder: Path) -> None:
        self._mixed, self._folder = mixed, folder
        self._held = ExitStack()

    def __enter__(self) -> Self:
        chain = self._mixed.aave
        with ExitStack() as held:
            held.enter_context(chain.undone())
            self._proxy = held.enter_context(HostileProxy(chain.url))
            base = self._folder / "base"
            assert scan(self._mixed, base, chain.url).code == 0
            chain.act(8, seed=4)
            newcomer = chain.account("came later")
            newcomer.supply("WETH", 5)
            newcomer.borrow("USDC", 1_000)
            self._want = clean(self._mixed)
            self.spans = {kind: self._undisturbed(kind) for kind in ("cold", "incremental")}
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def one(self, seed: int) -> Killed:
        """Start a process, kill it, and see what its store is good for."""
        kind, dice = KINDS[seed % len(KINDS)], random.Random(seed)
        span = self.spans["cold" if kind == "cold" else "incremental"]
        asked, moment = dice.randint(span.first, span.last), dice.uniform(0, 0.03)
        if kind == "watch":
            asked = dice.randint(span.first, LONGER * span.last)
        elif dice.random() < TAIL:
            asked, moment = span.last, dice.uniform(0, span.tail)
        folder = self._store(kind, f"{seed}")
        with ExitStack() as held:
            if kind == "watch":
                held.enter_context(self._mixed.aave.undone())
            with self._started(kind, folder) as process:
                self._wait_for(process, asked, seed if kind == "watch" else None)
                time.sleep(moment)
                died = process.poll() is None
                process.send_signal(signal.SIGKILL)
            left = furthest(folder / "store")
            wrong = self._finished(kind, folder)
        shutil.rmtree(folder)
        return Killed(seed, kind, asked, moment, died, left, wrong)

    def _finished(self, kind: str, folder: Path) -> str:
        """What is wrong with the store, before and after a scan finishes the work."""
        broken = damage(folder / "store")
        ended = scan(self._mixed, folder, self._mixed.ground.node.url)
        if broken or ended.code:
            return broken or f"exit {ended.code}: {ended.err}"
        want = clean(self._mixed) if kind == "watch" else self._want
        if ended.document != want:
            return "another document than that of a clean scan"
        return damage(folder / "store")

    def _store(self, kind: str, name: str) -> Path:
        """A folder, with what a scan of this kind begins with."""
        folder = self._folder / name
        if kind == "cold":
            folder.mkdir()
        else:
            shutil.copytree(self._folder / "base", folder)
        return folder

    def _undisturbed(self, kind: str) -> Span:
        """A scan that nobody kills."""
        folder, last, when = self._store(kind, f"undisturbed {kind}"), 0, 0.0
        with self._started(kind, folder) as process:
            while process.poll() is None:
                if len(self._proxy.asked) > last:
                    last, when = len(self._proxy.asked), time.monotonic()
                time.sleep(0.002)
            tail = time.monotonic() - when
            assert process.returncode == 0, (folder / "said").read_text()
        return Span(self._proxy.asked.index("eth_call") + 1, last, tail)

    def _wait_for(self, process: subprocess.Popen[bytes], asked: int, act: int | None) -> None:
        """Until the process has asked so much or ended; with `act` (a seed) the chain goes on."""
        end, then = time.monotonic() + SOON, time.monotonic()
        while len(self._proxy.asked) < asked and process.poll() is None:
            now = time.monotonic()
            assert now < end, f"it asked {len(self._proxy.asked)} questions and no more"
            if act is not None and now > then:
                act, then = act + 1, now + 0.3
                self._mixed.aave.act(1, seed=act)
            time.sleep(0.002)

    @contextmanager
    def _started(self, kind: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A process that asks the proxy; dead afterwards."""
        deployments = folder / "mixed.toml"
        deployments.write_text(self._mixed.deployments_toml())
        words: list[object] = [sys.executable, "-m", "scanner"]
        words += ["watch"] if kind == "watch" else ["scan", "--json", folder / "killed.json"]
        words += ["--rpc", self._proxy.url, "--deployments", deployments]
        words += ["--store", folder / "store", "--verify", "all"]
        kept = {name: text for name, text in os.environ.items() if not name.startswith("BANDSCAN")}
        self._proxy.asked.clear()
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(
                list(map(str, words)), cwd=ROOT, env=kept, stdout=said, stderr=said
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def furthest(store: Path) -> str:
    """How far a store had come: nothing, ledger, borrowers, states or scan."""
    ledger = store / "ledger.sqlite"
    if list(store.glob(_SCANS)):
        return "scan"
    if not ledger.exists():
        return "nothing"
    with closing(_read(ledger)) as connection:
        for table, name in (("states", "states"), ("accounts", "borrowers")):
            if connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
                return name
    return "ledger"


def damage(store: Path) -> str:
    """What is broken in a store; empty if nothing is."""
    ledger = store / "ledger.sqlite"
    if ledger.exists():
        with closing(_read(ledger)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchall()
            lost = connection.execute("PRAGMA foreign_key_check").fetchall()
        if found != [("ok",)] or lost:
            return f"the ledger is damaged: {found} {lost}"
    for path in store.glob(_SCANS):
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            return f"a stored scan is damaged: {error}"
    return ""


def _read(ledger: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)
