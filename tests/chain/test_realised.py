"""Liquidations that happened, from real logs: the amounts that balances changed by."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from localchain import LocalChain
from localchain.mixed import Mixed
from realising import Scene, Truth

from scanner import liquidations
from scanner import scan as scanning
from scanner.liquidations import Window
from scanner.scan import Request
from scanner.store.events import BLOCK_PRICES, Events


@dataclass(frozen=True)
class Happened:
    """Every protocol's liquidations on one chain, and the store that a scan before them is in."""

    scene: Scene
    truth: list[Truth]
    store: Path
    request: Request
    before: int


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Happened]:
    """Scanned, then ether falls, then one call for each account."""
    store = tmp_path_factory.mktemp("realised")
    with LocalChain("origin") as aave:
        mixed = Mixed(aave)
        scene = Scene(mixed)
        deployments = store / "mixed.toml"
        deployments.write_text(mixed.deployments_toml())
        url = mixed.ground.node.url
        request = Request(None, (url,), (), deployments, store, verify=1, patience=30)
        scanning.run(request)
        before = scene.head()
        scene.fall()
        yield Happened(scene, list(scene.all()), store, request, before)


def kept(store: Path, chain_id: int) -> list[dict[str, Any]]:
    """All events of a store."""
    with Events.open(store, write=False) as events:
        return events.rows(events.sources(chain_id), 0, 2**60)


def test_amounts_are_what_balances_changed_by(happened: Happened) -> None:
    told = liquidations.read(happened.request, Window(first=0))
    assert told.problems == []
    rows = [row for row in kept(happened.store, told.chain_id) if row["kind"] == 0]
    found = {(row["block"], row["part"]): row for row in rows}
    parts: dict[int, int] = {}
    for truth in happened.truth:
        part = parts.get(truth.block, 0)
        parts[truth.block] = part + 1
        row = found.pop((truth.block, part))
        assert row["protocol"] == truth.protocol
        assert row["market"] == truth.market
        assert "0x" + row["account"].hex() == truth.account
        assert "0x" + row["debt"].hex() == truth.debt
        assert "0x" + row["collateral"].hex() == truth.collateral
        assert abs(int(row["repaid"]) - truth.repaid) <= truth.off, truth
        assert abs(int(row["seized"]) - truth.seized) <= truth.off, truth
        assert row["repaid_usd"] == pytest.approx(truth.debt_usd, rel=1e-9), truth
        assert row["seized_usd"] == pytest.approx(truth.collateral_usd, rel=1e-9), truth
        assert row["price_source"] == BLOCK_PRICES
    assert not found
