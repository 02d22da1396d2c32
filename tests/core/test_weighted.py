"""The spelling of weighted shocks."""

from fractions import Fraction

import pytest

from scanner.core.weighted import canonical, named, weights_of


@pytest.mark.parametrize(
    ("spelled", "one"),
    [
        ("shock:ETH=1,BTC=0.8", "shock:BTC=0.8,ETH=1"),
        ("shock:BTC=.800,ETH=+1.0", "shock:BTC=0.8,ETH=1"),
        ("shock:BTC=0.8,ETH=1,SOL=0", "shock:BTC=0.8,ETH=1"),
        ("shock:ETH=1", "driver:ETH"),
        ("shock:ETH=1,BTC=0", "driver:ETH"),
        ("shock:ETH=0.5", "shock:ETH=0.5"),
        ("shock:ETH=-0.125,BTC=10", "shock:BTC=10,ETH=-0.125"),
        ("shock:ETH=100,a=b=1", "shock:ETH=100,a=b=1"),
        ("driver:ETH", "driver:ETH"),
        ("token:wstETH", "token:wstETH"),
        ("market", "market"),
    ],
)
def test_two_spellings_of_one_shock_have_one_name(spelled: str, one: str) -> None:
    assert canonical(spelled) == one
    assert canonical(one) == one


def test_the_weights_are_exact() -> None:
    assert weights_of("shock:ETH=1,BTC=0.333,SOL=-2") == {
        "BTC": Fraction(333, 1000),
        "ETH": Fraction(1),
        "SOL": Fraction(-2),
    }


@pytest.mark.parametrize("text", ["ETH", "shock:ETH", "shock:ETH=x", "", "driver:", "0x1:2"])
def test_what_names_no_shock_stays_as_it_is(text: str) -> None:
    assert named(text) == text


def test_shocks_are_asked_for_by_any_spelling() -> None:
    assert named("shock:ETH=1.0,BTC=0.80") == "shock:BTC=0.8,ETH=1"
    assert named("shock:ETH=1") == named("driver:ETH") == "ETH"
    assert named("token:WETH") == "WETH"
    assert named("market") == "market"
