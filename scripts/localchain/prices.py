"""The oracle: what it says, and feeds to move."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from localchain.deploy import create
from localchain.errors import LocalChainError

if TYPE_CHECKING:
    from localchain.chain import LocalChain


def of_token(chain: "LocalChain", symbol: str) -> int:
    """What the oracle says now, 8 decimals."""
    asset = chain.tokens[symbol].address
    return int(chain.call(chain.oracle, "getAssetPrice(address)(uint256)", asset))


def settable_feed(chain: "LocalChain", name: str) -> str:
    """The feed of an address, a description ("ETH / USD") or a token's symbol.

    Raises
    ------
    LocalChainError
        The token is priced by an adapter, which cannot be set.
    """
    if name.startswith("0x"):
        return name
    if name in chain.deployment.feeds:
        return chain.deployment.feeds[name]
    token = chain.tokens[name]
    if token.feed == chain.deployment.adapter:
        raise LocalChainError(
            f"{name} is priced by an adapter: move WETH, or point_token_at_own_feed first"
        )
    return token.feed


def set_feed(chain: "LocalChain", name: str, raw: int) -> None:
    """Set a feed, named as in `settable_feed`."""
    chain.send(chain.owner, settable_feed(chain, name), "set(int256)", raw)


def own_feed(chain: "LocalChain", symbol: str) -> str:
    """Give a token a fresh feed at its present price; returns the feed."""
    token, raw = chain.tokens[symbol], of_token(chain, symbol)
    feed = create(chain.node, chain.flavour, "PriceFeed", f"{symbol} / USD", 8, raw)
    signature = "setAssetSources(address[],address[])"
    chain.send(chain.owner, chain.oracle, signature, [token.address], [feed])
    chain.tokens[symbol] = dataclasses.replace(token, feed=feed)
    return feed


@contextmanager
def lifted(chain: "LocalChain", factors: dict[str, float]) -> Iterator[None]:
    """Feeds times a factor, for as long as the block lasts."""
    before = {
        name: int(chain.call(settable_feed(chain, name), "latestAnswer()(int256)"))
        for name, factor in factors.items()
        if factor != 1
    }
    for name, raw in before.items():
        set_feed(chain, name, round(raw * factors[name]))
    try:
        yield
    finally:
        for name, raw in before.items():
            set_feed(chain, name, raw)
