"""The command as a process of its own: imports, streams that misbehave, signals."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import whales_sample

ROOT = Path(__file__).parents[2]
HEAVY = ("web3", "pandas", "pyarrow", "scipy", "multicall", "aiohttp", "numpy", "rich")
FAKE = ("-m", "cli.fake_scan")


def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        cwd=ROOT,
        env=environment(**changes),
        timeout=60,
        check=False,
    )


def environment(**changes: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BANDSCAN", "COLUMNS", "PYTHONIOENCODING", "NO_COLOR"))
    }
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", **changes}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["scan", "--help"], ["doctor", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments):
    """Neither the chain client nor the tables, nor rich: sys.modules afterwards says so."""
    code = (
        "import sys\n"
        "from scanner.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as left:\n"
        f"    print(left.code, [name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    ended = run("-c", code)

    assert ended.stdout.splitlines()[-1] == b"0 []", ended.stderr


def test_the_summary_survives_a_terminal_without_unicode():
    """ASCII stands in, one character for one, so that columns stay straight."""
    ended = run(*FAKE, "incomplete", "scan", "--chain", "ethereum", PYTHONIOENCODING="ascii")

    assert ended.returncode == 3
    text = ended.stdout.decode("ascii")
    assert text.startswith("Ethereum - block 24,512,345 - 2026-02-09 14:05 UTC - INCOMPLETE")
    assert ">$1.20B at risk" in text


def test_help_survives_a_terminal_without_unicode():
    """Every command's help is ASCII."""
    for command in ([], ["scan"], ["bands"], ["ticks"], ["positions"], ["account"]):
        ended = run("-m", "scanner", *command, "--help", PYTHONIOENCODING="ascii")

        assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_table_survives_a_terminal_without_unicode(tmp_path):
    """Rules, bars and shortened addresses; a symbol's letters become question marks."""
    store = whales_sample.store(tmp_path, symbol="WΞTH")
    for command in (["bands", "ETH"], ["ticks", "ETH"], ["positions", "ETH"]):
        ended = run(*("-m", "scanner", *command, "--store", str(store)), PYTHONIOENCODING="ascii")

        assert ended.returncode == 0, ended.stderr
        text = ended.stdout.decode("ascii")
        assert "-----" in text
        assert {"bands": "W?TH", "ticks": "####", "positions": "0x0000~007b"}[command[0]] in text


@pytest.mark.parametrize(("behaviour", "code"), [("complete", 0), ("incomplete", 3)])
def test_a_reader_that_leaves_early_changes_nothing(behaviour, code):
    """`| head -0`: quiet, and the exit code is still about the scan."""
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, *FAKE, behaviour, "scan", "--chain", "ethereum"],
        stdout=write,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
        timeout=60,
        check=False,
    )
    os.close(write)

    assert (ended.returncode, ended.stderr) == (code, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"]])
def test_a_reader_of_the_help_may_leave(arguments):
    """No code outside the contract."""
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "scanner", *arguments],
        stdout=write,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
        timeout=60,
        check=False,
    )
    os.close(write)

    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("options", [[], ["--json", "-"]])
def test_a_full_disk_behind_stdout_is_told(options):
    """Exit code 3, one message."""
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, *FAKE, "complete", "scan", "--chain", "ethereum", *options],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
            timeout=60,
            check=False,
        )

    assert ended.returncode == 3
    assert ended.stderr.count(b"error: Standard output could not be written: No space left") == 1


def test_closed_streams_are_survived(tmp_path):
    """A daemon may start it so; what was asked for is written."""
    target = tmp_path / "scan.json"
    script = f'"$0" "$1" "$2" complete scan --chain ethereum --json "{target}" >&- 2>&-'
    ended = subprocess.run(
        ["sh", "-c", script, sys.executable, *FAKE], cwd=ROOT, env=environment(), check=False
    )

    assert ended.returncode == 0
    assert target.read_bytes() == whales_sample.as_bytes(whales_sample.scan()["document"])


def test_json_to_a_closed_stdout_is_refused_before_scanning():
    """Nothing would get it."""
    ended = subprocess.run(
        ["sh", "-c", '"$0" "$1" "$2" complete scan --chain 1 --json - >&-', sys.executable, *FAKE],
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
        check=False,
    )

    assert ended.returncode == 2
    assert b"--json - needs an open standard output" in ended.stderr


def test_a_signal_while_scanning_stops_with_3():
    """A real SIGINT, not an exception thrown by hand."""
    ended = run(*FAKE, "interrupted", "scan", "--chain", "ethereum")

    assert ended.returncode == 3
    assert b"stopped; everything found so far is kept" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_the_environments_url_stays_hidden_in_a_process_of_its_own():
    """From BANDSCAN_RPC to stderr."""
    url = "https://eth.example.com/v2/0123456789abcdef"
    ended = run(*FAKE, "quoting", "scan", BANDSCAN_RPC=url, BANDSCAN_DEBUG="1")

    assert ended.returncode == 3
    assert b"internal error: RuntimeError: Cannot connect to <hidden>" in ended.stderr
    assert b"0123456789abcdef" not in ended.stderr
    assert b"example.com" not in ended.stderr
