"""The root feeds that may move a market's prices: candidates for the probe.

Three ways lead to them, none is trusted: the getters of price adapters (_feeds.py), the chain's
dollar feeds (deployments/feeds.toml), and what the node says that the oracle's answers touch. A
candidate that moves nothing costs a few calls; one that nobody named is not found, and the token is
told by the next source in order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.chain.pinned import Call, Chain
from scanner.deployments import DriverTables, driver_tables

from ._asking import raw
from ._feeds import Graph, explore


@dataclass(frozen=True)
class Root:
    """A feed that may move prices.

    Attributes
    ----------
    address : bytes
    answer : int
        Its present one, above 0.
    scale : int
        Its unit.
    description : str
        What it says of itself; "" for nothing.
    driver : str or None
        What it quotes in dollars, by its description or by the table of dollar feeds; None for a
        dollar stable and for what is not `named`.
    named : bool
        Whether it is known what it quotes in dollars.
    """

    address: bytes
    answer: int
    scale: int
    description: str
    driver: str | None = None
    named: bool = False


def named_root(
    address: bytes,
    answer: int,
    scale: int,
    description: str,
    feeds: Mapping[str, bytes],
    tables: DriverTables | None = None,
) -> Root:
    """A root with its driver: by the dollar feeds' table (`feeds`, by driver), else by what it says
    of itself."""
    for driver, feed in sorted(feeds.items()):
        if feed == address:
            return Root(address, answer, scale, description, driver, named=True)
    try:
        driver_of = (tables or driver_tables()).of_feed(description)
    except KeyError:
        return Root(address, answer, scale, description)
    return Root(address, answer, scale, description, driver_of, named=True)


def candidates(
    chain: Chain, sources: Iterable[bytes], reads: Sequence[Call], feeds: Mapping[str, bytes]
) -> tuple[Graph, list[Root]]:
    """What is under the price sources, and every feed that may move the prices, by address.

    Parameters
    ----------
    sources
        Where the getters' walk begins; zero is none.
    reads
        The questions for the prices, for the node to say what they touch; none: it is not asked.
    feeds
        Dollar feeds by driver.
    """
    touched = chain.touched(reads) if reads else set()
    graph = explore(chain, sources, {*touched, *feeds.values()})
    return graph, roots_of(graph, feeds)


def roots_of(graph: Graph, feeds: Mapping[str, bytes]) -> list[Root]:
    """The feeds at the bottom of a graph, by address.

    Left out: what stands on another one that answers, by its own getters; what stands behind a
    proxy that is there too (Chainlink's `aggregator`); and fixed prices, which no feed moves.
    """
    getters, tables = graph.getters, driver_tables()
    answers = {address: answer_of(told) for address, told in getters.items()}
    behind = {raw(told["aggregator"]) for told in getters.values() if "aggregator" in told}
    found = []
    for address, told in sorted(getters.items()):
        under = graph.below(address) - {address}
        fixed = "aggregator" not in told and told.get("price") == told.get("latestAnswer")
        if answers[address] <= 0 or address in behind or ("price" in told and fixed):
            continue
        if any(answers.get(one, 0) > 0 for one in under):
            continue
        decimals = int(told.get("decimals", 8))
        scale = 10 ** (decimals if decimals <= 36 else 8)
        text = str(told.get("description", ""))
        found.append(named_root(address, answers[address], scale, text, feeds, tables))
    return found


def answer_of(told: Mapping[str, Any]) -> int:
    """A feed's present answer; 0 for none, or for one that cannot be raised sixteenfold."""
    answer = int(told["latestAnswer"]) if "latestAnswer" in told else 0
    if answer == 0 and "latestRoundData" in told:
        answer = int(told["latestRoundData"][1])
    return answer if 0 < answer < 2**200 else 0
