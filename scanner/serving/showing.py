"""A store as the API shows it: notices what changed, loads it, keeps what did not.

A store is looked at by listing directories, several times a second, and is never locked: who
writes to it is not kept waiting. What is read is immutable, so no answer is half of something.
"""

import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from scanner import answers, reading
from scanner.answers.holders import SIDES
from scanner.deployments import chain_info
from scanner.errors import ScanGone, StoreError
from scanner.outputs.api.source import Chain, Log, Scan, State
from scanner.outputs.document import reasons
from scanner.outputs.phrases import drivers
from scanner.outputs.records import COLUMNS
from scanner.reading import Stored
from scanner.serving.chronicle import ODD, Chronicle
from scanner.serving.happened import Happened
from scanner.serving.telling import teller
from scanner.store import snapshots

_AGAIN = 2.0  # seconds after which a store in trouble is read again, though it looks the same
_WATCHED = 3  # the newest scans, whose files are looked at too: one may be repaired in place
_TRIES = 50  # to read a chain whose directory changes all the time

STRANGE = "The newest scan is not what a scan writes."

# What a directory looks like: equal only if nothing in it was added, removed or written.
Look = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Loaded:
    """A chain as it is shown, and what its directory looked like when it was read."""

    look: Look
    chain: Chain
    stored: Stored | None = None
    files: Look = ()


class Store:
    """The chains of the store at `directory`. Used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loaded: dict[int, _Loaded] = {}
        self._chronicles: dict[int, Chronicle] = {}
        self._seen: Mapping[int, Look] | str | None = None
        self._when = -math.inf

    def changed(self) -> bool:
        """Whether to load again: it looks different, or its trouble may have passed."""
        troubled = any(one.chain.trouble is not None for one in self._loaded.values())
        if troubled and time.monotonic() - self._when > _AGAIN:
            return True
        return self._looks() != self._seen

    def forget(self) -> None:
        """Load everything again next time."""
        self._loaded, self._seen = {}, None

    def load(self) -> State:
        """The store as it is now; chains that look as before are taken over as they are."""
        looks, self._when = self._looks(), time.monotonic()
        if isinstance(looks, str):
            self._loaded, self._seen = {}, looks
            return State(trouble=looks)
        self._loaded = {chain_id: self._chain(chain_id, look) for chain_id, look in looks.items()}
        self._seen = {chain_id: one.look for chain_id, one in self._loaded.items()}
        return State({chain_id: one.chain for chain_id, one in self._loaded.items()})

    def _looks(self) -> Mapping[int, Look] | str:
        """What every chain's directory looks like, or why the store cannot be read."""
        try:
            return {
                chain_id: _look(self._folder(chain_id))
                for chain_id in snapshots.chains(self._directory)
            }
        except StoreError as error:
            return error.what
        except OSError as error:
            return f"The store cannot be read: {error.strerror}."

    def _folder(self, chain_id: int) -> Path:
        return self._directory / snapshots.FOLDER / str(chain_id)

    def _chain(self, chain_id: int, look: Look) -> _Loaded:
        """A chain, read until it held still; one that cannot be read says so."""
        before = self._loaded.get(chain_id)
        if before is not None and before.look == look and before.chain.trouble is None:
            return before
        name = chain_info(chain_id).name
        for _ in range(_TRIES):
            try:
                return self._read(chain_id, name, look, before)
            except StoreError as error:
                trouble = error.what
            except ODD:
                trouble = STRANGE
            again = _look(self._folder(chain_id))
            if again == look:
                break
            look = again  # it changed meanwhile, which may be why
        if before is not None and before.chain.trouble == trouble:
            return replace(before, look=look)
        return _Loaded(look, Chain(chain_id, name, None, trouble=trouble))

    def _read(self, chain_id: int, name: str, look: Look, before: _Loaded | None) -> _Loaded:
        latest = snapshots.newest(self._directory, chain_id, complete=None)
        if latest is None:
            raise ScanGone("The chain's scans were removed.")
        picked = latest
        if not latest.complete:
            picked = snapshots.newest(self._directory, chain_id, complete=True) or latest
        newer = None if picked == latest else (latest.scan_id, latest.block)
        files = _files(picked.path)
        chronicle = self._chronicles.setdefault(chain_id, Chronicle(self._directory, chain_id))
        if before is not None and before.files == files and before.stored is not None:
            stored, scan = before.stored, before.chain.scan
        else:
            stored = reading.opened(picked)
            _check_name(stored)
            _check_tables(stored)
            scan = _scan(stored, chronicle, self._directory)
        listed = frozenset(row[0] for row in look if snapshots.NAME.fullmatch(row[0]))
        log = _Once(partial(chronicle.log, listed))
        chain = Chain(chain_id, name, scan, newer, None, listed, log)
        return _Loaded(look, chain, stored, files)


class _Once:
    """The stream's events, made by the first who asks; the others wait for them."""

    def __init__(self, make: Callable[[], Log]) -> None:
        self._make = make
        self._made: Log | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Log:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


def _scan(stored: Stored, chronicle: Chronicle, directory: Path) -> Scan:
    document = stored.document
    listed = partial(answers.scans, directory, document["chain_id"])
    happened = Happened(directory, document["chain_id"])
    return Scan(
        chain_id=document["chain_id"],
        scan_id=stored.scan_id,
        block=document["block"]["number"],
        timestamp=document["block"]["timestamp"],
        complete=document["complete"],
        reasons=tuple(reasons(document)),
        drivers=tuple(drivers(document)),
        figures=_figures(document),
        tell=teller(stored, chronicle, listed, happened),
    )


def _check_name(stored: Stored) -> None:
    """A scan that was moved to another chain's folder, or renamed, must not pass for another."""
    document, snapshot = stored.document, stored.snapshot
    block = document["block"]
    if (document["chain_id"], block["number"]) != (snapshot.chain_id, snapshot.block):
        raise StoreError("A stored scan is not the one that it is named for.")
    if not isinstance(block["timestamp"], int):
        raise StoreError(STRANGE)


def _check_tables(stored: Stored) -> None:
    """Read the tables here and now: one that is damaged must show before the scan does.

    They carry no digest, so they must at least hold what the document sums up.
    """
    positions = stored.positions
    if not {*COLUMNS} <= {*positions} or "account" not in stored.legs:
        raise StoreError("The tables of a stored scan are not what a scan writes.")
    counted = positions[~positions["already_liquidatable"] & positions["side"].isin(SIDES)]
    sums: dict[Any, float] = (
        counted.groupby(["driver", "side"])["collateral_at_risk_usd"].sum().to_dict()
    )
    told: dict[Any, float] = {
        (driver, side): usd for driver, side, usd in _figures(stored.document)
    }
    spots = {row["driver"]: row["spot_usd"] for row in stored.document["drivers"]}
    for key in told.keys() | sums.keys():
        same = math.isclose(sums.get(key, 0.0), told.get(key, 0.0), rel_tol=1e-6, abs_tol=1.0)
        if not same or key[0] not in spots:
            raise StoreError("The tables of a stored scan do not agree with its document.")
    if not all(spot is None or spot > 0 for spot in spots.values()):
        raise StoreError(STRANGE)


def _figures(document: Mapping[str, Any]) -> tuple[tuple[str, str, float], ...]:
    """Collateral at risk by driver and side. [USD]"""
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for row in document["ticks"]:
        sums[row["driver"], row["side"]] += row["collateral_at_risk_usd"]
    return tuple((driver, side, round(usd, 2)) for (driver, side), usd in sorted(sums.items()))


def _look(folder: Path) -> Look:
    """The scans of a chain, and the files of the newest ones."""
    found = [row for row in _files(folder) if snapshots.NAME.fullmatch(row[0])]
    watched = [_files(folder / name) for name, *_ in found[-_WATCHED:]]
    return (*found, *(file for files in watched for file in files))


def _files(folder: Path) -> Look:
    """Name, time of the last change and identity of what a directory holds; () without it."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            try:
                stat = entry.stat()
            except FileNotFoundError as error:
                if entry.is_symlink():
                    raise StoreError("A link in the store leads nowhere.") from error
                continue  # removed since it was listed
            found.append((entry.name, stat.st_mtime_ns, stat.st_ino))
    return tuple(sorted(found))
