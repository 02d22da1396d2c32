"""The example bot: tells what comes near, once, from a store, a server or a site."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli import whales_sample
from examples import alert

from api import stores
from api.process import ROOT, environment, serving
from scanner import open_store

SENTENCE = (
    "ETH at $2,150.40 is 13.4% from $1,781.09-$1,862.02: if it falls there,"
    " $1,195.6M of 8 accounts can be liquidated.\n"
)


OLD = ("--stale", "1e9")  # the sample's block is of February 2026


def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """The script as a process of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "examples" / "alert.py"), *words],
        capture_output=True,
        text=True,
        env=environment(**changes),
        timeout=60,
        check=False,
    )


Bot = Callable[..., tuple[object, str]]


@pytest.fixture
def bot(capsys: pytest.CaptureFixture[str]) -> Bot:
    """The script in this process: how it ends, and what it prints."""

    def call(*words: str) -> tuple[object, str]:
        try:
            code: object = alert.main(words)
        except SystemExit as left:
            code = left.code
        return code, capsys.readouterr().out

    return call


def test_a_band_within_reach_is_told(store, bot):
    """From a store and from a server; a smaller reach or a larger amount says nothing."""
    with serving(store) as server:
        for place in (["--store", str(store)], ["--api", f"http://127.0.0.1:{server.port}"]):
            near = [*place, "--within", "15", "--dry-run", *OLD]
            assert bot(*near, "--over", "1e9") == (0, SENTENCE)
            assert bot(*near, "--over", "1.2e9") == (0, "")
            assert bot(*near, "--driver", "btc") == (0, "")
            assert bot(*place, "--within", "13", "--dry-run", *OLD) == (0, "")


def test_a_published_site_will_do(store, tmp_path, bot):
    """Without a server of one's own."""
    from scanner.reporting.report import Asked, build

    build(Asked(store=store, chain=None, out=tmp_path / "site"))

    words = ("--site", str(tmp_path / "site"), "--within", "15", "--dry-run", *OLD)
    assert bot(*words) == (0, SENTENCE)


def test_what_was_told_is_not_told_again(store, tmp_path):
    """Not even after a restart."""
    words = ("--store", str(store), "--within", "15", "--memory", str(tmp_path / "memory"), *OLD)

    assert run(*words, "--dry-run").stdout == SENTENCE
    assert run(*words, "--dry-run").stdout == ""


class Fake:
    """A reader of one band, at a distance that the test chooses."""

    def __init__(self) -> None:
        self.bands_near: list[dict[str, Any]] = []
        self.hours = 1.0

    def at(self, *rows: tuple[float, int]) -> "Fake":
        band = stores._made(True)["document"]["bands"][0]
        self.bands_near = [
            {**band, "distance": -distance, "tick_low": tick, "tick_high": tick + 5}
            for distance, tick in rows
        ]
        return self

    def drivers(self) -> dict[str, Any]:
        return {
            "block": {"timestamp": time.time() - self.hours * 3600},
            "drivers": [
                {"driver": "ETH", "spot_usd": 2000.0},
                {"driver": "market", "spot_usd": None},
            ],
        }

    def bands(self, driver: str) -> dict[str, Any]:
        assert driver == "ETH"
        return {"bands": self.bands_near}


def test_a_band_is_told_again_only_after_spot_has_been_away():
    """Half as far again as the reach; on the edge nobody is told twice."""
    fake, memory, sent = Fake(), alert.Memory(None), []
    for distance, expected in ((0.2, 0), (0.09, 1), (0.11, 1), (0.09, 1), (0.16, 1), (0.09, 2)):
        alert.look(fake.at((distance, 100)), memory, sent.append, [], 0.1, 1e6, 24)
        assert len(sent) == expected


def test_a_band_that_grows_or_shifts_a_little_is_the_same():
    """One that lies somewhere else is another."""
    fake, memory, sent = Fake(), alert.Memory(None), []
    for tick, expected in ((100, 1), (103, 1), (107, 1), (300, 2)):
        alert.look(fake.at((0.05, tick)), memory, sent.append, [], 0.1, 1e6, 24)
        assert len(sent) == expected


def test_an_old_scan_is_told_once():
    """Silence must not look like safety; told again when the scan has been fresh in between."""
    fake, memory, sent = Fake(), alert.Memory(None), []
    for hours, expected in ((1, 0), (25, 1), (26, 1), (1, 1), (30, 2)):
        fake.hours = hours
        alert.look(fake, memory, sent.append, [], 0.1, 1e6, 24)
        assert len(sent) == expected
    assert sent[0] == "The newest scan is 25 hours old: silence does not mean safety."


def test_an_old_scan_is_told_of_the_sample(store, tmp_path):
    """By the script as it is, and not again after a restart."""
    words = ("--store", str(store), "--within", "15", "--memory", str(tmp_path / "memory"))
    first, second = (run(*words, "--dry-run") for _ in range(2))

    assert first.stdout.startswith(SENTENCE + "The newest scan is ")
    assert second.stdout == ""


def test_what_could_not_be_sent_is_tried_again():
    """And what was sent before it is not."""
    fake, memory, sent = Fake().at((0.05, 100), (0.06, 200)), alert.Memory(None), []

    def send(text: str) -> None:
        if len(sent) == 1:
            raise alert.BandscanError("no line")
        sent.append(text)

    with pytest.raises(alert.BandscanError):
        alert.look(fake, memory, send, [], 0.1, 1e6, 24)
    alert.look(fake, memory, sent.append, [], 0.1, 1e6, 24)

    assert len(sent) == 2


def test_messages_go_out_through_apprise(store, tmp_path):
    """Here through a plug-in that writes them down; its URL comes from the environment."""
    sent = str(tmp_path / "sent")
    (tmp_path / "sitecustomize.py").write_text(
        "import apprise.decorators\n"
        "@apprise.decorators.notify(on='note')\n"
        f"def note(body, title, *_, **__): open({sent!r}, 'a').write(f'{{title}}: {{body}}')\n"
    )
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    words = ("--store", str(store), "--within", "15", *OLD)
    done = run(*words, BANDSCAN_ALERT="note://here", PYTHONPATH=path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sent").read_text() + "\n" == "bandscan: " + SENTENCE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "set BANDSCAN_ALERT"),
        ({"BANDSCAN_ALERT": "nonsense"}, "set BANDSCAN_ALERT"),
    ],
)
def test_without_an_address_it_says_so(store, changes, said):
    """Before it looks."""
    done = run("--store", str(store), **changes)

    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_apprise_it_says_what_to_install(store, tmp_path):
    """A missing library is no traceback."""
    (tmp_path / "apprise.py").write_text("raise ImportError")
    done = run("--store", str(store), PYTHONPATH=f"{tmp_path}:{environment()['PYTHONPATH']}")

    assert done.returncode == 1
    assert "pip install apprise" in done.stderr


@pytest.mark.parametrize(
    "words",
    [["--api", "http://127.0.0.1:9"], ["--api", "x"], ["--store", "nowhere"], ["--site", "x"]],
)
def test_what_cannot_be_read_is_told(words):
    """In a sentence, exit code 1."""
    done = run(*words, "--dry-run")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("alert: ")
    assert "Traceback" not in done.stderr


def test_a_damaged_memory_is_told(store, tmp_path):
    """It is not overwritten."""
    (tmp_path / "memory").write_text("{")
    done = run("--store", str(store), "--memory", str(tmp_path / "memory"), "--dry-run")

    assert (done.returncode, "damaged" in done.stderr) == (1, True)
    assert (tmp_path / "memory").read_text() == "{"


def test_the_memory_is_plain(store, tmp_path: Path):
    """Somebody may want to look."""
    memory = alert.Memory(tmp_path / "memory")
    alert.look(open_store(store), memory, lambda text: None, ["ETH"], 0.15, 1e6, 1e9)

    kept = json.loads((tmp_path / "memory").read_text())
    [row] = kept["told"]
    assert kept["stale"] is False
    assert (row["driver"], row["side"]) == ("ETH", "long")
    assert row["tick_low"] <= whales_sample._tick(1800) <= row["tick_high"]


@pytest.mark.parametrize(
    "words",
    [("--within", "nan"), ("--within=-5",), ("--over", "nan"), ("--stale", "inf"), ("--every=-1",)],
)
def test_a_number_that_would_keep_it_silent_is_refused(store, bot, words):
    """Nothing compares with nan."""
    assert bot("--store", str(store), "--dry-run", *words) == (2, "")


def test_a_driver_that_is_not_there_is_told(store):
    """Silence about a driver that nobody has would look like safety."""
    done = run("--store", str(store), "--dry-run", "--driver", "ETHH", *OLD)

    assert done.returncode == 1
    assert "no such driver" in done.stderr
    assert "ETH, BTC" in done.stderr


def test_a_memory_that_cannot_be_written_is_told(store, tmp_path):
    """In a line, and the bot goes on looking."""
    memory = tmp_path / "missing" / "memory.json"
    done = run("--store", str(store), "--dry-run", "--memory", str(memory), *OLD)

    assert done.returncode == 1
    assert "cannot be remembered" in done.stderr
    assert "Traceback" not in done.stderr
