"""A store with the whales' scan, and a real server on a free port of this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api import stores
from api.process import Server, serving


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell says must not change a test."""
    for name in ("BANDSCAN_RPC", "BANDSCAN_STORE", "BANDSCAN_DEBUG", "BANDSCAN_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one complete scan."""
    stores.add(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def server(store: Path) -> Iterator[Server]:
    """A server of that store."""
    with serving(store) as running:
        yield running
