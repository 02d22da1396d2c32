"""Everything that runs while `bandscan serve` does, and how it begins and ends."""

import asyncio
import logging
import os
import signal
import socket
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from scanner import __version__
from scanner.outputs.api.app import Parts, application
from scanner.outputs.api.board import Board
from scanner.outputs.api.connections import Door, protocol, sweeping
from scanner.outputs.api.front import Front
from scanner.outputs.api.guard import Rules
from scanner.outputs.api.limits import Buckets
from scanner.outputs.api.metrics import Metrics
from scanner.outputs.api.source import Chain, State
from scanner.outputs.api.stream import Hub
from scanner.serving.binding import Address, bound, hosts
from scanner.serving.rescans import Rescans, Scans
from scanner.serving.showing import STRANGE, Store

POLL = 0.2  # seconds between two looks at the store
PAUSE = 2.0  # seconds after a look that failed
RATE, BURST = 20.0, 100.0  # requests per second and at once, of one client of a public server
EACH = 64  # connections of one client of a public server
FAREWELL = 3  # seconds for answers under way when the server stops

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes
    ----------
    allowed : tuple of str
        Names beside the address itself that clients may call the server by.
    origins : tuple of str
        Pages whose scripts may read the answers.
    stale : float
        The age of a scan from which on /healthz says 503. [s]
    scans : Scans or None
        What --watch runs.
    hide : callable
        Takes secrets and paths out of what other programs and defects say.
    """

    store: Path
    address: Address
    token: str | None = None
    public: bool = False
    allowed: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    stale: float = 6 * 3600.0
    scans: Scans | None = None
    hide: Callable[[str], str] = str


def serve(settings: Settings, say: Say) -> None:
    """Serve until SIGTERM or SIGINT.

    `say` is told one line at a time, without URLs of endpoints and paths of this machine.

    Raises
    ------
    UsageError
        The address cannot be used.
    """
    _tell_logs(say)
    with bound(settings.address) as listener:
        asyncio.run(_Server(settings, listener, say).run())


class _Server:
    """Everything that runs, and how it begins and ends."""

    def __init__(self, settings: Settings, listener: socket.socket, say: Say) -> None:
        port = listener.getsockname()[1]
        self._settings = settings
        self._listener = listener
        self._say = say
        self._store = Store(settings.store)
        self._metrics = Metrics()
        self._board = Board(self._defect, b"private, no-cache" if settings.token else b"no-cache")
        self._hub = Hub(self._metrics, limited=settings.public)
        self._told: dict[int, frozenset[str]] = {}  # scans that the stream knows of
        self._rescans = Rescans(settings.scans, self._rescanned) if settings.scans else None
        self._completing: asyncio.Future[None] | None = None
        self._door = Door(each=EACH if settings.public else None)
        rules = Rules(
            hosts=hosts(settings.address, port, settings.allowed),
            token=settings.token.encode() if settings.token else None,
            buckets=Buckets(RATE, BURST) if settings.public else None,
            origins=frozenset(origin.encode() for origin in settings.origins),
        )
        report = self._rescans.report if self._rescans else _no_report
        parts = Parts(self._board, self._hub, self._metrics, settings.stale, __version__, report)
        front = Front(application(parts), self._board, rules, self._metrics, self._defect)
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                front,
                http=protocol(self._door),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=FAREWELL,
            )
        )
        self._url = f"http://{settings.address.shown}:{port}"

    async def run(self) -> None:
        """Serve until a signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        await self._load()
        self._say(f"serving on {self._url}")
        tasks = [asyncio.create_task(one) for one in self._work()]
        try:
            await self._uvicorn.serve(sockets=[self._listener])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._board.close()
        self._say("stopped")

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        """What goes on beside the requests."""
        rescans = [self._rescans.run()] if self._rescans else []
        return [sweeping(self._door), self._follow(), *rescans]

    def _stop(self) -> None:
        """Readers of the stream first: they would stay as long as they like."""
        self._hub.close()
        self._uvicorn.force_exit = self._uvicorn.should_exit  # asked for twice
        self._uvicorn.should_exit = True

    async def _follow(self) -> None:
        """Show what is new in the store, for as long as the server runs."""
        while True:
            await asyncio.sleep(POLL)
            try:
                changed = await asyncio.to_thread(self._store.changed)
            except Exception as error:
                await self._lost(error)
            else:
                if changed:
                    await self._load()

    async def _load(self) -> None:
        try:
            await self._show(await asyncio.to_thread(self._store.load))
        except Exception as error:
            await self._lost(error)

    async def _lost(self, error: Exception) -> None:
        """The store is not to be understood: show that, and look again later."""
        if self._board.now.state.trouble != STRANGE:  # told once, not every time
            self._defect(error)
        await asyncio.to_thread(self._board.show, State(trouble=STRANGE))
        self._store.forget()
        await asyncio.sleep(PAUSE)

    async def _show(self, state: State) -> None:
        before = self._board.now.state
        await asyncio.to_thread(self._board.show, state)
        self._completing = asyncio.ensure_future(asyncio.to_thread(self._board.complete))
        shown = self._board.now.state
        for line in news(before, shown):
            self._say(line)
        for chain in shown.chains.values():
            if chain.trouble is None:
                await self._publish(chain)

    async def _publish(self, chain: Chain) -> None:
        """Tell the stream's readers of the scans that were not there before."""
        known = self._told.get(chain.chain_id, chain.listed)
        self._told[chain.chain_id] = chain.listed
        if chain.listed - known and self._hub.followed(chain.chain_id):
            log = await asyncio.to_thread(chain.log)
            new = [event for event in log.events if event.scan_id not in known]
            self._hub.publish(chain.chain_id, new)

    def _rescanned(self, code: int, said: str) -> None:
        self._metrics.rescans[code] += 1
        if code:
            self._say(f"rescan ended with {code}: {self._settings.hide(said) or 'no word'}")

    def _defect(self, error: Exception) -> None:
        """One line; a traceback only for who asked for it."""
        self._say(f"defect: {type(error).__name__}; BANDSCAN_DEBUG=1 shows where")
        if os.environ.get("BANDSCAN_DEBUG"):
            self._say(self._settings.hide("".join(traceback.format_exception(error))))


class _Uvicorn(uvicorn.Server):
    """uvicorn without its own idea of signals: it would end with the signal, we end with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Lines(logging.Handler):
    """What libraries log, as one line: no traceback, which would show paths of this machine."""

    def __init__(self, say: Say) -> None:
        super().__init__(logging.ERROR)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        self._say(f"{record.getMessage().partition(chr(10))[0]} {kind}".strip())


def _tell_logs(say: Say) -> None:
    for name in ("uvicorn.error", "asyncio", "fastapi"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_Lines(say)], False


def news(before: State, now: State) -> list[str]:
    """What to tell of a change of the store: new scans, trouble, and its end."""
    lines = []
    if now.trouble != before.trouble:
        lines.append(now.trouble or "The store can be read again.")
    elif not now.chains:
        lines.append("The store holds no finished scan yet.")
    for chain_id, chain in now.chains.items():
        old = before.chains.get(chain_id)
        if chain.trouble is not None:
            if old is None or old.trouble != chain.trouble:
                lines.append(f"{chain.name}: {chain.trouble}")
        elif chain.scan is not None and (old is None or old.scan is not chain.scan):
            worth = "complete" if chain.scan.complete else "INCOMPLETE"
            lines.append(f"{chain.name}: block {chain.scan.block:,}, {worth}")
    return lines


def _no_report() -> None:
    """Without --watch nobody rescans."""
