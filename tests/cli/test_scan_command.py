"""`bandscan scan`: what it asks for, hands over, and returns."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cli import fake_scan
from scanner.errors import EndpointError, ReadError, StoreError, UsageError

KEY = "0123456789abcdef0123456789abcdef"
URL = f"https://eth-mainnet.example.com/v2/{KEY}"


def test_a_complete_scan_prints_the_whales_range_and_returns_0(bandscan, scans):
    """The range to the cent, with the collateral and the large accounts in it."""
    result = bandscan("scan", "--chain", "ethereum")

    assert result.exit_code == 0
    assert "ETH $1,781.09-$1,862.02   $1.20B at risk (650,612 WETH)" in result.stdout
    assert "6 large accounts of 8" in result.stdout
    assert "2 of 2 reserves exact: every borrower found" in result.stdout


def test_an_incomplete_scan_prints_everything_and_returns_3(bandscan, scans):
    """Nothing found is thrown away; the headline says why it is not all."""
    scans.run = lambda request, watch: fake_scan.finished(complete=False)

    result = bandscan("scan", "--chain", "ethereum")

    assert result.exit_code == 3
    headline = result.stdout.splitlines()[0]
    assert "INCOMPLETE: The endpoint stopped answering after 17 of 18 batches." in headline
    assert "ETH $1,781.09-$1,862.02   ≥$1.20B at risk" in result.stdout


def test_options_become_the_request(bandscan, scans, tmp_path):
    """Every option arrives where scan.py looks for it."""
    deployments = tmp_path / "mine.toml"
    deployments.write_text("")

    bandscan(
        *("scan", "--chain", "31337", "--rpc", "http://127.0.0.1:1", "--rpc", "http://127.0.0.1:2"),
        *("--protocol", "aave_v3", "--deployments", deployments, "--store", tmp_path / "s"),
        *("--block", "17", "--shock", "driver:ETH", "--shock", "driver:ETH", "--shock", "market"),
        *("--verify", "all", "--patience", "2.5"),
    )

    assert scans.requests == [
        fake_scan.Request(
            chain=31337,
            rpc=("http://127.0.0.1:1", "http://127.0.0.1:2"),
            protocols=("aave_v3",),
            deployments=deployments,
            store=tmp_path / "s",
            block=17,
            shocks=("driver:ETH", "market"),
            verify=None,
            patience=2.5,
        )
    ]


def test_defaults_are_the_documented_ones(bandscan, scans, monkeypatch, tmp_path):
    """The newest block, 100 accounts checked, every driver; URLs and store from the environment."""
    monkeypatch.setenv("BANDSCAN_RPC", "http://127.0.0.1:1, http://127.0.0.1:2\nhttp://[::1]:3")
    monkeypatch.setenv("BANDSCAN_STORE", str(tmp_path / "mine"))

    bandscan("scan")

    (request,) = scans.requests
    assert request.rpc == ("http://127.0.0.1:1", "http://127.0.0.1:2", "http://[::1]:3")
    assert (request.chain, request.block, request.verify) == (None, "latest", 100)
    assert (request.shocks, request.protocols, request.patience) == ((), (), 600.0)
    assert request.store == tmp_path / "mine"


def test_json_to_stdout_is_the_document_and_nothing_else(bandscan, scans):
    """Byte for byte; the summary goes to stderr."""
    result = bandscan("scan", "--chain", "ethereum", "--json", "-")

    assert result.stdout_bytes == fake_scan.finished().document_bytes
    assert "ETH $1,781.09-$1,862.02" in result.stderr


def test_files_are_written_beside_the_summary(bandscan, scans, tmp_path):
    """The document's own bytes, every position, the facts of the run; no left-over beside them."""
    result = bandscan(
        *("scan", "--chain", "ethereum", "--json", tmp_path / "scan.json"),
        *("--positions", tmp_path / "all.csv", "--stats", tmp_path / "stats.json"),
    )

    assert result.exit_code == 0
    assert (tmp_path / "scan.json").read_bytes() == fake_scan.finished().document_bytes
    assert len(pd.read_csv(tmp_path / "all.csv")) == 34
    assert json.loads((tmp_path / "stats.json").read_text())["requests"] == 42
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "all.csv",
        "scan.json",
        "stats.json",
    ]


def test_a_file_that_cannot_be_written_stops_none_of_the_others(
    bandscan, scans, tmp_path, monkeypatch
):
    """The summary and the positions still come; the message is last and the code is 3."""

    def full(path: Path, data: bytes) -> None:
        raise StoreError("The file could not be written: No space left.", exit_code=3, file=path)

    monkeypatch.setattr("scanner.outputs.files.write", full)
    result = bandscan(
        *("scan", "--chain", "ethereum", "--json", tmp_path / "scan.json"),
        *("--positions", tmp_path / "all.parquet"),
    )

    assert result.exit_code == 3
    assert "ETH $1,781.09-$1,862.02" in result.stdout
    assert len(pd.read_parquet(tmp_path / "all.parquet")) == 34
    assert "error: The file could not be written: No space left." in result.stderr


def test_quiet_prints_nothing(bandscan, scans):
    """Not even progress messages."""

    def told(request: Any, watch: Any) -> Any:
        watch.step("discovering borrowers", 10)
        watch.say("endpoint 1 of 2 is slow")
        return fake_scan.finished()

    scans.run = told
    assert "endpoint 1 of 2 is slow" in bandscan("scan", "--chain", "ethereum").stderr
    assert bandscan("scan", "--chain", "ethereum", "--quiet").output == ""


def test_quiet_does_not_hide_that_a_scan_is_incomplete(bandscan, scans):
    """One line on stderr, and the exit code."""
    scans.run = lambda request, watch: fake_scan.finished(complete=False)

    result = bandscan("scan", "--chain", "ethereum", "--quiet")

    assert result.exit_code == 3
    assert result.output == ("incomplete: The endpoint stopped answering after 17 of 18 batches.\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("No chain is called x."), 2),
        (StoreError("Another scan is writing."), 2),
        (StoreError("Disk full.", exit_code=3), 3),
        (ReadError("The endpoints stopped."), 3),
        (EndpointError("endpoint 1 of 1 is not reachable."), 4),
    ],
)
def test_an_error_has_a_message_and_its_exit_code(bandscan, scans, error, code):
    """No traceback, the fix where there is one."""

    def fails(request: Any, watch: Any) -> Any:
        raise error

    scans.run = fails
    result = bandscan("scan", "--chain", "ethereum")

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == f"error: {error.what}\n"


def test_ctrl_c_says_that_all_is_kept(bandscan, scans):
    """3, since 130 is no code of ours."""

    def interrupted(request: Any, watch: Any) -> Any:
        raise KeyboardInterrupt

    scans.run = interrupted
    result = bandscan("scan", "--chain", "ethereum")

    assert result.exit_code == 3
    assert "stopped; everything found so far is kept, run again to go on" in result.stderr


def test_an_unexpected_error_is_one_line_without_the_url(bandscan, scans, monkeypatch):
    """The type, the message, the advice; the traceback, redacted as well, only when asked for."""

    def fails(request: Any, watch: Any) -> Any:
        try:
            raise ConnectionError(f"GET /v2/{KEY} on eth-mainnet.example.com:443")
        except ConnectionError as error:
            raise RuntimeError(f"no answer\nfrom {request.rpc[0]}") from error

    scans.run = fails
    result = bandscan("scan", "--rpc", URL)

    assert result.exit_code == 3
    assert result.stderr.splitlines()[0] == "internal error: RuntimeError: no answer from <hidden>"
    assert "BANDSCAN_DEBUG=1" in result.stderr
    assert "Traceback" not in result.stderr

    monkeypatch.setenv("BANDSCAN_DEBUG", "1")
    traced = bandscan("scan", "--rpc", URL).stderr
    assert "Traceback" in traced
    assert KEY not in traced
    assert "eth-mainnet.example.com" not in traced


@pytest.mark.parametrize("how", ["option", "environment"])
def test_no_message_shows_a_url_or_a_piece_of_it(bandscan, scans, monkeypatch, how):
    """In errors of ours, in progress messages, wherever the URL was given."""

    def told(request: Any, watch: Any) -> Any:
        watch.say(f"retrying https://u:{KEY}@eth-mainnet.example.com and {KEY}")
        raise ReadError(f"no answer from {request.rpc[0]}", path=f"/v2/{KEY}")

    scans.run = told
    given = ["--rpc", URL] if how == "option" else []
    if how == "environment":
        monkeypatch.setenv("BANDSCAN_RPC", URL)
    result = bandscan("scan", *given)

    assert result.exit_code == 3
    assert KEY not in result.output
    assert "example.com" not in result.output
    assert "no answer from <hidden>" in result.stderr
