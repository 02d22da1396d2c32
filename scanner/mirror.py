"""Bring the ledger up to the pinned block: who borrows, and their stored state.

Stored state is constant between an account's own events, so a repeated scan reads the logs since
the last one and re-reads only the accounts they name: its cost grows with activity, not with the
number of borrowers. Every step is one transaction; a killed run goes on where it stopped, and so
does a scan whose block has grown too old, at a newer one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain.connect import Node
from scanner.chain.pinned import Chain
from scanner.core.states import States, keys
from scanner.errors import ReadError
from scanner.opening import Opened
from scanner.protocols import key_width
from scanner.store.ledger import Cursor, Ledger
from scanner.watching import Watch

U8 = npt.NDArray[np.uint8]


def mirror(
    ledger: Ledger, node: Node, chain: Chain, one: Opened, watch: Watch
) -> tuple[States, U8]:
    """Stored states of all accounts of a market, valid at the pinned block, sorted by account.

    Returns
    -------
    states : States
    failed : uint8 array, shape (k, width)
        Accounts that could not be read; they have no row in `states`.
    """
    work = _Work(ledger, market_number(ledger, chain, one), chain, one, watch)
    back = ledger.unwind(work.number, _hash_at(node))
    if back is not None:
        watch.say(f"{one.row.name}: the chain was reorganised; reading again from block {back}")
    cursor = ledger.cursor(work.number)
    if cursor is not None and cursor.block > chain.block.number:
        return work.afresh()
    work.discover(cursor.block + 1 if cursor else first_block(node, chain, one, watch))
    work.refresh()
    return _usable(ledger.load(work.number, work.width), ledger.stale(work.number, work.width))


def market_number(ledger: Ledger, chain: Chain, one: Opened) -> int:
    """The market's number in the ledger."""
    return ledger.market(chain.chain_id, one.row.protocol, one.row.name, one.key)


def first_block(node: Node, chain: Chain, one: Opened, watch: Watch) -> int:
    """Where the market's logs begin: declared, or found on chain by its code, or the very start.

    A block too early costs requests, never borrowers; so where an endpoint has no old state to
    find the contract's first block, logs are read from block 0.
    """
    if one.row.first_block is not None:
        return one.row.first_block
    address = "0x" + one.row.addresses[one.adapter.ADDRESSES[0]].hex()
    low, high = 0, chain.block.number
    try:
        while low < high:
            middle = (low + high) // 2
            need = f"state at block {middle}"
            if len(node.call("eth_getCode", [address, hex(middle)], need=need)) > 2:
                high = middle
            else:
                low = middle + 1
    except ReadError:
        watch.say(
            f"{one.row.name}: first block not known and not to be found without old state; reading"
            " logs from block 0 (first_block in a deployments file makes this quicker)"
        )
        return 0
    return low


@dataclass(frozen=True)
class _Work:
    """One market's way into the ledger, as number `number`."""

    ledger: Ledger
    number: int
    chain: Chain
    one: Opened
    watch: Watch

    @property
    def width(self) -> int:
        """Bytes of a key in the ledger."""
        return key_width(self.one.adapter)

    def discover(self, start: int) -> None:
        """Follow the logs from block `start`: new borrowers, and accounts that were touched."""
        adapter, market, end = self.one.adapter, self.one.market, self.chain.block.number
        wanted = adapter.log_filter(market, known=self.ledger.has_states(self.number))
        self.watch.step(f"{self.one.row.name}: events", end - start + 1)
        for logs in self.chain.logs(wanted.addresses, wanted.topics, start):
            accounts, blocks, add = adapter.touched(market, logs)
            upto = Cursor(logs.last, logs.last_hash)
            self.ledger.touch(self.number, accounts, blocks, upto, add=add)
            self.watch.advance(logs.last - start + 1)

    def refresh(self) -> None:
        """Read and store the state of every account that has none, or an outdated one."""
        stale = self.ledger.stale(self.number, self.width)
        self.watch.step(f"{self.one.row.name}: accounts", len(stale))
        done = 0
        for states, failed in self.one.adapter.read(self.chain, self.one.market, stale):
            self.ledger.save(self.number, states, self.chain.block.number)
            done += len(states.accounts) + len(failed)
            self.watch.advance(done)

    def afresh(self) -> tuple[States, U8]:
        """Everybody's state at a block before the ledger's: read and not stored.

        What the ledger holds is newer, and says nothing of the way there. Borrowers who came after
        the block are read as well; they have no debt there.
        """
        accounts = self.ledger.accounts(self.number, self.width)
        self.watch.step(
            f"{self.one.row.name}: accounts at block {self.chain.block.number}", len(accounts)
        )
        parts = list(self.one.adapter.read(self.chain, self.one.market, accounts))
        states = States(
            np.concatenate([np.zeros((0, self.width), np.uint8), *(s.accounts for s, _ in parts)]),
            np.concatenate([np.zeros(0, np.int64), *(s.counts for s, _ in parts)]),
            np.concatenate([np.zeros(0, np.int64), *(s.slot for s, _ in parts)]),
            np.concatenate([np.zeros((0, 32), np.uint8), *(s.value for s, _ in parts)]),
        )
        return states, np.concatenate([np.zeros((0, self.width), np.uint8), *(f for _, f in parts)])


def _usable(states: States, stale: U8) -> tuple[States, U8]:
    """Leave out accounts whose stored state is out of date and could not be read again."""
    if not len(stale):
        return states, stale
    old = np.isin(keys(states.accounts), keys(stale))
    records = np.repeat(~old, states.counts)
    kept = States(
        states.accounts[~old], states.counts[~old], states.slot[records], states.value[records]
    )
    return kept, stale


def _hash_at(node: Node) -> Callable[[int], bytes | None]:
    head = node.head()
    return lambda block: node.hash_of(block) if block <= head else None
