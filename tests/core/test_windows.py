"""Which scan begins a window: the nearest within the tolerance, the later of two."""

import numpy as np
import pytest

from scanner.core.windows import HOUR, LONGEST, SPANS, Span, nearest

HOURS = Span("h", 3_600, 900)


def times(*moments: int) -> np.ndarray:
    return np.array(moments, np.int64)


def test_the_nearest_is_taken_and_the_later_of_two() -> None:
    end = 100_000
    start = end - 3_600
    assert nearest(times(start - 800, start + 300, start + 700), end, HOURS) == 1
    assert nearest(times(start - 300, start + 300), end, HOURS) == 1
    assert nearest(times(start, start), end, HOURS) == 1


@pytest.mark.parametrize(("off", "found"), [(-901, None), (-900, 0), (900, 0), (901, None)])
def test_the_tolerance_counts_to_the_second(off: int, found: int | None) -> None:
    assert nearest(times(100_000 - 3_600 + off), 100_000, HOURS) == found


def test_without_scans_there_is_none() -> None:
    assert nearest(times(), 100_000, HOURS) is None


def test_windows_never_begin_with_the_scan_they_end_with() -> None:
    for span in SPANS:
        assert span.tolerance < span.seconds
    assert LONGEST == 7.5 * 24 * HOUR
