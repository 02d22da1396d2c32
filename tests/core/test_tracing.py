"""A price's line is found from trials of its feed, whatever oracle stands between them."""

from collections.abc import Callable
from math import isqrt

import numpy as np
import pytest

from scanner.core.tracing import CLOSE, Line, Trace

ETHER, DOLLAR, CAP = 2_350 * 10**8, 10**8, 104 * 10**6
Oracle = Callable[[int], int]


def traced(present: int, oracle: Oracle) -> tuple[Line, Trace, int]:
    """The line, the trace and how many rounds of trials it took."""
    trace, rounds = Trace(present, oracle(present)), 0
    while wanted := trace.wanted():
        rounds += 1
        for answer in wanted:
            trace.see(answer, oracle(answer))
    return trace.line(), trace, rounds


def farthest(line: Line, present: int, oracle: Oracle) -> float:
    """How far the curve is from the oracle between a sixteenth and sixteen times, as a part."""
    assert line.curve is not None
    answers = np.unique(np.geomspace(present / 16, present * 16, 3_000).astype(np.int64))
    real = np.array([oracle(int(x)) for x in answers], np.float64) / oracle(present)
    return float((np.abs(line.curve.of(answers / present) - real) / real).max())


@pytest.mark.parametrize(
    ("present", "oracle"),
    [
        (ETHER, lambda x: x),
        (ETHER, lambda x: x * 12 * 10**17 // 10**18),
        (ETHER, lambda x: x * 1_234_567 // 10**6 * 999 // 1_000),  # an adapter on an adapter
        (1_000, lambda x: x * 123 // 100),  # a price of four digits
        (ETHER, lambda x: 10**36 * x // 123),  # and one of fifty
    ],
)
def test_what_moves_in_proportion_has_a_sensitivity_of_one(present: int, oracle: Oracle) -> None:
    line, trace, rounds = traced(present, oracle)
    assert (line.sensitivity, line.sensitivity_up, line.curve) == (1.0, 1.0, None)
    assert (rounds, len(trace.seen)) == (2, 11)
    assert not line.bent


def test_a_ratio_is_seen_to_more_digits_than_the_price_has() -> None:
    """So that every price on the way is the oracle's own, to the unit."""

    def oracle(x: int) -> int:
        return x * 1_234_567_890_123_456_780 // 10**18

    line, _, _ = traced(ETHER, oracle)
    assert line.ratio == (123_456_789_012_345_678, 10**17)
    # Where two adapters cut, no one ratio gives every price, and none is claimed.
    twice, _, _ = traced(ETHER, lambda x: x * 1_234_567 // 10**6 * 999 // 1_000)
    assert (twice.sensitivity, twice.ratio) == (1.0, None)


def test_what_stands_still_takes_two_trials() -> None:
    line, trace, rounds = traced(ETHER, lambda _: 10**8)
    assert (line.moves, line.sensitivity, rounds, len(trace.seen)) == (False, 0.0, 1, 3)


def test_a_pools_share_moves_by_half() -> None:
    def oracle(x: int) -> int:
        return (x + ETHER) // 2

    line, _, rounds = traced(ETHER, oracle)
    assert line.sensitivity == pytest.approx(0.5, abs=CLOSE)
    assert line.sensitivity_up == line.sensitivity
    assert not line.bent
    assert rounds == 2
    assert farthest(line, ETHER, oracle) < CLOSE


@pytest.mark.parametrize("present", [DOLLAR, 99 * 10**6, CAP - 1, CAP, CAP + 1, 105 * 10**6])
def test_a_cap_is_found_to_the_unit(present: int) -> None:
    """Below it the price moves by one and above it not at all; the bend is where the cap is."""

    def oracle(x: int) -> int:
        return min(x, CAP)

    line, trace, rounds = traced(present, oracle)
    assert line.bent
    assert rounds <= 4
    assert len(trace.seen) < 20
    near = abs(present - CAP) == 1  # a bend of one unit is rounding
    assert farthest(line, present, oracle) < (1.1 / CAP if near else 1e-14)
    assert line.sensitivity == (0.0 if present > CAP + 1 else 1.0)
    assert line.sensitivity_up == (0.0 if present >= CAP - 1 else 1.0)
    assert line.error <= CLOSE


def test_a_floor_and_a_cap_at_equal_distances_are_no_straight_line() -> None:
    def oracle(x: int) -> int:
        return max(min(x, CAP), 96 * 10**6)

    line, _, _ = traced(DOLLAR, oracle)
    assert line.curve is not None
    assert line.curve.at[1:-1].tolist() == [0.96, 1.0, 1.04]
    assert farthest(line, DOLLAR, oracle) < 1e-14


def test_a_cap_behind_a_conversion_is_found_within_the_oracles_unit() -> None:
    def oracle(x: int) -> int:
        return min(x, 10_399 * 10**4) * 1_234_567 // 10**6

    line, _, _ = traced(DOLLAR, oracle)
    assert line.sensitivity == 1.0
    assert farthest(line, DOLLAR, oracle) < 2.5 / oracle(DOLLAR // 16)


def test_a_smooth_bend_tells_its_slope_and_how_far_it_may_be_off() -> None:
    """The price of a constant-product pool goes with the root of the feed."""

    def oracle(x: int) -> int:
        return isqrt(x * 10**12)

    line, trace, rounds = traced(ETHER, oracle)
    assert line.sensitivity == pytest.approx(0.5, abs=1e-8)
    assert line.bent
    assert rounds <= 9
    assert len(trace.seen) <= 257
    off = farthest(line, ETHER, oracle)
    assert 1e-6 < off < 1.1 * line.error < 1e-4


def test_a_feed_below_the_line_is_followed_by_one_over_the_price() -> None:
    def oracle(x: int) -> int:
        return 10**36 // x

    trace = Trace(ETHER, oracle(ETHER), either=True, most=33)
    while wanted := trace.wanted():
        for answer in wanted:
            trace.see(answer, oracle(answer))
    line = trace.line()
    assert (line.sensitivity, line.curve, line.inverse) == (1.0, None, True)
    assert len(trace.seen) == 11


def test_a_refusal_near_the_present_answer_leaves_the_line_unknown() -> None:
    trace = Trace(ETHER, ETHER)
    while wanted := trace.wanted():
        for answer in wanted:
            trace.see(answer, answer if answer < ETHER else None)
    assert trace.silent


def test_a_refusal_far_off_does_not() -> None:
    """Many an oracle refuses a price that is ten times yesterday's."""
    trace = Trace(ETHER, ETHER)
    while wanted := trace.wanted():
        for answer in wanted:
            trace.see(answer, answer if answer < 3 * ETHER else None)
    assert not trace.silent
    assert trace.line() == Line(1.0, 1.0)  # no ratio: it was not seen


@pytest.mark.parametrize(("answer", "price"), [(0, 1), (1, 0), (-1, 1)])
def test_nothing_is_made_of_no_price(answer: int, price: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Trace(answer, price)
