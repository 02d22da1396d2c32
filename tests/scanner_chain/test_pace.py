"""How fast an endpoint is asked: against limiters of several kinds, in a time of our own."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable

import pytest

from scanner.chain.pace import MARGIN, Pace


class Time:
    """A clock that stands still unless somebody sleeps; sleepers wake in order.

    All that wakes may be late by `stall` seconds, once in five.
    """

    def __init__(self, stall: float = 0.0) -> None:
        self.now = 1000.0
        self._stall, self._stalls = stall, 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, done))
        await done

    async def run(self, jobs: list[asyncio.Task[None]]) -> None:
        while not all(job.done() for job in jobs):
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleepers and not all(job.done() for job in jobs):
                at, _, done = heapq.heappop(self._sleepers)
                self.now = max(self.now, at)
                if self._stall and self.now >= self._stalls:
                    self.now, self._stalls = self.now + self._stall, self.now + 5
                done.set_result(None)


def sliding(rate: int, window: float) -> Callable[[float], bool]:
    """At most rate x window requests in any window."""
    seen: deque[float] = deque()

    def allowed(now: float) -> bool:
        while seen and seen[0] <= now - window:
            seen.popleft()
        if len(seen) >= rate * window:
            return False
        seen.append(now)
        return True

    return allowed


def bucket(rate: float, size: float) -> Callable[[float], bool]:
    """A token bucket."""
    state = [size, 1000.0]

    def allowed(now: float) -> bool:
        state[0] = min(size, state[0] + (now - state[1]) * rate)
        state[1] = now
        if state[0] < 1:
            return False
        state[0] -= 1
        return True

    return allowed


def spent(
    allowed: Callable[[float], bool], latency: float, seconds: float, stall: float = 0.0
) -> tuple[list[float], int]:
    """When requests were answered, and how many were refused, by eight workers."""

    async def go() -> tuple[list[float], int]:
        time, answers, refused = Time(stall), [], 0
        pace = Pace(4, sleep=time.sleep, clock=time.clock)
        parked = 0.0

        async def work() -> None:
            nonlocal refused, parked
            while time.now < 1000 + seconds:
                if parked > time.now:
                    await time.sleep(parked - time.now)
                async with pace:
                    if parked > time.now:
                        continue
                    good = allowed(time.now)
                    await time.sleep(latency)
                    if good:
                        answers.append(time.now)
                        pace.clean()
                        continue
                refused += 1
                if time.now >= parked:
                    pace.slower()
                    parked = time.now + 1.3

        await time.run([asyncio.ensure_future(work()) for _ in range(8)])
        return answers, refused

    return asyncio.run(go())


@pytest.mark.parametrize("latency", [0.002, 0.05, 0.3])
@pytest.mark.parametrize(
    ("limit", "rate"),
    [(sliding, (5, 1.0)), (bucket, (5.0, 5.0)), (bucket, (5.0, 15.0)), (sliding, (20, 1.0))],
    ids=["5/s", "bucket of 5", "bucket of 15", "20/s"],
)
def test_a_limit_is_found_used_and_kept(
    limit: Callable[..., Callable[[float], bool]], rate: tuple[float, float], latency: float
) -> None:
    """At most two refusals in two minutes; after ten seconds 85 % of what is allowed is used."""
    answers, refused = spent(limit(*rate), latency, 120)
    assert refused <= 2
    late = [at for at in answers if at > 1010]
    possible = min(rate[0], 1 / latency)  # with one request in flight most of the time
    assert len(late) >= 0.85 * possible * 110


@pytest.mark.parametrize("stall", [0.1, 0.25, 0.6])
def test_a_late_waking_is_no_burst(stall: float) -> None:
    """Those who waited for their turns do not leave together when all of them wake late."""
    answers, refused = spent(sliding(5, 1.0), 0.3, 120, stall)
    assert refused <= 2
    assert sum(at > 1010 for at in answers) >= 0.8 / 1.1 * 5 * 110


def test_nobody_who_never_objects_is_slowed() -> None:
    answers, refused = spent(lambda now: True, 0.01, 3)
    assert refused == 0
    assert len(answers) >= 3 * 4 / 0.01 * 0.6  # four in flight most of the time


def test_trust_grows_step_by_step() -> None:
    pace = Pace(3, clock=lambda: 1.0)
    limits = []
    for _ in range(200):
        pace.clean()
        limits.append(pace.limit)
    assert limits[0] == 1
    assert limits[-1] == 3
    assert sorted(limits) == limits


def test_a_refused_rate_is_not_reached_again_soon() -> None:
    now = [0.0]
    pace = Pace(2, clock=lambda: now[0])
    for _ in range(10):
        now[0] += 0.1
        pace.clean()
    pace.slower()
    assert pace.rate == pytest.approx(MARGIN * 10, abs=1)
    refused = pace.rate / MARGIN
    for _ in range(8_000):
        now[0] += 0.1
        pace.clean()
        assert pace.rate < refused
    for _ in range(3_000):
        now[0] += 0.1
        pace.clean()
    assert pace.rate > refused


def test_what_was_refused_for_another_reason_counts_as_allowed() -> None:
    pace = Pace(4, clock=lambda: 10.0)
    for answer in (pace.clean, pace.clean, pace.passed, pace.passed, pace.clean):
        answer()
    pace.slower()
    assert pace.rate == MARGIN * 5
