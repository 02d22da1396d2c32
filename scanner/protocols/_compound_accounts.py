"""Accounts of Compound v2 and its forks: which logs name them, and their stored state.

Stored state, as slots: four for every entered market, the market told by the last bytes of its
address (so that a market that is listed or dropped later moves nobody's slots):

    4 m        1: the account has entered the market
    4 m + 1    cTokens
    4 m + 2    debt with interest to the block it was read at
    4 m + 3    the market's borrow index at that block

The contract keeps principal and index of a debt to itself. What it tells, the debt at one block,
grows by index over index; cut twice, it may part from the contract's by two units of the token.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Chain
from scanner.core.states import States

from . import LogFilter
from ._slots import numbers_of, slot_numbers

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
More = Callable[[U8], tuple[U8, Bool]]

ENTERED, TOKENS, DEBT, INDEX = range(4)
KINDS = 4
OTHERS = 2**31  # slots from here on are a fork's own
DRIFT = 2  # units by which a debt carried from an older block may part from the contract's

_COMPTROLLER, _CTOKEN = abi.load("compound_comptroller"), abi.load("compound_ctoken")
_CHUNK = 2_000
_GAS_SNAPSHOT, _GAS_ACCRUE = 40_000, 160_000
_LONGEST = 512  # markets that one account can have entered

# Where an event names the account: data words of Compound, topics of what indexes its arguments.
_BORROW = _CTOKEN.topic("Borrow")
_WORDS = {
    _BORROW: (0,),
    _CTOKEN.topic("RepayBorrow"): (1,),
    _CTOKEN.topic("LiquidateBorrow"): (1,),
    _COMPTROLLER.topic("MarketEntered"): (1,),
    _COMPTROLLER.topic("MarketExited"): (1,),
}
_TRANSFER = _CTOKEN.topic("Transfer")


def log_filter(comptroller: bytes, ctokens: Sequence[bytes], *, known: bool) -> LogFilter:
    """Borrow events alone while no state is stored (`known` false); else all that touch state."""
    if not known:
        return LogFilter(list(ctokens), [_BORROW])
    return LogFilter([comptroller, *ctokens], [*_WORDS, _TRANSFER])


def touched(
    logs: LogChunk, more: Mapping[bytes, tuple[int, ...]] | None = None, adds_too: bytes = b""
) -> tuple[U8, I64, Bool]:
    """Accounts named by a chunk of logs, the blocks, and whether the log makes a borrower.

    `more` are a fork's own events, with the argument that names the account; `adds_too` is the one
    of them that makes a borrower.
    """
    first = logs.topics[:, 0]
    who, rows, adds = [], [], []
    for topic, words in {**_WORDS, **(more or {})}.items():
        hit = np.flatnonzero((first == np.frombuffer(topic, np.uint8)).all(axis=1))
        for word in words:
            # Indexed arguments (Venus' MarketEntered) are topics, in the same order.
            indexed = logs.topic_count[hit] > 1
            said = np.where(indexed[:, None], logs.topics[hit, word + 1], logs.words[hit, word])
            who.append(said[:, 12:])
            rows.append(hit)
            adds.append(np.full(len(hit), topic in (_BORROW, adds_too)))
    hit = np.flatnonzero((first == np.frombuffer(_TRANSFER, np.uint8)).all(axis=1))
    for place in (1, 2):
        who.append(logs.topics[hit, place, 12:])
        rows.append(hit)
        adds.append(np.zeros(len(hit), np.bool_))
    return np.concatenate(who), logs.block[np.concatenate(rows)], np.concatenate(adds)


def read(
    chain: Chain,
    comptroller: bytes,
    indices: Mapping[bytes, int],
    accounts: U8,
    more: More | None = None,
) -> Iterator[tuple[States, U8]]:
    """Stored states of accounts, a few thousand at a time, with those that could not be read.

    `indices` are the borrow indices of the markets, accrued to the pinned block; `more` reads a
    fork's own words of accounts: shape (n, k, 32), for the slots from OTHERS on, and who was read.
    """
    ids = numbers_of(list(indices))
    for begin in range(0, len(accounts), _CHUNK):
        part = accounts[begin : begin + _CHUNK]
        owner, market, good = _entered(chain, comptroller, part)
        held, fine = _snapshots(chain, part[owner], market)
        good[owner[~fine]] = False
        numbers = slot_numbers(market)
        numbers = np.where(np.isin(numbers, list(ids.values())), numbers, -1)
        columns = np.zeros((len(owner), KINDS, 32), np.uint8)
        columns[:, ENTERED, 31] = 1
        columns[:, TOKENS], columns[:, DEBT] = held[:, 0], held[:, 1]
        table = {a: np.frombuffer(n.to_bytes(32, "big"), np.uint8) for a, n in indices.items()}
        for address, word in table.items():
            mine = (market == np.frombuffer(address, np.uint8)).all(axis=1)
            columns[mine & columns[:, DEBT].any(axis=1), INDEX] = word
        keep = (numbers >= 0) & good[owner]
        slots = numbers[keep, None] * KINDS + np.arange(KINDS)
        who, slots, words = (
            np.repeat(owner[keep], KINDS),
            slots.ravel(),
            columns[keep].reshape(-1, 32),
        )
        if more is not None:
            others, fine = more(part)
            good &= fine
            count = others.shape[1]
            who = np.concatenate([who, np.repeat(np.arange(len(part)), count)])
            slots = np.concatenate([slots, np.tile(OTHERS + np.arange(count), len(part))])
            words = np.concatenate([words, others.reshape(-1, 32)])
        yield _states(part, good, who, slots, words), part[~good]


def _states(part: U8, good: Bool, owner: I64, slot: I64, words: U8) -> States:
    """Words of accounts that were read as records, in the order of accounts and slots."""
    keep = np.flatnonzero(good[owner] & words.any(axis=1))
    keep = keep[np.lexsort((slot[keep], owner[keep]))]
    counts = np.bincount(owner[keep], minlength=len(part)).astype(np.int64)
    return States(part[good], counts[good], slot[keep].astype(np.int64), words[keep])


def _entered(chain: Chain, comptroller: bytes, accounts: U8) -> tuple[I64, U8, Bool]:
    """The markets accounts have entered: account (index), market (20 bytes), and who was read.

    `getAssetsIn` answers an array. Its length first, then all of equal length together: a call of
    known length is told apart from one that was cut.
    """
    target = np.frombuffer(comptroller, np.uint8)
    calls = abi.pack(_COMPTROLLER.selector("getAssetsIn"), accounts)
    lengths = chain.bulk(target, calls, words=2, gas=_GAS_SNAPSHOT)
    good = lengths.ok.copy()
    size = lengths.words[:, 1, -2:].astype(np.int64) @ np.array([256, 1])
    good &= size <= _LONGEST
    owners, markets = [np.zeros(0, np.int64)], [np.zeros((0, 20), np.uint8)]
    for length in np.unique(size[good & (size > 0)]).tolist():
        rows = np.flatnonzero(good & (size == length))
        answer = chain.bulk(target, calls[rows], words=2 + length, gas=_GAS_SNAPSHOT)
        good[rows[~answer.ok]] = False
        rows = rows[answer.ok]
        owners.append(np.repeat(rows, length))
        markets.append(answer.words[answer.ok, 2:, 12:].reshape(-1, 20))
    return np.concatenate(owners), np.concatenate(markets), good


def _snapshots(chain: Chain, accounts: U8, markets: U8) -> tuple[U8, Bool]:
    """cTokens and debt of (account, market), shape (n, 2, 32); the debt as after accrueInterest."""
    calls = abi.pack(_CTOKEN.selector("getAccountSnapshot"), accounts)
    answer = chain.bulk(markets, calls, words=4, gas=_GAS_SNAPSHOT)
    good = answer.ok & ~answer.words[:, 0].any(axis=1)
    held = answer.words[:, 1:3].copy()
    owing = np.flatnonzero(good & held[:, 1].any(axis=1))
    if len(owing):
        current = abi.pack(_CTOKEN.selector("borrowBalanceCurrent"), accounts[owing])
        answer = chain.bulk(markets[owing], current, words=1, gas=_GAS_ACCRUE)
        held[owing, 1] = answer.words[:, 0]
        good[owing[~answer.ok]] = False
    return held, good
