"""One endpoint under examination: every question is bounded, and its refusal is an answer.

The client heals what it can, for a scan wants the data; an examination wants the refusal itself. So
a question here is put through the same client, at its pace, but a fault is waited out only while it
is one of the moment, a few times, and never held against the endpoint in the next question.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Self, TypeVar

import msgspec

from scanner.chain.client import Client, Form, Question, Refused
from scanner.chain.connect import Node
from scanner.chain.faults import Fault, Kind
from scanner.chain.headers import Block, decoded
from scanner.chain.pace import Pace
from scanner.chain.secrets import Redactor
from scanner.chain.transport import Endpoint
from scanner.chain.values import Untrue, hex_of, quantity
from scanner.errors import BandscanError

T = TypeVar("T")

MOST = 80  # requests to one endpoint
TRIES = 3  # of one question, while the fault is one of the moment
QUESTION = 10.0  # seconds for one answer
HELLO = 10.0  # seconds until the first answer
_OF_THE_MOMENT = frozenset({Kind.BUSY, Kind.RATE, Kind.LAG})
_PASSING = frozenset({Kind.BUSY, Kind.RATE, Kind.QUOTA, Kind.TIMEOUT})


class Unknown(Exception):
    """Nothing was found out, and why; `str` carries nothing secret."""


class Declined(Unknown):
    """The endpoint said no, or what it said cannot be believed."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault

    @property
    def passing(self) -> bool:
        """Whether another moment may bring another answer."""
        return self.fault.kind in _PASSING


class Probe:
    """Questions to one endpoint, at most 80 and for so many seconds. Use `with`.

    Attributes
    ----------
    name : str
        "endpoint 1 of 2".
    node : Node
        Behind it only this endpoint.
    took : float
        Seconds that the last answer took.
    """

    def __init__(self, urls: Sequence[str], position: int, patience: float) -> None:
        self._clock = time.monotonic
        pace = Pace(1, clock=self._clock)  # one request in flight
        redact = Redactor(urls)
        self.endpoint = Endpoint(urls[position - 1], position, len(urls), redact, pace)
        self.name = self.endpoint.name
        self.clean = redact
        self.took = 0.0
        self._began = self._clock()
        self._until = self._began + patience
        self._client = Client(
            [self.endpoint], patience=min(patience, HELLO), record=self._timed, clock=self._clock
        )
        self._spent = 0  # "the plan is used up", so many times
        self.node = Node(self._client, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.node.close()

    def __repr__(self) -> str:
        return f"Probe({self.name})"

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._began

    def meet(self) -> int:
        """The chain it serves; raises `Unknown` with the reason where it cannot be used at all."""
        try:
            self._wait(self._client.first(), HELLO)
        except (BandscanError, TimeoutError):
            why = self.endpoint.refuses() or self.endpoint.trouble or "no answer in time"
            raise Unknown(self.clean(why)) from None
        self._client.patience = max(1.0, self._until - self._clock())
        return self.node.chain_id

    def ask(
        self,
        method: str,
        params: bytes,
        accept: Callable[[msgspec.Raw], T],
        *,
        reverts: bool = False,
        limit: int = 8 << 20,
    ) -> T:
        """One answer. Raises `Declined` for a refusal, `Unknown` where time or number ran out."""
        if self.node.stats.requests >= MOST:
            raise Unknown(f"not asked: {MOST} requests were made")
        left = self._until - self._clock()
        if left <= 0:
            raise Unknown("not asked: no time was left")
        if self._spent >= TRIES:
            raise Unknown("not asked: its plan is used up")
        tries = 0

        def unfit(fault: Fault) -> bool:
            nonlocal tries
            tries += 1
            self._spent += fault.kind is Kind.QUOTA
            if fault.kind in _OF_THE_MOMENT and tries < TRIES:
                return False  # the client waits, goes slower where it must, and asks again
            raise Refused(fault, self.endpoint)

        form = Form(params, accept, reverts, unfit)
        question = Question(method, lambda _: form, limit=limit, only=self.endpoint)
        try:
            return self._wait(self._client.put(question), min(left, QUESTION))
        except Refused as refused:
            fault = refused.fault
        except TimeoutError:
            fault = Fault(Kind.TIMEOUT, f"no answer within {min(left, QUESTION):.0f} s")
        except BandscanError:
            why = self.endpoint.refuses() or self.endpoint.trouble
            fault = Fault(Kind.BUSY, self.clean(why or "no answer"))
        raise Declined(fault)

    def number(self, method: str) -> int:
        """A quantity that needs no parameters."""
        return self.ask(method, b"[]", quantity)

    def header(self, block: int | str) -> Block:
        """The header of a number or a tag."""

        def accept(raw: msgspec.Raw) -> Block:
            found = decoded(raw)
            if found is None:
                raise Untrue(f"it has no block {block}")
            if isinstance(block, int) and found.number != block:
                raise Untrue(f"block {found.number} where {block} was asked")
            return found

        name = hex_of(block) if isinstance(block, int) else msgspec.json.encode(block)
        return self.ask("eth_getBlockByNumber", b"[%b,false]" % name, accept)

    def _wait(self, job: Coroutine[Any, Any, T], seconds: float) -> T:
        return self.node.submit(asyncio.wait_for(job, seconds)).result()

    def _timed(self, body: bytes, seconds: float) -> None:
        self.took = seconds
