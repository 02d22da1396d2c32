"""The workflows: linted by tools that need no network, and held to rules that no tool knows."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from publish import restore, settings
from publish.__main__ import STEPS
from ruamel.yaml import YAML

from scanner.cli import main

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
REPORT = ROOT / ".github" / "workflows" / "report.yml"
# What the steps put out; tests/publishing compares whole outputs with these names.
OUTPUTS = {
    "scan": {"exit", "keep", "complete", "red"},
    "report": {"built"},
    "restore": {"copy"},
    "cache": {"cache-matched-key", "cache-primary-key"},
    "pages": {"base_url"},
    "deployment": {"page_url"},
}


def loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(path.read_text())
    return found


@pytest.fixture
def report() -> dict[str, Any]:
    return loaded(REPORT)


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def step(workflow: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in steps(workflow) if each["name"] == name]
    return found


def tool(name: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a checker beside this Python, without anything that lets it ask the network."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GH_", "GITHUB_", "ZIZMOR"))}
    return subprocess.run(
        [Path(sys.executable).with_name(name), *arguments],
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )


def schema(path: Path) -> "subprocess.CompletedProcess[str]":
    return tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)


def audit(path: Path) -> "subprocess.CompletedProcess[str]":
    return tool("zizmor", "--offline", "--no-progress", "--pedantic", "--no-ignores", path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_linters_find_nothing(path: Path):
    """GitHub's schema, and zizmor's audits of security, the pedantic ones too."""
    for done in (schema(path), audit(path)):
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("checker", "good", "bad"),
    [
        (schema, "timeout-minutes: 350", "timeout-minuets: 350"),
        (schema, "runs-on: ubuntu-24.04", "runs-off: ubuntu-24.04"),
        (audit, "@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7"),
        (audit, "persist-credentials: false", "fetch-depth: 1"),
        (audit, "permissions: {}", "permissions: write-all"),
        (audit, "scripts/publish report", 'scripts/publish report "${{ inputs.chain }}"'),
    ],
)
def test_the_linters_would_find_something(tmp_path: Path, checker: Any, good: str, bad: str):
    """They run, and see this file's own mistakes."""
    broken = tmp_path / ".github" / "workflows" / "report.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(REPORT.read_text().replace(good, bad, 1))

    assert checker(broken).returncode != 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_with_its_version(path: Path):
    """A tag can be moved; the version beside the commit is for people and for updates."""
    lines = [line for line in path.read_text().splitlines() if "uses:" in line]

    for line in lines:
        assert re.search(r"uses: actions/[a-z-]+(/[a-z]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)
    assert lines


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_expression_is_pasted_into_a_shell(path: Path):
    """What somebody typed reaches a script only through the environment."""
    for each in steps(loaded(path)):
        assert "${{" not in each.get("run", "")


def test_the_permissions_are_the_least(report: dict[str, Any]):
    """None by default; the job that runs our code can write nothing."""
    jobs = report["jobs"]

    assert report["permissions"] == {}
    assert jobs["scan"]["permissions"] == {"contents": "read", "actions": "read", "pages": "read"}
    assert jobs["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert set(jobs) == {"scan", "publish"}
    assert all("run" not in each for each in jobs["publish"]["steps"])


def test_the_endpoint_is_known_to_the_scan_alone(report: dict[str, Any]):
    """The secret is named once, in the environment of one step; no step prints an environment."""
    text = REPORT.read_text()

    assert re.findall(r"secrets\.\w+", text) == ["secrets.BANDSCAN_RPC"]
    assert step(report, "Scan")["env"] == {"BANDSCAN_RPC": "${{ secrets.BANDSCAN_RPC }}"}
    assert not re.search(r"set -x|printenv|\benv\b\s*$|ACTIONS_STEP_DEBUG", text)


def test_it_runs_by_itself_and_by_hand(report: dict[str, Any]):
    """Every six hours, not at the full hour; by hand with a chain and a time."""
    [row] = report["on"]["schedule"]
    minute, hours, *rest = row["cron"].split()

    assert set(report["on"]) == {"schedule", "workflow_dispatch"}
    assert 0 < int(minute) < 60
    assert int(minute) % 5
    assert (hours, rest) == ("*/6", ["*", "*", "*"])
    assert set(report["on"]["workflow_dispatch"]["inputs"]) == {"chain", "minutes"}


def test_two_runs_never_share_a_store(report: dict[str, Any]):
    """One group for all chains and branches; nobody is cancelled half way."""
    assert report["concurrency"] == {"group": "report", "cancel-in-progress": False}


def test_the_time_guard_ends_long_before_the_job(report: dict[str, Any]):
    """Else the store would not be saved; and GitHub ends every job after six hours."""
    limit = report["jobs"]["scan"]["timeout-minutes"]
    minutes = report["on"]["workflow_dispatch"]["inputs"]["minutes"]["default"]

    assert minutes == settings.LONGEST
    assert settings.LONGEST + 30 <= limit < 360
    assert f"|| '{minutes}'" in report["jobs"]["scan"]["env"]["MINUTES"]


def test_the_store_is_taken_and_saved_under_the_keys_that_restore_asks_for(report: dict[str, Any]):
    """A new key for each run and attempt, found by a prefix that no other chain's key has."""
    taken = step(report, "Take the store from the cache")["with"]
    saved = step(report, "Save the store")
    copied = step(report, "Keep a copy for longer than the cache does")
    name = restore.name_of("${{ env.CHAIN }}")

    assert taken["restore-keys"] == restore.key_of(name)
    assert (
        taken["key"]
        == f"{taken['restore-keys']}${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}"
    )
    assert saved["with"]["key"] == "${{ steps.cache.outputs.cache-primary-key }}"
    assert saved["with"]["path"] == taken["path"] == copied["with"]["path"] == "store"
    assert copied["with"]["name"] == name
    assert not restore.key_of(restore.name_of("base-sepolia")).startswith(
        restore.key_of(restore.name_of("base"))
    )


def test_the_steps_follow_one_another(report: dict[str, Any]):
    """Saved whatever happens after the scan; marked pages are published before the run ends red."""
    order = [each["name"] for each in report["jobs"]["scan"]["steps"]]
    publish = report["jobs"]["publish"]

    assert order[order.index("Scan") :] == [
        "Scan",
        "Save the store",
        "Keep a copy for longer than the cache does",
        "Build the report",
        "Hand the site over",
        "End red after a scan that failed",
    ]
    assert step(report, "Save the store")["if"].startswith("${{ always() && ")
    assert step(report, "End red after a scan that failed")["run"] == "exit 1"
    assert publish["if"] == "${{ !cancelled() && needs.scan.outputs.built == 'true' }}"
    assert publish["needs"] == "scan"


def test_every_output_that_is_read_is_put_out():
    """A name that no step puts out would read as empty, and a condition on it never hold."""
    for name, output in re.findall(r"steps\.(\w+)\.outputs\.([\w-]+)", REPORT.read_text()):
        assert output in OUTPUTS[name], (name, output)


def test_every_setting_exists(report: dict[str, Any]):
    """The variables of the steps are those that the script reads."""
    known = set(re.findall(r"^([A-Z_]+)  ", settings.__doc__ or "", re.MULTILINE))
    job = report["jobs"]["scan"]
    used = {*job["env"], *(name for each in job["steps"] for name in each.get("env", {}))}

    assert used - {"GH_TOKEN", "BANDSCAN_RPC"} <= known
    assert {"CHAIN", "MINUTES", "SCAN_EXIT", "SITE_URL", "MATCHED_KEY"} <= used


def test_every_command_exists(report: dict[str, Any]):
    """Steps of scripts/publish, commands and options of bandscan, files and extras of pip."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for each in steps(report) for line in each.get("run", "").splitlines()]
    seen = set()
    for words in map(shlex.split, lines):
        match words:
            case ["exec", "python", script, name] | ["python", script, name]:
                assert (ROOT / script / "__main__.py").exists()
                assert name in STEPS
                seen.add(name)
            case ["pip", "install", "-c", file, target]:
                assert (ROOT / file).exists()
                assert (
                    target.removeprefix(".[").removesuffix("]") in project["optional-dependencies"]
                )
            case ["bandscan", name, *options]:
                main.commands[name].make_context(name, options)
            case _:
                assert words == ["exit", "1"]
    assert seen == set(STEPS)
