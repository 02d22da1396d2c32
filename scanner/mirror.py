"""Bring the ledger up to the pinned block: who borrows, and their stored state.

Stored state is constant between an account's own events, so a repeated scan reads the logs since
the last one and re-reads only the accounts they name: its cost grows with activity, not with the
number of borrowers. Every step is one transaction; a killed run goes on where it stopped, and so
does a scan whose block has grown too old, at a newer one.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from scanner.borrowers import Listed
from scanner.chain.connect import Node
from scanner.chain.pinned import Chain, Way
from scanner.core.states import States, keys
from scanner.errors import Problem, ReadError
from scanner.gaps import Anchored, Doubt, ways
from scanner.opening import Opened
from scanner.protocols import key_width
from scanner.store.ledger import Cursor, Ledger
from scanner.watching import Watch

U8 = npt.NDArray[np.uint8]


class Mirror:
    """One market's way into the ledger.

    Attributes
    ----------
    number : int
        The market's number in the ledger.
    """

    def __init__(
        self,
        ledger: Ledger,
        node: Node,
        chain: Chain,
        one: Opened,
        watch: Watch,
        listed: Listed | None = None,
    ) -> None:
        self._ledger, self._node, self._chain = ledger, node, chain
        self._one, self._watch = one, watch
        self.number = market_number(ledger, chain, one)
        self._listed = listed
        self._imported = False  # accounts came from a list and no log before it was ever read
        self._older = False  # the ledger's block is newer than the pinned one
        self._start: int | None = None  # where the market's logs begin, once it had to be known
        self._trust = Anchored(chain, one, ledger.anchor(self.number))

    @property
    def _width(self) -> int:
        """Bytes of a key in the ledger."""
        return key_width(self._one.adapter)

    def states(self) -> tuple[States, U8]:
        """Stored states of all accounts, valid at the pinned block, sorted by account.

        Returns
        -------
        states : States
        failed : uint8 array, shape (k, width)
            Accounts that could not be read; they have no row in `states`.
        """
        ledger, number = self._ledger, self.number
        back = ledger.unwind(number, _hash_at(self._node))
        if back is not None:
            self._watch.say(
                f"{self._one.row.name}: the chain was reorganised; reading again from block {back}"
            )
        cursor = ledger.cursor(number)
        if cursor is not None and cursor.block > self._chain.block.number:
            self._older = True
            return self._afresh()
        if self._listed is not None:
            cursor = self._import(self._listed, cursor)
        self._discover(cursor.block + 1 if cursor else self._first())
        self._refresh()
        return self._kept()

    def _import(self, listed: Listed, cursor: Cursor | None) -> Cursor | None:
        """Take in a list of borrowers; where logs go on from then on.

        A list that says through which block it is complete is followed by the logs after it; any
        other one is taken for complete now. The totals tell whether that is so. A protocol whose
        markets are themselves found by logs has no totals of those nobody heard of: there a list
        only adds candidates.
        """
        here, row = self._chain.block, self._one.row
        upto = cursor
        if cursor is None and getattr(self._one.adapter, "TOTALS_PROVE", True):
            last = here.number if listed.through is None else min(listed.through, here.number)
            upto = Cursor(last, here.hash if last == here.number else None)
            self._imported = True
        elif cursor is None:
            self._watch.say(
                f"{row.name}: its markets are found by logs, which are read all the same"
            )
            # Not block 0: a run that is killed now goes on behind this one.
            upto = Cursor(max(0, self._first() - 1), None)
        blocks = np.zeros(len(listed.accounts), np.int64)
        assert upto is not None
        self._ledger.touch(self.number, listed.accounts, blocks, upto, add=True)
        self._watch.say(f"{row.name}: {len(listed.accounts):,} accounts from the list")
        return upto if self._imported or cursor is not None else None

    def searches(self, gaps: Sequence[str]) -> Iterator[tuple[States, U8]]:
        """For totals that do not add up: the states again, after each thing that may mend them."""
        if self._older:
            return
        if self._ledger.forget(self.number, self._chain.block.number):
            self._watch.say(
                f"{self._one.row.name}: the totals of {', '.join(gaps) or 'nothing'} do not add up;"
                " reading every account again"
            )
            self._refresh()
            yield self._kept()
        again = [(f"again, {how}", way) for how, way in ways(self._node, self._trust)]
        if self._imported:
            again.insert(0, ("since the list is not complete", Way(trust=self._trust)))
        for how, way in again:
            self._watch.say(
                f"{self._one.row.name}: the totals of {', '.join(gaps) or 'nothing'} do not add up;"
                f" asking for all logs {how}"
            )
            known = len(self._ledger.accounts(self.number, self._width))
            try:
                self._discover(self._first(), way)
            except ReadError as error:
                self._watch.say(f"{self._one.row.name}: that failed, {error.what}")
            if len(self._ledger.accounts(self.number, self._width)) > known:
                self._refresh()
                yield self._kept()

    def lost(self) -> Problem:
        """What is left to say when nothing mended the totals."""
        first, row = self._ledger.first_touch(self.number), self._one.row
        text = "no answer names a borrower"
        if first is not None:
            text = f"no answer names a borrower before block {first}"
        if self._older:  # a block before the ledger's is read without looking for what is missing
            text += "; scan a newer block to have the logs asked again"
            return Problem("logs_missing", text, row.protocol, row.name, fatal=True)
        text += f", and the market's logs begin at block {self._first()}; they were asked again of"
        text += " every endpoint and in narrower ranges: the endpoints lack logs that there are"
        return Problem("logs_missing", text, row.protocol, row.name, fatal=True)

    def _first(self) -> int:
        if self._start is None:
            self._start = first_block(self._node, self._chain, self._one, self._watch)
        return self._start

    def _kept(self) -> tuple[States, U8]:
        ledger, number, width = self._ledger, self.number, self._width
        return _usable(ledger.load(number, width), ledger.stale(number, width))

    def _discover(self, start: int, way: Way | None = None) -> None:
        """Follow the logs from block `start`: new borrowers, and accounts that were touched.

        Where state is carried from an earlier scan, a second look confirms each chunk. With a `way`
        it is all asked once more for borrowers that were missed; the cursor stays where it is.
        """
        adapter, market, end = self._one.adapter, self._one.market, self._chain.block.number
        known = way is None and self._ledger.has_states(self.number)
        wanted = adapter.log_filter(market, known=known)
        doubt = Doubt(self._node, self._chain, self._one, self._watch)
        self._watch.step(f"{self._one.row.name}: events", end - start + 1)
        asked = way or Way(trust=self._trust)
        for logs in self._chain.logs(wanted.addresses, wanted.topics, start, way=asked):
            found = adapter.touched(market, logs)
            if known:
                found = doubt.more(logs, found)
            elif (anchor := self._trust.learn(logs)) is not None:
                self._ledger.set_anchor(self.number, *anchor)
            accounts, blocks, add = found
            upto = Cursor(logs.last, logs.last_hash)
            if way is not None:
                upto = self._ledger.cursor(self.number) or upto
            self._ledger.touch(self.number, accounts, blocks, upto, add=add)
            self._watch.advance(logs.last - start + 1)

    def _refresh(self) -> None:
        """Read and store the state of every account that has none, or an outdated one."""
        stale = self._ledger.stale(self.number, self._width)
        self._watch.step(f"{self._one.row.name}: accounts", len(stale))
        done = 0
        for states, failed in self._one.adapter.read(self._chain, self._one.market, stale):
            self._ledger.save(self.number, states, self._chain.block.number)
            done += len(states.accounts) + len(failed)
            self._watch.advance(done)

    def _afresh(self) -> tuple[States, U8]:
        """Everybody's state at a block before the ledger's: read and not stored.

        What the ledger holds is newer, and says nothing of the way there. Borrowers who came after
        the block are read as well; they have no debt there.
        """
        accounts = self._ledger.accounts(self.number, self._width)
        self._watch.step(
            f"{self._one.row.name}: accounts at block {self._chain.block.number}", len(accounts)
        )
        parts = list(self._one.adapter.read(self._chain, self._one.market, accounts))
        states = States(
            np.concatenate([np.zeros((0, self._width), np.uint8), *(s.accounts for s, _ in parts)]),
            np.concatenate([np.zeros(0, np.int64), *(s.counts for s, _ in parts)]),
            np.concatenate([np.zeros(0, np.int64), *(s.slot for s, _ in parts)]),
            np.concatenate([np.zeros((0, 32), np.uint8), *(s.value for s, _ in parts)]),
        )
        return states, np.concatenate(
            [np.zeros((0, self._width), np.uint8), *(f for _, f in parts)]
        )


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
