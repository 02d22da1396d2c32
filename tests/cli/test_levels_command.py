"""`bandscan levels`, from a stored scan whose sums can be redone by hand."""

import json

import pytest

from cli import whales_sample

# Longs of the sample at or above $1,781: six whales, and the crowd at 1,810, 1,850, 1,890, 1,930.
WHALES = sum(amount * price for amount, price in whales_sample.WHALES)
CROWD = 100 * (1810 + 1850 + 1890 + 1930)


def test_a_level_below_spot_is_told_with_its_mirror(bandscan, store):
    """Everything that turns at or above $1,781; as far above spot the one short."""
    result = bandscan("levels", "ETH", "--at", 1781, "--store", store)

    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "below $1,781.00 (-17.2 %): $1.20B of longs in 10 positions of 10 accounts" in text
    assert "as far on the other side, above $2,519.80 (+17.2 %): $3.0M of shorts in 1 pos" in text
    assert "longs to shorts: 399 : 1" in text


def test_two_levels_are_compared_with_each_other(bandscan, store):
    """The quote of the press: longs below one price, shorts above another."""
    result = bandscan("levels", "eth", "--at", 1781, "--at", 2600, "--store", store)

    lines = result.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines if line.startswith(("below", "above"))] == [
        "below $1,781.00",
        "above $2,600.00",
    ]
    assert lines[-1] == "longs to shorts: 399 : 1"


def test_without_a_level_fixed_moves_stand_side_by_side(bandscan, store):
    """From 1 to 50 %, the same number of dollars down and up."""
    result = bandscan("levels", "ETH", "--store", store)

    rows = [line for line in result.stdout.splitlines() if line.lstrip().startswith("±")]
    assert len(rows) == 9
    assert rows[3].split()[:4] == ["±10", "%", "$1,935.36", "$0"]
    assert rows[8].split()[2] == "$1,075.20"


def test_a_range_shows_every_tick_in_it(bandscan, store):
    """Added up from spot, and what the tick itself holds."""
    result = bandscan("levels", "ETH", "--from", 1775, "--to", 1800, "--store", store)

    rows = [line for line in result.stdout.splitlines() if line.startswith("below")]
    assert len(rows) == 2  # the ticks of the whales at 1,795.00 and 1,781.09
    assert rows[1].split()[-2:] == ["$71.2M", "0.19"]  # and its strength
    assert rows[1].split()[5] == "$1.20B"


def test_json_has_levels_points_and_balance(bandscan, store):
    """Every sum to the cent, under the head of every answer."""
    result = bandscan("levels", "ETH", "--at", 1781, "--json", "--store", store)
    answer = json.loads(result.stdout)

    assert answer["scan_id"].startswith("000024512345-5e5e5e5e-")
    assert answer["complete"] is True
    [point] = answer["at"]
    assert point["collateral_at_risk_usd"] == pytest.approx(WHALES + CROWD, abs=0.05)
    assert point["opposite"]["side"] == "short"
    assert answer["balance"]["long_usd"] == point["collateral_at_risk_usd"]
    assert answer["balance"]["short_level_usd"] == 2519.8
    first, last = answer["levels"][0], answer["levels"][-1]
    assert (first["side"], last["side"]) == ("long", "short")
    assert first["level_usd"] < whales_sample.SPOT < last["level_usd"]


def test_beyond_twice_the_price_there_is_no_other_side(bandscan, store):
    """No price is so low: said, not invented."""
    result = bandscan("levels", "ETH", "--at", 5000, "--json", "--store", store)
    answer = json.loads(result.stdout)

    assert answer["at"][0]["opposite"] is None
    assert answer["balance"]["long_usd"] is None
    assert answer["balance"]["long_short_ratio"] is None


def test_amounts_of_an_incomplete_scan_are_lower_bounds(bandscan, tmp_path):
    """Exit code 3, and ≥ before every amount."""
    store = whales_sample.store(tmp_path, complete=False)
    for given in (["--at", 1781], [], ["--side", "long"]):
        result = bandscan("levels", "ETH", "--store", store, *given)
        assert result.exit_code == 3
        body = result.stdout.partition("ETH at")[2].split("\n", 1)[1]
        for word in body.replace("(", " ").split():
            if word.startswith("$") and word.rstrip(";,")[-1] in "BMk":
                raise AssertionError(word)
        assert "≥$" in body


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--at", "0"], "not a number above 0"),
        (["--at", "-5"], "not a number above 0"),
        (["--at", "nan"], "not a number above 0"),
        (["--from", "2000", "--to", "1000"], "--from 2000 is above --to 1000"),
    ],
)
def test_a_price_that_cannot_be_meant_is_refused(bandscan, store, given, says):
    """Exit code 2, nothing printed."""
    result = bandscan("levels", "ETH", "--store", store, *given)

    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_an_unknown_driver_is_refused_with_those_there_are(bandscan, store):
    """As everywhere."""
    result = bandscan("levels", "DOGE", "--store", store)

    assert result.exit_code == 2
    assert "BTC" in result.stderr


def test_levels_on_one_side_name_what_they_are_compared_with(bandscan, store):
    """The lower of the two, and as far above spot; or that there is no such price."""
    lower = bandscan("levels", "ETH", "--at", 1781, "--at", 1800, "--store", store)
    far = bandscan("levels", "ETH", "--at", 5000, "--store", store)

    assert lower.stdout.splitlines()[-1].endswith(" : 1, below $1,781.00 to above $2,519.80")
    assert far.stdout.splitlines()[-1] == "longs to shorts: no price is as far below spot"


def test_no_short_that_was_read_is_not_no_short(bandscan, tmp_path):
    """Of an incomplete scan counts are lower bounds, and "only" is what was read."""
    store = whales_sample.store(tmp_path, complete=False)
    result = bandscan("levels", "ETH", "--at", 2400, "--store", store)

    text = " ".join(result.stdout.split())
    assert "≥$0 of shorts in ≥0 positions of ≥0 accounts" in text
    assert text.endswith("longs only found in what was read")
