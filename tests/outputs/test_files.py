"""A file appears whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from scanner.errors import StoreError
from scanner.outputs.files import whole, write


def test_a_failed_write_leaves_what_was_there(tmp_path):
    """The old file stays, the half of the new one goes."""
    target = tmp_path / "scan.json"
    target.write_bytes(b"old")

    def broken_off() -> None:
        with whole(target) as stream:
            stream.write(b"half of the n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()

    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["scan.json"]


def test_nothing_is_visible_before_the_end(tmp_path):
    """Whoever reads the path meanwhile finds no half file."""
    with whole(tmp_path / "scan.json") as stream:
        stream.write(b"half")
        assert not (tmp_path / "scan.json").exists()

    assert (tmp_path / "scan.json").read_bytes() == b"half"


def test_an_error_of_the_disk_names_the_file(tmp_path, monkeypatch):
    """Exit code 3: the scan is kept, only the file is not."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device") as caught:
        write(tmp_path / "scan.json", b"new")

    assert caught.value.exit_code == 3
    assert str(tmp_path / "scan.json") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_link_keeps_pointing_where_it_did(tmp_path):
    """The file it points to is replaced, not the link."""
    (tmp_path / "real.json").write_bytes(b"old")
    link = tmp_path / "latest.json"
    link.symlink_to("real.json")

    write(link, b"new")

    assert link.is_symlink()
    assert (tmp_path / "real.json").read_bytes() == b"new"


def test_a_device_is_written_and_not_replaced():
    """Run as root, a rename would turn /dev/null into a file."""
    write(Path("/dev/null"), b"new")

    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
