"""Maker's auctions may be stopped, switched off or full: liquidatable, and nobody can call.

The Cat is the real one (liquidations 1.2). The Dog and its auction house are stand-ins on the real
Vat, written after dss/src/dog.sol: no package registry ships them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from localchain.abi import Reverted
from localchain.ground import Ground
from localchain.maker import RAD, WAD, Maker
from localchain.node import Node

from scanner import scan as scanning
from scanner.scan import Finished, Request

ILK = "ETH-A"
NAME = ILK.encode().ljust(32, b"\0")
CHOP, HOLE = 113 * WAD // 100, 10**9 * RAD


@pytest.fixture(scope="module")
def maker() -> Iterator[Maker]:
    """Urns in four ilks, of which the Dog (once named) keeps one."""
    node = Node()
    try:
        made = Maker(Ground(node))
        made.populate(60, 7)
        yield made
    finally:
        node.close()


class Dog:
    """The stand-in, a ward of the real Vat, with one ilk."""

    def __init__(self, maker: Maker) -> None:
        self.ground, self.owner = maker.ground, maker.node.owner
        self.address = self.ground.own("DogStandIn", maker.vat)
        self.clip = self.ground.own("ClipStandIn")
        self.ground.send(maker.governor, maker.vat, "rely(address)", self.address)
        self.list(HOLE)
        self.tell("file(uint256)", HOLE)

    def list(self, hole: int) -> None:
        """How much of the ilk may be in auctions at once. [rad]"""
        self.tell("list(bytes32,address,uint256,uint256)", NAME, self.clip, CHOP, hole)

    def tell(self, signature: str, *args: Any) -> None:
        """Anybody may."""
        self.ground.send(self.owner, self.address, signature, *args)

    def stop(self, level: int) -> None:
        """The auction house's `stopped`."""
        self.ground.send(self.owner, self.clip, "stop(uint256)", level)

    def bark(self, urn: str) -> None:
        """By anybody; raises `Reverted`."""
        self.tell("bark(bytes32,address,address)", NAME, urn, self.owner)


def scan(maker: Maker, store: Path, dog: Dog | None = None) -> Finished:
    """`bandscan scan --verify all`, liquidated by the Cat or by the Dog."""
    text = maker.deployments_toml()
    if dog is not None:
        text = text.replace(f'cat = "{maker.cat}"', f'dog = "{dog.address}"')
    store.mkdir(exist_ok=True)
    deployments = store / "maker.toml"
    deployments.write_text(text)
    request = Request(None, (maker.node.url,), (), deployments, store, verify=None, patience=30)
    return scanning.run(request)


def longs(finished: Finished) -> pd.DataFrame:
    """Urns of the ilk with a price."""
    frame = pd.DataFrame(finished.positions)
    frame = frame[(frame["market"] == ILK) & (frame["side"] == "long")].copy()
    frame["raw"] = [int(text) for text in frame["liquidation_price_raw"]]
    assert len(frame) > 3
    return frame


def beyond(maker: Maker, row: Any) -> None:
    """The oracle one unit below the urn's price, poked and dripped."""
    maker.set_value(ILK, row.raw - 1)
    maker.drip(ILK)


def test_a_switched_off_cat(maker: Maker, tmp_path: Path) -> None:
    """Its positions stay in the book, and the scan stays complete."""
    with maker.ground.undone():
        maker.ground.send(maker.governor, maker.cat, "cage()")
        finished = scan(maker, tmp_path)
        document = finished.document
        assert document["complete"]
        frame = pd.DataFrame(finished.positions)
        assert set(frame[frame["side"] == "long"]["not_callable_reason"]) == {"auction_stopped"}
        kinds = {row["market"]: row["kind"] for row in document["problems"]}
        assert kinds[ILK] == "auctions_stopped"
        details = {row["market"]: row["details"] for row in document["markets"]}
        assert details[ILK]["not_liquidatable"] == "liquidations are switched off"
        # It refuses before it looks: no verdict to hold ours against, and none claimed.
        assert sum(row["checked"] for row in document["parity"]) == 0
        row = next(longs(finished).itertuples())
        assert (row.callable, row.seizable_usd) == (False, 0.0)
        assert row.collateral_at_risk_usd > 0
        beyond(maker, row)
        with pytest.raises(Reverted, match="Cat/not-live"):
            maker.bite(ILK, row.account)


def test_a_full_box(maker: Maker, tmp_path: Path) -> None:
    """No room in the Cat's box; with room again the same urns go."""
    signature, box = "file(bytes32,uint256)", b"box".ljust(32, b"\0")
    with maker.ground.undone():
        for room, reason in ((0, "hole_full"), (10**9 * RAD, "")):
            maker.ground.send(maker.governor, maker.cat, signature, box, room)
            rows = longs(scan(maker, tmp_path / f"{room}"))
            assert set(rows["not_callable_reason"]) == {reason}
            for row in rows.head(4).itertuples():
                assert (row.seizable_usd > 0) == row.callable == (reason == "")
                with maker.ground.undone():
                    beyond(maker, row)
                    if row.callable:
                        maker.bite(ILK, row.account)
                        continue
                    with pytest.raises(Reverted, match="Cat/liquidation-limit-hit"):
                        maker.bite(ILK, row.account)


@pytest.mark.parametrize(
    ("case", "reason", "why"),
    [
        ("running", "", ""),
        ("stopped", "auction_stopped", "Clipper/stopped-incorrect"),
        ("caged", "auction_stopped", "Dog/not-live"),
        ("full", "hole_full", "Dog/liquidation-limit-hit"),
        ("little room", "hole_full", "Dog/dusty-auction-from-partial-liquidation"),
    ],
)
def test_the_dog_and_its_auction_house(
    maker: Maker, tmp_path: Path, case: str, reason: str, why: str
) -> None:
    with maker.ground.undone():
        dog = Dog(maker)
        free = longs(scan(maker, tmp_path / "free", dog))
        assert set(free["not_callable_reason"]) == {""}
        dust = maker.ilk(ILK)[4]
        if case == "stopped":
            dog.stop(1)
        elif case == "caged":
            dog.tell("cage()")
        elif case == "full":
            dog.list(0)
        elif case == "little room":
            assert dust > 0
            dog.list(dust // 2)
        finished = scan(maker, tmp_path / "then", dog)
        assert finished.document["complete"]
        rows = longs(finished)
        if case == "little room":  # small urns go whole with the rest that is taken along
            rows = rows[rows["debt_usd"] > 4 * dust / RAD]
        assert len(rows) > 3
        assert set(rows["not_callable_reason"]) == {reason}
        assert rows["raw"].isin(free["raw"]).all()
        for row in rows.head(4).itertuples():
            with maker.ground.undone():
                beyond(maker, row)
                before = maker.urn(ILK, row.account)[0]
                if reason:
                    assert (row.callable, row.seizable_usd) == (False, 0.0)
                    with pytest.raises(Reverted, match=why):
                        dog.bark(row.account)
                    continue
                dog.bark(row.account)
                taken = before - maker.urn(ILK, row.account)[0]
                dollars = taken * (row.raw - 1) / WAD**2
                assert row.seizable_usd == pytest.approx(dollars, rel=1e-9, abs=0.006)
