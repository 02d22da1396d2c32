"""The scanner's lens as this node runs it: no EVM, its program is recognised and answered.

How long a call is, how much of it differs and how many words it answers is not in the input, only
in the code. So the code is made again for every shape that fits the input, and compared.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from scanner.chain.lens import ADDRESS, Lens
from scanner.chain.transport import Path
from synthetic.calls import I64, Answers, Calls, calls_of
from synthetic.people import U8

LENGTHS, MOST_WORDS = (4, 36, 68), 16
_TARGET, _HEAD = 20, 23  # bytes of a group: its target, and what comes before its calls begin
_WHERE = "0x" + ADDRESS.hex()

Shape = tuple[int, int, int]  # length of a call, of its tail, words that it answers


class Reader:
    """Recognises programs; the shapes of the last ones are tried first."""

    def __init__(self) -> None:
        self._recent: list[Shape] = []

    def read(self, params: list[Any]) -> tuple[Lens, Calls] | None:
        """The program and the calls of an eth_call; None where it is no lens."""
        lent = params[2].get(_WHERE) if len(params) > 2 and params[2] else None
        if params[0].get("to") != _WHERE or not lent:
            return None
        content = bytes.fromhex(params[0]["data"][2:])
        code = bytes.fromhex(lent["code"][2:])
        for shape in [*self._recent, *_shapes()]:
            length, tail, words = shape
            groups = _groups(content, length, tail)
            if groups is None:
                continue
            lens = Lens(length, tail, words, int(groups[1].sum()), len(content))
            if lens.code(Path.OVERRIDE) == code:
                if shape in self._recent:
                    self._recent.remove(shape)
                self._recent.insert(0, shape)
                return lens, _calls(content, lens, *groups)
        return None


def answer(lens: Lens, found: Answers, proof: tuple[int, bytes, int, int]) -> bytes:
    """What the program returns; `proof` is number, parent hash, time and chain id."""
    good = found.ok & (found.size >= lens.words)
    words = np.zeros((lens.count, lens.words, 32), np.uint8)
    words[good] = found.words[found.start[good, None] + np.arange(lens.words)]
    head = [each if isinstance(each, bytes) else each.to_bytes(32, "big") for each in proof]
    return b"".join([*head, words.tobytes(), good.astype(np.uint8).tobytes()])


def _shapes() -> Iterator[Shape]:
    for length in LENGTHS:
        for tail in sorted({min(20, length - 1), min(32, length - 1)}):
            for words in range(1, MOST_WORDS + 1):
                yield length, tail, words


def _groups(content: bytes, length: int, tail: int) -> tuple[I64, I64] | None:
    """Where each group begins and how many calls it has; None where they do not end the input."""
    at, begin, count = 0, [], []
    while at < len(content):
        many = int.from_bytes(content[at + _TARGET : at + _HEAD], "big")
        begin.append(at)
        count.append(many)
        at += _HEAD + length - tail + many * tail
    if at != len(content) or not begin:
        return None
    return np.array(begin), np.array(count)


def _calls(content: bytes, lens: Lens, begin: I64, count: I64) -> Calls:
    flat = np.frombuffer(content, np.uint8)
    split = lens.length - lens.tail
    group = np.repeat(np.arange(len(begin)), count)
    within = np.arange(lens.count) - np.repeat(np.cumsum(count) - count, count)
    target: U8 = flat[begin[:, None] + np.arange(_TARGET)][group]
    shared = flat[begin[:, None] + _HEAD + np.arange(split)][group]
    tails = begin[group] + _HEAD + split + within * lens.tail
    data = np.concatenate([shared, flat[tails[:, None] + np.arange(lens.tail)]], axis=1)
    start = lens.length * np.arange(lens.count)
    return calls_of(target, data.reshape(-1), start, np.full(lens.count, lens.length))
