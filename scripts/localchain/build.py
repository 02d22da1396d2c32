"""The contracts of the two Aave v3 generations, ready to deploy, and Multicall3's code."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eth_utils.crypto import keccak

from localchain.abi import ErrorNames
from localchain.compile import Contract, artifact, compiled, gather_imports, own_contracts
from localchain.errors import LocalChainError
from localchain.packages import NODE_MODULES, ensure_packages

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
class Build:
    """All contracts of one flavour, ours included, by name, and what their errors mean."""

    contracts: dict[str, Contract]
    errors: ErrorNames


@cache
def build(flavour: str) -> Build:
    """Everything needed to deploy "core" (v3.0) or "origin" (v3.6)."""
    ensure_packages()
    own = list(own_contracts().values())
    if flavour == "core":
        market, codes = _core_artifacts(), _core_error_codes()
    elif flavour == "origin":
        sources = gather_imports(f"{ORIGIN}/{name}.sol" for name in ORIGIN_CONTRACTS)
        market, codes = list(compiled("origin", sources).values()), {}
    else:
        raise LocalChainError(f'there is no flavour "{flavour}": choose "core" or "origin"')
    every = own + market
    custom = {keccak(text=one)[:4]: one for contract in every for one in contract.errors()}
    contracts = {contract.name: contract for contract in every if contract.bytecode}
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


def _core_artifacts() -> list[Contract]:
    root = NODE_MODULES / CORE
    paths = [root / f"{name}.sol" / f"{name.rsplit('/', 1)[1]}.json" for name in CORE_CONTRACTS]
    paths += sorted((root / CORE_LIBRARIES).glob("*.sol/*Logic.json"))
    return [artifact(path) for path in paths]


def _core_error_codes() -> dict[str, str]:
    """v3.0 reverts with numbers; their names are in a source file of the package."""
    path = "@aave/core-v3/contracts/protocol/libraries/helpers/Errors.sol"
    text = (NODE_MODULES / path).read_text()
    return {code: name for name, code in re.findall(r"constant (\w+) = '(\d+)'", text)}
