"""Contracts ready to deploy: published artifacts as they are, sources compiled once and cached.

The cache is outside git, under a hash of compiler, settings and sources.
"""

import hashlib
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from localchain.abi import ErrorNames
from localchain.errors import LocalChainError
from localchain.packages import CACHE, HERE, NODE_MODULES, ensure_packages, only_one

SOLC = "0.8.27"
SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 200},
    "evmVersion": "shanghai",
    "metadata": {"bytecodeHash": "none"},
    "remappings": [
        "openzeppelin-contracts/contracts/=@openzeppelin/contracts/",
        "solidity-utils/=@bgd-labs/solidity-utils/src/",
    ],
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences"]}},
}

ORIGIN = "@aave-dao/aave-v3-origin/src/contracts"
ORIGIN_CONTRACTS = [
    "instances/PoolInstance",
    "instances/PoolConfiguratorInstance",
    "instances/ATokenInstance",
    "instances/VariableDebtTokenInstance",
    "protocol/configuration/PoolAddressesProvider",
    "protocol/configuration/ACLManager",
    "misc/AaveOracle",
    "misc/DefaultReserveInterestRateStrategyV2",
    "helpers/AaveProtocolDataProvider",
]

CORE = "@aave/core-v3/artifacts/contracts"
CORE_CONTRACTS = [
    "protocol/pool/Pool",
    "protocol/pool/PoolConfigurator",
    "protocol/pool/DefaultReserveInterestRateStrategy",
    "protocol/tokenization/AToken",
    "protocol/tokenization/StableDebtToken",
    "protocol/tokenization/VariableDebtToken",
    "protocol/configuration/PoolAddressesProvider",
    "protocol/configuration/ACLManager",
    "misc/AaveOracle",
    "misc/AaveProtocolDataProvider",
]
CORE_LIBRARIES = "protocol/libraries/logic"

MULTICALL3_CODE_HASH = "d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891"


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
                return [_canonical(argument) for argument in entry["inputs"]]
        return []


@dataclass(frozen=True)
class Build:
    """All contracts of one flavour, ours included, by name, and what their errors mean."""

    contracts: dict[str, Contract]
    errors: ErrorNames


@cache
def build(flavour: str) -> Build:
    """Everything needed to deploy "core" (v3.0) or "origin" (v3.6)."""
    ensure_packages()
    own = _compile("own", _own_sources())
    if flavour == "core":
        market, codes = _core_artifacts(), _core_error_codes()
    elif flavour == "origin":
        market, codes = _compile("origin", _origin_sources()), {}
    else:
        raise LocalChainError(f'there is no flavour "{flavour}": choose "core" or "origin"')
    every = own + market
    custom = {
        keccak(text=signature)[:4]: signature
        for contract in every
        for entry in contract["abi"]
        if entry["type"] == "error"
        for signature in [f"{entry['name']}({','.join(map(_canonical, entry['inputs']))})"]
    }
    contracts = {
        c["name"]: Contract(c["name"], c["abi"], c["bytecode"], c["links"])
        for c in every
        if c["bytecode"]
    }
    return Build(contracts, ErrorNames(custom, codes))


def multicall3_code() -> str:
    """Runtime code of Multicall3 as it stands on mainnet, from the installed `multicall` package.

    Read as text: importing the package costs two seconds. Checked against the hash of the
    code that real chains have.
    """
    from importlib.util import find_spec

    spec = find_spec("multicall")
    if spec is None or spec.origin is None:
        raise LocalChainError("the Python package multicall is not installed")
    text = Path(spec.origin).with_name("constants.py").read_text()
    found = re.search(r'MULTICALL3_BYTECODE\b[^"]*"(0x[0-9a-fA-F]+)"', text)
    if not found or keccak(hexstr=found[1]).hex() != MULTICALL3_CODE_HASH:
        raise LocalChainError("the installed multicall package holds another Multicall3")
    return found[1]


def _core_artifacts() -> list[dict[str, Any]]:
    root = NODE_MODULES / CORE
    paths = [root / f"{name}.sol" / f"{name.rsplit('/', 1)[1]}.json" for name in CORE_CONTRACTS]
    paths += sorted((root / CORE_LIBRARIES).glob("*.sol/*Logic.json"))
    return [_from_hardhat(json.loads(path.read_text())) for path in paths]


def _from_hardhat(artifact: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": artifact["contractName"],
        "abi": artifact["abi"],
        "bytecode": artifact["bytecode"].removeprefix("0x"),
        "links": _flat_links(artifact["linkReferences"]),
    }


def _core_error_codes() -> dict[str, str]:
    """v3.0 reverts with numbers; their names are in a source file of the package."""
    path = "@aave/core-v3/contracts/protocol/libraries/helpers/Errors.sol"
    text = (NODE_MODULES / path).read_text()
    return {code: name for name, code in re.findall(r"constant (\w+) = '(\d+)'", text)}


def _own_sources() -> dict[str, str]:
    return {
        f"contracts/{p.name}": p.read_text() for p in sorted((HERE / "contracts").glob("*.sol"))
    }


def _origin_sources() -> dict[str, str]:
    """The entry points and all they import; names are paths under node_modules."""
    sources: dict[str, str] = {}
    waiting = [f"{ORIGIN}/{name}.sol" for name in ORIGIN_CONTRACTS]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        sources[name] = (NODE_MODULES / name).read_text()
        for target in re.findall(
            r"import\s+(?:[^'\";]*from\s+)?['\"]([^'\"]+)['\"]", sources[name]
        ):
            waiting.append(_resolve(target, name))
    return sources


def _resolve(target: str, importer: str) -> str:
    if target.startswith("."):
        return os.path.normpath(os.path.join(os.path.dirname(importer), target))
    for remapping in SETTINGS["remappings"]:
        prefix, _, replacement = remapping.partition("=")
        if target.startswith(prefix):
            return str(replacement + target[len(prefix) :])
    return target


def _compile(label: str, sources: dict[str, str]) -> list[dict[str, Any]]:
    """Compile, or take from the cache what the same compiler made of the same sources."""
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sorted(sources.items())},
        "settings": SETTINGS,
    }
    text = json.dumps(request, sort_keys=True)
    digest = hashlib.sha256(f"{SOLC}\n{text}".encode()).hexdigest()[:20]
    made = CACHE / f"{label}-{digest}.json"
    if not made.exists():
        with only_one(f"solc-{label}"):
            if not made.exists():  # else somebody else was faster
                _write_aside(made, json.dumps(_run_solc(text)))
    contracts: list[dict[str, Any]] = json.loads(made.read_text())
    return contracts


def _run_solc(request: str) -> list[dict[str, Any]]:
    script = (
        "const fs = require('fs');"
        "const [solc, input, output] = process.argv.slice(1);"
        "fs.writeFileSync(output, require(solc).compile(fs.readFileSync(input, 'utf8')));"
    )
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "in.json"), Path(folder, "out.json")
        asked.write_text(request)
        done = subprocess.run(
            ["node", "-e", script, str(NODE_MODULES / "solc"), str(asked), str(answered)],
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


def _canonical(argument: dict[str, Any]) -> str:
    kind = str(argument["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_canonical, argument['components']))}){kind[5:]}"
