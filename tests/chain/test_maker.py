"""Maker's real Vat, Spotter, Jug and Cat: every urn, exact totals, exact prices, real bites.

The npm chain liquidates by the Cat; the Dog's amounts are proven by its own test vectors
(tests/protocols/test_maker_rules.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from localchain.abi import Reverted
from localchain.ground import Ground
from localchain.maker import ILKS, WAD, Maker
from localchain.node import Node

from scanner import scan as scanning
from scanner.scan import Finished, Request

FEE = 1_000_000_003_022_265_980_097_387_650  # 10 % a year
DRIVERS = ("ETH", "BTC", "LINK")


@dataclass(frozen=True)
class Scene:
    """A populated chain and its scan, every urn verified."""

    maker: Maker
    finished: Finished


@pytest.fixture(scope="module")
def maker() -> Iterator[Maker]:
    """Urns in four ilks, one of which costs a fee; 40 days without a drip."""
    node = Node()
    try:
        made = Maker(Ground(node))
        made.set_fee("ETH-A", FEE)
        made.set_fee("WBTC-A", FEE)
        made.populate(45, 7)
        node.pass_time(40 * 86_400)
        yield made
    finally:
        node.close()


@pytest.fixture(scope="module")
def scene(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Scanned under every driver."""
    return Scene(maker, scan(maker, tmp_path_factory.mktemp("maker")))


def scan(maker: Maker, store: Path, verify: int | None = None) -> Finished:
    """`bandscan scan --verify all` of the local Maker."""
    deployments = store / "maker.toml"
    deployments.write_text(maker.deployments_toml())
    request = Request(None, (maker.node.url,), (), deployments, store, verify=verify, patience=30)
    return scanning.run(request)


def table(finished: Finished, driver: str) -> pd.DataFrame:
    """Positions of a driver that have a price."""
    frame = pd.DataFrame(finished.positions)
    frame = frame[(frame["driver"] == driver) & (frame["side"] != "none")].copy()
    frame["raw"] = [int(text) for text in frame["liquidation_price_raw"]]
    return frame


def healthy(maker: Maker, ilk: str, urn: str, value: int) -> bool:
    """Whether the Cat refuses the urn with its oracle at a value, poked and dripped."""
    with maker.ground.undone():
        maker.set_value(ilk, value)
        maker.drip(ilk)
        try:
            maker.bite(ilk, urn)
        except Reverted as error:
            if "not-unsafe" not in str(error):
                raise
            return True
        return False


def test_every_urn_is_found_and_every_ilk_is_exact(scene: Scene) -> None:
    document = scene.finished.document
    assert document["complete"]
    owing = {(u, ilk) for u, ilk in scene.maker.borrowers_ever if scene.maker.urn(ilk, u)[1]}
    frame = pd.DataFrame(scene.finished.positions)
    assert set(zip(frame["account"], frame["market"], strict=True)) == owing
    assert 35 < len(owing) < len(scene.maker.borrowers_ever)
    rows = {row["market"]: row for row in document["certificate"]}
    assert set(rows) == set(ILKS)
    for ilk, row in rows.items():
        assert row["identity"] == "exact"
        assert int(row["debt_found"]) == int(row["debt_total"]) == scene.maker.ilk(ilk)[0]


def test_an_urn_of_the_manager_is_its_owners(scene: Scene) -> None:
    frame = pd.DataFrame(scene.finished.positions)
    managed = frame[frame["account"] != frame["owner"]]
    assert len(managed) >= 10
    people = {scene.maker.ground.account(f"maker 7 {number}") for number in range(45)}
    assert set(managed["owner"]) <= people
    assert not set(managed["account"]) & people


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_cat_turns_exactly_at_the_price(scene: Scene, driver: str) -> None:
    """Refused at the oracle's integer, bitten one unit lower: every urn with a price."""
    rows = table(scene.finished, driver)
    assert len(rows) >= 8
    for row in rows.itertuples():
        assert row.price_feed == scene.maker.pip(row.market)
        assert row.liquidation_price_usd == pytest.approx(row.raw / WAD, rel=1e-12)
        assert healthy(scene.maker, row.market, row.account, row.raw), row
        assert not healthy(scene.maker, row.market, row.account, row.raw - 1), row


def test_a_real_bite_takes_what_was_said(scene: Scene) -> None:
    maker, checked = scene.maker, 0
    for driver in DRIVERS:
        for row in table(scene.finished, driver).itertuples():
            before = maker.urn(row.market, row.account)[0]
            with maker.ground.undone():
                maker.set_value(row.market, row.raw - 1)
                maker.drip(row.market)
                maker.bite(row.market, row.account)
                taken = before - maker.urn(row.market, row.account)[0]
            dollars = taken * (row.raw - 1) / WAD**2
            assert row.seizable_usd == pytest.approx(dollars, rel=1e-9, abs=0.006)
            assert row.callable
            checked += 1
    assert checked > 30


def test_a_limit_on_what_sells_at_once_is_kept(maker: Maker, tmp_path: Path) -> None:
    """With the Cat's box nearly empty a large urn loses a part, and the details name the room."""
    with maker.ground.undone():
        signature = "file(bytes32,uint256)"
        box = b"box".ljust(32, b"\0")
        maker.ground.send(maker.governor, maker.cat, signature, box, 300 * 10**45)
        finished = scan(maker, tmp_path)
        details = {row["market"]: row["details"] for row in finished.document["markets"]}
        assert details["ETH-A"]["room_usd"] == details["ETH-A"]["hole_usd"] == 300
        row = table(finished, "ETH").sort_values("debt_usd").iloc[-1]
        assert row.seizable_usd < 0.2 * row.collateral_at_risk_usd
        before = maker.urn(row.market, row.account)[0]
        maker.set_value(row.market, row.raw - 1)
        maker.drip(row.market)
        maker.bite(row.market, row.account)
        taken = before - maker.urn(row.market, row.account)[0]
        assert row.seizable_usd == pytest.approx(taken * (row.raw - 1) / WAD**2, abs=0.006)


def test_stored_and_refreshed_prices_are_told_apart(maker: Maker, tmp_path: Path) -> None:
    """The oracle has fallen and nobody has poked: the verdict is of what anybody may do now."""
    with maker.ground.undone():
        maker.set_value("ETH-A", 1300 * WAD, poke=False)
        finished = scan(maker, tmp_path)
        details = {row["market"]: row["details"] for row in finished.document["markets"]}
        told = details["ETH-A"]
        assert told["price_stored"] == pytest.approx(2350)
        assert (told["price_refreshed"], told["price_source"]) == (1300, "peek")
        frame = pd.DataFrame(finished.positions).drop_duplicates(["account", "market"])
        now = frame[(frame["market"] == "ETH-A") & frame["already_liquidatable"]]
        assert len(now) > told["liquidatable_stored"]
        wrong = [row["mismatches"] for row in finished.document["parity"]]
        assert sum(wrong) == 0  # the referee goes by the stored price, and so do we there
        for row in frame[frame["market"] == "ETH-A"].itertuples():
            assert healthy(maker, "ETH-A", row.account, 1300 * WAD) != row.already_liquidatable


def test_an_ilk_that_cannot_be_liquidated_is_named_and_left_out(
    maker: Maker, tmp_path: Path
) -> None:
    with maker.ground.undone():
        signature = "file(bytes32,bytes32,uint256)"
        name, mat = b"LINK-A".ljust(32, b"\0"), b"mat".ljust(32, b"\0")
        maker.ground.send(maker.governor, maker.spotter, signature, name, mat, 10**27)
        finished = scan(maker, tmp_path)
        assert finished.document["complete"]
        assert "LINK-A" not in set(finished.positions["market"])
        [problem] = [p for p in finished.document["problems"] if p["market"] == "LINK-A"]
        assert problem["kind"] == "ilk_not_liquidatable"
        rows = {row["market"]: row for row in finished.document["certificate"]}
        assert rows["LINK-A"]["coverage"] == 1.0  # found all the same


def test_an_oracle_without_a_value_is_unknown_mass(maker: Maker, tmp_path: Path) -> None:
    with maker.ground.undone():
        maker.ground.send(maker.at["DEPLOYER"], maker.pip("WBTC-A"), "void()")
        maker.poke("WBTC-A")
        document = scan(maker, tmp_path).document
        assert not document["complete"]
        [row] = document["unknown"]
        assert (row["market"], row["why"]) == ("WBTC-A", "the oracle has no value")
        assert row["accounts"] > 5
        assert row["debt_usd"] > 1_000


def test_the_verdict_is_the_cats_own(scene: Scene) -> None:
    rows = scene.finished.document["parity"]
    borrowers = {row["market"]: row["borrowers"] for row in scene.finished.document["markets"]}
    assert {row["market"]: row["checked"] for row in rows} == borrowers
    assert all(row["checked"] == row["accounts"] for row in rows)
    assert sum(row["checked"] for row in rows) > 35
    assert sum(row["mismatches"] for row in rows) == 0


def test_a_second_scan_reads_only_who_was_touched(maker: Maker, tmp_path: Path) -> None:
    """And says what a scan from nothing says."""
    with maker.ground.undone():
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        scan(maker, tmp_path / "a", verify=1)
        late = maker.ground.account("late")
        maker.open(late, "ETH-A", 100 * WAD, 0.9)
        maker.open_cdp(late, "WBTC-A", 5 * WAD, 0.5)
        again = scan(maker, tmp_path / "a", verify=1)
        cold = scan(maker, tmp_path / "b", verify=1)
        assert again.document_bytes == cold.document_bytes
        assert (pd.DataFrame(again.positions)["owner"] == late).sum() == 2
        assert again.stats["bytes_received"] < cold.stats["bytes_received"]
