"""Where the store comes from: the cache, else the last copy among the artifacts, else nowhere yet.

The cache service forgets what nobody asked for in a week, or what does not fit 10 GB. A copy is
therefore kept as an artifact, a new one each week. A scan from nothing would be saved as the newest
store and hide the whole history, so a run begins with nothing only where neither place has a store.
"""

import os
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from publish.github import ask, at_github, download, put
from publish.settings import Settings
from scanner.errors import BandscanError, UsageError

COPY_EVERY = timedelta(days=6.5)  # scheduled runs are never on time


def run(settings: Settings) -> None:
    """Leave the last store that was saved; puts out `copy`, whether a new copy is due.

    Raises
    ------
    BandscanError
        There is a store, or may be one, and it cannot be had.
    """
    if not at_github():
        raise UsageError("Only a run on GitHub has a store to restore.")
    name = name_of(settings.chain)
    if settings.matched_key:
        put(copy=_copy_is_due(name))
        print("The store comes from the cache.", flush=True)
        return
    key = key_of(name)
    query = urlencode({"key": key, "ref": os.environ["GITHUB_REF"]})
    if ask(f"actions/caches?{query}")["total_count"]:
        raise BandscanError(
            "The cache has a store of this chain and did not hand it over.",
            fix=f"run again; if that goes on, delete the caches {key}…, and the last copy is used",
        )
    copies = _copies(name)
    shutil.rmtree(settings.store, ignore_errors=True)  # what a broken restore may have left
    if copies:
        last = max(copies, key=_made)
        part = settings.store.with_name(f"{settings.store.name}.part")
        download(last["workflow_run"]["id"], name, part)
        part.rename(settings.store)
        print(f"The store comes from the copy of {last['created_at']}.", flush=True)
    else:
        print("Nothing is stored yet: this is the first scan.", flush=True)
    put(copy=True)


def name_of(chain: str) -> str:
    """What the copies of a chain's store are called."""
    return f"bandscan-store-of-{chain}"


def key_of(name: str) -> str:
    """How the keys of its caches begin; no chain's key begins like another chain's."""
    return f"{name}-run-"


def _copy_is_due(name: str) -> bool:
    try:
        made = [_made(copy) for copy in _copies(name)]
    except BandscanError as error:
        print(f"{error.what} No copy is added.", flush=True)
        return False
    return not made or datetime.now(UTC) - max(made) > COPY_EVERY


def _copies(name: str) -> list[dict[str, Any]]:
    """The artifacts of this name, but none from a fork or from another branch."""
    found: list[dict[str, Any]] = ask(
        f"actions/artifacts?{urlencode({'name': name, 'per_page': 100})}"
    )["artifacts"]
    return [each for each in found if not each["expired"] and _ours(each["workflow_run"])]


def _ours(run: dict[str, Any] | None) -> bool:
    return (
        run is not None
        and run["head_repository_id"] == run["repository_id"]
        and run["head_branch"] == os.environ["GITHUB_REF_NAME"]
    )


def _made(copy: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(copy["created_at"])
