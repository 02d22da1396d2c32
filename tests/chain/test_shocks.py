"""Market and weighted shocks on the real pools: the feeds are set, the pool itself is asked.

The axis is counted in billionths, so "one unit beyond" is 1e-9 of the ratio.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from api.process import serving
from command import assert_clear, bandscan, bytes_of
from localchain import LocalChain
from scanning import ONE, priced, scan, table

from scanner import connect, open_store
from scanner.core.weighted import weights_of

UNIT = 10**9
STABLE = {"USDC / USD", "DAI / USD", "USDT / USD"}
WEIGHTED = "shock:ETH=1,BTC=0.8"
NAME = "shock:BTC=0.8,ETH=1"
APART = "shock:ETH=1,LINK=-0.5,BTC=1.2"


@contextmanager
def axis_at(chain: LocalChain, weights: dict[str, Fraction], axis: int) -> Iterator[None]:
    """Each driver's feed where its weight puts it when the axis is at `axis` billionths."""
    before = {}
    for driver, weight in weights.items():
        feed = f"{driver} / USD"
        present = int(chain.call(chain.deployment.feeds[feed], "latestAnswer()(int256)"))
        before[feed] = present
        exact = present * (1 + weight * (Fraction(axis, UNIT) - 1))
        chain.set_price(feed, max(exact.numerator // exact.denominator, 0))
    try:
        yield
    finally:
        for feed, present in before.items():
            chain.set_price(feed, present)


def volatile(chain: LocalChain) -> dict[str, Fraction]:
    """Every driver with weight 1: the market."""
    feeds = [name for name in chain.deployment.feeds if name not in STABLE]
    return {feed.removesuffix(" / USD"): Fraction(1) for feed in feeds}


def proven(chain: LocalChain, rows: pd.DataFrame, weights: dict[str, Fraction]) -> int:
    """How many of these accounts the pool calls healthy at p*, and liquidatable one unit on."""
    good = 0
    for row in rows.itertuples():
        factors = []
        for axis in (row.raw, row.raw + row.step):
            with axis_at(chain, weights, axis):
                factors.append(chain.account_data(row.account)["healthFactor"])
        good += factors[0] >= ONE > factors[1]
    return good


def test_the_pool_turns_at_the_ratio(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Under `market`, a weighted shock, and one with a negative weight and one above 1."""
    chain = movable_chain
    finished = scan(chain, tmp_path / "store", shocks=["market", WEIGHTED, APART])
    assert finished.document["shocks"] == ["market", NAME, "shock:BTC=1.2,ETH=1,LINK=-0.5"]
    for name in finished.document["shocks"]:
        weights = volatile(chain) if name == "market" else weights_of(name)
        rows = priced(finished, name)
        assert {"long", "short"} <= set(rows["side"])
        assert rows["liquidation_price_usd"].isna().all()
        assert (rows["price_scale"] == UNIT).all()
        assert (rows["price_feed"] == "").all()
        assert (rows["liquidation_ratio"] == rows["raw"].astype(float) / UNIT).all()
        chosen = pd.concat(rows[rows["side"] == side].iloc[::4] for side in ("long", "short"))
        assert len(chosen) >= 6
        assert proven(chain, chosen, weights) == len(chosen)


def test_who_has_no_ratio_is_never_liquidatable(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Under a weighted shock: healthy from a thousandth to a thousand times, as far as asked."""
    chain = movable_chain
    finished = scan(chain, tmp_path / "store", shocks=[WEIGHTED])
    rows = table(finished, NAME)
    calm = rows[(rows["side"] == "none") & ~rows["already_liquidatable"]]
    assert len(calm)
    for ratio in (0.002, 0.1, 0.5, 0.9, 1.1, 2.0, 50.0, 900.0):
        with axis_at(chain, weights_of(NAME), round(ratio * UNIT)):
            found = chain.accounts_data(list(calm.index))
            assert all(row["healthFactor"] >= ONE for row in found), ratio


def test_two_spellings_of_one_shock_are_one(flavour_chain: LocalChain, tmp_path: Path) -> None:
    """`shock:ETH=1` is the driver; `market` is every driver by weight 1; a token that alone follows
    its driver has the driver's prices."""
    chain = flavour_chain
    ether = scan(chain, tmp_path / "a", shocks=["driver:ETH"])
    same = scan(chain, tmp_path / "b", shocks=["shock:ETH=1.0"])
    assert same.document_bytes == ether.document_bytes
    one = scan(chain, tmp_path / "c", shocks=[WEIGHTED])
    other = scan(chain, tmp_path / "d", shocks=["shock:BTC=.80,ETH=+1,LINK=0"])
    assert one.document_bytes == other.document_bytes

    whole = "shock:" + ",".join(f"{driver}=1" for driver in sorted(volatile(chain)))
    both = scan(chain, tmp_path / "e", shocks=["market", whole, "driver:LINK"])
    market, spelled = table(both, "market"), table(both, whole)
    assert market.drop(columns="driver").equals(spelled.drop(columns="driver"))
    alone = scan(chain, tmp_path / "f", shocks=["token:LINK"])
    columns = ["side", "liquidation_ratio", "liquidation_price_raw", "collateral_at_risk_usd"]
    link = table(both, "LINK")
    assert link[columns].equals(table(alone, "LINK").loc[link.index][columns])


@pytest.fixture(scope="module")
def stored(core_chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one scan under the market shock and a weighted one, made by the command."""
    folder = tmp_path_factory.mktemp("weighted")
    core_chain.write_deployments(folder / "local.toml")
    ended = bandscan(
        "scan", "--rpc", core_chain.url, "--deployments", folder / "local.toml",
        "--store", folder / "store", "--shock", "market", "--shock", WEIGHTED,
        "--json", folder / "scan.json", "--positions", folder / "all.csv",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return folder


@pytest.mark.parametrize("name", ["market", WEIGHTED, NAME, "shock:btc=0.8,eth=1"])
def test_every_command_answers_for_it_offline(stored: Path, name: str) -> None:
    """Under its one name, from the store alone, on screen and as JSON."""
    shown = "market" if name == "market" else NAME
    store = ("--store", stored / "store")
    for command in ("bands", "ticks", "levels", "positions"):
        screen = bandscan(command, name, *store)
        assert screen.code == 0, (command, screen.err)
        assert shown in screen.out, command
        answer = bandscan(command, name, *store, "--json")
        assert answer.code == 0
        assert f'"{shown}"' in answer.out
    at = bandscan("levels", name, "--at", "0.8", *store)
    assert "below 0.8000x (-20.0 %)" in at.out
    assert bandscan("history", name, *store).code == 0


def test_the_name_is_on_every_output(stored: Path) -> None:
    frame = pd.read_csv(stored / "all.csv")
    assert set(frame["driver"].dropna()) == {"market", NAME}
    row = frame[(frame["driver"] == NAME) & (frame["side"] == "long")].iloc[0]
    account = bandscan("account", row["account"], "--store", stored / "store")
    assert account.code == 0
    assert NAME in account.out


def test_the_api_and_the_client_answer_for_it(stored: Path) -> None:
    """By any spelling, over HTTP and from the store alike."""
    store = open_store(stored / "store")
    with serving(stored / "store") as running:
        served = connect(f"http://127.0.0.1:{running.port}")
        for name in ("market", WEIGHTED, "shock:BTC=.80,ETH=1.0"):
            told = "market" if name == "market" else NAME
            bands, levels = store.bands(name), store.levels(name)
            assert served.bands(name) == bands
            assert served.levels(name) == levels
            assert levels["driver"] == told
            rows = list(store.positions(name))
            assert list(served.positions(name)) == rows
            assert {row["driver"] for row in rows} == {told}
        assert {row["driver"] for row in store.drivers()["drivers"]} == {"market", NAME}


def test_the_report_has_it_under_a_safe_name(stored: Path, tmp_path: Path) -> None:
    ended = bandscan("report", "--store", stored / "store", "--out", tmp_path / "site")
    assert ended.code == 0, ended.err
    files = set(bytes_of(tmp_path / "site"))
    assert {"v1/market/bands.json", "v1/shock-btc-0-8-eth-1/bands.json"} <= files
    assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", path) for path in files)
    home = (tmp_path / "site" / "index.html").read_text()
    assert NAME in home


@pytest.mark.parametrize(
    ("shock", "says"),
    [
        ("shock:ETH=1,SOL=2", "driver:SOL, to which shock:ETH=1,SOL=2 gives a weight"),
        ("shock:ETH=1,Eth=2", "driver:Eth, to which shock:ETH=1,Eth=2 gives a weight"),
    ],
)
def test_an_unknown_driver_is_refused(stored: Path, core_chain: Any, shock: str, says: str) -> None:
    before = bytes_of(stored / "store")
    ended = bandscan(
        "scan", "--rpc", core_chain.url, "--deployments", stored / "local.toml",
        "--store", stored / "store", "--shock", shock,
    )  # fmt: skip
    assert_clear(ended, 2, says)
    assert bytes_of(stored / "store") == before
