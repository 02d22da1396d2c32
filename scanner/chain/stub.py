"""Code that stands in for a price feed inside one eth_call, and answers what it was told to.

Put at the feed's address by a state override. The feed's own code goes to another address
(`original_of`) and is still asked for everything, in the feed's own storage: a round's number and
time, decimals and every getter are the feed's; only the answer is replaced, and only while one is
set. Where the feed itself would revert, so does the stub.

It is set by a call that begins with a word no contract knows (`TOLD`), so that no selector of a
feed can be meant by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scanner.chain.evm import Assembler

TOLD = b"bandscan: answer this from now on"[:32]
_SLOT = int.from_bytes(b"\xb5bandscan: a feed's told answer.."[:32], "big")
_ELSEWHERE = b"bandscan's originals"  # 20 bytes

# What feeds are asked for, and which word of the reply is the price. Chainlink and its adapters;
# Morpho's IOracle; Maker's pips.
_ASKED = (
    ("50d25bcd", 0),  # latestAnswer()
    ("feaf968c", 1),  # latestRoundData()
    ("a035b1fe", 0),  # price()
    ("59e02dd7", 0),  # peek()
    ("57de26a4", 0),  # read()
)


@dataclass(frozen=True)
class Source:
    """Who answers for a price: a feed, or one question to an oracle that answers for many.

    Attributes
    ----------
    address : bytes
        20 bytes.
    ask : bytes
        Empty for a feed. Else the call data of the question (a selector, or a selector and one
        word: getUnderlyingPrice(cToken)), to which the first word of the reply is the price.
    """

    address: bytes
    ask: bytes = b""


def original_of(address: bytes) -> bytes:
    """Where a feed's own code is put meanwhile."""
    return bytes(a ^ b for a, b in zip(address, _ELSEWHERE, strict=True))


def slot_of(place: int) -> int:
    """Where the `place`-th source of an address keeps whether it was told; the answer is next."""
    return _SLOT + 2 * place


def stub(sources: Sequence[Source]) -> bytes:
    """The code for one address, for all sources at it in their order.

    Told with (`TOLD`, slot, 1 or 0, answer) as call data it stores both and returns one word.
    """
    a = Assembler()
    a.push(int.from_bytes(TOLD, "big")).push(0).op("CALLDATALOAD").op("EQ").jump_if("told")
    asked: list[tuple[bytes, int, int]] = []
    for place, source in enumerate(sources):
        if source.ask:
            asked.append((source.ask, 0, place))
        else:
            asked += [(bytes.fromhex(selector), word, place) for selector, word in _ASKED]
    for number, (ask, _, _) in enumerate(asked):
        a.push(int.from_bytes(ask[:4], "big")).push(0).op("CALLDATALOAD").push(224).op("SHR")
        a.op("EQ")
        if len(ask) > 4:
            a.push(int.from_bytes(ask[4:36], "big")).push(4).op("CALLDATALOAD").op("EQ").op("AND")
        a.jump_if(f"asked {number}")
    _pass_on(a, sources[0].address)
    a.push(0).op("RETURN")

    for number, (_, word, place) in enumerate(asked):
        a.mark(f"asked {number}")
        _pass_on(a, sources[0].address)  # leaves the reply's length
        a.push(slot_of(place)).op("SLOAD").jump_if(f"set {number}")
        a.push(0).op("RETURN")
        a.mark(f"set {number}")
        # A reply too short to hold a price is none.
        a.push(32 * (word + 1)).op("RETURNDATASIZE").op("LT").jump_if("short")
        a.push(slot_of(place) + 1).op("SLOAD").push(32 * word).op("MSTORE").push(0).op("RETURN")

    a.mark("short").push(0).push(0).op("REVERT")
    a.mark("failed").op("RETURNDATASIZE").push(0).op("REVERT")
    a.mark("told")
    a.push(64).op("CALLDATALOAD").push(32).op("CALLDATALOAD").op("SSTORE")
    a.push(96).op("CALLDATALOAD").push(1).push(32).op("CALLDATALOAD").op("ADD").op("SSTORE")
    a.push(32).push(0).op("RETURN")
    return a.code()


def _pass_on(a: Assembler, address: bytes) -> None:
    """Ask the feed's own code what was asked; its reply to memory, its length on the stack."""
    a.op("CALLDATASIZE").push(0).push(0).op("CALLDATACOPY")
    a.push(0).push(0).op("CALLDATASIZE").push(0)
    a.push(int.from_bytes(original_of(address), "big")).op("GAS").op("DELEGATECALL")
    a.op("RETURNDATASIZE").push(0).push(0).op("RETURNDATACOPY")
    a.op("ISZERO").jump_if("failed")
    a.op("RETURNDATASIZE")
