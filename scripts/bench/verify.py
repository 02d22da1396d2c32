"""verify: every price of 5,000 borrowers in real contracts, and of 500 positions of each protocol.

Side by side with the cold scan of the same borrowers. Trials of p* and one unit beyond stand next
to each other, so half the trials of a request are its accounts.
"""

import tempfile
from collections import Counter
from pathlib import Path
from statistics import median
from time import perf_counter

from localchain import FLAVOURS, LocalChain
from localchain.mixed import Mixed

from bench.mixed import MixedDesk
from bench.report import Figure
from bench.scan import ACCOUNTS, BORROWERS, Desk
from scanner import verifying
from scanner.verifying import Verified

PEOPLE = 750  # of whom 500 have a price in the protocol with the fewest
EACH = 500
ROUNDS = 3
PER_CALL, TIMES = 200, 10  # accounts in a request, at least; cold scans that it may take


def figures() -> list[Figure]:
    """All figures of this section."""
    found = [figure for flavour in FLAVOURS for figure in _of_flavour(flavour)]
    return [*found, *_of_every_protocol()]


def _of_flavour(flavour: str) -> list[Figure]:
    with LocalChain(flavour) as chain, tempfile.TemporaryDirectory() as made:
        chain.populate(ACCOUNTS)
        borrowers = len(chain.borrowers_ever)
        if borrowers < BORROWERS:
            raise RuntimeError(f"only {borrowers:,} accounts ever borrowed")
        desk = Desk(chain, Path(made))
        desk.scan("warm")
        scans, runs = [], []
        for turn in range(ROUNDS):
            scans.append(desk.scan(f"store{turn}")[0])
            seconds, found = _verified(desk, f"store{turn}", ("ETH", "BTC"))
            runs.append(seconds)
    batches = found.stats["batches"]["aave_v3"]
    ratios = [run / scan for run, scan in zip(runs, scans, strict=True)]
    return [
        Figure(f"{flavour}: prices of {borrowers:,} borrowers, ETH and BTC", _prices(found), ""),
        Figure("... not proven", _failed(found), "", 0),
        Figure("... verified in", median(runs), "s"),
        Figure("... over the cold scan", median(ratios), "x", TIMES),
        Figure("... accounts in the largest eth_call", max(batches) / 2, ""),
        Figure("... eth_calls for 1,000 accounts", _calls(batches), "", 1_000 / PER_CALL),
    ]


def _of_every_protocol() -> list[Figure]:
    with LocalChain("origin") as aave, tempfile.TemporaryDirectory() as made:
        aave.populate(PEOPLE)
        mixed = Mixed(aave)
        mixed.populate(PEOPLE)
        desk = MixedDesk(mixed, Path(made))
        scan, _ = desk.scan("store")
        seconds, found = _verified(desk, "store", ())
    prices: Counter[str] = Counter()
    for row in found.answer["proof"]:
        prices[row["protocol"]] += row["positions"]
    if min(prices.values()) < EACH:
        raise RuntimeError(f"only {min(prices.values()):,} prices in one of the protocols")
    figures = [
        Figure(f"prices of {len(prices)} protocols, every driver", _prices(found), ""),
        Figure("... of the protocol with the fewest", min(prices.values()), ""),
        Figure("... not proven", _failed(found), "", 0),
        Figure("... verified in", seconds, "s"),
        Figure("... over the cold scan", seconds / scan, "x", TIMES),
    ]
    for protocol, batches in sorted(found.stats["batches"].items()):
        text = f"... {protocol}: accounts in the largest eth_call"
        figures.append(Figure(text, max(batches) / 2, ""))
    return figures


def _verified(desk: Desk, store: str, drivers: tuple[str, ...]) -> tuple[float, Verified]:
    """Seconds and outcome of verifying the scan in a store of that name."""
    request = verifying.Request(
        desk.folder / store,
        rpc=(desk.url,),
        deployments=desk.folder / "deployments.toml",
        drivers=drivers,
    )
    began = perf_counter()
    found = verifying.run(request)
    return perf_counter() - began, found


def _prices(found: Verified) -> int:
    return int(found.answer["positions"])


def _failed(found: Verified) -> int:
    return int(found.answer["off"] + found.answer["cannot"])


def _calls(batches: list[int]) -> float:
    """Requests for 1,000 accounts, those with which the gas of a trial is learned left out."""
    full = [trials for trials in batches if trials > 2 * 8]
    return 2_000 * len(full) / max(sum(full), 1)
