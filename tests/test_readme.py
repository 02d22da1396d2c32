"""README.md cannot lie: its commands run on the demo's chain, and print what it shows.

After a change of the output, `BANDSCAN_WRITE_README=1 pytest tests/test_readme.py` writes it anew;
read the difference before you commit it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from localchain import LocalChain, demo
from localchain.mixed import Mixed

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
COLUMNS = "110"
BLOCK = re.compile(r"```\n\$ (bandscan [^\n]*)\n(.*?)```\n", re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder with the demo's deployments file and its first two scans; the chain's URL."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / ".demo").mkdir()
    with LocalChain("origin", spot=demo.SPOT) as chain:
        mixed = Mixed(chain, demo.PARTS)
        for _ in demo.story(mixed):
            (folder / ".demo" / "deployments.toml").write_text(mixed.deployments_toml())
            if not chain.whale_list:
                shown(" ".join(["bandscan", *demo.SCAN]), folder, chain.url)
        yield folder, chain.url


def shown(command: str, folder: Path, url: str) -> str:
    """What a command prints, without what differs from chain to chain."""
    binary = Path(sys.executable).with_name("bandscan")
    done = subprocess.run(
        [binary, *command.split()[1:]],
        cwd=folder,
        env=os.environ | {"BANDSCAN_RPC": url, "COLUMNS": COLUMNS, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return "\n".join(line for line in lines if not line.startswith("block  ")).strip("\n") + "\n"


def test_every_command_prints_what_the_page_shows(place: tuple[Path, str]):
    """Each `$ bandscan …` block, run in order on one store, equals its output on the page."""
    text = README.read_text()
    commands = [found[1] for found in BLOCK.finditer(text)]
    outputs = {command: shown(command, *place) for command in commands}
    fresh = BLOCK.sub(lambda m: f"```\n$ {m[1]}\n{outputs[m[1]]}```\n", text)

    if os.environ.get("BANDSCAN_WRITE_README"):
        README.write_text(fresh)

    assert len(commands) >= 3
    assert text == fresh


def test_the_python_on_the_page_works(place: tuple[Path, str], monkeypatch: pytest.MonkeyPatch):
    """The client reads the demo's store as the page says; the server's line is docs/api.md's."""
    folder, url = place
    shown(" ".join(["bandscan", *demo.SCAN]), folder, url)
    monkeypatch.chdir(folder)
    [code] = re.findall(r"```python\n(from scanner .*?)```", README.read_text(), re.DOTALL)
    lines = [line for line in code.splitlines() if "connect(" not in line]
    made: dict[str, Any] = {}

    exec("\n".join(lines), made)

    assert len(lines) == len(code.splitlines()) - 1
    assert (made["bands"][0]["low_usd"], made["bands"][0]["high_usd"]) == (1781.09, 1862.02)


def test_the_page_shows_the_band_of_february():
    """The first output on the page has the range that analysts published by hand."""
    first = next(BLOCK.finditer(README.read_text()))

    assert "ETH $1,781.09-$1,862.02" in first[2]
    assert "6 large accounts" in first[2]


def test_every_file_the_page_names_exists():
    """Links to files, and the paths in the layout, lead somewhere."""
    text = README.read_text()
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    layout = re.findall(r"^    ((?:scanner|scripts)/\S*)", text, re.MULTILINE)

    for target in [*links, *layout]:
        assert (ROOT / target).exists(), target


def test_the_deployments_example_is_valid(tmp_path: Path):
    """The TOML on the page loads."""
    from scanner.deployments import Fields, markets

    [example] = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    file = tmp_path / "mine.toml"
    file.write_text(example)

    [row] = markets(31337, None, file, {"aave_v3": Fields(("pool",))})
    assert row.name == "mine"
