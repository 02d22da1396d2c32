"""Levels against the real pool: the price really falls or rises, and the contracts are asked."""

from pathlib import Path

import pytest
from localchain import LocalChain
from scanning import ONE, health, scan, table

from scanner import answers, reading


@pytest.mark.parametrize("move", [-0.30, -0.12, -0.04, 0.05, 0.35])
def test_a_level_counts_exactly_those_the_pool_would_let_be_liquidated(
    movable_chain: LocalChain, tmp_path: Path, move: float
) -> None:
    """One unit beyond the level, the pool's verdict on everybody: liquidatable are those counted,
    and those that were already. At a first crossing only: who would heal again is left out."""
    finished = scan(movable_chain, tmp_path / "store")
    stored = reading.newest(tmp_path / "store", None)
    raw = round(movable_chain.price_raw("WETH") * (1 + move))
    answer = answers.levels(stored, "ETH", at=[raw / 1e8])
    [point] = answer["at"]
    assert point["side"] == ("long" if move < 0 else "short")
    rows = table(finished, "ETH")
    people = list(rows.index)

    movable_chain.set_price("WETH", raw + (-1 if move < 0 else 1))
    factors = health(movable_chain, people)

    fallen = {who for who in people if factors[who] < ONE}
    already = set(rows[rows["already_liquidatable"]].index)
    side = answers.priced(stored, "ETH", point["side"])
    beyond = side.price >= raw / 1e8 if move < 0 else side.price <= raw / 1e8
    counted = set(side.owner[beyond].tolist())
    assert point["positions"] == len(counted) == int(beyond.sum())
    assert fallen - already == counted - already
    assert counted or move in (-0.04, 0.05)
