"""Figures with their budgets: printed as a table, written into docs/numbers.md between markers."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NUMBERS = Path(__file__).resolve().parents[2] / "docs" / "numbers.md"


@dataclass(frozen=True)
class Figure:
    """One measured number; `budget` is the most it may be, None where nothing is promised."""

    what: str
    value: float
    unit: str = ""
    budget: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the number is within its budget."""
        return self.budget is None or self.value <= self.budget

    def cells(self) -> tuple[str, str, str, str]:
        """What, measured, budget, verdict."""
        if self.budget is None:
            return self.what, _shown(self.value, self.unit), "", ""
        verdict = "ok" if self.holds else "MISSED"
        return self.what, _shown(self.value, self.unit), _shown(self.budget, self.unit), verdict


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table, aligned so that it reads in a terminal as well."""
    rows = [("figure", "measured", "budget", ""), *(figure.cells() for figure in figures)]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = [_line(row, widths) for row in rows]
    rule = "|-" + "-|-".join("-" * width for width in widths) + "-|"
    return "\n".join([lines[0], rule, *lines[1:]])


def write(section: str, text: str) -> None:
    """Put `text` between the section's markers in docs/numbers.md."""
    content = NUMBERS.read_text()
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    head, _, rest = content.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"{NUMBERS.name} has no section {section}")
    NUMBERS.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


def machine() -> str:
    """What the numbers were measured on."""
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {python}, numpy {np.__version__}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = [cell.rjust(width) for cell, width in zip(cells[1:3], widths[1:3], strict=True)]
    return f"| {first} | {' | '.join(others)} | {cells[3].ljust(widths[3])} |"


def _shown(value: float, unit: str) -> str:
    if value >= 100 or float(value).is_integer():
        return f"{value:,.0f} {unit}".rstrip()
    return f"{value:.3g} {unit}".rstrip()
