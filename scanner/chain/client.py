"""Asking several endpoints until one of them answers: retries, failover, patience.

The endpoints are used in order. One that is busy, lies or cannot be reached is left alone for a
growing, random while ("full jitter": every wait is drawn from 0 to the present bound, so that
clients do not come back together), and the next one is asked meanwhile. One that refuses for good
is not asked again, with the reason kept for the final message. The choice is made in choice.py.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import msgspec

from scanner.chain.choice import FIRST_WAIT, FIX, Choice
from scanner.chain.faults import SHRINK, Fault, Kind
from scanner.chain.transport import ANSWER_LIMIT, Endpoint
from scanner.chain.values import Untrue
from scanner.errors import ReadError

T = TypeVar("T")

LIES = 6  # wrong answers to one question before we stop asking
UNKNOWNS = 3  # unknown refusals of one question per endpoint


class Refused(Exception):
    """A refusal that only the caller can heal, by asking for less (or by believing it)."""

    def __init__(self, fault: Fault, endpoint: Endpoint) -> None:
        super().__init__(f"{endpoint.name}: {fault}")
        self.fault = fault
        self.endpoint = endpoint

    def error(self, what: str) -> ReadError:
        """The same for a person, when nothing smaller can be asked."""
        return ReadError(what, endpoint=self.endpoint.name, reason=str(self.fault), fix=FIX)


class Refusal(Exception):
    """Raised by `accept`: the answer itself shows a fault that less work may heal."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


# Refusals of the question itself: the endpoint looked at it, and whoever counts requests did too.
_PASSED = SHRINK - {Kind.TIMEOUT} | {Kind.ADDRESSES, Kind.METHOD, Kind.GONE, Kind.REVERT, Kind.LAG}


@dataclass(frozen=True)
class Form(Generic[T]):
    """One way to put a question to an endpoint.

    Attributes
    ----------
    params : bytes
        The JSON array.
    accept : callable
        Decodes the raw result; raises `Untrue` for an answer that cannot be believed, which is then
        asked elsewhere, at most six times, and `Refusal`.
    reverts : bool
        The answer comes as the data of a revert.
    unfit : callable, optional
        Told of a fault: whether this form is to blame, and not the endpoint. It is then asked
        again in the form that fits now.
    """

    params: bytes
    accept: Callable[[msgspec.Raw], T]
    reverts: bool = False
    unfit: Callable[[Fault], bool] | None = None


@dataclass(frozen=True)
class Question(Generic[T]):
    """What is asked, and what an endpoint must have to be asked it.

    Attributes
    ----------
    form : callable
        How to ask a certain endpoint.
    need : str
        What an endpoint must have ("state at 123"); one that lost it is passed over.
    shrinkable : bool
        The caller can ask for less: timeouts and unknown refusals are raised at once.
    limit : int
        The longest answer, in bytes.
    only : Endpoint, optional
        Ask nobody else.
    lags : int, optional
        Raise `Refused` when so many answers said that the node is not that far yet.
    trust : callable, optional
        Asked before an endpoint is: whether it may be believed in this. If not, it says so itself
        in the endpoint's `without`, under "history".
    also : tuple of str
        What else an endpoint must have; who lacks it has it in its `without`.
    """

    method: str
    form: Callable[[Endpoint], Form[T]]
    need: str = ""
    shrinkable: bool = False
    limit: int = ANSWER_LIMIT
    only: Endpoint | None = None
    lags: int | None = None
    trust: Callable[[Endpoint], Awaitable[bool]] | None = None
    also: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """All that an endpoint may lack."""
        more = (*self.also, "history") if self.trust else self.also
        return (self.method, self.need, *more) if self.need else (self.method, *more)


@dataclass
class _Course:
    """How one question went so far."""

    avoid: set[Endpoint] = field(default_factory=set)
    lies: int = 0
    unknowns: int = 0
    cuts: int = 0
    lags: int = 0


class Client(Choice):
    """Lives inside one asyncio loop; everything else in chain/ asks through it."""

    async def close(self) -> None:
        """End what is under way, close the connections."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def first(self) -> None:
        """Find a first endpoint that works."""
        await self._turn(set(), ("eth_chainId",))

    async def ask(
        self,
        method: str,
        params: bytes,
        accept: Callable[[msgspec.Raw], T],
        *,
        need: str = "",
        shrinkable: bool = False,
        limit: int = ANSWER_LIMIT,
        only: Endpoint | None = None,
    ) -> T:
        """The answer of `method`, as `accept` understands it; see `put`."""
        form = Form(params, accept)
        return await self.put(Question(method, lambda _: form, need, shrinkable, limit, only))

    async def put(self, question: Question[T]) -> T:
        """The answer to a question.

        Raises
        ------
        Refused
            A refusal that less work per request may heal, or a revert.
        ReadError, EndpointError
            Nobody can or will answer; names endpoints by position only.
        """
        if not self._asking:
            self._progress = max(self._progress, self._clock())
        self._asking += 1
        try:
            return await self._put(question)
        finally:
            self._asking -= 1

    async def _put(self, question: Question[T]) -> T:
        course = _Course()
        while True:
            endpoint = await self._turn(course.avoid, question.needs, question.only)
            if question.trust is not None and not await question.trust(endpoint):
                continue
            form = question.form(endpoint)
            async with endpoint.pace:
                if endpoint.parked > self._clock():  # it objected while we waited for our turn
                    continue
                raw = await self._send(endpoint, question.method, form.params, question.limit)
            # The slot is free: let the next request leave before this answer is decoded.
            await asyncio.sleep(0)
            answer = _read(form, raw)
            if not isinstance(answer, Fault):
                endpoint.strikes, self._progress = 0, self._clock()
                endpoint.pace.clean()
                return answer
            fault = answer
            self.stats.retries += 1
            endpoint.trouble = str(fault)
            if fault.kind is Kind.LIMIT and question.method != "eth_getLogs":
                fault = replace(fault, kind=Kind.RATE)
            if fault.kind in _PASSED:
                endpoint.pace.passed()
            if form.unfit is not None and form.unfit(fault):
                continue
            await self._after(question, endpoint, fault, course)

    async def _after(
        self, question: Question[Any], endpoint: Endpoint, fault: Fault, course: _Course
    ) -> None:
        """What a fault means for this question and for the endpoint; raises where it is the end."""
        kind, shrinkable = fault.kind, question.shrinkable
        course.cuts += kind is Kind.BUSY
        course.lies += kind is Kind.LIE
        course.unknowns += kind in (Kind.UNKNOWN, Kind.LIMIT)
        if kind in SHRINK and (shrinkable or kind is not Kind.TIMEOUT):
            raise Refused(fault, endpoint)
        if kind in (Kind.REVERT, Kind.ADDRESSES):
            raise Refused(fault, endpoint)
        if shrinkable and kind in (Kind.UNKNOWN, Kind.LIMIT):
            raise Refused(fault, endpoint)
        if shrinkable and kind is Kind.BUSY and course.cuts > 3 and fault.status:
            # Cut, broken or refused by a proxy again and again, though somebody is there:
            # perhaps it is too much for somebody on the way.
            raise Refused(Fault(Kind.TIMEOUT, fault.message), endpoint)
        if question.only and (course.cuts > 3 or kind is Kind.LIE):
            raise Refused(fault, endpoint)  # asked for comparison: nobody waits for it
        if course.lies >= LIES or course.unknowns >= UNKNOWNS * len(self.endpoints):
            self._stop(f"{endpoint.name} does not answer {question.method} properly", str(fault))
        if kind is Kind.LIE:
            endpoint.chain_id = None  # it may have become another node: ask who it is
        if kind is Kind.LAG:
            # Not the endpoint's fault for other questions: only this one waits.
            course.avoid.add(endpoint)
            course.lags += 1
            if question.lags is not None and course.lags > question.lags:
                raise Refused(fault, endpoint)
            if course.avoid.issuperset(self._able(question.needs, question.only)):
                await self._wait(min(5.0, FIRST_WAIT * 2.0 ** min(course.lags, 8)))
            return
        if kind in (Kind.LIE, Kind.UNKNOWN, Kind.LIMIT):
            course.avoid.add(endpoint)
        self.punish(endpoint, fault, question.method, question.need)


def _read(form: Form[T], raw: msgspec.Raw | Fault) -> T | Fault:
    """The answer, or what is wrong with it."""
    if form.reverts:
        if not isinstance(raw, Fault):
            return Fault(Kind.LIE, "an answer where a revert was due")
        if raw.kind is Kind.REVERT and isinstance(raw.data, str):
            raw = msgspec.Raw(msgspec.json.encode(raw.data))
    if isinstance(raw, Fault):
        return raw
    try:
        return form.accept(raw)
    except Untrue as lie:
        return Fault(Kind.LIE, str(lie))
    except msgspec.MsgspecError as error:
        return Fault(Kind.LIE, f"an answer of the wrong shape: {error}")
    except Refusal as refusal:
        return refusal.fault


async def together(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all; the first error ends the others and is raised as itself, not as a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
        return
    except BaseExceptionGroup as errors:
        error = errors.exceptions[0]
    raise error
