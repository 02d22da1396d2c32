"""What a request means: chain, endpoints, markets, shocks; all refusals come before any storing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from scanner import borrowers, certificate
from scanner.borrowers import BorrowerList
from scanner.chain.connect import Node, connect
from scanner.chain.pinned import Chain
from scanner.core import weighted
from scanner.deployments import ChainInfo, Fields, Market, chain_info, markets
from scanner.deployments.pools import Pool, pools
from scanner.errors import MarketError, Problem, UsageError
from scanner.protocols import SOME, Adapter, Survey, adapters, optional_fields
from scanner.store.retention import DAYS
from scanner.watching import Watch


@dataclass(frozen=True)
class Request:
    """What to scan; see `bandscan scan --help`."""

    chain: str | int | None
    rpc: tuple[str, ...]
    protocols: tuple[str, ...]
    deployments: Path | None
    store: Path
    block: int | str = "latest"
    shocks: tuple[str, ...] = ()
    verify: int | None = 100
    patience: float = 600.0
    accounts_from: Path | None = None  # a list of borrowers (borrowers.py)
    anyway: bool = False  # even where the plan takes more than a day (plan.py)
    keep: int | None = DAYS  # days of six-hourly history (store/retention.py); None: all scans


@dataclass(frozen=True)
class Opened:
    """A market at the pinned block, with the adapter that understands it."""

    row: Market
    adapter: Adapter
    market: Any

    @property
    def key(self) -> bytes:
        """Its contracts: others under the same name are another market."""
        return b"".join(self.row.addresses[field] for field in self.adapter.ADDRESSES)


def connected(request: Request) -> tuple[Node, ChainInfo]:
    """A node behind the request's endpoints, or behind the chain's public ones.

    Raises
    ------
    UsageError, EndpointError
    """
    if request.chain is None and not request.rpc:
        raise UsageError(
            "neither a chain nor an endpoint was given",
            fix="give --chain NAME, or --rpc URL, or both",
        )
    info = None if request.chain is None else chain_info(request.chain)
    urls = request.rpc or (info.endpoints if info else ())
    if not urls and info:
        raise UsageError(f"no public endpoint is known for {info.name}", fix="give one with --rpc")
    node = connect(info.chain_id if info else None, urls, patience=request.patience)
    return node, info or chain_info(node.chain_id)


@dataclass(frozen=True)
class Opening:
    """The pinned chain, its markets there, and what had to be left out.

    `unread` are the document's rows of the markets left out, `shocks` all that something follows,
    `pools` what drivers' prices are held against.
    """

    chain: Chain
    markets: list[Opened]
    problems: list[Problem]
    unread: list[dict[str, Any]]
    shocks: set[str]
    people: BorrowerList | None = None
    pools: Mapping[str, Pool] = field(default_factory=dict)


def opened(
    node: Node,
    info: ChainInfo,
    request: Request,
    watch: Watch,
    chain: Chain | None = None,
    rows: Sequence[Market] | None = None,
) -> Opening:
    """The chain pinned to the request's block, and its markets there.

    `chain`, if it is pinned already; `rows`, if the deployments were read already (`listed`).

    Raises
    ------
    UsageError
        No market, a block in the future, a contract that is none, a shock that nothing follows.
    """
    people = None if request.accounts_from is None else borrowers.read(request.accounts_from)
    rows = listed(request, info) if rows is None else rows
    chain = chain or node.pin(request.block, info.lag)
    found: list[Opened] = []
    failed: list[tuple[Problem, dict[str, Any]]] = []
    for row in _begun(rows, chain.block.number, watch):
        adapter = adapters()[row.protocol]
        try:
            found.append(Opened(row, adapter, adapter.open_market(chain, row)))
        except MarketError as error:
            if row.source == "file" or len(rows) == 1:
                raise
            failed.append(unreadable(row, adapter, error))
    if not found:
        raise UsageError(
            "none of the markets can be read",
            **{problem.market or "": problem.message for problem, _ in failed},
        )
    known = {shock for one in found for shock in one.adapter.shocks(one.market)}
    if SOME not in known:  # else it shows once the accounts are read
        require_shocks(request.shocks, (), known)
    problems, unread = [problem for problem, _ in failed], [row for _, row in failed]
    listed_pools = pools(info.chain_id, request.deployments)
    return Opening(chain, found, problems, unread, known, people, listed_pools)


def listed(request: Request, info: ChainInfo) -> list[Market]:
    """The deployments that a request is about; UsageError where there is none."""
    found = markets(info.chain_id, request.protocols or None, request.deployments, needed())
    if not found:
        raise UsageError(
            f"no market is known on {info.name}"
            + (f" for {', '.join(request.protocols)}" if request.protocols else ""),
            fix="name markets in a deployments file: --deployments FILE",
        )
    return sorted(found, key=lambda row: (row.protocol, row.name))


def unreadable(row: Market, adapter: Adapter, error: MarketError) -> tuple[Problem, dict[str, Any]]:
    """What the document says of a market that could not be read: a problem, and its row."""
    problem = Problem("market_unreadable", error.what, row.protocol, row.name, fatal=True)
    address = row.addresses[adapter.ADDRESSES[0]]
    return problem, certificate.unread(row.protocol, row.name, address)


def require_shocks(asked: Sequence[str], surveys: Sequence[Survey], known: set[str]) -> None:
    """Refuse a shock that nothing follows; `known` are those told by the markets themselves.

    Raises
    ------
    UsageError
    """
    found = set(known)
    for survey in surveys:
        found |= {f"driver:{name}" for name in survey.drivers}
        found |= {f"token:{token.symbol}" for token in survey.holdings.tokens}
    for shock in asked:
        for one in _parts(shock):
            if one not in found:
                raise _unknown_shock(shock, one, found)


def _parts(shock: str) -> list[str]:
    """The shocks that a weighted one is made of; any other is its own."""
    if not shock.startswith(weighted.PREFIX):
        return [shock]
    return [f"driver:{name}" for name in weighted.weights_of(shock)]


def _unknown_shock(whole: str, shock: str, known: set[str]) -> UsageError:
    kind, _, name = shock.partition(":")
    names = sorted(one.partition(":")[2] for one in known if one.startswith(f"{kind}:"))
    folded = {one.casefold(): one for one in names}
    near = get_close_matches(name.casefold(), folded, 1)
    return UsageError(
        f"nothing in the scanned markets follows {shock}"
        + ("" if shock == whole else f", to which {whole} gives a weight"),
        known=", ".join(names) or "none",
        fix=f"did you mean {kind}:{folded[near[0]]}?"
        if near
        else "without --shock all are scanned",
    )


def needed() -> dict[str, Fields]:
    """The address fields of every protocol that can be scanned."""
    return {
        name: Fields(adapter.ADDRESSES, optional_fields(adapter))
        for name, adapter in adapters().items()
    }


def _begun(listed: Sequence[Market], block: int, watch: Watch) -> list[Market]:
    """The markets that exist at the block; a shipped one that began later is named and left out.

    Raises UsageError where none is left, and for one of the user's own file: its `first_block` may
    be wrong, and a market that is left out by mistake would look like one without risk.
    """
    late = [row for row in listed if (row.first_block or 0) > block]
    own = [row for row in late if row.source == "file"]
    for row in own or (late if len(late) == len(listed) else []):
        raise UsageError(
            f"the market {row.name} begins at block {row.first_block},"
            f" after the scanned block {block}",
            fix="scan a later block" + (", or correct first_block in the file" if own else ""),
        )
    for row in late:
        watch.say(f"{row.name}: left out, it begins after block {block}")
    return [row for row in listed if row not in late]
