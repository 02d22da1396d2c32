"""Levels: what lies at or beyond a price, added up from spot in exact cents."""

import numpy as np
import pytest

from scanner.core.levels import Priced, Side, level_table, reached
from scanner.core.ticks import tick_low, tick_of, tick_table


def held(side: Side, *rows: tuple[float, float, str]) -> Priced:
    """Positions of (price, dollars at risk, owner); debt is half of it, seizable a tenth.

    An owner whose name begins with "x" has positions that nobody can call.
    """
    price = np.array([row[0] for row in rows])
    usd = np.array([row[1] for row in rows])
    owner = np.array([row[2] for row in rows], object)
    able = np.array([not row[2].startswith("x") for row in rows], np.bool_)
    return Priced(side, price, usd, np.round(usd / 2, 2), np.round(usd / 10, 2), owner, able)


def test_below_a_level_everything_that_turns_at_or_above_it_is_liquidatable() -> None:
    """p* is the last healthy answer: a price equal to the level is included, one above spot too."""
    longs = held("long", (1900.0, 10.0, "a"), (1800.0, 20.0, "b"), (1799.99, 40.0, "a"))

    assert reached(longs, 1800.0).at_risk == 30.0
    assert reached(longs, 1800.01).at_risk == 10.0
    assert reached(longs, 1000.0).at_risk == 70.0
    assert reached(longs, 1901.0).positions == 0


def test_above_a_level_everything_that_turns_at_or_below_it_is_liquidatable() -> None:
    """The short side, mirrored."""
    shorts = held("short", (2500.0, 10.0, "a"), (2600.0, 20.0, "b"))

    assert reached(shorts, 2499.99).at_risk == 0.0
    assert reached(shorts, 2500.0).at_risk == 10.0
    assert reached(shorts, 2600.0).debt == 15.0


def test_accounts_are_counted_once() -> None:
    """Two positions of one owner are two positions of one account."""
    longs = held("long", (1900.0, 10.0, "a"), (1800.0, 20.0, "a"), (1700.0, 1.0, "b"))

    assert (reached(longs, 1700.0).positions, reached(longs, 1700.0).accounts) == (3, 2)


def test_what_nobody_can_call_is_part_of_a_level_and_told_apart() -> None:
    """Of 70 dollars that a level makes liquidatable, 40 are in positions that cannot be called."""
    longs = held("long", (1900.0, 10.0, "a"), (1800.0, 40.0, "x"), (1700.0, 20.0, "b"))

    assert (reached(longs, 1850.0).at_risk, reached(longs, 1850.0).barred) == (10.0, 0.0)
    assert (reached(longs, 1700.0).at_risk, reached(longs, 1700.0).barred) == (70.0, 40.0)
    assert level_table(longs).reached.barred.tolist() == [0.0, 40.0, 40.0]
    assert level_table(longs).own.barred.tolist() == [0.0, 40.0, 0.0]


@pytest.mark.parametrize("side", ["long", "short"])
def test_levels_add_up_the_ticks_from_spot_outwards(side: Side) -> None:
    """Random cents: each level is the exact sum of the ticks up to it, and of its positions."""
    rng = np.random.default_rng(7)
    price = rng.uniform(500.0, 5_000.0, 3_000)
    cents = np.floor(10.0 ** rng.uniform(0, 13, 3_000))
    book = Priced(side, price, cents / 100, np.floor(cents / 2) / 100, np.floor(cents / 7) / 100,
                  np.arange(3_000).astype(object), rng.random(3_000) < 0.7)  # fmt: skip
    table = level_table(book)
    ticks = tick_table(book.price, book.at_risk, book.debt)

    assert sorted(table.tick.tolist()) == ticks.tick.tolist()
    assert (np.diff(table.tick) < 0).all() if side == "long" else (np.diff(table.tick) > 0).all()
    total = 0
    for k, tick in enumerate(table.tick.tolist()):
        inside = tick_of(price) == tick
        total += int(cents[inside].sum())
        assert round(table.reached.at_risk[k] * 100) == total
        assert round(table.own.at_risk[k] * 100) == int(cents[inside].sum())
        barred = int(cents[inside & ~book.callable].sum())
        assert round(table.own.barred[k] * 100) == barred
        assert table.level[k] == tick_low(tick if side == "long" else tick + 1)
        assert reached(book, table.level[k]).at_risk == table.reached.at_risk[k]
        assert reached(book, table.level[k]).barred == table.reached.barred[k]
    assert table.reached.positions[-1] == 3_000
    assert round(table.reached.debt[-1] * 100) == int(np.floor(cents / 2).sum())


def test_an_empty_side_has_no_levels() -> None:
    """No positions, no rows, and nothing at any level."""
    nobody = held("long")

    assert len(level_table(nobody).tick) == 0
    assert reached(nobody, 1.0).positions == 0
