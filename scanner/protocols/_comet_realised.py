"""Liquidations that happened on Compound v3: AbsorbDebt and AbsorbCollateral, BuyCollateral.

An account is absorbed whole: its collateral goes to the protocol, which pays the debt and sells
later. `basePaidOut` is the change of the account's balance, so it exceeds the debt where collateral
was left over, and the rest stands in a Transfer from zero behind it
(compound-finance/comet, Comet.absorbInternal).
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk, picked
from scanner.chain.pinned import Chain
from scanner.core.realised import LIQUIDATION, SOLD, Realised, Worth, valued

from . import LogFilter, _realised
from ._comet_market import CometMarket, quotes_at

U8 = npt.NDArray[np.uint8]

_COMET = abi.load("comet")
_DEBT, _HELD, _BOUGHT = (
    _COMET.topic(event) for event in ("AbsorbDebt", "AbsorbCollateral", "BuyCollateral")
)
_TRANSFER = _COMET.topic("Transfer")
_NOBODY = bytes(20)


def liquidations(chain: Chain, market: CometMarket, known: U8) -> LogFilter:
    """The Comet's own logs."""
    return LogFilter([market.comet], [_DEBT, _HELD, _BOUGHT])


def realised(chain: Chain, market: CometMarket, logs: LogChunk) -> Realised:
    """A row for each collateral of an absorbed account, the debt split by what they were worth."""
    debts, held, bought = (_realised.of_event(logs, topic) for topic in (_DEBT, _HELD, _BOUGHT))
    base = np.frombuffer(market.quotes.tokens[-1].address, np.uint8)
    paid = _paid(chain, market, debts)
    source, taken, part, split = _split(debts, held, paid)
    who = _realised.named(debts, 2)
    absorbed = _realised.rows(
        picked(debts, source),
        LIQUIDATION,
        market.row.name,
        who[source],
        collateral=_tokens_of(held, taken),
        debt=np.broadcast_to(base, (len(source), 20)).copy(),
        seized=_amounts(_realised.number(held, 0), taken),
        repaid=split,
    )
    sold = _realised.rows(
        bought,
        SOLD,
        market.row.name,
        _realised.named(bought, 1),
        collateral=_realised.named(bought, 2),
        debt=np.broadcast_to(base, (len(bought), 20)).copy(),
        seized=_realised.number(bought, 1),
        repaid=_realised.number(bought, 0),
    )
    return _realised.together(
        [replace(absorbed, part=part) if len(absorbed) else absorbed, sold], market.quotes.tokens
    )


def _paid(chain: Chain, market: CometMarket, debts: LogChunk) -> npt.NDArray[np.object_]:
    """The debt of each absorbed account: what was paid out, less what was left to it."""
    paid = _realised.number(debts, 0)
    if not len(debts):
        return paid
    left = _realised.Trail(
        _realised.of_blocks(chain, [market.comet], [_TRANSFER], debts.block),
        lambda chunk: [
            (sender.tobytes(), to.tobytes())
            for sender, to in zip(_realised.named(chunk, 1), _realised.named(chunk, 2), strict=True)
        ],
    )
    assert debts.index is not None
    assert debts.transaction is not None
    for k, place in enumerate(debts.index.tolist()):
        who = _realised.named(debts, 2)[k].tobytes()
        # The very next log, if any: nothing else is written between the two.
        rest = left.first((debts.transaction[k].tobytes(), _NOBODY, who), place, place + 2)
        paid[k] -= rest or 0
    return paid


def _split(
    debts: LogChunk, held: LogChunk, paid: npt.NDArray[np.object_]
) -> tuple[Any, Any, Any, npt.NDArray[np.object_]]:
    """Rows: which debt, which collateral's log (-1: none), the part, and the debt's share.

    An account's collaterals are written before its debt, in one transaction.
    """
    assert debts.index is not None
    assert debts.transaction is not None
    assert held.index is not None
    assert held.transaction is not None
    dollars = _realised.number(held, 1)
    of: dict[tuple[bytes, bytes], list[int]] = {}
    for k, who in enumerate(_realised.named(held, 2)):
        of.setdefault((held.transaction[k].tobytes(), who.tobytes()), []).append(k)
    source, taken, part, split = [], [], [], []
    for k, who in enumerate(_realised.named(debts, 2)):
        mine = of.get((debts.transaction[k].tobytes(), who.tobytes()), [])
        now = [j for j in mine if held.index[j] < debts.index[k]]
        mine[: len(now)] = []  # an account may be absorbed twice in one transaction
        weight = sum(dollars[j] for j in now)
        left = paid[k]
        for place, j in enumerate(now or [-1]):
            last = place == max(len(now) - 1, 0)
            mass = left if last or not weight else paid[k] * dollars[j] // weight
            left -= mass
            source.append(k)
            taken.append(j)
            part.append(place)
            split.append(mass)
    shares = np.empty(len(split), object)
    shares[:] = split
    return np.array(source, np.int64), np.array(taken, np.int64), np.array(part, np.int64), shares


def _tokens_of(held: LogChunk, taken: Any) -> U8:
    tokens = np.zeros((len(taken), 20), np.uint8)
    tokens[taken >= 0] = _realised.named(held, 3)[taken[taken >= 0]]
    return tokens


def _amounts(units: npt.NDArray[np.object_], taken: Any) -> npt.NDArray[np.object_]:
    amounts = np.full(len(taken), None, object)
    amounts[taken >= 0] = units[taken[taken >= 0]]
    return amounts


def worth(chain: Chain, market: CometMarket, found: Realised) -> Worth:
    """By the Comet's own feeds at the block; where it quotes in its base, by that's dollars too."""
    tokens = quotes_at(chain, market).tokens
    return valued(found, {token.address: token.price for token in tokens if token.price > 0})
