"""The ledger: how far each market's logs were read, whom they name, and the state stored for them.

Raw integers only, constant between an account's own events, so a later scan reads new logs and
re-reads the accounts they name. Every public write is one transaction: a process killed at any
moment loses at most the step it was in. Accounts found and the checkpoint (block and hash up to
which logs were read) are written together; the newest checkpoint is the cursor.

SQLite in WAL mode: one writer (a lock file), readers never wait. `synchronous=NORMAL` means that
a power cut, unlike a kill, may lose the last transactions, never the file.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from scanner.core.states import States
from scanner.errors import StoreError
from scanner.store import damaged, errors_explained
from scanner.store.access import FILE
from scanner.store.landmarks import Landmarks
from scanner.store.states import I64, U8, address_bytes, packed, per_account, unpacked

RECENT_CHECKPOINTS = 64  # all kept; older ones thin out by powers of two
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Cursor:
    """Logs are read through this block. `hash` is None where the block was too old to be undone."""

    block: int
    hash: bytes | None


class Ledger(Landmarks):
    """Use as `with Ledger.open(directory, write=True) as ledger:`.

    The file is in access.py; by what endpoints are judged (anchors, final blocks) in landmarks.py.
    """

    def market(self, chain_id: int, protocol: str, name: str, pool: bytes) -> int:
        """The number of a market in this ledger; a new one where writing, else StoreError."""
        key = (chain_id, protocol, name, pool)
        find = "SELECT id FROM markets WHERE (chain_id, protocol, name, pool) = (?, ?, ?, ?)"
        rows = self._rows(find, *key)
        if not rows and self._write:
            with self._transaction() as execute:
                execute(
                    "INSERT INTO markets (chain_id, protocol, name, pool) VALUES (?, ?, ?, ?)", key
                )
            rows = self._rows(find, *key)
        if not rows:
            raise StoreError(
                f"The store knows no market {name} of {protocol} on chain {chain_id}.",
                store=self._directory,
                fix="run `bandscan scan` first",
            )
        return int(rows[0][0])

    def markets(self) -> list[tuple[int, int, str, str]]:
        """(number, chain id, protocol, name) of every market, by chain, protocol and name."""
        return self._rows(
            "SELECT id, chain_id, protocol, name FROM markets ORDER BY chain_id, protocol, name, id"
        )

    def cursor(self, market: int) -> Cursor | None:
        """How far the market's logs were read; None if never."""
        known = self._checkpoints(market)
        return known[-1] if known else None

    def has_states(self, market: int) -> bool:
        """Whether any account of the market was ever read."""
        return bool(self._rows("SELECT 1 FROM states WHERE market = ? LIMIT 1", market))

    def states_count(self) -> int:
        """How many accounts' states are stored, of all markets."""
        return int(self._rows("SELECT count(*) FROM states")[0][0])

    def touch(
        self,
        market: int,
        accounts: U8,
        blocks: I64,
        upto: Cursor,
        *,
        add: bool | npt.NDArray[np.bool_],
    ) -> None:
        """Record that logs through `upto` name `accounts`; one transaction.

        Parameters
        ----------
        accounts, blocks : uint8[n, width], int64[n]
            In any order, repeats welcome: each account's latest block counts.
        add : bool or bool[n]
            True where the log may make its account a borrower: an unknown account is then taken
            in. Elsewhere a log only marks accounts that are known.

        Raises
        ------
        ValueError
            `upto` lies behind the cursor or contradicts its hash (call `unwind` first), or a
            block lies beyond `upto`.
        """
        if len(blocks) and blocks.max() > upto.block:
            raise ValueError(f"a log at block {blocks.max()} lies beyond block {upto.block}")
        at = self.cursor(market)
        if at and (at.block > upto.block or (at.block == upto.block and _differ(at, upto))):
            raise ValueError(f"the cursor is at {at.block} and cannot go on to {upto.block}")
        address, first, last, new = per_account(accounts, blocks, add)
        known = ~new
        with self._transaction() as execute:
            self._connection.executemany(
                "INSERT INTO accounts (market, address, first_touch, last_touch)"
                " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET last_touch = max(last_touch, excluded.last_touch)",
                zip(
                    repeat(market),
                    address_bytes(address[new]),
                    first[new].tolist(),
                    last[new].tolist(),
                ),
            )
            self._connection.executemany(
                "UPDATE accounts SET last_touch = max(last_touch, ?3)"
                " WHERE market = ?1 AND address = ?2",
                zip(repeat(market), address_bytes(address[known]), last[known].tolist()),
            )
            execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET hash = coalesce(excluded.hash, hash)",
                (market, upto.block, upto.hash),
            )
            for block in _superfluous(self._checkpoints(market)):
                execute("DELETE FROM checkpoints WHERE market = ? AND block = ?", (market, block))

    def stale(self, market: int, width: int = 20) -> U8:
        """Keys, uint8[n, width] sorted, of accounts whose state is missing or outdated."""
        return self._addresses(
            "SELECT address FROM accounts LEFT JOIN states USING (market, address)"
            " WHERE market = ? AND (read_block IS NULL OR read_block < last_touch)"
            " ORDER BY address",
            market,
            width,
        )

    def accounts(self, market: int, width: int = 20) -> U8:
        """Keys, uint8[n, width] sorted, of everybody the market's logs named as a borrower."""
        return self._addresses(
            "SELECT address FROM accounts WHERE market = ? ORDER BY address", market, width
        )

    def save(self, market: int, states: States, read_block: int) -> None:
        """Store what was read at `read_block`; one transaction.

        Raises
        ------
        ValueError
            An account that was never touched, or columns that do not belong together.
        """
        rows = zip(
            repeat(market),
            address_bytes(states.accounts),
            repeat(read_block),
            packed(states),
        )
        with self._transaction():
            try:
                self._connection.executemany(
                    "INSERT INTO states VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET read_block = excluded.read_block, state = excluded.state",
                    rows,
                )
            except sqlite3.IntegrityError as error:
                raise ValueError("a state of an account that is not in the ledger") from error

    def load(self, market: int, width: int = 20) -> States:
        """All accounts that have a state, sorted by key, outdated ones (`stale`) included."""
        try:
            return unpacked(self._stored(market), width)
        except ValueError as error:
            raise damaged(self._directory / FILE) from error

    def unwind(self, market: int, hash_of: Callable[[int], bytes | None]) -> int | None:
        """Go back to the newest checkpoint that is still on the chain; one transaction.

        Later checkpoints are forgotten, with the accounts only they named and every state read
        after it. A checkpoint without hash counts as final.

        Parameters
        ----------
        hash_of : callable
            Hash of the block with a number, None where the chain has none. Asked for the cursor,
            and, if that is gone, for about log2 of the other checkpoints. What it raises passes
            through with the ledger unchanged.

        Returns
        -------
        int or None
            The block gone back to; 0, and no cursor, if no checkpoint stands; None if the cursor
            is still on the chain and nothing changed.
        """
        known = self._checkpoints(market)

        def gone(index: int) -> bool:
            return hash_of(known[index].block) != known[index].hash

        final = max((i for i, point in enumerate(known) if point.hash is None), default=-1)
        if final == len(known) - 1 or not gone(len(known) - 1):
            return None
        # A block hash fixes all blocks before it, so those gone are the last ones in a row.
        standing = final + 1 + bisect_left(range(final + 1, len(known) - 1), True, key=gone)
        back = known[standing - 1].block if standing else -1
        with self._transaction() as execute:
            here = (market, back)
            execute("DELETE FROM checkpoints WHERE market = ? AND block > ?", here)
            execute("DELETE FROM accounts WHERE market = ? AND first_touch > ?", here)
            execute("DELETE FROM states WHERE market = ? AND read_block > ?", here)
            # A touch that was undone must not outdate what will be read at lower blocks.
            execute(
                "UPDATE accounts SET last_touch = ?2 WHERE market = ?1 AND last_touch > ?2", here
            )
        return max(back, 0)

    def distrust(self, market: int) -> None:
        """Forget how far the logs were read and every stored state; one transaction.

        For a market whose totals do not add up: a log was lost somewhere, nobody can tell which.
        The accounts stay as candidates, so that what one endpoint loses another one's answer keeps.
        """
        with self._transaction() as execute:
            execute("DELETE FROM checkpoints WHERE market = ?", (market,))
            execute("DELETE FROM states WHERE market = ?", (market,))
            execute("DELETE FROM anchors WHERE market = ?", (market,))

    def forget(self, market: int, before: int) -> bool:
        """Drop the states that were read before a block; whether there were any."""
        with self._transaction() as execute:
            gone = execute(
                "DELETE FROM states WHERE market = ? AND read_block < ?", (market, before)
            )
        return gone.rowcount > 0

    def first_touch(self, market: int) -> int | None:
        """The first block in which a log named somebody; accounts of a list have none."""
        where = "market = ? AND first_touch > 0"
        ((block,),) = self._rows(f"SELECT min(first_touch) FROM accounts WHERE {where}", market)
        return None if block is None else int(block)

    def _checkpoints(self, market: int) -> list[Cursor]:
        rows = self._rows(
            "SELECT block, hash FROM checkpoints WHERE market = ? ORDER BY block", market
        )
        return [Cursor(*row) for row in rows]

    def _stored(self, market: int) -> Iterator[tuple[tuple[bytes, ...], tuple[bytes, ...]]]:
        with errors_explained(self._directory):
            rows = self._connection.execute(
                "SELECT address, state FROM states WHERE market = ? ORDER BY address",
                (market,),
            )
            while chunk := rows.fetchmany(ROWS_AT_ONCE):
                addresses, blobs = zip(*chunk, strict=True)
                yield addresses, blobs

    def _addresses(self, sql: str, market: int, width: int) -> U8:
        joined = b"".join(address for (address,) in self._rows(sql, market))
        return np.frombuffer(joined, np.uint8).reshape(-1, width)


def _differ(one: Cursor, other: Cursor) -> bool:
    return one.hash is not None and other.hash is not None and one.hash != other.hash


def _superfluous(known: list[Cursor]) -> list[int]:
    """Blocks whose checkpoints may go: a reorganisation then goes back at most twice as far.

    Nothing before a final checkpoint is ever gone back to. Of the others the newest stay, and
    of each power of two of distance the oldest (the newest would never grow old).
    """
    final = max((i for i, point in enumerate(known) if point.hash is None), default=0)
    blocks = [point.block for point in known]
    kept: dict[int, int] = {}
    for block in blocks[final:-RECENT_CHECKPOINTS]:
        kept.setdefault((blocks[-1] - block).bit_length(), block)
    stay = {*kept.values(), *blocks[final:][-RECENT_CHECKPOINTS:]}
    return [block for block in blocks if block not in stay]
