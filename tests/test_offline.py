"""Every reading command answers from the store alone: no socket is opened, no name is looked up."""

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from bench import stored as sample
from click.testing import CliRunner

from scanner import answers, reading
from scanner.cli import main

# Commands that need an endpoint or open a socket by design; all others must be below.
NEED_A_NODE = {"scan", "watch", "doctor", "serve", "verify", "liquidations", "backfill"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offline")
    sample.make(folder, positions=300, scans=4)
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever asks for the network fails, and is noted."""
    asked: list[str] = []

    def refuse(*arguments: Any, **more: Any) -> NoReturn:
        asked.append(repr(arguments)[:80])
        raise AssertionError("the network was asked for")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    for name in ("BANDSCAN_RPC", "BANDSCAN_STORE"):
        monkeypatch.delenv(name, raising=False)
    return asked


def commands(store: Path, folder: Path) -> dict[str, list[list[object]]]:
    """How each reading command is asked, by its name."""
    frame = reading.newest(store, None).positions
    someone = str(frame[(frame["driver"] == "ETH") & (frame["side"] == "long")]["account"].iloc[0])
    scans = answers.scans(store, None)["scans"]
    last, first = scans[0]["scan_id"], scans[-1]["scan_id"]
    groups = folder / "groups.csv"
    groups.write_text(f"{someone},Example Capital\n")
    return {
        "bands": [["ETH"], ["ETH", "--group", groups]],
        "ticks": [["ETH"]],
        "levels": [["ETH"], ["ETH", "--at", 1_500]],
        "positions": [["ETH"], ["ETH", "--band", 1, "--top", 3], ["ETH", "--group", groups]],
        "account": [[someone], [someone, "--driver", "ETH", "--reach", 900]],
        "history": [["ETH"], []],
        "diff": [[first, last], [first, last, "--driver", "ETH"]],
        "scans": [[]],
        "report": [["--out", folder / "site"]],
        "accounts": [[]],
        "protocols": [[]],
        "tokens": [[]],
        "backtest": [["ETH"]],
    }


def test_every_command_is_a_reading_one_or_needs_a_node(store: Path, tmp_path: Path):
    known = NEED_A_NODE | commands(store, tmp_path).keys()
    assert set(main.commands) <= known


@pytest.mark.parametrize("name", sorted(set(main.commands) - NEED_A_NODE))
def test_a_reading_command_asks_nobody(name: str, store: Path, tmp_path: Path, offline: list[str]):
    """In the terminal and as JSON."""
    for arguments in commands(store, tmp_path)[name]:
        for more in ([], ["--json"]) if name != "report" else ([],):
            at = [] if name == "protocols" else ["--store", store]
            ended = CliRunner().invoke(main, [str(a) for a in (name, *arguments, *at, *more)])
            assert offline == []
            if name == "accounts" and ended.exit_code == 2:
                assert "store" in ended.stderr  # the made-up store keeps scans and no ledger
                continue
            # Nobody has read the liquidations since: the back-test says so and is incomplete.
            assert ended.exit_code == (3 if name == "backtest" else 0), ended.stderr
            assert ended.stdout.strip()
            if more:
                assert json.loads(ended.stdout)


def test_the_block_is_real(offline: list[str]):
    """What is forbidden here would be seen."""
    with pytest.raises(AssertionError):
        socket.create_connection(("192.0.2.1", 80))
    assert len(offline) == 1
