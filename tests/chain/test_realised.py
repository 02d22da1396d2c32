"""Liquidations that happened, from real logs: the amounts that balances changed by."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from command import bandscan
from localchain import LocalChain
from localchain.abi import topic
from localchain.mixed import Mixed
from proxy import Answer, Proxy, Question, Reply
from realising import Scene, Truth, balance
from schemas import wrong

from scanner import answers, liquidations, open_store
from scanner import scan as scanning
from scanner.core.backtest import OUTCOMES
from scanner.core.realised import BAD_DEBT, LIQUIDATION, SOLD
from scanner.liquidations import TWICE, TWO, Window
from scanner.outputs.document import encode
from scanner.scan import Request
from scanner.store.events import BLOCK_PRICES, Events

CALLED = topic("LiquidationCall(address,address,address,uint256,uint256,address,bool)")


@dataclass(frozen=True)
class Happened:
    """Every protocol's liquidations on one chain, and the store that a scan before them is in."""

    scene: Scene
    truth: list[Truth]
    store: Path
    request: Request
    before: int

    def elsewhere(self, store: Path, *rpc: str) -> Request:
        """The same request with another store, and other endpoints where they are named."""
        return replace(self.request, store=store, **({"rpc": rpc} if rpc else {}))


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
        rows = events.rows(events.sources(chain_id), 0, 2**60)
    # Tokens of kept rows have no price, and no NaN equals another.
    return [{key: row[key] for key in row if not key.endswith("_token")} for row in rows]


def test_amounts_are_what_balances_changed_by(happened: Happened) -> None:
    """Every protocol: tokens and units by balances, dollars by the protocol's oracle."""
    told = liquidations.read(happened.request, Window(first=0))
    assert told.problems == []
    rows = [row for row in kept(happened.store, told.chain_id) if row["kind"] == LIQUIDATION]
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
    assert {truth.protocol for truth in happened.truth} == set(happened.scene.mixed.protocols)


def test_the_fee_of_the_protocol_is_part_of_what_was_seized(happened: Happened) -> None:
    """The log names what the liquidator got; the account lost more, on both generations."""
    for protocol in ("aave_v3", "spark"):
        chain = happened.scene.chain_of(protocol)
        [truth] = [one for one in happened.truth if one.protocol == protocol]
        [log] = chain.node.rpc(
            "eth_getLogs",
            {
                "fromBlock": hex(truth.block),
                "toBlock": hex(truth.block),
                "address": chain.pool,
                "topics": [CALLED],
            },
        )
        got = int(log["data"][66:130], 16)
        assert 0 < truth.seized - got < 0.02 * truth.seized


def test_debt_that_is_written_off_is_told_apart(happened: Happened) -> None:
    """What Aave v3.6 burns as a deficit, and Morpho's bad debt: never among what was repaid."""
    chain, who = happened.scene.chain_of("aave_v3"), happened.scene.people["aave_v3"]
    [truth] = [one for one in happened.truth if one.protocol == "aave_v3"]
    chain_id = happened.scene.ground.chain_id
    rows = kept(happened.store, chain_id)
    [deficit] = [row for row in rows if row["kind"] == BAD_DEBT]
    assert "0x" + deficit["account"].hex() == who
    owed = 14_000 * 10**6
    assert abs(int(deficit["bad_debt"]) - (owed - truth.repaid)) <= 2
    assert balance_of(chain, "USDC", who) == 0
    [morpho] = [row for row in rows if row["protocol"] == "morpho_blue"]
    answer = answers.liquidations(happened.store, None, first=0)
    assert wrong("liquidations", json.loads(encode(answer))) == []
    written_off = deficit["bad_debt_usd"] + morpho["bad_debt_usd"]
    assert answer["totals"]["bad_debt_usd"] == pytest.approx(written_off, abs=0.01)
    repaid = sum(truth.debt_usd for truth in happened.truth)
    assert answer["totals"]["debt_repaid_usd"] == pytest.approx(repaid, abs=0.06)


def test_sums_add_up_and_sides_are_told(happened: Happened) -> None:
    answer = answers.liquidations(happened.store, None, first=0)
    assert answer["complete"]
    totals = answer["totals"]
    assert totals["events"] == 10
    assert totals["unpriced"] == 0
    for key in ("by_protocol", "by_driver", "by_hour", "sides"):
        for name in ("debt_repaid_usd", "collateral_seized_usd"):
            parts = sum(round(row[name] * 100) for row in answer[key])
            assert parts == round(totals[name] * 100), (key, name)
    sides = {row["side"]: row for row in answer["sides"]}
    assert sides["pair"]["events"] == 1  # bitcoin against ether
    assert sides["short"]["events"] == sides["loop"]["events"] == 0
    share = sides["long"]["debt_repaid_usd"] / totals["debt_repaid_usd"]
    assert answer["long_share"] == pytest.approx(share, abs=1e-6)
    largest = max(happened.truth, key=lambda one: one.debt_usd)
    assert answer["largest"]["account"] == largest.account


def test_the_owner_of_a_makers_urn_is_known_by_the_scan(happened: Happened) -> None:
    answer = answers.liquidations(happened.store, None, first=0)
    [row] = [row for row in answer["liquidations"] if row["protocol"] == "maker"]
    assert row["account"] == happened.scene.people["maker"]
    assert row["owner"] == happened.scene.ground.account("realised maker")


def test_offline_the_api_and_the_client_say_the_same(happened: Happened, tmp_path: Path) -> None:
    """The kept events answer without any endpoint; what was not read is refused by name."""
    arguments = ("--store", happened.store, "--from-block", 0, "--json")
    offline = bandscan("liquidations", "--offline", *arguments)
    assert offline.code == 0, offline.err
    answer = answers.liquidations(happened.store, None, first=0)
    assert offline.out.encode() == encode(answer)
    client = open_store(happened.store, incomplete=True)
    assert client.liquidations(from_block=0)["totals"] == answer["totals"]
    part = client.liquidations(from_block=0, protocol="venus", limit=1)
    assert part["totals"]["events"] == part["matching"] == 2
    assert len(part["liquidations"]) == 1

    empty = bandscan("liquidations", "--offline", "--store", tmp_path)
    assert empty.code == 2
    assert "No liquidations were read into this store yet" in empty.err
    beyond = bandscan("liquidations", "--offline", "--store", happened.store, "--to-block", 10**6)
    assert beyond.code == 2
    assert "are read up to block" in beyond.err


def test_a_second_run_reads_only_new_blocks(happened: Happened, tmp_path: Path) -> None:
    """And a window that reaches further back reads only what lies before."""
    ground, asked = happened.scene.ground, []

    def note(question: Question, number: int) -> Question | Reply:
        if question["method"] == "eth_getLogs":
            [where] = question["params"]
            if "fromBlock" in where:
                asked.append((int(where["fromBlock"], 16), int(where["toBlock"], 16)))
        return question

    with Proxy(ground.node.url) as endpoint, ground.undone():
        endpoint.before = note
        request = happened.elsewhere(tmp_path, endpoint.url)
        first = liquidations.read(request, Window(first=happened.before))
        head = first.last.block
        asked.clear()
        truth = happened.scene.ctokens("compound_v2", happened.scene.people["compound_v2"], "USDC")
        second = liquidations.read(request, Window(first=happened.before))
        assert asked
        assert min(low for low, _ in asked) > head
        rows = kept(tmp_path, second.chain_id)
        assert rows[-1]["block"] == truth.block
        assert int(rows[-1]["seized"]) == truth.seized
        asked.clear()
        third = liquidations.read(request, Window(first=happened.before - 100))
        assert {(low, high) for low, high in asked} == {
            (happened.before - 100, happened.before - 1)
        }
        assert len(kept(tmp_path, third.chain_id)) == len(rows)


def test_what_is_reorganised_away_is_forgotten(happened: Happened, tmp_path: Path) -> None:
    """The kept events are then those of a store that never saw the lost blocks."""
    ground, window = happened.scene.ground, Window(first=happened.before)
    old, new = tmp_path / "old", tmp_path / "new"
    with ground.undone():
        lost = happened.scene.ctokens("compound_v2", happened.scene.people["compound_v2"], "USDC")
        told = liquidations.read(happened.elsewhere(old), window)
        assert kept(old, told.chain_id)[-1]["block"] == lost.block
    with ground.undone():
        ground.node.mine(6)
        other = happened.scene.ctokens("venus", happened.scene.people["venus"], "USDC")
        liquidations.read(happened.elsewhere(old), window)
        liquidations.read(happened.elsewhere(new), window)
        rows = kept(old, told.chain_id)
        assert rows == kept(new, told.chain_id)
        assert lost.block not in {row["block"] for row in rows}
        assert rows[-1]["block"] == other.block


def test_a_log_that_one_answer_leaves_out_is_noticed(happened: Happened, tmp_path: Path) -> None:
    """By a second question of one endpoint, or by a second endpoint; and it counts."""
    whole = kept(happened.store, happened.scene.ground.chain_id)

    def forgetful(question: Question, answer: Answer) -> Answer:
        if question["method"] == "eth_getLogs" and "topics" in question["params"][0]:
            answer["result"] = [log for log in answer["result"] if log["topics"][0] != CALLED]
        return answer

    url = happened.scene.ground.node.url
    with Proxy(url) as endpoint:
        endpoint.after = forgetful
        for number, (rpc, how) in enumerate((((endpoint.url,), TWICE), ((endpoint.url, url), TWO))):
            store = tmp_path / str(number)
            told = liquidations.read(happened.elsewhere(store, *rpc), Window(first=happened.before))
            assert {p.protocol for p in told.problems} == {"aave_v2", "aave_v3", "spark"}
            assert {p.kind for p in told.problems} == {"logs_left_out"}
            rows = kept(store, told.chain_id)
            assert [row["repaid"] for row in rows] == [row["repaid"] for row in whole]
            answer = answers.liquidations(store, None, first=happened.before)
            asked = {way for row in answer["markets"] for way in row["asked"]}
            assert {way.partition(";")[0] for way in asked} == {how}
            assert any("left out 1 of 1 logs" in way for way in asked)


def test_without_old_state_dollars_are_of_the_nearest_scan(
    happened: Happened, tmp_path: Path
) -> None:
    """And say so; without any scan there are none, and that is counted, never 0."""
    ground = happened.scene.ground
    ground.node.mine(1)
    head = ground.node.head()
    place = {"eth_call": 1, "eth_getCode": 1, "eth_getStorageAt": 2}  # of the block

    def prune(question: Question, number: int) -> Question | Reply:
        at = place.get(question["method"])
        if at is None or int(question["params"][at], 16) >= head:
            return question
        error = {"code": -32000, "message": "missing trie node 00 (path )"}
        return 200, json.dumps({"jsonrpc": "2.0", "id": question["id"], "error": error}).encode()

    with Proxy(ground.node.url) as endpoint:
        endpoint.before = prune
        window = Window(first=happened.before)
        dark = happened.elsewhere(tmp_path, endpoint.url)
        told = liquidations.read(dark, window)
        assert {problem.kind for problem in told.problems} == {"event_unpriced"}
        answer = answers.liquidations(tmp_path, None, first=happened.before)
        assert answer["totals"]["unpriced"] == answer["matching"] == 12
        assert answer["totals"]["debt_repaid_usd"] == 0
        assert {row["debt_usd"] for row in answer["liquidations"]} == {None}
        assert answer["price_sources"] == [{"source": None, "rows": 12}]
        text = bandscan("liquidations", "--offline", "--store", tmp_path, "--from-block", 0).out
        assert "without a price" in text

        lit = happened.elsewhere(tmp_path / "lit", endpoint.url)
        finished = scanning.run(replace(lit, rpc=(ground.node.url,)))
        liquidations.read(lit, window)
        answer = answers.liquidations(lit.store, None, first=happened.before)
        assert answer["price_sources"][0]["source"] == f"scan {finished.path.name}"
        rows = {
            row["block"]["number"]: row
            for row in answer["liquidations"]
            if row["kind"] == "liquidation"
        }
        for truth in happened.truth:
            row = rows[truth.block]
            if truth.protocol not in ("compound_v3",):  # whose rows are of parts
                assert row["debt_usd"] == pytest.approx(truth.debt_usd, abs=0.01)
        # How much a cToken was worth only the block's state tells.
        shares = [row for row in answer["liquidations"] if row["collateral_shares_raw"]]
        assert len(shares) == 3
        assert {row["collateral_usd"] for row in shares} == {None}
        assert answer["totals"]["unpriced"] == 3


def test_the_back_test_of_a_crossed_band_adds_up(happened: Happened, tmp_path: Path) -> None:
    """Three accounts with one price on each generation: liquidated, repaid in time, left alone."""
    scanning.run(happened.request)
    liquidations.read(happened.request, Window(first=happened.before))
    answer = answers.backtest(happened.store, None, "ETH")
    assert wrong("backtest", json.loads(encode(answer))) == []
    assert answer["complete"], answer["problems"]
    crossed = [row for row in answer["bands"] if row["crossed"] and row["crossed"]["whole"]]
    assert crossed
    for row in crossed:
        parts = sum(round(row["outcome"][f"{name}_usd"] * 100) for name in OUTCOMES)
        assert parts == round(row["collateral_at_risk_usd"] * 100)
    [row] = [row for row in crossed if row["low_usd"] < 1_687 < row["high_usd"] + 1]
    outcome, price = row["outcome"], 14_000 / 8.3
    assert row["positions"] == 6
    assert outcome["repaid_usd"] == pytest.approx(20 * price, rel=1e-4)
    assert outcome["still_there_usd"] == pytest.approx(20 * price, rel=1e-4)
    seized = [one for one in happened.truth if one.protocol in ("aave_v3", "spark")]
    taken = sum(one.seized / 10**18 * price for one in seized)
    assert outcome["liquidated_usd"] == pytest.approx(taken, rel=1e-4)
    assert outcome["unknown_usd"] == outcome["not_reached_usd"] == 0
    assert outcome["accounts_liquidated"] == 2
    text = bandscan("backtest", "ETH", "--wide", "--store", happened.store)
    assert text.code == 0, text.err
    assert "still there" in text.out
    assert (
        encode(answer)
        == bandscan("backtest", "ETH", "--store", happened.store, "--json").out.encode()
    )


def test_without_events_the_back_test_does_not_guess(happened: Happened, tmp_path: Path) -> None:
    """Who is gone and of whom no liquidation was read is unknown, not repaid."""
    shutil.copytree(happened.store / "scans", tmp_path / "scans")
    answer = answers.backtest(tmp_path, None, "ETH")
    assert not answer["complete"]
    assert "No liquidations were read" in answer["problems"][0]
    [row] = [row for row in answer["bands"] if row["positions"] == 6]
    assert row["outcome"]["repaid_usd"] == row["outcome"]["liquidated_usd"] == 0
    assert row["outcome"]["unknown_usd"] > 0


def test_what_is_sold_later_and_pre_liquidations(happened: Happened, tmp_path: Path) -> None:
    """A Comet's sale is no seizure; a pre-liquidation of Morpho is a liquidation of its own."""
    ground, scene = happened.scene.ground, happened.scene
    usdc, _ = (p for p in scene.mixed.parts if p.PROTOCOL == "compound_v3")
    morpho = scene.mixed.part("morpho_blue")
    with ground.undone():
        buyer, paid = ground.account("realised buyer"), 1_000 * 10**6
        ground.fund("USDC", buyer, paid, [usdc.address])
        before = balance(ground, ground.tokens["WETH"].address, buyer)
        usdc.buy(buyer, "WETH", paid)
        bought = balance(ground, ground.tokens["WETH"].address, buyer) - before
        contract = morpho.pre_liquidation("ether", 60.0)
        who = ground.account("realised early")
        morpho.supply_collateral(who, "ether", 10 * 10**18)
        morpho.borrow_units(who, "ether", 10_000 * 10**6)
        morpho.authorize(who, contract)
        request = happened.elsewhere(tmp_path)
        scanning.run(request)  # the ledger knows the contract from here on
        held = morpho.position(who, "ether")
        morpho.pre_liquidate(who, "ether", contract)
        now = morpho.position(who, "ether")
        liquidations.read(request, Window(first=happened.before))
        rows = kept(tmp_path, ground.chain_id)
        [sold] = [row for row in rows if row["kind"] == SOLD]
        assert (int(sold["seized"]), int(sold["repaid"])) == (bought, paid)
        [early] = [row for row in rows if "0x" + row["account"].hex() == who]
        assert int(early["seized"]) == held[2] - now[2] > 0
        answer = answers.liquidations(tmp_path, None, first=happened.before)
        assert answer["totals"]["sold_for_usd"] == 1_000
        assert answer["totals"]["events"] == 11


def test_a_window_of_time_begins_at_its_first_block(happened: Happened, tmp_path: Path) -> None:
    """Found by headers; offline the same window says the same."""
    ground = happened.scene.ground
    with ground.undone():
        ground.node.pass_time(7_200)
        ground.node.mine(3)
        truth = happened.scene.ctokens("compound_v2", happened.scene.people["compound_v2"], "USDC")
        ground.node.pass_time(600)
        told = liquidations.read(happened.elsewhere(tmp_path), Window(seconds=3_600))
        ends = [
            ground.node.rpc("eth_getBlockByNumber", hex(told.first.block - k), False)
            for k in (1, 0)
        ]
        before, time = (int(one["timestamp"], 16) for one in ends)
        start = told.last.timestamp - 3_600
        assert before < start <= time == told.first.timestamp
        answer = answers.liquidations(tmp_path, None, since=3_600)
        assert answer["complete"]
        assert answer["totals"]["events"] == 1
        assert answer["liquidations"][0]["block"]["number"] == truth.block
        assert answer["window"]["from"]["number"] == told.first.block
        longer = answers.liquidations(tmp_path, None, since=86_400)
        assert not longer["complete"]  # it was not read so far back


def balance_of(chain: LocalChain, symbol: str, who: str) -> int:
    """What somebody owes of a token."""
    return balance(chain, chain.tokens[symbol].vdebt, who)
