"""Accounts of Venus' core pool: Compound's, with thresholds by pool, VAI and its own incentives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core import integers
from scanner.core.integers import Integers
from scanner.core.states import States
from scanner.errors import MarketError

from ._compound_accounts import OTHERS
from ._compound_columns import Columns
from ._compound_market import CompoundMarket, every
from ._compound_survey import CompoundSurvey

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

POOL, MINTED = OTHERS, OTHERS + 1  # slots: the account's e-mode pool; minted VAI, not nothing

_COMPTROLLER, _VAI = abi.load("venus_comptroller"), abi.load("venus_vai")


@dataclass(frozen=True)
class VenusMarket(CompoundMarket):
    """The core pool. `vai` is the VAI controller, None where there is none."""

    vai: bytes | None = None


@dataclass(frozen=True)
class Pools:
    """Liquidation thresholds and incentives by pool (row) and market (column); `number` names the
    rows, of which the first is the core pool's. Mantissas of 1e18."""

    number: I64
    threshold: Integers
    incentive: Integers


@dataclass(frozen=True)
class Minted:
    """VAI owed by accounts: index of the account, and amount with interest to the block."""

    account: I64
    amount: Integers


def read_pools(chain: Chain, market: CompoundMarket, numbers: Sequence[int]) -> Pools:
    """What the pools say that accounts are in.

    Source: MarketFacet.getLiquidationParams: an inactive pool counts like the core pool; a market
    that a pool does not list counts as the core pool has it, if the pool falls back, else nothing.
    """
    comptroller, ctokens = market.comptroller, market.ctokens
    rows = sorted({0, *numbers})
    calls = [Call(comptroller, _COMPTROLLER, "markets", (c.address,)) for c in ctokens]
    core = every(chain, calls)
    others = rows[1:]
    pools = every(chain, [Call(comptroller, _COMPTROLLER, "pools", (n,)) for n in others])
    told = every(
        chain,
        [
            Call(comptroller, _COMPTROLLER, "poolMarkets", (n, c.address))
            for n in others
            for c in ctokens
        ],
    )
    table = [[(row[3], row[4]) for row in core]]
    for place, (_, active, falls_back) in enumerate(pools):
        mine = told[place * len(ctokens) : (place + 1) * len(ctokens)]
        table.append(
            [
                (base[3], base[4])
                if not active or (not row[0] and falls_back)
                else (row[3], row[4])
                for row, base in zip(mine, core, strict=True)
            ]
        )
    values = np.array(table, object).reshape(len(rows), len(ctokens), 2)
    return Pools(np.array(rows, np.int64), values[:, :, 0], values[:, :, 1])


def read_minted(chain: Chain, market: VenusMarket, states: States) -> Minted:
    """What accounts that have minted VAI have to repay, its interest accrued first."""
    owner = np.repeat(np.arange(len(states.counts)), states.counts)
    rows = owner[states.slot == MINTED]
    if market.vai is None or not len(rows):
        return Minted(np.zeros(0, np.int64), np.zeros(0, object))
    accrue = [Call(market.vai, _VAI, "accrueVAIInterest")]
    calls = [Call(market.vai, _VAI, "getVAIRepayAmount", (states.accounts[i],)) for i in rows]
    answers = chain.read_after(accrue, calls)
    failed = [answer for answer in answers if isinstance(answer, Failed)]
    if failed:
        raise MarketError(
            f"the debt of {len(failed)} accounts in VAI could not be read",
            reason=failed[0].reason,
            fix="run again, with another endpoint",
        )
    return Minted(rows.astype(np.int64), np.array(answers, object))


class VenusSurvey(CompoundSurvey):
    """See `scanner.protocols.Survey`."""

    market: VenusMarket

    def __init__(self, chain: Chain, market: VenusMarket, states: States, failed: U8) -> None:
        owner = np.repeat(np.arange(len(states.counts)), states.counts)
        mine = states.slot == POOL
        number = np.zeros(len(states.counts), np.int64)
        number[owner[mine]] = integers.from_words(states.value[mine]).astype(np.int64)
        self.pools = read_pools(chain, market, np.unique(number).tolist())
        self.pool = np.searchsorted(self.pools.number, number)
        self.minted = read_minted(chain, market, states)
        super().__init__(market, states, failed)

    def _owes_more(self, states: States) -> Bool:
        owes = np.zeros(len(states.counts), np.bool_)
        owes[self.minted.account[(self.minted.amount > 0).astype(np.bool_)]] = True
        return owes

    def _weights(self, columns: Columns) -> Integers:
        chosen = self.pools.threshold[self.pool[columns.account], columns.market]
        return np.asarray(chosen, object)

    def _more_debt(self, good: Bool) -> tuple[I64, I64, Integers]:
        self.pool_of = self.pool[good]
        rank = np.cumsum(good) - 1
        some = good[self.minted.account] & (self.minted.amount > 0).astype(np.bool_)
        position = rank[self.minted.account[some]]
        vai = np.full(len(position), len(self.market.ctokens), np.int64)
        return position, vai, self.minted.amount[some]

    def _incentives(self, held: I64, owed: I64) -> Integers:
        """By the borrower's pool; where VAI is repaid, the core pool's.

        Source: ComptrollerLens.liquidateCalculateSeizeTokens, liquidateVAICalculateSeizeTokens.
        """
        legs = self.book.legs
        vai = legs.token[owed] == len(self.market.ctokens)
        row = np.where(vai, 0, self.pool_of[legs.position[held]])
        return np.asarray(self.pools.incentive[row, legs.token[held]], object)

    def _accruals(self) -> list[Call]:
        if self.market.vai is None:
            return super()._accruals()
        return [*super()._accruals(), Call(self.market.vai, _VAI, "accrueVAIInterest")]
