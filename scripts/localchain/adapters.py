"""Price adapters of many kinds under the tokens of an Aave market, to see what moves what.

Stand-ins of ours (contracts/PriceAdapters.sol): the real ones are on no registry.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

from localchain.deploy import create

if TYPE_CHECKING:
    from localchain.chain import LocalChain

YEAR = 31_536_000


def put(chain: "LocalChain", symbol: str, name: str, *args: Any) -> str:
    """Let the oracle ask an adapter of PriceAdapters.sol for a token's price; its address."""
    adapter = create(chain.node, chain.flavour, name, *args)
    token = chain.tokens[symbol]
    signature = "setAssetSources(address[],address[])"
    chain.send(chain.owner, chain.oracle, signature, [token.address], [adapter])
    chain.tokens[symbol] = dataclasses.replace(token, feed=adapter)
    return adapter


def feed(chain: "LocalChain", description: str, answer: int) -> str:
    """A new feed with 8 decimals; its address, kept under its description."""
    found = create(chain.node, chain.flavour, "PriceFeed", description, 8, answer)
    chain.deployment.feeds[description] = found
    return found


def cap(chain: "LocalChain", symbol: str, most: int) -> str:
    """A stable capped at `most` (8 decimals) over its own feed."""
    return put(chain, symbol, "StableCapAdapter", chain.tokens[symbol].feed, most)


def peg(chain: "LocalChain", symbol: str, description: str, answer: int) -> str:
    """A token by two feeds: a new one of it in what it is pegged to, and its present one."""
    pegged = feed(chain, description, answer)
    return put(chain, symbol, "PegToBaseAdapter", chain.tokens[symbol].feed, pegged)


def principal(chain: "LocalChain", symbol: str, under: str) -> str:
    """A principal token of what a feed (description) quotes, with a year to go."""
    now = int(chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    return put(chain, symbol, "PrincipalAdapter", chain.deployment.feeds[under], now + YEAR)


def share(
    chain: "LocalChain", symbol: str, under: str, dollars: int, part: int, *, product: bool = False
) -> str:
    """A pool's share over a feed (description): `dollars` (8 decimals) and `part` (1e18) of it."""
    source = chain.deployment.feeds[under]
    return put(chain, symbol, "ShareAdapter", source, dollars, part, product)


def suspicious(chain: "LocalChain", symbol: str, under: str) -> str:
    """An adapter that knows when its feed is not the one it was."""
    return put(chain, symbol, "SuspiciousAdapter", chain.deployment.feeds[under])
