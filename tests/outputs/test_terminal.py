"""Tables of the reading commands."""

import io
from typing import Any

import pytest
from cli import whales_sample

from scanner.outputs.screen import Column, Screen, show_table
from scanner.outputs.terminal import show_account, show_bands, show_positions, show_ticks


def screen(width: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Screen, io.StringIO]:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    return Screen(stream), stream


def position(**changes: Any) -> dict[str, Any]:
    positions = whales_sample.scan()["positions"]
    row = positions["account"].index(whales_sample.address(1))
    return {name: column[row] for name, column in positions.items()} | {"distance": -0.1} | changes


def test_columns_leave_by_rank_and_are_named(monkeypatch):
    """The highest rank first; rank 0 stays whatever the width."""
    narrow, stream = screen(40, monkeypatch)
    show_table(
        narrow,
        [
            Column("price", ["$1,781.09-$1,862.02"]),
            Column("debt", ["$992.4M"], rank=2),
            Column("tokens", ["650,612 WETH"], rank=1),
        ],
    )

    assert stream.getvalue().splitlines()[0].split() == ["price", "tokens"]
    assert "left out to fit 40 columns: debt" in stream.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_tables_fit_the_terminal(monkeypatch, width):
    """No line is wider than the screen, and the price is never cut."""
    document = whales_sample.scan()["document"]
    out, stream = screen(width, monkeypatch)
    show_bands(
        out, document, "ETH", document["bands"], range(1, len(document["bands"]) + 1), wide=False
    )
    show_positions(out, document, "ETH", [position()], wide=False, of=1, already=0)

    assert max(map(len, stream.getvalue().splitlines())) <= width
    assert "$1,781.09-$1,862.02" in stream.getvalue()


def test_the_market_shock_has_ratios_for_prices(monkeypatch):
    """Bands, ticks, positions and accounts: times the present prices."""
    document = whales_sample.scan()["document"]
    ratios = {"driver": "market", "low_usd": None, "high_usd": None}
    band = document["bands"][0] | ratios | {"low_ratio": 0.8283, "high_ratio": 0.8659}
    tick = document["ticks"][-2] | ratios | {"low_ratio": 0.86, "high_ratio": 0.8622}
    row = position(driver="market", liquidation_price_usd=float("nan"), liquidation_ratio=0.8659)
    out, stream = screen(160, monkeypatch)
    show_bands(out, document, "market", [band], [1], wide=False)
    show_ticks(out, document, "market", [tick], wide=False, of=1)
    show_positions(out, document, "market", [row], wide=False, of=1, already=0)
    show_account(out, document, row["account"], [row], [], wide=False)

    text = stream.getvalue()
    assert "0.8283x-0.8659x" in text
    assert "0.8600x-0.8622x" in text
    assert "falls below 0.8659x (-13.4 %)" in text
    assert "n/a" not in text


def test_a_position_that_cannot_be_called_says_so(monkeypatch):
    """Paused, in grace, or too small: the price is true, the call would revert."""
    row = position(callable=False)
    out, stream = screen(200, monkeypatch)
    show_account(out, whales_sample.scan()["document"], row["account"], [row], [], wide=False)

    assert "but not callable at present (paused, in grace, or too small)" in stream.getvalue()


def test_an_owner_apart_from_the_account_is_named(monkeypatch):
    """A proxy's owner is who one would want to warn."""
    row = position(owner=whales_sample.address(777))
    out, stream = screen(200, monkeypatch)
    show_account(out, whales_sample.scan()["document"], row["owner"], [row], [], wide=False)

    assert f"owner {whales_sample.address(777)}" in stream.getvalue()
