"""How a protocol is asked for its verdict at other prices: what is told to whom, what is called.

An adapter says it in one `Asking`; nothing here talks to a node. The trials are made by
`Chain.trials`, and `Asking.verdict` reads the replies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scanner.chain.pinned import Chain, Source, Trials
from scanner.core.integers import Integers, from_words
from scanner.core.legs import rows_of

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

REASON_WORDS = 4  # of a revert: selector, offset, length and 60 bytes of text
_ERROR = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
_TEXT = 4 + 64  # where the text begins
_NO_SOURCE = "a token of the position has no price source of its own"
_TWO_PRICES = "two tokens of the position share one price source and would need two prices"
_NO_PRICE = "a price would be zero there"


@dataclass(frozen=True)
class Verdict:
    """What a protocol said in n trials: `known[n]`, `healthy[n]`, and why it is not known;
    `batches` are the trials of each request."""

    known: Bool
    healthy: Bool
    why: npt.NDArray[np.object_]
    batches: tuple[int, ...] = ()


@dataclass(frozen=True)
class Asking:
    """Trials of one market, as `Chain.trials` takes them; see there for all but these two.

    Attributes
    ----------
    verdict : (Trials) -> (known, healthy)
        What the replies mean.
    cannot : object array of str, shape (n,)
        Why a trial cannot be made; "" where it can.
    """

    sources: Sequence[Source]
    answers: npt.NDArray[np.object_]
    targets: U8
    data: U8
    words: int
    verdict: Callable[[Trials], tuple[Bool, Bool]]
    cannot: npt.NDArray[np.object_]
    prepare: Sequence[tuple[U8, U8]] = ()
    once: Sequence[tuple[bytes, bytes]] = ()
    undone: bool = False
    skip: int = 0
    gas: int | None = None

    def ask(self, chain: Chain, progress: Callable[[int], None] | None = None) -> Verdict:
        """Make the trials that can be made."""
        can = np.flatnonzero(self.cannot == "")
        size = len(self.data)
        known, healthy = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        why = self.cannot.copy()
        if not len(can):
            return Verdict(known, healthy, why)
        targets = np.broadcast_to(self.targets, (size, 20))
        found = chain.trials(
            self.sources,
            self.answers[can],
            targets[can],
            self.data[can],
            self.words,
            prepare=[
                (np.broadcast_to(t, (size, 20))[can], np.broadcast_to(d, (size, d.shape[-1]))[can])
                for t, d in self.prepare
            ],
            once=self.once,
            undone=self.undone,
            skip=self.skip,
            gas=self.gas,
            progress=progress,
        )
        known[can], healthy[can] = self.verdict(found)
        for row in np.flatnonzero(~known[can]).tolist():
            why[can[row]] = f"the protocol does not say: {reason(found, row)}"
        return Verdict(known, healthy, why, found.batches)


@dataclass
class Told:
    """Who is told what, as it is put together: a matrix of n trials and the sources met so far."""

    size: int
    sources: list[Source]
    answers: npt.NDArray[np.object_] = field(init=False)
    cannot: npt.NDArray[np.object_] = field(init=False)

    def __post_init__(self) -> None:
        self.answers = np.full((self.size, len(self.sources)), None, object)
        self.cannot = np.full(self.size, "", object)

    def tell(self, trial: I64, source: I64, price: Integers) -> None:
        """Trial `trial[k]` tells source `source[k]` (an index, -1: there is none) `price[k]`."""
        lost = trial[source < 0]
        self.cannot[lost] = _NO_SOURCE
        some = source >= 0
        trial, source, price = trial[some], source[some], price[some]
        self.cannot[trial[np.asarray(price <= 0, np.bool_)]] = _NO_PRICE
        self.answers[trial, source] = price
        other = np.asarray(self.answers[trial, source] != price, np.bool_)
        self.cannot[trial[other]] = _TWO_PRICES


def distinct(sources: Sequence[Source]) -> tuple[list[Source], I64]:
    """The sources once each, and for every token which one it has; -1 for an address of zero."""
    found: dict[Source, int] = {}
    places = [
        found.setdefault(source, len(found)) if any(source.address) else -1 for source in sources
    ]
    return list(found), np.array(places, np.int64)


def reason(found: Trials, row: int) -> str:
    """Why a call failed, in words."""
    if not found.prepared[row]:
        return "a call that comes before it fails"
    content = found.words[row].tobytes()[: int(found.size[row])]
    if content[:4] == _ERROR:
        length = int.from_bytes(content[36:68], "big")
        text = content[_TEXT : _TEXT + min(length, 200)].decode("utf-8", "replace")
        return " ".join("".join(c for c in text if c.isprintable()).split()) or "reverted"
    return f"reverted with 0x{content[:4].hex()}" if content else "reverted without a reason"


def says(found: Trials, *texts: str) -> Bool:
    """Which trials were refused by a reason that begins with one of some texts."""
    content = np.ascontiguousarray(found.words).reshape(len(found.ok), -1)
    error = (content[:, :4] == np.frombuffer(_ERROR, np.uint8)).all(axis=1)
    said = np.zeros(len(error), np.bool_)
    for text in texts:
        wanted = np.frombuffer(text.encode(), np.uint8)
        said |= (content[:, _TEXT : _TEXT + len(wanted)] == wanted).all(axis=1)
    return np.asarray(~found.done & error & said, np.bool_)


def panics(found: Trials) -> Bool:
    """Which trials ended in a checked overflow or the like."""
    content = np.ascontiguousarray(found.words).reshape(len(found.ok), -1)
    return np.asarray(~found.done & (content[:, :4] == np.frombuffer(_PANIC, np.uint8)).all(axis=1))


def least(word: int) -> Callable[[Trials], tuple[Bool, Bool]]:
    """A view that answers a health factor: healthy from `word` on."""

    def verdict(found: Trials) -> tuple[Bool, Bool]:
        return found.ok, np.asarray(from_words(found.words[:, 0]) >= word, np.bool_) & found.ok

    return verdict


def zero(at: int, *, without_error: int | None = None) -> Callable[[Trials], tuple[Bool, Bool]]:
    """A view that answers zero in word `at` for a healthy account; `without_error` is a word that
    must be zero for the answer to mean anything."""

    def verdict(found: Trials) -> tuple[Bool, Bool]:
        known = found.ok.copy()
        if without_error is not None:
            known &= ~found.words[:, without_error].any(axis=1)
        return known, known & ~found.words[:, at].any(axis=1)

    return verdict


def refused_as(healthy: str, *past: str) -> Callable[[Trials], tuple[Bool, Bool]]:
    """A liquidation that is refused by a reason which begins with `healthy`. It went past that
    check where it succeeds, or fails for one of the reasons `past`, or by a checked overflow."""

    def verdict(found: Trials) -> tuple[Bool, Bool]:
        fine = says(found, healthy) & found.prepared
        gone = (found.done | says(found, *past) | panics(found)) & found.prepared
        return fine | gone, fine

    return verdict


def rows_told(starts: I64, positions: I64) -> tuple[I64, I64]:
    """Legs of the positions of all trials, and which trial each is for."""
    rows, begin = rows_of(starts, positions)
    return rows, np.repeat(np.arange(len(positions)), np.diff(np.append(begin, len(rows))))
