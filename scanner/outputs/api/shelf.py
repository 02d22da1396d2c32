"""Answers that are made once, kept as long as their scan, and shared.

The plain questions (unfiltered, and one for each driver) stay for as long as their scan is the
newest. Filtered ones are kept in a bounded number. Whoever asks for what is being made waits for
it; nothing is made twice.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future

from scanner.outputs.api import links
from scanner.outputs.api.bodies import REVALIDATED, Body, content
from scanner.outputs.api.source import Chain, Question

MOST_KEPT = 256  # filtered answers
MOST_BYTES = 64 * 2**20

# Asked most, made before a new scan is shown; all others after.
_FIRST = ("drivers", "bands", "certificate", "ticks")
_BY_DRIVER = ("bands", "ticks", "levels", "positions", "history")
_ONLY_BY_DRIVER = ("levels", "positions")
# What depends on more than scans: liquidations are read without any scan being made.
LIVE = frozenset({"liquidations", "backtest"})
# What depends on the list of scans, and not on the newest alone.
_OF_THE_LIST = ("history", "scans")


class Shelf:
    """One chain at one moment, with the answers made from it."""

    def __init__(self, chain: Chain, before: "Shelf | None" = None, cache: bytes = REVALIDATED):
        self.chain = chain
        self._cache = cache
        self._lock = threading.Lock()
        self._plain: dict[Question, Future[Body]] = {}
        self._kept: OrderedDict[Question, Future[Body]] = OrderedDict()
        self._bytes = 0
        if before is not None and before.chain.scan is chain.scan:
            self._take_over(before)

    def body(self, question: Question) -> Body:
        """The answer; made here and now unless it is there. Raises Refusal."""
        if question.name in LIVE:
            return self._made(question)
        kept, mine = self._place(question)
        if mine:
            try:
                kept.set_result(self._made(question))
            except BaseException as error:
                self._forget(question)
                kept.set_exception(error)
            else:
                self._weigh(question, kept.result())
        return kept.result()

    def ready(self, question: Question) -> Body | None:
        """The answer if it is there already."""
        kept = self._plain.get(question) or self._kept.get(question)
        if kept is None or not kept.done() or kept.exception() is not None:
            return None
        return kept.result()

    def plain_questions(self, *, first: bool) -> Iterator[Question]:
        """The questions that every bot asks: those to answer at once, or all others."""
        scan = self.chain.scan
        if scan is None or not scan.complete:
            return
        drivers = [(("driver", name),) for name in scan.drivers]
        for name in (each for each in links.PATHS if each not in LIVE):
            if (name in _FIRST) == first:
                if name not in _ONLY_BY_DRIVER:
                    yield Question(name)
                if name in _BY_DRIVER:
                    yield from (Question(name, driver) for driver in drivers)

    def _place(self, question: Question) -> tuple[Future[Body], bool]:
        """Where the answer is or will be, and whether it is on us to make it."""
        with self._lock:
            shelf = self._plain if question.plain else self._kept
            if found := shelf.get(question):
                if shelf is self._kept:
                    self._kept.move_to_end(question)
                return found, False
            made: Future[Body] = Future()
            shelf[question] = made
            return made, True

    def _forget(self, question: Question) -> None:
        with self._lock:
            self._plain.pop(question, None)
            self._kept.pop(question, None)

    def _weigh(self, question: Question, body: Body) -> None:
        """Let the answers that nobody asked for longest go, until the rest is small enough."""
        if question.plain:
            return
        with self._lock:
            self._bytes += _weight(body)
            while len(self._kept) > MOST_KEPT or self._bytes > MOST_BYTES:
                oldest = next((q for q, f in self._kept.items() if f.done()), None)
                if oldest is None:
                    return
                self._bytes -= _weight(self._kept.pop(oldest).result())

    def _made(self, question: Question) -> Body:
        scan = self.chain.scan
        assert scan is not None  # whoever asks has looked
        told = scan.tell(question)
        facts = links.facts(self.chain, scan)
        if told.more is not None:
            facts += links.next_page(scan, question, told.more)
        return Body(content(told.content), facts, self._cache)

    def _take_over(self, before: "Shelf") -> None:
        """The same scan, another list of scans around it: its own answers are still right."""
        assert self.chain.scan is not None
        facts = links.facts(self.chain, self.chain.scan)
        for question, made in list(before._plain.items()):
            paged = question.name == "positions"
            if question.name in _OF_THE_LIST or paged or before.ready(question) is None:
                continue
            kept: Future[Body] = Future()
            kept.set_result(Body(made.result().content, facts, self._cache))
            self._plain[question] = kept


def _weight(body: Body) -> int:
    return len(body.plain.bytes) + len(body.content.packed or b"")
