"""Block headers: the few fields that pin a block."""

from dataclasses import dataclass

import msgspec

from scanner.chain.client import Client, Form, Question, Refusal
from scanner.chain.faults import Fault, Kind
from scanner.chain.values import Untrue, data, hex_of, quantity


@dataclass(frozen=True)
class Block:
    """One block, as its header names it."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int


class _Header(msgspec.Struct):
    number: str
    hash: str
    parentHash: str
    timestamp: str


_header = msgspec.json.Decoder(_Header | None)


def decoded(raw: msgspec.Raw) -> Block | None:
    """A header as a node sends it; None where it has no such block. Raises `Untrue`."""
    header = _header.decode(raw)
    if header is None:
        return None
    return Block(
        quantity(header.number),
        data(header.hash, 32),
        data(header.parentHash, 32),
        quantity(header.timestamp),
    )


async def header_of(client: Client, block: int | str, *, lags: int | None = None) -> Block:
    """The header of a number or a tag.

    A number the node does not know yet is waited for (an endpoint may be behind the one that
    named it); given `lags`, only so many times. What is not known then, and a tag the node refuses
    or has no block for, raises `Refused`.
    """

    def accept(raw: msgspec.Raw) -> Block:
        found = decoded(raw)
        if found is None:
            if isinstance(block, int):
                raise Refusal(Fault(Kind.LAG, f"block {block} is not known yet"))
            raise Refusal(Fault(Kind.REVERT, f"there is no {block} block here"))
        if isinstance(block, int) and found.number != block:
            raise Untrue(f"block {found.number} where {block} was asked")
        return found

    name = hex_of(block) if isinstance(block, int) else msgspec.json.encode(block)
    optional = block in ("safe", "finalized")  # not every chain has them
    form = Form(b"[%b,false]" % name, accept)
    return await client.put(
        Question("eth_getBlockByNumber", lambda _: form, shrinkable=optional, lags=lags)
    )
