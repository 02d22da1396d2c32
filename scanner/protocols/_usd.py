"""What a driver costs in dollars, for markets that quote in something else.

The feeds are data: `[market.feeds]` of a deployments row, over the chain's shipped table
(deployments/feeds.toml). A feed that is missing or gives no answer is left out, never guessed.
"""

from collections.abc import Iterable

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.positions import Feed
from scanner.deployments import Market

_FEED = abi.load("price_adapter")


def usd_feeds(chain: Chain, row: Market, drivers: Iterable[str]) -> dict[str, Feed]:
    """The dollar feeds of drivers at the pinned block, by driver.

    Parameters
    ----------
    chain : Chain
    row : Market
        Its `feeds` say where.
    drivers : iterable of str
        Those without a feed that answers are left out.
    """
    known = {name: row.feeds[name] for name in sorted(set(drivers)) if name in row.feeds}
    getters = ("latestAnswer", "decimals", "description")
    calls = [Call(feed, _FEED, getter) for feed in known.values() for getter in getters]
    answers = iter(chain.read(calls))
    found = {}
    for name, address in known.items():
        answer, decimals, text = next(answers), next(answers), next(answers)
        if isinstance(answer, Failed) or isinstance(decimals, Failed):
            continue
        if not 0 < answer < 2**62 or not 0 <= decimals <= 18:
            continue
        said = "" if isinstance(text, Failed) else str(text)
        found[name] = Feed(address, said, 10 ** int(decimals), int(answer))
    return found
