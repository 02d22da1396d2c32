"""What the API is given to serve: the chains of a store, and scans that answer in bytes.

Only plain data and one callable: where the scans lie and who computes the answers is not known
here. scanner/serving/ fills it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PAGE = 100  # positions in one page where nobody says how many


@dataclass(frozen=True)
class Question:
    """An endpoint's name and the filters given, as values that can be hashed."""

    name: str
    filters: tuple[tuple[str, Any], ...] = ()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of one filter."""
        return next((value for name, value in self.filters if name == key), default)

    @property
    def plain(self) -> bool:
        """Whether it is one of the few that every bot asks: nothing filtered but the driver."""
        return all(name == "driver" for name, _ in self.filters) and self.name != "account"


@dataclass(frozen=True)
class Told:
    """An answer's bytes; `more` is the offset at which the next page begins, if there is one."""

    content: bytes
    more: int | None = None


@dataclass(frozen=True)
class Scan:
    """One stored scan.

    Attributes
    ----------
    block, timestamp : int
        The scanned block and its time. [Unix seconds]
    reasons : tuple of str
        Why it is incomplete.
    drivers : tuple of str
        Largest collateral first.
    figures : tuple of (driver, side, dollars)
        Collateral at risk, for /metrics.
    tell : callable
        Answers a question; raises Refusal. Called from worker threads, several at once.
    """

    chain_id: int
    scan_id: str
    block: int
    timestamp: int
    complete: bool
    reasons: tuple[str, ...]
    drivers: tuple[str, ...]
    figures: tuple[tuple[str, str, float], ...]
    tell: Callable[[Question], Told]


@dataclass(frozen=True)
class Event:
    """One event of the stream: `scan`, or `band` of one driver.

    `number` counts within the scan, so that (scan, number) is the same after a restart.
    """

    scan_id: str
    number: int
    kind: str
    driver: str | None
    data: bytes


@dataclass(frozen=True)
class Log:
    """The events of all stored scans of a chain, oldest first, and the scans they are about."""

    events: tuple[Event, ...] = ()
    scans: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Chain:
    """One chain of the store, as it is at one moment.

    Attributes
    ----------
    scan : Scan or None
        The newest complete one, or the newest incomplete where there is no other.
    newer : (scan id, block) or None
        An incomplete scan later than `scan`.
    trouble : str or None
        Why the newest scan cannot be read; then there is no `scan`.
    listed : frozenset of str
        Ids of its stored scans.
    log : callable
        Their events; called from worker threads, takes a while the first time.
    """

    chain_id: int
    name: str
    scan: Scan | None
    newer: tuple[str, int] | None = None
    trouble: str | None = None
    listed: frozenset[str] = frozenset()
    log: Callable[[], Log] = Log


@dataclass(frozen=True)
class State:
    """The whole store at one moment; replaced, never changed.

    `trouble` is why the store as such cannot be read.
    """

    chains: Mapping[int, Chain] = field(default_factory=dict)
    trouble: str | None = None
