"""Which accounts changed a range: what two scans can tell, and nothing more."""

from pathlib import Path

import pytest

from outputs.site.reading_pages import page
from scanner import answers, reading
from scanner.outputs.site import figures
from scanner.outputs.words import count
from scanner.reporting import movers


@pytest.fixture(scope="module")
def pair(month_store: Path) -> tuple[reading.Stored, reading.Stored]:
    """The newest complete scan of the made-up month and the one before."""
    after = reading.newest(month_store, None)
    before = movers.scan_before(after, month_store)
    assert before is not None
    return before, after


def test_the_scan_before_is_the_newest_older_one(pair: tuple[reading.Stored, reading.Stored]):
    """Complete, with its positions."""
    before, after = pair

    assert before.document["complete"]
    assert before.snapshot.block < after.snapshot.block
    assert len(before.positions)


def test_a_first_scan_can_be_compared_with_nothing(tmp_path: Path, month_store: Path):
    """Nor can one whose predecessor has no positions left."""
    oldest = reading.by_id(
        month_store, None, answers.scans(month_store, None)["scans"][-1]["scan_id"]
    )

    assert movers.scan_before(oldest, month_store) is None


@pytest.mark.parametrize("driver", ["ETH", "BTC", "LINK"])
def test_who_came_and_left_makes_up_the_change(
    pair: tuple[reading.Stored, reading.Stored], driver: str
):
    """Dollars of a range before, plus those that came, less those that left, and the change of
    those that stayed, are its dollars now."""
    found = movers.movers(*pair, driver)
    steps = answers.diff(*pair, driver)["changes"]
    checked = 0
    for step in steps:
        if step["before"] is None or step["after"] is None:
            continue
        one = found[movers.key(step["after"])]
        inside = [row for row in step["accounts"] if row["change_usd"]]
        assert one.came[1] <= sum(max(row["change_usd"], 0) for row in inside) + 0.01
        assert one.left[1] <= sum(max(-row["change_usd"], 0) for row in inside) + 0.01
        stayed = step["collateral_change_usd"] - one.came[1] + one.left[1]
        by_hand = sum(
            row["change_usd"]
            for row in inside
            if row["before"]
            and row["after"]
            and abs(abs(row["change_usd"]) - row["before"]["collateral_at_risk_usd"]) > 0.005
            and abs(abs(row["change_usd"]) - row["after"]["collateral_at_risk_usd"]) > 0.005
        )
        assert stayed == pytest.approx(by_hand, abs=0.01)
        checked += 1
    assert checked


def test_the_page_says_who_came_and_left(month: Path, pair: tuple[reading.Stored, reading.Stored]):
    """Under the band, since the moment of the scan before."""
    text = page(month / "eth" / "index.html").text
    since = figures.moment(pair[0].document["block"]["timestamp"])
    told = 0
    for name, one in movers.movers(*pair, "ETH").items():
        if name[1] != "wall" and one.came[0]:
            number, usd = one.came
            assert f"Since {since}: {count(number, 'account')} came in ({figures.usd(usd)})" in text
            told += 1
    assert told


def test_a_first_scan_says_nothing_of_what_moved(whales: Path):
    """There is nothing to compare it with."""
    assert "Since " not in page(whales / "eth" / "index.html").text
