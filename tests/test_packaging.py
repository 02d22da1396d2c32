"""The package works from a wheel, with its data files, away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this checkout."""
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [built] = target.glob("bandscan-*.whl")
    return built


def test_the_wheel_carries_every_abi_and_table(wheel: Path):
    """What the checkout has in abis/ and deployments/ is in the wheel, and no test or script is."""
    names = set(zipfile.ZipFile(wheel).namelist())

    for path in (ROOT / "abis").glob("*.json"):
        assert f"scanner/abis/{path.name}" in names
    for path in (ROOT / "scanner" / "deployments").glob("*.toml"):
        assert f"scanner/deployments/{path.name}" in names
    assert not any(name.startswith(("tests/", "scripts/")) for name in names)


def test_an_installed_wheel_finds_its_data(wheel: Path, tmp_path: Path):
    """ABIs and deployments load from an unpacked wheel, not from the checkout."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import scanner, sys; from scanner.chain import abi;"
        "from scanner.deployments import Fields, markets;"
        "assert scanner.__file__.startswith(sys.argv[1]), scanner.__file__;"
        "print(abi.load('aave_v3_pool').selector('getUserAccountData').hex(),"
        " len(markets(1, None, None, {'aave_v3': Fields(('pool',))})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == ["bf92857c", "4"], done.stderr
