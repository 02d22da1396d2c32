"""A million positions: prices in closed form and refined, sides, ticks, bands; store and tables.

Each part runs in a process of its own, so that its peak memory is its own. The yardstick is one
`np.bincount` pass with weights over the same legs, timed beside each part.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

if not __package__:  # a part, run as a script
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import books
from bench.report import Figure
from scanner.core import price, rows
from scanner.core.bands import find_bands
from scanner.core.legs import Legs
from scanner.core.levels import Priced, Side, level_table
from scanner.core.positions import at_risk
from scanner.core.shocks import Shock
from scanner.core.ticks import tick_table
from scanner.protocols._aave_book import book_of
from scanner.protocols._aave_edge import edges
from scanner.protocols._aave_survey import AaveSurvey, shock_in
from scanner.store import snapshots

MILLION = 1_000_000
ROUNDS = 5
DRIVER = "ETH"

Measured = dict[str, float]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


def figures() -> list[Figure]:
    """All figures of this section."""
    closed = _alone("closed")
    found = [
        Figure("one np.bincount pass over 2,500,000 legs", 1e3 * closed["yardstick"], "ms"),
        Figure("p* in closed form, sides, ticks, bands: passes", closed["ratio"], "x", 60),
        *(Figure(f"... {part}", closed[part], "x") for part in ("prices", "ticks", "bands")),
        Figure("... peak memory", closed["peak"], "GB", 1.5),
    ]
    three = _alone("drivers")
    found += [
        Figure(
            "three drivers, both sides, with levels and bands: passes", three["ratio"], "x", 100
        ),
        *(Figure(f"... {part}", three[part], "x") for part in ("prices", "levels", "bands")),
        Figure("... peak memory", three["peak"], "GB", 1.5),
    ]
    for revision, name in (("1", "3.0"), ("10", "3.6")):
        for positions in (100_000, MILLION):
            part = _alone("refined", revision, str(positions))
            text = f"p* refined by the rules of {name}, {positions:,} positions: passes"
            found.append(Figure(text, part["ratio"], "x"))
            found.append(Figure("... each position", 1e6 * part["seconds"] / positions, "µs"))
            found.append(Figure("... peak memory", part["peak"], "GB"))
    store = _alone("survey")
    tables = _alone("tables")
    return [
        *found,
        Figure("stored states to legs, a million positions", store["book"], "s"),
        Figure("... the survey around them", store["survey"], "s"),
        Figure("... peak memory", store["peak"], "GB"),
        Figure("tables of a million positions, one driver", tables["columns"], "s"),
        Figure("... written as Parquet", tables["written"], "s"),
        Figure("... peak memory", tables["peak"], "GB", 6),
    ]


def closed() -> Measured:
    """The closed form of one driver, sides, ticks and bands of both sides."""
    legs = books.legs_of(books.draw(MILLION))
    owner = np.arange(MILLION) // 5 * 4  # of five neighbours, two to five positions are one owner's
    shock = shock_in(books.market(10), "driver", DRIVER)
    assert shock is not None
    laps = Laps()
    for _ in range(ROUNDS):
        with laps.lap("yardstick"):
            _yardstick(legs)
        with laps.lap("prices"):
            ratio, side = price.closed_form(legs, shock.follows)
            usd, risk = ratio * shock.spot, at_risk(legs, shock, side, ratio)
            debt = legs.owed()
            chosen = {"long": np.flatnonzero(side == 1), "short": np.flatnonzero(side == -1)}
        with laps.lap("ticks"):
            for who in chosen.values():
                tick_table(usd[who], risk[who], debt[who])
        with laps.lap("bands"):
            find_bands(
                usd[chosen["long"]], risk[chosen["long"]], owner[chosen["long"]], shock.spot, "long"
            )
            find_bands(
                usd[chosen["short"]],
                risk[chosen["short"]],
                owner[chosen["short"]],
                shock.spot,
                "short",
            )
    unit = laps.median("yardstick")
    passes = {part: laps.median(part) / unit for part in ("prices", "ticks", "bands")}
    return {"yardstick": unit, "ratio": sum(passes.values()), **passes}


def drivers() -> Measured:
    """The closed form of every driver, its sides, levels and bands."""
    legs = books.legs_of(books.draw(MILLION))
    owner = np.arange(MILLION) // 5 * 4
    market = books.market(10)
    shocks = [shock for name in books.SPOTS if (shock := shock_in(market, "driver", name))]
    if len(shocks) != len(books.SPOTS):
        raise RuntimeError("a driver without a shock")
    callable_, nobody = np.ones(MILLION, np.bool_), np.zeros(0, object)
    laps = Laps()
    for _ in range(ROUNDS):
        with laps.lap("yardstick"):
            _yardstick(legs)
        with laps.lap("prices"):
            debt = legs.owed()
            priced = [_sides(legs, shock) for shock in shocks]
        with laps.lap("levels"):
            for usd, risk, chosen in priced:
                for side, who in chosen.items():
                    dollars = (usd[who], risk[who], debt[who], risk[who])
                    level_table(Priced(side, *dollars, nobody, callable_[who]))
        with laps.lap("bands"):
            for shock, (usd, risk, chosen) in zip(shocks, priced, strict=True):
                for side, who in chosen.items():
                    find_bands(usd[who], risk[who], owner[who], shock.spot, side)
    unit = laps.median("yardstick")
    passes = {part: laps.median(part) / unit for part in ("prices", "levels", "bands")}
    return {"ratio": sum(passes.values()), **passes}


def _sides(legs: Legs, shock: Shock) -> tuple[F64, F64, dict[Side, I64]]:
    """p* [USD], collateral at risk [USD] and the positions of each side."""
    ratio, side = price.closed_form(legs, shock.follows)
    chosen: dict[Side, I64] = {
        "long": np.flatnonzero(side == 1),
        "short": np.flatnonzero(side == -1),
    }
    return ratio * shock.spot, at_risk(legs, shock, side, ratio), chosen


def refined(revision: str, positions: str) -> Measured:
    """p* of one driver by a generation's own integers."""
    drawn = books.draw(int(positions))
    market = books.market(int(revision))
    book = book_of(market, books.states_of(drawn))
    shock = shock_in(market, "driver", DRIVER)
    assert shock is not None
    laps = Laps()
    for _ in range(3):
        with laps.lap("yardstick"):
            _yardstick(book.legs)
    with laps.lap("edges"):
        edges(book, shock)
    seconds = laps.median("edges")
    return {"ratio": seconds / laps.median("yardstick"), "seconds": seconds}


def survey() -> Measured:
    """From what the ledger holds to a market's survey."""
    states = books.states_of(books.draw(MILLION))
    laps = Laps()
    with laps.lap("book"):
        book = book_of(books.market(10), states)
    with laps.lap("survey"):
        AaveSurvey(book.market, book, [], np.zeros((0, 20), np.uint8))
    return {"book": laps.median("book"), "survey": laps.median("survey")}


def tables() -> Measured:
    """The two tables of a scan with one driver, and their files."""
    book = book_of(books.market(10), books.states_of(books.draw(MILLION)))
    surveyed = AaveSurvey(book.market, book, [], np.zeros((0, 20), np.uint8))
    exposure = surveyed.expose("driver", DRIVER)
    laps = Laps()
    with laps.lap("columns"):
        positions = rows.position_columns([surveyed.holdings], [(DRIVER, [exposure])])
        legs = rows.leg_columns([surveyed.holdings])
    with tempfile.TemporaryDirectory() as store, laps.lap("written"):
        snapshots.write(Path(store), 1, 1, bytes(32), True, b"{}", positions, legs)
    return {"columns": laps.median("columns"), "written": laps.median("written")}


class Laps:
    """Seconds by name, several laps each."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Time what is inside the `with`."""
        began = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)

    def median(self, name: str) -> float:
        """The median lap of that name."""
        return median(self.seconds[name])


def _yardstick(legs: Legs) -> None:
    np.bincount(legs.position, legs.value, legs.positions)


def _alone(part: str, *arguments: str) -> Measured:
    """Run a part in a fresh process; its figures and `peak`, its largest memory [GB]."""
    command = [sys.executable, __file__, part, *arguments]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    measured: Measured = json.loads(answer)
    return measured


if __name__ == "__main__":
    PARTS = {part.__name__: part for part in (closed, drivers, refined, survey, tables)}
    result = PARTS[sys.argv[1]](*sys.argv[2:])
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(result))
