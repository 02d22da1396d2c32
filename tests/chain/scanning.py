"""A scan of a local chain, as the product makes it, for tests."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from localchain import LocalChain

from scanner import opening
from scanner import scan as scanning
from scanner.chain.connect import connect
from scanner.deployments import Fields, markets
from scanner.mirror import Mirror
from scanner.protocols import aave_v3
from scanner.scan import Finished, Request
from scanner.store.ledger import Ledger
from scanner.watching import SILENT

NEVER = 2**256 - 1  # the health factor of an account without debt
CENT = 0.00501  # half a cent: what rounding a position's dollars may change
ONE = 10**18  # the health factor below which an account is liquidatable


def scan(
    chain: LocalChain,
    store: Path,
    *,
    shocks: Sequence[str] = (),
    verify: int | None = None,
    block: int | str = "latest",
) -> Finished:
    """`bandscan scan` of the local market, every account verified unless told otherwise."""
    store.mkdir(parents=True, exist_ok=True)
    deployments = store.parent / f"{store.name}.toml"
    chain.write_deployments(deployments)
    return scanning.run(
        Request(
            chain=None,
            rpc=(chain.url,),
            protocols=(),
            deployments=deployments,
            store=store,
            block=block,
            shocks=tuple(shocks),
            verify=verify,
            patience=30,
        )
    )


def table(finished: Finished, driver: str | None = None) -> pd.DataFrame:
    """The positions of a scan (those of one driver), indexed by account."""
    frame = pd.DataFrame(finished.positions)
    if driver is not None:
        frame = frame[frame["driver"] == driver]
    return frame.set_index("account", drop=False)


def priced(finished: Finished, driver: str) -> pd.DataFrame:
    """Positions with a p*, which is then the integer column `raw`; `step` is one unit beyond."""
    rows = table(finished, driver)
    rows = rows[rows["side"] != "none"].copy()
    rows["raw"] = [int(text) for text in rows["liquidation_price_raw"]]
    rows["step"] = [-1 if side == "long" else 1 for side in rows["side"]]
    return rows


def debtors(chain: LocalChain) -> set[str]:
    """Everybody who ever borrowed and owes something now, by the debt tokens themselves."""
    people = sorted(chain.borrowers_ever)
    owed = {who for who, held in chain.holdings(people).items() if any(d for _, d in held.values())}
    for token in chain.tokens.values():
        if token.sdebt:
            balance = "balanceOf(address)(uint256)"
            owed |= {who for who in people if chain.call(token.sdebt, balance, who)}
    return owed


def health(chain: LocalChain, accounts: Sequence[str]) -> dict[str, int]:
    """The pool's own health factors, now."""
    data = chain.accounts_data(accounts)
    return {who: row["healthFactor"] for who, row in zip(accounts, data, strict=True)}


def parity(finished: Finished) -> dict[str, Any]:
    """The parity row of the one market."""
    [row] = finished.document["parity"]
    found: dict[str, Any] = row
    return found


@dataclass(frozen=True)
class Opened:
    """The local market, read by the adapter: for questions that no output answers."""

    survey: Any

    @property
    def book(self) -> Any:
        """The positions in the contracts' own integers; see `_aave_book`."""
        return self.survey.book

    def accounts(self) -> list[str]:
        """Addresses of the positions, in order."""
        return ["0x" + bytes(row).hex() for row in self.book.accounts]


def open_market(chain: LocalChain, store: Path) -> Opened:
    """Survey the market by a ledger at `store`, which is brought up to date."""
    store.mkdir(parents=True, exist_ok=True)
    deployments = store.parent / f"{store.name}.toml"
    chain.write_deployments(deployments)
    [row] = markets(chain.chain_id, None, deployments, {"aave_v3": Fields(aave_v3.ADDRESSES)})
    with (
        closing(connect(chain.chain_id, [chain.url], patience=30)) as node,
        Ledger.open(store, write=True) as ledger,
    ):
        pinned = node.pin("latest", 0)
        market = aave_v3.open_market(pinned, row)
        one = opening.Opened(row, aave_v3, market)
        states, failed = Mirror(ledger, node, pinned, one, SILENT).states()
        return Opened(aave_v3.survey(pinned, market, states, failed))


def kept(chain: LocalChain, store: Path, ask: Callable[[Ledger, int], Any]) -> Any:
    """Ask the ledger of a store about the local market."""
    pool = bytes.fromhex(chain.pool[2:])
    with Ledger.open(store, write=False) as ledger:
        return ask(ledger, ledger.market(chain.chain_id, "aave_v3", "local", pool))
