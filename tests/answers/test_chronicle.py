"""Several scans: the list of them, what a driver's history says, two scans compared."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench import stored as sample
from cli import whales_sample

from scanner import answers, past, reading
from scanner.errors import UsageError
from scanner.store import snapshots


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten scans, six hours apart, 1,500 positions."""
    folder = tmp_path_factory.mktemp("chronicle") / "store"
    sample.make(folder, positions=1_500, scans=10)
    return folder


def test_history_has_a_row_for_each_scan_with_its_own_totals(store: Path) -> None:
    """Ascending; every number is the one of the scan's own document."""
    rows = answers.history(store, None, "ETH")["scans"]
    scans = snapshots.listed(store, 1)

    assert [row["scan_id"] for row in rows] == [scan.scan_id for scan in scans]
    for row, scan in zip(rows, scans, strict=True):
        one = reading.opened(scan)
        [driver] = [d for d in one.document["drivers"] if d["driver"] == "ETH"]
        assert row["spot_usd"] == driver["spot_usd"]
        assert row["debt_usd"] == driver["debt_usd"]
        assert row["at_risk"]["long"] == answers.at_risk_total(one, "ETH", "long")
        bands = answers.bands(one, "ETH")["bands"]
        assert [band["low_usd"] for band in row["bands"]] == [band["low_usd"] for band in bands]


def test_a_range_keeps_its_track_until_it_dissolves(store: Path) -> None:
    """Changes join the bands of one scan to those of the next; nothing appears from nowhere."""
    known: dict[str, dict[str, object]] = {}
    rows = answers.history(store, None, "ETH")["scans"]
    seen = 0
    for k, row in enumerate(rows):
        now = {band["track"]: band for band in row["bands"]}
        assert len(now) == len(row["bands"])
        if k:
            born = {c["track"] for c in row["changes"] if c["change"] == "born"}
            gone = {c["track"] for c in row["changes"] if c["change"] == "dissolved"}
            assert set(now) - set(known) == born
            assert set(known) - set(now) == gone
            seen += len(row["changes"])
        else:
            assert row["changes"] == []  # there is nothing to compare the first scan with
        known = now
    assert seen > 5


def test_days_count_from_the_newest_block(store: Path) -> None:
    """Half a day back are three scans of six hours."""
    assert len(answers.history(store, None, "ETH", days=0.5)["scans"]) == 3


def test_nothing_is_concluded_from_an_incomplete_scan(tmp_path: Path) -> None:
    """It is listed; the next complete one is compared with the complete one before it."""
    whales_sample.store(tmp_path)
    whales_sample.store(tmp_path, block=whales_sample.BLOCK + 10, complete=False)
    whales_sample.store(tmp_path, block=whales_sample.BLOCK + 20)

    rows = answers.history(tmp_path, None, "ETH")["scans"]

    assert [row["complete"] for row in rows] == [True, False, True]
    assert [row["changes"] for row in rows] == [[], [], []]
    tracks = [row["bands"][0]["track"] for row in rows]
    assert tracks[0] == tracks[2]


def test_a_damaged_scan_is_skipped_and_counted(tmp_path: Path) -> None:
    """History goes on without it and says so."""
    whales_sample.store(tmp_path)
    whales_sample.store(tmp_path, block=whales_sample.BLOCK + 10)
    oldest = snapshots.listed(tmp_path, 1)[0]
    (oldest.path / "scan.json").write_text("{}")

    answer = answers.history(tmp_path, None, "ETH")
    records, problems = past.records(tmp_path, 1)

    assert len(answer["scans"]) == len(records) == 1
    assert answer["problems"] == [problem.message for problem in problems]
    assert len(problems) == 1


def test_a_difference_names_the_accounts_that_made_it(store: Path) -> None:
    """Each range's change is the sum of its accounts', whose prices in both scans are given."""
    scans = [reading.opened(scan) for scan in snapshots.listed(store, 1)]
    answer = answers.diff(scans[0], scans[-1], "ETH")
    kinds = {row["change"] for row in answer["changes"]}

    assert kinds & {"born", "dissolved"}
    assert kinds & {"moved", "grew", "shrank", "same"}
    for row in answer["changes"]:
        made = sum(round(one["change_usd"] * 100) for one in row["accounts"])
        assert made == round(row["collateral_change_usd"] * 100)
        band = row["after"] or row["before"]
        side = "after" if row["after"] else "before"
        inside = [
            one
            for one in row["accounts"]
            if one[side] and band["tick_low"] <= _tick(one[side]) <= band["tick_high"]
        ]
        assert len(inside) >= band["positions"]


def test_a_scan_does_not_differ_from_itself(store: Path) -> None:
    """Every range is as it was, no account changed."""
    scan = reading.newest(store, None)
    answer = answers.diff(scan, scan, "ETH")

    assert answer["changes"]
    for row in answer["changes"]:
        assert (row["change"], row["collateral_change_usd"]) == ("same", 0.0)
        assert {one["change_usd"] for one in row["accounts"]} == {0.0}


def test_whales_that_move_together_are_the_same_range(tmp_path: Path) -> None:
    """The February whale: its band jumps to another place, its accounts are the same."""
    made = whales_sample.scan()
    whales_sample.store(tmp_path)
    moved = whales_sample.scan(block=whales_sample.BLOCK + 10)
    document, columns = moved["document"], moved["positions"]
    [band] = document["bands"]
    factor = 0.85
    band["low_usd"], band["high_usd"] = 1781.09 * factor, 1862.02 * factor
    shift = round(-0.1625189 / 0.0024968801)
    band["tick_low"] += shift
    band["tick_high"] += shift
    price = columns["liquidation_price_usd"]
    inside = (price >= 1781.09) & (price <= 1862.03)
    price[inside] *= factor
    snapshots.write(tmp_path, 1, document["block"]["number"], whales_sample.HASH, True,
                    whales_sample.as_bytes(document), columns, made["legs"])  # fmt: skip
    first, second = (reading.opened(scan) for scan in snapshots.listed(tmp_path, 1))

    [change] = answers.diff(first, second, "ETH")["changes"]

    assert change["change"] == "moved"
    assert change["before"]["low_usd"] == 1781.09
    whale = next(row for row in change["accounts"] if row["account"] == whales_sample.address(1))
    assert whale["before"]["liquidation_price_usd"] == pytest.approx(1862.02)
    assert whale["after"]["liquidation_price_usd"] == pytest.approx(1862.02 * factor)


def test_without_positions_a_difference_says_so(tmp_path: Path, store: Path) -> None:
    """Ranges are compared by where they lie; accounts are null, not an empty list."""
    sample.make(tmp_path / "store", positions=300, scans=12, hours=24)
    scans = [reading.opened(scan) for scan in snapshots.listed(tmp_path / "store", 1)]
    assert not scans[0].snapshot.has_tables

    answer = answers.diff(scans[0], scans[-1], "ETH")

    assert answer["changes"]
    assert all(row["accounts"] is None for row in answer["changes"])


def test_a_scan_is_found_by_block_by_name_and_by_its_start(store: Path) -> None:
    """Anything else is refused with what there is."""
    scan = snapshots.listed(store, 1)[3]

    for name in (str(scan.block), scan.scan_id, scan.scan_id[:16]):
        assert reading.by_id(store, None, name).scan_id == scan.scan_id
    for name, says in (("0000", "Several"), ("nothing", "No stored scan"), ("7", "No stored scan")):
        with pytest.raises(UsageError, match=says):
            reading.by_id(store, None, name)


def _tick(side: dict[str, float]) -> int:
    from scanner.core.ticks import tick_of

    return int(tick_of([side["liquidation_price_usd"]])[0])


def change(store: Path, block: int, edit: Callable[[dict[str, Any]], None], **meta: Any) -> None:
    """A scan of the whales, its document changed."""
    made = whales_sample.scan(block=block)
    edit(made["document"])
    snapshots.write(store, 1, block, whales_sample.HASH, True,
                    whales_sample.as_bytes(made["document"]), made["positions"], made["legs"],
                    **meta)  # fmt: skip


def test_scans_of_the_first_release_can_be_compared(store: Path, tmp_path: Path) -> None:
    """Their bands have no owner and their ticks no protocols: everything answers all the same."""
    shutil.copytree(store, tmp_path / "old")
    for scan in snapshots.listed(tmp_path / "old", 1):
        document = scan.document()
        for band in document["bands"]:
            del band["owner"]
        for tick in document["ticks"]:
            del tick["by_protocol"]
        data = whales_sample.as_bytes(document)
        (scan.path / "scan.json").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()[:8]
        scan.path.rename(scan.path.with_name(scan.scan_id[:-8] + digest))
    scans = [reading.opened(scan) for scan in snapshots.listed(tmp_path / "old", 1)]

    for name in ("ETH", "BTC"):
        assert answers.diff(scans[0], scans[-1], name)["changes"]
        rows = answers.history(tmp_path / "old", None, name)["scans"]
        walls = [
            step
            for row in rows
            for step in row["changes"]
            if step["change"] == "born" and step["after"]["kind"] == "wall"
        ]
        held = sum(band["kind"] == "wall" for row in rows for band in row["bands"])
        assert len(walls) < held / 2  # they do not come anew with every scan


def test_two_walls_in_one_tick_have_tracks_of_their_own(tmp_path: Path) -> None:
    """Each keeps its own, whichever is the larger."""
    for number, share in ((0, 0.5), (1, 2.0)):

        def walls(document: dict[str, Any], share: float = share) -> None:
            [band] = document["bands"]
            document["bands"] = [
                {**band, "kind": "wall", "tick_high": band["tick_low"], "owner": owner,
                 "collateral_at_risk_usd": usd}
                for owner, usd in (("0xa", 1e8 * share), ("0xb", 1e8))
            ]  # fmt: skip

        change(tmp_path, whales_sample.BLOCK + number, walls)

    first, second = answers.history(tmp_path, None, "ETH")["scans"]

    tracks = {band["owner"]: band["track"] for band in first["bands"]}
    assert len(set(tracks.values())) == 2
    assert {band["owner"]: band["track"] for band in second["bands"]} == tracks


def without_eth(document: dict[str, Any]) -> None:
    """The scan of a run that was asked for BTC only."""
    for key in ("drivers", "bands", "ticks"):
        document[key] = [row for row in document[key] if row["driver"] != "ETH"]


def test_a_driver_has_a_history_if_any_scan_has_it(tmp_path: Path) -> None:
    """The newest scan was asked for another one; an unknown name is refused with all there are."""
    change(tmp_path, whales_sample.BLOCK, lambda document: None)
    change(tmp_path, whales_sample.BLOCK + 1, without_eth)

    answer = answers.history(tmp_path, None, "eth")

    assert (answer["driver"], len(answer["scans"])) == ("ETH", 1)
    with pytest.raises(UsageError, match="No stored scan") as refused:
        answers.history(tmp_path, None, "DOGE")
    assert "ETH" in str(refused.value)


def test_a_scan_without_a_driver_says_nothing_about_it(tmp_path: Path) -> None:
    """No band dissolved, and nothing at risk is not zero at risk."""
    change(tmp_path, whales_sample.BLOCK, lambda document: None)
    change(tmp_path, whales_sample.BLOCK + 1, without_eth)
    before, after = (reading.opened(scan) for scan in snapshots.listed(tmp_path, 1))

    answer = answers.diff(before, after, "ETH")

    assert answer["changes"] == []
    assert answer["to"]["debt_usd"] is None
    assert answer["to"]["at_risk"] == {"long": None, "short": None}
    assert answer["from"]["at_risk"]["long"] > 0


def test_a_scan_without_a_time_is_listed_as_unreadable(tmp_path: Path) -> None:
    """The first release kept the time in the document only."""
    change(tmp_path, whales_sample.BLOCK, lambda document: document.pop("block"))
    change(tmp_path, whales_sample.BLOCK + 1, lambda document: None)

    answer = answers.scans(tmp_path, None)

    assert [row["block_number"] for row in answer["scans"]] == [whales_sample.BLOCK + 1]
    assert len(answer["problems"]) == 1


def test_a_scan_whose_bands_lack_what_history_asks_for_is_counted(tmp_path: Path) -> None:
    """A document that nobody of us wrote costs its own row, and no traceback."""
    whales_sample.store(tmp_path)
    made = whales_sample.scan(block=whales_sample.BLOCK + 10)
    document = made["document"] | {"bands": [{"driver": "ETH"}]}
    snapshots.write(tmp_path, 1, whales_sample.BLOCK + 10, whales_sample.HASH, True,
                    whales_sample.as_bytes(document), made["positions"], made["legs"])  # fmt: skip

    answer = answers.history(tmp_path, None, "ETH")

    assert len(answer["scans"]) == len(answer["problems"]) == 1
