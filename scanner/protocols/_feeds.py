"""From a token's price source down to the root feeds that move it, by the adapters' own getters.

Which getter belongs to which adapter: aave-dao/aave-price-feeds (PriceCapAdapterBase,
PriceCapAdapterStable, CLSynchronicityPriceAdapterPegToBase, FixedPriceAdapter) and
sparkdotfi/sparklend-advanced (exchange-rate oracles). A ratio found here is used only where it
reproduces the adapter's present answer to the last digit (core/shocks.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed

from ._asking import raw

_ADAPTER = abi.load("price_adapter")
_DEPTH = 4  # adapters on adapters; the deepest known is two
_PROBES = (
    "description",
    "decimals",
    "latestAnswer",
    "BASE_TO_USD_AGGREGATOR",
    "getRatio",
    "RATIO_DECIMALS",
    "getSnapshotRatio",
    "getSnapshotTimestamp",
    "getMaxRatioGrowthPerSecond",
    "ASSET_TO_USD_AGGREGATOR",
    "PEG_TO_BASE",
    "ASSET_TO_PEG",
    "DENOMINATOR",
    "DECIMALS",
    "ethSource",
    "price",
    "aggregator",
    "latestRoundData",
    "BASE_TO_PEG",
    "ASSET_TO_BASE",
    "priceFeedA",
    "priceFeedB",
    "underlyingPriceFeed",
    "stETHtoETHPriceFeed",
    "WBTCToBTCPriceFeed",
    "BTCToUSDPriceFeed",
    "BASE_FEED_1",
    "BASE_FEED_2",
    "QUOTE_FEED_1",
    "QUOTE_FEED_2",
)
LEAF = ("description", "decimals", "latestAnswer", "latestRoundData", "aggregator", "price")
# Getters that name a contract below. Aave's adapters; Comet's (compound-finance/comet,
# contracts/pricefeeds: Multiplicative, Scaling, WstETH, WBTC); Morpho's (MorphoChainlinkOracleV2).
CHILDREN = (
    "BASE_TO_USD_AGGREGATOR",
    "ASSET_TO_USD_AGGREGATOR",
    "PEG_TO_BASE",
    "ASSET_TO_PEG",
    "ethSource",
    *_PROBES[_PROBES.index("BASE_TO_PEG") :],
)


@dataclass(frozen=True)
class Path:
    """A price source and the root feed under it.

    Attributes
    ----------
    root : bytes
        Address of the feed at the bottom (the source itself where it is one).
    answer : int
        The root's `latestAnswer`; 0 where it gives none.
    scale : int
        10**decimals of the root.
    description : str
        What the root says of itself; "" where it says nothing.
    ratio : (int, int)
        The source's price is floor(answer * numerator / denominator), as far as getters tell.
    fixed : bool
        True for an adapter that answers a constant.
    """

    root: bytes
    answer: int
    scale: int
    description: str
    ratio: tuple[int, int] = (1, 1)
    fixed: bool = False


@dataclass(frozen=True)
class Graph:
    """What price sources and everything below them say of themselves.

    `getters` are the answers by address and getter; a getter without an answer is left out.
    """

    getters: dict[bytes, dict[str, Any]]
    now: int

    def path(self, source: bytes) -> Path:
        """The path of one source."""
        return _path(source, self.getters, self.now)

    def below(self, source: bytes) -> set[bytes]:
        """All contracts under a source, it among them."""
        found: set[bytes] = set()
        waiting = [source]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += children(self.getters.get(one, {}))
        return found


def explore(chain: Chain, sources: Iterable[bytes], also: Iterable[bytes] = ()) -> Graph:
    """Walk from every source (zero is none) to what it stands on; `also` are looked at, and not
    what is below them."""
    known: dict[bytes, dict[str, Any]] = {}
    wanted = sorted({s for s in sources if any(s)})
    more = sorted({a for a in also if any(a)} - set(wanted))
    for _ in range(_DEPTH):
        asked = [s for s in wanted if s not in known]
        calls = [Call(one, _ADAPTER, probe) for one in asked for probe in _PROBES]
        calls += [Call(one, _ADAPTER, probe) for one in more for probe in LEAF]
        if not calls:
            break
        answers = iter(chain.read(calls))
        for group, probes in ((asked, _PROBES), (more, LEAF)):
            for one in group:
                row = {probe: next(answers) for probe in probes}
                told = {k: v for k, v in row.items() if not isinstance(v, Failed)}
                known.setdefault(one, {}).update(told)
        more = []
        wanted = sorted({child for s in asked for child in children(known[s])})
    return Graph(known, chain.block.timestamp)


def trace(chain: Chain, sources: Iterable[bytes]) -> dict[bytes, Path]:
    """The path of every source, by address; sources of zero are left out."""
    graph = explore(chain, sources)
    return {one: graph.path(one) for one in graph.getters}


def children(getters: dict[str, Any]) -> list[bytes]:
    """The contracts that a source names as those it stands on."""
    named = [raw(getters[name]) for name in CHILDREN if name in getters]
    return [one for one in named if any(one)]


def _path(source: bytes, known: dict[bytes, dict[str, Any]], now: int, depth: int = 0) -> Path:
    getters = known.get(source, {})
    answer = int(getters.get("latestAnswer", 0))
    decimals = getters.get("decimals", 8)
    leaf = Path(
        root=source,
        answer=max(answer, 0),
        scale=10 ** (decimals if decimals <= 18 else 8),
        description=str(getters.get("description", "")),
    )
    if depth >= _DEPTH:
        return leaf
    child, ratio = _step(getters, known, now)
    if child is None:
        fixed = "price" in getters and getters["price"] == answer and "aggregator" not in getters
        return Path(leaf.root, leaf.answer, leaf.scale, leaf.description, fixed=fixed)
    under = _path(child, known, now, depth + 1)
    ratio = (under.ratio[0] * ratio[0], under.ratio[1] * ratio[1])
    return Path(under.root, under.answer, under.scale, under.description, ratio, under.fixed)


def _step(
    getters: dict[str, Any], known: dict[bytes, dict[str, Any]], now: int
) -> tuple[bytes | None, tuple[int, int]]:
    """The feed one step below, and how the price follows it; (None, …) at a leaf."""
    if "BASE_TO_USD_AGGREGATOR" in getters:
        return raw(getters["BASE_TO_USD_AGGREGATOR"]), _capped_ratio(getters, now)
    if "ASSET_TO_USD_AGGREGATOR" in getters:
        return raw(getters["ASSET_TO_USD_AGGREGATOR"]), (1, 1)
    if "PEG_TO_BASE" in getters and "ASSET_TO_PEG" in getters:
        factor = known.get(raw(getters["ASSET_TO_PEG"]), {}).get("latestAnswer", 0)
        ratio = (int(factor) * 10 ** int(getters.get("DECIMALS", 8)), getters.get("DENOMINATOR", 1))
        return raw(getters["PEG_TO_BASE"]), (ratio[0], max(int(ratio[1]), 1))
    if "ethSource" in getters:
        return raw(getters["ethSource"]), (1, 1)
    return None, (1, 1)


def _capped_ratio(getters: dict[str, Any], now: int) -> tuple[int, int]:
    """PriceCapAdapterBase: the exchange rate, but no more than snapshot + growth * time."""
    ratio = int(getters.get("getRatio", 0))
    grown = {"getSnapshotRatio", "getSnapshotTimestamp", "getMaxRatioGrowthPerSecond"}
    if grown <= getters.keys():
        seconds = now - int(getters["getSnapshotTimestamp"])
        cap = (
            int(getters["getSnapshotRatio"]) + int(getters["getMaxRatioGrowthPerSecond"]) * seconds
        )
        ratio = min(ratio, cap)
    return max(ratio, 0), 10 ** min(int(getters.get("RATIO_DECIMALS", 18)), 36)
