"""Dependencies point one way; the core knows no node, file or clock."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "scanner"

# What each part may import of ours. The edges stand alone; protocols get a chain and the core.
MAY = {
    "core": {"core"},
    "chain": {"chain", "errors"},
    "store": {"store", "core", "errors"},
    "deployments": {"deployments", "errors"},
    "protocols": {"protocols", "chain", "core", "deployments", "errors"},
    "outputs": {"outputs", "core", "errors", "deployments"},
    "answers": {"answers", "reading", "past", "core", "outputs", "store", "errors", "deployments"},
}
ONLY_IN_CHAIN = {"web3", "multicall", "aiohttp"}
NOT_IN_CORE = {
    "pathlib",
    "os",
    "time",
    "datetime",
    "sqlite3",
    "socket",
    "requests",
    "io",
    "pyarrow",
}


def imports(path: Path) -> set[str]:
    """Full names of everything a module imports, relative imports resolved."""
    found = set()
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{name.name}" for name in node.names} | {module}
    return found


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_place_allows(path: Path):
    """cli -> scan -> {chain, protocols, store, core}; outputs -> core; core -> nothing of ours."""
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    names = imports(path)
    ours = {name.split(".")[1] for name in names if name.startswith("scanner.")} - {"__version__"}
    outside = {name.split(".")[0] for name in names} - {"scanner"}

    if part in MAY:
        assert ours <= MAY[part]
    if part == "core":
        assert not outside & NOT_IN_CORE
    if part != "chain":
        assert not outside & ONLY_IN_CHAIN


def test_the_rule_can_fail():
    """The reader of imports sees absolute, relative and nested ones."""
    assert "scanner.core.legs" in imports(PACKAGE / "core" / "band_rows.py")
    assert any(name.startswith("multicall") for name in imports(PACKAGE / "chain" / "guard.py"))
