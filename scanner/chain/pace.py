"""How fast one endpoint is asked: requests in flight, and requests per second once it objected.

Nobody says beforehand what is allowed, and some ban whoever asks too fast three times. So trust
grows step by step: one request in flight, then more with every clean answer, without a rate. The
first "too fast" tells the rate: as many answers as the second before it held, or one of the
seconds before that on average. From then on requests leave evenly spaced at a little less, and the
rate grows only while nobody objects, never soon past one that was refused (additive increase,
multiplicative decrease).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

FIRST_STEP, STEP = 40, 60  # clean answers before a second request is in flight, and a further
MARGIN = 0.95  # of what was measured to be allowed
CLOSEST = 0.9  # of the even distance, between two requests after a late one
LOWEST = 0.2  # requests a second
HOLD = 30.0  # seconds without objection before the rate grows
SEARCH = 3.0  # the same while no rate was refused that is known to be one
STEADY = 4  # seconds before the first objection: a bucket's limit shows in more than the last one
FEW = 4  # answers in a second: fewer say little about the limit
FORGET = 900.0  # seconds after which a refused rate may be tried again


class Pace:
    """`async with pace:` around each request.

    Attributes
    ----------
    limit : int
        Requests in flight at once.
    rate : float or None
        Requests a second; None until the endpoint objected for the first time.
    """

    def __init__(
        self,
        most: int,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float],
    ) -> None:
        self.most, self.limit = max(1, most), 1
        self.rate: float | None = None
        self._sleep, self._clock = sleep, clock
        self._ceiling: float | None = None  # a rate that was refused
        self._objected = self._grown = clock()
        self._answers: deque[float] = deque(maxlen=4096)  # when an answer came that did not object
        self._clean = 0  # clean answers since the last change of `limit`
        self._next = 0.0  # when the next request may leave
        self._inside = 0
        self._line: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        while self._inside >= self.limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._line.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._call()
                raise
        self._inside += 1
        if self.rate is None:
            return
        while (now := self._clock()) < self._next:
            try:
                await self._sleep(self._next - now)
            except BaseException:
                self._leave()
                raise
        # By when it really leaves: after a late waking those behind it do not leave all at once.
        # A little of what was lost is caught up.
        self._next = max(self._next + 1 / self.rate, now + CLOSEST / self.rate)

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def clean(self) -> None:
        """An answer came and nobody objected."""
        now = self._clock()
        self.passed()
        self._clean += 1
        step = FIRST_STEP if self.limit == 1 else STEP
        if self._clean >= step and self.limit < self.most:
            self.limit, self._clean = self.limit + 1, 0
            self._call()
        hold = SEARCH if self._ceiling is None else HOLD
        if self.rate is not None and now - self._grown >= hold:
            self._grown = now
            more = self.rate / 4 if self._ceiling is None else self.rate / 20
            grown = self.rate + max(0.25, more)
            if now - self._objected >= FORGET:
                self._ceiling = None
            if self._ceiling is None or grown < self._ceiling:
                self.rate = grown

    def passed(self) -> None:
        """An answer came, if only that the question was no good: it was not asked too fast."""
        self._answers.append(self._clock())

    def slower(self) -> None:
        """The endpoint objected. Call once for all requests that were in flight together."""
        now = self._clock()
        if self.rate is None:
            second = max(self._since(now - 1.0), self._since(now - STEADY) / STEADY)
            self.rate = max(1.0, MARGIN * second)
            self._ceiling = second if second >= FEW else None
        else:
            span, answers = now - self._objected, self._since(self._objected)
            self._ceiling = self.rate
            measured = (
                MARGIN * (answers - 1) / span if span >= 1 and answers >= 3 else self.rate / 2
            )
            self.rate = min(0.9 * self.rate, measured)
        self.rate = max(LOWEST, self.rate)
        self._objected = self._grown = now
        self._clean, self._next = 0, now

    def _since(self, moment: float) -> int:
        return sum(1 for answer in self._answers if answer > moment)

    def _leave(self) -> None:
        self._inside -= 1
        self._call()

    def _call(self) -> None:
        """Wake the first in line, if there is room."""
        while self._line and self._inside < self.limit:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
