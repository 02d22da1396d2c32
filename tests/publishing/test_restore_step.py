"""`scripts/publish restore`: never a scan from nothing where a store exists somewhere."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from publishing.conftest import Place

NONE = {"total_count": 0}


def copy(days: float, *, run: int = 7, branch: str = "main", **changes: Any) -> dict[str, Any]:
    """An artifact of `days` ago."""
    made = datetime.now(UTC) - timedelta(days=days)
    return {
        "created_at": f"{made:%Y-%m-%dT%H:%M:%SZ}",
        "expired": False,
        "workflow_run": {
            "id": run,
            "repository_id": 1,
            "head_repository_id": 1,
            "head_branch": branch,
        },
    } | changes


def artifacts(*copies: dict[str, Any]) -> dict[str, Any]:
    return {"total_count": len(copies), "artifacts": list(copies)}


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """What is in the copy."""
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "ledger.sqlite").write_text("the copy")
    return str(folder)


def test_the_first_run_begins_with_nothing(place: Place):
    """Neither a cache nor a copy: no store, and a copy is due."""
    place.answer(caches=NONE, artifacts=artifacts())
    ended = place.restore()

    assert ended.code == 0, ended.log
    assert ended.outputs == {"copy": "true"}
    assert not place.store.exists()


@pytest.mark.parametrize(("days", "due"), [(1, "false"), (8, "true")])
def test_with_a_cache_only_the_age_of_the_last_copy_matters(place: Place, days: int, due: str):
    """The store stays as the cache gave it; a copy is due each week."""
    place.store.mkdir()
    (place.store / "ledger.sqlite").write_text("the cache's")
    place.answer(artifacts=artifacts(copy(30), copy(days)))
    ended = place.restore(MATCHED_KEY="bandscan-store-of-ethereum-run-6-1")

    assert ended.code == 0, ended.log
    assert ended.outputs == {"copy": due}
    assert (place.store / "ledger.sqlite").read_text() == "the cache's"


def test_with_a_cache_a_silent_github_does_no_harm(place: Place):
    """The scan goes on; no copy is added."""
    place.answer()
    ended = place.restore(MATCHED_KEY="bandscan-store-of-ethereum-run-6-1")

    assert (ended.code, ended.outputs) == (0, {"copy": "false"})


def test_without_a_cache_the_newest_copy_is_taken(place: Place, kept: str):
    """Whatever a broken restore has left gives way to it."""
    place.store.mkdir()
    (place.store / "half").write_text("")
    place.answer(caches=NONE, artifacts=artifacts(copy(20, run=5), copy(9, run=6)), copy=kept)
    ended = place.restore()

    assert ended.code == 0, ended.log
    assert (place.store / "ledger.sqlite").read_text() == "the copy"
    assert not (place.store / "half").exists()
    [download] = [call for call in ended.calls if call[1] == "run"]
    assert download[2:4] == ["download", "6"]
    assert download[download.index("--name") + 1] == "bandscan-store-of-ethereum"
    assert ended.outputs == {"copy": "true"}


@pytest.mark.parametrize(
    "foreign",
    [
        copy(1, expired=True),
        copy(1, workflow_run=None),
        copy(1, branch="feature"),
        copy(
            1,
            workflow_run={
                "id": 7,
                "repository_id": 1,
                "head_repository_id": 2,
                "head_branch": "main",
            },
        ),
    ],
    ids=["expired", "no run", "another branch", "a fork"],
)
def test_a_copy_that_is_not_ours_is_not_taken(place: Place, foreign: dict[str, Any]):
    """A pull request from a fork can upload an artifact of any name."""
    place.answer(caches=NONE, artifacts=artifacts(foreign))
    ended = place.restore()

    assert ended.code == 0, ended.log
    assert not place.store.exists()


def test_a_cache_that_was_not_handed_over_stops_the_run(place: Place, kept: str):
    """A scan from nothing would be saved as the newest store and hide the history."""
    place.answer(caches={"total_count": 3}, artifacts=artifacts(copy(1)), copy=kept)
    ended = place.restore()

    assert ended.code == 1
    assert "::error::The cache has a store of this chain and did not hand it over" in ended.log
    [question] = ended.calls
    assert "key=bandscan-store-of-ethereum-run-" in question[2]
    assert "ref=refs%2Fheads%2Fmain" in question[2]


@pytest.mark.parametrize("answers", [{}, {"caches": NONE}], ids=["no answer", "half an answer"])
def test_without_an_answer_nothing_is_begun(place: Place, answers: dict[str, Any]):
    """Not knowing whether there is a store is not the same as having none."""
    place.answer(**answers)
    ended = place.restore()

    assert ended.code == 1
    assert "::error::GitHub did not say which stored scans it has" in ended.log


def test_half_a_copy_is_no_store(place: Place):
    """A download that breaks leaves nothing under the store's name."""
    place.answer(caches=NONE, artifacts=artifacts(copy(1)), broken=True)
    ended = place.restore()

    assert ended.code == 1
    assert not place.store.exists()


def test_elsewhere_nothing_is_touched(place: Place):
    """On a machine of one's own there is nothing to restore from, and a store to lose."""
    place.store.mkdir()
    ended = place.restore(GITHUB_ACTIONS="")

    assert ended.code == 2
    assert "error: Only a run on GitHub has a store to restore." in ended.log
    assert place.store.exists()
