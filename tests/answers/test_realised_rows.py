"""Shares, sides and lengths of time; what is worth nothing and what is not known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.backtest import OUTCOMES, Members, outcome
from scanner.core.positions import Token
from scanner.core.realised import (
    LIQUIDATION,
    Realised,
    joined,
    lacking,
    seconds_of,
    share_long,
    side_of,
    unknown,
    valued,
)

WETH, USDC = b"\x01" * 20, b"\x02" * 20
TOKENS = (
    Token(WETH, "WETH", 10**18, float("nan"), "ETH", "table"),
    Token(USDC, "USDC", 10**6, float("nan"), None, "table"),
)


def rows(
    block: list[int],
    seized: list[int | None],
    shares: list[int | None],
    repaid: list[int | None],
) -> Realised:
    """Ether against dollars."""
    size = len(block)
    word, nobody = np.zeros((size, 32), np.uint8), np.zeros((size, 20), np.uint8)
    return Realised(
        kind=np.full(size, LIQUIDATION, np.int8),
        block=np.array(block, np.int64),
        index=np.arange(size, dtype=np.int64),
        part=np.zeros(size, np.int64),
        hash=word,
        transaction=word,
        account=nobody,
        owner=nobody,
        market=np.full(size, "core", object),
        pool=word,
        collateral=np.tile(np.frombuffer(WETH, np.uint8), (size, 1)),
        debt=np.tile(np.frombuffer(USDC, np.uint8), (size, 1)),
        seized=np.array(seized, object),
        shares=np.array(shares, object),
        repaid=np.array(repaid, object),
        bad_debt=np.full(size, None, object),
        tokens=TOKENS,
    )


@pytest.mark.parametrize(
    ("collateral", "debt", "side"),
    [
        ("ETH", None, "long"),
        (None, "ETH", "short"),
        ("ETH", "ETH", "loop"),
        (None, None, "loop"),
        ("BTC", "ETH", "pair"),
    ],
)
def test_the_side_is_told_by_both_drivers(collateral, debt, side):
    assert side_of(collateral, debt) == side


def test_loops_are_no_part_of_the_long_share():
    assert share_long({"long": 6, "short": 2, "pair": 2, "loop": 90}) == 0.6
    assert share_long({"loop": 90}) is None
    assert share_long({"short": 5}) == 0


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "1.5h", "24", "24 h", "9999999999d", "٣h"])
def test_a_length_of_time_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"write 30m|a length of time"):
        seconds_of(text)


def test_amounts_are_valued_exactly_and_what_has_no_price_is_nan():
    found = rows([1, 2, 3], [10**18, None, 3], [None, 50, None], [2_000 * 10**6, 5, None])
    worth = valued(found, {WETH: 2_350.0, USDC: 1.0})
    assert worth.repaid[:2].tolist() == [2_000.0, 5e-6]
    assert worth.seized[0] == 2_350.0
    assert np.isnan(worth.seized[1])  # how much a share is worth is not known yet
    assert np.isnan(worth.repaid[2])
    assert lacking(found, worth).tolist() == [False, True, False]
    told = np.array([None, 2 * 10**18, None], object)
    assert valued(found, {WETH: 2_350.0, USDC: 1.0}, told).seized[1] == 4_700.0
    assert lacking(found, unknown(3)).tolist() == [True, True, True]
    assert not valued(found, {USDC: 1.0}).seized[0] >= 0


def test_rows_are_joined_in_the_order_of_the_chain():
    whole = joined([rows([9, 3], [1, 2], [None] * 2, [1, 2]), rows([5], [3], [None], [3])])
    assert whole.block.tolist() == [3, 5, 9]
    assert whole.seized.tolist() == [2, 3, 1]
    assert len(whole.tokens) == 2


@given(st.data())
def test_the_outcomes_add_up_to_the_cent(data):
    """Whatever happened to whom."""
    size = data.draw(st.integers(0, 30))
    cents = data.draw(st.lists(st.integers(0, 10**13), min_size=size, max_size=size))
    share = st.one_of(st.just(float("nan")), st.floats(0, 3))
    flags = st.lists(st.booleans(), min_size=size, max_size=size)
    called = np.array(data.draw(flags), np.bool_)
    seized = np.array(data.draw(st.lists(share, min_size=size, max_size=size)), np.float64)
    reached, listed, known = (np.array(data.draw(flags), np.bool_) for _ in range(3))
    held = Members(
        np.array(cents, np.float64) / 100,
        np.where(called, seized, 0.0),
        called,
        reached,
        listed,
        known,
    )
    parts = outcome(held)
    assert set(parts) == set(OUTCOMES)
    assert sum(round(usd * 100) for usd in parts.values()) == sum(cents)
    assert all(usd >= 0 for usd in parts.values())
    if not called.any():
        assert parts["liquidated"] == parts["left"] == 0


def test_who_is_gone_unseen_is_unknown_and_not_repaid():
    def of(**flags: bool) -> dict[str, float]:
        one = {"called": False, "reached": True, "listed": False, "known": True} | flags
        return outcome(
            Members(
                np.array([100.0]),
                np.array([0.0]),
                *(np.array([one[name]]) for name in ("called", "reached", "listed", "known")),
            )
        )

    assert of()["repaid"] == 100
    assert of(known=False)["unknown"] == 100
    assert of(listed=True, known=False)["unknown"] == 100
    assert of(reached=False)["not_reached"] == 100
