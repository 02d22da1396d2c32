"""What a ledger remembers to judge endpoints and chains by."""

from scanner.store.access import Access


class Landmarks(Access):
    """Blocks that are known to hold logs of a market, and the newest final block of a chain."""

    def anchor(self, market: int) -> tuple[int, int] | None:
        """A block that is known to hold logs of the market, and how many; see `set_anchor`."""
        rows = self._rows("SELECT block, logs FROM anchors WHERE market = ?", market)
        return rows[0] if rows else None

    def set_anchor(self, market: int, block: int, logs: int) -> None:
        """Remember the first logs that were found, to try other endpoints with; the first stays."""
        with self._transaction() as execute:
            execute("INSERT OR IGNORE INTO anchors VALUES (?, ?, ?)", (market, block, logs))

    def final(self, chain_id: int) -> tuple[int, bytes] | None:
        """The newest block of a chain that was final when it was scanned, and its hash."""
        rows = self._rows("SELECT block, hash FROM finality WHERE chain_id = ?", chain_id)
        return rows[0] if rows else None

    def set_final(self, chain_id: int, block: int, block_hash: bytes) -> None:
        """Remember a final block, if it is newer than the known one."""
        with self._transaction() as execute:
            execute(
                "INSERT INTO finality VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
                " SET block = excluded.block, hash = excluded.hash WHERE block < excluded.block",
                (chain_id, block, block_hash),
            )
