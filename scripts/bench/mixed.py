"""A cold scan of every protocol on one chain, 1,000 borrowers in each, and one after 0.5 % moved.

The yardstick is as in `scan`: a bare HTTP client for the very same requests. What Compound v3's
principals cost, which have to be asked of everybody at every scan, is counted apart.
"""

import asyncio
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from localchain import LocalChain
from localchain.mixed import Mixed

from bench.report import Figure
from bench.scan import Desk, replay

BORROWERS, TOUCHED = 1_000, 5
PEOPLE = 1_300  # of whom a thousand have debt in the market with the fewest
ROUNDS = 5
_USER_BASIC = b"dc4abafd"  # selector of Comet.userBasic(address)
_A_FEW = 2 * TOUCHED  # as many as moved are asked for their collateral, not their principal


def figures() -> list[Figure]:
    """All figures of this section."""
    with LocalChain("origin") as aave, tempfile.TemporaryDirectory() as made:
        aave.populate(PEOPLE)
        mixed = Mixed(aave)
        mixed.populate(PEOPLE)
        desk = MixedDesk(mixed, Path(made))
        _, _, fewest = desk.measured("warm")
        if fewest < BORROWERS:
            raise RuntimeError(f"only {fewest:,} borrowers in one of the protocols")
        scans, replays, ratios = [], [], []
        for turn in range(ROUNDS):
            cold, facts, _ = desk.measured(f"store{turn}")
            bodies = list(desk.bodies)
            bare, _ = asyncio.run(replay(aave.url, bodies))
            scans.append(cold)
            replays.append(bare)
            ratios.append(cold / bare)
        traffic = facts["bytes_sent"] + facts["bytes_received"]
        aave.act(TOUCHED)
        for part in mixed.parts:
            part.populate(TOUCHED, seed=99)
        again, repeated, _ = desk.measured("store0")
        moved = repeated["bytes_sent"] + repeated["bytes_received"]
        apart = desk.principals
    return [
        Figure(f"cold scan of {len(mixed.protocols)} protocols", median(scans), "s"),
        Figure("... borrowers in the smallest of them", fewest, ""),
        Figure("... the same requests, bare HTTP client", median(replays), "s"),
        Figure("... scan over bare client", median(ratios), "x", 1.6),
        Figure("... requests", len(bodies), ""),
        Figure(f"scan after {TOUCHED} in each market moved", again, "s"),
        Figure("... its bytes, of the cold scan's", 100 * (moved - apart) / traffic, "%", 10),
        Figure("... Compound v3's principals, counted apart", 100 * apart / traffic, "%"),
    ]


class MixedDesk(Desk):
    """Scans of the mixed chain; `principals` are the bytes of userBasic in the last one."""

    def __init__(self, mixed: Mixed, folder: Path) -> None:
        super().__init__(mixed.aave, folder)
        (folder / "deployments.toml").write_text(mixed.deployments_toml())

    @property
    def principals(self) -> int:
        """Bytes of every batch of the last scan that asks for principals, and of its answer."""
        asked = [body for body in self.bodies if body.count(_USER_BASIC) > _A_FEW]
        _, answers = asyncio.run(replay(self.url, asked))
        return sum(map(len, asked)) + answers

    def measured(self, store: str) -> tuple[float, dict[str, Any], int]:
        """Seconds and traffic of a scan, and the borrowers of the protocol with the fewest."""
        seconds, facts = self.scan(store)
        counts: dict[str, int] = {}
        for row in self.document["markets"]:
            counts[row["protocol"]] = counts.get(row["protocol"], 0) + row["borrowers"]
        return seconds, facts, min(counts.values())
