"""The made-up store of `scripts/bench/stored.py`: whole, alike from one seed, with a history."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from bench import stored

from scanner import reading
from scanner.store import snapshots

POSITIONS, SCANS = 1_000, 8


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("store")
    stored.make(made, positions=POSITIONS, scans=SCANS)
    return made


def documents(store: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(store.glob("scans/1/*/scan.json"))]


def cents(dollars: Iterable[float]) -> int:
    return sum(round(100 * amount) for amount in dollars)


def test_the_newest_scan_is_complete_and_reads_like_any_other(store: Path):
    """The reading commands accept it; every account is priced and every debt is found."""
    newest = reading.newest(store, None)
    document = newest.document
    assert document["complete"]
    assert newest.newer is None
    assert (document["block"]["number"], document["block"]["timestamp"]) == (
        stored.BLOCK,
        stored.TIME,
    )
    assert sum(market["borrowers"] for market in document["markets"]) == POSITIONS
    assert [market["market"] for market in document["markets"]] == ["core", "prime"]
    assert all(row["coverage"] == 1.0 for row in document["certificate"])
    (unknown,) = document["unknown"]
    assert unknown["why"] == "no price for MKR"
    assert unknown["debt_usd"] > 0
    assert [problem["kind"] for problem in document["problems"]] == ["oracle_reverted"]
    assert document["already_liquidatable"]["positions"] >= 4


def test_the_same_seed_gives_the_same_bytes(store: Path, tmp_path: Path):
    """Every file of every scan is the same in a second run; another seed gives other scans."""
    for seed in (1, 2):
        stored.make(tmp_path / str(seed), positions=POSITIONS, scans=SCANS, seed=seed)

    def files(folder: Path) -> dict[Path, bytes]:
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert files(tmp_path / "1") == files(store)
    assert not {*files(tmp_path / "2")} & {path for path in files(store) if path.suffix == ".json"}


def test_the_planted_ranges_are_found(store: Path):
    """The six large accounts to the cent, the crowd below them, and one above spot."""
    bands = [band for band in documents(store)[-1]["bands"] if band["driver"] == "ETH"]
    assert any(
        (band["low_usd"], band["high_usd"]) == (1_781.09, 1_862.02) and band["side"] == "long"
        for band in bands
    )
    assert any(band["kind"] == "band" and 2_500 < band["low_usd"] < 2_700 for band in bands)


def test_bands_are_born_and_dissolve(store: Path):
    """The six are not there at first; the range around $1,560 is no longer there at last."""

    def banded(document: dict[str, Any], price: float) -> bool:
        return any(
            band["driver"] == "ETH" and band["low_usd"] <= price <= band["high_usd"]
            for band in document["bands"]
        )

    first, *_, last = documents(store)
    assert [banded(document, 1_810.0) for document in (first, last)] == [False, True]
    assert [banded(document, 1_560.0) for document in (first, last)] == [True, False]


def test_ticks_and_positions_add_up_to_the_cent(store: Path):
    """Each side of each driver: the sums over ticks are the sums over positions."""
    newest = snapshots.newest(store, 1)
    assert newest is not None
    frame = newest.positions()
    frame = frame[~frame["already_liquidatable"] & (frame["side"] != "none")]
    ticks = newest.document()["ticks"]
    groups = frame.groupby(["driver", "side"])
    assert {key for key, _ in groups} == {(row["driver"], row["side"]) for row in ticks}
    for key, rows in groups:
        mine = [row for row in ticks if (row["driver"], row["side"]) == key]
        assert sum(row["positions"] for row in mine) == len(rows)
        for name in ("collateral_at_risk_usd", "debt_usd"):
            assert cents(row[name] for row in mine) == cents(rows[name])


def test_an_incomplete_scan_says_what_it_lacks(tmp_path: Path):
    """The newest one names unread accounts and missing debt; the one before it stays complete."""
    stored.make(tmp_path, positions=POSITIONS, scans=2, incomplete=True)
    before, newest = documents(tmp_path)
    assert (before["complete"], newest["complete"]) == (True, False)
    assert {"account_unreadable", "debt_missing"} <= {p["kind"] for p in newest["problems"]}
    assert min(row["coverage"] for row in newest["certificate"]) < 1.0
    assert reading.newest(tmp_path, None).newer == stored.BLOCK
