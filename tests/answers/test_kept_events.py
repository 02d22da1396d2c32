"""The kept liquidations: ranges without gaps or overlaps, and what a reorganisation takes."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from answers.test_realised_rows import rows
from scanner.core.realised import unknown
from scanner.errors import NotRead, StoreError
from scanner.store.events import Events, Mark, Read, Span, gaps
from scanner.store.events_file import FILE

CHAIN = 7


def read(blocks: list[int]) -> Read:
    """One event in each block."""
    found = rows(blocks, [1] * len(blocks), [None] * len(blocks), [2**200 + 1] * len(blocks))
    return Read(
        found, [1_000 + block for block in blocks], unknown(len(blocks)), [None] * len(blocks)
    )


def hashed(block: int, fork: int = 0) -> bytes:
    return bytes([fork]) * 24 + block.to_bytes(8, "big")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A final range, one that may be undone, and one more behind it."""
    with Events.open(tmp_path, write=True) as events:
        source = events.source(CHAIN, "aave_v3", "core", b"\x01" * 20)
        events.keep(source, Span(10, 19, None, "twice"), read([12]))
        events.keep(source, Span(20, 29, hashed(29), "twice"), read([21, 25]))
        events.keep(source, Span(30, 34, hashed(34), "twice"), read([33]))
        events.mark(CHAIN, [Mark(10, hashed(10), 1_010), Mark(34, hashed(34), 1_034)])
    return tmp_path


def blocks(folder: Path) -> list[int]:
    with Events.open(folder, write=False) as events:
        return [row["block"] for row in events.rows(events.sources(CHAIN), 0, 10**9)]


def test_what_was_read_comes_back_as_it_was(kept: Path) -> None:
    with Events.open(kept, write=False) as events:
        [source] = events.sources(CHAIN)
        assert events.missing(source.id, 5, 40) == [(5, 9), (35, 40)]
        found = events.rows([source], 20, 30)
    assert [row["block"] for row in found] == [21, 25]
    assert found[0]["repaid"] == str(2**200 + 1)
    assert found[0]["repaid_usd"] is None
    assert found[0]["collateral_token"].symbol == "WETH"


def test_a_reorganisation_takes_the_ranges_it_touches_and_no_others(kept: Path) -> None:
    with Events.open(kept, write=True) as events:
        [source] = events.sources(CHAIN)
        assert events.unwind(source.id, hashed, 25) is None
        # From block 30 on another chain.
        back = events.unwind(source.id, lambda n: hashed(n, n >= 30), 25)
        assert back == 30
        assert events.missing(source.id, 10, 34) == [(30, 34)]
        events.forget_marks(CHAIN, lambda n: hashed(n, n >= 30))
        assert [one.block for one in events.marks(CHAIN)] == [10]
    assert blocks(kept) == [12, 21, 25]


def test_what_is_final_is_not_asked_about_again(kept: Path) -> None:
    with Events.open(kept, write=True) as events:
        [source] = events.sources(CHAIN)
        events.unwind(source.id, hashed, 29)
        asked: list[int] = []

        def gone(block: int) -> bytes | None:
            asked.append(block)
            return None

        assert events.unwind(source.id, gone, 29) == 30
        assert asked == [34]
    assert blocks(kept) == [12, 21, 25]


def test_a_range_is_kept_whole_or_not_at_all(kept: Path) -> None:
    with Events.open(kept, write=True) as events:
        [source] = events.sources(CHAIN)
        with pytest.raises(ValueError, match="outside its span"):
            events.keep(source.id, Span(40, 49, None, "twice"), read([50]))
        with pytest.raises(ValueError, match="read before"):
            events.keep(source.id, Span(20, 40, None, "twice"), read([35]))  # that range is there
    assert blocks(kept) == [12, 21, 25, 33]


def test_one_writes_and_others_read(kept: Path) -> None:
    with Events.open(kept, write=True):
        assert blocks(kept) == [12, 21, 25, 33]
        code = (
            "from pathlib import Path; from scanner.store.events import Events\n"
            f"with Events.open(Path({str(kept)!r}), write=True): pass"
        )
        other = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "Another run is reading liquidations" in other.stderr


def test_nothing_kept_is_said_and_damage_is_named(tmp_path: Path, kept: Path) -> None:
    with pytest.raises(NotRead), Events.open(tmp_path / "none", write=False):
        pass
    (kept / FILE).write_bytes(b"no data base at all" * 100)
    with pytest.raises(StoreError, match="damaged"), Events.open(kept, write=False):
        pass
    (kept / FILE).unlink()
    with sqlite3.connect(kept / FILE) as strange:
        strange.execute("CREATE TABLE other (x)")
    with pytest.raises(StoreError, match="not written by bandscan"), Events.open(kept, write=False):
        pass


def test_gaps_of_ranges() -> None:
    assert gaps([], 3, 5) == [(3, 5)]
    assert gaps([(1, 9)], 3, 5) == []
    assert gaps([(1, 3), (5, 5), (9, 12)], 2, 10) == [(4, 4), (6, 8)]
