"""docs/api.md cannot lie: its commands run against a server on the sample store.

`...` in an output stands for anything, as in doctests.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import happened, stores
from api.process import ROOT, Server, environment, serving
from scanner.outputs.api import filters, source, stream
from scanner.outputs.api.problems import PROBLEMS
from scanner.serving import binding
from scanner.serving import server as serve

DOCS = ROOT / "docs" / "api.md"
TEXT = DOCS.read_text()
ADDRESS = "http://127.0.0.1:8080"
SHELL = re.findall(r"```\n(\$ .*?)```\n", TEXT, re.DOTALL)
PYTHON = re.findall(r"```python\n(>>> .*?)```\n", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands run: it holds the store and the scripts."""
    made = tmp_path_factory.mktemp("docs")
    stores.add(made / "store")
    happened.add(made / "store")
    (made / "scripts").symlink_to(ROOT / "scripts")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(folder / "store") as running:
        yield running


def commands() -> list[tuple[str, str]]:
    """Every command of the page with the output shown below it."""
    found = []
    for block in SHELL:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize(("command", "output"), commands(), ids=lambda text: text[:60])
def test_every_command_prints_what_the_page_shows(folder, server, command, output):
    """In the order of the page, in one folder."""
    bins = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command.replace(ADDRESS, f"http://127.0.0.1:{server.port}")],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(PATH=bins),
        timeout=60,
        check=False,
    )

    got = done.stdout.replace("\r\n", "\n")
    if got.endswith("\n\n") and "stream" not in command:  # the blank line after headers
        got = got.rstrip("\n") + "\n"
    check = doctest.OutputChecker().check_output
    assert check(output, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), got + done.stderr


@pytest.mark.parametrize("code", PYTHON)
def test_the_python_on_the_page_works(folder, server, code, monkeypatch):
    """Against the same server, beside the same store."""
    monkeypatch.chdir(folder)
    code = code.replace(ADDRESS, f"http://127.0.0.1:{server.port}")
    test = doctest.DocTestParser().get_doctest(code, {}, "api.md", str(DOCS), 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=flags).run(test, out=told.append)

    assert result.attempted >= 6
    assert not result.failed, "".join(told)


def test_the_page_runs_something():
    """The patterns above find what they should."""
    assert len(commands()) >= 10
    assert len(PYTHON) == 1


def test_every_endpoint_is_on_the_page(server):
    """And no other."""
    table = set(re.findall(r"^\| `(/[^`]*)` \|", TEXT, re.MULTILINE))

    assert table == {*server.get("/openapi.json").json["paths"], "/openapi.json"}


def test_every_filter_is_on_the_page(server):
    """Where it belongs."""
    rows = dict(re.findall(r"^\| `(/[^`]*)` \|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE))
    for path, item in server.get("/openapi.json").json["paths"].items():
        names = {one["name"] for one in item["get"].get("parameters", [])}
        named = {word.strip(" *") for word in rows[path].split(",")} - {"", "takes none at all"}
        assert named == names - {"chain", "incomplete", "address"}, path
    for bound in (source.PAGE, filters.MOST_ROWS, filters.MOST_LEVELS):
        assert f"{bound:,}" in TEXT


def test_every_problem_is_on_the_page():
    """With its status; but a defect of ours, which needs no advice."""
    for code, (status, _) in PROBLEMS.items():
        if code != "internal":
            lines = re.findall(r"^\| .*", TEXT, re.MULTILINE)
            row = next(line for line in lines if f"`{code}`" in line)
            assert str(status) in row.split("|")[1]


def test_the_limits_on_the_page_are_the_servers():
    """Of a public server, and of a token."""
    told = (
        f"{serve.RATE:.0f} requests a second and {serve.BURST:.0f} at once, {serve.EACH}\n"
        f"  connections, {stream.MOST_EACH} streams"
    )

    assert told in TEXT
    assert f"{binding.SHORTEST_TOKEN} characters or more" in TEXT


def test_every_file_the_page_names_exists():
    """Links lead somewhere."""
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert "://" in target or (DOCS.parent / target).exists(), target
