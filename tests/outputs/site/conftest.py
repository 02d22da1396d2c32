"""Sites built once for all tests: from the whales' scan in its states, and from a made-up month."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench import stored as made_up
from cli import whales_sample

from scanner.reporting import report
from scanner.store import snapshots

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\"'&<b>"


def write(store: Path, change: Callable[[dict[str, Any]], None] | None = None, **scan: Any) -> Path:
    """A store with the whales' scan, its document and tables changed by `change`."""
    made = copy.deepcopy(whales_sample.scan(**scan))
    if change is not None:
        change(made)
    document = made["document"]
    store.mkdir(exist_ok=True)
    snapshots.write(
        store,
        document["chain_id"],
        document["block"]["number"],
        whales_sample.HASH,
        document["complete"],
        whales_sample.as_bytes(document),
        made["positions"],
        made["legs"],
        timestamp=document["block"]["timestamp"],
    )
    return store


def site(store: Path, out: Path, **asked: Any) -> Path:
    """Build the site of a store."""
    report.build(report.Asked(store=store, out=out, **asked))
    return out


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all stores and sites of the session."""
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="session")
def whales(folder: Path) -> Path:
    """The site of the whales' scan, the first of its store."""
    return site(write(folder / "whales-store"), folder / "whales")


@pytest.fixture(scope="session")
def incomplete(folder: Path) -> Path:
    """The site of an incomplete scan; there is no complete one."""
    return site(write(folder / "incomplete-store", complete=False), folder / "incomplete")


@pytest.fixture(scope="session")
def no_bands(folder: Path) -> Path:
    """The site of a complete scan in which nothing stands out."""

    def calm(made: dict[str, Any]) -> None:
        made["document"]["bands"] = []

    return site(write(folder / "calm-store", calm), folder / "calm")


@pytest.fixture(scope="session")
def hostile(folder: Path) -> Path:
    """The site of a scan whose tokens, drivers and messages try to be more than text."""

    def poison(made: dict[str, Any]) -> None:
        document = made["document"]
        name = HOSTILE + "../../x"
        made["positions"]["driver"] = [
            name if driver == "BTC" else driver for driver in made["positions"]["driver"]
        ]
        for row in (*document["drivers"], *document["ticks"], *document["bands"]):
            if row["driver"] == "BTC":
                row["driver"] = name
        document["problems"] = [
            {"kind": "x", "protocol": None, "market": HOSTILE, "message": HOSTILE, "fatal": False}
        ]
        document["unknown"] = [
            {"protocol": "aave_v3", "market": HOSTILE, "why": HOSTILE, "accounts": 1,
             "debt_usd": 5e6, "debt_raw": []}
        ]  # fmt: skip

    return site(write(folder / "hostile-store", poison, symbol=HOSTILE), folder / "hostile")


@pytest.fixture(scope="session")
def month_store(folder: Path) -> Path:
    """A store with ten scans of a made-up month, in which bands come, move and go."""
    (folder / "month-store").mkdir()
    made_up.make(folder / "month-store", positions=3_000, scans=10, hours=72)
    return folder / "month-store"


@pytest.fixture(scope="session")
def month(month_store: Path, folder: Path) -> Path:
    """The site of that store."""
    return site(month_store, folder / "month")


@pytest.fixture(scope="session")
def everywhere(
    whales: Path, incomplete: Path, no_bands: Path, hostile: Path, month: Path
) -> list[Path]:
    """Every site there is."""
    return [whales, incomplete, no_bands, hostile, month]
