"""What every getter answers, at a block.

Four getters that are asked of everybody, and the hashes of blocks, are answered as columns; the
rest are rows of a table that is made once per block (`getters.py`).
"""

import struct
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.abi import Abi
from synthetic import account_data
from synthetic.calls import Answers, Calls
from synthetic.getters import MULTICALL3, table_of
from synthetic.people import U8, Directory
from synthetic.world import World

I64 = npt.NDArray[np.int64]

_POOL, _TOKEN = abi.load("aave_v3_pool"), abi.load("aave_v3_token")
_MULTICALL = abi.load("multicall3")
_KEPT = 4  # blocks whose tables are kept


def _code(contract: Abi, function: str) -> int:
    (code,) = struct.unpack(">I", contract.selector(function))
    return int(code)


_FLAGS, _EMODE = _code(_POOL, "getUserConfiguration"), _code(_POOL, "getUserEMode")
_DATA, _SCALED = _code(_POOL, "getUserAccountData"), _code(_TOKEN, "scaledBalanceOf")
_HASH, _HASHES = _code(_MULTICALL, "getBlockHash"), 256  # as many blocks back


class Contracts:
    """The contracts of a world. `forget` when it has moved."""

    def __init__(self, world: World) -> None:
        self.world = world
        reserves = world.market.reserves
        tokens = [token for one in reserves for token in (one.atoken, one.vdebt)]
        self._tokens = Directory(tokens)  # place: reserve * 2 + (1 for debt)
        self._pool = np.frombuffer(world.market.pool, np.uint8)
        self._multicall = np.frombuffer(MULTICALL3, np.uint8)
        self.table = lru_cache(_KEPT)(partial(table_of, world))

    def forget(self) -> None:
        """Tables made so far are out of date."""
        self.table.cache_clear()

    def answer(self, calls: Calls, block: int) -> Answers:
        """All calls at a block. A revert answers nothing."""
        count = len(calls)
        ok, size = np.zeros(count, np.bool_), np.zeros(count, np.int64)
        parts: list[tuple[I64, U8]] = []
        rest = np.ones(count, np.bool_)
        for code, contract, words in (
            (_FLAGS, self._pool, 1),
            (_EMODE, self._pool, 1),
            (_DATA, self._pool, 6),
            (_SCALED, None, 1),
            (_HASH, self._multicall, 1),
        ):
            mine = calls.selector == code
            if not mine.any():
                continue
            if contract is not None:
                mine &= (calls.target == contract).all(axis=1)
            else:
                mine &= self._tokens.find(calls.target) >= 0
            rows = np.flatnonzero(mine)
            if not len(rows):
                continue
            rest[rows] = False
            ok[rows], size[rows] = True, words
            parts.append((rows, self._columns(code, calls, rows, block)))
        table = self.table(block)
        single: list[tuple[int, bytes]] = []
        for row in np.flatnonzero(rest).tolist():
            found = table.get((calls.target[row].tobytes(), calls.data(row)))
            if found is not None:
                ok[row], size[row] = True, len(found) // 32
                single.append((row, found))
        start = np.cumsum(size) - size
        flat = np.zeros((int(size.sum()), 32), np.uint8)
        for rows, found_words in parts:
            span = np.arange(found_words.shape[1])
            flat[start[rows][:, None] + span] = found_words
        for row, found in single:
            begin = int(start[row])
            flat[begin : begin + len(found) // 32] = np.frombuffer(found, np.uint8).reshape(-1, 32)
        return Answers(ok, start, size, flat)

    def _columns(self, code: int, calls: Calls, rows: I64, block: int) -> U8:
        """The words of one of these getters, shape (rows, words, 32)."""
        if code == _HASH:
            return self._hashes(calls.argument[rows], block)
        people = self.world.people
        who = people.find(calls.argument[rows, 12:])
        known = who >= 0
        words = np.zeros((len(rows), 1, 32), np.uint8)
        if code == _FLAGS:
            words[known, 0] = people.flags[who[known]]
        elif code == _EMODE:
            words[known, 0, 31] = people.emode[who[known]]
        elif code == _SCALED:
            token = self._tokens.find(calls.target[rows])
            words[:, 0] = people.balances(who, token // 2, token % 2 == 1)
        else:
            return account_data.words_for(self.world, who, block)
        return words

    def _hashes(self, numbers: U8, block: int) -> U8:
        """BLOCKHASH: zero for blocks that are not there yet or more than 256 back."""
        words = np.zeros((len(numbers), 1, 32), np.uint8)
        for row, number in enumerate(numbers):
            asked = int.from_bytes(number.tobytes(), "big")
            if max(0, block - _HASHES) <= asked < block:
                words[row, 0] = np.frombuffer(self.world.hash(asked), np.uint8)
        return words
