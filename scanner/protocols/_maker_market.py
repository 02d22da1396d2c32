"""Maker's collateral types at one block: parameters, and the three prices each has.

Stored: what the Vat's spot was last poked with. Refreshed: what anybody can poke it to now. Next:
what the oracle security module will say after its delay. Source: osm/src/osm.sol (storage: 3 = cur,
4 = nxt; low half the value, high half whether there is one; `peek` answers the whitelisted only).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.curves import Curve
from scanner.core.positions import Feed
from scanner.deployments import Market, driver_tables
from scanner.errors import Problem

from ._asking import every, raw
from ._drivers import curve_of, driver_of
from ._feeds import Path
from ._maker_probe import spots_follow
from ._maker_rules import RAY, WAD, Limits, dripped, least_value_of, poked
from ._probe import Seen
from ._text import clean_symbol
from ._usd import usd_feeds

U8 = npt.NDArray[np.uint8]

_VAT, _SPOTTER, _JUG = (abi.load(f"maker_{name}") for name in ("vat", "spotter", "jug"))
_DOG, _CAT, _PIP = (abi.load(f"maker_{name}") for name in ("dog", "cat", "pip"))
_REGISTRY = abi.load("maker_registry")
_every = partial(every, doubt="is an address of the row wrong?")
_CUR, _NXT = 3, 4  # storage slots of an OSM


@dataclass(frozen=True)
class Ilk:
    """One collateral type. Integers as the contracts count (wad, ray, rad).

    `rate` and `spot` are refreshed, `stored_rate` and `stored_spot` what the Vat holds; `value` is
    the oracle's present value and `following` its next one, 0 where there is none; `source` says
    where the value is from. `idle` says why nothing of it is ever liquidated, `stopped` why nothing
    can be sold at present; "" where it can. `curve`
    is how the value follows its driver's root feed, None for in proportion.
    """

    id: bytes
    name: str
    gem: bytes
    driver: str | None
    driver_source: str
    total: int
    rate: int
    stored_rate: int
    stored_spot: int
    par: int
    mat: int
    pip: bytes
    value: int
    following: int
    source: str
    limits: Limits
    hole: int
    idle: str
    stopped: str = ""
    curve: Curve | None = None
    roots: tuple[Seen, ...] = ()

    @property
    def symbol(self) -> str:
        """Its collateral's, as the ilk's name has it: "ETH" of "ETH-A"."""
        return self.name.rpartition("-")[0] or self.name

    @property
    def feed(self) -> Feed:
        """Its oracle."""
        return Feed(self.pip, self.name, WAD, self.value)

    @property
    def stored_value(self) -> int:
        """The oracle value that the Vat's spot stands for: the least that gives this spot. [wad]"""
        return least_value_of(self.stored_spot, self.par, self.mat)


@dataclass(frozen=True)
class MakerMarket:
    """Maker at one block; `ilks` are those in which any urn owes."""

    protocol: str
    row: Market
    timestamp: int
    ilks: tuple[Ilk, ...] = ()
    spots: dict[str, Feed] = field(default_factory=dict)
    live: bool = True  # whether the Dog (the Cat) liquidates at all
    problems: tuple[Problem, ...] = ()

    @property
    def vat(self) -> bytes:
        """The core accounting contract."""
        return self.row.addresses["vat"]

    @property
    def liquidator(self) -> tuple[bytes, bool]:
        """The Dog, or before it the Cat, and whether it is the Dog."""
        dog = self.row.addresses.get("dog")
        return (dog, True) if dog is not None else (self.row.addresses["cat"], False)


def read_ilks(chain: Chain, market: MakerMarket, ids: U8) -> MakerMarket:
    """The market with the ilks of these ids, shape (n, 32), and every other one in which somebody
    owes as far as the registry knows: an ilk of which all notes were lost is a gap then."""
    names = sorted({row.tobytes() for row in ids} | _listed(chain, market))
    addresses = market.row.addresses
    liquidator, dog = market.liquidator
    book = _DOG if dog else _CAT
    whole = ("Hole", "Dirt", "live") if dog else ("box", "litter", "live")
    calls = [Call(addresses["spotter"], _SPOTTER, "par"), Call(addresses["jug"], _JUG, "base")]
    calls += [Call(liquidator, book, getter) for getter in whole]
    for name in names:
        calls += [
            Call(market.vat, _VAT, "ilks", (name,)),
            Call(addresses["spotter"], _SPOTTER, "ilks", (name,)),
            Call(addresses["jug"], _JUG, "ilks", (name,)),
            Call(liquidator, book, "ilks", (name,)),
        ]
    par, base, cap, used, live, *rows = _every(chain, calls)
    told = [tuple(rows[k : k + 4]) for k in range(0, len(rows), 4)]
    pips = [raw(spotted[0]) for _, spotted, _, _ in told]
    values = values_of(chain, pips)
    gems = _gems(chain, market, names)
    stops = _stops(chain, [raw(taker[0]) for *_, taker in told], dog)
    tables, problems = driver_tables(), list[Problem]()
    seen = spots_follow(
        chain,
        (market.vat, addresses["spotter"]),
        [
            (name, pip, values[pip][0], par, spotted[1])
            for name, pip, (_, spotted, _, _) in zip(names, pips, told, strict=True)
        ],
        market.row.feeds,
        (market.protocol, market.row.name),
        problems,
    )
    ilks = []
    for place, (name, (vat, spotted, fees, taker)) in enumerate(zip(names, told, strict=True)):
        total, stored_rate, stored_spot, _, dust = vat
        text = clean_symbol(name.rstrip(b"\0").decode("utf-8", "replace"), name[:20])
        symbol = text.rpartition("-")[0] or text
        gem = gems[place] or pips[place]
        path = Path(pips[place], 0, 1, f"{symbol} / USD")
        roots = seen[place]
        driver, told_by = driver_of(
            chain.chain_id, gem, symbol, path, market.row.drivers, tables, roots
        )
        rate = dripped(stored_rate, base + fees[0], max(market.timestamp - fees[1], 0))
        limits, hole = _limits(dog, taker, dust, cap, used)
        value, following, source = values[pips[place]]
        one = Ilk(
            id=name,
            name=text,
            gem=gem,
            driver=driver,
            driver_source="symbol" if told_by == "adapter" else told_by,
            total=total,
            rate=rate,
            stored_rate=stored_rate,
            stored_spot=stored_spot,
            par=par,
            mat=spotted[1],
            pip=pips[place],
            value=value,
            following=following,
            source=source,
            limits=limits,
            hole=hole,
            idle=_idle(taker, spotted),
            stopped=_stopped(taker, live, stops[place]),
            curve=curve_of(driver, roots),
            roots=tuple(roots),
        )
        ilks.append(_checked(one))
    drivers = {one.driver for one in ilks if one.driver is not None}
    spots = usd_feeds(chain, market.row, drivers)
    return MakerMarket(
        market.protocol,
        market.row,
        market.timestamp,
        tuple(ilks),
        spots,
        bool(live),
        tuple(problems),
    )


def _limits(
    dog: bool, taker: tuple[Any, ...], dust: int, cap: int, used: int
) -> tuple[Limits, int]:
    """What one call may take of an ilk, and its hole [rad]."""
    if dog:
        _, chop, hole, dirt = taker
        return Limits(chop, dust, min(cap - used, hole - dirt), 1, True), hole
    _, chop, dunk = taker
    room = cap - used
    return Limits(chop, dust, min(dunk, room) if room >= dust else 0, 1, False), cap


def _idle(taker: tuple[Any, ...], spotted: tuple[Any, ...]) -> str:
    if not any(raw(taker[0])):
        return "no auction house is set"
    if not any(raw(spotted[0])):
        return "no oracle is set"
    if spotted[1] <= RAY:
        return "its liquidation ratio is 100 % or less"
    return ""


def _stopped(taker: tuple[Any, ...], live: int, stop: int) -> str:
    """Why no auction can be started at present. Sources: Dog.bark and Cat.bite (`live`, a division
    by chop), Clipper.kick (isStopped(1): not at level 1 or above)."""
    if not live:
        return "liquidations are switched off"
    if not taker[1]:
        return "no liquidation penalty is set"
    return f"its auctions are stopped (level {stop})" if stop else ""


def values_of(chain: Chain, pips: Sequence[bytes]) -> dict[bytes, tuple[int, int, str]]:
    """Present and next value of each oracle, and where they are from; (0, 0, "") for none."""
    distinct = sorted(set(pips))
    calls = [Call(pip, _PIP, getter) for pip in distinct for getter in ("hop", "peek")]
    answers = chain.read(calls)
    found: dict[bytes, tuple[int, int, str]] = {}
    for pip, hop, peek in zip(distinct, answers[0::2], answers[1::2], strict=True):
        if not isinstance(hop, Failed) and any(pip):
            now, then = (_half(chain.storage_at(pip, slot)) for slot in (_CUR, _NXT))
            found[pip] = (now, then, "osm storage")
        elif not isinstance(peek, Failed):
            found[pip] = (peek[0] if peek[1] and peek[0] < 2**128 else 0, 0, "peek")
        else:
            found[pip] = (0, 0, "")
    return found


def _half(word: bytes) -> int:
    """The value of an OSM's feed word, 0 where it says that there is none."""
    number = int.from_bytes(word, "big")
    return number % 2**128 if number >> 128 == 1 else 0


def _checked(one: Ilk) -> Ilk:
    """The ilk with a value that can be trusted: an oracle with another layout than the OSM's (a
    capped one) is known by what it made of the Vat's spot, and that stored value is taken."""
    strange = one.source == "osm storage" and one.stored_value and one.value
    apart = strange and not 0.2 < one.value / one.stored_value < 5
    if one.value and not apart:
        return one
    stored = one.stored_value
    source = "stored spot" if stored else ""
    return Ilk(**{**vars(one), "value": stored, "following": 0, "source": source})


def clips(chain: Chain, market: MakerMarket, known: Sequence[bytes]) -> dict[bytes, bytes]:
    """The auction houses of the Dog's ilks, `known` and of the registry, and each one's ilk."""
    names = sorted({*known, *_registered(chain, market)})
    dog = market.row.addresses["dog"]
    answers = chain.read([Call(dog, _DOG, "ilks", (name,)) for name in names])
    found = zip(names, answers, strict=True)
    return {raw(a[0]): name for name, a in found if not isinstance(a, Failed) and any(raw(a[0]))}


def _registered(chain: Chain, market: MakerMarket) -> list[bytes]:
    """Every ilk that the registry lists."""
    registry = market.row.addresses.get("ilk_registry")
    if registry is None:
        return []
    [answer] = chain.read([Call(registry, _REGISTRY, "list")])
    return [] if isinstance(answer, Failed) else [bytes(name) for name in answer]


def _listed(chain: Chain, market: MakerMarket) -> set[bytes]:
    """Ilks of the registry that have debt."""
    names = _registered(chain, market)
    totals = chain.read([Call(market.vat, _VAT, "ilks", (name,)) for name in names])
    return {n for n, t in zip(names, totals, strict=True) if not isinstance(t, Failed) and t[0]}


def _gems(chain: Chain, market: MakerMarket, names: Sequence[bytes]) -> list[bytes]:
    """Collateral token of each ilk by the registry; empty where it does not say."""
    registry = market.row.addresses.get("ilk_registry")
    if registry is None:
        return [b""] * len(names)
    answers = chain.read([Call(registry, _REGISTRY, "gem", (name,)) for name in names])
    gems = [b"" if isinstance(answer, Failed) else raw(answer) for answer in answers]
    return [gem if any(gem) else b"" for gem in gems]


def _stops(chain: Chain, clips: Sequence[bytes], dog: bool) -> list[int]:
    """Clipper.stopped of each ilk; a Flipper has none."""
    if not dog:
        return [0] * len(clips)
    answers = chain.read([Call(clip, _DOG, "stopped") for clip in clips])
    return [0 if isinstance(answer, Failed) else int(answer) for answer in answers]


def spot_of(one: Ilk, value: int) -> int:
    """The spot that the Vat would be poked to. [ray]"""
    return int(poked(value, one.par, one.mat).item())
