"""What a scan of a market of Ethereum's shape costs: 100,000 borrowers, 25 million blocks.

The endpoint is made of arrays (`scripts/synthetic`) and answers in a process of its own on this
machine; it takes the lens. The scans run as `bandscan scan`, imports included. Nothing is promised:
the yardstick would be somebody's archive node.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.report import Figure

_SYNTHETIC = Path(__file__).resolve().parents[1] / "synthetic"
BORROWERS, HEAD, MOVED = 100_000, 25_000_000, 500


def figures() -> list[Figure]:
    """All figures of this section."""
    # In a process of its own: a child's peak memory is not below that of whoever started it.
    command = [sys.executable, str(_SYNTHETIC), "--json", "--borrowers", str(BORROWERS)]
    command += ["--head", str(HEAD), "--touched", str(MOVED)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = []
    names = (f"first scan of {BORROWERS:,} borrowers", f"scan after {MOVED:,} moved")
    for name, cost in zip(names, json.loads(said), strict=True):
        found += [
            Figure(name, cost["seconds"], "s"),
            Figure("... of it CPU of the scan", cost["cpu"], "s"),
            Figure("... and of the endpoint", cost["server"], "s"),
            Figure("... requests", cost["requests"]),
            *_plan(cost),
            Figure("... sent", cost["sent"], "MB"),
            Figure("... received", cost["received"], "MB"),
            Figure("... peak memory", cost["memory"], "MB"),
        ]
    return found


def _plan(cost: dict[str, Any]) -> list[Figure]:
    """What the scan said before it began: accounts that a first scan finds come on top."""
    if cost["planned"] is None:
        return []
    return [
        Figure("... planned beforehand", cost["planned"]),
        Figure("... in about", cost["expected"], "s"),
    ]
