"""The two batches of the client, taken apart: Multicall3's and the lens's; see scanner/chain.

Both end or begin with a proof of the block: four calls at the end of an aggregate3, four words at
the beginning of a lens answer. Functions here return None for what is neither.
"""

from collections.abc import Callable

from eth_abi.abi import decode, encode

AGGREGATE3 = bytes.fromhex("82ad56cb")
TRY_AGGREGATE = bytes.fromhex("399542e9")  # tryBlockAndAggregate, of the package multicall
PROOF = 4
_TYPES = {
    AGGREGATE3: ["(bool,bytes)[]"],
    TRY_AGGREGATE: ["uint256", "bytes32", "(bool,bytes)[]"],
}
_LONGEST = 64  # words of one answer in a lens

Answers = list[tuple[bool, bytes]]


def _changed(data: bytes, content: bytes, change: Callable[[Answers], Answers]) -> bytes | None:
    """A Multicall3 answer with other answers inside."""
    types = _TYPES.get(data[:4])
    if types is None:
        return None
    try:
        *others, answers = decode(types, content)
    except Exception:  # eth_abi's many errors all mean that it is no such answer
        return None
    return encode(types, [*others, change([(bool(ok), bytes(said)) for ok, said in answers])])


def starved(data: bytes, content: bytes, limit: int = 20) -> bytes | None:
    """What ran out of gas after `limit` calls: no success, no bytes."""
    return _changed(
        data, content, lambda all_: all_[:limit] + [(False, b"")] * max(0, len(all_) - limit)
    )


def zeroed(data: bytes, content: bytes) -> bytes | None:
    """Zero words wherever something else was, but for the proof."""
    found = _changed(
        data,
        content,
        lambda all_: [(ok, bytes(len(said))) for ok, said in all_[:-PROOF]] + all_[-PROOF:],
    )
    count = _in_lens(content)
    if found is not None or data[:4] in _TYPES or not count:
        return found
    values = len(content) - 32 * PROOF - count
    return content[: 32 * PROOF] + bytes(values) + content[-count:]


def emptied(data: bytes, content: bytes) -> bytes | None:
    """Success and no bytes, as of accounts without code, but for the proof."""
    found = _changed(
        data, content, lambda all_: [(True, b"") for _ in all_[:-PROOF]] + all_[-PROOF:]
    )
    if found is not None or data[:4] in _TYPES or not _in_lens(content):
        return found
    return content[: 32 * PROOF] + bytes(len(content) - 32 * PROOF)


def _in_lens(content: bytes) -> int:
    """How many calls a lens answer is of: four words, n * k words, n flags; 0 = it is none."""
    rest = len(content) - 32 * PROOF
    for words in range(1, _LONGEST):
        count, odd = divmod(rest, 32 * words + 1)
        if rest > 0 and count and not odd and max(content[-count:]) <= 1:
            return count
    return 0
