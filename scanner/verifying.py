"""`bandscan verify`: every liquidation price of a stored scan, put to the protocol itself.

At the scanned block each position is asked about twice, under state overrides: with the moving
feeds at p*, where it must be healthy, and one feed unit beyond, where it must not be. The prices
are the stored ones, digit for digit; the markets are read again at the block for everything else.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner import opening, reading
from scanner.answers.proof import all_proven, chosen, merged, outcome, told
from scanner.certificate import parity_rows
from scanner.chain.connect import Node
from scanner.chain.pinned import Chain
from scanner.core import proof
from scanner.core.integers import Integers
from scanner.core.positions import Exposure
from scanner.core.rows import SIDE_NAMES, hex_addresses
from scanner.core.states import States
from scanner.deployments import chain_info
from scanner.errors import OverridesRefused, ReadError, StateGone
from scanner.findings import parsed
from scanner.opening import Opened
from scanner.outputs.document import encode
from scanner.protocols import Survey, beyond, key_width
from scanner.reading import Stored
from scanner.store import proofs
from scanner.store.ledger import Ledger
from scanner.watching import SILENT, Watch

if TYPE_CHECKING:
    import pandas as pd

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Request:
    """What to verify; see `bandscan verify --help`. Without `drivers` all of the scan's."""

    store: Path
    chain: str | int | None = None
    rpc: tuple[str, ...] = ()
    deployments: Path | None = None
    drivers: tuple[str, ...] = ()
    account: str | None = None
    band: int | None = None
    patience: float = 600.0

    @property
    def whole(self) -> bool:
        """Whether all positions of the drivers are verified."""
        return self.account is None and self.band is None


@dataclass
class Verified:
    """What came of it: the answer, whether all is proven, and facts of the run."""

    stored: Stored
    answer: dict[str, Any]
    proven: bool
    stats: dict[str, Any] = field(default_factory=dict)


def run(request: Request, watch: Watch = SILENT) -> Verified:
    """Verify a stored scan, and keep the outcome beside it where whole drivers were verified.

    Raises
    ------
    UsageError
        No scan, no such driver or range, no position that fits, another chain's endpoint.
    EndpointError, ReadError
        StateGone where nobody keeps the scanned block's state any more.
    """
    stored = reading.newest(request.store, request.chain)
    names = [reading.driver(stored.document, name) for name in request.drivers]
    names = list(dict.fromkeys(names)) or [row["driver"] for row in stored.document["drivers"]]
    rows = chosen(stored, names, request.account, request.band)
    with closing(_connected(request, stored)) as node:
        chain = _pinned(node, stored)
        try:
            parts = _Run(request, stored, node, chain, rows, watch)
            found = parts.verdicts()
        except StateGone as error:
            raise StateGone(
                f"the state of block {chain.block.number}, which the scan is of, is kept by no"
                " endpoint any more",
                fix="scan again and verify at once, or give an endpoint that keeps old state"
                " (archive)",
            ) from error
        stats = {"requests": node.stats.requests, "batches": parts.batches}
    kept = outcome(rows, names, *found)
    if request.whole:
        whole = merged(proofs.read(stored.snapshot), kept)
        proofs.write(request.store, stored.snapshot, encode(whole))
    answer = told(stored, kept)
    return Verified(stored, answer, all_proven(answer), stats)


def _connected(request: Request, stored: Stored) -> Node:
    asked = opening.Request(
        stored.document["chain_id"],
        request.rpc,
        (),
        request.deployments,
        request.store,
        patience=request.patience,
    )
    return opening.connected(asked)[0]


def _pinned(node: Node, stored: Stored) -> Chain:
    block = stored.document["block"]
    chain = node.pin(block["number"])
    if "0x" + chain.block.hash.hex() != block["hash"]:
        raise ReadError(
            f"block {block['number']} is not the one that was scanned: it was reorganised away",
            fix="scan again, then verify",
        )
    return chain


@dataclass
class _Run:
    """One verification under way; `rows` are the stored positions to verify."""

    request: Request
    stored: Stored
    node: Node
    chain: Chain
    rows: "pd.DataFrame"
    watch: Watch
    batches: dict[str, list[int]] = field(default_factory=dict)

    def verdicts(self) -> tuple[proof.Outcome, str | None, list[dict[str, Any]]]:
        """The outcome of every row, in order; why overrides are refused, and parity then."""
        size = len(self.rows)
        status = np.full(size, proof.CANNOT, np.int8)
        edge = np.full(size, None, object)
        why = np.full(size, "its market is not among those known here (--deployments)", object)
        refused, parity = None, []
        for one, survey in self._surveys():
            places, rows = self._found(one, survey)
            if refused is None:
                try:
                    self._market(survey, places, rows, status, edge, why)
                except OverridesRefused as error:
                    refused = error.what
            if refused is not None:
                checked = survey.parity(self.chain, None)
                where = {"protocol": one.row.protocol, "market": one.row.name}
                parity += parity_rows(checked, where)
        if refused is not None:
            status[:], edge[:], why[:] = proof.CANNOT, None, refused
        return proof.Outcome(status, edge, why), refused, parity

    def _surveys(self) -> Iterator[tuple[Opened, Survey]]:
        """The markets of the rows, at the scanned block."""
        wanted = set(self.rows["protocol"])
        info = chain_info(self.chain.chain_id)
        asked = opening.Request(
            self.chain.chain_id, (), tuple(sorted(wanted)), self.request.deployments,
            self.request.store, block=self.chain.block.number,
        )  # fmt: skip
        here = opening.opened(self.node, info, asked, self.watch, self.chain)
        with Ledger.open(self.request.store, write=False) as ledger:
            for one in here.markets:
                self.watch.step(f"{one.row.name}: accounts at the block", None)
                states, failed = states_at(ledger, self.chain, one)
                yield one, one.adapter.survey(self.chain, one.market, states, failed)

    def _found(self, one: Opened, survey: Survey) -> tuple[I64, I64]:
        """Which rows are of this market, and each one's position; -1 where it is not there."""
        import pandas as pd

        holdings = survey.holdings
        names = np.array(holdings.market_names(), object)
        here = self.rows["protocol"].eq(one.row.protocol) & self.rows["market"].isin(names)
        rows = np.flatnonzero(here.to_numpy())
        index = pd.MultiIndex.from_arrays(
            [names[holdings.place_of()], hex_addresses(holdings.accounts)]
        )
        mine = pd.MultiIndex.from_frame(self.rows.iloc[rows][["market", "account"]])
        return index.get_indexer(mine).astype(np.int64), rows

    def _market(
        self,
        survey: Survey,
        places: I64,
        rows: I64,
        status: npt.NDArray[np.int8],
        edge: npt.NDArray[np.object_],
        why: npt.NDArray[np.object_],
    ) -> None:
        """Every driver of one market, into the columns of the outcome."""
        why[rows] = "the position is not there at the scanned block"
        driver = self.rows["driver"].to_numpy(object)[rows]
        for shock in self.stored.document["shocks"]:
            kind, name = parsed(shock)
            mine = np.flatnonzero((driver == name) & (places >= 0))
            exposure = survey.expose(kind, name) if len(mine) else None
            if exposure is None:
                continue
            same = _same_feed(exposure, places[mine], self.rows.iloc[rows[mine]])
            why[rows[mine[~same]]] = "read again, the market has another feed or side for it"
            mine = mine[same]
            if len(mine):
                self.watch.step(f"{survey.holdings.market}: {name}", 2 * len(mine))
                found = self._asked(survey, exposure, places[mine], rows[mine])
                status[rows[mine]], edge[rows[mine]], why[rows[mine]] = (
                    found.status, found.edge, found.why,
                )  # fmt: skip

    def _asked(self, survey: Survey, exposure: Exposure, places: I64, rows: I64) -> proof.Outcome:
        texts = self.rows["liquidation_price_raw"].to_numpy(object)[rows]
        raw = np.array([int(text) for text in texts], object)
        step = beyond(survey, exposure)[places]

        def ask(positions: I64, prices: Integers) -> tuple[Any, Any, Any]:
            found = survey.trials(exposure, positions, prices).ask(self.chain, self.watch.advance)
            self.batches.setdefault(survey.holdings.protocol, []).extend(found.batches)
            return found.known, found.healthy, found.why

        pairs = np.stack([raw, raw + step], axis=1).reshape(-1)
        first = ask(np.repeat(places, 2), pairs)
        return proof.judged(raw, step, *first, lambda r, p: ask(places[r], p)[:2])


def states_at(ledger: Ledger, chain: Chain, one: Opened) -> tuple[States, U8]:
    """Stored states of a market's accounts at the pinned block, without a change to the ledger:
    as it has them where it stands at that block, else read from the chain."""
    width = key_width(one.adapter)
    number = ledger.market(chain.chain_id, one.row.protocol, one.row.name, one.key)
    cursor = ledger.cursor(number)
    nobody = np.zeros((0, width), np.uint8)
    if cursor is not None and cursor.block == chain.block.number:
        same = cursor.hash in (None, chain.block.hash)
        if same and not len(ledger.stale(number, width)):
            return ledger.load(number, width), nobody
    parts = list(one.adapter.read(chain, one.market, ledger.accounts(number, width)))
    return joined([states for states, _ in parts], width), np.concatenate(
        [nobody, *(failed for _, failed in parts)]
    )


def joined(parts: Sequence[States], width: int) -> States:
    """Several states, one after another, as one."""
    return States(
        np.concatenate([np.zeros((0, width), np.uint8), *(s.accounts for s in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(s.counts for s in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(s.slot for s in parts)]),
        np.concatenate([np.zeros((0, 32), np.uint8), *(s.value for s in parts)]),
    )


def _same_feed(exposure: Exposure, places: I64, rows: "pd.DataFrame") -> npt.NDArray[np.bool_]:
    """Whether the stored prices count in the feeds that the exposure has, on its sides."""
    feeds, of = exposure.raw_feeds()
    address = np.array(["0x" + f.address.hex() if f.address else "" for f in feeds], object)
    scale = np.array([float(f.scale) for f in feeds])
    of = of[places]
    same = address[of] == rows["price_feed"].to_numpy(object)
    same &= SIDE_NAMES[exposure.side[places]] == rows["side"].to_numpy(object)
    return np.asarray(same & (scale[of] == rows["price_scale"].to_numpy(np.float64)), np.bool_)
