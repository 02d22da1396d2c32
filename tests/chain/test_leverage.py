"""Totals of a scan and the supply beside them, against what the contracts themselves say."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command import bandscan
from localchain import LocalChain
from scanning import scan, table

from scanner import answers, liquidity, reading
from scanner.chain.calls import Call
from scanner.chain.pinned import Chain
from scanner.core import weighted
from scanner.deployments import issued_symbols
from scanner.errors import StateGone
from scanner.outputs import words


def cents(values: Any) -> int:
    return round(float(sum(round(value * 100) for value in values)))


def test_the_supply_is_what_the_tokens_themselves_answer(
    flavour_chain: LocalChain, tmp_path: Path
) -> None:
    """Each token asked directly at the scan's block; a dollar each."""
    finished = scan(flavour_chain, tmp_path / "store")
    block = hex(finished.document["block"]["number"])
    told = finished.document["leverage"]["liquidity"]

    expected = {}
    for symbol, token in flavour_chain.tokens.items():
        if symbol in issued_symbols():
            supply = flavour_chain.call(token.address, "totalSupply()(uint256)", block=block)
            decimals = flavour_chain.call(token.address, "decimals()(uint8)", block=block)
            expected[token.address.lower()] = (symbol, decimals, str(supply))
    assert {"USDC", "DAI"} <= {symbol for symbol, _, _ in expected.values()}

    assert told["source"] == "markets"
    assert {
        row["address"]: (row["symbol"], row["decimals"], row["supply_raw"])
        for row in told["tokens"]
    } == expected
    dollars = sum(int(raw) / 10**decimals for _, decimals, raw in expected.values())
    assert told["stablecoin_supply_usd"] == pytest.approx(dollars, abs=0.01)
    assert told["stablecoin_supply_usd"] > 0
    assert not finished.document["problems"]


def test_the_supply_moves_with_the_token_and_history_says_so(
    movable_chain: LocalChain, tmp_path: Path
) -> None:
    """An hour later somebody was minted a million USDC, and it shows; the debt's change too."""
    store = tmp_path / "store"
    before = scan(movable_chain, store)
    usdc = movable_chain.tokens["USDC"].address
    movable_chain.pass_time(3_600)
    movable_chain.send(
        movable_chain.owner, usdc, "mint(address,uint256)", movable_chain.owner, 10**12
    )
    after = scan(movable_chain, store)

    one, other = (
        each.document["leverage"]["liquidity"]["stablecoin_supply_usd"] for each in (before, after)
    )
    assert other - one == pytest.approx(1_000_000, abs=0.01)
    answer = answers.history(store, None)
    hour = next(row for row in answer["windows"] if row["window"] == "1h")
    assert hour["why"] is None
    assert hour["from"]["block"] == before.document["block"]
    change = hour["changes"]["stablecoin_supply_usd"]
    assert (change["from"], change["to"]) == (one, other)
    debts = [each.document["leverage"]["debt_usd"] for each in (before, after)]
    assert [hour["changes"]["debt_usd"][key] for key in ("from", "to")] == debts


def test_a_token_that_does_not_answer_is_unknown_and_not_zero(
    flavour_chain: LocalChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain's list with one token, a contract that is none, and an address without code: the
    scan is whole, the sum is null, and a problem names each."""
    names = [flavour_chain.tokens["USDC"].address, flavour_chain.pool, "0x" + "77" * 20]
    shipped = tuple(bytes.fromhex(name[2:]) for name in names)
    monkeypatch.setattr(liquidity, "stablecoins", lambda chain_id: shipped)

    finished = scan(flavour_chain, tmp_path / "store")

    told = finished.document["leverage"]["liquidity"]
    good, *bad = told["tokens"]
    assert told["source"] == "shipped"
    assert told["stablecoin_supply_usd"] is None
    assert good["symbol"] == "USDC"
    assert int(good["supply_raw"]) > 0
    assert all(row["supply"] is row["supply_raw"] is row["decimals"] is None for row in bad)
    found = [p for p in finished.document["problems"] if p["kind"] == "supply_unreadable"]
    assert [name.lower() in p["message"] for name, p in zip(names[1:], found, strict=True)] == [
        True,
        True,
    ]
    assert not any(problem["fatal"] for problem in found)
    assert finished.document["complete"]
    assert finished.document["leverage"]["debt_usd"] > 0


def test_a_chain_that_no_longer_answers_costs_the_figure_and_not_the_scan(
    flavour_chain: LocalChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state goes away between the last market and the tokens."""
    real = Chain.read

    def gone(self: Chain, calls: list[Call]) -> list[Any]:
        if [call.function for call in calls[:3]] == ["totalSupply", "decimals", "symbol"]:
            raise StateGone("the state of the block is gone")
        return real(self, calls)

    monkeypatch.setattr(Chain, "read", gone)
    finished = scan(flavour_chain, tmp_path / "store")

    told = finished.document["leverage"]["liquidity"]
    assert finished.complete
    assert told["stablecoin_supply_usd"] is None
    assert told["tokens"]
    assert all(row["supply"] is None for row in told["tokens"])
    kinds = [problem["kind"] for problem in finished.document["problems"]]
    assert kinds.count("supply_unreadable") == len(told["tokens"])


def test_totals_count_every_position_once_and_drivers_overlap_by_what_is_said(
    flavour_chain: LocalChain, tmp_path: Path
) -> None:
    """From the positions table, whose rows repeat a position for each driver."""
    finished = scan(flavour_chain, tmp_path / "store")
    told = finished.document["leverage"]
    frame = pd.DataFrame(finished.positions)
    key = ["protocol", "market", "account"]
    once = frame.drop_duplicates(key)

    assert told["positions"] == len(once)
    assert told["borrowers"] == once["owner"].nunique()
    assert round(told["debt_usd"] * 100) == cents(once["debt_usd"])
    assert round(told["collateral_usd"] * 100) == cents(once["collateral_usd"])
    assert [row["protocol"] for row in told["by_protocol"]] == ["aave_v3"]
    assert told["by_protocol"][0]["debt_usd"] == told["debt_usd"]

    drivers = {row["driver"]: row for row in finished.document["drivers"]}
    assert {row["driver"] for row in told["by_driver"]} == set(drivers)
    for row in told["by_driver"]:
        for name in ("debt_usd", "collateral_usd", "borrowers"):
            assert row[name] == drivers[row["driver"]][name]
    times = frame[frame["driver"] != ""].groupby(key).size()
    several = once.set_index(key).loc[times[times > 1].index]
    assert told["several_drivers"]["positions"] == len(several) > 0
    assert round(told["several_drivers"]["debt_usd"] * 100) == cents(several["debt_usd"])
    none = once[~once.set_index(key).index.isin(times.index)]
    assert told["no_driver"]["positions"] == len(none)
    assert round(told["no_driver"]["debt_usd"] * 100) == cents(none["debt_usd"])
    [scope] = told["scope"]
    assert scope["protocol"] == "aave_v3"
    assert scope["address"] == flavour_chain.pool.lower()


def test_where_not_every_driver_was_scanned_the_overlap_is_not_said(
    flavour_chain: LocalChain, tmp_path: Path
) -> None:
    """The totals are the same; what no row holds cannot be known."""
    every = scan(flavour_chain, tmp_path / "one").document["leverage"]
    some = scan(flavour_chain, tmp_path / "two", shocks=["driver:ETH"]).document["leverage"]
    whole = ("debt_usd", "collateral_usd", "borrowers", "by_protocol", "liquidity", "scope")
    assert all(some[name] == every[name] for name in whole)
    assert [row["driver"] for row in some["by_driver"]] == ["ETH"]
    assert some["several_drivers"] is some["no_driver"] is None


@pytest.mark.parametrize(
    ("shock", "name"),
    [
        ("market", "market"),
        ("token:WETH", "WETH"),
        ("shock:ETH=1,BTC=0.8", weighted.canonical("shock:ETH=1,BTC=0.8")),
    ],
)
def test_levels_and_strength_under_other_shocks(
    flavour_chain: LocalChain, tmp_path: Path, shock: str, name: str
) -> None:
    """`levels market --at 0.8`: on the axis of ratios; a token's on its own price. What is reached
    is what the positions say, and every row has its strength."""
    finished = scan(flavour_chain, tmp_path / "store", shocks=[shock])
    stored = reading.newest(tmp_path / "store", None)
    ratio = not shock.startswith("token")
    spot = 1.0 if ratio else flavour_chain.price("WETH")
    key = "level_ratio" if ratio else "level_usd"
    at = [0.8 * spot, 1.2 * spot]

    answer = answers.levels(stored, name, at=at)

    assert answer["spot_usd"] == (None if ratio else pytest.approx(spot))
    rows = table(finished, name)
    price = rows["liquidation_price_usd"].fillna(rows["liquidation_ratio"])
    for point, level, side in zip(answer["at"], at, ("long", "short"), strict=True):
        assert point[key] == pytest.approx(level)
        there = (rows["side"] == side) & ~rows["already_liquidatable"]
        there &= price >= level if side == "long" else price <= level
        assert point["side"] == side
        assert point["positions"] == int(there.sum())
        assert round(point["collateral_at_risk_usd"] * 100) == cents(
            rows[there]["collateral_at_risk_usd"]
        )
    assert answer["at"][0]["positions"] > 0
    assert answer["levels"]
    strengths = [row["strength"] for row in answer["levels"]]
    ticks = {(row["side"], row["tick"]): row for row in answers.ticks(stored, name)["ticks"]}
    assert strengths == [ticks[row["side"], row["tick"]]["strength"] for row in answer["levels"]]
    assert max(strengths) == 1.0
    assert finished.document["ticks"] == answers.ticks(stored)["ticks"]

    told = bandscan("levels", name, "--at", at[0], "--store", tmp_path / "store")
    assert told.code == 0
    assert f"below {'0.8000x' if ratio else words.price(at[0])} (-20.0 %)" in told.out
    assert f"{answer['at'][0]['positions']:,} position" in told.out
