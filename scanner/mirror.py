"""Bring the ledger up to the pinned block: who borrows, and their stored state.

Stored state is constant between an account's own events, so a repeated scan reads the logs since
the last one and re-reads only the accounts they name: its cost grows with activity, not with the
number of borrowers. Every step is one transaction; a killed run goes on where it stopped.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain.connect import Node
from scanner.chain.pinned import Chain
from scanner.core.states import States
from scanner.deployments import Market
from scanner.errors import ReadError
from scanner.protocols import Adapter
from scanner.store.ledger import Cursor, Ledger
from scanner.watching import Watch

U8 = npt.NDArray[np.uint8]


def mirror(
    ledger: Ledger,
    node: Node,
    chain: Chain,
    adapter: Adapter,
    market: Any,
    row: Market,
    watch: Watch,
) -> tuple[States, U8]:
    """Stored states of all accounts of a market, valid at the pinned block, sorted by account.

    Returns
    -------
    states : States
    failed : uint8 array, shape (k, 20)
        Accounts that could not be read; they have no row in `states`.
    """
    number = market_number(ledger, chain, adapter, row)
    back = ledger.unwind(number, _hash_at(node))
    if back is not None:
        watch.say(f"{row.name}: the chain was reorganised; reading again from block {back}")
    cursor = ledger.cursor(number)
    if cursor is not None and cursor.block > chain.block.number:
        return _afresh(ledger, number, chain, adapter, market, row, watch)
    start = cursor.block + 1 if cursor else first_block(node, chain, adapter, row, watch)
    _discover(ledger, number, chain, adapter, market, row, start, watch)
    _refresh(ledger, number, chain, adapter, market, row, watch)
    return _usable(ledger.load(number), ledger.stale(number))


def market_number(ledger: Ledger, chain: Chain, adapter: Adapter, row: Market) -> int:
    """The market's number in the ledger: other contracts under one name are another market."""
    key = b"".join(row.addresses[field] for field in adapter.ADDRESSES)
    return ledger.market(chain.chain_id, row.protocol, row.name, key)


def first_block(node: Node, chain: Chain, adapter: Adapter, row: Market, watch: Watch) -> int:
    """Where the market's logs begin: declared, or found on chain by its code, or the very start.

    A block too early costs requests, never borrowers; so where an endpoint has no old state to
    find the contract's first block, logs are read from block 0.
    """
    if row.first_block is not None:
        return row.first_block
    address = "0x" + row.addresses[adapter.ADDRESSES[0]].hex()
    low, high = 0, chain.block.number
    try:
        while low < high:
            middle = (low + high) // 2
            if len(node.call("eth_getCode", [address, hex(middle)])) > 2:
                high = middle
            else:
                low = middle + 1
    except ReadError:
        watch.say(
            f"{row.name}: first block not known and not to be found without old state; reading"
            " logs from block 0 (first_block in a deployments file makes this quicker)"
        )
        return 0
    return low


def _discover(
    ledger: Ledger,
    number: int,
    chain: Chain,
    adapter: Adapter,
    market: Any,
    row: Market,
    start: int,
    watch: Watch,
) -> None:
    wanted = adapter.log_filter(market, known=ledger.has_states(number))
    watch.step(f"{row.name}: events", chain.block.number - start + 1)
    for logs in chain.logs(wanted.addresses, wanted.topics, start):
        accounts, blocks, add = adapter.touched(market, logs)
        ledger.touch(number, accounts, blocks, Cursor(logs.last, logs.last_hash), add=add)
        watch.advance(logs.last - start + 1)


def _refresh(
    ledger: Ledger,
    number: int,
    chain: Chain,
    adapter: Adapter,
    market: Any,
    row: Market,
    watch: Watch,
) -> None:
    stale = ledger.stale(number)
    watch.step(f"{row.name}: accounts", len(stale))
    done = 0
    for states, failed in adapter.read(chain, market, stale):
        ledger.save(number, states, chain.block.number)
        done += len(states.accounts) + len(failed)
        watch.advance(done)


def _afresh(
    ledger: Ledger,
    number: int,
    chain: Chain,
    adapter: Adapter,
    market: Any,
    row: Market,
    watch: Watch,
) -> tuple[States, U8]:
    """Everybody's state at a block before the ledger's: read and not stored.

    What the ledger holds is newer, and says nothing of the way there. Borrowers who came after the
    block are read as well; they have no debt there.
    """
    accounts = ledger.accounts(number)
    watch.step(f"{row.name}: accounts at block {chain.block.number}", len(accounts))
    parts = list(adapter.read(chain, market, accounts))
    states = States(
        np.concatenate([np.zeros((0, 20), np.uint8), *(s.accounts for s, _ in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(s.counts for s, _ in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(s.slot for s, _ in parts)]),
        np.concatenate([np.zeros((0, 32), np.uint8), *(s.value for s, _ in parts)]),
    )
    return states, np.concatenate([np.zeros((0, 20), np.uint8), *(f for _, f in parts)])


def _usable(states: States, stale: U8) -> tuple[States, U8]:
    """Leave out accounts whose stored state is out of date and could not be read again."""
    if not len(stale):
        return states, stale
    old = np.isin(states.accounts.view("S20").ravel(), np.ascontiguousarray(stale).view("S20"))
    records = np.repeat(~old, states.counts)
    kept = States(
        states.accounts[~old], states.counts[~old], states.slot[records], states.value[records]
    )
    return kept, stale


def _hash_at(node: Node) -> Callable[[int], bytes | None]:
    head = node.head()
    return lambda block: node.hash_of(block) if block <= head else None
