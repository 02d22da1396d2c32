"""Who is found, what they owe, and how healthy they are: the scan against the real contracts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from localchain import FLAVOURS, LocalChain
from scanning import CENT, NEVER, ONE, debtors, health, parity, scan, table

from scanner.scan import Finished
from scanner.store import snapshots


@dataclass(frozen=True)
class Scene:
    """A populated chain and its scan, every account checked by the pool's own view."""

    chain: LocalChain
    finished: Finished
    legs: pd.DataFrame


@pytest.fixture(scope="module", params=FLAVOURS)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Both generations in turn, with all special cases and 60 random accounts."""
    chain: LocalChain = request.getfixturevalue(f"{request.param}_chain")
    store = tmp_path_factory.mktemp("scan") / "store"
    finished = scan(chain, store)
    newest = snapshots.newest(store, chain.chain_id)
    assert newest is not None
    return Scene(chain, finished, newest.legs())


def test_everybody_who_owes_is_found_and_nobody_else(scene: Scene) -> None:
    """Whoever ever borrowed and still owes by the debt tokens themselves has rows; no one else."""
    found = set(table(scene.finished)["account"])
    assert found == debtors(scene.chain)
    assert len(found) > 60


def test_those_without_debt_are_no_borrowers(scene: Scene) -> None:
    """Suppliers, the repaid and who borrowed at another's cost are absent; the one who owes is."""
    found, labels = set(table(scene.finished)["account"]), scene.chain.labels
    for label in ("supply_only", "repaid", "closed", "delegatee"):
        assert labels[label] not in found, label
    for label in ("delegator", "supplied_for", "transfer_in", "dust", "dust_1wei", "bad_debt"):
        assert labels[label] in found, label
    # The last collateral was liquidated: v3.0 leaves the debt behind, v3.6 writes it off.
    assert (labels["wiped"] in found) == (scene.chain.flavour == "core")


def test_the_debts_found_are_all_that_the_protocol_counts(scene: Scene) -> None:
    """Per reserve the scaled debts found equal scaledTotalSupply as the chain gives it."""
    rows = {
        row["asset"]: row
        for row in scene.finished.document["certificate"]
        if row["kind"] == "variable_debt"
    }
    assert set(rows) == {token.address for token in scene.chain.tokens.values()}
    for token in scene.chain.tokens.values():
        total = scene.chain.call(token.vdebt, "scaledTotalSupply()(uint256)")
        row = rows[token.address]
        assert (int(row["debt_found"]), int(row["debt_total"])) == (total, total), token.symbol
        assert row["coverage"] == 1.0
        assert row["identity"] == "exact"
    assert sum(int(row["debt_total"]) > 0 for row in rows.values()) >= 5
    assert scene.finished.complete
    assert scene.finished.document["unknown"] == []


def test_stable_debt_has_an_approximate_line_of_its_own(scene: Scene) -> None:
    """On v3.0 stable DAI debt is named beside the variable one; v3.6 has none."""
    rows = [r for r in scene.finished.document["certificate"] if r["kind"] == "stable_debt"]
    if scene.chain.flavour == "origin":
        assert rows == []
        return
    [row] = rows
    dai, who = scene.chain.tokens["DAI"], scene.chain.labels["stable_rate"]
    owed = scene.chain.call(dai.sdebt or "", "balanceOf(address)(uint256)", who)
    total = scene.chain.call(dai.sdebt or "", "totalSupply()(uint256)")
    assert owed > 10**18
    assert (int(row["debt_found"]), int(row["debt_total"])) == (owed, total)
    assert (row["asset"], row["identity"], row["bound"]) == (dai.address, "approximate", 0.01)


def test_health_factors_equal_the_pools_to_the_last_digit(scene: Scene) -> None:
    """The referee finds no mismatch among all accounts, and the float column none above 1e-12."""
    row, rows = parity(scene.finished), table(scene.finished)
    people = sorted(set(rows["account"]))
    assert row["accounts"] == row["checked"] == len(people)
    assert row["mismatches"] == 0
    assert row["max_rel_error"] == 0.0

    theirs = health(scene.chain, people)
    for who, factor in rows["health_factor"].items():
        if theirs[who] == NEVER:
            assert np.isinf(factor), who
        else:
            assert factor == pytest.approx(theirs[who] / ONE, rel=1e-12, abs=0), who


def test_sums_in_dollars_equal_the_pools(scene: Scene) -> None:
    """Collateral and debt of every account are what getUserAccountData says."""
    chain, rows = scene.chain, table(scene.finished)
    rows = rows[~rows.index.duplicated()]
    for row, theirs in zip(rows.itertuples(), chain.accounts_data(list(rows.index)), strict=True):
        debt, collateral = theirs["totalDebtBase"] / 1e8, theirs["totalCollateralBase"] / 1e8
        assert row.debt_usd == pytest.approx(debt, rel=1e-12, abs=CENT), row.account
        assert row.collateral_usd == pytest.approx(collateral, rel=1e-12, abs=CENT), row.account


def test_every_leg_is_the_tokens_own_balance(scene: Scene) -> None:
    """Raw amounts equal balanceOf of the aToken or debt tokens, and no debt is left out."""
    chain, legs = scene.chain, scene.legs
    held = chain.holdings(sorted(set(legs["account"])))
    stable = chain.tokens["DAI"].sdebt
    for leg in legs.itertuples():
        supplied, owed = held[leg.account].get(leg.symbol, (0, 0))
        if stable and leg.account == chain.labels["stable_rate"] and leg.symbol == "DAI":
            owed += chain.call(stable, "balanceOf(address)(uint256)", leg.account)
        assert int(leg.amount_raw) == (supplied if leg.kind == "collateral" else owed)
    debts = {(leg.account, leg.symbol) for leg in legs.itertuples() if leg.kind != "collateral"}
    assert debts >= {(w, s) for w, row in held.items() for s, (_, owed) in row.items() if owed}


def test_what_does_not_count_as_collateral_is_not_counted(scene: Scene) -> None:
    """A lowered flag, a received aToken that is off and a threshold of zero add no health."""
    labels, rows = scene.chain.labels, table(scene.finished, "BTC")
    assert labels["collateral_off"] not in rows.index  # 0.5 WBTC supplied, flag lowered
    if scene.chain.flavour == "origin":
        assert labels["transfer_in_idle"] not in rows.index
    else:  # v3.0 turns received aTokens on
        assert labels["transfer_in_idle"] in rows.index
    ether = table(scene.finished, "ETH").loc[labels["zero_threshold"]]
    held = scene.chain.holdings([labels["zero_threshold"]])[labels["zero_threshold"]]
    assert held["USDT"][0] > 1_000 * 10**6  # supplied, and counts for nothing
    expected = held["WETH"][0] * scene.chain.price("WETH") * 0.83 / held["DAI"][1]
    assert ether["health_factor"] == pytest.approx(expected, rel=1e-6)


def test_loops_have_no_ether_price_and_shorts_sit_above_spot(scene: Scene) -> None:
    """wstETH against ether does not care for ether; dollars against ether fall to a rise."""
    ether, labels = table(scene.finished, "ETH"), scene.chain.labels
    for label in ("loop", "e_mode_eth", "e_mode_left"):
        row = ether.loc[labels[label]]
        assert (row["side"], row["liquidation_price_raw"]) == ("none", ""), label
        assert np.isnan(row["liquidation_price_usd"])
    short = ether.loc[labels["short"]]
    # dollars at 0.78 against ether, 50,000 against 10 or so: 3,900
    held = scene.chain.holdings([labels["short"]])[labels["short"]]
    expected = held["USDC"][0] / 10**6 * 0.78 / (held["WETH"][1] / 10**18)
    assert short["side"] == "short"
    assert short["liquidation_price_usd"] == pytest.approx(expected, rel=1e-6)
    shorts, longs = ether[ether["side"] == "short"], ether[ether["side"] == "long"]
    assert len(shorts) >= 5
    assert (shorts["liquidation_price_usd"] >= 2350).all()
    assert (longs["liquidation_price_usd"] <= 2350).all()


def test_e_mode_accounts_use_their_thresholds(scene: Scene) -> None:
    """In the ether e-mode both ether collaterals weigh 0.95, bitcoin beside keeps its 0.78."""
    held = scene.legs[scene.legs["kind"] == "collateral"]
    weights = {(leg.account, leg.symbol): leg.weight for leg in held.itertuples()}
    labels = scene.chain.labels
    assert weights[labels["loop"], "wstETH"] == 0.95
    assert weights[labels["e_mode_foreign"], "WETH"] == 0.95
    assert weights[labels["e_mode_foreign"], "WBTC"] == 0.78
    assert weights[labels["e_mode_stable"], "USDC"] == 0.97
    assert weights[labels["e_mode_left"], "WETH"] == 0.83
    if scene.chain.flavour == "origin":
        assert weights[labels["pt"], "PT"] == 0.9


def test_the_already_liquidatable_are_listed_apart(scene: Scene) -> None:
    """Who the pool would let be liquidated now has no p*, and its own list; bad debt is its gap."""
    chain, finished = scene.chain, scene.finished
    rows = table(finished)
    people = sorted(set(rows["account"]))
    theirs = {
        who: row
        for who, row in zip(people, chain.accounts_data(people), strict=True)
        if row["healthFactor"] < ONE
    }
    assert len(theirs) == (3 if chain.flavour == "core" else 2)

    flagged = rows[rows["already_liquidatable"]]
    assert set(flagged["account"]) == set(theirs)
    assert (flagged["side"] == "none").all()
    assert (flagged["liquidation_price_raw"] == "").all()

    listed = finished.document["already_liquidatable"]
    assert [row["account"] for row in listed["accounts"]] == sorted(
        theirs, key=lambda who: -theirs[who]["totalDebtBase"]
    )
    assert listed["positions"] == len(theirs)
    bad = sum(max(row["totalDebtBase"] - row["totalCollateralBase"], 0) for row in theirs.values())
    assert listed["bad_debt_usd"] == pytest.approx(bad / 1e8, abs=0.01)
    debt = sum(row["totalDebtBase"] for row in theirs.values())
    assert listed["debt_usd"] == pytest.approx(debt / 1e8, abs=0.01)


def test_one_row_for_each_driver_that_touches(scene: Scene) -> None:
    """No account has two rows for one driver, and one that nothing touches still has its row."""
    rows: pd.DataFrame = table(scene.finished).reset_index(drop=True)
    assert not rows.duplicated(["account", "driver"]).any()
    assert scene.chain.labels["e_mode_stable"] in set(rows[rows["driver"] == ""]["account"])
