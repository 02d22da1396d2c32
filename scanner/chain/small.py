"""Few calls of many shapes: the package `multicall` behind its guard, and our own path behind that.

What `multicall` could not answer for sure (a chunk refused, a state override not accepted, a proof
that fails, a None) is asked once more through our own aggregate3, decoded by eth_abi.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from scanner.chain.calls import Call, Failed
from scanner.chain.client import Client, Refused
from scanner.chain.faults import SHRINK, Fault, Kind
from scanner.chain.guard import CHUNK, Guard
from scanner.chain.multicall3 import Aggregate, Results, mixed
from scanner.chain.secrets import Redactor
from scanner.errors import ReadError

CHUNK_BYTES = 60_000  # of arguments
_clean = Redactor([])


async def read(
    client: Client, guard: Guard, aggregate: Aggregate, calls: Sequence[Call]
) -> list[Any]:
    """The answers in order: a value, a tuple where there are several outputs, or `Failed`.

    Addresses come back as lower-case hexadecimal, arrays and structs as tuples.
    Raises `ReadError` when the chain cannot be read.
    """
    answers: list[Any] = []
    for chunk in _chunks(calls):
        answers += await _chunk(client, aggregate, guard, chunk)
    assert len(answers) == len(calls)
    return answers


def _chunks(calls: Sequence[Call]) -> list[list[Call]]:
    chunks: list[list[Call]] = [[]]
    size = 0
    for call in calls:
        length = 256 + 32 * _leaves(call.args)
        if chunks[-1] and (len(chunks[-1]) >= CHUNK or size + length > CHUNK_BYTES):
            chunks.append([])
            size = 0
        chunks[-1].append(call)
        size += length
    return [chunk for chunk in chunks if chunk]


def _leaves(args: Any) -> int:
    """About how many words the arguments take."""
    if isinstance(args, (list, tuple)):
        return 1 + sum(map(_leaves, args))
    return 1 + len(args) // 32 if isinstance(args, (bytes, str)) else 1


async def _chunk(
    client: Client, aggregate: Aggregate, guard: Guard, calls: list[Call]
) -> list[Any]:
    found: list[Any] | None = None
    kind: Kind | None = None
    if guard.trusted:
        try:
            found = await guard.ask(aggregate, calls)
        except Refused as refused:
            kind = refused.fault.kind
    if kind in SHRINK and len(calls) > 1:
        half = len(calls) // 2
        return [
            *await _chunk(client, aggregate, guard, calls[:half]),
            *await _chunk(client, aggregate, guard, calls[half:]),
        ]
    if found is None:
        # No overrides here, a proof that failed, or an answer that did not decode.
        answers = await own(client, aggregate, calls)
        guard.trusted = guard.trusted and (kind is None or kind in SHRINK)
        return answers
    missing = [i for i, value in enumerate(found) if value is None]
    if missing:
        # Backwards: who failed only because a neighbour before it ate the gas is now before it.
        missing.reverse()
        again = await own(client, aggregate, [calls[i] for i in missing])
        for i, value in zip(missing, again, strict=True):
            found[i] = value
    return found


async def own(client: Client, aggregate: Aggregate, calls: list[Call]) -> list[Any]:
    """The same reads through our aggregate3, halved when refused."""
    encoded = [(call.address, call.encoded()) for call in calls]

    def accept(raw: msgspec.Raw) -> Results:
        return aggregate.accept(raw, len(calls))

    try:
        found = await client.ask(
            "eth_call",
            aggregate.params(*mixed(encoded)),
            accept,
            need=aggregate.need,
            shrinkable=len(calls) > 1,
        )
    except Refused as refused:
        fault = refused.fault
    else:
        return [_answer(call, found, i) for i, call in enumerate(calls)]
    if len(calls) > 1:
        half = len(calls) // 2
        return [
            *await own(client, aggregate, calls[:half]),
            *await own(client, aggregate, calls[half:]),
        ]
    if fault.kind in (Kind.GAS, Kind.REVERT, Kind.ANSWER):
        return [Failed(f"refused by the node: {fault}")]
    raise _alone(fault, calls[0])


def _alone(fault: Fault, call: Call) -> ReadError:
    return ReadError(
        "a single call is refused by the node",
        call=f"{call.abi.name}.{call.function}",
        reason=str(fault),
    )


def _answer(call: Call, found: Results, i: int) -> Any:
    content = found.data(i)
    if not found.ok[i]:
        return Failed(_reason(content))
    if not content:
        return Failed("no code at the address, or no such function")
    try:
        return call.decoded(content)
    except Exception as error:  # eth_abi's many errors all mean one thing here
        return Failed(f"undecodable answer ({type(error).__name__})")


def _reason(content: bytes) -> str:
    if not content:
        return "reverted without a reason"
    if content[:4] == bytes.fromhex("08c379a0"):  # Error(string)
        from eth_abi.abi import decode

        try:
            return f"reverted: {_clean(str(decode(['string'], content[4:])[0]))}"
        except Exception:
            return "reverted with an unreadable reason"
    if content[:4] == bytes.fromhex("4e487b71"):  # Panic(uint256)
        return f"reverted: panic {int.from_bytes(content[4:36], 'big'):#x}"
    return f"reverted: custom error 0x{content[:4].hex()}"
