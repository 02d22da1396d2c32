"""Which stored scan stands at the beginning of a window of time: the nearest, if near enough."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

HOUR: Final = 3_600


@dataclass(frozen=True)
class Span:
    """A window that ends at the newest scan. `seconds` long; a scan may lie `tolerance` [s] to
    either side of its beginning."""

    name: str
    seconds: int
    tolerance: int


SPANS: Final = (
    Span("1h", HOUR, HOUR // 4),
    Span("24h", 24 * HOUR, 3 * HOUR),
    Span("7d", 7 * 24 * HOUR, 12 * HOUR),  # scans of more than two days ago are six hours apart
)
LONGEST: Final = max(span.seconds + span.tolerance for span in SPANS)
"""How far back a scan can be and still begin a window. [s]"""


def nearest(times: npt.NDArray[np.int64], end: int, span: Span) -> int | None:
    """The place of the scan nearest to the beginning of the window that ends at `end`.

    Parameters
    ----------
    times : int64 array, rising
        The scans that may be taken. [Unix seconds]
    end : int
        [Unix seconds]

    Returns
    -------
    int or None
        Of two equally near the later one; None where none is within the tolerance.

    >>> nearest(np.array([0, 3000, 7000]), 7000, Span("1h", 3600, 900))
    1
    >>> nearest(np.array([0, 7000]), 7000, Span("1h", 3600, 900)) is None
    True
    """
    if not len(times):
        return None
    far = np.abs(times - (end - span.seconds))
    place = len(far) - 1 - int(np.argmin(far[::-1]))
    return place if far[place] <= span.tolerance else None
