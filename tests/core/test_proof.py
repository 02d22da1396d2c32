"""Proven, off by, cannot: from verdicts to outcomes, and how far an edge is off."""

import numpy as np
import pytest

from scanner.core.integers import Integers
from scanner.core.proof import CANNOT, I64, LOOKED, OFF, PROVEN, Bool, judged, tally


def outcome(raw: list[int], step: list[int], edge: list[int | None]):
    """Positions whose protocol has its last healthy price at `edge`; None: it never answers."""
    raws, ways = np.array(raw, object), np.array(step, np.int64)

    def ask(rows: I64, prices: Integers) -> tuple[Bool, Bool]:
        asked.append(len(rows))
        known = np.array([edge[k] is not None for k in rows.tolist()], np.bool_)
        fine = [
            edge[k] is not None and (p - edge[k]) * step[k] <= 0
            for k, p in zip(rows.tolist(), prices.tolist(), strict=True)
        ]
        return known, np.array(fine, np.bool_)

    asked: list[int] = []
    pairs = np.stack([raws, raws + ways], axis=1).reshape(-1)
    known, healthy = ask(np.repeat(np.arange(len(raw)), 2), pairs)
    why = np.where(known, "", "silence").astype(object)
    found = judged(raws, ways, known, healthy, why, ask)
    return found, len(asked) - 1


@pytest.mark.parametrize("step", [-1, 1])
@pytest.mark.parametrize("price", [178_109_000_000, 10**36 + 7, 2_000])
@pytest.mark.parametrize("units", [1, -1, 2, -2, 3, 17, -100])
def test_how_far_it_is_off_is_found_to_the_unit(step: int, price: int, units: int) -> None:
    found, rounds = outcome([price], [step], [price + units])
    assert found.status.tolist() == [OFF]
    assert found.edge.tolist() == [price + units]
    assert rounds < 8


def test_far_edges_take_few_rounds_and_unreachable_ones_are_none() -> None:
    price = 10**36
    edges = [price * 95 // 100, price * 109 // 100, price // 2, price]
    found, rounds = outcome([price] * 4, [-1] * 4, edges)
    assert found.status.tolist() == [OFF, OFF, OFF, PROVEN]
    assert found.edge.tolist() == [edges[0], edges[1], None, None]
    assert rounds < 40


def test_silence_is_neither_proof_nor_refutation() -> None:
    found, rounds = outcome([100, 100], [-1, -1], [None, 100])
    assert found.status.tolist() == [CANNOT, PROVEN]
    assert found.why.tolist() == ["silence", ""]
    assert rounds == 0


def test_of_very_many_that_are_off_some_are_looked_for() -> None:
    size = LOOKED + 10
    found, _ = outcome([10**9] * size, [-1] * size, [10**9 - 5] * size)
    assert (found.status == OFF).all()
    assert found.edge[:LOOKED].tolist() == [10**9 - 5] * LOOKED
    assert found.edge[LOOKED:].tolist() == [None] * 10


def test_dust_is_counted_apart() -> None:
    status = np.array([PROVEN, OFF, CANNOT, OFF, PROVEN], np.int8)
    debt = np.array([1.0, 5.0, 7.0, 0.99, 0.0])
    assert tally(status, debt) == {
        "positions": 3, "proven": 1, "off": 1, "cannot": 1,
        "dust": {"positions": 2, "proven": 1, "off": 1, "cannot": 0},
    }  # fmt: skip
