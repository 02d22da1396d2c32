"""Which chains are known by name, and what the edge needs to know about each (chains.toml)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import UsageError
from . import _toml

FILE = Path(__file__).with_name("chains.toml")
MULTICALL3 = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")
UNKNOWN_LAG = 5  # blocks; of a chain that has no row


@dataclass(frozen=True)
class ChainInfo:
    """One chain.

    `lag` is how many blocks behind the head are safe to pin; `multicall3` the address of
    Multicall3 there and `multicall3_block` the block it was created in, where known;
    `l1_block_number` is true where `block.number` inside a call is another chain's
    (Arbitrum). `endpoints` need no key.
    """

    chain_id: int
    name: str
    aliases: tuple[str, ...] = ()
    lag: int = UNKNOWN_LAG
    multicall3: bytes = MULTICALL3
    multicall3_block: int | None = None
    endpoints: tuple[str, ...] = ()
    l1_block_number: bool = False


def chain_info(chain: str | int) -> ChainInfo:
    """The chain of a name, an alias or an id (as a number or as digits).

    An id without a row gives a plain `ChainInfo` without endpoints. Raises UsageError for an
    unknown name and for a number that is no chain id.

    >>> chain_info("mainnet").chain_id, chain_info("8453").name, chain_info(77).name
    (1, 'base', 'chain 77')
    """
    by_name, by_id = _tables()
    word = str(chain).strip().casefold()
    if word in by_name:
        return by_name[word]
    if isinstance(chain, str) and not (word.isascii() and word.isdigit() and len(word) < 20):
        hint = _toml.near(word, by_name)
        raise UsageError(
            f'No chain is called "{_toml.clean(chain)}".',
            fix=f"did you mean {hint}?" if hint else "give its id, as in --chain 1",
            known=", ".join(info.name for info in by_id.values()),
        )
    number = int(chain)
    if not 0 < number <= _toml.LARGEST:
        raise UsageError(f"{number} is no chain id: ids are positive, below 2^63.")
    return by_id.get(number) or ChainInfo(number, f"chain {number}")


@cache
def _tables() -> tuple[dict[str, ChainInfo], dict[int, ChainInfo]]:
    chains = [_chain(row) for row in _toml.read(FILE)["chain"]]
    names = {word: info for info in chains for word in (info.name, *info.aliases)}
    return names, {info.chain_id: info for info in chains}


def _chain(row: dict[str, Any]) -> ChainInfo:
    """A row of our own file: tests check its form, so nothing is checked here."""
    given = dict(row)
    if "multicall3" in given:
        given["multicall3"] = bytes.fromhex(given["multicall3"][2:])
    for field in ("aliases", "endpoints"):
        given[field] = tuple(given.get(field, ()))
    return ChainInfo(chain_id=given.pop("id"), **given)
