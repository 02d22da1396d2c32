"""How prices follow root feeds, asked of the oracles themselves.

Inside an eth_call a feed is made to answer otherwise (chain/stub.py) and the prices are read again,
through whatever stands between. First at 0.7 and 1.3 of its answer, and at the answer itself, as
the control: where that does not give the present price, nothing is believed. Then only what moved:
farther off, and nearer to where it bends (core/tracing.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain.pinned import Call, Chain
from scanner.core import integers
from scanner.core.tracing import MOST, Line, Trace
from scanner.errors import OverridesRefused, Problem

from ._feeds import Graph
from ._roots import Root, candidates

U8 = npt.NDArray[np.uint8]
Pair = tuple[int, int]  # a root and a price, as indices

_BOTH = (13, 11, 10)  # two roots are told 13/10 and 11/10 of their answers


@dataclass(frozen=True)
class Prices:
    """Questions for prices, one a price.

    Attributes
    ----------
    targets : uint8 array, shape (prices, 20)
    data : uint8 array, shape (prices, k)
        Call data.
    present : sequence of int
        What they answer now; 0 for a price that is not there and is not asked about.
    prepare : (targets, data) or None
        A call before each question, such as Maker's `poke`. Shapes as above.
    skip : int
        Words of the reply before the price.
    either : bool
        Whether the price is a fraction, of which a feed may move what is below the line.
    most : int
        Trials of one price, at most.
    """

    targets: U8
    data: U8
    present: Sequence[int]
    prepare: tuple[U8, U8] | None = None
    skip: int = 0
    either: bool = False
    most: int = MOST


@dataclass(frozen=True)
class Seen:
    """One root under one price, and how the price follows it."""

    root: Root
    line: Line


@dataclass
class Probed:
    """What the probe has seen.

    `seen` has one list a price: the roots that move it, those with a driver first, the one that
    moves it most first. `doubted` are prices of which a control failed or a trial near the present
    answer was refused: nothing is said of them.
    """

    seen: list[list[Seen]]
    doubted: set[int] = field(default_factory=set)


def probe(
    chain: Chain, roots: Sequence[Root], prices: Prices, pairs: Iterable[Pair] | None = None
) -> Probed:
    """Which roots move which prices, and how.

    Parameters
    ----------
    chain : Chain
    roots : sequence of Root
    prices : Prices
    pairs : iterable of (root, price), optional
        Which to try; all of them by default.

    Raises
    ------
    OverridesRefused
        No endpoint takes state overrides.
    """
    return _Probe(chain, roots, prices).run(pairs)


def probed(
    chain: Chain,
    roots: Sequence[Root],
    prices: Prices,
    where: tuple[str, str],
    problems: list[Problem],
    pairs: Iterable[Pair] | None = None,
) -> Probed | None:
    """`probe`; None where no endpoint takes overrides, which is a problem of `where` (protocol and
    market) and no end."""
    try:
        found = probe(chain, roots, prices, pairs)
    except OverridesRefused:
        text = "no endpoint takes state overrides: what moves which price is told by other sources"
        problems.append(Problem("probe_refused", text, *where))
        return None
    if found.doubted:
        text = f"{len(found.doubted)} prices could not be probed: told by other sources"
        problems.append(Problem("probe_doubted", text, *where))
    return found


def seen_by(
    chain: Chain,
    calls: Sequence[Call],
    present: Sequence[int],
    feeds: Mapping[str, bytes],
    where: tuple[str, str],
    problems: list[Problem],
    sources: Sequence[bytes] = (),
) -> list[list[Seen]] | None:
    """`Probed.seen` of prices that are asked for by calls of one shape; None where the probe was
    refused. `feeds` are the dollar feeds by driver, `sources` the prices' where they are known."""
    _, roots = candidates(chain, sources, calls, feeds)
    found = probed(chain, roots, asked_by(calls, present), where, problems)
    return None if found is None else found.seen


def asked_by(calls: Sequence[Call], present: Sequence[int], **more: Any) -> Prices:
    """`Prices` of calls of one shape, one word each."""
    targets = np.frombuffer(b"".join(c.address for c in calls), np.uint8).reshape(-1, 20)
    data = [c.encoded() for c in calls]
    table = np.frombuffer(b"".join(data), np.uint8).reshape(len(calls), -1)
    return Prices(targets, table, present, **more)


def pairs_of(graph: Graph, roots: Sequence[Root], sources: Sequence[bytes]) -> list[Pair]:
    """Which roots to try under which prices: all of them, but for a price that is a Chainlink
    proxy's answer, which nothing else moves."""
    place = {root.address: r for r, root in enumerate(roots)}
    found: list[Pair] = []
    for p, source in enumerate(sources):
        if "aggregator" in graph.getters.get(source, {}) and source in place:
            found.append((place[source], p))
        else:
            found += [(r, p) for r in range(len(roots))]
    return found


@dataclass
class _Probe:
    chain: Chain
    roots: Sequence[Root]
    prices: Prices

    def run(self, pairs: Iterable[Pair] | None) -> Probed:
        """All rounds."""
        present = self.prices.present
        if pairs is None:
            pairs = ((r, p) for r in range(len(self.roots)) for p in range(len(present)))
        traces = {
            (r, p): Trace(
                self.roots[r].answer,
                int(present[p]),
                either=self.prices.either,
                most=self.prices.most,
            )
            for r, p in pairs
            if present[p] > 0
        }
        doubted: set[int] = set()
        first = True
        while True:
            rows = [(pair, a) for pair, t in sorted(traces.items()) for a in t.wanted()]
            if first:
                rows += [(pair, t.answer) for pair, t in sorted(traces.items())]
            if not rows:
                break
            told = self._ask([({r: answer}, p) for (r, p), answer in rows])
            for ((r, p), answer), price in zip(rows, told, strict=True):
                if answer != self.roots[r].answer:
                    traces[r, p].see(answer, price)
                elif price != present[p]:
                    doubted.add(p)
            first = False
            traces = {pair: t for pair, t in traces.items() if pair[1] not in doubted}
        doubted |= {p for (_, p), t in traces.items() if t.silent}
        lines = {
            pair: line
            for pair, t in traces.items()
            if pair[1] not in doubted and (line := t.line()).moves
        }
        return Probed(self._listed(lines), doubted)

    def _listed(self, lines: dict[Pair, Line]) -> list[list[Seen]]:
        moved: dict[int, list[int]] = defaultdict(list)
        for r, p in lines:
            moved[p].append(r)
        hidden = self._between(moved)
        found: list[list[Seen]] = [[] for _ in self.prices.present]
        for (r, p), line in sorted(lines.items()):
            if (r, p) not in hidden:
                found[p].append(Seen(self.roots[r], line))
        for one in found:
            one.sort(key=lambda seen: (-_rank(seen), -_strength(seen), seen.root.address))
        return found

    def _between(self, moved: dict[int, list[int]]) -> Collection[Pair]:
        """Roots that are none: adapters through which another root moves the price. With such a
        one told what to answer, the root below moves nothing any more."""
        several = [(p, a, b) for p, r in sorted(moved.items()) for a in r for b in r if a != b]
        far, near, whole = _BOTH
        rows: list[tuple[dict[int, int], int]] = []
        for p, a, b in several:
            above = self.roots[a].answer * far // whole
            rows += [({a: above}, p), ({a: above, b: self.roots[b].answer * near // whole}, p)]
        told = self._ask(rows)
        pairs = zip(several, told[0::2], told[1::2], strict=True)
        return {(a, p) for (p, a, _), alone, both in pairs if alone is not None and alone == both}

    def _ask(self, rows: Sequence[tuple[dict[int, int], int]]) -> list[int | None]:
        """Prices when roots (by index) answer so; None where the oracle refuses."""
        if not rows:
            return []
        used = sorted({r for told, _ in rows for r in told})
        place = {r: k for k, r in enumerate(used)}
        answers = np.full((len(rows), len(used)), None, object)
        for row, (told, _) in enumerate(rows):
            for r, answer in told.items():
                answers[row, place[r]] = answer
        asked = np.array([p for _, p in rows], np.int64)
        prepare: list[Any] = []
        if self.prices.prepare is not None:
            prepare = [(self.prices.prepare[0][asked], self.prices.prepare[1][asked])]
        found = self.chain.trials(
            [self.roots[r].address for r in used],
            answers,
            self.prices.targets[asked],
            self.prices.data[asked],
            1,
            prepare=prepare,
            skip=self.prices.skip,
        )
        values = integers.from_words(found.words[:, 0])
        return [int(v) if ok else None for v, ok in zip(values, found.ok.tolist(), strict=True)]


def _rank(seen: Seen) -> int:
    """What has a driver before what is known to have none, and both before the unknown."""
    return 2 if seen.root.driver is not None else int(seen.root.named)


def _strength(seen: Seen) -> float:
    line = seen.line
    steepest = 0.0 if line.curve is None else float(np.abs(line.curve.slopes).max())
    return max(abs(line.sensitivity), abs(line.sensitivity_up), steepest)
