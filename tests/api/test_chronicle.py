"""History and events of a chain, each document read once."""

import json
import shutil
from pathlib import Path

import pytest
from cli import whales_sample

from api import stores
from scanner import answers, past
from scanner.serving.chronicle import Chronicle
from scanner.store import snapshots

BLOCK, TIME = whales_sample.BLOCK, whales_sample.TIME


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scans whose document was read."""
    found: list[str] = []
    real = past.record

    def record(snapshot: snapshots.Snapshot) -> past.Record:
        found.append(snapshot.scan_id)
        return real(snapshot)

    monkeypatch.setattr(past, "record", record)
    return found


def ids(store: Path) -> frozenset[str]:
    return frozenset(one.scan_id for one in snapshots.listed(store, 1, damaged=[]))


def test_history_is_the_shared_layers(store):
    """With and without a number of days."""
    for day in range(1, 5):
        stores.add(store, block=BLOCK + day, timestamp=TIME + day * 86_400, worth=1 + day)
    chronicle = Chronicle(store, 1)

    for days in (None, 1, 2, 2.5, 30):
        assert chronicle.history("ETH", days) == answers.history(store, 1, "ETH", days=days)


def test_a_damaged_scan_of_the_past_is_told(store):
    """As everywhere; the others are still there."""
    stores.add(store, block=BLOCK + 1)
    (snapshots.listed(store, 1)[0].path / "scan.json").write_bytes(b"{")
    history = Chronicle(store, 1).history("ETH", None)

    assert history == answers.history(store, 1, "ETH")
    assert len(history["problems"]) == 1


def test_only_what_is_new_is_read(store, reads):
    """However often history is asked for."""
    chronicle = Chronicle(store, 1)
    for number in range(1, 4):
        chronicle.history("ETH", None)
        chronicle.log(ids(store))
        stores.add(store, block=BLOCK + number)
    chronicle.history("BTC", 7)

    assert len(reads) == len(set(reads)) == 4


def test_what_is_removed_is_forgotten(store):
    """Memory follows the store."""
    stores.add(store, block=BLOCK + 1)
    chronicle = Chronicle(store, 1)
    chronicle.history("ETH", None)
    shutil.rmtree(snapshots.listed(store, 1)[0].path)
    chronicle.history("ETH", None)

    assert len(chronicle._read) == 1


def test_events_are_the_scans_and_what_changed_in_each(store):
    """Numbered within the scan, the scan itself first."""
    stores.add(store, block=BLOCK + 1, worth=2.0)
    stores.add(store, block=BLOCK + 2, worth=2.0)
    log = Chronicle(store, 1).log(ids(store))

    told = [(int(one.scan_id[:12]) - BLOCK, one.number, one.kind) for one in log.events]
    assert told == [(0, 0, "scan"), (1, 0, "scan"), (1, 1, "band"), (2, 0, "scan")]
    first, band = (json.loads(log.events[number].data) for number in (1, 2))
    assert (first["changes"], first["block"]["number"]) == (1, BLOCK + 1)
    assert (band["driver"], band["change"], band["side"]) == ("ETH", "grew", "long")
    assert band["collateral_change_usd"] == pytest.approx(1_195_620_752.24)
    assert all(b"\n" not in one.data for one in log.events)


def test_an_incomplete_scan_is_an_event_without_changes(store):
    """Nothing is concluded from what it lacks."""
    stores.add(store, block=BLOCK + 1, complete=False, worth=0.1)
    log = Chronicle(store, 1).log(ids(store))

    assert [one.kind for one in log.events] == ["scan", "scan"]
    assert json.loads(log.events[1].data)["complete"] is False


def test_events_are_of_the_scans_that_are_shown(store):
    """One that is stored but not shown yet comes with the next state."""
    before = ids(store)
    stores.add(store, block=BLOCK + 1)

    assert Chronicle(store, 1).log(before).scans == before


def test_events_mean_the_same_after_a_restart(store):
    """Another process makes the same ids and the same bytes."""
    for number in range(1, 4):
        stores.add(store, block=BLOCK + number, worth=float(number))

    assert Chronicle(store, 1).log(ids(store)) == Chronicle(store, 1).log(ids(store))


@pytest.mark.parametrize("key", ["driver", "tick_low", "collateral_at_risk_usd"])
def test_a_strange_scan_of_the_past_is_told(store, key):
    """Its digest is right and its bands are not: history goes on without it, and says so."""
    made = whales_sample.scan()
    for band in made["document"]["bands"]:
        del band[key]
    snapshots.write(
        store, 1, BLOCK, whales_sample.HASH, True, whales_sample.as_bytes(made["document"]),
        made["positions"], made["legs"],
    )  # fmt: skip
    stores.add(store, block=BLOCK + 1)
    chronicle = Chronicle(store, 1)
    history = chronicle.history("ETH", 3)

    assert [row["block"]["number"] for row in history["scans"]] == [BLOCK, BLOCK + 1]
    assert history["problems"] == ["A stored scan is not what a scan writes."]
    assert len(chronicle.log(ids(store)).scans) == 2
