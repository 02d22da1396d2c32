"""Questions that a protocol's contracts cannot fail to answer."""

from collections.abc import Sequence
from typing import Any

from scanner.chain.pinned import Call, Chain, Failed
from scanner.errors import MarketError, ReadError


def every(
    chain: Chain,
    calls: Sequence[Call],
    fault: type[MarketError | ReadError] = MarketError,
    *,
    doubt: str,
) -> list[Any]:
    """The answers in order.

    Raises `fault` where one fails: then this is not the contract it is taken for, which `doubt`
    puts as a question ("is this no Comet?"), or the endpoint is ill.
    """
    answers = chain.read(calls) if calls else []
    for call, answer in zip(calls, answers, strict=True):
        if isinstance(answer, Failed):
            raise fault(
                f"{call.function} failed: {answer.reason}",
                contract="0x" + call.address.hex(),
                fix=f"run again, with another endpoint; or {doubt}",
            )
    return answers


def raw(address: str | bytes) -> bytes:
    """The 20 bytes of an address, as it was read."""
    return bytes.fromhex(address[2:]) if isinstance(address, str) else bytes(address)
