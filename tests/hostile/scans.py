"""Scans of the mixed chain through hostile endpoints, in a time in which nobody waits."""

import asyncio
import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
from click.testing import CliRunner
from localchain.mixed import Mixed

from scanner import opening
from scanner.chain import connect, transport
from scanner.cli import main

CLEAN = {"BANDSCAN_RPC": None, "BANDSCAN_STORE": None, "BANDSCAN_DEBUG": None}
KEY = "k3y-0123456789abcdef"
NAMED = (2, 3, 4)  # exit codes that have a name


class Time:
    """A clock that runs ahead by whatever somebody wants to sleep."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def clock(self) -> float:
        return time.monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += seconds
        await asyncio.sleep(0)


@contextmanager
def impatient(*, read: float = 1.0) -> Iterator[None]:
    """Waits take no time, and an answer that does not come is given up after a second."""
    passing = Time()
    timeout = aiohttp.ClientTimeout(total=2 * read, sock_connect=read, sock_read=read)
    quick = partial(
        connect.connect, sleep=passing.sleep, clock=passing.clock, dice=random.Random(1)
    )
    with (
        mock.patch.object(opening, "connect", quick),
        mock.patch.object(transport, "TIMEOUT", timeout),
    ):
        yield


@dataclass(frozen=True)
class Ended:
    """How a scan ended, what it said and what it wrote."""

    code: int
    out: str
    err: str
    document: bytes

    @property
    def complete(self) -> bool:
        found: dict[str, Any] = json.loads(self.document or b"{}")
        return bool(found.get("complete"))


def scan(
    mixed: Mixed,
    folder: Path,
    *urls: str,
    only: Sequence[str] = (),
    block: int | None = None,
    patience: float = 300,
) -> Ended:
    """`bandscan scan` into folder/store, every account verified.

    `only` are the protocols (all, if empty).
    """
    folder.mkdir(exist_ok=True)
    deployments, target = folder / "mixed.toml", folder / "scan.json"
    deployments.write_text(mixed.deployments_toml())
    target.unlink(missing_ok=True)
    where: Sequence[object] = [option for url in urls for option in ("--rpc", url)]
    what: list[object] = ["--block", block] if block is not None else []
    what += [option for protocol in only for option in ("--protocol", protocol)]
    arguments: list[object] = [
        "scan",
        "--chain",
        mixed.aave.chain_id,
        *where,
        *what,
        "--deployments",
        deployments,
        "--store",
        folder / "store",
    ]
    arguments += ["--json", target, "--verify", "all", "--patience", patience]
    with impatient():
        ended = CliRunner().invoke(main, list(map(str, arguments)), env=CLEAN)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    content = target.read_bytes() if target.exists() else b""
    return Ended(ended.exit_code, ended.stdout, ended.stderr, content)
