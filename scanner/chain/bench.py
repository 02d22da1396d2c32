"""Many trials inside one eth_call: tell the feeds what to answer, then ask the protocol. Code only.

A trial is a record of bytes: what each feed is told, the call, and the calls before it. Records of
a batch are much alike, so one is sent whole and of the others only the bytes in which any two
differ (`Batch`). The program goes through them for as long as there is gas, and answers

    number | parent hash | time | chain id | trials done | gas at the start
    for each trial:  how it went (below) | the words asked for

How it went, from the low end: a byte of flags (1: the last call succeeded; 2: a feed was not told;
4: a call before it failed), the length of the reply (4 bytes), the gas it took (8), the gas there
was (8).

Everything a trial writes is gone before the next one if it is `undone`: the program then calls
itself and reverts. Otherwise the last call is a static one, and only the calls before it write.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.evm import Assembler
from scanner.chain.stub import TOLD

I64 = npt.NDArray[np.int64]

ADDRESS = b"bandscan trial bench"  # where no contract is; 20 bytes
HEAD = 6  # words before those of the trials
_CLOSE = 8  # equal bytes between two runs that are cheaper sent than skipped
_CURSOR, _OUT, _DONE, _BEFORE, _FLAGS, _TELL, _RECORD = 0, 0x20, 0x40, 0x60, 0x80, 0xA0, 0x140


@dataclass(frozen=True)
class Told:
    """One source in a record: its address and slot, and where its flag and answer lie."""

    address: bytes
    slot: int
    at: int
    width: int


@dataclass(frozen=True)
class Asked:
    """One call in a record: where its target's 20 bytes and its call data lie."""

    target: int
    data: int
    length: int


@dataclass(frozen=True)
class Layout:
    """What the records of a batch look like.

    Attributes
    ----------
    told : tuple of Told
    before : tuple of Asked
        Calls made first, in every trial.
    asked : Asked
        The call whose reply is wanted: `words` words from word `skip` on.
    once : tuple of (address, call data)
        Calls made once, before all trials; one that fails is passed over.
    undone : bool
    """

    told: tuple[Told, ...]
    before: tuple[Asked, ...]
    asked: Asked
    length: int
    skip: int
    words: int
    once: tuple[tuple[bytes, bytes], ...]
    undone: bool


@dataclass(frozen=True)
class Batch:
    """A program for some records, shape (n, length), and its input; `floor` is the gas without
    which no further trial is begun."""

    layout: Layout
    records: U8
    floor: int

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """Where the records differ: (start, length), rising."""
        places = np.flatnonzero((self.records != self.records[0]).any(axis=0))
        if not len(places):
            return [(0, 1)]  # how many there are is told by the input's length
        cut = np.flatnonzero(np.diff(places) > _CLOSE)
        starts = places[np.concatenate([[0], cut + 1])]
        ends = places[np.concatenate([cut, [len(places) - 1]])] + 1
        return [(int(s), int(e - s)) for s, e in zip(starts, ends, strict=True)]

    @cached_property
    def given(self) -> bytes:
        """The input: one record, and what differs of each."""
        parts = [self.records[:, start : start + length] for start, length in self.runs]
        first: bytes = self.records[0].tobytes()
        return first + np.concatenate(parts, axis=1).tobytes()

    @cached_property
    def _at(self) -> tuple[int, int, int]:
        """Where in memory lie the inner answer, the reply and the answer."""
        inner = _RECORD + 64 + -(-self.layout.length // 32) * 32
        scratch = max([32 * self._reply, *(len(data) for _, data in self.layout.once)])
        return inner, inner + 64, inner + 64 + -(-scratch // 32) * 32

    @property
    def _reply(self) -> int:
        return self.layout.skip + self.layout.words

    @property
    def each(self) -> int:
        """Words of the answer for each trial."""
        return 1 + self.layout.words

    def code(self) -> bytes:
        """EVM code; see the module's docstring."""
        lay = self.layout
        inner, reply, answer = self._at
        a = Assembler()
        if lay.undone:
            a.op("ADDRESS").op("CALLER").op("EQ").jump_if("inner")
        self._begin(a, answer)
        a.mark("trial")
        a.op("CALLDATASIZE").push(_CURSOR).op("MLOAD").op("LT").op("ISZERO").jump_if("done")
        a.push(_DONE).op("MLOAD").op("ISZERO").push(self.floor).op("GAS").op("GT").op("OR")
        a.op("ISZERO").jump_if("done")
        for start, length in self.runs:
            a.push(length).push(_CURSOR).op("MLOAD").push(_RECORD + start).op("CALLDATACOPY")
            _add(a, _CURSOR, length)
        a.op("GAS").push(_BEFORE).op("MSTORE").push(1).push(_FLAGS).op("MSTORE")
        for told in lay.told:
            self._tell(a, told)
        if lay.undone:
            a.push(0).push(inner).op("MSTORE").push(0).push(inner + 32).op("MSTORE")
            a.push(64 + 32 * self._reply).push(inner).push(lay.length).push(_RECORD).push(0)
            a.op("ADDRESS").op("GAS").op("CALL").op("POP")
            a.push(inner).op("MLOAD").push(_FLAGS).op("MLOAD").push(2).op("AND").op("OR")
            a.push(_FLAGS).op("MSTORE")
            a.push(inner + 32).op("MLOAD")
        else:
            self._calls(a, "STATICCALL")
            a.op("RETURNDATASIZE")
        a.push(8).op("SHL").push(_FLAGS).op("MLOAD").op("OR")
        a.op("GAS").push(_BEFORE).op("MLOAD").op("SUB").push(40).op("SHL").op("OR")
        a.push(_BEFORE).op("MLOAD").push(104).op("SHL").op("OR")
        a.push(_OUT).op("MLOAD").op("MSTORE")
        for word in range(lay.words):
            a.push(reply + 32 * (lay.skip + word)).op("MLOAD")
            a.push(32 * (word + 1)).push(_OUT).op("MLOAD").op("ADD").op("MSTORE")
        _add(a, _OUT, 32 * self.each)
        _add(a, _DONE, 1)
        a.jump("trial")
        a.mark("done")
        a.push(_DONE).op("MLOAD").push(answer + 128).op("MSTORE")
        a.push(answer).push(_OUT).op("MLOAD").op("SUB").push(answer).op("RETURN")
        if lay.undone:
            a.mark("inner")
            a.op("CALLDATASIZE").push(0).push(_RECORD).op("CALLDATACOPY")
            a.push(1).push(_FLAGS).op("MSTORE")
            self._calls(a, "CALL")
            a.op("RETURNDATASIZE").push(inner + 32).op("MSTORE")
            a.push(_FLAGS).op("MLOAD").push(inner).op("MSTORE")
            a.push(64 + 32 * self._reply).push(inner).op("REVERT")
        return a.code()

    def _begin(self, a: Assembler, answer: int) -> None:
        """The proof of the block, the first record, and what is done once."""
        for place, what in enumerate(("NUMBER", "PARENT", "TIMESTAMP", "CHAINID", "", "GAS")):
            if what == "PARENT":
                a.push(1).op("NUMBER").op("SUB").op("BLOCKHASH")
            elif what:
                a.op(what)
            if what:
                a.push(answer + 32 * place).op("MSTORE")
        a.push(answer + 32 * HEAD).push(_OUT).op("MSTORE")
        a.push(self.layout.length).push(0).push(_RECORD).op("CALLDATACOPY")
        a.push(self.layout.length).push(_CURSOR).op("MSTORE")
        a.push(int.from_bytes(TOLD, "big")).push(_TELL).op("MSTORE")
        scratch = self._at[1]
        for address, data in self.layout.once:
            for start in range(0, len(data), 32):
                word = data[start : start + 32].ljust(32, b"\0")
                a.push(int.from_bytes(word, "big")).push(scratch + start).op("MSTORE")
            a.push(0).push(0).push(len(data)).push(scratch).push(0)
            a.push(int.from_bytes(address, "big")).op("GAS").op("CALL").op("POP")

    def _tell(self, a: Assembler, told: Told) -> None:
        a.push(told.slot).push(_TELL + 32).op("MSTORE")
        a.push(_RECORD + told.at).op("MLOAD").push(0).op("BYTE").push(_TELL + 64).op("MSTORE")
        a.push(_RECORD + told.at + 1).op("MLOAD").push(256 - 8 * told.width).op("SHR")
        a.push(_TELL + 96).op("MSTORE")
        a.push(0).push(0).push(128).push(_TELL).push(0)
        a.push(int.from_bytes(told.address, "big")).op("GAS").op("CALL")
        # A stub answers one word. Who does not was not replaced, whatever the node says.
        a.push(32).op("RETURNDATASIZE").op("EQ").op("AND").op("ISZERO").push(1).op("SHL")
        a.push(_FLAGS).op("MLOAD").op("OR").push(_FLAGS).op("MSTORE")

    def _calls(self, a: Assembler, last: str) -> None:
        """The calls of a record; the last one's reply to memory, its size is the EVM's."""
        reply = self._at[1]
        for asked in (*self.layout.before, self.layout.asked):
            final = asked is self.layout.asked
            a.push(32 * self._reply if final else 0).push(reply)
            a.push(asked.length).push(_RECORD + asked.data)
            if not final or last == "CALL":
                a.push(0)
            a.push(_RECORD + asked.target).op("MLOAD").push(96).op("SHR").op("GAS")
            a.op(last if final else "CALL")
            if final:
                _and_flags(a)
            else:
                a.op("ISZERO").push(2).op("SHL").push(_FLAGS).op("MLOAD").op("OR")
                a.push(_FLAGS).op("MSTORE")


def _add(a: Assembler, variable: int, amount: int) -> None:
    a.push(amount).push(variable).op("MLOAD").op("ADD").push(variable).op("MSTORE")


def _and_flags(a: Assembler) -> None:
    """Take success (on the stack) away from the flags where it is 0, and leave the others."""
    a.push(2**256 - 2).op("OR").push(_FLAGS).op("MLOAD").op("AND").push(_FLAGS).op("MSTORE")
