"""`python scripts/bench [SECTION|all] [--write]`: missed budgets, exit 1."""

import argparse
import importlib
import sys
from pathlib import Path

if not __package__:  # run as a directory: its parent is where the package is imported from
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import report

SECTIONS = (
    "core",
    "scan",
    "lens",
    "follow",
    "limits",
    "verify",
    "mainnet",
    "mixed",
    "bands",
    "site",
    "api",
)


def main() -> int:
    """Exit code 1 where a budget is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=(*SECTIONS, "all"), default="all")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/numbers.md")
    asked = parser.parse_args()
    missed = 0
    for section in SECTIONS if asked.what == "all" else (asked.what,):
        print(f"{section}: {report.machine()}", flush=True)
        figures = importlib.import_module(f"bench.{section}").figures()
        text = report.table(figures)
        print(text, flush=True)
        missed += sum(not figure.holds for figure in figures)
        if asked.write:
            report.write(section, f"Measured on {report.machine()}.\n\n{text}")
    if missed:
        print(f"{missed} budgets missed", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
