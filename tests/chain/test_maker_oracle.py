"""Maker's delayed oracle, read from its storage: it answers only whom it knows.

The oracle is a stand-in with the layout of osm/src/osm.sol; all else is the real Maker.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from localchain.abi import Reverted
from localchain.ground import Ground
from localchain.maker import WAD, Maker
from localchain.node import Node

from scanner import scan as scanning
from scanner.scan import Finished, Request

ILK, HAS = "ETH-A", 1 << 128
NAME, PIP = ILK.encode().ljust(32, b"\0"), b"pip".ljust(32, b"\0")


@pytest.fixture(scope="module")
def maker() -> Iterator[Maker]:
    """24 urns; the price of one ilk comes with a delay."""
    node = Node()
    try:
        made = Maker(Ground(node))
        made.populate(60, 7)
        pip = made.ground.own("DelayedPip")
        made.ground.send(node.owner, pip, "kiss(address)", made.spotter)
        signature = "file(bytes32,bytes32,address)"
        made.ground.send(made.governor, made.spotter, signature, NAME, PIP, pip)
        tell(made, HAS | 2350 * WAD, HAS | 1300 * WAD)
        made.poke(ILK)
        yield made
    finally:
        node.close()


def tell(maker: Maker, now: int, later: int) -> None:
    """The oracle's two words."""
    maker.ground.send(maker.node.owner, maker.pip(ILK), "set(uint256,uint256)", now, later)


def scan(maker: Maker, store: Path, *without: str) -> Finished:
    """`bandscan scan --verify all`, with a row that lacks some fields."""
    rows = maker.deployments_toml().splitlines()
    kept = [row for row in rows if row.partition(" ")[0] not in without]
    deployments = store / "maker.toml"
    deployments.write_text("\n".join(kept) + "\n")
    request = Request(None, (maker.node.url,), (), deployments, store, verify=None, patience=30)
    return scanning.run(request)


def told(finished: Finished) -> dict[str, Any]:
    """Details of the ilk."""
    rows = {row["market"]: row["details"] for row in finished.document["markets"]}
    found: dict[str, Any] = rows[ILK]
    return found


def refused(maker: Maker, urn: str) -> bool:
    """Whether the Cat finds the urn safe."""
    try:
        maker.bite(ILK, urn)
    except Reverted as error:
        if "not-unsafe" not in str(error):
            raise
        return True
    return False


def test_present_and_next_price_are_of_its_storage(maker: Maker, tmp_path: Path) -> None:
    details = told(scan(maker, tmp_path))
    assert details["price_source"] == "osm storage"
    assert (details["price_refreshed"], details["price_next"]) == (2350, 1300)
    assert details["liquidatable_next"] > 0 == details["liquidatable_stored"]


def test_every_price_is_the_cats_own(maker: Maker, tmp_path: Path) -> None:
    frame = pd.DataFrame(scan(maker, tmp_path).positions)
    rows = frame[(frame["market"] == ILK) & (frame["driver"] == "ETH")]
    assert len(rows) > 3
    for row in rows.itertuples():
        least = int(row.liquidation_price_raw)
        for value in (least, least - 1):
            with maker.ground.undone():
                tell(maker, HAS | value, 0)
                maker.poke(ILK)
                assert refused(maker, row.account) == (value == least)


def test_another_layout_falls_back_to_the_wei(maker: Maker, tmp_path: Path) -> None:
    """An urn exactly on the edge of the stored spot is healthy: no unit is lost in reversing it.

    At 150 % two divisions that truncate lose one unless the value is a multiple of three.
    """
    with maker.ground.undone():
        who = maker.open(maker.ground.account("edge"), ILK, 31 * WAD + 5, 0.6517)
        frame = pd.DataFrame(scan(maker, tmp_path).positions)
        [row] = frame[frame["account"] == who].itertuples()
        edge = int(row.liquidation_price_raw)
        assert edge % 3
        tell(maker, HAS | edge, 0)
        maker.poke(ILK)
        tell(maker, 7 << 128 | edge, 0)
        finished = scan(maker, tmp_path)
        assert told(finished)["price_source"] == "stored spot"
        frame = pd.DataFrame(finished.positions)
        [row] = frame[frame["account"] == who].itertuples()
        assert refused(maker, who)
        assert not row.already_liquidatable
        assert int(row.liquidation_price_raw) == edge


def test_a_spot_of_nothing_liquidates_nobody(maker: Maker, tmp_path: Path) -> None:
    """The oracle is back and nobody has poked: at the stored spot of 0 the Cat refuses all."""
    with maker.ground.undone():
        tell(maker, 0, 0)
        maker.poke(ILK)
        tell(maker, HAS | 2350 * WAD, 0)
        finished = scan(maker, tmp_path)
        details = told(finished)
        assert (details["price_stored"], details["liquidatable_stored"]) == (0, 0)
        assert sum(row["mismatches"] for row in finished.document["parity"]) == 0


def test_a_row_that_lost_its_manager_is_still_scanned(maker: Maker, tmp_path: Path) -> None:
    """Its urns are then their own owners."""
    scan(maker, tmp_path)
    finished = scan(maker, tmp_path, "cdp_manager")
    assert finished.document["complete"]
    frame = pd.DataFrame(finished.positions)
    assert (frame["account"] == frame["owner"]).all()
