"""Multicall3's aggregate3 and tryBlockAndAggregate, read and written as columns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain.abi import keccak
from synthetic.people import U8

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
Bool = npt.NDArray[np.bool_]

AGGREGATE3 = keccak(b"aggregate3((address,bool,bytes)[])")[:4]
TRY_BLOCK = keccak(b"tryBlockAndAggregate(bool,(address,bytes)[])")[:4]


class Malformed(Exception):
    """Call data that no contract could read."""


@dataclass(frozen=True)
class Calls:
    """Calls as columns.

    Attributes
    ----------
    target : uint8 array, shape (n, 20)
    selector : uint32 array
        The first four bytes, big-endian.
    argument : uint8 array, shape (n, 32)
        The first argument's word; zero where the call is shorter.
    begin, size : int64 arrays
        Where each call's data is in `flat`. [bytes]
    """

    target: U8
    selector: U32
    argument: U8
    begin: I64
    size: I64
    flat: U8

    def __len__(self) -> int:
        return len(self.target)

    def data(self, row: int) -> bytes:
        """The call data of one."""
        begin = int(self.begin[row])
        return self.flat[begin : begin + int(self.size[row])].tobytes()


@dataclass(frozen=True)
class Answers:
    """What calls returned: `size[i]` words from word `start[i]`; `ok` false for a revert."""

    ok: Bool
    start: I64
    size: I64
    words: U8

    def data(self, row: int) -> bytes:
        """What one call returned."""
        begin = int(self.start[row])
        return self.words[begin : begin + int(self.size[row])].tobytes()


def calls_of(target: U8, flat: U8, begin: I64, size: I64) -> Calls:
    """Calls whose data lies in `flat`."""
    flat = np.concatenate([flat, np.zeros(36, np.uint8)])
    head = flat[begin[:, None] + np.arange(36)]
    head[np.arange(36) >= size[:, None]] = 0
    selector = np.ascontiguousarray(head[:, :4]).view(">u4").ravel().astype(np.uint32)
    return Calls(target, selector, head[:, 4:], begin, size, flat)


def single(target: bytes, data: bytes) -> Calls:
    """One call alone."""
    row = np.frombuffer(target, np.uint8).reshape(1, 20)
    size = np.array([len(data)])
    return calls_of(row, np.frombuffer(data, np.uint8), np.zeros(1, np.int64), size)


def decode(data: bytes) -> Calls:
    """The calls of aggregate3 or tryBlockAndAggregate, given with its selector."""
    body = data[4:] + bytes(-(len(data) - 4) % 32)
    flat = np.frombuffer(body, np.uint8)
    words = flat.reshape(-1, 32)
    try:
        at, field = (2, 1) if data[:4] == TRY_BLOCK else (1, 2)  # the array; the field of the data
        count = int(_number(words, np.array([at]))[0])
        if count > len(words):
            raise Malformed("more calls than words")
        base = at + 1
        struct = base + _number(words, base + np.arange(count)) // 32
        inner = struct + _number(words, struct + field) // 32
        size = _number(words, inner)
        begin = 32 * (inner + 1)
        if count and int((begin + size).max()) > len(flat):
            raise Malformed("call data beyond the end")
        return calls_of(np.ascontiguousarray(words[struct, 12:]), flat, begin, size)
    except (IndexError, ValueError) as error:
        raise Malformed(str(error)) from None


def encode(answers: Answers, block: int | None = None) -> bytes:
    """What aggregate3 returns; with a block number, what tryBlockAndAggregate does."""
    count = len(answers.ok)
    length = 3 + answers.size
    begin = count + np.cumsum(length) - length  # from the first offset
    front = [32, count] if block is None else [block, 0, 96, count]
    head = len(front)
    words = np.zeros((head + count + int(length.sum()), 32), np.uint8)
    _set(words, np.arange(head), np.array(front))
    _set(words, head + np.arange(count), 32 * begin)
    at = head + begin
    words[at, 31] = answers.ok
    words[at + 1, 31] = 64
    _set(words, at + 2, 32 * answers.size)
    if count and int(answers.size.min()) == int(answers.size.max()):
        span = np.arange(int(answers.size[0]))
        words[at[:, None] + 3 + span] = answers.words[answers.start[:, None] + span]
    else:
        owner = np.repeat(np.arange(count), answers.size)
        within = np.arange(len(owner)) - np.repeat(
            np.cumsum(answers.size) - answers.size, answers.size
        )
        words[at[owner] + 3 + within] = answers.words[answers.start[owner] + within]
    return words.tobytes()


def _number(words: U8, at: I64) -> I64:
    rows = words[at]
    if rows[:, :27].any():
        raise Malformed("a wild number")
    return np.ascontiguousarray(rows[:, 24:]).view(">u8").ravel().astype(np.int64)


def _set(words: U8, at: I64, numbers: I64) -> None:
    words[at, 24:] = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
