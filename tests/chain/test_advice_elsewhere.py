"""What to repay or to add in protocols whose integers a scan does not keep: really paid, scanned
again. p* is at or beyond the price asked for, and a little less is not enough."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from localchain.aave_v2 import VARIABLE, AaveV2
from localchain.abi import Reverted
from localchain.compound import NATIVE, Compound
from localchain.ground import Ground
from localchain.maker import FROB, Maker
from localchain.morpho import PARAMS, Morpho
from localchain.node import Node

from scanner import answers, reading
from scanner import scan as scanning
from scanner.scan import Finished, Request

Pay = Callable[[Any, str, str, str, int], None]  # chain, account, kind, symbol, units
RAY = 10**27
# The part of an amount that makes the difference; Aave v2 cuts an average weight, by digits that a
# scan does not keep where it is a whole number of basis points.
LESS = {"aave_v2": 50}


def compound(ground: Ground) -> Compound:
    """Without interest once it is populated: it accrues by block, and every payment is one."""
    made = Compound(ground)
    populate = made.populate

    def still(n: int, seed: int = 1) -> list[str]:
        people = populate(n, seed)
        none = ground.create(made.contract("WhitePaperInterestRateModel"), 0, 0, *made.PER_YEAR)
        for market in made.markets.values():
            made.admin("_setInterestRateModel(address)", none, to=market.address)
        return people

    made.populate = still  # type: ignore[method-assign]
    return made


def compound_pays(chain: Compound, row: Any, kind: str, token: str, units: int) -> None:
    if kind == "add":
        chain.mint(row.account, token, units)
        return
    market = chain.markets[token].address
    if token == NATIVE:
        chain.ground.pay(row.account, market, "repayBorrow()", units)
        return
    chain.ground.fund(token, row.account, units, [market])
    chain.tell(row.account, market, "repayBorrow(uint256)", units)


def morpho_pays(chain: Morpho, row: Any, kind: str, token: str, units: int) -> None:
    name = next(n for n, pool in chain.markets.items() if row.market.endswith(pool.id[2:10]))
    if kind == "add":
        chain.supply_collateral(row.account, name, units)
        return
    pool = chain.markets[name]
    chain.ground.fund(pool.loan, row.account, units, [chain.address])
    signature = f"repay({PARAMS},uint256,uint256,address,bytes)"
    chain.ground.send(
        row.account, chain.address, signature, pool.params, units, 0, row.account, b""
    )


def maker_pays(chain: Maker, row: Any, kind: str, token: str, units: int) -> None:
    name = row.market.encode().ljust(32, b"\0")
    who = row.account
    if kind == "add":
        chain._slip(row.market, who, units)
        chain.ground.send(who, chain.vat, FROB, name, who, who, who, units, 0)
        return
    chain.drip(row.market)
    art = units * RAY // chain.ilk(row.market)[1]
    chain.ground.send(who, chain.vat, FROB, name, who, who, who, 0, -art)


def aave_v2_pays(chain: AaveV2, row: Any, kind: str, token: str, units: int) -> None:
    if kind == "add":
        chain.deposit(row.account, token, units)
        return
    if chain.debts(row.account)[token][0]:
        raise Reverted("in two parts: one call does not do it", b"")
    address = chain.ground.tokens[token].address
    chain.ground.fund(token, row.account, units, [chain.pool])
    signature = "repay(address,uint256,uint256,address)"
    chain.ground.send(row.account, chain.pool, signature, address, units, VARIABLE, row.account)


KINDS: dict[str, tuple[Callable[[Ground], Any], int, Pay]] = {
    "morpho_blue": (Morpho, 40, morpho_pays),
    "compound_v2": (compound, 40, compound_pays),
    "maker": (Maker, 45, maker_pays),
    "aave_v2": (AaveV2, 40, aave_v2_pays),
}


@dataclass(frozen=True)
class Scene:
    """A populated chain, and how its positions are paid for."""

    protocol: str
    chain: Any
    pay: Pay


@pytest.fixture(scope="module", params=list(KINDS))
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    make, people, pay = KINDS[request.param]
    node = Node()
    try:
        chain = make(Ground(node))
        chain.populate(people, 7)
        yield Scene(request.param, chain, pay)
    finally:
        node.close()


@contextmanager
def scanned(scene: Scene, store: Path) -> Iterator[Finished]:
    store.mkdir(parents=True)
    deployments = store.parent / f"{store.name}.toml"
    deployments.write_text(scene.chain.deployments_toml())
    url = scene.chain.node.url
    yield scanning.run(Request(None, (url,), (), deployments, store, verify=1, patience=30))


def priced(finished: Finished, driver: str) -> pd.DataFrame:
    frame = pd.DataFrame(finished.positions)
    return frame[(frame["driver"] == driver) & (frame["side"] != "none")]


def paid(
    scene: Scene, deeds: list[tuple[Any, str, str, int, float]], store: Path
) -> list[tuple[Any, float, bool]]:
    """Every deed done, and by how much p* is short of the price asked for (0: it is not)."""
    told = []
    with scene.chain.ground.undone():
        done = []
        for deed in deeds:
            row, kind, symbol, units, _ = deed
            try:
                scene.pay(scene.chain, row, kind, symbol, units)
            except Reverted:
                continue  # dust would be left, or the account has not the debt in one piece
            done.append(deed)
        with scanned(scene, store) as finished:
            frame = pd.DataFrame(finished.positions)
    for row, kind, symbol, units, target in done:
        mine = frame[
            (frame["account"] == row.account)
            & (frame["market"] == row.market)
            & (frame["driver"] == row.driver)
        ]
        short = 0.0
        for after in mine.itertuples():
            assert not after.already_liquidatable
            if after.side == row.side:
                price = after.liquidation_price_usd
                short = (price / target - 1) * (1 if row.side == "long" else -1)
        told.append(((row.account, row.side, kind, symbol, units, target), short, len(mine) > 0))
    return told


def test_what_is_said_is_enough_and_a_little_less_is_not(scene: Scene, tmp_path: Path) -> None:
    """For every position with a price in ether, one token after the other."""
    with scanned(scene, tmp_path / "store") as finished:
        rows = priced(finished, "ETH")
    stored = reading.newest(tmp_path / "store", None)
    turns: list[list[tuple[Any, str, str, int, float]]] = [[] for _ in range(4)]
    known = 0
    for row in rows.itertuples():
        target = row.liquidation_price_usd * (0.9 if row.side == "long" else 1.1)
        found = answers.account(stored, row.account, driver="ETH", reach=target)["reach"]
        [one] = [p for p in found["positions"] if p["market"] == row.market]
        assert one["rule"] == "closed_form", one
        assert one["needed"]
        known += 1
        todo = [(kind, token) for kind in ("repay", "add") for token in one[kind]]
        for turn, (kind, token) in zip(turns, todo, strict=False):
            if token["amount_raw"] is not None:
                turn.append((row, kind, token["symbol"], int(token["amount_raw"]), target))
            else:
                assert token["reason"]
    assert known == len(rows) > 6

    for number, turn in enumerate(turns):
        told = paid(scene, turn, tmp_path / f"done {number}")
        assert [one for one in told if one[1] > 0] == []
        if number < 2:
            assert len(told) > 0.5 * len(turn) > 2
    for number, turn in enumerate(turns[:2]):
        less = [
            (*deed[:3], deed[3] - max(deed[3] // LESS.get(scene.protocol, 10**6), 10), deed[4])
            for deed in turn
        ]
        told = paid(scene, less, tmp_path / f"less {number}")
        assert told
        assert [one for one in told if one[1] <= 0 and one[2]] == []
