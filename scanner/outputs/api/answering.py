"""From a validated request to its answer: which scan, which shelf, and whose turn it is."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from scanner.outputs.api import cursors
from scanner.outputs.api.board import Board
from scanner.outputs.api.bodies import Body
from scanner.outputs.api.choosing import chain_of, readable, settled
from scanner.outputs.api.filters import Chosen
from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.replies import Ready
from scanner.outputs.api.shelf import Shelf
from scanner.outputs.api.source import Question

AT_WORK = 2  # answers that are made at the same time
WAITING = 64  # requests that wait for their turn; with one more the server is busy


def _stays() -> bool:
    """Where nobody can tell whether the client has left."""
    return False


# Whether the client of the request at hand has left. The front sets it: endpoints get filters only.
LEFT: ContextVar[Callable[[], bool]] = ContextVar("LEFT", default=_stays)


class Answers:
    """Finds the scan that a request is about, and has its answer made, a few at a time."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._turns = asyncio.Semaphore(AT_WORK)
        self._waiting: list[Callable[[], bool]] = []

    async def __call__(
        self, name: str, asked: Chosen, *, any_scan: bool = False, **fixed: Any
    ) -> Ready:
        """The answer of endpoint `name`; raises Refusal.

        `any_scan`: an incomplete one will do, since the answer is not about what is at risk.
        `fixed` are filters that do not stand in the query.
        """
        shown = self._board.now
        chain = chain_of(shown.state, asked.chain)
        scan = readable(chain, incomplete=any_scan or getattr(asked, "incomplete", False))
        question = settled(asked.question(name, **fixed), scan)
        if mark := getattr(asked, "cursor", None):
            row = cursors.offset(mark, scan.scan_id, question)
            pairs = {**dict(question.filters), "offset": row}
            question = Question(name, tuple(sorted(pairs.items())))
        shelf = shown.shelves[chain.chain_id]
        return Ready(shelf.ready(question) or await self._made(shelf, question))

    async def _made(self, shelf: Shelf, question: Question) -> Body:
        left = LEFT.get()
        if sum(not gone() for gone in self._waiting) >= WAITING:
            again = (b"retry-after", b"1")
            raise Refusal("busy", "Too many answers are being made.", headers=[again])
        self._waiting.append(left)
        try:
            async with self._turns:
                if left():  # an answer that nobody reads would keep the others waiting
                    raise Refusal("timeout", "Whoever asked has left.")
                return await asyncio.to_thread(shelf.body, question)
        finally:
            self._waiting.remove(left)
