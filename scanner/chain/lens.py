"""Many calls of one shape run by code of our own inside one eth_call: a tenth of the bytes.

Multicall3 wants an address, a flag, an offset and padding with each call: 224 bytes for an account.
Most calls of a scan differ from their neighbour only in the account. So they are sorted into groups
that share everything but their last bytes, and a small program goes through them:

    group:  target (20) | how many (3) | what their call data begin with | the end of each

It is lent to the node for the one call, in one of two ways: as the code of an address (a state
override), or as the init code of a contract that is never made, whose answer is the data of a
revert. It answers four words that prove the block (number, parent hash, time, chain id), the words
of each call, and a byte for each: whether it succeeded and answered enough. What failed is asked
again through Multicall3; the lens is never the last word on a failure.

Each call gets all gas that is left, as in Multicall3: calls that write (an accrual of interest) are
allowed, and what they wrote ends with the eth_call.
"""

from binascii import hexlify
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.evm import Assembler
from scanner.chain.multicall3 import Aggregate
from scanner.chain.transport import Path
from scanner.chain.values import Untrue, data, hex_of

I64 = npt.NDArray[np.int64]

ADDRESS = b"bandscan's lens code"  # where no contract is; 20 bytes
LONGEST_INIT_CODE = 49_152  # EIP-3860
_HEAD = 23  # bytes of a group before its common beginning
_PROOF = 4  # words


@dataclass(frozen=True)
class Calls:
    """Calls of one shape, sorted by group.

    targets[n, 20], data[n, k], group[n] rising; `tail` bytes at the end of `data` differ within
    a group. `order` says which of the given calls each one is.
    """

    targets: U8
    data: U8
    group: I64
    tail: int
    order: I64

    def __len__(self) -> int:
        return len(self.order)

    @property
    def bytes_each(self) -> int:
        """About what one call adds to a request, groups included."""
        length = int(self.data.shape[1])
        groups: int = int(self.group[-1]) + 1 if len(self) else 0
        shared = groups * (_HEAD + length - self.tail)
        return self.tail + -(-shared // max(1, len(self)))


def sorted_calls(targets: U8, calls: U8) -> Calls:
    """Sort calls into the groups that need the fewest bytes; an account or a whole word differs."""
    length = calls.shape[1]
    best: tuple[int, int, I64, I64] | None = None
    for tail in sorted({min(20, length - 1), min(32, length - 1)}):
        keys = np.concatenate([targets, calls[:, : length - tail]], axis=1)
        joined = np.ascontiguousarray(keys).view(f"V{keys.shape[1]}").reshape(-1)
        _, group = np.unique(joined, return_inverse=True)
        groups = int(group.max()) + 1 if len(group) else 0
        cost = groups * (_HEAD + length - tail) + len(calls) * tail
        if best is None or cost < best[0]:
            best = cost, tail, group.astype(np.int64), np.argsort(group, kind="stable")
    assert best is not None
    _, tail, group, order = best
    return Calls(targets[order], calls[order], group[order], tail, order)


@dataclass(frozen=True)
class Lens:
    """The program for one batch: `count` calls of `length` bytes that answer `words` words each."""

    length: int
    tail: int
    words: int
    count: int
    size: int  # bytes of packed input

    @cached_property
    def _at(self) -> tuple[int, int, int, int]:
        """Where in memory lie the call, the input, the answer and its flags."""
        call = 0xA0
        given = call + 64 + -(-self.length // 32) * 32
        answer = given + 64 + -(-self.size // 32) * 32
        return call, given, answer, answer + 32 * (_PROOF + self.words * self.count)

    def code(self, path: Path) -> bytes:
        """EVM code that reads its input, runs the calls and hands over the answers."""
        call, given, answer, flags = self._at
        end, each = flags + self.count, 32 * self.words
        prefix = self.length - self.tail
        a = Assembler()
        if path is Path.CREATE:  # behind the code itself
            a.push(self.size).place("end").push(given).op("CODECOPY")
        else:
            a.push(self.size).push(0).push(given).op("CALLDATACOPY")
        proof = ("NUMBER", "PARENT", "TIMESTAMP", "CHAINID")
        for place, what in enumerate(proof):
            if what == "PARENT":
                a.push(1).op("NUMBER").op("SUB").op("BLOCKHASH")
            else:
                a.op(what)
            a.push(answer + 32 * place).op("MSTORE")
        # Variables: 0 input cursor, 0x20 answer cursor, 0x40 end of group, 0x60 flag cursor,
        # 0x80 target.
        a.push(given).push(0).op("MSTORE")
        a.push(answer + 32 * _PROOF).push(0x20).op("MSTORE")
        a.push(flags).push(0x60).op("MSTORE")

        a.mark("group")  # ends where the input does
        a.push(given + self.size).push(0).op("MLOAD").op("LT").op("ISZERO").jump_if("done")
        a.push(0).op("MLOAD").op("MLOAD").push(96).op("SHR").push(0x80).op("MSTORE")
        a.push(0).op("MLOAD").push(20).op("ADD").op("MLOAD").push(232).op("SHR")  # how many
        a.push(self.tail).op("MUL").push(_HEAD + prefix).op("ADD")
        a.push(0).op("MLOAD").op("ADD").push(0x40).op("MSTORE")
        a.push(_HEAD).push(0).op("MLOAD").op("ADD")
        a.copy(call, prefix).op("POP")
        a.push(_HEAD + prefix).push(0).op("MLOAD").op("ADD").push(0).op("MSTORE")

        a.mark("call")
        a.push(0x40).op("MLOAD").push(0).op("MLOAD").op("LT").op("ISZERO").jump_if("group")
        a.push(0).op("MLOAD")
        a.copy(call + prefix, self.tail).op("POP")
        a.push(each).push(0x20).op("MLOAD").push(self.length).push(call).push(0)
        a.push(0x80).op("MLOAD").op("GAS").op("CALL")
        a.push(each).op("RETURNDATASIZE").op("LT").op("ISZERO").op("AND")
        a.push(0x60).op("MLOAD").op("MSTORE8")
        for cursor, step in ((0x60, 1), (0x20, each), (0, self.tail)):
            a.push(step).push(cursor).op("MLOAD").op("ADD").push(cursor).op("MSTORE")
        a.jump("call")

        a.mark("done")
        a.push(end - answer).push(answer)
        a.op("REVERT" if path is Path.CREATE else "RETURN")
        return a.code()

    def accept(self, raw: msgspec.Raw, aggregate: Aggregate) -> tuple[npt.NDArray[np.bool_], U8]:
        """(good[n], words[n, words, 32]) once the proof of the block holds; zero where not good.

        Raises `Untrue`.
        """
        block = aggregate.block
        content = np.frombuffer(data(raw), np.uint8)
        values = 32 * self.words * self.count
        if len(content) != 32 * _PROOF + values + self.count:
            raise Untrue("a lens answer of the wrong length" if len(content) else "an empty answer")
        number, parent, time, chain = content[: 32 * _PROOF].reshape(_PROOF, 32)
        for what, found, want in (
            ("block", number, block.number.to_bytes(32, "big")),
            ("parent hash", parent, block.parent_hash),
            ("time", time, block.timestamp.to_bytes(32, "big")),
            ("chain id", chain, aggregate.chain_id.to_bytes(32, "big")),
        ):
            if found.tobytes() != want:
                raise Untrue(f"another {what} than that of block {block.number}")
        good = content[32 * _PROOF + values :] == 1
        if bool((content[32 * _PROOF + values :] > 1).any()):
            raise Untrue("a lens answer that is none")
        words = content[32 * _PROOF : 32 * _PROOF + values].reshape(self.count, self.words, 32)
        return good, np.where(good[:, None, None], words, np.uint8(0))


def packed(calls: Calls, rows: I64, words: int) -> tuple[Lens, bytes]:
    """The program and the input for some calls, `rows` rising."""
    group, split = calls.group[rows], calls.data.shape[1] - calls.tail
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    parts: list[bytes] = []
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        first, mine = rows[start], rows[start:stop]
        parts += [
            calls.targets[first].tobytes(),
            int(stop - start).to_bytes(3, "big"),
            calls.data[first, :split].tobytes(),
            calls.data[mine, split:].tobytes(),
        ]
    content = b"".join(parts)
    return Lens(calls.data.shape[1], calls.tail, words, len(rows), len(content)), content


def params(lens: Lens, content: bytes, path: Path, block: int) -> bytes:
    """eth_call's parameters for a batch."""
    code = hexlify(lens.code(path))
    if path is Path.CREATE:
        return b"".join([b'[{"data":"0x', code, hexlify(content), b'"},', hex_of(block), b"]"])
    where = ADDRESS.hex().encode()
    call = [b'[{"to":"0x', where, b'","data":"0x', hexlify(content), b'"},', hex_of(block)]
    return b"".join([*call, b',{"0x', where, b'":{"code":"0x', code, b'"}}]'])
