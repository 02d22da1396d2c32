"""Stands in for scanner.scan, which needs a chain: same names, a finished scan from the sample.

As a script it is the command with that scan: `python -m cli.fake_scan BEHAVIOUR scan ...`.
"""

import os
import signal
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import whales_sample


@dataclass(frozen=True)
class Request:
    chain: str | int | None
    rpc: tuple[str, ...]
    protocols: tuple[str, ...]
    deployments: Path | None
    store: Path
    block: int | str
    shocks: tuple[str, ...]
    verify: int | None
    patience: float = 600.0
    keep: int | None = 30
    accounts_from: Any = None
    anyway: bool = False


@dataclass(frozen=True)
class Finished:
    document: dict[str, Any]
    document_bytes: bytes
    complete: bool
    positions: dict[str, Any]
    path: Path
    stats: dict[str, Any]


Run = Callable[[Request, Any], Finished]


def finished(**changes: Any) -> Finished:
    made = whales_sample.scan(**changes)
    document = made["document"]
    return Finished(
        document=document,
        document_bytes=whales_sample.as_bytes(document),
        complete=document["complete"],
        positions=made["positions"],
        path=Path("nowhere"),
        stats={"seconds": 1.5, "requests": 42},
    )


def module(run: Run) -> types.ModuleType:
    fake = types.ModuleType("scanner.scan")
    fake.__dict__.update(Request=Request, Finished=Finished, run=run)
    return fake


def _complete(request: Request, watch: Any) -> Finished:
    return finished()


def _incomplete(request: Request, watch: Any) -> Finished:
    return finished(complete=False)


def _interrupted(request: Request, watch: Any) -> Finished:
    os.kill(os.getpid(), signal.SIGINT)
    raise AssertionError("the signal should have ended this")


def _quoting(request: Request, watch: Any) -> Finished:
    raise RuntimeError(f"Cannot connect to {request.rpc[0]}")


BEHAVIOURS: dict[str, Run] = {
    "complete": _complete,
    "incomplete": _incomplete,
    "interrupted": _interrupted,
    "quoting": _quoting,
}

if __name__ == "__main__":
    sys.modules["scanner.scan"] = module(BEHAVIOURS[sys.argv.pop(1)])
    from scanner.cli import main

    main()
