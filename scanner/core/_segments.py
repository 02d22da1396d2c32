"""Maximal-scoring stretches of a row of scores."""

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]


def ruzzo_tompa(score: F64) -> list[tuple[int, int]]:
    """All maximal-scoring segments, as half-open index ranges in rising order.

    A segment is maximal when no extension or cut of it scores higher; they never overlap.
    Ruzzo and Tompa, "A linear time algorithm for finding all maximal scoring subsequences", 1999.

    >>> ruzzo_tompa(np.array([4.0, -5, 3, -3, 1, 2, -2, 2, -2, 1, 5]))
    [(0, 1), (2, 3), (4, 11)]
    """
    sums = np.append(0.0, np.cumsum(score))
    # Scores above zero side by side are one segment at least: only such runs are looked at.
    rising = np.concatenate(([False], sums[1:] > sums[:-1], [False]))
    edge = np.flatnonzero(rising[1:] != rising[:-1])
    begin, end = edge[0::2], edge[1::2]
    first: list[int] = []
    stop: list[int] = []
    left: list[float] = []  # sum of all scores before the segment
    right: list[float] = []  # sum of all scores up to its end
    done = 0  # segments before this one are final: the sum was never lower than where it begins
    for start, close, before, total in zip(
        begin.tolist(), end.tolist(), sums[begin].tolist(), sums[end].tolist(), strict=True
    ):
        while True:
            j = len(left) - 1
            while j >= done and left[j] >= before:
                j -= 1
            if j < done:
                done = len(left)
                break
            if right[j] >= total:
                break
            start, before = first[j], left[j]
            del first[j:], stop[j:], left[j:], right[j:]
        first.append(start)
        stop.append(close)
        left.append(before)
        right.append(total)
    return list(zip(first, stop, strict=True))


def dense_segments(
    mass: F64, level: F64, longest: int, steeper: float = 1.5
) -> list[tuple[int, int]]:
    """Stretches where `mass` outweighs `level`, none longer than `longest`.

    A longer one is searched again, inside itself, at `steeper` times the level.
    """
    found: list[tuple[int, int]] = []
    todo = [(0, len(mass), 1.0)]
    while todo:
        base, end, factor = todo.pop()
        for i, j in ruzzo_tompa(mass[base:end] - factor * level[base:end]):
            if j - i <= longest:
                found.append((base + i, base + j))
            else:
                todo.append((base + i, base + j, factor * steeper))
    return sorted(found)
