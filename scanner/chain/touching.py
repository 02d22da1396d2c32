"""Which contracts some reads touch, as a node says: `eth_createAccessList`.

The answer has no proof in it and needs none: what it names are candidates, looked at afterwards by
reads which have one. Where no endpoint offers the method, nobody is named.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from scanner.chain.calls import Call
from scanner.chain.client import Client, Form, Question, Refusal, Refused
from scanner.chain.faults import SHRINK, Fault, Kind
from scanner.chain.multicall3 import Aggregate, call_data, mixed
from scanner.chain.transport import Endpoint
from scanner.chain.values import Untrue, hex_of

METHOD = "eth_createAccessList"
_GAS = 30_000_000  # named, since some nodes would go and find out
_TRIES = 4


async def touched(client: Client, aggregate: Aggregate, calls: Sequence[Call]) -> set[bytes]:
    """Addresses (20 bytes) that the calls touch, their own among them; empty where nobody tells."""
    if aggregate.code:  # with lent code the method would run without it
        return set()
    found: set[bytes] = set()
    waiting = [list(calls)] if calls else []
    while waiting:
        part = waiting.pop()
        try:
            found |= await _asked(client, aggregate, part)
        except Refused as refused:
            if refused.fault.kind not in SHRINK or len(part) == 1:
                return set()
            half = len(part) // 2
            waiting += [part[:half], part[half:]]
    return found - {aggregate.address}


async def _asked(client: Client, aggregate: Aggregate, calls: Sequence[Call]) -> set[bytes]:
    """One request. Raises `Refused` where less may be answered, or nobody answers."""
    data = call_data(*mixed([(call.address, call.encoded()) for call in calls]))
    sent = {"to": "0x" + aggregate.address.hex(), "gas": hex(_GAS), "data": "0x" + data.hex()}
    params = b"[%b,%b]" % (msgspec.json.encode(sent), hex_of(aggregate.block.number))

    def form(endpoint: Endpoint) -> Form[set[bytes]]:
        def unfit(fault: Fault) -> bool:
            """Who does not offer it is not asked again; where that was the last one, so be it."""
            if fault.kind is Kind.METHOD:
                endpoint.without[METHOD] = str(fault)
                if _nobody(client):
                    raise Refused(fault, endpoint)
            return fault.kind is Kind.METHOD

        return Form(params, _addresses, unfit=unfit)

    for left in reversed(range(_TRIES)):
        if _nobody(client):
            raise Refused(Fault(Kind.METHOD, "no endpoint offers it"), client.endpoints[0])
        try:
            return await client.put(Question(METHOD, form, shrinkable=True))
        except Refused as refused:
            if refused.fault.kind in SHRINK | {Kind.METHOD} or not left:
                raise
        await client.pause()
    raise AssertionError("the last try raises")


def _nobody(client: Client) -> bool:
    return all(endpoint.refuses(METHOD) for endpoint in client.endpoints)


def _addresses(raw: msgspec.Raw) -> set[bytes]:
    answer: Any = msgspec.json.decode(raw)
    if not isinstance(answer, dict) or not isinstance(answer.get("accessList"), list):
        raise Untrue("no access list")
    if answer.get("error"):
        raise Refusal(Fault(Kind.GAS, "the calls did not end"))
    try:
        found = {bytes.fromhex(row["address"].removeprefix("0x")) for row in answer["accessList"]}
    except (TypeError, KeyError, AttributeError, ValueError):
        raise Untrue("no addresses in an access list") from None
    return {address for address in found if len(address) == 20}
