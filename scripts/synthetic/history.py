"""Logs as columns, and a block range of them as geth writes them."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from synthetic.market import RAY, MarketShape
from synthetic.people import U8

I64 = npt.NDArray[np.int64]
I8 = npt.NDArray[np.int8]

BORROW, REPAY, SUPPLY, WITHDRAW, ENABLED, EMODE, TRANSFER = range(7)
EVENTS = (
    "Borrow",
    "Repay",
    "Supply",
    "Withdraw",
    "ReserveUsedAsCollateralEnabled",
    "UserEModeSet",
    "BalanceTransfer",
)
_OFTEN = (0.2, 0.2, 0.3, 0.15, 0.05, 0.03, 0.07)  # after the first Borrow
LOGS_EACH = 3.0  # logs per borrower, on average
_POOL, _TOKEN = abi.load("aave_v3_pool"), abi.load("aave_v3_token")
_EMPTY_TOPIC, _EMPTY = "0x" + 64 * "0", 64 * "0"


@dataclass(frozen=True)
class Filter:
    """What to look for: contracts and first topics, None for any."""

    addresses: Collection[bytes] | None
    topics: Collection[bytes] | None


@dataclass
class History:
    """Logs sorted by block. `event` is one of the constants above, `user` and `other` (the second
    account of an event) are indices of borrowers, `reserve` of reserves."""

    block: I64
    event: I8
    user: I64
    other: I64
    reserve: I64

    def __len__(self) -> int:
        return len(self.block)

    def add(self, more: "History") -> None:
        """Later logs behind the present ones."""
        self.block = np.concatenate([self.block, more.block])
        self.event = np.concatenate([self.event, more.event])
        self.user = np.concatenate([self.user, more.user])
        self.other = np.concatenate([self.other, more.other])
        self.reserve = np.concatenate([self.reserve, more.reserve])

    def places(self, market: MarketShape, wanted: Filter, first: int, last: int) -> I64:
        """Where the logs of the blocks `first` .. `last` are that the filter wants."""
        low, high = np.searchsorted(self.block, [first, last + 1])
        event, reserve = self.event[low:high], self.reserve[low:high]
        keep = np.ones(high - low, np.bool_)
        if wanted.topics is not None:
            known = [_topic(event) in wanted.topics for event in range(len(EVENTS))]
            keep &= np.array(known)[event]
        if wanted.addresses is not None:
            asked = [one.atoken in wanted.addresses for one in market.reserves]
            moved = event == TRANSFER
            keep &= np.where(moved, np.array(asked)[reserve], market.pool in wanted.addresses)
        return np.asarray(low + np.flatnonzero(keep), np.int64)

    def render(self, places: I64, market: MarketShape, accounts: U8, genesis: int) -> bytes:
        """A JSON array of logs; `genesis` is the time of block 0."""
        start = np.searchsorted(self.block, self.block[places])
        columns = zip(
            places.tolist(),
            (places - start).tolist(),
            self.block[places].tolist(),
            self.event[places].tolist(),
            self.user[places].tolist(),
            self.other[places].tolist(),
            self.reserve[places].tolist(),
            strict=True,
        )
        rows = []
        for place, index, block, event, user, other, reserve in columns:
            who = accounts[user].tobytes().hex()
            whom = accounts[other].tobytes().hex()
            asset = market.reserves[reserve]
            topics, data = _content(event, who, whom, asset.address.hex(), place)
            address = asset.atoken if event == TRANSFER else market.pool
            rows.append(
                f'{{"address":"0x{address.hex()}","topics":["{_TOPICS[event]}"{topics}],'
                f'"data":"0x{data}","blockNumber":"{block:#x}",'
                f'"transactionHash":"0x{block:032x}{place:032x}","transactionIndex":"{index:#x}",'
                f'"blockHash":"0x{hash_of(block).hex()}",'
                f'"blockTimestamp":"{genesis + 12 * block:#x}",'
                f'"logIndex":"{index:#x}","removed":false}}'
            )
        return ("[" + ",".join(rows) + "]").encode()


def hash_of(block: int) -> bytes:
    """A block's hash: of nothing but its number."""
    return hashlib.sha3_256(b"block %d" % block).digest()


def history_of(
    seed: int, accounts: int, reserves: int, first: int, last: int, each: float = LOGS_EACH
) -> History:
    """A first Borrow of everybody somewhere in `first` .. `last`, and what they did later."""
    dice = np.random.default_rng([seed, 3])
    span = last - first + 1
    began = first + (span * dice.random(accounts) ** 0.7).astype(np.int64)
    count = dice.poisson(each - 1, accounts)
    user = np.repeat(np.arange(accounts), count)
    later = began[user] + ((last + 1 - began[user]) * dice.random(len(user))).astype(np.int64)
    event = dice.choice(len(EVENTS), len(user), p=_OFTEN)
    block = np.concatenate([began, later])
    user = np.concatenate([np.arange(accounts), user])
    event = np.concatenate([np.full(accounts, BORROW), event])
    return sorted_logs(
        block,
        event,
        user,
        dice.integers(0, accounts, len(user)),
        dice.integers(0, reserves, len(user)),
    )


def sorted_logs(block: I64, event: I64, user: I64, other: I64, reserve: I64) -> History:
    """Logs in any order, as a history."""
    order = np.argsort(block, kind="stable")
    columns = (user[order], other[order], reserve[order])
    return History(block[order], event[order].astype(np.int8), *columns)


def _topic(event: int) -> bytes:
    contract = _TOKEN if event == TRANSFER else _POOL
    return contract.topic(EVENTS[event])


_TOPICS = ["0x" + _topic(event).hex() for event in range(len(EVENTS))]
_RATE = f"{RAY // 20:064x}"


def _content(event: int, who: str, whom: str, asset: str, place: int) -> tuple[str, str]:
    """The further topics, and the data; the amount is the log's number, which nobody reads."""
    amount, pad = f"{place:064x}", 24 * "0"
    me, them, token = (f',"0x{pad}{one}"' for one in (who, whom, asset))
    if event == BORROW:
        return token + me + f',"{_EMPTY_TOPIC}"', pad + who + amount + f"{2:064x}" + _RATE
    if event == SUPPLY:
        return token + me + f',"{_EMPTY_TOPIC}"', pad + who + amount
    if event == REPAY:
        return token + me + me, amount + _EMPTY
    if event == WITHDRAW:
        return token + me + me, amount
    if event == ENABLED:
        return token + me, ""
    if event == EMODE:
        return me, f"{1:064x}"
    return me + them, amount + f"{RAY:064x}"
