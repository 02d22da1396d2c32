"""The site as a folder: whole or not at all, the same from the same store, and never in the way."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from cli import whales_sample

from outputs.site.conftest import site, write
from outputs.site.reading_pages import page
from scanner import answers, past, reading
from scanner.errors import StoreError, UsageError
from scanner.outputs.document import encode
from scanner.outputs.site import build, folder


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the whales' scan."""
    return write(tmp_path / "store")


def test_documents_are_the_answers_byte_for_byte(month: Path, month_store: Path):
    """What the CLI prints and the API answers without filters lies under v1/ as a file."""
    stored = reading.newest(month_store, None)
    records, _ = past.records(month_store, 1, days=30)

    assert (month / "v1" / "scan.json").read_bytes() == stored.snapshot.document_bytes()
    for path, answer in {
        "drivers": answers.drivers(stored),
        "certificate": answers.certificate(stored),
        "scans": answers.scans(month_store, None),
        "eth/bands": answers.bands(stored, "ETH"),
        "eth/ticks": answers.ticks(stored, "ETH"),
        "eth/levels": answers.levels(stored, "ETH"),
        "eth/positions": answers.positions(stored, "ETH", limit=100),
        "btc/history": answers.told(1, records, "BTC", []),
    }.items():
        assert (month / "v1" / f"{path}.json").read_bytes() == encode(answer), path


def test_the_index_lists_every_file_with_its_size(month: Path):
    """Documents and tables; programs need no other list."""
    index = json.loads((month / "v1" / "index.json").read_bytes())
    there = {
        str(path.relative_to(month)): path.stat().st_size
        for name in ("v1", "data")
        for path in (month / name).rglob("*")
        if path.is_file() and path.name != "index.json"
    }

    assert {file["path"]: file["bytes"] for file in index["files"]} == there
    assert [row["page"] for row in index["drivers"] if row["driver"] == "ETH"] == ["eth/index.html"]
    assert index["complete"] is True


def test_the_data_section_links_every_table_with_its_size(month: Path):
    """JSON, CSV and Parquet of all that is shown."""
    found = page(month / "eth" / "index.html")
    hrefs = {one.attrs["href"] for one in found.all("a")}

    for key in ("bands", "ticks", "levels", "positions", "history"):
        assert f"../v1/eth/{key}.json" in hrefs
        assert {f"../data/eth/{key}.csv", f"../data/eth/{key}.parquet"} <= hrefs
    assert "filters by price, side, protocol or amount are the server’s" in found.text


def test_the_same_store_gives_the_same_bytes(month: Path, month_store: Path, tmp_path: Path):
    """No clock, no order of a set, no name of a folder in any file."""
    assert contents(site(month_store, tmp_path / "again")) == contents(month)


def test_no_network_is_needed(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Built without a single socket."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)

    assert (site(store, tmp_path / "site") / "index.html").is_file()


def test_an_old_site_is_replaced_whole(store: Path, tmp_path: Path):
    """Files of the old site do not stay; nothing is left beside it."""
    out = site(store, tmp_path / "site")
    (out / "doge").mkdir()
    (out / "doge" / "index.html").write_text("old")

    site(store, out)

    assert not (out / "doge").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"store", "site"}


def test_an_empty_folder_and_a_link_are_filled(store: Path, tmp_path: Path):
    """A symbolic link keeps pointing where it did."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    site(store, tmp_path / "link")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "index.html").is_file()


@pytest.mark.parametrize("name", ["notes.txt", "index.html", ".git"])
def test_a_folder_of_somebody_else_is_not_touched(store: Path, tmp_path: Path, name: str):
    """Exit 2, before anything is read or written."""
    out = tmp_path / "home"
    out.mkdir()
    (out / name).write_text("mine")

    with pytest.raises(UsageError, match="not a bandscan site"):
        site(store, out)

    assert {path.name for path in out.iterdir()} == {name}
    assert (out / name).read_text() == "mine"


def test_a_file_and_a_missing_parent_are_refused(store: Path, tmp_path: Path):
    """Both are named."""
    (tmp_path / "file").write_text("mine")

    with pytest.raises(UsageError, match="a file"):
        site(store, tmp_path / "file")
    with pytest.raises(UsageError, match="does not exist"):
        site(store, tmp_path / "nowhere" / "site")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_build_that_ends_early_leaves_the_old_site(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any
):
    """Interrupted, or on a full disk: the old pages stand, and nothing else is there."""
    out = site(store, tmp_path / "site")
    before = contents(out)

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(build, "feed", fail)
    with pytest.raises((KeyboardInterrupt, StoreError)):
        site(store, out)

    assert contents(out) == before
    assert {path.name for path in tmp_path.iterdir()} == {"store", "site"}


def test_what_a_killed_build_left_is_removed_and_what_is_being_built_is_not(
    store: Path, tmp_path: Path
):
    """A dead build's folder is nobody's; a live one is locked."""
    dead = tmp_path / ".site.0123abcd.part"
    dead.mkdir()
    (dead / "index.html").write_text("half")

    with folder.replaced(tmp_path / "site") as live:
        site(store, tmp_path / "site")
        assert not dead.exists()
        assert live.is_dir()
        (live / "index.html").write_text("later")

    assert (tmp_path / "site" / "index.html").read_text() == "later"


def test_where_names_cannot_be_swapped_in_one_step_the_site_is_replaced_all_the_same(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Other systems and file systems."""
    out = site(store, tmp_path / "site")
    (out / "old.html").write_text("old")
    monkeypatch.setattr(folder, "_exchange", lambda *_: False)

    site(store, out)

    assert not (out / "old.html").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"store", "site"}


def test_a_name_is_never_missing_while_a_site_is_replaced(store: Path, tmp_path: Path):
    """On this system old and new change places in one step."""
    assert folder._exchange(*(_made(tmp_path / name) for name in ("a", "b")))
    assert os.listdir(tmp_path / "a") == ["b.txt"]


def _made(path: Path) -> Path:
    path.mkdir()
    (path / f"{path.name}.txt").write_text(path.name)
    return path


def test_of_several_chains_one_is_named(tmp_path: Path):
    """As in the commands that read."""

    def other(made: dict[str, Any]) -> None:
        made["document"]["chain_id"] = 8453

    store = write(write(tmp_path / "store"), other)

    with pytest.raises(UsageError, match="several chains"):
        site(store, tmp_path / "site")
    found = page(site(store, tmp_path / "site", chain="base") / "eth" / "index.html")

    assert "--chain base" in found.one("again").text
    assert "https://basescan.org/address/" in found.html


def test_pictures_in_links_need_an_address(store: Path, tmp_path: Path):
    """With --site-url the card's address is absolute; without one no page names a card."""
    plain = page(site(store, tmp_path / "plain") / "eth" / "index.html")
    named = site(store, tmp_path / "named", site_url="https://bands.example.org/x/")
    found = page(named / "eth" / "index.html")

    assert not plain.all("meta", property="og:image")
    [image] = found.all("meta", property="og:image")
    assert image.attrs["content"] == "https://bands.example.org/x/eth/card.png"
    [link] = found.all("link", rel="canonical")
    assert link.attrs["href"] == "https://bands.example.org/x/eth/"
    assert 'href="https://bands.example.org/x/index.html"' in (named / "404.html").read_text()


def test_the_certificate_can_be_followed(store: Path, tmp_path: Path):
    """The command, the block's hash, and the digest of the document beside the page."""
    from hashlib import sha256

    out = site(store, tmp_path / "site")
    again = page(out / "eth" / "index.html").one("again").text

    assert f"--chain ethereum --block {whales_sample.BLOCK} --verify all" in again
    assert whales_sample.HASH.hex() in again
    assert sha256((out / "v1" / "scan.json").read_bytes()).hexdigest() in again
