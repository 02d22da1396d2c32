"""Blocks by time."""

from typing import TYPE_CHECKING

from scanner.chain.headers import Block, header_of

if TYPE_CHECKING:
    from scanner.chain.connect import Node

_GUESS = 12  # seconds a block; only the number of questions depends on it


def first_since(node: "Node", timestamp: int, head: Block) -> Block:
    """The first block whose time is at or after `timestamp`, not above `head`. [Unix seconds]

    Back from the head in doubled steps, then by halves: a few dozen headers at most. Times of
    blocks never fall.
    """
    found, step = head, max(1, (head.timestamp - timestamp) // _GUESS)
    low = -1  # before the chain's first block nothing is late enough
    while found.number > 0:
        one = _header(node, max(0, found.number - step))
        if one.timestamp < timestamp:
            low = one.number
            break
        found, step = one, 2 * step
    while found.number - low > 1:
        one = _header(node, (low + found.number) // 2)
        if one.timestamp < timestamp:
            low = one.number
        else:
            found = one
    return found


def _header(node: "Node", number: int) -> Block:
    return node.run(header_of(node.client, number))
