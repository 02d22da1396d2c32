"""What changed in an hour, a day, a week: from which scans, and when nothing is concluded."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanner import answers
from scanner.answers import windows
from scanner.past import Past, Record, Ticks

NOW = 1_770_645_900
HOUR, DAY = 3_600, 86_400


def totals(
    debt: float,
    *,
    supply: float | None = 100.0,
    tokens: tuple[str, ...] = ("0x01",),
    markets: tuple[str, ...] = ("core",),
) -> dict[str, Any]:
    """The totals of a scan; half of the debt is Aave's."""
    sums = {"debt_usd": debt, "collateral_usd": 2 * debt, "borrowers": 10, "positions": 12}
    half = {**sums, "debt_usd": debt / 2}
    return {
        **sums,
        "by_protocol": [{**half, "protocol": name} for name in ("aave_v3", "spark")],
        "by_driver": [{**sums, "driver": "ETH"}],
        "several_drivers": None,
        "no_driver": None,
        "scope": [{"protocol": "aave_v3", "market": m, "address": "0xaa"} for m in markets],
        "liquidity": {
            "stablecoin_supply_usd": supply,
            "source": "shipped",
            "tokens": [{"address": a, "symbol": "USDC", "supply": None} for a in tokens],
        },
    }


def scan(
    ago: int,
    debt: float = 1_000.0,
    *,
    complete: bool = True,
    recorded: bool = True,
    shocks: tuple[str, ...] = ("driver:ETH",),
    **more: Any,
) -> Record:
    """A scan `ago` seconds before now."""
    nothing = Ticks(np.zeros(0, np.int64), np.zeros(0))
    driver = Past(2_000.0, 10, 2 * debt, debt, [], nothing, nothing)
    number = 1_000_000 - ago // 12
    return Record(
        f"{number:012d}-00000000-00000000",
        {"number": number, "hash": "0x", "timestamp": NOW - ago},
        complete,
        {"ETH": driver},
        shocks,
        totals(debt, **more) if recorded else None,
    )


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["window"]: row for row in rows}


def test_debt_fell_twenty_percent_in_seven_days() -> None:
    """The figures of the two scans, which are named; nothing is scaled to the window."""
    rows = by_name(windows.of_chain([scan(7 * DAY - 9_000, 1_250.0), scan(DAY, 1_000.0), scan(0)]))

    week = rows["7d"]
    assert week["why"] is None
    assert week["changes"]["debt_usd"] == {
        "from": 1_250.0, "to": 1_000.0, "change": -250.0, "fraction": -0.2,
    }  # fmt: skip
    assert week["apart_seconds"] == 7 * DAY - 9_000
    assert week["from"]["block"]["timestamp"] == NOW - 7 * DAY + 9_000
    assert [row["protocol"] for row in week["by_protocol"]] == ["aave_v3", "spark"]
    assert week["by_protocol"][0]["debt_usd"]["change"] == -125.0
    assert rows["24h"]["changes"]["debt_usd"]["fraction"] == 0.0
    hour = rows["1h"]
    assert hour["changes"] is hour["from"] is None
    assert hour["why"] == "no complete scan is stored within 15 minutes of 2026-02-09 13:05 UTC"


def test_an_incomplete_scan_neither_begins_nor_ends_a_window() -> None:
    """However near it lies: the complete one within the tolerance is taken."""
    records = [
        scan(HOUR + 600, 900.0),
        scan(HOUR, 1.0, complete=False),
        scan(0, 1_000.0),
        scan(-60, 1.0, complete=False),
    ]
    hour = by_name(windows.of_chain(records))["1h"]
    assert (hour["changes"]["debt_usd"]["from"], hour["changes"]["debt_usd"]["to"]) == (900, 1_000)
    assert hour["to"]["block"]["timestamp"] == NOW

    lone = by_name(windows.of_chain([scan(HOUR, complete=False), scan(0, complete=False)]))["1h"]
    assert lone["changes"] is lone["from"] is lone["to"] is None
    assert lone["why"] == "no complete scan is stored"
    assert by_name(windows.of_chain([]))["7d"]["why"] == "no complete scan is stored"


@pytest.mark.parametrize("of", [windows.of_chain, lambda rows: windows.of_driver(rows, "ETH")])
def test_two_scans_of_different_markets_are_not_compared(of: Any) -> None:
    """More markets would look like more debt."""
    hour = by_name(of([scan(HOUR, 500.0), scan(0, markets=("core", "prime"))]))["1h"]
    assert hour["changes"] is None
    assert hour["why"] == "the two scans are of different markets: now with aave_v3 prime"
    assert hour["from"] is not None


@pytest.mark.parametrize("of", [windows.of_chain, lambda rows: windows.of_driver(rows, "ETH")])
def test_a_scan_without_totals_is_not_compared(of: Any) -> None:
    """Scans of the first release do not say what they covered."""
    hour = by_name(of([scan(HOUR, recorded=False), scan(0)]))["1h"]
    assert hour["changes"] is None
    assert hour["why"] == "the earlier scan does not record what it covered"


def test_a_driver_that_one_scan_lacks_or_means_otherwise_is_not_compared() -> None:
    before, after = scan(HOUR), scan(0)
    before.drivers.clear()
    hour = by_name(windows.of_driver([before, after], "ETH"))["1h"]
    assert hour["changes"] is None
    assert hour["why"].startswith("no ETH in the scan at 2026-02-09 13:05")

    hour = by_name(windows.of_driver([scan(HOUR, shocks=("token:ETH",)), scan(0)], "ETH"))["1h"]
    assert hour["changes"] is None
    assert hour["why"] == "the two scans were asked for different shocks of that name"


def test_supplies_are_compared_only_of_the_same_tokens_that_all_answered() -> None:
    """Null is not zero: a token that was not read makes no change of minus everything."""
    same = windows.of_chain([scan(HOUR, supply=80.0), scan(0, supply=100.0)])
    assert by_name(same)["1h"]["changes"]["stablecoin_supply_usd"]["fraction"] == 0.25
    assert by_name(same)["1h"]["stablecoins_why"] is None
    for other, why in (
        (scan(0, supply=None), "the supply of a dollar token could not be read"),
        (scan(0, tokens=("0x01", "0x02")), "the two scans count different dollar tokens"),
        (scan(0, tokens=()), "no supply of dollar tokens is recorded"),
    ):
        hour = by_name(windows.of_chain([scan(HOUR), other]))["1h"]
        assert hour["changes"]["stablecoin_supply_usd"] is None
        assert hour["changes"]["debt_usd"]["change"] == 0.0
        assert hour["stablecoins_why"] == why


def test_an_old_scan_opens_and_its_totals_are_null(tmp_path: Path) -> None:
    """Stored before there were totals: not recorded, and never zero."""
    from cli import whales_sample

    whales_sample.store(tmp_path)
    answer = answers.history(tmp_path, None)

    assert answer["leverage"] is None
    [row] = answer["scans"]
    assert all(row[name] is None for name in (*windows.TOTALS, "stablecoin_supply_usd"))
    assert all(window["changes"] is None for window in answer["windows"])
    assert all(window["why"] for window in answer["windows"])


def test_days_cut_the_rows_and_not_the_windows(tmp_path: Path) -> None:
    """A week's change is told beside the rows of half a day."""
    from bench import stored as sample

    sample.make(tmp_path / "store", positions=300, scans=31)
    for driver in (None, "ETH"):
        answer = answers.history(tmp_path / "store", None, driver, days=0.5)
        assert len(answer["scans"]) <= 3
        week = by_name(answer["windows"])["7d"]
        assert week["changes"]["debt_usd"]["from"] > 0
        assert abs(week["apart_seconds"] - 7 * DAY) <= week["tolerance_seconds"]
