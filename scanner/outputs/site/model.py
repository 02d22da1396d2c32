"""What a site is made of. Every number comes from the scan's answers; nothing here is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.core.window import Window

Row = Mapping[str, Any]
NO_SCAN = 255  # a column of the heat map for which no scan is stored


@dataclass(frozen=True)
class Scan:
    """The scan that every page of the site shows.

    `proof`: the answer of /v1/proof, what the protocols themselves said about its prices.
    `newer`: the block of a newer, incomplete scan. `failed`: the exit code of the scan job that ran
    before this build, where it was not 0. `stale`: hours after which a page calls itself old.
    """

    chain: str
    document: Row
    scan_id: str
    sha256: str
    summary: Row
    proof: Row | None = None
    newer: int | None = None
    failed: int | None = None
    stale: float = 6.0
    site_url: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return bool(self.document["complete"])

    @property
    def timestamp(self) -> int:
        """Of the block. [s]"""
        return int(self.document["block"]["timestamp"])


@dataclass(frozen=True)
class Movers:
    """Who changed a range since the complete scan before.

    `since`: that scan's time. `came`, `left`: accounts, and their dollars. `largest`: the account
    with the largest change, a row of `answers.diff`; None where no single one matters.
    """

    since: int
    came: tuple[int, float]
    left: tuple[int, float]
    largest: Row | None


@dataclass(frozen=True)
class Range:
    """A band, a wall or a range of walls, and its past.

    `accounts`: the members with most at risk. `top_six`: what part the six owners with most hold.
    `past`: (time, collateral at risk) of every stored scan that had it. `day_ago`: collateral at
    risk about 24 hours before. `changed`: (time, change) of its last move or jump. `movers`: None
    where no earlier scan can be compared account by account.
    """

    letter: str
    row: Row
    accounts: Sequence[Row] = ()
    top_six: float | None = None
    past: Sequence[tuple[int, float]] = ()
    day_ago: float | None = None
    changed: tuple[int, Row] | None = None
    movers: Movers | None = None


@dataclass(frozen=True)
class Heat:
    """Collateral at risk by price and time: `grades[row, column]` counts the `steps` [USD per row]
    that are reached, NO_SCAN where nothing is stored. `spots`: the price per column."""

    start: int
    end: int
    grades: npt.NDArray[np.uint8]
    spots: Sequence[float | None]
    steps: Sequence[float]


@dataclass(frozen=True)
class Driver:
    """A driver's page. `large`: (price, USD, protocol) of single accounts worth a mark."""

    name: str
    slug: str
    spot: float
    window: Window
    row: Row
    ranges: Sequence[Range]
    ticks: Sequence[Row]
    levels: Row
    protocols: Sequence[Row]
    standing: Mapping[str, Row]
    large: Sequence[tuple[float, float, str]] = ()
    large_from: float = 0.0
    heat: Heat | None = None
    spot_day_ago: float | None = None
    event: tuple[int, Row] | None = None


@dataclass(frozen=True)
class Silent:
    """A driver without a page, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Change:
    """One entry of the feed. `worth`: its dollars, of the driver's collateral at risk then."""

    driver: str
    slug: str
    scan_id: str
    timestamp: int
    row: Row
    worth: float = 1.0


@dataclass(frozen=True)
class File:
    """A file of the Data section: `path` from the site's root, `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Dataset:
    """What one line of the Data section offers, by format (`json`, `csv`, `parquet`)."""

    title: str
    note: str
    files: Mapping[str, File]


@dataclass(frozen=True)
class Site:
    """Everything that is drawn. `standing`: of all positions, whatever their driver. `data`: the
    Data section per driver's slug, "" for the chain's. `changes`: the newest first. `leverage`: the
    chain's history, as `answers.leverage` has it; `realised`: the last day's liquidations, as
    `answers.liquidations` has them, None where none were read."""

    scan: Scan
    drivers: Sequence[Driver]
    silent: Sequence[Silent]
    changes: Sequence[Change]
    standing: Mapping[str, Row]
    data: Mapping[str, Sequence[Dataset]]
    leverage: Row | None = None
    realised: Row | None = None
