"""npm packages, installed once: node, compiler and published contracts beside this file.

package-lock.json pins every package by its hash, but for anvil's builds for other machines than
Linux on amd64: these by their version only. tests/browser has a set of its own.
"""

import fcntl
import hashlib
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localchain.errors import LocalChainError

HERE = Path(__file__).resolve().parent
NODE_MODULES = HERE / "node_modules"
CACHE = HERE.parents[1] / ".cache" / "localchain"
NODE_MAJOR = 20

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def ensure_packages(folder: Path = HERE) -> Path:
    """Install what the folder's package-lock.json pins, once; return its node_modules.

    Raises
    ------
    LocalChainError
        node or npm is missing or too old, or npm failed.
    """
    wanted = _fingerprint(folder)
    installed = folder / "node_modules"
    stamp = installed / ".bandscan-stamp"
    if _read(stamp) == wanted:
        return installed
    require_node()
    with only_one("npm"):
        if _read(stamp) == wanted:  # somebody else was faster
            return installed
        _run_npm(folder)
        stamp.write_text(wanted)
    return installed


def anvil_binary() -> Path:
    """The anvil executable for this machine; run directly, so that signals reach it."""
    package = f"anvil-{platform.system().lower()}-{_machine()}"
    binary = ensure_packages() / "@foundry-rs" / package / "bin" / "anvil"
    if not binary.is_file():
        raise LocalChainError(
            f"npm installed no anvil for this machine ({package}); "
            "there are builds for Linux and macOS on amd64 and arm64"
        )
    if not binary.stat().st_mode & 0o100:
        binary.chmod(0o755)
    return binary


@contextmanager
def only_one(what: str) -> Iterator[None]:
    """Let one process at a time do `what`; others wait here."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _machine() -> str:
    machine = platform.machine().lower()
    return _MACHINES.get(machine, machine)


def _fingerprint(folder: Path) -> str:
    pinned = ("package.json", "package-lock.json")
    content = b"".join((folder / name).read_bytes() for name in pinned)
    return hashlib.sha256(content).hexdigest() + f" {platform.system()} {_machine()}"


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def require_node() -> None:
    """Raise LocalChainError unless node and npm are there and new enough."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise LocalChainError(f"{tool} is missing: install Node.js {NODE_MAJOR} or newer")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    major = int(version.stdout.strip().lstrip("v").split(".")[0])
    if major < NODE_MAJOR:
        raise LocalChainError(f"Node.js {major} is too old: install {NODE_MAJOR} or newer")


def _run_npm(folder: Path) -> None:
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        told = (done.stdout + done.stderr).splitlines()
        lines = [line.removeprefix("npm error").strip() for line in told]
        said = "; ".join([line for line in lines if line and not line.startswith("npm warn")][:6])
        raise LocalChainError(f"npm ci failed (exit {done.returncode}): {said}")
