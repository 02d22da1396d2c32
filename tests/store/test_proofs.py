"""The proof beside a scan: whole or not there, gone with its scan, the scan itself untouched."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from scanner.errors import ScanGone, StoreError
from scanner.store import proofs, retention, snapshots
from scanner.store.snapshots import Snapshot

TABLE = {"account": ["0x01"], "debt_usd": np.array([1.0])}


def scan(store: Path) -> Snapshot:
    document = json.dumps({"block": {"timestamp": 1_770_000_000}}).encode()
    snapshots.write(store, 1, 1000, bytes(32), True, document, TABLE, TABLE)
    found = snapshots.newest(store, 1)
    assert found is not None
    return found


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != proofs.FILE
    }


def test_a_proof_is_kept_and_replaced_and_the_scan_stays_as_it_is(tmp_path: Path) -> None:
    one = scan(tmp_path)
    before = digests(one.path)
    assert proofs.read(one) is None
    proofs.write(tmp_path, one, b'{"verified": "parity"}')
    proofs.write(tmp_path, one, b'{"verified": "prices"}')
    assert proofs.read(one) == {"verified": "prices"}
    assert digests(one.path) == before
    scan(tmp_path)  # the same scan written again
    assert proofs.read(one) == {"verified": "prices"}


def test_it_leaves_with_its_scan(tmp_path: Path) -> None:
    one = scan(tmp_path)
    proofs.write(tmp_path, one, b"{}")
    retention.remove(tmp_path, [one.path])
    assert not one.path.exists()
    assert not list((tmp_path / snapshots.FOLDER / "1").iterdir())
    with pytest.raises(ScanGone):
        proofs.read(one)
    with pytest.raises(ScanGone):
        proofs.write(tmp_path, one, b"{}")
    assert not one.path.exists()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"verified":', b"\xff\xfe"])
def test_a_damaged_one_is_named_and_is_never_no_proof(tmp_path: Path, content: bytes) -> None:
    one = scan(tmp_path)
    (one.path / proofs.FILE).write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        proofs.read(one)


def test_killed_before_the_rename_the_old_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies aside then is no proof, and the next one takes its place."""
    one = scan(tmp_path)
    proofs.write(tmp_path, one, b'{"verified": "prices"}')

    def killed(source: Path, target: Path) -> None:
        os._exit(9)

    child = os.fork()
    if not child:
        monkeypatch.setattr(os, "replace", killed)
        proofs.write(tmp_path, one, b'{"verified": "parity"}')
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (one.path / "proof.new").exists()
    assert proofs.read(one) == {"verified": "prices"}
    proofs.write(tmp_path, one, b'{"verified": null}')
    assert not (one.path / "proof.new").exists()
    assert proofs.read(one) == {"verified": None}
