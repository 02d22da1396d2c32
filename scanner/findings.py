"""From surveyed markets to the document and the two tables: what a scan has found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from scanner import certificate
from scanner.chain.pinned import Block
from scanner.core import band_rows, leverage, rows, summary, weighted
from scanner.core.positions import Exposure, Holdings
from scanner.core.shocks import RELATIVE
from scanner.core.strength import strengthened
from scanner.core.ticks import TICK_RATIO
from scanner.deployments import Market
from scanner.errors import Problem
from scanner.protocols import Parity, Survey

SCHEMA = "bandscan/1"
FEEDS_APART = 0.005  # a market whose feed differs more than this from spot is named


@dataclass(frozen=True)
class Surveyed:
    """One market, read, translated and checked against its referee; `problems` are of the way."""

    row: Market
    survey: Survey
    parity: Parity
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Findings:
    """The document (design section 7), and what the tables are made of once they are asked for."""

    document: dict[str, Any]
    holdings: list[Holdings]
    exposures: list[tuple[str, list[Exposure | None]]]

    @cached_property
    def positions(self) -> dict[str, Any]:
        """The columns of positions."""
        return rows.position_columns(self.holdings, self.exposures)

    @cached_property
    def legs(self) -> dict[str, Any]:
        """The columns of legs."""
        return rows.leg_columns(self.holdings)


def findings(
    chain_id: int,
    block: Block,
    asked: Sequence[str],
    surveyed: Sequence[Surveyed],
    problems: Sequence[Problem],
    unread: Sequence[dict[str, Any]] = (),
    liquidity: dict[str, Any] | None = None,
) -> Findings:
    """Prices, bands, ticks and certificate of all markets at one block.

    `asked` are the shocks of the request; every driver found where none is asked for. `problems`
    were met before any market was read; `unread` are the rows of markets that could not be;
    `liquidity` is what there is beside them (liquidity.py).
    """
    surveys = [one.survey for one in surveyed]
    holdings = [survey.holdings for survey in surveys]
    problems = [*problems, *(problem for survey in surveys for problem in survey.problems)]
    problems += [problem for one in surveyed for problem in one.problems]
    shocks: list[tuple[str, list[Exposure | None]]] = []
    lists: dict[str, list[Any]] = {"drivers": [], "bands": [], "ticks": []}
    feeds: list[dict[str, Any]] = [{} for _ in surveyed]
    wanted = _shocks(asked, surveys)
    for kind, name in wanted:
        exposures = [survey.expose(kind, name) for survey in surveys]
        problems += several_drivers(kind, name, holdings)
        shocks.append((name, exposures))
        entries = [(h, e) for h, e in zip(holdings, exposures, strict=True) if e is not None]
        if not entries:
            continue  # nobody can be priced under it: who and why is in `unknown`
        ratio = kind in RELATIVE
        driver = summary.driver(name, entries, ratio=ratio)
        spot = driver["spot_usd"] or 1.0
        lists["drivers"].append(driver)
        lists["bands"] += band_rows.bands(name, entries, spot, ratio=ratio)
        lists["ticks"] += summary.ticks(name, entries, ratio=ratio)
        if not ratio:
            problems += _feeds(name, spot, surveyed, exposures, feeds)
    lists["ticks"], lists["bands"] = strengthened(lists["ticks"], lists["bands"])
    proof = certificate.of([(s.row.protocol, s.row.name, s.survey, s.parity) for s in surveyed])
    problems += proof.problems
    document = {
        "schema": SCHEMA,
        "chain_id": chain_id,
        "block": {
            "number": block.number,
            "hash": "0x" + block.hash.hex(),
            "timestamp": block.timestamp,
        },
        "complete": proof.complete and not unread and not any(p.fatal for p in problems),
        "shocks": [name if kind in RELATIVE else f"{kind}:{name}" for kind, name in wanted],
        "tick_ratio": TICK_RATIO,
        "certificate": proof.identities,
        "parity": proof.parity,
        "markets": _markets(proof.markets, surveyed, feeds, unread),
        "drivers": lists["drivers"],
        "tokens": certificate.tokens(holdings),
        "bands": lists["bands"],
        "ticks": lists["ticks"],
        "leverage": _leverage(surveyed, wanted, shocks, liquidity),
        "already_liquidatable": summary.already_liquidatable(holdings),
        "unknown": proof.unknown,
        "problems": [_problem(p) for p in problems],
    }
    return Findings(document, holdings, shocks)


def _leverage(
    surveyed: Sequence[Surveyed],
    wanted: Sequence[tuple[str, str]],
    shocks: Sequence[tuple[str, list[Exposure | None]]],
    liquidity: dict[str, Any] | None,
) -> dict[str, Any]:
    """Totals, what they cover (`scope`: else two scans would not compare), and liquidity."""
    drivers = [one for (kind, _), one in zip(wanted, shocks, strict=True) if kind == "driver"]
    every = {name for one in surveyed for name in one.survey.drivers}
    totals = leverage.totals(
        [one.survey.holdings for one in surveyed],
        [one.row.protocol for one in surveyed],
        drivers,
        every_driver=every <= {name for name, _ in drivers},
    )
    scope = [
        {
            "protocol": one.row.protocol,
            "market": one.row.name,
            "address": "0x" + next(iter(one.row.addresses.values())).hex(),
        }
        for one in surveyed
    ]
    scope.sort(key=lambda row: (row["protocol"], row["market"]))
    return {**totals, "scope": scope, "liquidity": liquidity}


def _markets(
    rows: Sequence[dict[str, Any]],
    surveyed: Sequence[Surveyed],
    feeds: Sequence[dict[str, Any]],
    unread: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Every market's row with the feeds of its drivers, by protocol and name."""
    of: dict[tuple[str, str], dict[str, Any]] = {}
    for one, feed in zip(surveyed, feeds, strict=True):
        for name in (one.row.name, *one.survey.holdings.markets):
            of[one.row.protocol, name] = feed
    every = [{**r, "driver_feeds": of.get((r["protocol"], r["market"]), {})} for r in rows]
    every += [{**row, "driver_feeds": {}} for row in unread]
    return sorted(every, key=lambda row: (row["protocol"], row["market"]))


def parsed(shock: str) -> tuple[str, str]:
    """(kind, name) of a shock in any spelling."""
    return weighted.kind_and_name(weighted.canonical(shock))


def several_drivers(kind: str, name: str, holdings: Sequence[Holdings]) -> list[Problem]:
    """Tokens that a shock moves by another root than the one they follow: named, since that part of
    their move is not in any price."""
    if kind == "token":
        return []
    weights = weighted.weights_of(name) if kind == "shock" else {name: Fraction(1)}
    found = []
    for one in holdings:
        for token in one.tokens:
            moved = {r.driver for r in token.roots if r.driver is not None and r.line.moves}
            apart = moved - {token.driver}
            apart &= apart if kind == "market" else weights.keys()
            if apart:
                text = f"{token.symbol} moves with {', '.join(sorted(apart))} besides"
                text += f" {token.driver}: under {name} that part is left out"
                found.append(Problem("several_drivers", text, one.protocol, one.market))
    return found


def _shocks(asked: Sequence[str], surveys: Sequence[Survey]) -> list[tuple[str, str]]:
    """(kind, name) in a fixed order."""
    if asked:
        return sorted({parsed(shock) for shock in asked})
    return sorted({("driver", name) for survey in surveys for name in survey.drivers})


def _feeds(
    name: str,
    spot: float,
    surveyed: Sequence[Surveyed],
    exposures: Sequence[Exposure | None],
    feeds: Sequence[dict[str, Any]],
) -> list[Problem]:
    """Note each market's own root feed; name the markets whose feed is far from spot."""
    apart = []
    for one, exposure, feed in zip(surveyed, exposures, feeds, strict=True):
        if exposure is None:
            continue
        shock = exposure.shock
        feed[name] = {
            "feed": "0x" + shock.feed.hex(),
            "description": shock.description,
            "price_usd": shock.spot,
        }
        if abs(shock.spot / spot - 1) > FEEDS_APART:
            text = f"{name} is at {shock.spot} in this market, {spot} in the largest"
            apart.append(Problem("feeds_differ", text, one.row.protocol, one.row.name))
    return apart


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "kind": problem.kind,
        "protocol": problem.protocol,
        "market": problem.market,
        "message": problem.message,
        "fatal": problem.fatal,
    }
