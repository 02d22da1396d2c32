"""Solidity compiled once and cached, and published artifacts as they are.

The cache is outside git, under a hash of compiler, settings and sources.
"""

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from localchain.errors import LocalChainError
from localchain.packages import CACHE, HERE, NODE_MODULES, ensure_packages, only_one

SOLC = "0.8.27"
OUTPUT = {"*": {"*": ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences"]}}
SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 200},
    "evmVersion": "shanghai",
    "metadata": {"bytecodeHash": "none"},
    "remappings": [
        "openzeppelin-contracts/contracts/=@openzeppelin/contracts/",
        "solidity-utils/=@bgd-labs/solidity-utils/src/",
    ],
    "outputSelection": OUTPUT,
}


@dataclass(frozen=True)
class Contract:
    """Creation code (hex without 0x, with holes for libraries) and what is needed to use it."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    links: dict[str, list[dict[str, int]]]  # library name to {"start", "length"} in bytes

    def constructor_types(self) -> list[str]:
        """Canonical types of the constructor's arguments."""
        for entry in self.abi:
            if entry["type"] == "constructor":
                return [canonical(argument) for argument in entry["inputs"]]
        return []

    def errors(self) -> list[str]:
        """Signatures of its custom errors."""
        return [
            f"{entry['name']}({','.join(map(canonical, entry['inputs']))})"
            for entry in self.abi
            if entry["type"] == "error"
        ]


@cache
def own_contracts() -> dict[str, Contract]:
    """Our own contracts (contracts/*.sol) by name."""
    return compiled("own", own_sources())


def own_sources() -> dict[str, str]:
    """The texts of contracts/*.sol by unit name."""
    return {
        f"contracts/{p.name}": p.read_text() for p in sorted((HERE / "contracts").glob("*.sol"))
    }


def artifact(path: Path) -> Contract:
    """A contract from a hardhat artifact."""
    told = json.loads(path.read_text())
    return Contract(
        told["contractName"],
        told["abi"],
        told["bytecode"].removeprefix("0x"),
        _flat_links(told.get("linkReferences", {})),
    )


def gather_imports(
    entries: Iterable[str],
    root: Path = NODE_MODULES,
    remappings: Iterable[str] = tuple(SETTINGS["remappings"]),
) -> dict[str, str]:
    """Texts of the entry points and of all they import; names are paths under `root`."""
    sources: dict[str, str] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        sources[name] = (root / name).read_text()
        for target in re.findall(
            r"import\s+(?:[^'\";]*from\s+)?['\"]([^'\"]+)['\"]", sources[name]
        ):
            waiting.append(_resolve(target, name, remappings))
    return sources


def compiled(
    label: str,
    sources: Mapping[str, str],
    *,
    solc: str = SOLC,
    settings: Mapping[str, Any] = SETTINGS,
) -> dict[str, Contract]:
    """Contracts by name, compiled, or as the same compiler made them of the same sources before.

    Parameters
    ----------
    label : str
        Of the file in the cache.
    sources : mapping
        Text by unit name.
    solc : str
        An installed version (package.json).
    settings : mapping
        The compiler's; `outputSelection` may be left out.
    """
    ensure_packages()
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sorted(sources.items())},
        "settings": {"outputSelection": OUTPUT, **settings},
    }
    text = json.dumps(request, sort_keys=True)
    digest = hashlib.sha256(f"{solc}\n{text}".encode()).hexdigest()[:20]
    made = CACHE / f"{label}-{digest}.json"
    if not made.exists():
        with only_one(f"solc-{label}"):
            if not made.exists():  # else somebody else was faster
                _write_aside(made, json.dumps(_run_solc(text, solc)))
    return {
        one["name"]: Contract(one["name"], one["abi"], one["bytecode"], one["links"])
        for one in json.loads(made.read_text())
    }


def canonical(argument: dict[str, Any]) -> str:
    """The canonical type of an ABI argument, structs spelled out."""
    kind = str(argument["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(canonical, argument['components']))}){kind[5:]}"


def _resolve(target: str, importer: str, remappings: Iterable[str]) -> str:
    if target.startswith("."):
        return os.path.normpath(os.path.join(os.path.dirname(importer), target))
    for remapping in remappings:
        prefix, _, replacement = remapping.partition("=")
        if target.startswith(prefix):
            return str(replacement + target[len(prefix) :])
    return target


def _run_solc(request: str, solc: str) -> list[dict[str, Any]]:
    script = (
        "const fs = require('fs');"
        "const [solc, input, output] = process.argv.slice(1);"
        "fs.writeFileSync(output, require(solc).compile(fs.readFileSync(input, 'utf8')));"
    )
    package = NODE_MODULES / ("solc" if solc == SOLC else f"solc-{solc}")
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "in.json"), Path(folder, "out.json")
        asked.write_text(request)
        done = subprocess.run(
            ["node", "-e", script, str(package), str(asked), str(answered)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LocalChainError(f"the compiler did not run:\n{done.stderr[-2000:]}")
        answer = json.loads(answered.read_text())
    wrong = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    if wrong:
        raise LocalChainError("the contracts do not compile:\n" + "\n".join(wrong))
    return [
        {
            "name": name,
            "abi": contract["abi"],
            "bytecode": contract["evm"]["bytecode"]["object"],
            "links": _flat_links(contract["evm"]["bytecode"]["linkReferences"]),
        }
        for unit in answer["contracts"].values()
        for name, contract in unit.items()
    ]


def _flat_links(references: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, int]]]:
    return {name: places for unit in references.values() for name, places in unit.items()}


def _write_aside(path: Path, text: str) -> None:
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)
