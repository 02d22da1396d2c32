"""Multicall3.aggregate3, written and read as columns, with the proof of the block inside.

Contract: https://github.com/mds1/multicall3. Every batch ends with four calls of our own that
say which block the node executed: number, parent hash, timestamp, chain id. A node that ignores
the block, is behind, or serves another chain is found out by its own answer. The proof comes last
on purpose: where the calls before it ate the gas, it fails, and the batch is known to be too big.
"""

from binascii import hexlify
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8, Abi, load, pack
from scanner.chain.client import Refusal
from scanner.chain.faults import Fault, Kind
from scanner.chain.headers import Block
from scanner.chain.values import Untrue, data, hex_of

I64 = npt.NDArray[np.int64]

USUAL_ADDRESS = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")
ARBITRUM = 42161
ARB_SYS_ADDRESS = bytes(19) + b"\x64"
# On Arbitrum the EVM's own block number is Ethereum's; ArbSys knows the chain's own.
# https://docs.arbitrum.io/build-decentralized-apps/arbitrum-vs-ethereum/block-numbers-and-time
ARB_SYS = Abi(
    "arb_sys",
    [
        {
            "type": "function",
            "name": "arbBlockNumber",
            "inputs": [],
            "outputs": [{"type": "uint256"}],
        },
        {
            "type": "function",
            "name": "arbBlockHash",
            "inputs": [{"type": "uint256"}],
            "outputs": [{"type": "bytes32"}],
        },
    ],
)


@dataclass(frozen=True)
class Results:
    """An aggregate3 answer, not copied: call i returned `length[i]` bytes from word `start[i]`."""

    ok: npt.NDArray[np.bool_]  # [n] the call did not revert
    start: I64  # [n] in words
    length: I64  # [n] in bytes
    words: U8  # [total, 32]

    def data(self, i: int) -> bytes:
        """What call i returned."""
        begin = 32 * int(self.start[i])
        return self.words.reshape(-1)[begin : begin + int(self.length[i])].tobytes()

    def columns(self, words: int) -> tuple[npt.NDArray[np.bool_], U8]:
        """(good[n], values[n, words, 32]): the first `words` words of each answer; good = not
        reverted and long enough. Rows that are not good are zero."""
        good = self.ok & (self.length >= 32 * words)
        values = np.zeros((len(good), words, 32), np.uint8)
        values[good] = self.words[self.start[good, None] + np.arange(words)]
        return good, values


def tuples(targets: U8, calls: U8) -> U8:
    """The `Call3` structs of calls of one length: U8[n, 128 + padded].

    targets : U8[n, 20]; calls : U8[n, k]. allowFailure is always true.
    """
    count, length = calls.shape
    rows = np.zeros((count, 128 + -(-length // 32) * 32), np.uint8)
    rows[:, 12:32] = targets
    rows[:, 63] = 1
    rows[:, 95] = 96
    rows[:, 124:128] = np.frombuffer(length.to_bytes(4, "big"), np.uint8)
    rows[:, 128 : 128 + length] = calls
    return rows


def call_data(structs: bytes, sizes: I64) -> bytes:
    """aggregate3's call data from its structs, one after another, `sizes` bytes each."""
    count = len(sizes)
    offsets = np.zeros((count, 4), ">u8")
    offsets[:, 3] = 32 * count + np.concatenate([[0], np.cumsum(sizes[:-1])])
    head = load("multicall3").selector("aggregate3") + (32).to_bytes(32, "big")
    return b"".join([head, count.to_bytes(32, "big"), offsets.tobytes(), structs])


def _small(quads: npt.NDArray[np.uint64]) -> I64:
    """Words that must be below 2**40, given as four big-endian 8-byte parts on the last axis."""
    low = quads[..., 3].view(">u8").astype(np.int64)
    # Zero is zero in any byte order, and the native one is faster to look at.
    if bool(quads[..., :3].any()) or bool(((low < 0) | (low >= 1 << 40)).any()):
        raise Untrue("a multicall answer with wild lengths")
    return low


def results(answer: bytes, count: int) -> Results:
    """Read the `(bool, bytes)[]` that aggregate3 returns for `count` calls.

    The layout must be exactly the one Solidity writes, without gaps, overlaps or a rest; anything
    else raises `Untrue`.
    """
    if len(answer) % 32 or len(answer) < 64:
        raise Untrue("a multicall answer of odd length" if answer else "an empty multicall answer")
    words = np.frombuffer(answer, np.uint8).reshape(-1, 32)
    quads = np.frombuffer(answer, np.uint64).reshape(-1, 4)
    if len(words) < 2 + 4 * count:
        raise Untrue("a multicall answer for more calls")
    head = _small(quads[: 2 + count])
    if head[0] != 32 or head[1] != count or bool((head % 32)[2:].any()):
        raise Untrue("a multicall answer for another number of calls")
    at = 2 + head[2:] // 32
    if count and (at[0] != 2 + count or int(at.max()) + 3 > len(words)):
        raise Untrue("a multicall answer with offsets outside of it")
    success, inner, length = _small(quads.take(at[:, None] + np.arange(3), axis=0)).T
    ends = at + 3 + -(-length // 32)
    if (
        bool((success > 1).any())
        or bool((inner != 64).any())
        or bool((ends[:-1] != at[1:]).any())
        or (int(ends[-1]) if count else 2) != len(words)
    ):
        raise Untrue("a multicall answer that does not add up")
    return Results(success.astype(bool), at + 3, length, words)


@dataclass(frozen=True)
class Proof:
    """A call whose answer is known beforehand: the word `want`."""

    what: str
    target: bytes
    abi: Abi
    function: str
    args: tuple[int, ...]
    want: bytes

    def call_data(self) -> bytes:
        return pack(self.abi.selector(self.function), *self.args).tobytes()


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


@dataclass(frozen=True)
class Aggregate:
    """Multicall3 at one block of one chain.

    `code` is set where the block has no Multicall3: then it is lent by a state override.
    """

    chain_id: int
    block: Block
    address: bytes = USUAL_ADDRESS
    code: bytes = field(default=b"", repr=False)

    @property
    def need(self) -> str:
        """What an endpoint must have kept to answer."""
        return f"state at block {self.block.number}"

    @cached_property
    def proof(self) -> list["Proof"]:
        """The calls each batch ends with."""
        abi, here, block = load("multicall3"), self.address, self.block
        if self.chain_id == ARBITRUM:
            sys, last = ARB_SYS_ADDRESS, (block.number - 1,)
            first = [
                Proof("block", sys, ARB_SYS, "arbBlockNumber", (), _word(block.number)),
                Proof("parent hash", sys, ARB_SYS, "arbBlockHash", last, block.parent_hash),
            ]
        else:
            first = [
                Proof("block", here, abi, "getBlockNumber", (), _word(block.number)),
                Proof("parent hash", here, abi, "getLastBlockHash", (), block.parent_hash),
            ]
        return [
            *first,
            Proof("time", here, abi, "getCurrentBlockTimestamp", (), _word(block.timestamp)),
            Proof("chain id", here, abi, "getChainId", (), _word(self.chain_id)),
        ]

    @cached_property
    def _tail(self) -> tuple[bytes, I64]:
        rows = [_struct(proof.target, proof.call_data()) for proof in self.proof]
        return b"".join(rows), np.array([len(row) for row in rows], np.int64)

    def params(self, structs: bytes, sizes: I64) -> bytes:
        """eth_call's parameters for the given structs followed by the proof."""
        tail, tail_sizes = self._tail
        content = call_data(structs + tail, np.concatenate([sizes, tail_sizes]))
        parts = [b'[{"to":"0x', self.address.hex().encode(), b'","data":"0x']
        parts += [hexlify(content), b'"},', hex_of(self.block.number)]
        if self.code:
            parts += [b',{"0x', self.address.hex().encode(), b'":{"code":"0x']
            parts += [self.code.hex().encode(), b'"}}']
        return b"".join([*parts, b"]"])

    def accept(self, raw: msgspec.Raw, count: int) -> Results:
        """The answers of `count` calls, once the four proofs behind them hold.

        Raises `Untrue` for another block or a malformed answer, `Refusal` (out of gas) where
        the proof could not be executed any more.
        """
        found = results(data(raw), count + len(self.proof))
        for i, proof in enumerate(self.proof, count):
            if not found.ok[i]:
                raise Refusal(Fault(Kind.GAS, "the calls before it left no gas for the proof"))
            if found.data(i) != proof.want:
                raise Untrue(f"another {proof.what} than that of block {self.block.number}")
        return Results(found.ok[:count], found.start[:count], found.length[:count], found.words)


def _struct(target: bytes, call: bytes) -> bytes:
    row = tuples(
        np.frombuffer(target, np.uint8).reshape(1, 20),
        np.frombuffer(call, np.uint8).reshape(1, -1),
    )
    return row.tobytes()


def mixed(calls: list[tuple[bytes, bytes]]) -> tuple[bytes, I64]:
    """Structs and their sizes for (target, call data) of any lengths."""
    rows = [_struct(target, call) for target, call in calls]
    return b"".join(rows), np.array([len(row) for row in rows], np.int64)
