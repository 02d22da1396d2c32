"""Morpho Blue, the real contract: every borrower, exact totals, exact prices, real seizures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from localchain.abi import Reverted
from localchain.ground import Ground
from localchain.morpho import MARKETS, Morpho
from localchain.node import Node

from scanner import scan as scanning
from scanner.scan import Finished, Request

LABELS = {"ether": "WETH/USDC-86-", "short": "USDC/WETH-77-", "loop": "wstETH/WETH-94.5-"}


@dataclass(frozen=True)
class Scene:
    """A populated chain and its scan, every account verified."""

    morpho: Morpho
    finished: Finished


@pytest.fixture(scope="module")
def morpho() -> Iterator[Morpho]:
    """Borrowers in eight markets; two oracles break later, and interest has run for three days."""
    node = Node()
    try:
        made = Morpho(Ground(node))
        made.populate(40, 7)
        for dust in range(3):
            who = made.ground.account(f"dust {dust}")
            made.supply_collateral(who, "ether", 10**13 + dust)
            made.borrow_units(who, "ether", 3 + 5_000 * dust)
        made.break_oracles()
        node.pass_time(3 * 86_400)
        yield made
    finally:
        node.close()


@pytest.fixture(scope="module")
def scene(morpho: Morpho, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Scanned under every driver."""
    return Scene(morpho, scan(morpho, tmp_path_factory.mktemp("morpho")))


def scan(morpho: Morpho, store: Path, verify: int | None = None) -> Finished:
    """`bandscan scan --verify all` of the local Morpho."""
    deployments = store / "morpho.toml"
    deployments.write_text(morpho.deployments_toml())
    request = Request(None, (morpho.node.url,), (), deployments, store, verify=verify, patience=30)
    return scanning.run(request)


def table(finished: Finished, driver: str) -> pd.DataFrame:
    """Positions of a driver that have a price; `name` is the market's name on the local chain."""
    frame = pd.DataFrame(finished.positions)
    frame = frame[(frame["driver"] == driver) & (frame["side"] != "none")].copy()
    frame["raw"] = [int(text) for text in frame["liquidation_price_raw"]]
    return frame


def local(morpho: Morpho, label: str) -> str:
    """The local name of a market in the document."""
    return next(n for n, pool in morpho.markets.items() if label.endswith(pool.id[2:10]))


def healthy(morpho: Morpho, who: str, name: str, price: int) -> bool:
    """Whether Morpho refuses to liquidate one share with the oracle at a price."""
    with morpho.ground.undone():
        morpho.set_oracle(morpho.markets[name].oracle, forced=price)
        try:
            morpho.liquidate(who, name, shares=1)
        except Reverted as error:
            if "position is healthy" not in str(error):
                raise
            return True
        return False


def test_every_borrower_is_found_and_every_markets_total_is_exact(scene: Scene) -> None:
    morpho, document = scene.morpho, scene.finished.document
    owing = {
        (who, name)
        for name, pool in morpho.markets.items()
        for who, market in morpho.borrowers_ever
        if market == pool.id and morpho.position(who, name)[1]
    }
    frame = pd.DataFrame(scene.finished.positions)
    found = {(a, local(morpho, m)) for a, m in zip(frame["account"], frame["market"], strict=True)}
    dark = {"reverting", "zero"}
    assert found == {(who, name) for who, name in owing if name not in dark}
    assert len(found) > 25
    rows = document["certificate"]
    assert {local(morpho, row["market"]) for row in rows} == set(MARKETS)
    assert all(row["identity"] == "exact" and row["coverage"] == 1.0 for row in rows)
    assert len({who for who, _ in owing}) < len(owing)  # somebody has two positions


def test_a_market_without_a_price_is_unknown_mass_and_no_crash(scene: Scene) -> None:
    document = scene.finished.document
    assert not document["complete"]
    dark = {local(scene.morpho, row["market"]): row for row in document["unknown"]}
    assert dark.keys() == {"reverting", "zero"}
    assert {name: row["why"] for name, row in dark.items()} == {
        "reverting": "the oracle reverts",
        "zero": "the oracle answers 0",
    }
    assert all(row["accounts"] > 0 and row["debt_usd"] > 0 for row in dark.values())
    markets = {local(scene.morpho, row["market"]): row for row in document["markets"]}
    assert markets["reverting"]["borrowers"] == 0
    assert markets["reverting"]["unknown_accounts"] == dark["reverting"]["accounts"]


@pytest.mark.parametrize("driver", ["ETH", "BTC", "LINK"])
def test_morpho_turns_exactly_at_the_price(scene: Scene, driver: str) -> None:
    """Healthy at the oracle integer, liquidated one unit lower: every position with a price."""
    rows = table(scene.finished, driver)
    assert len(rows) >= 2
    if driver == "ETH":
        assert {"long", "short"} == set(rows["side"])
    for row in rows.itertuples():
        name = local(scene.morpho, row.market)
        assert row.price_feed == scene.morpho.markets[name].oracle
        assert healthy(scene.morpho, row.account, name, row.raw), (name, row)
        assert not healthy(scene.morpho, row.account, name, row.raw - 1), (name, row)


def test_dollars_follow_the_driver(scene: Scene) -> None:
    """With the ether feed at the dollar price, rounded away from the edge, Morpho agrees."""
    rows = table(scene.finished, "ETH")
    rows = rows[rows["debt_usd"] > 1]
    assert len(rows) > 8
    for row in rows.itertuples():
        name, step = local(scene.morpho, row.market), 1 if row.side == "long" else -1
        for way, fine in ((step, True), (-step, False)):
            with scene.morpho.ground.undone():
                feed = row.liquidation_price_usd * (1 + way * 1e-7) * 1e8
                scene.morpho.ground.set_feed("ETH / USD", round(feed))
                try:
                    scene.morpho.liquidate(row.account, name, shares=1)
                    assert not fine
                except Reverted:
                    assert fine


def test_a_loop_of_one_driver_has_no_price_in_it(scene: Scene) -> None:
    frame = pd.DataFrame(scene.finished.positions)
    loops = frame[frame["market"].str.startswith(LABELS["loop"])]
    assert len(loops)
    assert set(loops["side"]) == {"none"}


def test_a_token_alone_moves_its_markets(morpho: Morpho, tmp_path: Path) -> None:
    deployments = tmp_path / "morpho.toml"
    deployments.write_text(morpho.deployments_toml())
    shocks = ("token:wstETH",)
    finished = scanning.run(
        Request(None, (morpho.node.url,), (), deployments, tmp_path, shocks=shocks, patience=30)
    )
    rows = table(finished, "wstETH")
    assert {local(morpho, m) for m in rows["market"]} == {"staked", "loop"}
    for row in rows.itertuples():
        name = local(morpho, row.market)
        assert healthy(morpho, row.account, name, row.raw)
        assert not healthy(morpho, row.account, name, row.raw - 1)


def test_a_real_liquidation_takes_what_was_said(scene: Scene) -> None:
    """The largest call one unit beyond p*: the whole debt, or all collateral where that is less."""
    morpho, checked = scene.morpho, 0
    rows = table(scene.finished, "ETH")
    for row in rows[rows["debt_usd"] > 10].itertuples():
        name = local(morpho, row.market)
        pool = morpho.markets[name]
        with morpho.ground.undone():
            morpho.set_oracle(pool.oracle, forced=row.raw - 1)
            _, shares, before = morpho.position(row.account, name)
            try:
                morpho.liquidate(row.account, name, shares=shares)
            except Reverted:
                morpho.liquidate(row.account, name, seized=before)
            taken = before - morpho.position(row.account, name)[2]
        tokens = taken / morpho.ground.tokens[pool.collateral].unit
        usd = {"WETH": 2350, "wstETH": 2820, "USDC": 1}[pool.collateral]
        factor = row.liquidation_ratio if row.side == "long" else 1.0
        assert row.seizable_usd == pytest.approx(tokens * usd * factor, rel=1e-6, abs=0.01)
        checked += 1
    assert checked >= 8


def test_the_verdict_is_morphos_own(scene: Scene) -> None:
    rows = scene.finished.document["parity"]
    borrowers = {row["market"]: row["borrowers"] for row in scene.finished.document["markets"]}
    assert {row["market"]: row["checked"] for row in rows} == borrowers
    assert all(row["checked"] == row["accounts"] for row in rows)
    assert sum(row["checked"] for row in rows) > 25
    assert sum(row["mismatches"] for row in rows) == 0


def test_already_liquidatable_is_told_apart(morpho: Morpho, tmp_path: Path) -> None:
    """With ether a third lower, who is listed as liquidatable is liquidated, nobody else."""
    with morpho.ground.undone():
        morpho.ground.set_feed("ETH / USD", 1600 * 10**8)
        finished = scan(morpho, tmp_path)
        frame = pd.DataFrame(finished.positions).drop_duplicates(["account", "market"])
        assert 3 < frame["already_liquidatable"].sum() < len(frame)
        for row in frame.itertuples():
            name = local(morpho, row.market)
            present = morpho.price(name)
            assert healthy(morpho, row.account, name, present) != row.already_liquidatable


def test_a_second_scan_reads_only_who_was_touched(morpho: Morpho, tmp_path: Path) -> None:
    """And says what a scan from nothing says."""
    with morpho.ground.undone():
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        first = scan(morpho, tmp_path / "a", verify=1)
        frame = pd.DataFrame(first.positions).drop_duplicates(["account", "market"])
        who, label = frame.iloc[0][["account", "market"]]
        morpho.supply_collateral(who, local(morpho, label), 10**12)
        fresh = morpho.ground.account("late borrower")
        morpho.borrow(fresh, "ether", 50, 0.8)
        again = scan(morpho, tmp_path / "a", verify=1)
        cold = scan(morpho, tmp_path / "b", verify=1)
        assert again.document_bytes == cold.document_bytes
        assert fresh in set(again.positions["account"])
        assert again.stats["bytes_received"] < cold.stats["bytes_received"]


def test_sums_are_those_of_the_positions(scene: Scene) -> None:
    """Each market's own row: borrowers add up to the table's."""
    frame = pd.DataFrame(scene.finished.positions).drop_duplicates(["account", "market"])
    rows = {row["market"]: row["borrowers"] for row in scene.finished.document["markets"]}
    counts = frame["market"].value_counts()
    assert {m: n for m, n in rows.items() if n} == counts.to_dict()
    assert np.isfinite(frame["health_factor"]).all()


def test_a_token_that_nobody_prices_is_listed_and_spoils_no_scan(tmp_path: Path) -> None:
    """LINK is lent and nothing tells its price: one wei of such debt must not blind everybody."""
    node = Node()
    try:
        made = Morpho(Ground(node))
        good, odd = made.ground.account("good"), made.ground.account("odd")
        made.borrow(good, "ether", 50, 0.8)
        made.supply_collateral(odd, "odd", 10**18)
        made.borrow_units(odd, "odd", 1)
        document = scan(made, tmp_path).document
        assert document["complete"]
        [row] = document["unknown"]
        assert (row["accounts"], row["debt_usd"]) == (1, None)
        assert row["why"] == "no dollar price for LINK"
        assert row["debt_raw"][0]["amount"] == "1"
        markets = {local(made, r["market"]): r for r in document["markets"]}
        assert (markets["odd"]["borrowers"], markets["odd"]["unknown_accounts"]) == (0, 1)
    finally:
        node.close()


def test_pre_liquidation_is_a_second_level(morpho: Morpho, tmp_path: Path) -> None:
    """Of who has let a contract act: refused at the second price, done one unit of the oracle on.

    The contract is a stand-in (PreLiquidationStandIn.sol); the market and who may act are Morpho's.
    """
    with morpho.ground.undone():
        (tmp_path / "a").mkdir()
        low, high = (morpho.pre_liquidation("ether", percent) for percent in (70, 80))
        others = morpho.pre_liquidation("short", 60)
        first = pd.DataFrame(scan(morpho, tmp_path / "a", verify=1).positions)
        assert first["pre_liquidation_price_usd"].isna().all()  # nobody has let them
        label = first[first["largest_collateral"] == "WETH"]["market"]
        market = next(name for name in label if name.startswith("WETH/USDC"))
        people = sorted(first[first["market"] == market]["account"].unique())
        assert len(people) > 3
        for who in people[:2]:
            morpho.authorize(who, high)
        morpho.authorize(people[2], low)
        morpho.authorize(people[2], high)
        morpho.authorize(people[3], others)  # of another market: nothing to do with this one
        finished = scan(morpho, tmp_path / "a", verify=1)
        frame = pd.DataFrame(finished.positions)
        mine = frame[(frame["market"] == market) & (frame["driver"] == "ETH")]
        mine = mine[mine["side"] == "long"].set_index("account")
        told = mine["pre_liquidation_price_usd"].dropna()
        assert set(told.index) == set(people[:3]) & set(mine.index)
        assert len(told) >= 2
        for who in told.index:
            row = mine.loc[who]
            contract, lltv = (low, 70) if who == people[2] else (high, 80)
            assert told[who] > row["liquidation_price_usd"]
            ratio = told[who] / row["liquidation_price_usd"]
            assert ratio == pytest.approx(86 / lltv, rel=1e-3)  # both are cut, a dusty one more
            at = round(int(row["liquidation_price_raw"]) * ratio)
            for answer, refused in ((int(at * (1 + 1e-6)), True), (int(at * (1 - 1e-6)), False)):
                with morpho.ground.undone():
                    morpho.set_oracle(morpho.markets["ether"].oracle, forced=answer)
                    if refused:
                        with pytest.raises(Reverted):
                            morpho.pre_liquidate(who, "ether", contract)
                    else:
                        morpho.pre_liquidate(who, "ether", contract)
        details = {row["market"]: row["details"] for row in finished.document["markets"]}
        listed = {one["contract"]: one for one in details[market]["pre_liquidation"]}
        assert set(listed) == {low, high}
        assert listed[low]["lltv"] == pytest.approx(0.7)
        assert listed[low]["borrowers"] + listed[high]["borrowers"] == 3
