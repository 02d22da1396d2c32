"""Spark's logic is Aave v3.0's: its adapter over the real v3.0 contracts."""

from pathlib import Path

import pytest
from localchain import LocalChain
from scanning import ONE, debtors, health, priced, table

from scanner import scan as scanning
from scanner.scan import Finished, Request

DRIVERS = {"ETH": "ETH / USD", "BTC": "BTC / USD"}


@pytest.fixture(scope="module")
def finished(core_chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A scan of the v3.0 market, which its row calls Spark, every account verified."""
    return scan(core_chain, tmp_path_factory.mktemp("spark"))


def scan(chain: LocalChain, folder: Path, shocks: tuple[str, ...] = ()) -> Finished:
    """`bandscan scan --verify all` with the market's protocol given as spark."""
    deployments = folder / "spark.toml"
    deployments.write_text(chain.deployments_toml().replace('"aave_v3"', '"spark"'))
    return scanning.run(
        Request(
            None, (chain.url,), (), deployments, folder, shocks=shocks, verify=None, patience=30
        )
    )


def test_every_borrower_is_found_and_every_total_is_exact(
    core_chain: LocalChain, finished: Finished
) -> None:
    document = finished.document
    assert document["complete"]
    assert set(table(finished).index) == debtors(core_chain)
    rows = [row for row in document["certificate"] if row["kind"] == "variable_debt"]
    assert {row["identity"] for row in rows} == {"exact"}
    assert all(row["debt_found"] == row["debt_total"] for row in rows)
    [parity] = document["parity"]
    assert (parity["protocol"], parity["mismatches"]) == ("spark", 0)
    assert parity["checked"] == parity["accounts"] > 40


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_pool_turns_exactly_at_the_price(
    core_chain: LocalChain, finished: Finished, driver: str
) -> None:
    rows = priced(finished, driver)
    assert {"long", "short"} <= set(rows["side"])
    people, raw = list(rows.index), rows["raw"].tolist()
    beyond = [r + s for r, s in zip(raw, rows["step"], strict=True)]
    assert min(core_chain.probe(people, DRIVERS[driver], raw)) >= ONE
    assert max(core_chain.probe(people, DRIVERS[driver], beyond)) < ONE


def test_a_token_of_an_e_mode_turns_exactly_as_well(core_chain: LocalChain, tmp_path: Path) -> None:
    """liquidation-emode.spec.ts: of who owes DAI against stables in their e-mode, DAI's price times
    the health factor is where it falls to one, and one unit beyond it is below."""
    rows = priced(scan(core_chain, tmp_path, ("token:DAI",)), "DAI")
    stable = core_chain.labels["e_mode_stable"]
    assert stable in rows.index
    assert set(rows["side"]) == {"long", "short"}
    people, raw = list(rows.index), rows["raw"].tolist()
    beyond = [r + s for r, s in zip(raw, rows["step"], strict=True)]
    assert min(core_chain.probe(people, "DAI / USD", raw)) >= ONE
    assert max(core_chain.probe(people, "DAI / USD", beyond)) < ONE
    factor = health(core_chain, [stable])[stable] / ONE
    if rows.loc[stable]["largest_debt"] == "DAI":
        now = core_chain.price_raw("DAI")
        assert rows.loc[stable]["raw"] == pytest.approx(now * factor, rel=2e-4)


def test_a_real_liquidation_takes_what_was_said(core_chain: LocalChain, tmp_path: Path) -> None:
    """One unit beyond p*, half the debt (health above 0.95) buys collateral worth `seizable`."""
    rows = priced(scan(core_chain, tmp_path), "ETH")
    rows = rows[(rows["side"] == "long") & rows["callable"] & (rows["debt_usd"] > 100)]
    tried = 0
    with core_chain.undone():
        for row in rows.itertuples():
            if row.largest_collateral != "WETH" or row.largest_debt not in {"USDC", "DAI"}:
                continue
            token = core_chain.tokens["WETH"]
            with core_chain.undone():
                core_chain.set_price("WETH", row.raw + row.step)
                assert health(core_chain, [row.account])[row.account] < ONE
                before = core_chain.holdings([row.account])[row.account]["WETH"][0]
                core_chain.liquidate(row.account, "WETH", row.largest_debt)
                after = core_chain.holdings([row.account]).get(row.account, {}).get("WETH", (0, 0))
                taken = (before - after[0]) / token.unit * (row.raw + row.step) / 1e8
                if taken == pytest.approx(row.seizable_usd, rel=2e-6, abs=0.02):
                    tried += 1
                else:  # another pair of this position is larger
                    assert taken < row.seizable_usd
    assert tried >= 3
