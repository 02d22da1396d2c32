"""The store as it is shown: what changed, what is damaged, and what recovers by itself."""

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli import whales_sample

from api import stores
from scanner.outputs.api.source import Chain, Question
from scanner.serving import showing
from scanner.serving.showing import Store
from scanner.store import proofs, snapshots

BLOCK = whales_sample.BLOCK


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in trouble is read again at once."""
    monkeypatch.setattr(showing, "_AGAIN", 0.0)


def only(store: Store) -> Chain:
    """The one chain of a store, as it is now."""
    [chain] = store.load().chains.values()
    return chain


def newest(directory: Path) -> Path:
    return snapshots.listed(directory, 1, damaged=[])[-1].path


def test_a_store_that_nobody_touches_is_not_read_again(store):
    """And the chain stays the very same object."""
    shown = Store(store)
    first = only(shown)

    assert not shown.changed()
    assert only(shown) is first


def test_a_new_scan_is_noticed(store):
    """By the directory's listing."""
    shown = Store(store)
    first = only(shown)
    stores.add(store, block=BLOCK + 1)

    assert shown.changed()
    second = only(shown)
    assert second.scan is not None
    assert second.scan.block == BLOCK + 1
    assert second.listed > first.listed


def test_a_removed_scan_changes_the_list_and_not_the_scan(store):
    """Retention takes old ones; nothing is read again for that."""
    stores.add(store, block=BLOCK + 1)
    shown = Store(store)
    first = only(shown)
    shutil.rmtree(snapshots.listed(store, 1)[0].path)

    assert shown.changed()
    second = only(shown)
    assert second is not first
    assert second.scan is first.scan


def test_an_incomplete_scan_is_told_beside_the_complete_one(store):
    """The complete one stays in its place."""
    stores.add(store, block=BLOCK + 1, complete=False)
    chain = only(Store(store))

    assert chain.scan is not None
    assert chain.scan.complete
    assert chain.newer is not None
    assert chain.newer[1] == BLOCK + 1


def test_no_store_and_an_empty_one_have_no_chain(tmp_path):
    """That is no trouble, but nothing to serve either; the first scan is noticed."""
    shown = Store(tmp_path / "later")
    assert (shown.load().chains, shown.load().trouble) == ({}, None)

    stores.add(tmp_path / "later")
    assert shown.changed()
    assert only(shown).scan is not None


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


def other_rows(path: Path) -> None:
    table = pq.read_table(path / "positions.parquet")
    pq.write_table(table.slice(0, 3), path / "positions.parquet")


def other_columns(path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), path / "positions.parquet")


def with_document(path: Path, change: object) -> None:
    """Another document under its right name: a digest protects from accidents only."""
    document = json.loads((path / "scan.json").read_bytes())
    change(document)
    data = whales_sample.as_bytes(document)
    (path / "scan.json").write_bytes(data)
    digest = snapshots._digest(data)
    path.rename(path.with_name(path.name[:-8] + digest))


DAMAGE = {
    "a byte of the document": lambda path: flip(path / "scan.json"),
    "no document": lambda path: (path / "scan.json").unlink(),
    "an empty document": lambda path: (path / "scan.json").write_bytes(b""),
    "half a document": lambda path: os.truncate(path / "scan.json", 900),
    "no meta": lambda path: (path / "meta.json").unlink(),
    "strange meta": lambda path: (path / "meta.json").write_text('{"complete": 1}'),
    "half a table": lambda path: os.truncate(path / "positions.parquet", 500),
    "a byte of a table": lambda path: flip(path / "legs.parquet"),
    "no table": lambda path: (path / "legs.parquet").unlink(),
    "fewer rows": other_rows,
    "other columns": other_columns,
    "an empty directory": lambda path: [each.unlink() for each in path.iterdir()],
    "no list": lambda path: with_document(path, lambda one: one.pop("bands")),
    "a list of nonsense": lambda path: with_document(path, lambda one: one.update(ticks=[1])),
    "no JSON": lambda path: with_document(path, lambda one: one.update(schema="other/9")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_scan_is_trouble(store, damage):
    """The scan before it is not passed off as the newest; repaired, it is shown."""
    good = stores.add(store, block=BLOCK + 1)
    kept = store.parent / "kept"
    shutil.copytree(good, kept)
    shown = Store(store)
    assert only(shown).trouble is None
    DAMAGE[damage](good)

    assert shown.changed()
    chain = only(shown)
    assert chain.scan is None
    assert chain.trouble is not None
    assert str(store) not in chain.trouble

    shutil.rmtree(newest(store) if newest(store).exists() else good, ignore_errors=True)
    shutil.rmtree(good, ignore_errors=True)
    shutil.copytree(kept, good)
    assert shown.changed()
    assert only(shown).trouble is None


def test_a_directory_without_anything_is_half_a_scan(store):
    """No scan of ours looks like that, whoever made it."""
    folder = store / "scans" / "1" / f"{BLOCK + 9:012d}-5e5e5e5e-12345678"
    folder.mkdir()
    shown = Store(store)
    assert only(shown).trouble is not None

    folder.rmdir()
    assert shown.changed()
    assert only(shown).scan is not None


def test_what_a_writer_leaves_aside_is_no_scan(store):
    """Neither its own directory nor files with other names."""
    (store / "scans" / ".writing").mkdir()
    (store / "scans" / "1" / "notes.txt").write_text("x")
    (store / "scans" / "other").mkdir()

    assert only(Store(store)).trouble is None


def test_a_damaged_chain_leaves_the_others_alone(store):
    """Each chain is read by itself."""
    stores.add(store, chain_id=8453)
    flip(newest(store) / "scan.json")
    state = Store(store).load()

    assert state.chains[1].trouble is not None
    assert state.chains[8453].scan is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_store_that_may_not_be_read_is_trouble(store):
    """Not an empty one."""
    (store / "scans").chmod(0)
    try:
        assert "cannot be read" in (Store(store).load().trouble or "")
    finally:
        (store / "scans").chmod(0o755)


def test_a_scan_served_from_memory_is_not_trusted_for_ever(store):
    """Damaged in place after it was loaded, it is trouble like any other."""
    shown = Store(store)
    only(shown)
    flip(newest(store) / "legs.parquet")

    assert shown.changed()
    assert only(shown).trouble is not None


def test_a_scan_in_the_folder_of_another_chain_is_trouble(store):
    """And one under another block's name: what it says must be what it is called."""
    for place in (store / "scans" / "10", store / "scans" / "1"):
        wrong = place / newest(store).name.replace("0000", "9000", 1)
        shutil.copytree(newest(store), wrong)

    chains = Store(store).load().chains

    assert [chain.scan for chain in chains.values()] == [None, None]
    assert {chain.trouble for chain in chains.values()} == {
        "A stored scan is not the one that it is named for."
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [("ticks", []), ("drivers", []), ("block", {"number": BLOCK, "timestamp": None})],
)
def test_a_document_that_lacks_what_its_tables_hold_is_trouble(tmp_path, key, value):
    """An empty list there would look like no risk."""
    made = whales_sample.scan()
    document = {**made["document"], key: value}
    snapshots.write(
        tmp_path, 1, BLOCK, whales_sample.HASH, True, whales_sample.as_bytes(document),
        made["positions"], made["legs"],
    )  # fmt: skip

    assert only(Store(tmp_path)).trouble is not None


def test_a_link_that_leads_nowhere_is_trouble(store):
    """Nobody knows whether it was the newest scan."""
    (store / "scans" / "1" / "999999999999-aaaaaaaa-aaaaaaaa").symlink_to("nowhere")

    assert Store(store).load().trouble == "A link in the store leads nowhere."


@pytest.mark.parametrize("meta", ["[" * 100_000, "[]", ""])
def test_a_scan_without_sense_leaves_the_other_chains_alone(store, meta):
    """Even what no decoder can bear."""
    path = stores.add(store, chain_id=10)
    (path / "meta.json").write_text(meta)
    chains = Store(store).load().chains

    assert chains[1].scan is not None
    assert chains[10].trouble is not None


def test_a_proof_that_comes_later_is_shown(store):
    """The scan is the same; what the protocols said about it is not."""
    shown = Store(store)
    before = only(shown)
    assert before.scan is not None
    told = json.loads(before.scan.tell(Question("proof")).content)
    assert told["verified"] is None
    found = snapshots.newest(store, 1)
    assert found is not None
    kept = {"verified": "prices", "reason": None, "drivers": ["ETH"], "proof": [], "failures": [],
            "parity": []}  # fmt: skip
    proofs.write(store, found, json.dumps(kept).encode())
    assert shown.changed()
    after = only(shown)
    assert after.scan is not None
    assert after.scan.scan_id == before.scan.scan_id
    told = json.loads(after.scan.tell(Question("proof")).content)
    assert told["verified"] == "prices"
    assert told["drivers"] == ["ETH"]
