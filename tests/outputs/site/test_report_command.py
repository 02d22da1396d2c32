"""`bandscan report`: what it says, its exit codes, and what it refuses."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from outputs.site.conftest import write
from scanner.cli import main


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the whales' scan."""
    return write(tmp_path / "store")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def test_it_says_what_it_wrote(store: Path, tmp_path: Path):
    """Block, worth, pages and their weight; exit code 0."""
    result = run("--store", store, "--out", tmp_path / "site")

    assert result.exit_code == 0, result.output
    assert "block 24,512,345, complete: 4 pages" in result.output
    assert "eth/index.html" in result.output


def test_an_incomplete_scan_ends_in_3_and_its_page_is_written(tmp_path: Path):
    """There is nothing better to show, and it says so."""
    store = write(tmp_path / "store", complete=False)

    result = run("--store", store, "--out", tmp_path / "site")

    assert result.exit_code == 3
    assert "INCOMPLETE" in result.output
    assert (tmp_path / "site" / "index.html").is_file()


def test_without_a_scan_nothing_is_written(tmp_path: Path):
    """Exit code 2, and how to get one."""
    result = run("--store", tmp_path, "--out", tmp_path / "site")

    assert result.exit_code == 2
    assert "There is no finished scan yet" in result.output
    assert not (tmp_path / "site").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "bands.example.org",
        "ftp://x/",
        "https://me:secret@x/",
        "https://:secret@x/",
        "https://x/?q=1",
        "https://",
        "https://x/a b",
        'https://x/">',
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(store: Path, tmp_path: Path, url: str):
    """Before anything is read."""
    result = run("--store", store, "--out", tmp_path / "site", "--site-url", url)

    assert result.exit_code == 2
    assert not (tmp_path / "site").exists()


def test_what_cannot_be_meant_is_refused(store: Path, tmp_path: Path):
    """Hours, days and codes out of their range."""
    for option in (("--stale", "0"), ("--history", "-1"), ("--scan-exit", "999")):
        assert run("--store", store, "--out", tmp_path / "site", *option).exit_code == 2


def test_a_damaged_scan_of_the_past_is_left_out_and_said(store: Path, tmp_path: Path):
    """The newest scan is shown all the same."""
    older = write(store, block=24_500_000)
    [folder] = [path for path in (older / "scans" / "1").iterdir() if "24500000" in path.name]
    (folder / "scan.json").write_bytes(b"{")

    result = run("--store", store, "--out", tmp_path / "site")

    assert result.exit_code == 0
    assert "was left out of the history" in result.output
