"""Asking several endpoints until one of them answers: retries, failover, patience.

The endpoints are used in order. One that is busy, lies or cannot be reached is left alone for a
growing, random while ("full jitter": every wait is drawn from 0 to the present bound, so that
clients do not come back together), and the next one is asked meanwhile. One that refuses for good
is not asked again, with the reason kept for the final message.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

import aiohttp
import msgspec

from scanner.chain.faults import SHRINK, Fault, Kind
from scanner.chain.transport import (
    ANSWER_LIMIT,
    Endpoint,
    Record,
    Stats,
    Tally,
    open_session,
)
from scanner.chain.values import Untrue, quantity
from scanner.errors import BandscanError, EndpointError, ReadError, StateGone

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds: bound of the first wait, and of any
LIES = 6  # wrong answers to one question before we stop asking
UNKNOWNS = 3  # unknown refusals of one question per endpoint
PARKED_FOR_QUOTA = 3600.0
FIX = "run the same command again: it goes on from here; another --rpc or more --patience helps"


class Refused(Exception):
    """A refusal that only the caller can heal, by asking for less (or by believing it)."""

    def __init__(self, fault: Fault, endpoint: Endpoint) -> None:
        super().__init__(f"{endpoint.name}: {fault}")
        self.fault = fault
        self.endpoint = endpoint

    def error(self, what: str) -> ReadError:
        """The same for a person, when nothing smaller can be asked."""
        return ReadError(what, endpoint=self.endpoint.name, reason=str(self.fault), fix=FIX)


class Client:
    """Lives inside one asyncio loop; everything else in chain/ asks through it."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        patience: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        dice: random.Random | None = None,
        record: Record | None = None,
    ) -> None:
        self.endpoints = list(endpoints)
        self.chain_id: int | None = None  # set once known; every endpoint must agree
        self.reading = False  # something was read: a dead end is a ReadError from now on
        self.stats = Stats()
        self.patience = patience
        self._sleep = sleep
        self._clock = clock
        self._dice = dice or random.Random()
        self._record = record
        self._number = 0
        self._asking = 0
        self._born = self._progress = clock()
        self._session: aiohttp.ClientSession | None = None

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
        await self._turn(set(), "eth_chainId", "")

    async def ask(
        self,
        method: str,
        params: bytes,
        accept: Callable[[msgspec.Raw], T],
        *,
        need: str = "",
        shrinkable: bool = False,
        limit: int = ANSWER_LIMIT,
    ) -> T:
        """The answer of `method`, as `accept` understands it.

        Parameters
        ----------
        params : bytes
            The JSON array.
        accept : callable
            Decodes the raw result; raises `Untrue` for an answer that cannot be believed, which
            is then asked elsewhere, at most six times.
        need : str
            What else an endpoint must have ("state at 123"); one that lost it is passed over.
        shrinkable : bool
            The caller can ask for less: timeouts and unknown refusals are raised at once.

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
            return await self._ask(method, params, accept, need, shrinkable, limit)
        finally:
            self._asking -= 1

    async def _ask(
        self,
        method: str,
        params: bytes,
        accept: Callable[[msgspec.Raw], T],
        need: str,
        shrinkable: bool,
        limit: int,
    ) -> T:
        avoid: set[Endpoint] = set()
        lies = unknowns = cuts = lags = 0
        while True:
            endpoint = await self._turn(avoid, method, need)
            async with endpoint.gate:
                raw = await self._send(endpoint, method, params, limit)
            # The slot is free: let the next request leave before this answer is decoded.
            await asyncio.sleep(0)
            if isinstance(raw, Fault):
                fault = raw
            else:
                try:
                    answer = accept(raw)
                except Untrue as lie:
                    fault = Fault(Kind.LIE, str(lie))
                except msgspec.MsgspecError as error:
                    fault = Fault(Kind.LIE, f"an answer of the wrong shape: {error}")
                except Refusal as refusal:
                    fault = refusal.fault
                else:
                    endpoint.strikes, self._progress = 0, self._clock()
                    endpoint.gate.clean()
                    return answer
            self.stats.retries += 1
            endpoint.trouble = str(fault)
            if fault.kind is Kind.LIMIT and method != "eth_getLogs":
                fault = replace(fault, kind=Kind.RATE)
            kind = fault.kind
            cuts += kind is Kind.BUSY
            lies += kind is Kind.LIE
            unknowns += kind in (Kind.UNKNOWN, Kind.LIMIT)
            if kind in SHRINK and (shrinkable or kind is not Kind.TIMEOUT):
                raise Refused(fault, endpoint)
            if kind in (Kind.REVERT, Kind.ADDRESSES):
                raise Refused(fault, endpoint)
            if shrinkable and kind in (Kind.UNKNOWN, Kind.LIMIT):
                raise Refused(fault, endpoint)
            if shrinkable and kind is Kind.BUSY and cuts > 3 and fault.status:
                # Cut, broken or refused by a proxy again and again, though somebody is there:
                # perhaps it is too much for somebody on the way.
                raise Refused(Fault(Kind.TIMEOUT, fault.message), endpoint)
            if lies >= LIES or unknowns >= UNKNOWNS * len(self.endpoints):
                self._stop(f"{endpoint.name} does not answer {method} properly", str(fault))
            if kind is Kind.LAG:
                # Not the endpoint's fault for other questions: only this one waits.
                avoid.add(endpoint)
                lags += 1
                if avoid.issuperset(self._able(method, need)):
                    await self._wait(min(5.0, FIRST_WAIT * 2.0 ** min(lags, 8)))
                continue
            if kind in (Kind.LIE, Kind.UNKNOWN, Kind.LIMIT):
                avoid.add(endpoint)
            self.punish(endpoint, fault, method, need)

    def punish(self, endpoint: Endpoint, fault: Fault, method: str, need: str) -> None:
        """Leave an endpoint alone: for a while, or for good, for this or for everything."""
        now = self._clock()
        if fault.kind is Kind.AUTH:
            endpoint.without[""] = str(fault)
        elif fault.kind is Kind.QUOTA:
            endpoint.parked, endpoint.chain_id = now + PARKED_FOR_QUOTA, None
        elif fault.kind is Kind.METHOD:
            endpoint.without[method] = str(fault)
        elif fault.kind is Kind.GONE:
            endpoint.without[need or method] = str(fault)
        else:
            endpoint.strikes += 1
            bound = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(endpoint.strikes - 1, 16))
            wait = fault.wait if fault.wait is not None else self._dice.uniform(0, bound)
            if fault.kind in (Kind.RATE, Kind.LIMIT) and now >= endpoint.parked:
                endpoint.gate.slower()
            if fault.status == 0 and endpoint.strikes > 3:
                endpoint.chain_id = None  # it was away: it may come back as another node
            endpoint.parked = max(endpoint.parked, now + wait)

    def likely(self, method: str) -> Endpoint:
        """The endpoint that will probably be asked next."""
        now = self._clock()
        able = self._able(method, "") or self.endpoints
        return next((e for e in able if e.parked <= now), able[0])

    async def pause(self) -> None:
        """A short, random wait."""
        await self._wait(FIRST_WAIT)

    def _able(self, method: str, need: str) -> list[Endpoint]:
        return [e for e in self.endpoints if not e.refuses(method, *([need] if need else []))]

    async def _turn(self, avoid: set[Endpoint], method: str, need: str) -> Endpoint:
        """The first endpoint, in order, that can be asked now; waits where all are parked."""
        while True:
            able = self._able(method, need)
            if not able:
                gone = StateGone if need.startswith("state") else None
                self._stop(f"no endpoint can answer {need or method}", "", gone)
            if avoid.issuperset(able):
                avoid.clear()
            now = self._clock()
            ready = [e for e in able if e.parked <= now]
            fresh = [e for e in ready if e not in avoid]
            if not ready:
                await self._wait(min(e.parked for e in able) - now, exactly=True)
                continue
            endpoint = (fresh or ready)[0]
            if endpoint.chain_id is not None or await self._verified(endpoint):
                return endpoint

    async def _verified(self, endpoint: Endpoint) -> bool:
        """Ask for the chain id, once, before anything else is believed."""
        async with endpoint.checking:
            if endpoint.chain_id is not None:
                return True
            async with endpoint.gate:
                raw = await self._send(endpoint, "eth_chainId", b"[]", ANSWER_LIMIT)
            try:
                fault = raw if isinstance(raw, Fault) else None
                found = None if isinstance(raw, Fault) else quantity(raw)
            except (Untrue, msgspec.MsgspecError) as error:
                fault, found = Fault(Kind.LIE, str(error)), None
            if fault is not None:
                self.stats.retries += 1
                endpoint.trouble = str(fault)
                if fault.kind in (Kind.REVERT, Kind.UNKNOWN, Kind.METHOD):
                    fault = Fault(Kind.AUTH, fault.message, fault.code, fault.status)
                self.punish(endpoint, fault, "eth_chainId", "")
                return False
            if self.chain_id is None:
                self.chain_id = found
            if found != self.chain_id:
                endpoint.without[""] = f"serves chain {found}, not {self.chain_id}"
                return False
            endpoint.chain_id, endpoint.strikes = found, 0
            self._progress = self._clock()
            return True

    async def _send(
        self, endpoint: Endpoint, method: str, params: bytes, limit: int
    ) -> msgspec.Raw | Fault:
        if self._session is None:
            self._session = open_session()
        self._number += 1
        number = self._number
        body = b'{"jsonrpc":"2.0","id":%d,"method":"%b","params":%b}' % (
            number,
            method.encode(),
            params,
        )
        began = time.perf_counter()
        raw, received = await endpoint.post(self._session, method, body, number, limit)
        if self._record is not None:
            self._record(body, time.perf_counter() - began)
        tally = self.stats.methods.setdefault(method, Tally())
        tally.requests += 1
        tally.sent += len(body)
        tally.received += received
        self.stats.wall = self._clock() - self._born
        return raw

    async def _wait(self, seconds: float, *, exactly: bool = False) -> None:
        now = self._clock()
        left = self._progress + self.patience - now
        wait = seconds if exactly else self._dice.uniform(0, seconds)
        if left <= 0:
            self._stop(f"no progress for {self.patience:.0f} s", "")
        if wait > max(left, LONGEST_WAIT):
            self._stop(f"no endpoint wants to be asked within {left:.0f} s", "")
        await self._sleep(min(wait, left))

    def _stop(self, what: str, reason: str, kind: type[ReadError] | None = None) -> NoReturn:
        """End with everything that is known about each endpoint."""
        where = {e.name: e.refuses() or _reasons(e) for e in self.endpoints}
        if reason:
            where["reason"] = reason
        cls: type[BandscanError] = (kind or ReadError) if self.reading else EndpointError
        if self.chain_id is not None:
            where = {"chain": str(self.chain_id), **where}
        gone = any("state" in need or "logs" in need for e in self.endpoints for need in e.without)
        fix = "a newer --block, or an endpoint that keeps old state (archive)" if gone else FIX
        if not self.reading:
            met = any(e.chain_id is not None for e in self.endpoints)
            what = f"no endpoint is usable: {what}" if met else "no endpoint is usable"
            fix = "check --rpc (or BANDSCAN_RPC)"
        raise cls(what, fix=fix, **where)


def _reasons(endpoint: Endpoint) -> str:
    found = "; ".join(dict.fromkeys([*endpoint.without.values(), endpoint.trouble]))
    return found.strip("; ") or "not asked"


class Refusal(Exception):
    """Raised by `accept`: the answer itself shows a fault that less work may heal."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


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
