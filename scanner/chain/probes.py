"""What one endpoint can do, measured by a scan's own questions (docs/doctor.md).

Nothing is taken from a list of providers, and an answer is believed only where it can be checked:
blocks of state by calls that prove their block, overrides by code whose answers are known before.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import msgspec
import numpy as np

from scanner.chain.faults import SHRINK, Kind, narrower
from scanner.chain.found import Found, Head, Logs, OldLogs, State, Tag
from scanner.chain.headers import Block
from scanner.chain.multicall3 import Aggregate
from scanner.chain.packages import imported
from scanner.chain.paths import try_paths
from scanner.chain.probe import Declined, Probe, Unknown
from scanner.chain.transport import LOGS_LIMIT
from scanner.chain.values import data, hex_of, quantity
from scanner.chain.widest import LOGS, STATE, Bounds, No, widest

T = TypeVar("T")

LONGEST = 1_000_000  # blocks of one log request: a scan asks for no more
OLD_LOGS = 2_000  # blocks asked for old logs, at most
LOG_TRIES, STATE_TRIES, PULSES = 15, 8, 10
_TOO_WIDE = SHRINK | {Kind.UNKNOWN, Kind.LIMIT, Kind.BUSY, Kind.GONE, Kind.ADDRESSES}
EMPTY = "an empty multicall answer"
_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Plan:
    """What is known beforehand.

    `chain_id`: the chain wanted, None = any. `lag`: blocks behind the head that are safe to pin.
    `since`: the block from which Multicall3 is there, where that is known. `old`: a block, and the
    contracts that logged there (none: Multicall3, which never logs). All of a chain.
    """

    chain_id: int | None
    lag: Callable[[int], int]
    since: Callable[[int], int | None]
    old: Callable[[int], tuple[int, Sequence[bytes]]]
    now: Callable[[], float]


def examined(probe: Probe, plan: Plan) -> Found:
    """Everything about one endpoint. Never raises for what an endpoint may do."""
    found = Found(probe.name)
    try:
        found.chain_id = probe.meet()
        found.reachable = True
    except Unknown as why:
        found.reasons["chain_id"] = str(why)
    if found.chain_id is not None and plan.chain_id in (None, found.chain_id):
        _Examination(probe, plan, found).run(found.chain_id)
    found.requests, found.seconds = probe.node.stats.requests, round(probe.seconds, 1)
    return found


class _Examination:
    def __init__(self, probe: Probe, plan: Plan, found: Found) -> None:
        self.probe, self.plan, self.found = probe, plan, found

    def run(self, chain_id: int) -> None:
        """Ask everything, what matters most first."""
        found, probe = self.found, self.probe
        found.client = self._try("client", self._client)
        found.head = head = self._try("head", self._head)
        if head is None:
            return
        lag = self.plan.lag(chain_id)
        self.head, pinned = head.number, max(0, head.number - lag)
        self.here = Aggregate(chain_id, Block(0, b"", b"", 0), probe.node.multicall_address())
        found.multicall3 = self._try("multicall3", lambda: self._deployed(pinned))
        if found.multicall3 is False:
            self.here = replace(self.here, code=_multicall3())
        block = self._try("reads", lambda: self._proven(pinned, self.here.code))
        found.reads = block is not None
        found.logs = self._try("logs", lambda: self._logs(pinned))
        found.latency_ms = self._try("latency_ms", self._latency)
        if block is not None:
            try_paths(probe, found, replace(self.here, block=block))
        found.safe = self._try("safe", lambda: self._tag("safe"))
        found.finalized = self._try("finalized", lambda: self._tag("finalized"))
        if found.logs is not None and found.logs.blocks:
            width = found.logs.blocks
            found.old_logs = self._try("old_logs", lambda: self._old_logs(chain_id, width))
        if block is not None:
            found.state = self._try("state", lambda: self._state(self.head - pinned))
        found.gzip = probe.endpoint.zipped
        found.requests_per_second = probe.endpoint.pace.rate

    def _try(self, what: str, measure: Callable[[], T]) -> T | None:
        try:
            return measure()
        except Unknown as why:
            self.found.reasons[what] = str(why)
            return None

    def _client(self) -> str:
        name = self.probe.ask("web3_clientVersion", b"[]", msgspec.json.Decoder(str).decode)
        return self.probe.clean(name)

    def _head(self) -> Head:
        block = self.probe.header("latest")
        return Head(block.number, block.timestamp, max(0, int(self.plan.now()) - block.timestamp))

    def _tag(self, name: str) -> Tag:
        number = self.probe.header(name).number
        return Tag(number, max(0, self.head - number))

    def _latency(self) -> float:
        """The median of some; a number below an earlier one is another node's, and behind."""
        took, numbers = [], []
        for _ in range(PULSES):
            numbers.append(self.probe.number("eth_blockNumber"))
            took.append(self.probe.took)
        back = max(max(numbers[: i + 1]) - number for i, number in enumerate(numbers))
        head = self.found.head
        assert head is not None
        self.found.head = Head(head.number, head.timestamp, head.age_seconds, back)
        return round(1000 * statistics.median(took), 1)

    def _deployed(self, block: int) -> bool:
        where = b'["0x%b",%b]' % (self.here.address.hex().encode(), hex_of(block))
        return bool(self.probe.ask("eth_getCode", where, data))

    def _proven(self, number: int, code: bytes) -> Block:
        """A block whose state was used: Multicall3's own proof and nothing else."""
        block = self.probe.header(number)
        here = replace(self.here, block=block, code=code)
        self.probe.ask("eth_call", here.params(b"", _NONE), lambda raw: here.accept(raw, 0))
        return block

    # --- logs

    def _ask_logs(self, addresses: Sequence[bytes], first: int, last: int) -> int:
        names = msgspec.json.encode(["0x" + address.hex() for address in addresses])
        where = b'[{"address":%b,"fromBlock":%b,"toBlock":%b}]'
        sent = where % (names, hex_of(first), hex_of(last))
        rows = msgspec.json.Decoder(list[msgspec.Raw])
        ask = partial(self.probe.ask, "eth_getLogs", sent, limit=LOGS_LIMIT)
        return ask(lambda raw: len(rows.decode(raw)))

    def _logs(self, last: int) -> Logs:
        bounds, seconds = Bounds(), [0.0]

        def attempt(blocks: int) -> No | None:
            first = last - blocks + 1
            try:
                self._ask_logs([self.here.address], first, last)
            except Declined as no:
                if no.fault.kind not in _TOO_WIDE:
                    raise
                return No(no.fault, narrower(no.fault, first, last))
            seconds.append(self.probe.took)
            return None

        try:
            widest(attempt, bounds, LOGS, min(LONGEST, last + 1), LOG_TRIES)
        except Unknown as why:
            if not bounds.taken:
                raise
            self.found.reasons["logs"] = f"wider ones: {why}"
        if not bounds.taken and bounds.fault is not None:
            raise Unknown(str(bounds.fault))
        return Logs(bounds.taken, bounds.refused, _text(bounds), round(max(seconds), 3))

    def _old_logs(self, chain_id: int, width: int) -> OldLogs:
        first, contracts = self.plan.old(chain_id)
        if first > self.head:
            raise Unknown(f"the earliest market begins at block {first}, after the head")
        last = min(self.head, first + min(width, OLD_LOGS) - 1)
        try:
            count = self._ask_logs(contracts or [self.here.address], first, last)
        except Declined as no:
            if no.passing:
                raise
            return OldLogs(first, last, False, None, str(no))
        return OldLogs(first, last, True, count if contracts else None, None)

    # --- state

    def _state(self, near: int) -> State:
        """How deep: the proof was given at `near` blocks behind the head, so it begins there."""
        bounds, how = Bounds(taken=near), {near: "lent" if self.here.code else "proven"}
        whole = max(near, self.head - 1)
        steps = [step for step in STATE if step > near]

        def attempt(depth: int) -> No | None:
            try:
                how[depth] = self._old_state(self.head - depth)
            except Declined as no:
                if no.passing:
                    raise
                return No(no.fault)
            return None

        try:
            widest(attempt, bounds, steps, whole, STATE_TRIES if near < whole else 0)
        except Unknown as why:
            self.found.reasons["state"] = f"older than {bounds.taken} blocks: {why}"
        taken = bounds.taken
        return State(taken, taken >= whole, how[taken], bounds.refused, _text(bounds))

    def _old_state(self, number: int) -> str:
        """How the state of a block shows itself."""
        since = self.plan.since(self.here.chain_id)
        if not self.here.code:
            try:
                self._proven(number, b"")
                return "proven"
            except Declined as no:
                # Where Multicall3 is known to be, an empty answer is one without its state.
                late = since is not None and number >= since
                if late or no.fault.message != EMPTY:
                    raise
        if self.here.code or self.found.state_override:
            try:
                self._proven(number, self.here.code or _multicall3())
                return "lent"
            except Declined as no:
                if no.fault.kind not in (Kind.REVERT, Kind.UNKNOWN, Kind.GAS):
                    raise
        # Its code needs newer rules than that block's. Zero would be no proof of anything.
        self.probe.ask("eth_getBalance", b'["0x%040x",%b]' % (0, hex_of(number)), _balance)
        return "answered"


def _text(bounds: Bounds) -> str | None:
    return None if bounds.fault is None else str(bounds.fault)


def _multicall3() -> bytes:
    """Its code, to be lent."""
    code = str(imported("multicall.constants").MULTICALL3_BYTECODE)
    return bytes.fromhex(code.removeprefix("0x"))


def _balance(raw: msgspec.Raw) -> int:
    text = msgspec.json.decode(raw, type=str)
    return quantity(text) if len(text) <= 18 else int(text, 16)
