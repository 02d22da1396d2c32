"""The real command in this process or in one of its own, and what its store holds, for tests."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from localchain import LocalChain

from scanner.cli import main

ROOT = Path(__file__).parents[2]
CLEAN = {"BANDSCAN_RPC": None, "BANDSCAN_STORE": None, "BANDSCAN_DEBUG": None}


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def first(self) -> str:
        """The first line on stderr."""
        return self.err.partition("\n")[0]


def bandscan(*arguments: object, **environment: str) -> Ended:
    """Run the command in this process: everything but the process is the product's own."""
    runner = CliRunner()
    ended = runner.invoke(main, list(map(str, arguments)), env={**CLEAN, **environment})
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


def started(*arguments: object, before: str = "") -> subprocess.Popen[str]:
    """Start the command as a process; `before` is Python that it runs first."""
    code = f"{before}\nfrom scanner.cli import main\nmain()"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BANDSCAN")}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=kept,
    )


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for a started command."""
    out, err = process.communicate(timeout=120)
    return Ended(process.returncode, out, err)


def scanning(
    chain: LocalChain, folder: Path, *more: object, url: str | None = None
) -> list[object]:
    """Arguments that scan the local market into `folder`/store, with the document beside it."""
    deployments = folder / "local.toml"
    chain.write_deployments(deployments)
    where = ["--rpc", url or chain.url, "--deployments", deployments, "--store", folder / "store"]
    return ["scan", *where, "--json", folder / "scan.json", "--patience", 3, *more]


def bytes_of(folder: Path) -> dict[str, str]:
    """The digest of every file below, by its path; empty where the folder does not exist."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assert_clear(outcome: Ended, code: int, *says: str) -> None:
    """One message with the right exit code, for people: no traceback, no address of an endpoint."""
    assert outcome.code == code, outcome
    messages = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(messages) == 1, outcome.err
    for wanted in says:
        assert wanted in outcome.err, (wanted, outcome.err)
    for unwanted in ("Traceback", "internal error", "http://", "127.0.0.1", "localhost"):
        assert unwanted not in outcome.err, outcome.err
    assert outcome.out == ""


def refused(
    folder: Path, code: int, arguments: Callable[[Path], list[object]], *says: str
) -> Ended:
    """Run what must be refused, twice: where no store is, and on the store in `folder`.

    `arguments` gets the store. Neither is touched: none is made, and no byte of the other changes.
    """
    nowhere = folder / "nowhere"
    outcome = bandscan(*arguments(nowhere))
    assert_clear(outcome, code, *says)
    assert not nowhere.exists()
    before = bytes_of(folder / "store")
    assert before, "this store should hold a scan"
    assert_clear(bandscan(*arguments(folder / "store")), code, *says)
    assert bytes_of(folder / "store") == before
    return outcome
