"""One scan, one sum: ticks, bands, levels, positions and protocols agree to the cent."""

import numpy as np
import pandas as pd
import pytest
from bench import stored as sample

from scanner import answers, reading
from scanner.core.rounding import shown
from scanner.core.summary import tick_rows
from scanner.core.ticks import tick_table
from scanner.reading import Stored

SIDES = ("long", "short")


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A scan of 3,000 positions of two markets under three drivers, bands on both sides."""
    folder = tmp_path_factory.mktemp("sums") / "store"
    sample.make(folder, positions=3_000, scans=1)
    return reading.newest(folder, None)


def cents(values: "pd.Series[float]") -> int:
    """An exact sum, in cents; the values must be whole cents."""
    whole = np.rint(values.to_numpy() * 100)
    assert (values.to_numpy() == whole / 100).all()
    return int(whole.sum())


def names(scan: Stored) -> list[str]:
    found = [row["driver"] for row in answers.drivers(scan)["drivers"]]
    assert len(found) == 3
    return found


def test_ticks_add_up_to_the_positions(scan: Stored) -> None:
    """Each driver and side: collateral at risk, debt and count, and the split by protocol."""
    for name in names(scan):
        for side in SIDES:
            rows = answers.ticks(scan, name, side=side)["ticks"]
            people = pd.DataFrame(answers.positions(scan, name, side=side)["positions"])
            for key in ("collateral_at_risk_usd", "debt_usd"):
                assert sum(round(row[key] * 100) for row in rows) == cents(people[key])
            assert sum(row["positions"] for row in rows) == len(people)
            for row in rows:
                parts = sum(round(usd * 100) for usd in row["by_protocol"].values())
                assert parts == round(row["collateral_at_risk_usd"] * 100)


def test_levels_add_up_the_ticks(scan: Stored) -> None:
    """The furthest level holds all; the level at a price is the sum of the positions beyond it."""
    for name in names(scan):
        answer = answers.levels(scan, name)
        for side in SIDES:
            rows = [row for row in answer["levels"] if row["side"] == side]
            total = round(answers.at_risk_total(scan, name, side) * 100)
            assert round(rows[-1]["collateral_at_risk_usd"] * 100) == total
            ticks = answers.ticks(scan, name, side=side)["ticks"]
            by_tick = {row["tick"]: row["collateral_at_risk_usd"] for row in ticks}
            assert {r["tick"]: r["tick_collateral_at_risk_usd"] for r in rows} == by_tick
        for point in answer["at"]:
            for one in (point, point["opposite"]):
                side, level = one["side"], one["level_usd"]
                ends = {"low": level} if side == "long" else {"high": level}
                people = pd.DataFrame(answers.positions(scan, name, side=side, **ends)["positions"])
                for key in ("collateral_at_risk_usd", "debt_usd", "seizable_usd"):
                    expected = cents(people[key]) if len(people) else 0
                    assert round(one[key] * 100) == expected


def test_bands_are_the_sum_of_their_members(scan: Stored) -> None:
    """By membership: amounts, debt, seizable, positions, owners, and the protocols' parts."""
    rows = answers.bands(scan)["bands"]
    assert {row["kind"] for row in rows} >= {"band", "wall"}
    for band in rows:
        members = answers.members(scan, band)
        for key in ("collateral_at_risk_usd", "debt_usd", "seizable_usd"):
            assert round(band[key] * 100) == cents(members[key])
        assert band["positions"] == len(members)
        assert band["accounts"] == members["owner"].nunique()
        parts = sum(round(usd * 100) for usd in band["by_protocol"].values())
        assert parts == round(band["collateral_at_risk_usd"] * 100)
        listed = answers.band_accounts(scan, band)
        assert sum(row["share"] for row in listed) == pytest.approx(1.0)
        assert [row["collateral_at_risk_usd"] for row in listed] == sorted(
            (row["collateral_at_risk_usd"] for row in listed), reverse=True
        )


def test_bands_of_one_side_share_no_position(scan: Stored) -> None:
    """No collateral stands in two ranges of one driver and side."""
    for name in names(scan):
        for side in SIDES:
            members = [
                answers.members(scan, band)
                for band in answers.bands(scan, name, side=side)["bands"]
            ]
            keys = [key for one in members for key in zip(one["market"], one["account"])]  # noqa: B905
            assert len(keys) == len(set(keys))


def test_one_collateral_is_counted_once_under_one_shock(scan: Stored) -> None:
    """A position has one row, on one side, and never more at risk than the collateral it has."""
    frame = scan.positions
    for name in names(scan):
        rows = frame[frame["driver"] == name]
        assert not rows.duplicated(["protocol", "market", "account"]).any()
        long = rows[(rows["side"] == "long") & ~rows["already_liquidatable"]]
        # Valued at p*, below the present price; a cent for the rounding.
        assert (long["collateral_at_risk_usd"] <= long["collateral_usd"] + 0.01).all()


def test_protocols_add_up_to_the_whole(scan: Stored) -> None:
    """Every protocol's part, and what lies within 10, 20, 30 % of spot."""
    for name in names(scan):
        rows = answers.protocols(scan, name)["protocols"]
        for side in SIDES:
            total = round(answers.at_risk_total(scan, name, side) * 100)
            assert sum(round(row[f"{side}_usd"] * 100) for row in rows) == total
        for row in rows:
            within = [row["within"][reach]["long"] for reach in ("10", "20", "30")]
            assert within == sorted(within)
            assert within[-1] <= row["long_usd"]
        ticks = answers.ticks(scan, name, protocol=rows[0]["protocol"])["ticks"]
        assert sum(round(row["collateral_at_risk_usd"] * 100) for row in ticks) == round(
            rows[0]["collateral_at_risk_usd"] * 100
        )


def test_filters_take_away_and_never_change(scan: Stored) -> None:
    """A filtered list is the whole list without what does not match."""
    everything = answers.bands(scan)["bands"]
    large = answers.bands(scan, "ETH", side="long", least=1e6, low=1500.0, high=1900.0)["bands"]

    assert large == [
        row
        for row in everything
        if row["driver"] == "ETH" and row["side"] == "long"
        and row["collateral_at_risk_usd"] >= 1e6
        and row["high_usd"] >= 1500.0 and row["low_usd"] <= 1900.0
    ]  # fmt: skip
    assert large
    assert answers.bands(scan, protocol="nobody")["bands"] == []
    some = answers.positions(scan, "ETH", limit=10, offset=5)
    assert some["positions"] == answers.positions(scan, "ETH")["positions"][5:15]
    assert some["matching"] > 15


def test_a_level_asked_for_is_the_row_of_that_level(scan: Stored) -> None:
    """The far edge of every tick is written so finely that asking for it gives the same sums."""
    for name in names(scan):
        rows = answers.levels(scan, name)["levels"]
        points = answers.levels(scan, name, at=[row["level_usd"] for row in rows])["at"]
        for row, point in zip(rows, points, strict=True):
            if row["side"] == point["side"]:  # the tick of spot reaches over it
                assert point["positions"] == row["positions"]
                assert point["collateral_at_risk_usd"] == row["collateral_at_risk_usd"]


def test_edges_are_told_apart_however_small_the_price() -> None:
    """A tick is a quarter of a percent of a token of a thousandth of a cent as well."""
    price = np.array([1.0e-9, 1.003e-9, 1.2649, 1.2681])
    usd = np.full(4, 5.0)
    rows = tick_rows("PEPE", "long", tick_table(price, usd, usd), [{}] * 4, ratio=False)

    for row, at in zip(rows, price.tolist(), strict=True):
        assert row["low_usd"] <= at < row["high_usd"]
    assert [shown(at) for at in (1.2649, 1.2681)] == [1.2649, 1.2681]


def test_a_wall_of_the_first_release_has_one_accounts_positions(scan: Stored) -> None:
    """Such a scan does not say whose wall it is; strangers in its tick are no part of it."""
    walls = [row for row in answers.bands(scan)["bands"] if row["kind"] == "wall"]
    for wall in walls:
        unnamed = {key: value for key, value in wall.items() if key != "owner"}
        assert answers.members(scan, unnamed).equals(answers.members(scan, wall))
