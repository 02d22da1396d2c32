"""One book per chain: every protocol there is at one block, whole and by protocol, to the cent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command import bandscan
from localchain import LocalChain
from localchain.mixed import Mixed

from scanner import scan as scanning
from scanner.protocols import adapters
from scanner.scan import Finished, Request

PROTOCOLS = tuple(sorted(adapters()))


@pytest.fixture(scope="module")
def mixed() -> Iterator[Mixed]:
    """Forty borrowers in each market of every protocol."""
    with LocalChain("origin") as aave:
        aave.populate(40, 3)
        made = Mixed(aave)
        assert tuple(made.protocols) == PROTOCOLS, "a protocol without contracts on the local chain"
        made.populate(40, 3)
        yield made


@pytest.fixture(scope="module")
def whole(mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """All protocols, every account verified."""
    return scan(mixed, tmp_path_factory.mktemp("book"))


def scan(mixed: Mixed, store: Path, *protocols: str, text: str | None = None) -> Finished:
    """`bandscan scan`, of some protocols where they are named."""
    store.mkdir(exist_ok=True)
    deployments = store / "mixed.toml"
    deployments.write_text(text or mixed.deployments_toml())
    url = mixed.ground.node.url
    return scanning.run(
        Request(None, (url,), protocols, deployments, store, verify=None, patience=30)
    )


def cents(rows: list[dict[str, Any]], name: str) -> int:
    """The sum of a dollar column in whole cents."""
    return sum(round(row[name] * 100) for row in rows)


def test_every_market_has_its_certificate_and_all_are_complete(whole: Finished) -> None:
    document = whole.document
    assert document["complete"]
    assert {row["protocol"] for row in document["parity"]} == set(PROTOCOLS)
    assert all(row["mismatches"] == row["unread"] == 0 for row in document["parity"])
    markets = {(row["protocol"], row["market"]) for row in document["markets"]}
    proven = {(row["protocol"], row["market"]) for row in document["certificate"]}
    assert proven == markets
    assert all(row["complete"] for row in document["markets"])
    keys = [(row["protocol"], row["market"]) for row in document["markets"]]
    assert keys == sorted(keys)


def test_the_parts_are_the_whole_to_the_cent(mixed: Mixed, whole: Finished, tmp_path: Path) -> None:
    """Scans of one protocol each add up to the one of all, in every total there is."""
    parts = {name: scan(mixed, tmp_path / name, name) for name in PROTOCOLS}
    for column in ("borrowers", "debt_usd", "collateral_usd"):
        for row in whole.document["drivers"]:
            mine = [
                one
                for part in parts.values()
                for one in part.document["drivers"]
                if one["driver"] == row["driver"]
            ]
            assert cents(mine, column) == round(row[column] * 100), (row["driver"], column)
    for driver in ("ETH", "BTC", "LINK"):
        rows = [row for row in whole.document["ticks"] if row["driver"] == driver]
        for name, part in parts.items():
            mine = [row for row in part.document["ticks"] if row["driver"] == driver]
            split = sum(round(row["by_protocol"].get(name, 0) * 100) for row in rows)
            assert split == cents(mine, "collateral_at_risk_usd")
        total = sum(cents([one], "collateral_at_risk_usd") for one in rows)
        assert total == sum(round(usd * 100) for row in rows for usd in row["by_protocol"].values())
    frames = [pd.DataFrame(part.positions) for part in parts.values()]
    assert sum(len(frame) for frame in frames) == len(whole.positions["account"])


def test_the_totals_count_every_position_once_whole_and_by_protocol(whole: Finished) -> None:
    """From the rows of positions, which repeat one for each driver; every dollar token that the
    markets name answered (Maker's debts, booked in its vat, are no token)."""
    told = whole.document["leverage"]
    once = pd.DataFrame(whole.positions).drop_duplicates(["protocol", "market", "account"])
    assert {row["protocol"] for row in told["by_protocol"]} == set(PROTOCOLS)
    for row in told["by_protocol"]:
        mine = once[once["protocol"] == row["protocol"]]
        assert row["positions"] == len(mine)
        assert row["borrowers"] == mine["owner"].nunique()
        for column in ("debt_usd", "collateral_usd"):
            assert round(row[column] * 100) == sum(round(usd * 100) for usd in mine[column])
    for column in ("debt_usd", "collateral_usd", "positions"):
        assert cents(told["by_protocol"], column) == round(told[column] * 100)
    drivers = {row["driver"]: row for row in whole.document["drivers"]}
    assert {row["driver"]: row["debt_usd"] for row in told["by_driver"]} == {
        name: row["debt_usd"] for name, row in drivers.items()
    }
    assert {row["protocol"] for row in told["scope"]} == set(PROTOCOLS)
    assert told["liquidity"]["stablecoin_supply_usd"] > 0
    assert not [p for p in whole.document["problems"] if p["kind"] == "supply_unreadable"]


def test_bands_say_what_each_protocol_has_in_them(whole: Finished) -> None:
    bands = whole.document["bands"]
    named = {name for band in bands for name in band["by_protocol"]}
    assert len(named) > 4  # whose people stand close enough together is for the finder to say
    assert named <= set(PROTOCOLS)
    ticks = {name for row in whole.document["ticks"] for name in row["by_protocol"]}
    assert ticks == set(PROTOCOLS)
    for band in bands:
        split = sum(round(usd * 100) for usd in band["by_protocol"].values())
        assert split == round(band["collateral_at_risk_usd"] * 100)


def test_one_move_of_a_feed_is_felt_by_all(mixed: Mixed, tmp_path: Path) -> None:
    """With ether 30 % lower exactly those are liquidatable whose price was above."""
    with mixed.ground.undone():
        before = pd.DataFrame(scan(mixed, tmp_path / "before").positions)
        mixed.set_feed("ETH / USD", round(2350 * 0.7) * 10**8)
        after = pd.DataFrame(scan(mixed, tmp_path / "after").positions)
    keys = ["protocol", "market", "account"]
    longs = before[(before["driver"] == "ETH") & (before["side"] == "long")]
    expected = longs[longs["liquidation_price_usd"] > 2350 * 0.7]
    now = after[after["already_liquidatable"]].drop_duplicates(keys)
    already = before[before["already_liquidatable"]].drop_duplicates(keys)
    found = set(map(tuple, now[keys].to_numpy())) - set(map(tuple, already[keys].to_numpy()))
    assert found == set(map(tuple, expected[keys].to_numpy()))
    assert {protocol for protocol, _, _ in found} == set(PROTOCOLS)


def test_one_protocols_failure_leaves_the_others_whole(
    mixed: Mixed, whole: Finished, tmp_path: Path
) -> None:
    """Maker's Jug is no Jug: its row says that nothing is known, the others' rows do not change."""
    text = mixed.deployments_toml().replace(
        f'jug = "{mixed.part("maker").jug}"', f'jug = "{mixed.part("maker").manager}"'
    )
    broken = scan(mixed, tmp_path, text=text)
    document = broken.document
    assert not document["complete"]
    [row] = [row for row in document["markets"] if row["protocol"] == "maker"]
    assert (row["borrowers"], row["unknown_accounts"], row["complete"]) == (None, None, False)
    [problem] = [p for p in document["problems"] if p["kind"] == "market_unreadable"]
    assert (problem["protocol"], problem["fatal"]) == ("maker", True)
    frame, other = pd.DataFrame(whole.positions), pd.DataFrame(broken.positions)
    rest = frame[frame["protocol"] != "maker"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, other.reset_index(drop=True))
    made = bandscan("report", "--store", str(tmp_path), "--out", str(tmp_path / "site"))
    assert (made.code, made.err) == (3, "")  # incomplete, and a page all the same
    page = (tmp_path / "site" / "index.html").read_text()
    assert "not read" in page


def test_a_shock_nobody_follows_is_refused_once_the_markets_are_known(
    mixed: Mixed, tmp_path: Path
) -> None:
    from scanner.errors import UsageError

    deployments = tmp_path / "mixed.toml"
    deployments.write_text(mixed.deployments_toml())
    request = Request(
        None, (mixed.ground.node.url,), (), deployments, tmp_path, shocks=("driver:DOGE",)
    )
    with pytest.raises(UsageError, match="nothing in the scanned markets follows driver:DOGE"):
        scanning.run(request)
