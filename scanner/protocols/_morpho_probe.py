"""Which feeds move the oracles of Morpho's markets, and what that says of their tokens.

An oracle quotes collateral in loan tokens. A feed that moves its answer in a straight line moves
the collateral, one that moves one over the answer moves the loan token. Anybody may open a market
with an oracle of his own, so an oracle is believed of nothing but its own price: a token has a
driver by the probe only where all oracles that say anything of it agree, and where the chain's
table knows the token, only with the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain
from scanner.core.curves import Curve
from scanner.errors import Problem

from ._feeds import Graph, explore
from ._probe import Pair, Seen, asked_by, probed
from ._roots import Root, roots_of

_ORACLE = abi.load("morpho_oracle")
_MOST = 33  # trials of one oracle by one feed: enough for caps, and nobody's oracle is worth more


@dataclass(frozen=True)
class Quoted:
    """An oracle and the tokens it is about; `price` is 0 where it gives none."""

    oracle: bytes
    collateral: bytes
    loan: bytes
    price: int


@dataclass(frozen=True)
class Told:
    """What oracles say of a token: the roots that move it, and whether they name one driver."""

    roots: tuple[Seen, ...]
    agreed: bool

    @property
    def driver(self) -> str | None:
        """The driver that all agree on."""
        return self.roots[0].root.driver

    @property
    def curve(self) -> Curve | None:
        """How the token follows it where that is not in proportion, in all markets alike."""
        mine = [s for s in self.roots if s.root.named and s.root.driver == self.driver]
        alike = all(one.line.curve == mine[0].line.curve for one in mine)
        return mine[0].line.curve if alike and self.driver is not None else None


def tokens_follow(
    chain: Chain,
    quoted: Sequence[Quoted],
    feeds: Mapping[str, bytes],
    where: tuple[str, str],
    problems: list[Problem],
) -> dict[bytes, Told]:
    """What the oracles of these markets say of their tokens, by token; empty where the probe was
    refused. `feeds` are the dollar feeds by driver."""
    oracles = {one.oracle: one.price for one in quoted if one.price}
    if not oracles:
        return {}
    graph = explore(chain, oracles, feeds.values())
    roots = roots_of(graph, feeds)
    calls = [Call(one, _ORACLE, "price") for one in oracles]
    asked = asked_by(calls, list(oracles.values()), either=True, most=_MOST)
    pairs = _pairs(graph, roots, list(oracles), set(feeds.values()))
    found = probed(chain, roots, asked, where, problems, pairs)
    if found is None:
        return {}
    return told_by(quoted, dict(zip(oracles, found.seen, strict=True)))


def told_by(quoted: Sequence[Quoted], seen: Mapping[bytes, Sequence[Seen]]) -> dict[bytes, Told]:
    """What has been `seen` of each oracle, by token."""
    said: dict[bytes, list[Seen]] = {}
    for one in quoted:
        for each in seen.get(one.oracle, ()):
            token = one.loan if each.line.inverse else one.collateral
            # Of the token it is what it is of one over the price; a ratio is the oracle's.
            said.setdefault(token, []).append(
                Seen(each.root, replace(each.line, inverse=False, ratio=None))
            )
    return {
        token: Told(_once(every), len({s.root.driver for s in every if s.root.named}) == 1)
        for token, every in said.items()
    }


def _once(every: Sequence[Seen]) -> tuple[Seen, ...]:
    """Each root once for each way in which it is followed: what has a driver first."""
    kept: list[Seen] = []
    for one in every:
        if one not in kept:
            kept.append(one)
    rank = {True: 0, False: 1}
    kept.sort(key=lambda s: (rank[s.root.driver is not None], rank[s.root.named], s.root.address))
    return tuple(kept)


def _pairs(
    graph: Graph, roots: Sequence[Root], oracles: Sequence[bytes], dollars: set[bytes]
) -> list[Pair]:
    """Which feeds to try under which oracle: what is below it by its getters, and the chain's
    dollar feeds, which may be below it unseen."""
    found = []
    for p, oracle in enumerate(oracles):
        below = graph.below(oracle) | dollars
        found += [(r, p) for r, root in enumerate(roots) if root.address in below]
    return found
