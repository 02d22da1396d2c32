"""Curves: broken lines through (1, 1)."""

import numpy as np
import pytest

from scanner.core.curves import Curve


def curve(at: list[float], value: list[float]) -> Curve:
    return Curve(np.array(at), np.array(value))


def test_a_proportional_price_is_the_ratio_itself_and_ends_at_zero() -> None:
    line = curve([0.7, 1.0, 1.3], [0.7, 1.0, 1.3])
    np.testing.assert_allclose(line.of(np.array([0.0, 0.25, 1.0, 40.0])), [0.0, 0.25, 1.0, 40.0])
    assert line.sensitivity == pytest.approx(1.0)
    assert not line.bent


def test_a_steep_price_never_falls_below_zero() -> None:
    line = curve([0.7, 1.0, 1.3], [0.64, 1.0, 1.36])
    np.testing.assert_allclose(line.of(np.array([0.1, 0.5])), [0.0, 0.4])


def test_the_sensitivity_is_the_slope_downwards() -> None:
    capped = curve([0.7, 0.9, 1.0, 1.3], [0.7 / 0.9, 1.0, 1.0, 1.0])  # at its cap already
    assert capped.sensitivity == 0.0
    assert capped.bent
    assert curve([1.0, 1.3], [1.0, 1.09]).sensitivity == pytest.approx(0.3)


def test_equal_knots_are_one_curve() -> None:
    one, same = curve([0.7, 1.0], [0.7, 1.0]), curve([0.7, 1.0], [0.7, 1.0])
    assert one == same
    assert hash(one) == hash(same)
    assert one != curve([0.7, 1.0], [0.8, 1.0])


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ([1.0], [1.0]),
        ([0.7, 1.3], [0.7, 1.3]),
        ([1.0, 0.7], [1.0, 0.7]),
        ([0.7, 1.0], [0.7, 1.1]),
        ([-0.1, 1.0], [0.0, 1.0]),
        ([0.7, 1.0], [-0.7, 1.0]),
        ([0.7, 1.0], [np.nan, 1.0]),
        ([0.7, 1.0, 1.3], [0.7, 1.0]),
    ],
)
def test_knots_that_are_no_curve_are_refused(at: list[float], value: list[float]) -> None:
    with pytest.raises(ValueError, match="curve"):
        curve(at, value)
