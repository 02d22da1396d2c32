"""F21, F22, F25-F32, F52: answers of eth_getLogs that are well formed and not true."""

import random
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from typing import Any

from hostile.catalogue import add
from hostile.fault import LOGS, Act, Ask
from hostile.wire import Reply

Log = dict[str, Any]
OTHER = "0x" + "de" * 20


def _edited(edit: Callable[[Ask, list[Log]], list[Log] | None]) -> Act:
    """Answers `edit(ask, the true logs)`; None or the same logs = no strike."""

    async def act(ask: Ask) -> Reply | None:
        logs = (await ask.answer()).result
        if not isinstance(logs, list):
            return None
        changed = edit(ask, [dict(log) for log in logs])
        return None if changed is None or changed == logs else ask.result(changed)

    return act


def _block(log: Log) -> int:
    return int(log["blockNumber"], 16)


def _share(seed: int, *names: object) -> float:
    """A chance in 0..1 that is the same for the same names whenever it is asked."""
    digest = sha256("/".join(map(str, (seed, *names))).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _truncated(status: str) -> Any:
    def make(n: int = 1) -> Act:
        async def act(ask: Ask) -> Reply | None:
            logs = (await ask.answer()).result
            if not isinstance(logs, list) or len(logs) <= n:
                return None
            return ask.result(logs[:n], _streamStatus=status)

        return act

    return make


for _name in ("truncated", "timeout", "failed"):
    _summary = "first `n` logs of more, and a _streamStatus beside"
    add("F21", _name, _truncated(_name), "L", _summary, methods=LOGS, times=2)


def _lagging(clamp: bool) -> Any:
    def make(behind: int = 20) -> Act:
        async def act(ask: Ask) -> Reply | None:
            low, high = await ask.span()
            head = max(0, await ask.head() - behind)
            if high <= head:
                return None
            if low > head or not clamp:
                return ask.result([])
            answer = await ask.answer_to({**ask.params[0], "toBlock": hex(head)})
            return answer if isinstance(answer.result, list) else None

        return act

    return make


add("F22", "clamp", _lagging(True), "L", "logs only up to head - `behind`", methods=LOGS)
add(
    "F22", "empty", _lagging(False), "L", "[] if the range ends after head - `behind`", methods=LOGS
)


def _pruned(below: int | None = None) -> Act:
    async def act(ask: Ask) -> Reply | None:
        if below is None and "floor" not in ask.memory:
            ask.memory["floor"] = await ask.head() // 2
        floor = ask.memory["floor"] if below is None else below
        return await _edited(lambda _, logs: [log for log in logs if _block(log) >= floor])(ask)

    return act


def _holes(share: float = 0.1, seed: int = 7) -> Act:
    return _edited(
        lambda ask, logs: [log for log in logs if _share(seed, log["blockNumber"]) >= share]
    )


add(
    "F25", "below", _pruned, "L", "no logs of blocks under `below` (half of the head)", methods=LOGS
)
add("F25", "holes", _holes, "L", "a `share` of the blocks, always the same, has none", methods=LOGS)


def _no_address() -> Act:
    return _edited(lambda ask, logs: [] if ask.params[0].get("address") else None)


add("F26", "address", _no_address, "L", "[] wherever the filter has an address", methods=LOGS)


def _last(n: int = 100) -> Act:
    async def act(ask: Ask) -> Reply | None:
        _, high = await ask.span()
        return await _edited(lambda _, logs: [log for log in logs if _block(log) > high - n])(ask)

    return act


add("F27", "fiews", _last, "L", "logs of the last `n` (100) blocks of the range only", methods=LOGS)


def _without_one(ask: Ask, logs: list[Log]) -> list[Log]:
    if logs:
        logs.pop(ask.dice.randrange(len(logs)))
    return logs


def _drop_random() -> Act:
    return _edited(_without_one)


def _drop_which(which: Callable[[Log], bool]) -> Act:
    return _edited(lambda ask, logs: [log for log in logs if not which(log)])


def _drop_rare(one_in: int = 10_000, seed: int = 7) -> Act:
    def kept(log: Log) -> bool:
        return _share(seed, log["blockNumber"], log["logIndex"]) * one_in >= 1

    return _edited(lambda ask, logs: [log for log in logs if kept(log)])


def mentions(address: str) -> Callable[[Log], bool]:
    """For `which`: whether a topic of the log is this address."""
    tail = address.removeprefix("0x").lower()
    return lambda log: any(topic.lower().endswith(tail) for topic in log["topics"])


add("F28", "random", _drop_random, "L", "one random log is missing", methods=LOGS, times=1)
add("F28", "which", _drop_which, "L", "logs for which `which`(log) are missing", methods=LOGS)
add("F28", "rare", _drop_rare, "L", "one in `one_in` is missing, always the same", methods=LOGS)


def _extra(name: str) -> Callable[[], Act]:
    """One log more, made of the last one."""

    def edit(ask: Ask, logs: list[Log]) -> list[Log] | None:
        if not logs:
            return None
        last = logs[-1]
        flipped = f"0x{int(last['blockHash'], 16) ^ 1:064x}"
        changes: dict[str, Log] = {
            "address": {"address": OTHER},
            "topic": {"topics": ["0x" + "ab" * 32, *last["topics"][1:]]},
            "range": {"blockNumber": hex(int(_high(ask), 16) + 1)},
            "fork": {"blockHash": flipped, "logIndex": hex(int(last["logIndex"], 16) + 1)},
            "removed": {"removed": True},
            "duplicate": {},
        }
        return [*logs, {**last, **changes[name]}]

    return lambda: _edited(edit)


def _high(ask: Ask) -> str:
    high = ask.params[0].get("toBlock", "0x0")
    return high if isinstance(high, str) and high[:2] == "0x" else "0xffffff"


for _name, _summary in (
    ("address", "a log of an address that nobody asked for"),
    ("topic", "a log of another event"),
    ("range", "a log of the block after the range"),
    ("fork", "a log of another fork of its block"),
    ("removed", "a log with removed: true"),
    ("duplicate", "the last log twice"),
):
    add("F29", _name, _extra(_name), "L", _summary, methods=LOGS, times=2)


def _same_index(ask: Ask, logs: list[Log]) -> list[Log]:
    """The second log of a block gets the logIndex of the first; the transactions differ."""
    for first, second in pairwise(logs):
        if first["blockNumber"] == second["blockNumber"]:
            second["logIndex"] = first["logIndex"]
            if second["transactionHash"] == first["transactionHash"]:
                second["transactionHash"] = f"0x{int(first['transactionHash'], 16) ^ 1:064x}"
            break
    return logs


def _duplicate_index() -> Act:
    return _edited(_same_index)


add(
    "F30",
    "erigon",
    _duplicate_index,
    "T",
    "two logs of a block with one logIndex: both are true",
    methods=LOGS,
    heals=True,
)


def _garbage(**changes: Any) -> Callable[[], Act]:
    def edit(ask: Ask, logs: list[Log]) -> list[Log] | None:
        return [{**logs[0], **changes}, *logs[1:]] if logs else None

    return lambda: _edited(edit)


for _name, _changes in (
    ("logIndex", {"logIndex": "0xfffffff7"}),
    ("blockNumber", {"blockNumber": None}),
    ("blockHash", {"blockHash": "0x" + "00" * 32}),
):
    _summary = f"{_name} of the first log is garbage"
    add("F31", _name, _garbage(**_changes), "L", _summary, methods=LOGS, times=2)


def _shuffled(seed: int = 7) -> Act:
    def edit(ask: Ask, logs: list[Log]) -> list[Log]:
        random.Random(f"{seed}/{len(logs)}").shuffle(logs)
        return logs

    return _edited(edit)


def _reversed() -> Act:
    return _edited(lambda ask, logs: logs[::-1])


add("F32", "shuffled", _shuffled, "T", "all logs, in random order", methods=LOGS, heals=True)
add("F32", "reversed", _reversed, "T", "all logs, the last first", methods=LOGS, heals=True)


def _odd_calls() -> Act:
    def edit(ask: Ask, logs: list[Log]) -> list[Log] | None:
        return _without_one(ask, logs) if ask.seen % 2 else None

    return _edited(edit)


add(
    "F52",
    "A",
    _odd_calls,
    "L",
    "the first of two providers: every other answer lacks a random log",
    methods=LOGS,
)
