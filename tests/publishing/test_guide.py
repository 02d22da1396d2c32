"""docs/publish.md cannot lie: its files, names, numbers and commands are those of the project."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from publish import page, restore, settings
from ruamel.yaml import YAML

from publishing.conftest import ROOT, Place
from scanner.cli import main

GUIDE = ROOT / "docs" / "publish.md"
TEXT = GUIDE.read_text()
PROSE = " ".join(TEXT.split())
WORKFLOW = (ROOT / ".github" / "workflows" / "report.yml").read_text()


@pytest.fixture
def report() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(WORKFLOW)
    return found


def test_every_file_it_names_exists():
    """Links, as seen from the page's own folder."""
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]

    assert links
    for link in links:
        assert (GUIDE.parent / link).exists(), link


def test_from_fork_to_page_in_five_steps():
    """As many as the heading says."""
    section = TEXT.partition("## Five steps\n")[2].partition("\n## ")[0]

    assert re.findall(r"^(\d)\.", section, re.MULTILINE) == list("12345")


def test_every_name_of_the_workflow_is_in_it(report: dict[str, Any]):
    """Secret, variable, inputs, keys and steps that a reader is sent to look for."""
    names = {step["name"] for job in report["jobs"].values() for step in job["steps"]}
    named = set(re.findall(r"`([\w-]+)`", TEXT))

    assert {"BANDSCAN_RPC", "BANDSCAN_CHAIN"} <= named
    assert {"secrets.BANDSCAN_RPC", "vars.BANDSCAN_CHAIN"} <= set(
        re.findall(r"(?:secrets|vars)\.\w+", WORKFLOW)
    )
    for name in ("minutes", "chain"):
        assert name in named & set(report["on"]["workflow_dispatch"]["inputs"])
    for key in ("cron", "retention-days", "MINUTES"):
        assert key in named
        assert f"{key}:" in WORKFLOW
    for name in ("Scan", "Publish", "Keep a copy for longer than the cache does"):
        assert f"*{name}*" in PROSE
        assert name in names
    assert f"*{report['name']}*" in PROSE


def test_its_numbers_are_the_ones_in_force(report: dict[str, Any]):
    """When it runs, how long a scan may take, how long copies are kept."""
    minute = report["on"]["schedule"][0]["cron"].split()[0]
    [copy] = [
        step["with"]
        for step in report["jobs"]["scan"]["steps"]
        if step["name"] == "Keep a copy for longer than the cache does"
    ]

    assert f"at {minute} minutes past 0, 6, 12 and 18 o'clock UTC" in PROSE
    assert f"A scan may take {settings.LONGEST:g} minutes" in PROSE
    assert f"More than {settings.LONGEST:g} is refused" in PROSE
    assert f"for {copy['retention-days']} days (`retention-days`)" in PROSE
    assert f"more than {page.OLD} hours old" in PROSE
    assert report["on"]["schedule"][0]["cron"].split()[1] == "*/6"
    assert 6 < page.OLD < 12
    assert 6 < restore.COPY_EVERY.days + 1 <= 7
    assert "Once a week the store is kept as an artifact" in PROSE


def test_what_it_quotes_is_said(place: Place):
    """The title that a first scan's summary carries."""
    assert "*The first scan is under way*" in PROSE
    assert "### The first scan is under way" in place.scan("stopped").summary


def test_its_commands_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Every `bandscan ...`, in text and in blocks, is one that the command line takes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("code", "3")
    blocks = "".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))
    found = re.findall(r"`(bandscan [^`]+)`", TEXT)
    found += re.findall(
        r"^.*?(bandscan [^;\n]+)", blocks.replace("export BANDSCAN", ""), re.MULTILINE
    )

    assert len(found) >= 5
    for command in found:
        _, name, *options = shlex.split(os.path.expandvars(command))
        if options != ["--help"]:
            main.commands[name].make_context(name, options)


@pytest.mark.parametrize(("how", "code"), [("complete", 0), ("no_endpoint", 4), ("incomplete", 3)])
def test_the_script_for_cron_does_what_the_workflow_does(place: Place, how: str, code: int):
    """It scans, builds the site with the scan's exit code, and ends with that."""
    [script] = [
        block for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) if "exit" in block
    ]
    place.scan("complete")
    (place.folder / "calls").write_text("")
    ended = subprocess.run(
        ["sh", "-c", script.replace("/srv/bandscan", str(place.folder))],
        env=place.environment | {"STAND_IN": how},
        check=False,
    )

    assert ended.returncode == code
    calls = (place.folder / "calls").read_text().splitlines()
    assert f'"--scan-exit", "{code}"' in calls[-1]
    assert (place.site / "index.html").exists()
