"""Morpho and Maker under shocks that move prices apart, and under bent prices: random positions,
their oracle moved along the way in fractions, judged by the contracts' arithmetic."""

import random
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import Way, random_ways, spelled, spots

from scanner.core.positions import Exposure, Feed
from scanner.core.states import States
from scanner.protocols import _maker_rules as maker
from scanner.protocols._maker_market import Ilk, MakerMarket
from scanner.protocols._maker_survey import MakerSurvey, Urns
from scanner.protocols._morpho_market import Asset, Isolated, MorphoMarket
from scanner.protocols._morpho_survey import MorphoSurvey

seeds = st.integers(0, 2**40)
KINDS = ("driver", "market", "weighted")
WAD, RAY, ONE = 10**18, 10**27, 10**36
TOKENS, MARKETS, PEOPLE = 4, 5, 12
PRESENT = 10**11  # of a driver's feed


def oracle_at(price: int, up: Way, down: Way | None, ratio: Fraction) -> Fraction:
    """The price of a collateral in its loan where the axis is at a ratio, unrounded."""
    below = Fraction(1) if down is None else down.factor(ratio)
    return price * up.factor(ratio) / max(below, Fraction(1, 10**30))


def check(
    rng: random.Random,
    exposure: Exposure,
    fine: list[bool],
    ways: list[Way],
    pair: Any,
    healthy: Any,
) -> int:
    """p* and its ratio: healthy at it, not one unit on; as a ratio within 1e-9 of where the exact
    prices cross; nowhere nearer liquidatable. `pair(k)` gives price and ways of position k,
    `healthy(k, price)` the contract's verdict at a price of its oracle."""
    found = 0
    looks = [Fraction(p, 10**9) for p in spots(rng, 10**9, 10**6, 10**12, ways)]
    for k, ok in enumerate(fine):
        side, raw, ratio = int(exposure.side[k]), int(exposure.raw[k]), float(exposure.ratio[k])
        price, up, down = pair(k)
        if not ok:
            assert side == 0
            continue
        far = 1000.0
        if side:
            assert healthy(k, raw)
            assert not healthy(k, raw - 1)
            there = oracle_at(price, up, down, Fraction(ratio))
            around = [
                oracle_at(price, up, down, Fraction(ratio) + k * Fraction(1, 10**9))
                for k in (-1, 1)
            ]
            unit = abs(float((around[1] - around[0]) / there))  # what the axis counts in
            assert float(there / raw) == pytest.approx(1, abs=1e-9 + unit)
            on = oracle_at(price, up, down, Fraction(ratio) * (1 - side * Fraction(1, 10**9)))
            assert on <= raw * (1 - Fraction(1, 10**15))
            far = max(ratio, 1 / ratio)
            found += 1
        for place in looks:
            if down is not None and not down.factor(place):
                continue  # a debt worth nothing
            if max(place, 1 / place) < (1 + (far - 1) * 0.999):
                there = oracle_at(price, up, down, place)
                assert healthy(k, int(there * (1 + Fraction(1, 10**9))) + 1), (k, place, side)
    return found


def morpho_case(seed: int, kind: str) -> tuple[int, int]:
    """A random book of Morpho under a random shock: positions and those with a price."""
    rng = random.Random(f"{seed} {kind} morpho")
    ways = random_ways(rng, TOKENS, kind)
    kind_, name, drivers = spelled(ways, kind)
    usd = [10 ** rng.uniform(-1, 5) for _ in range(TOKENS)]
    decimals = [rng.choice([6, 8, 18]) for _ in range(TOKENS)]
    assets = [
        Asset(bytes([k]) * 20, f"T{k}", decimals[k], drivers[k], "test", usd[k], ways[k].curve)
        for k in range(TOKENS)
    ]
    isolated = []
    for number in range(MARKETS):
        held, lent = rng.sample(range(TOKENS), 2)
        scale = Fraction(ONE * 10 ** decimals[lent], 10 ** decimals[held])
        price = max(int(usd[held] / usd[lent] * scale), 10**12)
        one = {
            "id": bytes([number]) * 32, "label": f"m{number}", "loan": assets[lent],
            "collateral": assets[held], "oracle": bytes(20), "params": (), "why": "",
            "lltv": rng.choice([385, 770, 860, 945]) * 10**15, "assets": 10**30,
            "shares": 10**36, "price": price,
        }  # fmt: skip
        isolated.append(Isolated(**one))
    row = SimpleNamespace(name="morpho", addresses={"morpho": bytes(20)}, drivers={})
    feed = Feed(bytes(20), "", 10**8, PRESENT)
    market = MorphoMarket("morpho_blue", row, bytes(20), 0, tuple(isolated), {"X": feed})  # type: ignore[arg-type]
    keys, words = [], []
    for who in range(PEOPLE):
        one_ = rng.choice(isolated)
        collateral = int(10 ** rng.uniform(6, 24))
        most = collateral * one_.price // ONE * one_.lltv // WAD
        owed = int(most / rng.choice([0.9, 1.0001, 1 + rng.random(), 3.0]))
        keys.append(who.to_bytes(20, "big") + one_.id)
        words.append((collateral << 128) + max(owed, 1) * 10**6)
    states = States(
        np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 52),
        np.ones(PEOPLE, np.int64),
        np.zeros(PEOPLE, np.int64),
        np.frombuffer(b"".join(w.to_bytes(32, "big") for w in words), np.uint8).reshape(-1, 32),
    )
    survey = MorphoSurvey(market, states, np.zeros((0, 52), np.uint8))
    exposure = survey.expose(kind_, name)
    if exposure is None:
        return len(survey.place), 0

    def pair(k: int) -> tuple[int, Way, Way]:
        one = isolated[survey.place[k]]
        return one.price, ways[int(one.collateral.symbol[1:])], ways[int(one.loan.symbol[1:])]

    def healthy(k: int, price: int) -> bool:
        one = isolated[survey.place[k]]
        return survey.collateral[k] * price // ONE * one.lltv // WAD >= survey.debt[k]

    return len(survey.place), check(rng, exposure, survey.fine.tolist(), ways, pair, healthy)


def maker_case(seed: int, kind: str) -> tuple[int, int]:
    """A random book of Maker under a random shock: urns and those with a price."""
    rng = random.Random(f"{seed} {kind} maker")
    ways = random_ways(rng, TOKENS, kind)
    kind_, name, drivers = spelled(ways, kind)
    limits = maker.Limits(113 * 10**16, 0, 10**60, 1, True)
    ilks = []
    for number in range(TOKENS):
        mat = rng.choice([130, 145, 170]) * 10**25
        value = int(10 ** rng.uniform(17, 23))
        rate = RAY + rng.randrange(RAY)
        numbers: dict[str, Any] = {
            "total": 0, "rate": rate, "stored_rate": rate, "par": RAY, "mat": mat, "value": value,
            "stored_spot": int(maker.poked(value, RAY, mat).item()), "following": 0, "hole": 0,
        }  # fmt: skip
        texts: dict[str, Any] = {
            "id": bytes([number]) * 32, "name": f"T{number}-A", "gem": bytes([number]) * 20,
            "driver": drivers[number], "driver_source": "test", "pip": bytes([number]) * 20,
            "source": "peek", "idle": "",
        }  # fmt: skip
        ilks.append(Ilk(**numbers, **texts, limits=limits, curve=ways[number].curve))
    row = SimpleNamespace(name="maker", addresses={"vat": bytes(20), "dog": bytes(20)}, drivers={})
    feed = Feed(bytes(20), "", 10**8, PRESENT)
    market = MakerMarket("maker", row, 0, tuple(ilks), {"X": feed})  # type: ignore[arg-type]
    keys, ink, art = [], [], []
    for who in range(PEOPLE):
        one = rng.choice(ilks)
        held = int(10 ** rng.uniform(15, 24))
        most = held * one.stored_spot // one.rate
        keys.append(who.to_bytes(20, "big") + one.id)
        ink.append(held)
        art.append(max(int(most / rng.choice([0.9, 1.0001, 1 + rng.random(), 3.0])), 1))
    table = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 52)
    none = np.zeros((0, 20), np.uint8)
    urns = Urns(table, np.array(ink, object), np.array(art, object), none, none)
    survey = MakerSurvey(market, urns, table[:, :20].copy(), np.zeros((0, 52), np.uint8))
    exposure = survey.expose(kind_, name)
    if exposure is None:
        return len(survey.place), 0

    def pair(k: int) -> tuple[int, Way, None]:
        place = int(survey.place[k])
        return ilks[place].value, ways[place], None

    def healthy(k: int, value: int) -> bool:
        one = ilks[survey.place[k]]
        spot = int(maker.poked(value, one.par, one.mat).item())
        return bool(survey.ink[k] * spot >= survey.art[k] * one.rate)

    return len(survey.place), check(rng, exposure, survey.fine.tolist(), ways, pair, healthy)


CASES = {"morpho": morpho_case, "maker": maker_case}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", CASES)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_edge_under_any_shock(protocol: str, kind: str, seed: int) -> None:
    CASES[protocol](seed, kind)


def test_the_samples_have_edges() -> None:
    for one in CASES.values():
        for kind in KINDS:
            assert sum(one(seed, kind)[1] for seed in range(12)) >= 25
