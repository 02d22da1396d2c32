"""Compound v3 over a stand-in of ours (it is on no registry): candidates, silent transfers, prices.

Not proven on real code: docs/protocols.md says so. The arithmetic is held against Compound's own
vectors in tests/protocols/test_comet_rules.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from localchain.abi import Reverted
from localchain.comet import Comet
from localchain.ground import Ground
from localchain.node import Node

from scanner import scan as scanning
from scanner.errors import MarketError
from scanner.scan import Finished, Request

FOLLOWS = {"ETH": ("WETH", "wstETH"), "BTC": ("WBTC",), "LINK": ("LINK",)}


@dataclass(frozen=True)
class Pair:
    """A market in dollars and one in ether, on one node."""

    usdc: Comet
    weth: Comet

    @property
    def ground(self) -> Ground:
        return self.usdc.ground

    def of(self, name: str) -> Comet:
        return {"usdc": self.usdc, "weth": self.weth}[name]


@dataclass(frozen=True)
class Scene:
    """Both markets and their scan, every account verified."""

    pair: Pair
    finished: Finished


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Seventy accounts, ten days of interest that nobody accrued."""
    node = Node()
    try:
        ground = Ground(node)
        made = Pair(Comet(ground, "usdc", "USDC"), Comet(ground, "weth", "WETH", ether=True))
        made.usdc.populate(40, 7)
        made.weth.populate(30, 8)
        node.pass_time(10 * 86_400)
        yield made
    finally:
        node.close()


@pytest.fixture(scope="module")
def scene(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Scanned under every driver."""
    return Scene(pair, scan(pair, tmp_path_factory.mktemp("comet")))


def scan(pair: Pair, store: Path, verify: int | None = None, text: str | None = None) -> Finished:
    """`bandscan scan --verify all` of both markets."""
    deployments = store / "comet.toml"
    both = "\n".join(one.deployments_toml() for one in (pair.usdc, pair.weth))
    deployments.write_text(text or both)
    url = pair.ground.node.url
    return scanning.run(Request(None, (url,), (), deployments, store, verify=verify, patience=30))


def table(finished: Finished) -> pd.DataFrame:
    """Positions that have a price, under all drivers."""
    frame = pd.DataFrame(finished.positions)
    frame = frame[frame["side"] != "none"].copy()
    frame["raw"] = [int(text) for text in frame["liquidation_price_raw"]]
    return frame


def move(pair: Pair, comet: Comet, driver: str, answer: int) -> None:
    """Let the driver's dollar feed give an answer, and all feeds of a market follow it.

    In a market that quotes in ether, what does not follow ether stands against it.
    """
    present = pair.ground.feed(f"{driver} / USD")
    ether = comet is pair.weth
    old = {symbol: comet.price(symbol) for symbol in comet.assets}
    for symbol, price in old.items():
        follows = symbol in FOLLOWS[driver]
        if ether and driver == "ETH" and not follows:
            comet.set_price(symbol, price * present // answer)
        elif follows and not (ether and driver == "ETH"):
            comet.set_price(symbol, price * answer // present)


def absorbs(pair: Pair, row: Any, beyond: int) -> bool:
    """Whether `absorb` takes the account with the driver so many units beyond its price."""
    comet = pair.of(row.market)
    with pair.ground.undone():
        move(pair, comet, row.driver, row.raw - beyond * (1 if row.side == "long" else -1))
        try:
            comet.absorb(row.account)
        except Reverted:
            return False
        return True


def test_every_borrower_is_found_and_all_sums_are_exact(scene: Scene) -> None:
    document = scene.finished.document
    assert document["complete"]
    frame = pd.DataFrame(scene.finished.positions)
    for name in ("usdc", "weth"):
        comet = scene.pair.of(name)
        owing = {who for who in comet.candidates_ever if comet.principal(who) < 0}
        assert set(frame[frame["market"] == name]["account"]) == owing
        assert 15 < len(owing) < len(comet.candidates_ever)
        rows = [row for row in document["certificate"] if row["market"] == name]
        kinds = [row["kind"] for row in rows]
        assert (kinds.count("principal"), kinds.count("collateral")) == (1, len(rows) - 1)
        for row in rows:
            assert (row["identity"], row["debt_found"]) == ("exact", row["debt_total"])
        [principal] = [row for row in rows if row["kind"] == "principal"]
        assert int(principal["debt_found"]) == -sum(comet.principal(who) for who in owing)


def test_assets_beyond_the_sixteenth_count(scene: Scene) -> None:
    """LINK stands at 17 and wstETH at 23: their bits are in `_reserved`."""
    frame = pd.DataFrame(scene.finished.positions)
    mine = frame[(frame["market"] == "usdc")].drop_duplicates("account")
    assert {"LINK", "wstETH"} <= set(mine["largest_collateral"])


def test_debt_is_what_the_contract_says(scene: Scene) -> None:
    """Interest to the block, though nobody accrued it."""
    frame = pd.DataFrame(scene.finished.positions).drop_duplicates(["market", "account"])
    for row in frame.itertuples():
        comet = scene.pair.of(row.market)
        unit = comet.ground.tokens[comet.base].unit
        dollars = comet.owed(row.account) / unit * (2350 if row.market == "weth" else 1)
        assert row.debt_usd == pytest.approx(dollars, abs=0.006)


def test_absorb_turns_exactly_at_the_price(scene: Scene) -> None:
    """Refused at the feed's integer, done one unit beyond: every price there is."""
    rows = table(scene.finished)
    assert len(rows) > 60
    assert set(zip(rows["market"], rows["driver"], rows["side"], strict=True)) >= {
        ("usdc", "ETH", "long"),
        ("usdc", "LINK", "long"),
        ("weth", "ETH", "short"),
        ("weth", "BTC", "long"),
    }
    for row in rows.itertuples():
        assert row.liquidation_price_usd == pytest.approx(row.raw / row.price_scale, rel=1e-12)
        assert not absorbs(scene.pair, row, 0), row
        assert absorbs(scene.pair, row, 1), row


def test_a_market_in_ether_does_not_fall_with_ether(scene: Scene) -> None:
    """wstETH against WETH alone has no price in dollars of ether; WBTC beside it is a short."""
    frame = pd.DataFrame(scene.finished.positions)
    mine = frame[(frame["market"] == "weth") & (frame["driver"] == "ETH")]
    comet = scene.pair.weth
    for row in mine.itertuples():
        if comet.held(row.account, "WBTC") == 0:
            assert row.side == "none"
    assert {"none", "short"} == set(mine["side"])


def test_absorbing_takes_everything(scene: Scene) -> None:
    for row in table(scene.finished).itertuples():
        comet = scene.pair.of(row.market)
        beyond = row.raw - (1 if row.side == "long" else -1)
        dollars = 0.0
        for symbol in comet.assets:
            units = comet.held(row.account, symbol) / comet.ground.tokens[symbol].unit
            price = comet.price(symbol) / 10**8 * (2350 if row.market == "weth" else 1)
            moved = beyond / row.price_scale / spot(scene, row.driver)
            dollars += units * price * (moved if symbol in FOLLOWS[row.driver] else 1)
        assert row.seizable_usd == pytest.approx(dollars, rel=1e-9, abs=0.006)
        assert row.callable


def spot(scene: Scene, driver: str) -> float:
    [row] = [row for row in scene.finished.document["drivers"] if row["driver"] == driver]
    return float(row["spot_usd"])


def test_a_transfer_without_a_log_is_seen(pair: Pair, tmp_path: Path) -> None:
    """C3-4: base moves between two borrowers, no log, unchanged totals; the next scan knows."""
    with pair.ground.undone():
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        comet = pair.usdc
        first = scan(pair, tmp_path / "a", verify=1)
        owing = sorted(who for who in comet.candidates_ever if comet.principal(who) < 0)
        one = max(owing, key=lambda who: comet._room(who) - comet.owed(who))
        other = max((who for who in owing if who != one), key=comet.owed)
        units = min(comet.owed(other) // 4, (comet._room(one) - comet.owed(one)) // 2)
        assert units > 0
        before = comet.principal(one), comet.principal(other)
        receipt = comet.ground.send(one, comet.address, "transfer(address,uint256)", other, units)
        assert receipt["logs"] == []
        assert comet.principal(one) < before[0]
        assert comet.principal(other) > before[1]
        again, cold = scan(pair, tmp_path / "a"), scan(pair, tmp_path / "b")
        assert again.document["complete"]
        assert again.document_bytes == cold.document_bytes
        was, now = (debts(finished) for finished in (first, again))
        assert now["usdc", one] > was["usdc", one]
        assert now["usdc", other] < was["usdc", other]
        assert again.stats["bytes_received"] < cold.stats["bytes_received"]


def debts(finished: Finished) -> dict[tuple[str, str], float]:
    frame = pd.DataFrame(finished.positions)
    return dict(
        zip(zip(frame["market"], frame["account"], strict=True), frame["debt_usd"], strict=True)
    )


def test_collateral_alone_can_become_a_debtor_by_transfer(pair: Pair, tmp_path: Path) -> None:
    """C3-4: an account that never withdrew base owes it after sending some away."""
    with pair.ground.undone():
        who = pair.ground.account("never borrowed")
        pair.usdc.supply(who, "WETH", 10_000)
        pair.usdc.transfer(who, pair.ground.account("comet supplier"), 3_000 * 10**6)
        finished = scan(pair, tmp_path)
        assert finished.document["complete"]
        assert debts(finished)["usdc", who] == pytest.approx(3_000, abs=0.01)


def test_a_feed_without_an_answer_is_unknown_mass(pair: Pair, tmp_path: Path) -> None:
    with pair.ground.undone():
        pair.usdc.set_price("LINK", 0)
        document = scan(pair, tmp_path).document
        assert not document["complete"]
        [row] = document["unknown"]
        assert row["why"] == "no price for a token of the account"
        assert row["accounts"] > 3
        assert row["debt_usd"] > 0
        [problem] = [p for p in document["problems"] if p["kind"] == "oracle_reverted"]
        assert "LINK" in problem["message"]
        assert sum(row["mismatches"] for row in document["parity"]) == 0


def test_absorbing_may_be_paused(pair: Pair, tmp_path: Path) -> None:
    with pair.ground.undone():
        pair.usdc.send(pair.ground.node.owner, "setAbsorbPaused(bool)", True)
        frame = table(scan(pair, tmp_path))
        stopped, free = frame[frame["market"] == "usdc"], frame[frame["market"] == "weth"]
        assert set(stopped["not_callable_reason"]) == {"liquidation_paused"}
        assert not stopped["callable"].any()
        assert (stopped["seizable_usd"] == 0).all()
        assert free["callable"].all()
        assert set(free["not_callable_reason"]) == {""}
        for row in stopped.head(6).itertuples():
            assert not absorbs(pair, row, 1)
        assert absorbs(pair, next(free.itertuples()), 1)
        pair.usdc.send(pair.ground.node.owner, "setAbsorbPaused(bool)", False)
        for row in stopped.head(6).itertuples():
            assert absorbs(pair, row, 1)


def test_a_base_without_dollars_is_refused_by_name(pair: Pair, tmp_path: Path) -> None:
    text = pair.weth.deployments_toml().split("[market.feeds]")[0]
    with pytest.raises(MarketError, match="quotes in WETH, and nobody says") as caught:
        scan(pair, tmp_path, text=text)
    assert "[market.feeds]" in str(caught.value)


def test_wrapped_staked_ether_as_a_base_is_priced_by_itself(pair: Pair, tmp_path: Path) -> None:
    """A market that quotes in wstETH: its dollars are stEthPerToken times ether's."""
    with pair.ground.undone():
        ground = pair.ground
        comet = Comet(ground, "wsteth", "wstETH", ether=True)
        ground.send(
            ground.node.owner, ground.tokens["wstETH"].address, "setRate(uint256)", 12 * 10**17
        )
        who = ground.account("in staked ether")
        comet.supply(who, "WBTC", 10_000)
        comet.borrow(who, 0.9)
        finished = scan(pair, tmp_path, text=comet.deployments_toml())
        unit = ground.tokens["wstETH"].unit
        expected = comet.owed(who) / unit * 1.2 * 2350
        assert debts(finished)["wsteth", who] == pytest.approx(expected, abs=0.01)


def test_the_verdict_is_the_markets_own(scene: Scene) -> None:
    rows = scene.finished.document["parity"]
    assert len(rows) == 2
    for row in rows:
        assert row["checked"] == row["accounts"] > 15
        assert (row["mismatches"], row["unread"]) == (0, 0)
