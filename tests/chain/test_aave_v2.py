"""Aave v2's real pool, which quotes in ether: every borrower, exact prices, real liquidations."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from localchain.aave_v2 import RESERVES, STABLE, WAD, AaveV2
from localchain.abi import Reverted
from localchain.ground import Ground
from localchain.node import Node

from scanner import scan as scanning
from scanner.core.weighted import weights_of
from scanner.errors import MarketError
from scanner.scan import Finished, Request

OF_ETHER = ("WETH", "wstETH")
NOT_BELOW_ONE = "42"  # Errors.LPCM_HEALTH_FACTOR_NOT_BELOW_THRESHOLD
PAUSED = "64"  # Errors.LP_IS_PAUSED


@dataclass(frozen=True)
class Scene:
    """A populated chain and its scan, every account verified."""

    aave: AaveV2
    finished: Finished


@pytest.fixture(scope="module")
def aave() -> Iterator[AaveV2]:
    """Sixty accounts, some in stable debt; thirty days of interest."""
    node = Node()
    try:
        made = AaveV2(Ground(node))
        made.populate(60, 7)
        node.pass_time(30 * 86_400)
        yield made
    finally:
        node.close()


@pytest.fixture(scope="module")
def scene(aave: AaveV2, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Scanned under every driver, and under the shock of one token."""
    return Scene(aave, scan(aave, tmp_path_factory.mktemp("v2")))


def scan(
    aave: AaveV2,
    store: Path,
    verify: int | None = None,
    shocks: tuple[str, ...] = (),
    text: str | None = None,
) -> Finished:
    """`bandscan scan --verify all` of the local pool."""
    deployments = store / "v2.toml"
    deployments.write_text(text or aave.deployments_toml())
    url = aave.node.url
    return scanning.run(
        Request(None, (url,), (), deployments, store, verify=verify, shocks=shocks, patience=30)
    )


def table(finished: Finished) -> pd.DataFrame:
    """Positions that have a price, under all drivers."""
    frame = pd.DataFrame(finished.positions)
    frame = frame[frame["side"] != "none"].copy()
    frame["raw"] = [int(text) for text in frame["liquidation_price_raw"]]
    return frame


def move(aave: AaveV2, driver: str, answer: int) -> None:
    """The oracle's prices in wei when a dollar feed gives an answer.

    What follows the feed goes with it. When ether moves, all that does not goes against it.
    """
    present = aave.ground.feed(f"{driver} / USD")
    for token in RESERVES:
        wei = aave.price(token)
        if driver == "ETH" and token not in OF_ETHER:
            aave.set_price(token, wei * present // answer)
        elif driver != "ETH" and RESERVES[token][0] == f"{driver} / USD":
            aave.set_price(token, wei * answer // present)


def beyond(row: Any) -> int:
    return int(row.raw - (1 if row.side == "long" else -1))


def test_every_borrower_is_found_and_the_debts_are_exact(scene: Scene) -> None:
    document, aave = scene.finished.document, scene.aave
    assert document["complete"]
    owing = {who for who in aave.borrowers_ever if aave.account(who)[1]}
    assert set(scene.finished.positions["account"]) == owing
    assert 45 < len(owing) < len(aave.borrowers_ever)
    kinds = {(row["kind"], row["identity"]) for row in document["certificate"]}
    assert kinds == {("variable_debt", "exact"), ("stable_debt", "approximate")}
    for row in document["certificate"]:
        if row["identity"] == "exact":
            assert row["debt_found"] == row["debt_total"]
        else:
            assert row["coverage"] == pytest.approx(1, abs=1e-3)


def test_the_health_factor_is_the_pools_own(scene: Scene) -> None:
    [row] = scene.finished.document["parity"]
    assert row["checked"] == row["accounts"] > 45
    assert (row["mismatches"], row["unread"], row["max_rel_error"]) == (0, 0, 0.0)
    frame = pd.DataFrame(scene.finished.positions).drop_duplicates("account")
    stable = [who for who in frame["account"] if any(s for s, _ in scene.aave.debts(who).values())]
    assert len(stable) > 5
    for row in frame.itertuples():
        told = scene.aave.account(row.account)
        assert row.health_factor == pytest.approx(told[5] / WAD, rel=1e-12)
        assert row.debt_usd == pytest.approx(told[1] / WAD * 2350, abs=0.006)
        assert row.collateral_usd == pytest.approx(told[0] / WAD * 2350, abs=0.006)


def test_the_pool_turns_exactly_at_the_price(scene: Scene) -> None:
    """The health factor is one or more at the feed's integer, below one unit beyond."""
    rows, aave = table(scene.finished), scene.aave
    assert len(rows) > 50
    sides = set(zip(rows["driver"], rows["side"], strict=True))
    assert sides >= {(d, s) for d in ("ETH", "BTC", "LINK") for s in ("long", "short")}
    for row in rows.itertuples():
        assert row.price_feed == aave.ground.feeds[f"{row.driver} / USD"]
        assert row.liquidation_price_usd == pytest.approx(row.raw / 10**8, rel=1e-12)
        for answer, healthy in ((row.raw, True), (beyond(row), False)):
            with aave.ground.undone():
                move(aave, row.driver, answer)
                assert (aave.account(row.account)[5] >= WAD) == healthy, row


def test_a_real_liquidation_takes_what_was_said(scene: Scene) -> None:
    """Refused at the price; one unit beyond the best of all pairs takes what was said."""
    aave, checked = scene.aave, 0
    for row in table(scene.finished).itertuples():
        pairs = list(itertools.product(aave.debts(row.account), aave.held(row.account)))
        with aave.ground.undone():
            move(aave, row.driver, row.raw)
            with pytest.raises(Reverted, match=NOT_BELOW_ONE):
                aave.liquidate(row.account, *pairs[0])
        best = 0.0
        for debt, token in pairs:
            if RESERVES[token][3] == 0:
                continue
            with aave.ground.undone():
                move(aave, row.driver, beyond(row))
                taken = aave.liquidate(row.account, debt, token)
                ether = 2350.0
                if row.driver == "ETH":
                    ether = beyond(row) / 10**8
                worth = taken / aave.reserves[token].unit * aave.price(token) / WAD * ether
                best = max(best, worth)
        assert row.seizable_usd == pytest.approx(best, rel=1e-9, abs=0.02), row
        assert row.callable
        checked += 1
    assert checked > 50


def test_a_token_alone(scene: Scene, tmp_path: Path) -> None:
    """Wrapped ether alone is what prices are quoted in: all others stand against it."""
    aave = scene.aave
    finished = scan(aave, tmp_path, 1, ("token:WBTC", "token:WETH"))
    rows = table(finished)
    assert {"WBTC", "WETH"} == set(rows["driver"])
    for row in rows.itertuples():
        present = round(aave.price(row.driver) / WAD * 2350 * 10**8)
        for answer, healthy in ((row.raw, True), (beyond(row), False)):
            with aave.ground.undone():
                for token in RESERVES:
                    wei = aave.price(token)
                    if row.driver == token == "WBTC":
                        aave.set_price(token, wei * answer // present)
                    if row.driver == "WETH" and token != "WETH":
                        aave.set_price(token, wei * present // answer)
                assert (aave.account(row.account)[5] >= WAD) == healthy, row


def test_a_second_scan_reads_only_who_was_touched(aave: AaveV2, tmp_path: Path) -> None:
    """Deposits, swaps of the rate, aTokens sent: and it says what a scan from nothing says."""
    with aave.ground.undone():
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        first = scan(aave, tmp_path / "a", verify=1)
        people = sorted(set(first.positions["account"]))
        aave.deposit(people[0], "DAI", 10**20)
        for who in people:
            owed = {token: pair for token, pair in aave.debts(who).items() if pair[0]}
            if owed:
                asset = aave.reserves[next(iter(owed))].address
                aave.ground.send(
                    who, aave.pool, "swapBorrowRateMode(address,uint256)", asset, STABLE
                )
                break
        sender = next(who for who in people if aave.held(who) and who != people[0])
        aave.send_on(sender, next(iter(aave.held(sender))), people[0])
        late = aave.ground.account("late")
        aave.deposit(late, "WETH", 10 * WAD)
        aave.borrow_part(late, "USDC", 0.9)
        again, cold = scan(aave, tmp_path / "a"), scan(aave, tmp_path / "b")
        assert again.document["complete"]
        assert again.document_bytes == cold.document_bytes
        assert late in set(again.positions["account"])
        assert again.stats["bytes_received"] < cold.stats["bytes_received"]


def test_a_pause_leaves_the_price_and_nothing_to_call(aave: AaveV2, tmp_path: Path) -> None:
    with aave.ground.undone():
        aave.configure("setPoolPause(bool)", True)
        after = table(scan(aave, tmp_path))
        assert len(after) > 50
        assert not after["callable"].any()
        assert set(after["not_callable_reason"]) == {"paused"}
        assert (after["seizable_usd"] == 0).all()
        for row in after.head(6).itertuples():
            pair = next(itertools.product(aave.debts(row.account), aave.held(row.account)))
            for pause, why in ((True, PAUSED), (False, None)):
                with aave.ground.undone():
                    aave.configure("setPoolPause(bool)", pause)
                    move(aave, row.driver, beyond(row))
                    if why is None:
                        assert aave.liquidate(row.account, *pair) > 0
                        continue
                    with pytest.raises(Reverted, match=why):
                        aave.liquidate(row.account, *pair)


def test_a_reserve_without_a_price_is_unknown_mass(aave: AaveV2, tmp_path: Path) -> None:
    with aave.ground.undone():
        aave.set_price("LINK", 0)
        document = scan(aave, tmp_path).document
        assert not document["complete"]
        [row] = document["unknown"]
        assert (row["why"], row["accounts"] > 5) == ("no price for LINK", True)
        assert sum(row["mismatches"] for row in document["parity"]) == 0


def test_without_dollars_for_ether_it_is_refused_by_name(aave: AaveV2, tmp_path: Path) -> None:
    text = aave.deployments_toml().split("[market.feeds]")[0]
    with pytest.raises(MarketError, match="quotes in ether, and nobody says"):
        scan(aave, tmp_path, text=text)


def test_a_pool_that_quotes_in_dollars(aave: AaveV2, tmp_path: Path) -> None:
    """As Avalanche's does: its oracle says so, and prices go with the driver."""
    with aave.ground.undone():
        ground, owner = aave.ground, aave.node.owner
        oracle = ground.own("DollarOracle")
        feeds = {}
        for token, (feed, ratio, *_) in RESERVES.items():
            dollars = round(ground.feed(feed or "ETH / USD") * ratio)
            feeds[token] = ground.own("PriceFeed", f"{token} / USD", 8, dollars)
            asset = ground.tokens[token].address
            ground.send(owner, oracle, "setSource(address,address)", asset, feeds[token])
        ground.send(owner, aave.provider, "setPriceOracle(address)", oracle)
        finished = scan(aave, tmp_path, text=aave.deployments_toml().split("[market.feeds]")[0])
        assert finished.document["complete"]
        assert finished.document["parity"][0]["mismatches"] == 0
        rows = table(finished)
        assert len(rows) > 40
        followers = {"ETH": OF_ETHER, "BTC": ("WBTC",), "LINK": ("LINK",)}
        for row in rows[rows["driver"].isin(list(followers))].itertuples():
            spot = ground.feed(row.price_feed)
            for answer, healthy in ((row.raw, True), (beyond(row), False)):
                with ground.undone():
                    for token in followers[row.driver]:
                        old = ground.feed(feeds[token])
                        ground.set_feed(feeds[token], old * answer // spot)
                    assert (aave.account(row.account)[5] >= WAD) == healthy, row


def test_no_pool_is_a_clear_refusal(aave: AaveV2, tmp_path: Path) -> None:
    text = aave.deployments_toml().replace(aave.pool, aave.oracle)
    with pytest.raises(MarketError, match="does not answer like an Aave v2 pool"):
        scan(aave, tmp_path, text=text)


def test_upstreams_own_liquidation(aave: AaveV2, tmp_path: Path) -> None:
    """Vector A2-1: 1 WETH against 206 DAI at 0.0036906841286 ether, then 18 % dearer."""
    with aave.ground.undone():
        who = aave.ground.account("vector")
        aave.set_price("DAI", 3_690_684_128_600_000)
        aave.deposit(who, "WETH", WAD)
        aave.borrow(who, "DAI", 206 * WAD)
        assert aave.account(who)[5] == 1_085_125_204_266_997_003
        aave.set_price("DAI", 4_355_007_271_748_000)
        finished = scan(aave, tmp_path)
        [row] = [
            row
            for row in pd.DataFrame(finished.positions).itertuples()
            if row.account == who and row.driver == "ETH"
        ]
        assert aave.account(who)[1] == 897_131_497_980_088_000
        assert row.health_factor == pytest.approx(0.919597630734743223, rel=1e-12)
        assert row.already_liquidatable
        assert row.seizable_usd == pytest.approx(0.470994036439546200 * 2350, abs=0.006)
        assert aave.liquidate(who, "DAI", "WETH") == 470_994_036_439_546_200
        assert aave.account(who)[5] == 972_945_261_469_486_445


def drift(aave: AaveV2, weights: dict[str, Fraction], axis: int) -> None:
    """The oracle's prices in wei when each driver makes its weight of the axis' move, counted in
    billionths: what a token has become over what ether has become."""
    ratio = Fraction(axis, 10**9)

    def factor(driver: str) -> Fraction:
        return 1 + weights.get(driver, Fraction(0)) * (ratio - 1)

    for token, (feed, *_) in RESERVES.items():
        if token != "WETH":
            driver = "ETH" if token in OF_ETHER else (feed or "").removesuffix(" / USD")
            exact = aave.price(token) * factor(driver) / factor("ETH")
            aave.set_price(token, exact.numerator // exact.denominator)


def test_the_pool_turns_at_the_ratio_of_a_weighted_shock(scene: Scene, tmp_path: Path) -> None:
    """Under `market` and weighted shocks: healthy at the ratio, liquidatable a billionth on."""
    aave = scene.aave
    shocks = ("market", "shock:ETH=1,BTC=0.8", "shock:BTC=1.2,LINK=-0.5")
    finished = scan(aave, tmp_path, 1, shocks)
    for name in shocks:
        named = "shock:BTC=0.8,ETH=1" if "ETH" in name else name
        market = dict.fromkeys(("ETH", "BTC", "LINK"), Fraction(1))
        weights = market if name == "market" else weights_of(name)
        rows = table(finished)
        rows = rows[rows["driver"] == named]
        assert {"long", "short"} <= set(rows["side"])
        assert rows["liquidation_price_usd"].isna().all()
        for row in rows.iloc[::4].itertuples():
            for axis, healthy in ((row.raw, True), (beyond(row), False)):
                with aave.ground.undone():
                    drift(aave, weights, axis)
                    assert (aave.account(row.account)[5] >= WAD) == healthy, (name, row)
