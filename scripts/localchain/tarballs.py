"""Published packages whose own dependencies would be a burden: fetched as tarballs, each once.

tarballs.json names version, hash and the folders that are needed; `npm pack` fetches, nothing of a
package is run.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from localchain.errors import LocalChainError
from localchain.packages import CACHE, HERE, only_one, require_node


def unpacked(name: str) -> Path:
    """The unpacked package (the folder that npm calls `package`), fetched on first use.

    Raises
    ------
    LocalChainError
        npm is missing or failed, or the tarball has another hash than the one written down.
    """
    wanted: dict[str, Any] = json.loads((HERE / "tarballs.json").read_text())[name]
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:12]
    slug = name.removeprefix("@").replace("/", "-")
    folder = CACHE / "packages" / f"{slug}-{wanted['version']}-{digest}"
    if folder.is_dir():
        return folder
    require_node()
    with only_one(f"tarball-{slug}"):
        if not folder.is_dir():  # else somebody else was faster
            _fetch(f"{name}@{wanted['version']}", wanted, folder)
    return folder


def _fetch(package: str, wanted: dict[str, Any], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        done = subprocess.run(
            ["npm", "pack", package, "--silent", "--ignore-scripts", "--pack-destination", aside],
            capture_output=True,
            text=True,
            check=False,
        )
        packed = list(Path(aside).glob("*.tgz"))
        if done.returncode or len(packed) != 1:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise LocalChainError(f"npm pack {package} failed: {'; '.join(lines[:3])}")
        found = base64.b64encode(hashlib.sha512(packed[0].read_bytes()).digest()).decode()
        if f"sha512-{found}" != wanted["integrity"]:
            raise LocalChainError(f"{package} is not the package whose hash is written down here")
        with tarfile.open(packed[0]) as archive:
            kept = [
                member
                for member in archive.getmembers()
                if any(member.name.startswith(f"package/{start}") for start in wanted["keep"])
            ]
            archive.extractall(aside, members=kept, filter="data")
        shutil.move(Path(aside, "package"), folder)
