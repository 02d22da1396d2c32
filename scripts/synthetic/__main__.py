"""`python scripts/synthetic`: a cold scan of a synthetic market, and one after some moved."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

if not __package__:  # run as a directory: its parent is where the package is imported from
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from synthetic import Synthetic

_ROOT = Path(__file__).resolve().parents[2]
_MB = 1_000_000
_HEAD = (
    "| scan | requests | planned | MB sent | MB received | seconds | CPU s | max RSS MB"
    " | server CPU s |"
)
_PLAN = re.compile(r"plan: about ([\d,]+) requests?, (?:(\d+) (second|minute|hour|day))")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


@dataclass(frozen=True)
class Cost:
    """What one scan cost: by the endpoint's counters and by the kernel's account of the process.

    `planned` and `expected` [s] are what it said beforehand; None where the plan was too short to
    be told.
    """

    requests: int
    planned: int | None
    expected: int | None
    sent: float
    received: float
    seconds: float
    cpu: float
    memory: float
    server: float

    def row(self, name: str) -> str:
        planned = "" if self.planned is None else f"{self.planned:,} in {self.expected:,} s"
        numbers = (f"{self.requests:,}", planned, f"{self.sent:.1f}", f"{self.received:.1f}")
        times = (f"{self.seconds:.1f}", f"{self.cpu:.1f}", f"{self.memory:.0f}")
        return f"| {' | '.join([name, *numbers, *times, f'{self.server:.1f}'])} |"


def scan(chain: Synthetic, folder: Path) -> Cost:
    """`bandscan scan` of the endpoint in a process of its own, into `folder`/store."""
    chain.write_deployments(folder / "deployments.toml")
    where = ["--deployments", str(folder / "deployments.toml"), "--store", str(folder / "store")]
    command = [sys.executable, "-m", "scanner", "scan", "--rpc", chain.url, *where]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BANDSCAN")}
    before, began = chain.counts(), time.perf_counter()
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            command, cwd=_ROOT, env=kept, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        said.seek(0)
        told = said.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the scan ended with exit code {process.returncode}:\n{told}")
    after, plan = chain.counts(), _PLAN.search(told)
    return Cost(
        after.requests - before.requests,
        int(plan[1].replace(",", "")) if plan else None,
        int(plan[2]) * _SECONDS[plan[3]] if plan else None,
        (after.sent - before.sent) / _MB,
        (after.received - before.received) / _MB,
        seconds,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * 1024 / _MB,
        after.seconds - before.seconds,
    )


def main() -> int:
    """Print a table of what the scans cost; or serve until interrupted."""
    asked = _arguments()
    limits = {"log_range": asked.log_range or None, "most_logs": asked.most_logs}
    service = {"latency": asked.latency, "rate": asked.rate}
    with Synthetic(asked.seed, asked.borrowers, asked.head, **limits, **service) as chain:
        if asked.serve:
            chain.write_deployments(asked.serve)
            print(f"{chain.url} (deployments: {asked.serve})", flush=True)
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                return 0
        show = not asked.json
        if show:
            print(f"{asked.borrowers:,} borrowers, head {asked.head:,}\n\n{_HEAD}")
            print("|---" * _HEAD.count(" | ") + "|---|", flush=True)
        costs: dict[str, Cost] = {}
        with tempfile.TemporaryDirectory() as made:
            for name in ("cold", f"after {asked.touched:,} moved"):
                if costs:
                    chain.move(asked.touched)
                costs[name] = scan(chain, Path(made))
                if show:
                    print(costs[name].row(name), flush=True)
        if not show:
            print(json.dumps([asdict(cost) for cost in costs.values()]))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/synthetic", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=1)
    add("--borrowers", type=int, default=100_000)
    add("--head", type=int, default=25_000_000)
    add("--touched", type=int, default=500, help="borrowers that change before the second scan")
    add("--log-range", type=int, default=10_000, help="blocks per eth_getLogs; 0 for no limit")
    add("--most-logs", type=int, help="logs in one answer")
    add("--latency", type=float, default=0.0, help="seconds before each answer")
    add("--rate", type=float, help="requests per second, above which they are refused")
    add("--json", action="store_true", help="the costs of both as JSON")
    add("--serve", type=Path, metavar="FILE", help="no scan: serve, deployments written to FILE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
