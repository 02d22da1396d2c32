"""A Chromium that needs no root: unpacked once from its npm package, with a font of its own.

The same browser and the same letters on every Linux machine of the common kind (x86_64). On others
the tests take the machine's own Chromium; CHROMIUM names one by its path.
"""

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from localchain.packages import CACHE, ensure_packages, only_one

HERE = Path(__file__).resolve().parent
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}/fonts</dir>
  <cachedir>{folder}/fonts-cache</cachedir>
</fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """An executable, and the environment it needs."""

    path: str
    environment: dict[str, str] = field(default_factory=dict)


def chromium() -> Chromium:
    """The browser of these tests.

    Raises
    ------
    LocalChainError
        Node.js is missing or too old, or npm failed.
    RuntimeError
        There is no browser for this machine.
    """
    modules = ensure_packages(HERE)
    given = os.environ.get("CHROMIUM")
    if given:
        return Chromium(given)
    if (platform.system(), platform.machine().lower()) in (("Linux", "x86_64"), ("Linux", "amd64")):
        return _unpacked(modules / "@sparticuz" / "chromium")
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return Chromium(found)
    raise RuntimeError("no Chromium for this machine: install one, and name it in CHROMIUM")


def _unpacked(package: Path) -> Chromium:
    version = json.loads((package / "package.json").read_text())["version"]
    folder = CACHE.parent / f"chromium-{version}"
    with only_one("chromium"):
        if not folder.is_dir():
            _unpack(folder)
    binary = str(folder / "chromium")
    environment = {"FONTCONFIG_FILE": os.environ.get("FONTCONFIG_FILE", f"{folder}/fonts.conf")}
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    if "not found" in linked:  # a machine without NSS
        environment["LD_LIBRARY_PATH"] = f"{folder}/al2023/lib"
    return Chromium(binary, environment)


def _unpack(folder: Path) -> None:
    """Aside, then renamed: a folder under its own name is whole."""
    aside = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(aside))
    subprocess.run(["node", "unpack.mjs"], cwd=HERE, env=os.environ | temporary, check=True)
    (aside / "fonts.conf").write_text(_FONTS.format(folder=folder))
    aside.rename(folder)
