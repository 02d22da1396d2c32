"""A store with a history of scans, made up but whole: `make`, or from the command line.

    PYTHONPATH=scripts .venv/bin/python -m bench.stored FOLDER [--positions N] [--scans N]

Invented borrowers (`people.py`) go through the product's own way from stored balances to a
snapshot: the Aave adapter, prices, bands, certificate, document, tables. Only the chain is left
out. The same arguments give the same bytes.
"""

import argparse
import atexit
import hashlib
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import books
from bench.people import GHOST, RESERVES, Moment, People
from scanner.chain.pinned import Block
from scanner.core.states import States
from scanner.deployments import Market
from scanner.errors import Problem
from scanner.findings import Findings, Surveyed, findings
from scanner.outputs.document import encode
from scanner.protocols import Parity
from scanner.protocols._aave_book import COLLATERAL, DEBT, FIRST, KINDS, book_of
from scanner.protocols._aave_market import AaveMarket
from scanner.protocols._aave_rules import RAY
from scanner.protocols._aave_survey import AaveSurvey, _identities
from scanner.store import retention, snapshots

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

BLOCK = 24_512_345
TIME = int(datetime(2026, 11, 21, 21, 36, tzinfo=UTC).timestamp())
SECONDS = 12  # per block
REVISION = 10
PRIME = 0.15  # share of the positions in the second market
BOTH = 0.25  # share of those whose account is in the first one as well
LOST = 0.06  # share of the accounts that an incomplete scan could not read


def make(
    folder: Path,
    positions: int = 40_000,
    scans: int = 121,
    hours: float = 6,
    seed: int = 1,
    chain_id: int = 1,
    *,
    incomplete: bool = False,
) -> None:
    """Write the scans into the store at `folder`, the newest at block `BLOCK`.

    Retention is applied as after a scan: those of the last week have tables, and of scans that lie
    closer together than six hours some go once they are two days old. With `incomplete`, a share of
    the accounts of the newest scan could not be read.
    """
    people = People(positions, scans, seed)
    desks = _desks(people, np.random.default_rng([seed, 7]))
    for number, moment in enumerate(people.moments()):
        newest = number == scans - 1
        ago = round((scans - 1 - number) * hours * 3600 / SECONDS)
        block = _block(BLOCK - ago, TIME - ago * SECONDS, seed)
        found = _scan(chain_id, block, desks, moment, incomplete=incomplete and newest)
        snapshots.write(
            folder,
            chain_id,
            block.number,
            block.hash,
            found.document["complete"],
            encode(found.document),
            found.positions,
            found.legs,
            timestamp=block.timestamp,
        )
    retention.prune(folder, chain_id)


@cache
def ready() -> Path:
    """The store that the benches share: made once in a run, removed at its end."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    store = Path(folder.name) / "store"
    make(store)
    return store


@dataclass(frozen=True)
class Desk:
    """One market's share of the people, in the order that a ledger keeps them.

    `leg` points into the people's legs, `slot` says what that balance is, `counts` how many each
    account has.
    """

    name: str
    accounts: U8
    counts: I64
    leg: I64
    slot: I64


def _desks(people: People, rng: np.random.Generator) -> list[Desk]:
    """Everybody's address and market."""
    accounts = rng.integers(0, 256, (people.total, 20), np.uint8)
    prime = rng.random(people.total) < PRIME
    prime[people.odd] = False  # what has no price is in one market only
    both = np.flatnonzero(prime & (rng.random(people.total) < BOTH))
    accounts[both] = accounts[rng.choice(np.flatnonzero(~prime), len(both), replace=False)]
    kind = np.where(people.debt, DEBT, COLLATERAL)
    slot = FIRST + KINDS * people.token + kind
    desks = []
    for name, mine in (("core", ~prime), ("prime", prime)):
        who = np.flatnonzero(mine)
        who = who[np.argsort(accounts[who].copy().view("S20").ravel(), kind="stable")]
        rank = np.full(people.total, -1)
        rank[who] = np.arange(len(who))
        legs = np.flatnonzero(mine[people.position])
        legs = legs[np.lexsort((slot[legs], rank[people.position[legs]]))]
        counts = np.bincount(rank[people.position[legs]], minlength=len(who))
        desks.append(Desk(name, accounts[who], counts, legs, slot[legs]))
    return desks


def _scan(
    chain_id: int, block: Block, desks: list[Desk], moment: Moment, *, incomplete: bool
) -> Findings:
    surveyed = []
    for desk in desks:
        market = _market(chain_id, block, desk.name, moment)
        unit = np.array([10.0**asset.decimals for asset in RESERVES])
        tokens = moment.tokens[desk.leg]
        value = books.words(np.floor(tokens * unit[(desk.slot - FIRST) // KINDS]))
        states = States(desk.accounts, desk.counts, desk.slot, value)
        # The protocol's own totals are those of everybody who is there.
        total = [identity.found for identity in _identities(market, states)]
        market = replace(market, reserves=replace(market.reserves, debt_total=total))
        lost = np.zeros(len(desk.accounts), np.bool_)
        if incomplete and desk is desks[0]:
            lost[: round(LOST * len(lost))] = True
            value[np.repeat(lost, desk.counts)] = 0
        survey = AaveSurvey(
            market, book_of(market, states), _identities(market, states), desk.accounts[lost]
        )
        size = survey.holdings.legs.positions
        row = Market("aave_v3", desk.name, chain_id, None, {"pool": market.pool})
        surveyed.append(Surveyed(row, survey, Parity(size, size, 0, 0, 0.0, 0.0)))
    return findings(chain_id, block, (), surveyed, (), (), _liquidity(block))


def _liquidity(block: Block) -> dict[str, Any]:
    """Dollar tokens whose supply grows from block to block."""
    tokens = [
        {
            "address": f"0x{place:040x}",
            "symbol": symbol,
            "decimals": 6,
            "supply_raw": str((billions * 10**9 + block.number * 40) * 10**6),
            "supply": f"{billions * 10**9 + block.number * 40}.0",
        }
        for place, (symbol, billions) in enumerate((("USDC", 45), ("USDT", 79), ("DAI", 5)), 1)
    ]
    total = sum(float(str(row["supply"])) for row in tokens)
    return {"stablecoin_supply_usd": total, "source": "shipped", "tokens": tokens}


def _market(chain_id: int, block: Block, name: str, moment: Moment) -> AaveMarket:
    made = books.market(REVISION, moment.reserves, {**moment.spots, "MKR": 1_000.0})
    address = [_address(f"{chain_id} {asset.symbol}") for asset in RESERVES]
    ghost = address[GHOST].hex()
    problem = Problem("oracle_reverted", f"the oracle reverts for MKR (0x{ghost})", "aave_v3", name)
    return replace(
        made,
        name=name,
        chain_id=chain_id,
        pool=_address(f"{chain_id} {name} pool"),
        oracle=_address(f"{chain_id} {name} oracle"),
        timestamp=block.timestamp,
        reserves=replace(
            made.reserves,
            address=address,
            source=[_address(f"{chain_id} {asset.symbol} price") for asset in RESERVES],
            income=[int(moment.index[0] * 1e9) * RAY // 10**9] * len(address),
            debt_index=[int(moment.index[1] * 1e9) * RAY // 10**9] * len(address),
        ),
        following=tuple(
            replace(one, feed=_address(f"{chain_id} {one.driver or asset.symbol} feed"))
            for one, asset in zip(made.following, RESERVES, strict=True)
        ),
        problems=(problem,) if name == "core" else (),
    )


def _block(number: int, timestamp: int, seed: int) -> Block:
    return Block(number, hashlib.sha256(f"{seed} {number}".encode()).digest(), bytes(32), timestamp)


def _address(what: str) -> bytes:
    return hashlib.sha256(what.encode()).digest()[:20]


def main() -> None:
    """Make a store from the command line."""
    parser = argparse.ArgumentParser(prog="bench.stored", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positions", type=int, default=40_000)
    parser.add_argument("--scans", type=int, default=121)
    parser.add_argument("--hours", type=float, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chain-id", type=int, default=1)
    parser.add_argument("--incomplete", action="store_true", help="the newest scan is incomplete")
    asked = vars(parser.parse_args())
    make(**asked)


if __name__ == "__main__":
    main()
