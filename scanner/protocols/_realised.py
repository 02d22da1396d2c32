"""What the adapters share that turn logs of liquidations into rows."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from scanner.chain.log_columns import LogChunk, picked
from scanner.chain.pinned import Chain, Way
from scanner.core import integers
from scanner.core.integers import Integers
from scanner.core.positions import Token
from scanner.core.realised import Realised, joined, nothing

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]


def of_event(logs: LogChunk, topic: bytes) -> LogChunk:
    """The logs of one event."""
    hit = (logs.topics[:, 0] == np.frombuffer(topic, np.uint8)).all(axis=1)
    return picked(logs, np.flatnonzero(hit))


def number(logs: LogChunk, word: int) -> Objects:
    """One word of the data as integers. Shape (n,)."""
    return integers.from_words(logs.words[:, word]).astype(object)


def address(logs: LogChunk, word: int) -> U8:
    """One word of the data as addresses. Shape (n, 20)."""
    return logs.words[:, word, 12:]


def named(logs: LogChunk, topic: int) -> U8:
    """One topic as addresses. Shape (n, 20)."""
    return logs.topics[:, topic, 12:]


def rows(
    logs: LogChunk,
    kind: int,
    market: str | Sequence[str],
    account: U8,
    *,
    collateral: U8 | None = None,
    debt: U8 | None = None,
    seized: Objects | None = None,
    shares: Objects | None = None,
    repaid: Objects | None = None,
    bad_debt: Objects | None = None,
    owner: U8 | None = None,
    pool: U8 | None = None,
    tokens: Iterable[Token] = (),
) -> Realised:
    """A row for each log; what is left out there is none of. The owner is the account."""
    size = len(logs)
    if not size:
        return nothing()
    assert logs.index is not None
    assert logs.transaction is not None
    none, nobody = np.full(size, None, object), np.zeros((size, 20), np.uint8)
    names = np.full(size, market, object) if isinstance(market, str) else np.array(market, object)
    return Realised(
        kind=np.full(size, kind, np.int8),
        block=logs.block,
        index=logs.index,
        part=np.zeros(size, np.int64),
        hash=logs.hashes,
        transaction=logs.transaction,
        account=account,
        owner=account if owner is None else owner,
        market=names,
        pool=np.zeros((size, 32), np.uint8) if pool is None else pool,
        collateral=nobody if collateral is None else collateral,
        debt=nobody if debt is None else debt,
        seized=none if seized is None else seized,
        shares=none if shares is None else shares,
        repaid=none if repaid is None else repaid,
        bad_debt=none if bad_debt is None else bad_debt,
        tokens=tuple(tokens),
    )


def together(parts: Sequence[Realised], tokens: Iterable[Token]) -> Realised:
    """The rows of several events, with those of the tokens that any row names."""
    whole = joined(parts)
    named_by_rows = np.unique(np.concatenate([whole.collateral, whole.debt]), axis=0)
    seen = {row.tobytes() for row in named_by_rows}
    return Realised(
        **{**vars(whole), "tokens": tuple(one for one in tokens if one.address in seen)}
    )


def by_pool(found: Realised) -> list[tuple[bytes, I64]]:
    """The isolated markets of rows, and each one's rows."""
    pools, place = np.unique(found.pool, axis=0, return_inverse=True)
    place = place.reshape(-1)
    return [(pool.tobytes(), np.flatnonzero(place == k)) for k, pool in enumerate(pools)]


def of_blocks(
    chain: Chain, addresses: Sequence[bytes], topics: Sequence[bytes], blocks: I64
) -> list[LogChunk]:
    """All such logs of some blocks, one chunk a block: for what only blocks that hold a
    liquidation are asked for. `index` is not None."""
    found: list[LogChunk] = []
    for block in np.unique(blocks).tolist():
        found += chain.logs(addresses, topics, block, block, way=Way(whole=True))
    return found


class Trail:
    """Logs that belong to a liquidation in the same transaction, found by what they name.

    Parameters
    ----------
    chunks : sequence of LogChunk
    fits : callable
        A key for each log of a chunk, its transaction aside.
    """

    def __init__(
        self, chunks: Sequence[LogChunk], fits: Callable[[LogChunk], list[tuple[bytes, ...]]]
    ) -> None:
        self._found: dict[tuple[bytes, ...], list[tuple[int, int]]] = {}
        for chunk in chunks:
            assert chunk.index is not None
            assert chunk.transaction is not None
            amounts: Integers = number(chunk, 0)
            for key, sent, place, amount in zip(
                fits(chunk),
                [row.tobytes() for row in chunk.transaction],
                chunk.index.tolist(),
                amounts.tolist(),
                strict=True,
            ):
                self._found.setdefault((sent, *key), []).append((place, int(amount)))

    def last(self, key: tuple[bytes, ...], above: int, below: int) -> int | None:
        """The amount of the last log with `above` < index < `below`; None without one."""
        fit = [amount for place, amount in self._found.get(key, ()) if above < place < below]
        return fit[-1] if fit else None

    def first(self, key: tuple[bytes, ...], above: int, below: int) -> int | None:
        """The amount of the first one."""
        fit = [amount for place, amount in self._found.get(key, ()) if above < place < below]
        return fit[0] if fit else None
