"""How much an endpoint takes at most, found by few tries: of blocks, or of depth."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanner.chain.faults import Fault

CLOSE = 20  # a gap of a twentieth is near enough


@dataclass(frozen=True)
class No:
    """A size that was refused; `hint` is what the refusal says would do, if it says so."""

    fault: Fault
    hint: int | None = None


@dataclass
class Bounds:
    """The largest size that was taken (0 = none) and the smallest that was not (None = none)."""

    taken: int = 0
    refused: int | None = None
    fault: Fault | None = None  # of the smallest that was refused


def widest(
    attempt: Callable[[int], No | None],
    bounds: Bounds,
    rungs: Sequence[int],
    limit: int,
    tries: int,
) -> None:
    """Narrow `bounds` down: what is taken and what is refused, up to `limit`.

    Limits are mostly round numbers, sometimes one more: so the rungs are bisected first, and a
    rung that was taken is tried once more with one added. `bounds` holds what is known so far,
    whenever `attempt` raises.

    >>> found = Bounds()
    >>> widest(lambda n: No(Fault("range", "")) if n > 800 else None, found, LOGS, 9_000, 15)
    >>> found.taken, found.refused
    (800, 801)
    """
    steps = [rung for rung in rungs if rung < limit] + [limit]
    round_ones = set(steps)
    guess: int | None = steps[len(steps) // 2]
    hint: int | None = None
    for _ in range(tries):
        if guess is None:
            break
        answer = attempt(guess)
        if answer is None:
            bounds.taken = max(bounds.taken, guess)
        else:
            bounds.refused, bounds.fault = guess, answer.fault
            hint = answer.hint
            round_ones |= {hint} if hint else set()
        guess = _next(bounds, steps, limit, hint, round_ones)


def _next(
    bounds: Bounds, steps: Sequence[int], limit: int, hint: int | None, round_ones: set[int]
) -> int | None:
    low, high = bounds.taken, bounds.refused or limit + 1
    if low + 1 >= high:
        return None
    if hint and low < hint < high:
        return hint
    if hint and low in (hint, hint + 1):
        return low + 1
    inside = steps[bisect_right(steps, low) : bisect_right(steps, high - 1)]
    if inside:
        return inside[len(inside) // 2]
    if low in round_ones or low - 1 in round_ones:
        return low + 1
    return (low + high) // 2 if high - low > max(1, low // CLOSE) else None


LOGS = (1, 5, 10, 50, 100, 500, 800, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000)
STATE = (1, 8, 32, 64, 127, 256, 512, 1_000, 4_000, 10_000, 10_064, 90_000, 100_000, 1_000_000)
