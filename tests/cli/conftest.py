"""A store with a finished scan, and a stand-in for scanner.scan where no chain is needed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import fake_scan, whales_sample

Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell says must not change a test."""
    for name in ("BANDSCAN_RPC", "BANDSCAN_STORE", "BANDSCAN_DEBUG", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.time", lambda: float(whales_sample.TIME + 60))


@pytest.fixture
def bandscan() -> Invoke:
    """Run the command in this process."""
    from scanner.cli import main

    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one complete scan."""
    (tmp_path / "store").mkdir()
    return whales_sample.store(tmp_path / "store")


class Scans:
    """What the stand-in for scanner.scan was asked, and what it is to do."""

    def __init__(self) -> None:
        self.requests: list[fake_scan.Request] = []
        self.run: Callable[[Any, Any], Any] = lambda request, watch: fake_scan.finished()

    def __call__(self, request: fake_scan.Request, watch: Any) -> Any:
        self.requests.append(request)
        return self.run(request, watch)


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> Scans:
    """Replace scanner.scan."""
    made = Scans()
    monkeypatch.setitem(sys.modules, "scanner.scan", fake_scan.module(made))
    return made
