"""The command line of the local chain."""

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import NoReturn

from localchain.chain import LocalChain
from localchain.errors import LocalChainError
from localchain.market import FLAVOURS


def main(argv: list[str] | None = None) -> int:
    """Build, announce, wait. Ends with 0 on SIGTERM or SIGINT, anvil being gone by then."""
    options = _parser().parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        with LocalChain(
            options.flavour, chain_id=options.chain_id, spot=options.spot, port=options.port
        ) as chain:
            _people(chain, options)
            _announce(chain, options.deployments, options.ready)
            chain.node.wait()
    except LocalChainError as error:
        print(f"localchain: {error}", file=sys.stderr)
        return 1
    return 0


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)  # leaves the `with`, which ends anvil


def _people(chain: LocalChain, options: argparse.Namespace) -> None:
    """Whales last: they need the time to stand still."""
    if options.specials:
        chain.specials()
    if options.borrowers:
        chain.populate(options.borrowers, options.seed)
    if options.crowd:
        chain.crowd(options.crowd, options.crowd_eth, options.seed)
    if options.whales:
        chain.whales(options.whales, options.whale_eth, options.seed)


def _announce(chain: LocalChain, deployments: Path | None, ready: Path | None) -> None:
    if deployments:
        chain.write_deployments(deployments)
    print(chain.url, flush=True)
    if ready:
        facts = {
            "url": chain.url,
            "chain_id": chain.chain_id,
            "flavour": chain.flavour,
            "pool": chain.pool,
            "deployments": str(deployments) if deployments else None,
            "first_block": chain.first_block,
            "anvil": chain.node.pid,
            "borrowers_ever": len(chain.borrowers_ever),
            "whales": [asdict(whale) for whale in chain.whale_list],
        }
        aside = ready.with_name(f"{ready.name}.{os.getpid()}")
        aside.write_text(json.dumps(facts, indent=2) + "\n")
        aside.replace(ready)


def _prices(text: str) -> list[float]:
    try:
        prices = [float(part) for part in text.split(",")]
    except ValueError:
        prices = []
    if not prices or min(prices) <= 0:
        raise argparse.ArgumentTypeError("prices are numbers above zero with commas between")
    return prices


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localchain",
        description="Aave v3 on a local node, with borrowers. Prints the URL, then waits.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--flavour", choices=FLAVOURS, default="origin", help="core is v3.0, origin v3.6")
    add("--borrowers", type=int, default=0, metavar="N", help="random accounts")
    add("--seed", type=int, default=1, help="of everything random")
    add("--specials", action="store_true", help="one account for each special case")
    add("--whales", type=_prices, metavar="P1,P2,...", help="their liquidation prices, in dollars")
    add(
        "--whale-eth", type=float, default=650_000, metavar="X", help="ether of all whales together"
    )
    add("--crowd", type=int, default=0, metavar="N", help="accounts of ether around the whales")
    add("--crowd-eth", type=float, default=1_300_000, metavar="X", help="ether of the whole crowd")
    add("--spot", type=float, default=2350, metavar="P", help="what an ether costs, in dollars")
    add("--chain-id", type=int, default=31337, metavar="ID", help="of the node")
    add("--port", type=int, default=0, metavar="P", help="0 takes a free one")
    add("--deployments", type=Path, metavar="FILE", help="write the market's deployments file")
    add("--ready", type=Path, metavar="FILE", help="write JSON here once everything is there")
    return parser
