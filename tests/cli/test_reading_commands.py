"""`bands`, `ticks`, `positions` and `account`, from a stored scan."""

import json
import math
import re
from pathlib import Path

import pytest

from cli import whales_sample
from scanner.store import snapshots

WHALE = whales_sample.address(1)  # 200,412 WETH, liquidated below $1,862.02
SHORT = whales_sample.address(300)
LOOP = whales_sample.address(302)
ALREADY = whales_sample.address(303)
COMMANDS = (["bands", "ETH"], ["ticks", "ETH"], ["positions", "ETH"], ["account", WHALE])


def test_bands_are_a_table_of_the_documents_bands(bandscan, store):
    """Kind, range, amounts, what is normal there, chance, accounts, distance."""
    result = bandscan("bands", "eth", "--store", store)

    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == [
        "Ethereum · block 24,512,345 · 2026-02-09 14:05 UTC · complete",
        "ETH at $2,150.40",
    ]
    row = next(line for line in result.stdout.splitlines() if "$1,781.09" in line)
    assert re.split(" {2,}", row) == [
        "1",
        "band",
        "long",
        "$1,781.09-$1,862.02",
        "$1.20B",
        "650,612 WETH",
        "$92.0M (13x)",
        "0.004 strong",
        "8",
        "31 %",
        "-13.4 % to -17.2 %",
        "$992.4M",
        "$521.0M",
    ]


def test_no_band_is_not_no_risk(bandscan, store):
    """What is at risk outside any band is said: 50 WBTC at $60,000."""
    result = bandscan("bands", "BTC", "--store", store)

    assert "No band stands out; at risk at all prices: $3.0M below and $0 above." in result.stdout


def test_ticks_are_a_ladder_with_spot_in_its_place(bandscan, store):
    """High prices on top: the short, then spot, then the long side."""
    lines = bandscan("ticks", "ETH", "--store", store).stdout.splitlines()
    short = next(i for i, line in enumerate(lines) if "short" in line)
    spot = next(i for i, line in enumerate(lines) if "spot $2,150.40" in line)
    long = next(i for i, line in enumerate(lines) if "long" in line)

    assert short < spot < long
    assert "█" * 24 in next(line for line in lines if "$1,859.56-$1,864.21" in line)


def test_ticks_between_two_prices(bandscan, store):
    """Ticks that touch the range; the whale at $1,820.25 alone lies between 1,815 and 1,825."""
    result = bandscan("ticks", "ETH", "--from", 1815, "--to", 1825, "--json", "--store", store)

    (tick,) = json.loads(result.stdout)["ticks"]
    assert tick["low_usd"] <= 1820.25 < tick["high_usd"]
    assert tick["collateral_at_risk_usd"] == pytest.approx(80_000 * 1820.25)


def test_ticks_far_from_spot_are_counted_not_hidden(bandscan, store):
    """The terminal shows 30 % around spot, JSON everything."""
    shown = bandscan("ticks", "ETH", "--store", store).stdout
    listed = json.loads(bandscan("ticks", "ETH", "--json", "--store", store).stdout)["ticks"]

    assert len(listed) == 30  # 6 + 24 + 1 accounts, two of them in one tick
    assert "13 ticks further away" in shown


def test_positions_begin_with_the_nearest(bandscan, store):
    """$1,930 is 10.2 % below $2,150.40; addresses are shortened."""
    result = bandscan("positions", "ETH", "--store", store, "--limit", 2)

    rows = [line for line in result.stdout.splitlines() if line.startswith("0x")]
    assert [row.split()[4] for row in rows] == ["$1,930.00", "$1,890.00"]
    assert "-10.2 %" in rows[0]
    assert rows[0].startswith("0x0000…007b")
    assert "2 of 31 positions" in result.stdout
    assert "1 position already liquidatable, not in this list" in result.stdout


@pytest.mark.parametrize(
    ("options", "first", "matching"),
    [
        (["--sort", "at-risk"], WHALE, 31),
        (["--sort", "price"], SHORT, 31),
        (["--side", "short"], SHORT, 1),
        (["--from", "1855", "--to", "1870"], WHALE, 1),
        (["--side", "long", "--sort", "debt"], WHALE, 30),
    ],
)
def test_positions_are_filtered_and_sorted(bandscan, store, options, first, matching):
    """By side, price and size."""
    result = bandscan("positions", "ETH", "--json", "--store", store, *options)

    answer = json.loads(result.stdout)
    assert answer["matching"] == len(answer["positions"]) == matching
    assert answer["positions"][0]["account"] == first


def test_positions_of_a_range_add_up_to_it(bandscan, store):
    """Every range by its number in `bands`; its members' collateral is what the range says."""
    bands = json.loads(bandscan("bands", "ETH", "--json", "--store", store).stdout)["bands"]
    assert bands
    for number, band in enumerate(bands, 1):
        result = bandscan("positions", "ETH", "--band", number, "--json", "--store", store)

        found = json.loads(result.stdout)["positions"]
        assert len(found) == band["positions"]
        assert {row["side"] for row in found} == {band["side"]}
        total = sum(row["collateral_at_risk_usd"] for row in found)
        assert total == pytest.approx(band["collateral_at_risk_usd"], abs=0.01)
        top = bandscan("positions", "ETH", "--band", number, "--top", 1, "--store", store)
        assert sum(line.startswith("0x") for line in top.stdout.splitlines()) == 1


def test_the_number_of_a_range_is_the_same_whichever_are_shown(bandscan, store):
    """`--side` leaves rows out and renumbers none."""
    everything = bandscan("bands", "ETH", "--store", store).stdout.splitlines()
    shown = bandscan("bands", "ETH", "--side", "long", "--store", store).stdout.splitlines()

    numbered = {line.split()[0]: line.split()[1:4] for line in everything if line[:1].isdigit()}
    some = {line.split()[0]: line.split()[1:4] for line in shown if line[:1].isdigit()}
    assert some
    assert some.items() <= numbered.items()


def test_a_range_that_is_not_there_is_refused(bandscan, store):
    """Exit 2, and how many there are."""
    result = bandscan("positions", "ETH", "--band", 99, "--store", store)

    assert result.exit_code == 2
    assert "ETH has no range 99 in this scan" in result.stderr
    assert "bandscan bands ETH" in result.stderr


def test_wide_shows_addresses_in_full(bandscan, store, monkeypatch):
    """Whatever the terminal's width."""
    monkeypatch.setenv("COLUMNS", "60")

    assert (
        whales_sample.address(123)
        in bandscan("positions", "ETH", "--wide", "--store", store).stdout
    )


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (WHALE, "can be liquidated when ETH falls below $1,862.02 (-13.4 %): $373.2M at risk"),
        (SHORT, "can be liquidated when ETH rises above $2,500.00 (+16.3 %): $3.0M at risk"),
        (LOOP, "no ETH price liquidates it"),
        (ALREADY, "liquidatable now: its health factor is below 1"),
    ],
)
def test_an_account_is_told_what_each_driver_does_to_it(bandscan, store, account, said):
    """In a sentence, with its legs below."""
    result = bandscan("account", account, "--store", store)

    assert result.exit_code == 0
    assert said in result.stdout
    assert "collateral" in result.stdout


def test_an_account_that_owes_nothing_is_told_where_was_looked(bandscan, store):
    """No position is an answer about the markets scanned, and about no others."""
    nobody = whales_sample.address(999)
    result = bandscan("account", nobody, "--store", store)

    assert result.exit_code == 0
    assert f"{nobody} owes nothing in what was scanned: aave_v3 core." in result.stdout


def test_in_an_incomplete_scan_a_missing_account_may_be_an_unknown_one(bandscan, tmp_path):
    """It is never said to owe nothing."""
    whales_sample.store(tmp_path, complete=False)
    result = bandscan("account", whales_sample.address(999), "--store", tmp_path)

    assert result.exit_code == 3
    assert "was not found in what was scanned" in result.stdout
    assert "3 accounts are unknown, and this may be one of them" in result.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_json_is_one_object_with_the_scans_certificate(bandscan, store, command):
    """Schema, chain, block, completeness, and the list asked for; no NaN anywhere."""
    result = bandscan(*command, "--json", "--store", store)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    answer = json.loads(result.stdout, parse_constant=refuse)
    assert (answer["schema"], answer["chain_id"]) == ("bandscan/1", 1)
    assert (answer["block"]["number"], answer["complete"]) == (whales_sample.BLOCK, True)
    assert answer["certificate_summary"]["exact"] == 2
    assert answer[{"account": "positions"}.get(command[0], command[0])]
    assert result.stderr == ""


def test_a_price_that_does_not_exist_is_null(bandscan, store):
    """The loop has no liquidation price."""
    result = bandscan("account", LOOP, "--json", "--store", store)

    (position,) = json.loads(result.stdout)["positions"]
    assert position["liquidation_price_usd"] is None
    assert math.isclose(position["health_factor"], 1.2 * 0.93)


def test_json_goes_to_a_file_whole(bandscan, store, tmp_path):
    """The file has what stdout would have had."""
    target = tmp_path / "bands.json"

    printed = bandscan("bands", "ETH", "--json", "--store", store).stdout_bytes
    result = bandscan("bands", "ETH", "--json", target, "--store", store)

    assert (result.exit_code, result.output) == (0, "")
    assert target.read_bytes() == printed


def test_an_unknown_driver_is_told_which_there_are(bandscan, store):
    """Largest first."""
    result = bandscan("positions", "LINK", "--store", store)

    assert result.exit_code == 2
    assert 'The scan has no driver called "LINK".' in result.stderr
    assert "ETH, BTC" in result.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_empty_store_is_told_so_and_not_made(bandscan, tmp_path, command):
    """Exit code 2, the next step in the message, and no directory from a mistyped path."""
    result = bandscan(*command, "--store", tmp_path / "mistyped")

    assert result.exit_code == 2
    assert "There is no finished scan yet." in result.stderr
    assert "bandscan scan --chain ethereum" in result.stderr
    assert not (tmp_path / "mistyped").exists()


def test_a_store_of_several_chains_asks_for_one(bandscan, store):
    """And takes its name or its id."""
    made = whales_sample.scan()
    made["document"]["chain_id"] = 8453
    snapshots.write(
        store,
        8453,
        whales_sample.BLOCK,
        whales_sample.HASH,
        True,
        whales_sample.as_bytes(made["document"]),
        made["positions"],
        made["legs"],
    )

    unsaid = bandscan("bands", "ETH", "--store", store)
    assert unsaid.exit_code == 2
    assert "ethereum, base" in unsaid.stderr
    assert bandscan("bands", "ETH", "--store", store, "--chain", "base").stdout.startswith("Base ·")
    assert bandscan("bands", "ETH", "--store", store, "--chain", "1").exit_code == 0
    assert bandscan("bands", "ETH", "--store", store, "--chain", "10").exit_code == 2


def test_a_newer_incomplete_scan_is_mentioned_and_not_shown(bandscan, store):
    """The newest complete scan stays the answer."""
    whales_sample.store(store, complete=False, block=whales_sample.BLOCK + 100)

    result = bandscan("bands", "ETH", "--store", store)

    assert result.exit_code == 0
    assert "complete" in result.stdout.splitlines()[0]
    assert "There is a newer but incomplete scan, of block 24,512,445" in result.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_incomplete_scan_is_shown_with_a_warning_if_there_is_no_other(
    bandscan, tmp_path, command
):
    """Exit code 3, and every amount is called a lower bound."""
    whales_sample.store(tmp_path, complete=False)

    result = bandscan(*command, "--store", tmp_path)

    assert result.exit_code == 3
    assert "warning: There is no complete scan yet" in result.stderr
    assert "INCOMPLETE" in result.stdout.splitlines()[0]
    assert "Every amount below is a lower bound" in result.stdout


def test_an_old_scan_says_so(bandscan, store, monkeypatch):
    """31 hours after the block."""
    monkeypatch.setattr("time.time", lambda: float(whales_sample.TIME + 31 * 3600))

    result = bandscan("bands", "ETH", "--store", store)

    assert result.stderr == (
        "note: This scan is 31 hours old; prices and positions have moved since.\n"
    )


@pytest.mark.parametrize("file", ["scan.json", "positions.parquet", "meta.json"])
def test_a_damaged_store_is_one_message(bandscan, store, file):
    """Exit code 2 and the file's name, no traceback."""
    (path,) = store.rglob(file)
    path.write_bytes(path.read_bytes()[:10])

    result = bandscan("positions", "ETH", "--store", store)

    assert result.exit_code == 2
    assert "damaged" in result.stderr
    assert file in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "bandscan/2"}, "The stored scan is not written as bandscan/1."),
        ({"bands": None}, "The stored scan lacks bands."),
    ],
)
def test_a_scan_of_another_version_is_refused(bandscan, tmp_path, change, message):
    """Rather than read wrongly."""
    made = whales_sample.scan()
    document = whales_sample.as_bytes(made["document"] | change)
    snapshots.write(
        tmp_path, 1, 1, whales_sample.HASH, True, document, made["positions"], made["legs"]
    )

    result = bandscan("bands", "ETH", "--store", tmp_path)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_store_that_is_a_file_is_refused(bandscan, tmp_path):
    """By name."""
    (tmp_path / "file").write_text("")

    result = bandscan("bands", "ETH", "--store", tmp_path / "file")

    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_symbols_cannot_steer_the_terminal(bandscan, tmp_path: Path):
    """An escape sequence, rich markup and a very long name in a token's symbol."""
    evil = "\x1b]0;owned\x07[red]WETH[/red]\u202e" + "x" * 60
    whales_sample.store(tmp_path, symbol=evil)

    for command in COMMANDS:
        shown = bandscan(*command, "--store", tmp_path).stdout

        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert "\u202e" not in shown
        assert "x" * 20 not in shown
    assert "[red]WETH[/" in bandscan("bands", "ETH", "--store", tmp_path).stdout
