"""Run a step of scripts/publish as the workflow does, and see what it leaves behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a step ended: its exit code, its log, its outputs, and what it added to the summary."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str
    calls: list[list[str]]


Step = Callable[..., Ended]


class Place:
    """A folder like the workspace of a run, with stand-ins for bandscan and gh on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.site = folder / "site"
        binaries = folder / "bin"
        binaries.mkdir()
        for name in ("bandscan", "gh"):
            path = binaries / name
            path.write_text(
                f'#!/bin/sh\nexec {sys.executable} -m publishing.stand_ins {name} "$@"\n'
            )
            path.chmod(0o755)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BANDSCAN", "GITHUB", "COLUMNS", "FORCE_COLOR"))
        } | {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "CALLS": str(folder / "calls"),
            "ANSWERS": str(folder / "answers"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(folder / "outputs"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_REPOSITORY": "someone/bandscan",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REF_NAME": "main",
        }

    def start(self, step: str, **changes: str) -> "subprocess.Popen[str]":
        for name in ("outputs", "summary", "calls"):
            (self.folder / name).write_text("")
        return subprocess.Popen(
            ["bash", "-e", "-c", f"exec {sys.executable} {ROOT}/scripts/publish {step}"],
            cwd=self.folder,
            env=self.environment | changes,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ended(self, process: "subprocess.Popen[str]") -> Ended:
        log, _ = process.communicate(timeout=120)
        lines = (self.folder / "outputs").read_text().splitlines()
        calls = (self.folder / "calls").read_text().splitlines()
        return Ended(
            process.returncode,
            log,
            dict(line.split("=", 1) for line in lines),
            (self.folder / "summary").read_text(),
            [json.loads(call) for call in calls],
        )

    def scan(self, how: str, **changes: str) -> Ended:
        """The scan step, its scan going as `how` says."""
        return self.ended(self.start("scan", STAND_IN=how, **changes))

    def report(self, how: str = "", **changes: str) -> Ended:
        return self.ended(self.start("report", STAND_IN=how, **changes))

    def restore(self, **changes: str) -> Ended:
        return self.ended(self.start("restore", **changes))

    def answer(self, **answers: object) -> None:
        """What GitHub will say; where it has nothing to say it fails."""
        (self.folder / "answers").write_text(json.dumps(answers))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
