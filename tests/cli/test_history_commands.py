"""`scans`, `history` and `diff`, from several stored scans."""

import json

import pytest

from cli import whales_sample
from scanner.store import snapshots

BLOCK = whales_sample.BLOCK


@pytest.fixture
def several(tmp_path):
    """Three complete scans and an incomplete one between them; in the last the band has gone."""
    whales_sample.store(tmp_path)
    whales_sample.store(tmp_path, block=BLOCK + 10)
    whales_sample.store(tmp_path, block=BLOCK + 20, complete=False)
    made = whales_sample.scan(block=BLOCK + 30)
    document = made["document"] | {"bands": []}
    snapshots.write(
        tmp_path, 1, BLOCK + 30, whales_sample.HASH, True, whales_sample.as_bytes(document),
        made["positions"], made["legs"],
    )  # fmt: skip
    return tmp_path


def test_scans_lists_them_newest_first(bandscan, several):
    """Name, block, time, complete or not, whether positions are kept."""
    result = bandscan("scans", "--store", several)

    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("0000")]
    assert [row[1] for row in rows] == ["24,512,375", "24,512,365", "24,512,355", "24,512,345"]
    assert [row[-2] for row in rows] == ["yes", "no", "yes", "yes"]
    answer = json.loads(bandscan("scans", "--json", "--store", several).stdout)
    assert [row["scan_id"] for row in answer["scans"]] == [row[0] for row in rows]


def test_history_has_a_row_per_scan_and_tells_what_changed(bandscan, several):
    """An incomplete scan's amounts are lower bounds; the band that went is told of."""
    result = bandscan("history", "ETH", "--store", several)

    assert result.exit_code == 0
    rows = [line for line in result.stdout.splitlines() if line.startswith("2026-02-09 14:05")]
    assert len(rows) == 5  # four scans and one change
    assert "ETH $1,781.09-$1,862.02 long band dissolved; it held $1.20B" in rows[4]
    assert rows[2].count("≥") >= 3
    assert "≥" not in rows[0] + rows[1] + rows[3]


def test_diff_names_what_became_of_each_band(bandscan, several):
    """The band went from one scan to the other, and its accounts with it."""
    result = bandscan("diff", BLOCK, BLOCK + 30, "--driver", "ETH", "--store", several)

    assert result.exit_code == 0
    assert "ETH $1,781.09-$1,862.02 long band dissolved; it held $1.20B" in result.stdout
    assert "0x0000…0001  -$373.2M  price $1,862.02" in result.stdout
    assert "and 3 accounts more (--wide)" in result.stdout


def test_diff_of_all_drivers_in_json(bandscan, several):
    """One answer per driver of either scan; one answer alone where a driver is named."""
    names = (str(BLOCK), str(BLOCK + 30))
    every = json.loads(bandscan("diff", *names, "--json", "--store", several).stdout)
    one = json.loads(
        bandscan("diff", *names, "--driver", "eth", "--json", "--store", several).stdout
    )

    assert [answer["driver"] for answer in every["drivers"]] == ["ETH", "BTC"]
    assert one == every["drivers"][0]


def test_diff_with_an_incomplete_scan_says_so(bandscan, several):
    """Exit code 3, and the word at the scan it is about."""
    result = bandscan("diff", BLOCK, BLOCK + 20, "--store", several)

    assert result.exit_code == 3
    assert "block 24,512,365 · 2026-02-09 14:05 UTC · INCOMPLETE" in result.stdout


def test_a_scan_that_is_not_there_is_refused(bandscan, several):
    """With those there are."""
    result = bandscan("diff", BLOCK, 7, "--store", several)

    assert result.exit_code == 2
    assert 'No stored scan is called "7"' in result.stderr
    assert "bandscan scans" in result.stderr


def test_a_damaged_scan_is_counted_and_does_not_stop_the_others(bandscan, several):
    """Its name is in the note below the table."""
    (snapshots.listed(several, 1)[0].path / "meta.json").write_text("")

    for command in (["scans"], ["history", "ETH"]):
        result = bandscan(*command, "--store", several)
        assert result.exit_code == 0
        assert "1 stored scan could not be read" in result.stdout


def test_the_keep_option_is_a_rule_of_days(bandscan, scans, tmp_path):
    """30 where nothing is said, all on request, nothing below two days."""
    for given, kept in (([], 30), (["--keep", "90"], 90), (["--keep", "all"], None)):
        bandscan("scan", "--chain", "ethereum", "--store", tmp_path / "s", *given)
        assert scans.requests[-1].keep == kept
    for wrong in ("1", "0", "-3", "2.5", "many"):
        result = bandscan("scan", "--chain", "ethereum", "--store", tmp_path, "--keep", wrong)
        assert result.exit_code == 2
        assert "neither a number of days" in result.stderr


def test_a_driver_that_one_scan_lacks_is_not_told_to_have_changed(bandscan, tmp_path):
    """Found by its name whichever of the two has it."""
    whales_sample.store(tmp_path)
    made = whales_sample.scan(block=BLOCK + 10)
    document = made["document"]
    for key in ("drivers", "bands", "ticks"):
        document[key] = [row for row in document[key] if row["driver"] != "ETH"]
    snapshots.write(
        tmp_path, 1, BLOCK + 10, whales_sample.HASH, True, whales_sample.as_bytes(document),
        made["positions"], made["legs"],
    )  # fmt: skip
    result = bandscan("diff", BLOCK, BLOCK + 10, "--driver", "eth", "--store", tmp_path)

    assert result.exit_code == 0
    assert "if it falls $1.20B → n/a" in result.stdout
    assert "only one of the scans has it" in result.stdout
    assert "dissolved" not in result.stdout
    assert bandscan("history", "ETH", "--store", tmp_path).exit_code == 0


def test_scans_without_any_driver_are_compared_in_words(bandscan, tmp_path):
    """Nobody owes anything: no table, no traceback."""
    for block in (BLOCK, BLOCK + 10):
        made = whales_sample.scan(block=block)
        document = made["document"] | {"drivers": [], "bands": [], "ticks": []}
        snapshots.write(
            tmp_path, 1, block, whales_sample.HASH, True, whales_sample.as_bytes(document),
            made["positions"], made["legs"],
        )  # fmt: skip
    result = bandscan("diff", BLOCK, BLOCK + 10, "--store", tmp_path)

    assert result.exit_code == 0
    assert result.stdout == "No driver moves any position in either scan.\n"


@pytest.mark.parametrize("name", ["9" * 5_000, "", "\x1b[31m"])
def test_what_is_no_scan_is_refused(bandscan, several, name):
    """However long, and without a control character in the answer."""
    result = bandscan("diff", name, BLOCK, "--store", several)

    assert result.exit_code == 2
    assert "called" in result.stderr
    assert "\x1b" not in result.stderr
    assert len(result.stderr) < 600


@pytest.mark.parametrize("command", [["history", "ETH"], ["levels", "ETH"], ["scans"]])
def test_on_a_narrow_terminal_columns_leave_before_numbers_are_cut(
    bandscan, several, monkeypatch, command
):
    """At 40 columns what stays can be read."""
    monkeypatch.setenv("COLUMNS", "40")
    result = bandscan(*command, "--store", several)

    assert "left out to fit 40 columns" in result.stdout.replace("\n", " ")
    assert "…" not in result.stdout.rpartition("──")[2]


def with_totals(store, ago, debt, *, markets=("core",)):
    """A stored scan that records its totals, so many seconds before the sample's."""
    block = BLOCK - ago // 12
    made = whales_sample.scan(block=block)
    sums = {"debt_usd": debt, "collateral_usd": 2 * debt, "borrowers": 34, "positions": 34}
    token = {"address": whales_sample.USDC, "symbol": "USDC", "decimals": 6,
             "supply_raw": "5000000000000000", "supply": "5000000000.0"}  # fmt: skip
    document = made["document"] | {
        "leverage": {
            **sums,
            "by_protocol": [{"protocol": "aave_v3", **sums}],
            "by_driver": [{"driver": "ETH", **sums}],
            "several_drivers": {**sums, "debt_usd": 0.0},
            "no_driver": {**sums, "debt_usd": 0.0},
            "scope": [
                {"protocol": "aave_v3", "market": name, "address": whales_sample.POOL}
                for name in markets
            ],
            "liquidity": {"stablecoin_supply_usd": 5e9, "source": "shipped", "tokens": [token]},
        }
    }
    document["block"] = document["block"] | {"timestamp": whales_sample.TIME - ago}
    snapshots.write(
        store, 1, block, whales_sample.HASH, True, whales_sample.as_bytes(document),
        made["positions"], made["legs"], timestamp=whales_sample.TIME - ago,
    )  # fmt: skip


def test_history_without_a_driver_tells_what_the_press_would(bandscan, tmp_path):
    """Debt, what it stands against, the supply beside it, and the change between named scans."""
    with_totals(tmp_path, 7 * 86_400, 1.25e9)
    with_totals(tmp_path, 0, 1e9)

    text = bandscan("history", "--store", tmp_path).stdout

    assert "debt $1.00B against $2.00B of collateral, 34 borrowers" in text
    assert "stablecoin supply $5.00B: USDC" in text
    assert "debt fell 20.0 % in 7 days, from $1.25B to $1.00B" in text
    [row] = [line for line in text.splitlines() if line.startswith("7 days  ")]
    assert "-$250.0M (-20.0 %)" in row
    assert "24 hours: nothing concluded, no complete scan is stored within 3 hours of" in text
    answer = json.loads(bandscan("history", "--json", "--store", tmp_path).stdout)
    week = answer["windows"][2]
    assert week["changes"]["debt_usd"]["fraction"] == -0.2
    assert week["changes"]["stablecoin_supply_usd"]["change"] == 0.0
    assert week["from"]["block"]["number"] == BLOCK - 7 * 86_400 // 12


def test_history_of_other_markets_concludes_nothing(bandscan, tmp_path):
    """Twice the markets is not twice the leverage."""
    with_totals(tmp_path, 86_400, 0.5e9)
    with_totals(tmp_path, 0, 1e9, markets=("core", "prime"))

    text = bandscan("history", "--store", tmp_path).stdout

    assert "the two scans are of different markets: now with aave_v3 prime" in text
    assert "rose" not in text


def test_scans_of_the_first_release_have_no_totals(bandscan, several):
    """Not recorded: neither zero nor an error."""
    result = bandscan("history", "--store", several)

    assert result.exit_code == 0
    assert "does not record its totals" in result.stdout
    assert "-: not recorded by that scan" in result.stdout
    assert "$0" not in result.stdout
