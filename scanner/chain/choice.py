"""Which endpoint is asked next, and which are left alone, for how long and why."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import aiohttp
import msgspec

from scanner.chain.faults import Fault, Kind
from scanner.chain.transport import ANSWER_LIMIT, Endpoint, Record, Stats, Tally, open_session
from scanner.chain.values import Untrue, quantity
from scanner.errors import BandscanError, EndpointError, ReadError, StateGone

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds: bound of the first wait, and of any
TOO_FAST = 1.0  # seconds that an endpoint is left alone at least when it says "too fast"
PARKED_FOR_QUOTA = 3600.0
FIX = "run the same command again: it goes on from here; another --rpc or more --patience helps"


class Choice:
    """The endpoints in their order, their troubles, and the patience with all of them."""

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
        self.longest = patience  # with an endpoint that says itself how long to wait
        self._sleep = sleep
        self._clock = clock
        self._dice = dice or random.Random()
        self._record = record
        self._number = 0
        self._asking = 0
        self._born = self._progress = clock()
        self._session: aiohttp.ClientSession | None = None

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
        elif fault.kind is Kind.RATE and now < endpoint.parked and fault.wait is None:
            return  # it left together with the one that was refused first
        else:
            endpoint.strikes += 1
            bound = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(endpoint.strikes - 1, 16))
            wait = fault.wait if fault.wait is not None else self._dice.uniform(0, bound)
            endpoint.wants = fault.wait is not None
            if fault.kind in (Kind.RATE, Kind.LIMIT):
                wait = fault.wait if fault.wait is not None else TOO_FAST + wait
                if now >= endpoint.parked:
                    endpoint.pace.slower()
            if fault.status == 0 and endpoint.strikes > 3:
                endpoint.chain_id = None  # it was away: it may come back as another node
            endpoint.parked = max(endpoint.parked, now + wait)

    def likely(self, method: str) -> Endpoint:
        """The endpoint that will probably be asked next."""
        now = self._clock()
        able = self._able((method,)) or self.endpoints
        return next((e for e in able if e.parked <= now), able[0])

    async def pause(self) -> None:
        """A short, random wait."""
        await self._wait(FIRST_WAIT)

    def _able(self, needs: Sequence[str], only: Endpoint | None = None) -> list[Endpoint]:
        among = self.endpoints if only is None else [only]
        return [endpoint for endpoint in among if not endpoint.refuses(*needs)]

    async def _turn(
        self, avoid: set[Endpoint], needs: Sequence[str], only: Endpoint | None = None
    ) -> Endpoint:
        """The first endpoint, in order, that can be asked now; waits where all are parked."""
        while True:
            able = self._able(needs, only)
            if not able:
                gone = StateGone if any(need.startswith("state") for need in needs) else None
                lacking = needs[1] if len(needs) > 1 else needs[0]
                self._stop(f"no endpoint can answer {lacking}", "", gone)
            if avoid.issuperset(able):
                avoid.clear()
            now = self._clock()
            ready = [e for e in able if e.parked <= now]
            fresh = [e for e in ready if e not in avoid]
            if not ready:
                first = min(able, key=lambda e: e.parked)
                await self._wait(first.parked - now, exactly=True, wanted=first.wants)
                continue
            endpoint = (fresh or ready)[0]
            if endpoint.chain_id is not None or await self._verified(endpoint):
                return endpoint

    async def _verified(self, endpoint: Endpoint) -> bool:
        """Ask for the chain id, once, before anything else is believed."""
        async with endpoint.checking:
            if endpoint.chain_id is not None:
                return True
            async with endpoint.pace:
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
            endpoint.pace.passed()
            if self.chain_id is None:
                self.chain_id = found
            if found != self.chain_id:
                endpoint.without[""] = f"serves chain {found}, not {self.chain_id}"
                return False
            endpoint.chain_id = found
            if not endpoint.met:  # later it is no progress: it may answer this and nothing else
                endpoint.met, endpoint.strikes, self._progress = True, 0, self._clock()
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

    async def _wait(self, seconds: float, *, exactly: bool = False, wanted: bool = False) -> None:
        now = self._clock()
        left = self._progress + (self.longest if wanted else self.patience) - now
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
