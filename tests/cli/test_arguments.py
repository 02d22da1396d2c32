"""What the command line refuses, with exit code 2 and before anything is touched."""

from pathlib import Path

import pytest

GOOD = "0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2"  # Aave v3's pool, with its checksum


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--block", "-1"], '"-1" is neither a block number nor one of latest, safe, finalized'),
        (["--block", "pending"], '"pending" is neither a block number'),
        (["--block", "1e6"], '"1e6" is neither a block number'),
        (["--block", "²"], "is neither a block number"),
        (["--block", str(2**63)], "is neither a block number"),
        (["--shock", "ETH"], "did you mean driver:ETH?"),
        (["--shock", "driver:"], "is not driver:X, token:SYMBOL, market or shock:X=1,Y=0.8"),
        (["--shock", "market:ETH"], "is not driver:X, token:SYMBOL, market or shock:"),
        (["--shock", "ETH=1,BTC=0.8"], "did you mean shock:ETH=1,BTC=0.8?"),
        (["--shock", "shock:"], "is not driver:X, token:SYMBOL, market or shock:"),
        (["--shock", "shock:ETH"], '"ETH" is not a driver and its weight, like ETH=1'),
        (["--shock", "shock:ETH=1,"], '"" is not a driver and its weight'),
        (["--shock", "shock:ETH=1,=2"], '"=2" is not a driver and its weight'),
        (["--shock", "shock:ETH=1,ETH=0.5"], "ETH has two weights"),
        (["--shock", "shock:ETH=x"], 'the weight of ETH, "x", is not a number'),
        (["--shock", "shock:ETH=nan"], 'the weight of ETH, "nan", is not a number'),
        (["--shock", "shock:ETH=1e3"], 'the weight of ETH, "1e3", is not a number'),
        (["--shock", "shock:ETH=1.0001"], "has more than 3 decimals, or is beyond 100"),
        (["--shock", "shock:ETH=-101"], "has more than 3 decimals, or is beyond 100"),
        (["--shock", "shock:ETH=0,BTC=0.0"], "a shock needs a weight that is not 0"),
        (["--verify", "0"], "neither a number of accounts above 0"),
        (["--verify", "most"], "neither a number of accounts above 0"),
        (["--patience", "0"], "is not a number above 0"),
        (["--patience", "nan"], "is not a number above 0"),
        (["--patience", "inf"], "is not a number above 0"),
        (["--chain", " "], "give a chain's name or id"),
        (["--deployments", "nowhere.toml"], "does not exist"),
        (["--positions", "all.xlsx"], "must end in .parquet or .csv"),
        (["--positions", "-"], "must end in .parquet or .csv"),
        (["--json", "nowhere/scan.json"], 'the directory "nowhere" does not exist'),
        (["--json", "."], "is a directory"),
        (["--json", "a.csv", "--positions", "./a.csv"], "--json and --positions name the same"),
        (["--json", "a", "--stats", "a"], "--json and --stats name the same file"),
        (["--rpc", "ftp://secret-host/key"], "endpoint 1 of 1 is not an http:// or https:// URL"),
        (["--rpc", "http://a", "--rpc", "http://[b"], "endpoint 2 of 2 is not an http://"),
        (["--rpc", "http://a:port"], "endpoint 1 of 1 is not an http://"),
        (["--verfy", "all"], "No such option"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(
    bandscan, scans, tmp_path, monkeypatch, options, message
):
    """One message, exit code 2, no scan begun, no file made."""
    monkeypatch.chdir(tmp_path)

    result = bandscan(
        "scan", *(["--chain", "ethereum"] if "--chain" not in options else []), *options
    )

    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stdout == ""
    assert scans.requests == []
    assert list(tmp_path.iterdir()) == []


def test_without_a_chain_and_an_endpoint_it_asks_for_one(bandscan, scans):
    """Nothing is scanned by default."""
    result = bandscan("scan")

    assert result.exit_code == 2
    assert "Which chain?" in result.stderr


def test_an_output_must_not_replace_the_deployments_file(bandscan, scans, tmp_path):
    """A slip that would cost the user their own file."""
    mine = tmp_path / "mine.toml"
    mine.write_text("precious")

    result = bandscan("scan", "--chain", "1", "--deployments", mine, "--json", mine)

    assert result.exit_code == 2
    assert mine.read_text() == "precious"


def test_two_outputs_may_both_go_to_nowhere(bandscan, scans):
    """A device takes everything, and stays a device."""
    result = bandscan("scan", "--chain", "ethereum", "--json", "/dev/null", "--stats", "/dev/null")

    assert result.exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_a_mistyped_option_does_not_show_its_url(bandscan, scans):
    """click would quote it."""
    for given in (
        ["--rcp", "https://node.example/secretkey1"],
        ["https://node.example/secretkey1"],
    ):
        result = bandscan("scan", *given)

        assert result.exit_code == 2
        assert "secretkey1" not in result.output


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("0x1234", "is not an address"),
        (GOOD[2:], "is not an address"),
        (GOOD + "0", "is not an address"),
        ("0x" + "g" * 40, "is not an address"),
        (GOOD.replace("Bca3", "bca3"), "the checksum of"),
    ],
)
def test_an_address_must_be_whole_and_its_checksum_right(bandscan, store, address, message):
    """A mistyped address must not read as "owes nothing"."""
    result = bandscan("account", address, "--store", store)

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("address", [GOOD, GOOD.lower(), "0x" + GOOD[2:].upper()])
def test_an_address_in_one_case_needs_no_checksum(bandscan, store, address):
    """Explorers and logs print them in lower case."""
    result = bandscan("account", address, "--store", store)

    assert result.exit_code == 0
    assert GOOD.lower() in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "0"], "is not a number above 0"),
        (["--to", "-5"], "is not a number above 0"),
        (["--from", "x"], "is not a number above 0"),
        (["--from", "1900", "--to", "1700"], "--from 1900 is above --to 1700"),
    ],
)
@pytest.mark.parametrize("command", ["ticks", "positions"])
def test_a_price_range_must_hold_something(bandscan, store, command, options, message):
    """Positive, and the lower price first."""
    result = bandscan(command, "ETH", "--store", store, *options)

    assert result.exit_code == 2
    assert message in result.stderr


def test_no_command_shows_the_help(bandscan):
    """With the usage code, since nothing was done."""
    result = bandscan()

    assert result.exit_code == 2
    assert "bandscan scan --chain ethereum" in result.stderr


def test_two_shocks_of_one_name_are_refused(bandscan, scans, tmp_path):
    """They would be one driver in the result, with every position counted twice."""
    place = ("--chain", "ethereum", "--store", tmp_path / "s")
    for one, other in (("driver:LINK", "token:LINK"), ("market", "token:market")):
        result = bandscan("scan", *place, "--shock", one, "--shock", other)
        assert result.exit_code == 2
        assert f"{one} and {other} have one name" in " ".join(result.stderr.split())
    assert not scans.requests

    bandscan("scan", *place, "--shock", "driver:ETH", "--shock", "driver:ETH", "--shock", "market")
    assert scans.requests[-1].shocks == ("driver:ETH", "market")
