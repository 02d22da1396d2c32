"""What nobody can call, the age of a feed, its distance from a pool: terminal, JSON and pages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli import whales_sample
from click.testing import CliRunner

from outputs.site.conftest import site, write
from outputs.site.reading_pages import page
from scanner import answers, reading
from scanner.cli import main
from scanner.outputs.callability import beside, why

POOL = {"pool": "0x" + "33" * 20, "token": whales_sample.WETH, "fee": 0.0005, "price_usd": 2160.0}


def stopped(made: dict[str, Any]) -> None:
    """Every second position cannot be called; ether's feed is an hour old, a pool is above it."""
    positions, document = made["positions"], made["document"]
    size = len(positions["account"])
    able = np.arange(size) % 2 == 0
    positions["callable"] = able
    positions["not_callable_reason"] = np.where(able, "", "paused").astype(object)
    band = document["bands"][0]
    price = np.asarray(positions["liquidation_price_usd"], np.float64)
    inside = (price >= band["low_usd"]) & (price <= band["high_usd"] + 0.01) & ~able
    inside &= np.asarray(positions["driver"], object) == "ETH"
    at_risk = np.asarray(positions["collateral_at_risk_usd"], np.float64)
    band["not_callable_usd"] = round(float(at_risk[inside].sum()), 2)
    [ether] = [row for row in document["drivers"] if row["driver"] == "ETH"]
    ether["feed_age_seconds"] = 3_700
    ether["dex"] = {**POOL, "distance": round(ether["spot_usd"] / POOL["price_usd"] - 1, 6)}
    document["already_liquidatable"]["not_callable_usd"] = 123_456.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("stopped") / "store", stopped)


def say(store: Path, *arguments: str) -> str:
    result = CliRunner().invoke(main, [*arguments, "--store", str(store)], env={"COLUMNS": "220"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_terminal_tells_ranges_levels_and_positions(store: Path) -> None:
    bands = say(store, "bands", "ETH")
    assert "feed 62 minutes old, 0.44 % below its 0.05 % DEX pool" in bands
    assert "not callable" in bands
    assert "no: paused" in say(store, "positions", "ETH", "--wide")
    assert "nobody can call" in say(store, "levels", "ETH", "--at", "1781")
    moves = say(store, "levels", "ETH")
    assert "of it nobody can call" in moves
    assert "feed 62 minutes old" in moves
    frame = reading.newest(store, None).positions
    barred = frame[(frame["side"] == "long") & ~frame["callable"] & (frame["health_factor"] > 1)]
    account = say(store, "account", barred["account"].iloc[0])
    assert ", but not callable at present (paused)" in account


def test_a_scan_in_which_everything_can_be_called_has_no_such_word(tmp_path: Path) -> None:
    plain = write(tmp_path / "store")
    for arguments in (("bands", "ETH"), ("levels", "ETH"), ("levels", "ETH", "--at", "1781")):
        said = say(plain, *arguments)
        assert "not callable" not in said
        assert "nobody can call" not in said


def test_levels_add_up_what_cannot_be_called(store: Path) -> None:
    """To the cent, per tick and added up, from the positions themselves."""
    stored = reading.newest(store, None)
    answer = answers.levels(stored, "ETH")
    frame = stored.positions
    mine = frame[(frame["driver"] == "ETH") & (frame["side"] == "long")]
    mine = mine[~mine["already_liquidatable"]]
    rows = [row for row in answer["levels"] if row["side"] == "long"]
    for row in rows:
        there = mine[mine["liquidation_price_usd"] >= row["level_usd"]]
        barred = there[~there["callable"]]["collateral_at_risk_usd"].sum()
        assert row["not_callable_usd"] == pytest.approx(barred, abs=0.01)
        assert row["not_callable_usd"] <= row["collateral_at_risk_usd"]
    total = sum(row["tick_not_callable_usd"] for row in rows)
    assert rows[-1]["not_callable_usd"] == pytest.approx(total, abs=0.01)
    assert total > 0
    assert json.loads(say(store, "levels", "ETH", "--json"))["levels"] == answer["levels"]


def test_the_report_marks_them(store: Path, tmp_path: Path) -> None:
    out = site(store, tmp_path / "site")
    [path] = [p for p in out.rglob("index.html") if "ETH" in p.parent.name.upper()][:1]
    text = page(path).text
    assert "not callable" in text
    assert "not callable: paused" in text
    assert "feed 62 minutes old, 0.44 % below its 0.05 % DEX pool" in text


def test_an_older_scan_is_read_all_the_same(tmp_path: Path) -> None:
    """No column, no keys: nothing is made up for it, and nothing breaks."""

    def older(made: dict[str, Any]) -> None:
        del made["positions"]["not_callable_reason"]
        for band in made["document"]["bands"]:
            band.pop("not_callable_usd", None)

    old = write(tmp_path / "store", older)
    for arguments in (("bands", "ETH"), ("levels", "ETH"), ("positions", "ETH")):
        assert "not callable" not in say(old, *arguments)
    site(old, tmp_path / "site")
    assert why({"callable": False}) == "paused, in grace, or too small"
    assert beside({"driver": "ETH"}) == ""
