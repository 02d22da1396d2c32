"""Morpho's pre-liquidation: contracts that act before the market does, for who has let them.

A borrower who has authorised one may be liquidated in part where the loan-to-value is above the
contract's `preLltv`, by an oracle of the contract's choice (morpho-org/pre-liquidation,
src/PreLiquidation.sol, preLiquidate). It is a second level of the same position, above the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.integers import Integers

from . import _morpho_rules as rules
from ._morpho_market import Isolated

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_MORPHO, _CONTRACT = abi.load("morpho_blue"), abi.load("morpho_pre_liquidation")
_ORACLE = abi.load("morpho_oracle")


@dataclass(frozen=True)
class PreLiquidation:
    """One contract: its market's place among the isolated ones, its threshold [wad], and what its
    oracle answers."""

    address: bytes
    place: int
    lltv: int
    price: int


def read_contracts(
    chain: Chain, isolated: Sequence[Isolated], contracts: U8
) -> list[PreLiquidation]:
    """The pre-liquidation contracts of markets in which somebody owes; without an answer of the
    contract or of its oracle it can act on nobody, and is left out."""
    number = {one.id: place for place, one in enumerate(isolated)}
    addresses = [row.tobytes() for row in contracts]
    getters = ("ID", "preLiquidationParams")
    told = chain.read([Call(a, _CONTRACT, getter) for a in addresses for getter in getters])
    found = [
        (address, number[bytes(market)], params)
        for address, market, params in zip(addresses, told[0::2], told[1::2], strict=True)
        if not isinstance(market, Failed)
        and not isinstance(params, Failed)
        and bytes(market) in number
    ]
    prices = chain.read([Call(params[5], _ORACLE, "price") for *_, params in found])
    return [
        PreLiquidation(address, place, params[0], int(price))
        for (address, place, params), price in zip(found, prices, strict=True)
        if not isinstance(price, Failed) and price > 0 and params[0] > 0
    ]


def early_falls(
    chain: Chain,
    morpho: bytes,
    contracts: Sequence[PreLiquidation],
    keys: U8,
    place: I64,
    collateral: Integers,
    debt: Integers,
) -> tuple[F64, I64, int]:
    """Where each position's first pre-liquidation begins, as a multiple of the present price of its
    collateral in its loan, NaN for none; the contract (index), -1 for none; and how many questions
    of who has authorised whom were not answered.

    `keys` have shape (n, 52), `place`, `collateral` and `debt` shape (n,).
    """
    falls, by = np.full(len(keys), np.nan), np.full(len(keys), -1, np.int64)
    pairs = [(number, np.flatnonzero(place == one.place)) for number, one in enumerate(contracts)]
    rows = np.concatenate([mine for _, mine in pairs]) if pairs else np.zeros(0, np.int64)
    if not len(rows):
        return falls, by, 0
    which = np.concatenate([np.full(len(mine), number) for number, mine in pairs])
    table = np.frombuffer(b"".join(one.address for one in contracts), np.uint8).reshape(-1, 20)
    calls = abi.pack(_MORPHO.selector("isAuthorized"), keys[rows, :20], table[which])
    answer = chain.bulk(np.frombuffer(morpho, np.uint8), calls, words=1)
    silent = int((~answer.ok).sum())
    let = answer.ok & answer.words[:, 0].any(axis=1) & (collateral[rows] > 0).astype(np.bool_)
    rows, which = rows[let], which[let]
    lltv = np.array([one.lltv for one in contracts], object)[which]
    price = np.array([one.price for one in contracts], object)[which]
    least = rules.least_price(collateral[rows], debt[rows], lltv)
    fall = (least / price).astype(np.float64) if len(rows) else np.zeros(0)
    order = np.argsort(fall, kind="stable")  # the nearest one last, so that it stays
    falls[rows[order]], by[rows[order]] = fall[order], which[order]
    return falls, by, silent
