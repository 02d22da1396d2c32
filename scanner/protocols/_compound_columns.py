"""Stored state of Compound's accounts, translated: what they hold and owe at a block. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core import integers
from scanner.core.integers import Integers
from scanner.core.states import States

from ._compound_accounts import DEBT, ENTERED, INDEX, KINDS, OTHERS, TOKENS
from ._compound_market import CompoundMarket
from ._slots import places_of

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """Entered markets of accounts, as columns of equal length: account and market (indices),
    cTokens and debt at the block (Python integers)."""

    account: I64
    market: I64
    tokens: Integers
    debt: Integers


def columns_of(market: CompoundMarket, states: States) -> Columns:
    """What accounts hold and owe out of stored states, debts carried to the market's block."""
    size = len(market.ctokens)
    owner = np.repeat(np.arange(len(states.counts)), states.counts)
    mine = states.slot < OTHERS
    owner, slot, value = owner[mine], states.slot[mine].astype(np.int64), states.value[mine]
    known = places_of(slot // KINDS, [one.address for one in market.ctokens])
    keep = known >= 0
    key = owner[keep] * max(size, 1) + known[keep]
    distinct, row = np.unique(key, return_inverse=True)
    words = np.zeros((len(distinct), KINDS, 32), np.uint8)
    words[row, slot[keep] % KINDS] = value[keep]
    entered = words[:, ENTERED].any(axis=1)
    words, distinct = words[entered], distinct[entered]
    which = distinct % max(size, 1)
    debt, index = integers.from_words(words[:, DEBT]), integers.from_words(words[:, INDEX])
    now = np.array([one.ledger.index for one in market.ctokens], object)[which]
    debt = np.where(index > 0, debt * now // np.where(index > 0, index, 1), 0)
    return Columns(distinct // max(size, 1), which, integers.from_words(words[:, TOKENS]), debt)
