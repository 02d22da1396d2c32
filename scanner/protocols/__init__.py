"""One file per protocol; a leading _ marks what forks share. Found by listing this folder.

An adapter is a module that says:

    NAME, ADDRESSES           its name and the address fields of its deployments, the main one first
    OPTIONAL                  (may be left out) address fields that a deployment may have
    KEY                       (may be left out: 20) bytes of the key a position is stored under
    TOTALS_PROVE              (may be left out: True) False where a list of borrowers cannot be
                              proven complete by totals, since markets are known by logs alone
    open_market(chain, row)   the market at the pinned block: configuration, indices, prices, totals
    shocks(market)            the shocks that are about something in it: "driver:ETH", "token:WETH"
    log_filter(market)        which logs name accounts whose stored state may have changed
    touched(market, logs)     those accounts
    read(chain, market, who)  their stored state: integers constant between their own events
    survey(chain, market, …)  stored state + market -> legs, prices, identities, referee, and how
                              the protocol is asked for its own verdict at other prices

and, where its liquidations are read (`bandscan liquidations`; all three or none):

    liquidations(chain, market, known)   which logs of the market's own contracts tell of them;
                              `known` are the ledger's keys where they hold more than accounts
    realised(chain, market, logs)        those logs (`Way.whole`) -> core.realised.Realised, in
                              token units; `chain` is at the head, and may be asked for more logs
    worth(chain, market, rows)           dollars by the protocol's own oracle; `chain` is pinned to
                              the rows' block
"""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from scanner.core.positions import Exposure, Holdings
from scanner.core.states import States
from scanner.errors import Problem

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


SOME = "*"  # among a market's shocks: there are more, to be known when the accounts are read


@dataclass(frozen=True)
class LogFilter:
    """Contracts and first topics to ask for."""

    addresses: list[bytes]
    topics: list[bytes]


@dataclass(frozen=True)
class Identity:
    """A sum over all accounts found, against the protocol's own total. Integers in raw units.

    `bound` is the tolerated gap as a fraction of the total; 0 for an exact identity. `market` names
    the isolated market it is of, where the deployment has many.
    """

    asset: bytes
    symbol: str
    kind: str
    found: int
    total: int
    bound: float
    market: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything the protocol counts was found."""
        return abs(self.found - self.total) <= self.bound * self.total


@dataclass(frozen=True)
class Parity:
    """Our health factors against the protocol's own view of the same block.

    Of `accounts`, `checked` were compared and `mismatches` of them differ; `unread` were chosen as
    well, but the protocol gave no view of them. `parts` is the same of each isolated market inside
    the deployment, by name; empty where there is but one.
    """

    accounts: int
    checked: int
    unread: int
    mismatches: int
    max_rel_error: float
    p99_rel_error: float
    parts: tuple[tuple[str, "Parity"], ...] = ()


def verdicts(names: Sequence[str], place: I64, rows: I64, same: npt.NDArray[np.bool_]) -> Parity:
    """Parity of a protocol whose own view is a verdict: healthy or not, and no number.

    Parameters
    ----------
    names : sequence of str
        The isolated markets.
    place : int64 array, shape (positions,)
        Each position's market.
    rows : int64 array
        The positions that were asked about, and `same`, whether both verdicts agree.
    """
    size = len(names)
    every = np.bincount(place, minlength=size)
    asked = np.bincount(place[rows], minlength=size)
    wrong = np.bincount(place[rows[~same]], minlength=size)
    counts = zip(names, every.tolist(), asked.tolist(), wrong.tolist(), strict=True)
    parts = tuple((name, Parity(n, k, 0, m, 0.0, 0.0)) for name, n, k, m in counts)
    return Parity(len(place), len(rows), 0, int((~same).sum()), 0.0, 0.0, parts)


@dataclass(frozen=True)
class UnknownRow:
    """Accounts whose health cannot be known, and why; debts as (asset, raw amount, USD or None).

    `optional` marks what is listed but does not make a scan incomplete: debt in a token that nobody
    prices, in a market that anybody may open. Else one wei of it would spoil every scan there is.
    """

    why: str
    asset: bytes
    accounts: int
    debts: list[tuple[bytes, int, float | None]]
    market: str = ""
    optional: bool = False


class Survey(Protocol):
    """One market, read and translated."""

    holdings: Holdings
    identities: list[Identity]
    unknown: list[UnknownRow]
    problems: list[Problem]
    facts: dict[str, Any]
    drivers: list[str]
    # and, where there is something to say, `details`: facts by market name for the document; and
    # `always_falls`: one unit beyond p* is below it, whatever the side (an oracle of the
    # collateral falls, whatever the driver does)

    def expose(self, kind: str, name: str) -> Exposure | None:
        """What a shock does to the positions; None where nothing in the market follows it."""

    def trials(self, exposure: Exposure, positions: I64, answers: Any) -> Any:
        """How to ask the protocol for its own verdict on `positions` (one trial each; positions may
        repeat) where the exposure's feed (`Exposure.raw_feeds`) gives `answers`, Python integers:
        an `_trials.Asking`. Pure. Every token that moves with the shock has its own source told
        what `Shock.prices` makes of the answer."""

    def parity(self, chain: Any, count: int | None) -> Parity:
        """Health factors of `count` accounts (None: all) against the protocol's view."""


class Adapter(Protocol):
    """What a protocol's module offers."""

    NAME: str
    ADDRESSES: tuple[str, ...]

    def open_market(self, chain: Any, row: Any) -> Any: ...
    def shocks(self, market: Any) -> set[str]: ...
    def log_filter(self, market: Any, *, known: bool) -> LogFilter: ...
    def touched(self, market: Any, logs: Any) -> tuple[U8, I64, npt.NDArray[np.bool_]]: ...
    def read(self, chain: Any, market: Any, accounts: U8) -> Iterator[tuple[States, U8]]: ...
    def survey(self, chain: Any, market: Any, states: States, failed: U8) -> Survey: ...


def beyond(survey: Survey, exposure: Exposure) -> I64:
    """How one feed unit beyond p* is counted: -1 below it, +1 above it. Shape (positions,)."""
    if getattr(survey, "always_falls", False):
        return np.full(len(exposure.side), -1, np.int64)
    return -exposure.side.astype(np.int64)


_NEEDED = ("NAME", "ADDRESSES", "open_market", "shocks", "log_filter", "touched", "read", "survey")


def key_width(adapter: Adapter) -> int:
    """Bytes of the key that a protocol's positions are stored under."""
    return int(getattr(adapter, "KEY", 20))


def optional_fields(adapter: Adapter) -> tuple[str, ...]:
    """Address fields that a deployment of the protocol may have."""
    return tuple(getattr(adapter, "OPTIONAL", ()))


@cache
def adapters() -> dict[str, Adapter]:
    """Every protocol of this folder by name."""
    found: dict[str, Adapter] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module: Any = importlib.import_module(f"{__name__}.{info.name}")
        missing = [name for name in _NEEDED if not hasattr(module, name)]
        if missing or module.NAME in found:
            raise TypeError(f"protocols/{info.name}.py: missing {missing} or a name taken twice")
        found[module.NAME] = module
    return found
