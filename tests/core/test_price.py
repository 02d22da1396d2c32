"""The closed form: one line for every protocol, by numbers a reader can redo."""

import numpy as np
import pytest

from scanner.core import price


def columns(*values: float) -> tuple[np.ndarray, ...]:
    """One-entry arrays."""
    return tuple(np.array([value]) for value in values)


def test_a_long() -> None:
    """10 ETH at 2,350 with threshold 0.83 against 12,000 dollars: 12,000 / 8.3 = 1,445.78."""
    weighted = 10 * 2350 * 0.83
    ratio, side = price.edge(*columns(weighted - 12_000, weighted, weighted + 12_000))
    assert side.tolist() == [1]
    assert ratio[0] * 2350 == pytest.approx(12_000 / 8.3)


def test_a_short() -> None:
    """50,000 dollars at 0.78 against 10 ETH: liquidated by a rise to 39,000 / 10."""
    ratio, side = price.edge(*columns(39_000 - 23_500, -23_500, 39_000 + 23_500))
    assert side.tolist() == [-1]
    assert ratio[0] * 2350 == pytest.approx(3_900)


def test_a_mixed_position() -> None:
    """8,000 of ether and 5,000 of bitcoin, weighted, against 10,000: ether may fall to 5,000."""
    ratio, side = price.edge(*columns(3_000, 8_000, 23_000))
    assert (ratio[0], side[0]) == (pytest.approx(5_000 / 8_000), 1)


@pytest.mark.parametrize(
    ("net", "moving", "gross"),
    [
        (1_000.0, 1e-9, 10_000.0),  # a loop: what moves is rounding noise
        (1_000.0, 0.0, 10_000.0),  # nothing moves
        (8_000.0, 8_000.0, 8_000.0),  # no debt: s* = 0
        (7_999.0, 8_000.0, 8_001.0),  # s* = 0.000125, below a thousandth
        (9_000.0, 8_000.0, 9_000.0),  # s* < 0: the rest is enough
        (2_000.0, -1.0, 4_000.0),  # s* = 2,001, above a thousand
    ],
)
def test_none(net: float, moving: float, gross: float) -> None:
    """Where the shock cannot liquidate within 0.001 to 1,000 times the price: NaN and side 0."""
    ratio, side = price.edge(*columns(net, moving, gross))
    assert np.isnan(ratio[0])
    assert side[0] == 0


def test_the_limits_themselves_count() -> None:
    """s* of exactly 0.001 and of exactly 1,000 is still claimed."""
    ratio, side = price.edge(*columns(999.0, 1_000.0, 2_000.0))
    assert (ratio[0], side[0]) == (pytest.approx(0.001), 1)
    ratio, side = price.edge(*columns(999.0, -1.0, 2_000.0))
    assert (ratio[0], side[0]) == (1_000.0, -1)
