"""The summary after a scan, as text in terminals of several widths."""

import io
from typing import Any

import pytest
from cli import whales_sample

from scanner.outputs.screen import Screen
from scanner.outputs.summary import show_headline, show_summary


def shown(
    document: dict[str, Any], width: int, monkeypatch: pytest.MonkeyPatch, show: Any = show_summary
) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    show(Screen(stream), document, "Ethereum")
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


WHALES = """\
Ethereum · block 24,512,345 · 2026-02-09 14:05 UTC · complete

ETH at $2,150.40 · 33 borrowers · $1.41B collateral · $999.2M debt
  if ETH falls: $1.20B at risk at all prices below
    ETH $1,781.09-$1,862.02   $1.20B at risk (650,612 WETH)   6 large accounts of 8
      -13.4 % to -17.2 % from $2,150.40   strong: 13x normal
  if ETH rises: no band stands out; $3.0M at risk at all prices above
No band stands out: BTC

34 borrowers in 1 market
Already liquidatable: 1 position, $21.5k collateral, $20.0k debt
Nothing unknown

coverage  2 of 2 reserves exact: every borrower found
parity    20 of 34 accounts checked against getUserAccountData, largest error 0
block     0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"""


def test_a_complete_scan(monkeypatch):
    """The whole of it at 100 columns."""
    assert shown(whales_sample.scan()["document"], 100, monkeypatch) == WHALES


def test_the_headline_at_60_columns(monkeypatch):
    """Folded between words, nothing lost."""
    complete = whales_sample.scan()["document"]
    assert shown(complete, 60, monkeypatch, show_headline) == (
        "Ethereum · block 24,512,345 · 2026-02-09 14:05 UTC ·\ncomplete"
    )

    incomplete = whales_sample.scan(complete=False)["document"]
    assert shown(incomplete, 60, monkeypatch, show_headline) == (
        "Ethereum · block 24,512,345 · 2026-02-09 14:05 UTC ·\n"
        "INCOMPLETE: The endpoint stopped answering after 17 of 18\n"
        "batches. (and 1 more reason)\n"
        "Every amount below is a lower bound; more may be at risk\n"
        "than is shown."
    )


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
@pytest.mark.parametrize("complete", [True, False])
def test_no_line_is_wider_than_the_terminal(monkeypatch, width, complete):
    """And the range itself is never folded."""
    text = shown(whales_sample.scan(complete=complete)["document"], width, monkeypatch)

    assert max(map(len, text.splitlines())) <= width
    assert "ETH $1,781.09-$1,862.02" in text


def test_an_incomplete_scan_never_looks_like_no_risk(monkeypatch):
    """Amounts are lower bounds, and no sentence says that there is nothing."""
    document = whales_sample.scan(complete=False)["document"]
    document["bands"] = []
    document["already_liquidatable"]["positions"] = 0
    text = shown(document, 200, monkeypatch)

    assert "no band found in what was read; ≥$1.20B at risk at all prices below" in text
    assert "Already liquidatable: none found in what was read" in text
    assert "Unknown: 3 accounts of aave_v3 core, debt without a price: not read" in text
    assert "1 of 2 reserves exact; debt found: USDC 93.318 %" in text
    for reassuring in ("Nothing", "every borrower", "no band stands out", "complete\n"):
        assert reassuring not in text


def test_an_empty_incomplete_scan_says_nothing_about_the_risk(monkeypatch):
    """No driver, no reserve, no account checked: each is said."""
    document = whales_sample.scan(complete=False)["document"]
    for key in ("drivers", "bands", "ticks", "certificate", "parity", "unknown", "problems"):
        document[key] = []
    text = shown(document, 200, monkeypatch)

    assert "INCOMPLETE: the scan stopped before it could say what is missing" in text
    assert "this says nothing about the risk" in text
    assert "no reserve was reconciled with the protocol's totals" in text


def test_an_incomplete_headline_is_red_in_a_terminal(monkeypatch):
    """With colour, and without it under NO_COLOR."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    document = whales_sample.scan(complete=False)["document"]
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    show_headline(Screen(stream), document, "Ethereum")
    assert "\x1b[1;31mINCOMPLETE" in stream.getvalue()

    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    show_headline(Screen(plain), document, "Ethereum")
    assert "31m" not in plain.getvalue()


def test_parity_that_fails_is_said(monkeypatch):
    """Two accounts for which the protocol says something else."""
    document = whales_sample.scan()["document"]
    document["parity"][0] |= {"mismatches": 2, "max_rel_error": 0.031}

    assert "largest error 0.031, 2 accounts differ" in shown(document, 200, monkeypatch)


def test_walls_carry_no_significance(monkeypatch):
    """A wall is a fact: no quality, no times normal."""
    document = whales_sample.scan()["document"]
    wall = document["bands"][0] | {
        "kind": "wall",
        "low_usd": 1862.02,
        "quality": None,
        "normal_usd": None,
        "chance_bound": None,
        "accounts": 1,
        "large_accounts": 1,
    }
    document["bands"] = [wall]
    line = next(
        line for line in shown(document, 200, monkeypatch).splitlines() if "1,862.02" in line
    )

    assert line.startswith("    ETH $1,862.02   ")
    assert line.endswith("1 large account   -13.4 % from $2,150.40   wall: one account")


def test_without_large_accounts_the_largest_share_is_told(monkeypatch):
    """A band of a crowd."""
    document = whales_sample.scan()["document"]
    document["bands"][0] |= {"large_accounts": 0, "accounts": 3039, "top_account_share": 0.004}

    assert "3,039 accounts, largest <1 %" in shown(document, 200, monkeypatch)


def test_the_market_shock_is_told_in_ratios(monkeypatch):
    """Its axis is times the present prices; there is no dollar price to show."""
    document = whales_sample.scan()["document"]
    market = {"driver": "market", "low_usd": None, "high_usd": None}
    document["bands"] = [
        document["bands"][0] | market | {"low_ratio": 0.8283, "high_ratio": 0.8659}
    ]
    text = shown(document, 200, monkeypatch)

    assert "market 0.8283x-0.8659x   $1.20B at risk" in text
    assert "-13.4 % to -17.2 %   strong" in text


def test_more_bands_than_fit_are_counted(monkeypatch):
    """The three largest, and where the others are."""
    document = whales_sample.scan()["document"]
    document["bands"] = [
        document["bands"][0] | {"collateral_at_risk_usd": amount, "low_usd": 1000.0 + amount}
        for amount in (10.0, 50.0, 30.0, 20.0, 40.0)
    ]
    text = shown(document, 200, monkeypatch)

    assert [text.find(f"$1,0{amount}.00") > 0 for amount in (50, 40, 30, 20, 10)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert "and 2 more: bandscan bands ETH" in text
