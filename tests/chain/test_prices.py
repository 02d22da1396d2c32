"""Liquidation prices: the real contracts are asked at p* and one unit beyond it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from localchain import FLAVOURS, LocalChain
from scanning import ONE, health, priced, scan, table

from scanner.scan import Finished

DRIVERS = {"ETH": "ETH / USD", "BTC": "BTC / USD", "LINK": "LINK / USD"}


@dataclass(frozen=True)
class Scene:
    """A populated chain and its scan."""

    chain: LocalChain
    finished: Finished


@pytest.fixture(scope="module", params=FLAVOURS)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Both generations in turn, scanned under every driver."""
    chain: LocalChain = request.getfixturevalue(f"{request.param}_chain")
    return Scene(chain, scan(chain, tmp_path_factory.mktemp("prices") / "store"))


def beyond(chain: LocalChain, rows: pd.DataFrame, feed: str) -> list[str]:
    """Accounts whose p* the pool contradicts: not healthy at it, or still healthy one unit on."""
    people, step = list(rows.index), [int(n) for n in rows["step"]]
    raw = [int(n) for n in rows["raw"]]
    at = chain.probe(people, feed, raw)
    after = chain.probe(people, feed, [r + s for r, s in zip(raw, step, strict=True)])
    return [w for w, a, b in zip(people, at, after, strict=True) if a < ONE or b >= ONE]


@pytest.mark.parametrize("driver", DRIVERS)
def test_healthy_at_the_price_and_liquidatable_one_unit_beyond(scene: Scene, driver: str) -> None:
    """For every account with a price under a driver the pool itself turns exactly there."""
    rows = priced(scene.finished, driver)
    assert len(rows) >= 10
    assert {"long", "short"} <= set(rows["side"])
    assert beyond(scene.chain, rows, DRIVERS[driver]) == []
    assert (rows["price_scale"] == 10**8).all()
    dollars = rows["raw"].astype(float) / 1e8
    assert np.allclose(rows["liquidation_price_usd"], dollars, rtol=1e-12, atol=1e-8)


@pytest.mark.parametrize("driver", DRIVERS)
def test_no_price_means_no_liquidation_anywhere(scene: Scene, driver: str) -> None:
    """Who is touched by a driver and has no price is healthy from 0.001 to 1,000 times."""
    rows = table(scene.finished, driver)
    calm = rows[(rows["side"] == "none") & ~rows["already_liquidatable"]]
    present = scene.chain.call(
        scene.chain.deployment.feeds[DRIVERS[driver]], "latestAnswer()(int256)"
    )
    ladder = [max(1, int(present * r)) for r in np.geomspace(0.00101, 990, 60)]
    for who in calm.index:
        factors = scene.chain.probe([who] * len(ladder), DRIVERS[driver], ladder)
        assert min(factors) >= ONE, who


def test_the_oracle_really_moved(movable_chain: LocalChain, tmp_path: Path) -> None:
    """With the feed set to p* the pool says healthy, and liquidatable with it one unit further."""
    rows = priced(scan(movable_chain, tmp_path / "store"), "ETH")
    for side in ("long", "short"):
        for row in rows[rows["side"] == side].iloc[::7].itertuples():
            movable_chain.set_price("WETH", row.raw)
            assert health(movable_chain, [row.account])[row.account] >= ONE
            movable_chain.set_price("WETH", row.raw + row.step)
            assert health(movable_chain, [row.account])[row.account] < ONE


def test_every_token_alone(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Each token's own price moves, the others stand still: exact for every account, both sides.

    The scan runs while wstETH still hangs on the ether feed; then each token gets a feed of its
    own to be moved alone.
    """
    symbols = sorted(movable_chain.tokens)
    finished = scan(movable_chain, tmp_path / "store", shocks=[f"token:{s}" for s in symbols])
    counted = {}
    for symbol in symbols:
        rows = priced(finished, symbol)
        counted[symbol] = len(rows)
        if not len(rows):
            continue
        feed = movable_chain.point_token_at_own_feed(symbol)
        assert beyond(movable_chain, rows, feed) == [], symbol
        row = next(rows.itertuples())
        movable_chain.set_price(symbol, row.raw + row.step)
        assert movable_chain.account_data(row.account)["healthFactor"] < ONE
        movable_chain.set_price(symbol, row.raw)
        assert movable_chain.account_data(row.account)["healthFactor"] >= ONE
        present = movable_chain.call(movable_chain.deployment.tokens["USDC"].feed, LATEST)
        assert present == 10**8  # nothing else moved
        movable_chain.set_price(
            symbol, round(rows["raw"].iloc[0] / rows["liquidation_ratio"].iloc[0])
        )
    assert all(counted[s] >= 5 for s in ("WETH", "wstETH", "WBTC", "LINK", "USDC", "DAI", "USDT"))


LATEST = "latestAnswer()(int256)"


def test_the_e_mode_account_has_a_price_under_its_own_token(
    movable_chain: LocalChain, tmp_path: Path
) -> None:
    """A loop that ether cannot liquidate falls to wstETH alone, at debt / (amount * 0.95)."""
    finished = scan(movable_chain, tmp_path / "store", shocks=["token:wstETH"])
    loop = movable_chain.labels["loop"]
    held = movable_chain.holdings([loop])[loop]
    row = priced(finished, "wstETH").loc[loop]
    expected = held["WETH"][1] * 2350 / (held["wstETH"][0] * 0.95)
    # v3.0 and v3.6 round values to 1e-8 dollars: nothing of six digits
    assert row["liquidation_price_usd"] == pytest.approx(expected, rel=1e-9)


def test_all_drivers_by_one_ratio(movable_chain: LocalChain, tmp_path: Path) -> None:
    """`market`: with every volatile feed at a millionth inside the ratio healthy, outside not."""
    finished = scan(movable_chain, tmp_path / "store", shocks=["market"])
    assert finished.document["shocks"] == ["market"]
    rows = priced(finished, "market")
    assert {"long", "short"} <= set(rows["side"])
    assert rows["liquidation_price_usd"].isna().all()
    feeds = [name for name in movable_chain.deployment.feeds if name not in STABLE]
    for side in ("long", "short"):
        for row in rows[rows["side"] == side].iloc[::9].itertuples():
            inside, outside = (row.liquidation_ratio * (1 - row.step * d) for d in (1e-6, -1e-6))
            with movable_chain.lifted(dict.fromkeys(feeds, inside)):
                assert movable_chain.account_data(row.account)["healthFactor"] >= ONE
            with movable_chain.lifted(dict.fromkeys(feeds, outside)):
                assert movable_chain.account_data(row.account)["healthFactor"] < ONE


STABLE = {"USDC / USD", "DAI / USD", "USDT / USD"}


@pytest.fixture
def toothed(
    core_chain: LocalChain, tmp_path: Path
) -> Iterator[tuple[LocalChain, list[str], Finished]]:
    """v3.0 accounts of 100,000 dollars in ether and 5,000 in LINK, debts six dollars apart.

    Falling LINK lifts the average threshold, cut to whole basis points: a saw tooth with ten
    dollars up (one basis point of 105,000) for each 57 down, so that some debts are met thrice.
    """
    with core_chain.undone() as chain:
        people = []
        for number in range(8):
            account = chain.account(f"toothed {number}")
            account.supply("WETH", 100_000 / 2350)
            account.supply("LINK", 5_000 / 15)
            account.borrow("USDC", 83_300 + 6 * number)
            people.append(account.address)
        yield chain, people, scan(chain, tmp_path / "store")


def test_the_crossing_met_first(toothed: tuple[LocalChain, list[str], Finished]) -> None:
    """Between the present price and p* the pool says healthy at every tooth, though some accounts
    are healthy again beyond p*."""
    chain, people, finished = toothed
    rows = priced(finished, "LINK")
    again = 0
    for who in people:
        raw = int(rows.loc[who, "raw"])
        assert lowest_between(chain, who, "LINK / USD", 15 * 10**8, raw, 500) >= ONE
        further = range(raw - 1, raw - 3 * 10**7, -(10**5))  # thirty cents on, in tenths of a cent
        again += any(h >= ONE for h in chain.probe([who] * len(further), "LINK / USD", further))
    assert again >= 2


def test_every_account_is_healthy_all_the_way_to_its_price(scene: Scene) -> None:
    """Under each driver: no grid point and no tooth before p* is below one, for a sample."""
    checked = 0
    for driver, feed in DRIVERS.items():
        rows = priced(scene.finished, driver)
        present = scene.chain.call(scene.chain.deployment.feeds[feed], LATEST)
        legs = table(scene.finished, driver)["largest_collateral"]
        for row in rows.loc[[who for who in rows.index if legs[who]]].iloc[::4].itertuples():
            assert lowest_between(scene.chain, row.account, feed, present, row.raw, 300) >= ONE
            checked += 1
    assert checked >= 12


def lowest_between(
    chain: LocalChain, who: str, feed: str, present: int, raw: int, points: int = 1200
) -> int:
    """The lowest health factor the pool gives on a grid from `present` to `raw`, near both ends,
    and just before every place where health jumps up though the price goes away."""
    grid = {int(p) for p in np.linspace(present, raw, points)}
    away = 1 if raw > present else -1
    grid |= {p for k in range(100) for p in (present + away * k, raw - away * k)}
    inside = sorted((p for p in grid if (raw - p) * away >= 0), reverse=away < 0)
    factors = ask(chain, who, feed, inside)
    lowest = min(factors)
    pairs = list(zip(inside, inside[1:], factors, factors[1:], strict=False))
    rising = [(a, b, before) for a, b, before, after in pairs if after > before]
    near, far = [a for a, _, _ in rising], [b for _, b, _ in rising]
    while any(abs(b - a) > 1 for a, b in zip(near, far, strict=True)):
        middle = [(a + b) // 2 for a, b in zip(near, far, strict=True)]
        found = ask(chain, who, feed, middle)
        for k, (_, _, before) in enumerate(rising):
            if abs(far[k] - near[k]) <= 1:
                continue
            if found[k] > before:
                far[k] = middle[k]
            else:
                near[k] = middle[k]
    return min([lowest, *ask(chain, who, feed, near)])


def ask(chain: LocalChain, who: str, feed: str, prices: Sequence[int]) -> list[int]:
    """Health factors of one account at many answers of a feed."""
    return chain.probe([who] * len(prices), feed, prices)
