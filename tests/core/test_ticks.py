import numpy as np
import pytest

from scanner.core.ticks import TICK_RATIO, tick_low, tick_of, tick_table


def test_a_price_on_an_edge_opens_its_tick_and_the_float_below_it_does_not() -> None:
    """tick_low(k) <= p < tick_low(k + 1) holds to the last float, from 1e-270 to 1e270."""
    ticks = np.arange(-250_000, 250_001)
    low = tick_low(ticks)

    np.testing.assert_array_equal(tick_of(low), ticks)
    np.testing.assert_array_equal(tick_of(np.nextafter(low, 0.0)), ticks - 1)


def test_every_price_lies_inside_its_tick() -> None:
    """Random prices from 1e-12 to 1e12, against the definition itself."""
    price = 10.0 ** np.random.default_rng(1).uniform(-12, 12, 20_000)
    tick = tick_of(price)

    assert (tick_low(tick) <= price).all()
    assert (price < tick_low(tick + 1)).all()


def test_ticks_are_a_quarter_percent_apart_and_anchored_at_one() -> None:
    """Tick 0 starts at 1 USD; each next edge is 1.0025 times the last."""
    assert tick_low(0) == 1.0
    assert tick_low(1) == TICK_RATIO
    assert tick_low(10_000) == pytest.approx(1.0025**10_000, rel=1e-11)


def test_prices_below_one_have_negative_ticks() -> None:
    """0.999 lies one tick below 1: 1 / 1.0025 = 0.99751 <= 0.999 < 1."""
    assert tick_of([0.999, 1.0, 1.001]).tolist() == [-1, 0, 0]


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    """No tick is invented for it."""
    with pytest.raises(ValueError, match="finite and above zero"):
        tick_of([1.0, price])


def test_a_table_sums_each_occupied_tick() -> None:
    """100.0 and 100.1 share tick 1844 ([99.97, 100.22)); 200 is alone; ticks between are absent."""
    table = tick_table(
        np.array([200.0, 100.0, 100.1]), np.array([7.0, 1.0, 2.0]), np.array([5.0, 0.5, 0.25])
    )

    assert table.tick.tolist() == [1844, 2121]
    assert table.collateral_at_risk.tolist() == [3.0, 7.0]
    assert table.debt.tolist() == [0.75, 5.0]
    assert table.positions.tolist() == [2, 1]
    assert (table.low <= [100.0, 200.0]).all()
    assert (table.high > [100.1, 200.0]).all()


def test_an_empty_table_has_no_rows() -> None:
    """Columns of length 0, of the usual types."""
    none = np.zeros(0)
    table = tick_table(none, none, none)

    assert len(table.tick) == 0
    assert table.debt.dtype == np.float64


def test_columns_of_different_length_are_refused() -> None:
    """A lost row must not shift the others."""
    with pytest.raises(ValueError, match="same length"):
        tick_table(np.ones(3), np.ones(3), np.ones(2))
