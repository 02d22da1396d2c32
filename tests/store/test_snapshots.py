"""Finished scans: whole or not there, the same bytes for the same input, the right one found."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scanner.errors import StoreError, UsageError
from scanner.store import snapshots

HASH = bytes(range(32))
POSITIONS = {
    "account": ["0x01", "0x02", "0x03"],
    "side": np.array(["long", "short", "none"]),
    "liquidation_price_raw": [str(2**255), "178109000000", None],
    "liquidation_price_usd": np.array([1781.09, np.nan, np.inf]),
    "positions": np.array([1, 2, 3], np.int64),
    "callable": np.array([True, False, True]),
}
LEGS = {"position": np.array([0, 0, 1, 2], np.int32), "token": ["a", "b", "c", "d"]}


def write(store, block, text, *, chain_id=1, complete=True):
    document = json.dumps({"text": text}).encode()
    return snapshots.write(store, chain_id, block, HASH, complete, document, POSITIONS, LEGS)


def text(snapshot):
    return snapshot and snapshot.document()["text"]


def digests(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_scan_comes_back_as_it_was_written(tmp_path):
    """Bytes of the document; columns in order with dtypes, NaN, infinity and 256-bit strings."""
    document = b'{"schema": "bandscan/1"}\n'
    path = snapshots.write(tmp_path, 1, 24512345, HASH, True, document, POSITIONS, LEGS)

    stored = snapshots.newest(tmp_path, 1)
    positions, legs = stored.positions(), stored.legs()

    assert path == stored.path
    assert path.parent == tmp_path / "scans" / "1"
    assert path.name.startswith("000024512345-00010203-")
    assert (stored.chain_id, stored.block, stored.complete) == (1, 24512345, True)
    assert stored.document_bytes() == document
    assert stored.document() == {"schema": "bandscan/1"}
    assert list(positions) == list(POSITIONS)
    assert positions["liquidation_price_raw"][0] == str(2**255)
    assert positions["liquidation_price_raw"].isna().tolist() == [False, False, True]
    np.testing.assert_array_equal(
        positions["liquidation_price_usd"], POSITIONS["liquidation_price_usd"]
    )
    for name in ("liquidation_price_usd", "positions", "callable"):
        assert positions[name].dtype == POSITIONS[name].dtype
    assert legs["position"].dtype == np.int32
    assert legs["token"].tolist() == ["a", "b", "c", "d"]


def test_the_same_scan_gives_the_same_bytes_in_any_store(tmp_path):
    """Two stores, one scan: every file is equal to the byte."""
    for name in ("one", "two"):
        write(tmp_path / name, 10, "a")
    one, two = (digests(write(tmp_path / name, 10, "a")) for name in ("one", "two"))
    assert one == two
    assert len(one) == 4


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    """A market without borrowers is an answer, not an error; unknown text stays text."""
    empty = {"account": [], "debt_usd": np.empty(0)}
    snapshots.write(tmp_path, 1, 1, HASH, True, b"{}", empty, {"token": [None, None]})

    stored = snapshots.newest(tmp_path, 1)

    assert list(stored.positions()) == ["account", "debt_usd"]
    assert len(stored.positions()) == 0
    assert stored.legs()["token"].isna().all()


def test_columns_of_different_length_write_nothing(tmp_path):
    with pytest.raises(ValueError, match="length"):
        snapshots.write(tmp_path, 1, 1, HASH, True, b"{}", {"a": ["x"], "b": []}, {})
    assert snapshots.newest(tmp_path, 1) is None


def test_the_highest_block_is_the_newest_whenever_it_was_written(tmp_path):
    """Block 9 is scanned after block 100,000; a number's length must not decide either."""
    for block in (8, 100_000, 9):
        write(tmp_path, block, f"block {block}")
    assert text(snapshots.newest(tmp_path, 1)) == "block 100000"


def test_of_several_scans_of_a_block_the_one_written_last_wins(tmp_path):
    """Twelve scans of block 10 with other shocks each; the digest in the name sorts at random."""
    for i in range(12):
        write(tmp_path, 10, f"shock {i}")
        assert text(snapshots.newest(tmp_path, 1)) == f"shock {i}"


def test_a_scan_stored_already_is_left_as_it_is(tmp_path):
    """The same document again, even said to be incomplete, changes no byte."""
    path = write(tmp_path, 10, "a")
    before = digests(path), path.stat().st_ino
    assert write(tmp_path, 10, "a", complete=False) == path
    assert (digests(path), path.stat().st_ino) == before


def test_an_incomplete_scan_is_newest_only_for_who_asks(tmp_path):
    """Complete at 10, incomplete at 11: readers get 10 and can learn of 11."""
    write(tmp_path, 10, "whole")
    assert text(snapshots.newest(tmp_path, 1, complete=None)) == "whole"
    write(tmp_path, 11, "partial", complete=False)

    assert text(snapshots.newest(tmp_path, 1)) == "whole"
    newer = snapshots.newest(tmp_path, 1, complete=None)
    assert (newer.block, newer.complete) == (11, False)


def test_at_one_block_a_complete_scan_stands_behind_a_later_incomplete_one(tmp_path):
    write(tmp_path, 10, "whole")
    write(tmp_path, 10, "partial", complete=False)
    assert text(snapshots.newest(tmp_path, 1)) == "whole"
    assert text(snapshots.newest(tmp_path, 1, complete=None)) == "partial"


def test_chains_are_kept_apart(tmp_path):
    """With one chain nobody has to name it; with two, a guess would be wrong half the time."""
    assert snapshots.chains(tmp_path) == []
    assert snapshots.newest(tmp_path, None) is None
    write(tmp_path, 10, "optimism", chain_id=10)
    assert text(snapshots.newest(tmp_path, None)) == "optimism"
    write(tmp_path, 5, "ethereum", chain_id=1)

    assert snapshots.chains(tmp_path) == [1, 10]
    assert text(snapshots.newest(tmp_path, 1)) == "ethereum"
    assert snapshots.newest(tmp_path, 8453) is None
    with pytest.raises(UsageError, match="--chain"):
        snapshots.newest(tmp_path, None)


def test_what_a_killed_run_left_is_invisible_and_cleared_away(tmp_path):
    """Half a scan aside and an empty chain folder: not there for readers, gone after a write."""
    scans = tmp_path / "scans"
    (scans / ".writing").mkdir(parents=True)
    (scans / ".writing" / "scan.json").write_text("{")
    (scans / "1").mkdir()
    assert snapshots.chains(tmp_path) == []
    assert snapshots.newest(tmp_path, None, complete=None) is None

    write(tmp_path, 10, "a")

    assert not (scans / ".writing").exists()
    assert text(snapshots.newest(tmp_path, None)) == "a"


def test_a_reader_that_never_looks_away_sees_whole_scans_only(tmp_path):
    """While thirty scans are stored, whatever is visible holds all four files, each complete."""
    sizes, done = set(), threading.Event()

    def look():
        while not done.is_set():
            for path in (tmp_path / "scans" / "1").glob("*"):
                sizes.add(tuple(sorted((f.name, f.stat().st_size) for f in path.iterdir())))

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for block in range(10, 40):
            write(tmp_path, block, "a")
        done.set()
        looking.result()
    last = sorted((f.name, f.stat().st_size) for f in write(tmp_path, 40, "a").iterdir())
    assert sizes == {tuple(last)}


@pytest.mark.parametrize("name", ["scan.json", "positions.parquet", "legs.parquet", "meta.json"])
@pytest.mark.parametrize("harm", ["missing", "cut", "garbage"])
def test_a_damaged_scan_is_named_not_shown(tmp_path, name, harm):
    """Whatever happens to a file of it, the answer is one message with exit code 2."""
    file = write(tmp_path, 10, "a") / name
    whole = file.read_bytes()
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(whole[: len(whole) // 2] if harm == "cut" else b"\xff" * len(whole))

    def read():
        stored = snapshots.newest(tmp_path, 1)
        return stored.document(), stored.positions(), stored.legs()

    with pytest.raises(StoreError, match=name) as caught:
        read()
    assert caught.value.exit_code == 2


def test_a_damaged_scan_does_not_keep_the_next_one_from_being_stored(tmp_path):
    """The newest of block 10 lost its meta.json; a long scan just finished must still be kept."""
    write(tmp_path, 10, "a")
    (write(tmp_path, 10, "b") / "meta.json").write_text("{")
    assert json.loads((write(tmp_path, 10, "c") / "scan.json").read_text()) == {"text": "c"}


def test_an_equals_sign_in_the_path_is_no_column(tmp_path):
    """A store under ".../chain=1/" once grew a column "chain" by Hive partitioning."""
    (tmp_path / "chain=1").mkdir()
    write(tmp_path / "chain=1", 10, "a")
    assert list(snapshots.newest(tmp_path / "chain=1", 1).legs()) == list(LEGS)


@pytest.mark.parametrize("name", ["positions.parquet", "legs.parquet"])
def test_a_table_of_another_scan_is_noticed(tmp_path, name):
    """Whole and readable, but not the one that was written with the document."""
    one = write(tmp_path, 10, "a")
    other = snapshots.write(
        tmp_path, 1, 11, HASH, True, b'{"text": "b"}', {"x": ["1"]}, {"y": ["2"]}
    )
    (one / name).write_bytes((other / name).read_bytes())
    found = snapshots.listed(tmp_path, 1)[0]

    with pytest.raises(StoreError, match="damaged"):
        found.positions() if name.startswith("positions") else found.legs()


def test_tables_of_the_first_release_have_no_digest(tmp_path):
    """They are read as they are."""
    path = write(tmp_path, 10, "a") / "meta.json"
    path.write_text('{"complete": true, "order": 1}')

    assert len(snapshots.newest(tmp_path, 1).positions()) == 3


def test_a_link_that_leads_nowhere_is_damage_and_not_a_scan_that_left(tmp_path):
    """It would be looked for again for ever."""
    write(tmp_path, 10, "a")
    (tmp_path / "scans" / "1" / "000000000011-00010203-0a0b0c0d").symlink_to(tmp_path / "nowhere")

    with pytest.raises(StoreError, match="damaged"):
        snapshots.newest(tmp_path, 1)


def test_complete_is_true_or_false(tmp_path):
    """A text is neither: "false" would count as true."""
    path = write(tmp_path, 10, "a") / "meta.json"
    path.write_text('{"complete": "false", "order": 1}')

    with pytest.raises(StoreError, match="damaged"):
        snapshots.newest(tmp_path, 1)
