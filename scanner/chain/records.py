"""Trials as the program of bench.py reads them, and how each went as it tells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain.abi import U8
from scanner.chain.bench import Asked, Layout, Told
from scanner.chain.stub import Source, slot_of

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bench:
    """What all trials of one job have in common.

    Attributes
    ----------
    sources : sequence of Source
    codes : sequence of bytes
        The code of each source's address at the block.
    once : sequence of (address, call data)
        Calls made once in each batch, before all trials (an accrual of interest).
    undone : bool
        Whether what a trial writes is undone before the next one. Where it is not, the last call
        must be a view.
    skip : int
        Words of the reply that are not wanted, before those that are.
    gas : int
        A guess of one trial's.
    """

    sources: Sequence[Source]
    codes: Sequence[bytes]
    once: Sequence[tuple[bytes, bytes]] = ()
    undone: bool = False
    skip: int = 0
    gas: int = 400_000


def recorded(
    sources: Sequence[Source],
    answers: npt.NDArray[np.object_],
    before: Sequence[tuple[U8, U8]],
    asked: tuple[U8, U8],
    bench: Bench,
    words: int,
) -> tuple[Layout, U8]:
    """The trials as records, and how they are laid out.

    answers[n, sources]: Python integers, None for the feed's own. `before` and `asked` are
    (targets[n, 20], data[n, k]).
    """
    size, at = len(asked[1]), 0
    parts: list[U8] = []
    told: list[Told] = []
    seen: dict[bytes, int] = {}
    for place, source in enumerate(sources):
        number = seen.get(source.address, 0)
        seen[source.address] = number + 1
        flags, column = _column(answers[:, place])
        told.append(Told(source.address, slot_of(number), at, column.shape[1]))
        parts += [flags, column]
        at += 1 + column.shape[1]
    calls: list[Asked] = []
    for targets, content in (*before, asked):
        calls.append(Asked(at, at + 20, content.shape[1]))
        parts += [targets, content]
        at += 20 + content.shape[1]
    records = np.concatenate([np.broadcast_to(p, (size, p.shape[1])) for p in parts], axis=1)
    once = tuple((bytes(address), bytes(content)) for address, content in bench.once)
    layout = Layout(
        tuple(told), tuple(calls[:-1]), calls[-1], at, bench.skip, words, once, bench.undone
    )
    return layout, np.ascontiguousarray(records)


def _column(answers: npt.NDArray[np.object_]) -> tuple[U8, U8]:
    """Flags[n, 1] and big-endian answers[n, width] of one source."""
    values = [None if a is None or int(a) < 0 else int(a) for a in answers.tolist()]
    width = max(1, max((-(-v.bit_length() // 8) for v in values if v is not None), default=1))
    if width > 32:
        raise ValueError("an answer of more than 256 bits")
    flags = np.array([v is not None for v in values], np.uint8)[:, None]
    joined = b"".join((v or 0).to_bytes(width, "big") for v in values)
    return flags, np.frombuffer(joined, np.uint8).reshape(-1, width)


def unpacked(words: U8) -> tuple[I64, I64, I64, I64]:
    """Flags, length of the reply, gas used, gas before: as `bench` packs them."""

    def number(first: int, last: int) -> I64:
        found = np.zeros(len(words), np.int64)
        for byte in range(first, last):
            found = found << 8 | words[:, byte].astype(np.int64)
        return found

    return number(31, 32), number(27, 31), number(19, 27), number(11, 19)
