"""The market, its borrowers and their history at the head, and how they move."""

from dataclasses import dataclass

import numpy as np

from synthetic.history import BORROW, REPAY, SUPPLY, WITHDRAW, hash_of, history_of, sorted_logs
from synthetic.market import market_of
from synthetic.people import WIDTH, people_of, words_of

FIRST_BLOCK = 16_291_127  # of Aave v3's largest pool on Ethereum
CHAIN_ID = 900_001  # nobody's: a scan of chain 1 would also want the shipped markets
SETTLED = 64  # blocks below the head without a log, so that what a client pins is settled
_GENESIS = 1_476_636_476  # the time of block 0; puts the later blocks near mainnet's


@dataclass(frozen=True)
class Shape:
    """What to make.

    Attributes
    ----------
    seed, borrowers : int
    head, first_block : int
        The newest block, and the pool's first one.
    chain_id : int
    logs_each : float
        Logs per borrower over the whole history, on average.
    """

    seed: int = 1
    borrowers: int = 100_000
    head: int = 25_000_000
    first_block: int = FIRST_BLOCK
    chain_id: int = CHAIN_ID
    logs_each: float = 3.0

    def __post_init__(self) -> None:
        if self.borrowers < 1 or self.head < self.first_block + 2 * SETTLED:
            raise ValueError("a borrower and some blocks are needed")


class World:
    """Everything the endpoint knows.

    Attributes
    ----------
    market, people, history
        See their modules.
    head : int
        The newest block.
    settled : int
        State is that of this block and all later ones; older state is gone.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.head = shape.head
        self.settled = shape.head - SETTLED
        self.market = market_of(shape.seed)
        age = 12 * (shape.head - shape.first_block)
        self.people = people_of(self.market, shape.seed, shape.borrowers, age)
        self.history = history_of(
            shape.seed,
            shape.borrowers,
            len(self.market.reserves),
            shape.first_block,
            self.settled,
            shape.logs_each,
        )
        self._dice = np.random.default_rng([shape.seed, 4])

    @property
    def addresses(self) -> list[bytes]:
        """Every contract but Multicall3."""
        market = self.market
        found = [market.pool, market.provider, market.oracle]
        for one in market.reserves:
            found += [one.address, one.atoken, one.vdebt, one.source]
        return list(dict.fromkeys([*found, *(feed.address for feed in market.feeds)]))

    def time(self, block: int) -> int:
        """The timestamp of a block."""
        return self.genesis + 12 * block

    @property
    def genesis(self) -> int:
        """The timestamp of block 0."""
        return _GENESIS

    def age(self, block: int) -> int:
        """Seconds since the pool's first block."""
        return 12 * (block - self.shape.first_block)

    def hash(self, block: int) -> bytes:
        """The hash of a block."""
        return hash_of(block)

    def move(self, count: int, blocks: int) -> int:
        """Let `count` borrowers change one balance each, in the next `blocks` blocks.

        Their scaled balance grows or shrinks by up to a percent, with the event for it; totals
        follow. Returns the new head.
        """
        if blocks <= SETTLED:
            raise ValueError(f"more than {SETTLED} blocks are needed")
        dice, people = self._dice, self.people
        users = dice.choice(len(people), min(count, len(people)), replace=False)
        begin, end = people.legs(users)
        users, begin, end = (column[end > begin] for column in (users, begin, end))
        leg = begin + (dice.random(len(begin)) * (end - begin)).astype(np.int64)
        old = [int.from_bytes(word.tobytes(), "big") for word in people.word[leg]]
        more = dice.random(len(leg)) < 0.5
        part = dice.integers(1, 1_000, len(leg)) * np.where(more, 1, -1)
        new = [max(1, b + b * int(p) // 100_000) for b, p in zip(old, part, strict=True)]
        people.word[leg] = words_of(new)
        debt = people.key[leg] % 2 == 1
        event = np.where(debt, np.where(more, BORROW, REPAY), np.where(more, SUPPLY, WITHDRAW))
        block = dice.integers(self.head + 1, self.head + blocks - SETTLED + 1, len(leg))
        self.history.add(sorted_logs(block, event, users, users, people.key[leg] % WIDTH // 2))
        self.head += blocks
        self.settled = self.head - SETTLED
        return self.head
