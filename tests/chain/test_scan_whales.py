"""The range that started it: six whales in a crowd, found by a scan of the real contracts."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from localchain import FLAVOURS, LocalChain
from scanning import scan, table

WHALES = [1781.09, 1793.4, 1811.25, 1828.8, 1846.61, 1862.02]
ETHER = 650_000


@pytest.fixture(scope="module", params=FLAVOURS)
def crowded(request: pytest.FixtureRequest) -> Iterator[LocalChain]:
    """Both generations: a crowd of 520 with 1,300,000 ether, spot at 2,350."""
    with LocalChain(request.param) as chain:
        chain.specials()
        chain.populate(10, seed=1)
        chain.crowd(520, 2 * ETHER, seed=1)
        yield chain


def first_range(document: dict[str, Any]) -> dict[str, Any]:
    """The first range of ether's long side."""
    row: dict[str, Any] = next(
        band for band in document["bands"] if (band["driver"], band["side"]) == ("ETH", "long")
    )
    return row


def test_the_whales_are_the_first_range(crowded: LocalChain, tmp_path: Path) -> None:
    """1,781.09 to 1,862.02 to the cent, six large accounts, at least the whales' own collateral."""
    with crowded.undone() as chain:
        whales = chain.whales(WHALES, ETHER)
        finished = scan(chain, tmp_path / "store")
    assert finished.complete
    assert len(set(table(finished)["account"])) > 520

    found = first_range(finished.document)
    assert f"{found['low_usd']:.2f}-{found['high_usd']:.2f}" == "1781.09-1862.02"
    assert found["large_accounts"] == 6
    assert found["accounts"] >= 6
    own = sum(whale.ether * whale.price for whale in whales)  # collateral at its own p*
    assert own <= found["collateral_at_risk_usd"] < 1.25 * own
    assert sum(whale.ether for whale in whales) == pytest.approx(ETHER, abs=1)
    assert found["dominant_token"] == "WETH"
    assert found["distance"] == pytest.approx(1862.02 / 2350 - 1, abs=0.002)

    rows = table(finished, "ETH")
    for whale in whales:  # and each of them on its own price, to the last unit of the feed
        assert int(rows.loc[whale.address, "liquidation_price_raw"]) == whale.price_raw


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_clusters_at_other_prices_come_out(crowded: LocalChain, tmp_path: Path, seed: int) -> None:
    """Six whales placed at random within five percent, anywhere between 1,300 and 2,000 dollars."""
    rng = random.Random(seed)
    middle = rng.uniform(1_300, 2_000)
    prices = sorted(round(middle * rng.uniform(0.975, 1.025), 2) for _ in range(6))
    with crowded.undone() as chain:
        whales = chain.whales(prices, ETHER, seed)
        finished = scan(chain, tmp_path / "store", verify=100)
    found = first_range(finished.document)
    assert found["large_accounts"] >= 6
    # Neighbours in the crowd may join and widen it a little.
    assert prices[0] * 0.975 <= found["low_usd"] <= prices[0]
    assert prices[-1] <= found["high_usd"] <= prices[-1] * 1.025
    own = sum(whale.ether * whale.price for whale in whales)
    assert 0.99 * own <= found["collateral_at_risk_usd"] < 1.5 * own


def test_the_crowd_alone_is_no_such_range(crowded: LocalChain, tmp_path: Path) -> None:
    """Without the whales nothing of that size is claimed in that place."""
    finished = scan(crowded, tmp_path / "store", verify=0)
    inside = [
        band
        for band in finished.document["bands"]
        if band["driver"] == "ETH"
        and band["side"] == "long"
        and band["high_usd"] > 1781.09
        and band["low_usd"] < 1862.02
    ]
    assert all(band["collateral_at_risk_usd"] < ETHER * 1781.09 / 2 for band in inside)
