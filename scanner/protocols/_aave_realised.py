"""Liquidations that happened on Aave v2, v3 and forks: LiquidationCall and DeficitCreated.

`liquidatedCollateralAmount` is what the liquidator got. On v3 the account lost the protocol's fee
besides, a part of the bonus that goes to the treasury in a transfer of its own
(aave-v3-origin, LiquidationLogic.executeLiquidationCall); v2 takes none.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.positions import Token
from scanner.core.realised import BAD_DEBT, LIQUIDATION, Realised, Worth, valued

from . import LogFilter, _realised
from ._aave_market import AaveMarket
from ._asking import raw

U8 = npt.NDArray[np.uint8]

_POOL, _TOKEN, _ORACLE = (abi.load(f"aave_v3_{name}") for name in ("pool", "token", "oracle"))
_FEED = abi.load("price_adapter")
_CALLED, _DEFICIT = _POOL.topic("LiquidationCall"), _POOL.topic("DeficitCreated")
_TRANSFER = _TOKEN.topic("Transfer")


def liquidations(chain: Chain, market: AaveMarket, known: U8) -> LogFilter:
    """The pool's own logs."""
    return LogFilter([market.pool], [_CALLED, _DEFICIT])


def realised(chain: Chain, market: AaveMarket, logs: LogChunk) -> Realised:
    """A row for each call, the fee added to what was seized, and for each deficit."""
    calls, deficits = (_realised.of_event(logs, topic) for topic in (_CALLED, _DEFICIT))
    taken = _realised.number(calls, 1)
    if not market.rules.second:
        taken = taken + _fees(chain, market, calls)
    return _realised.together(
        [
            _realised.rows(
                calls,
                LIQUIDATION,
                market.name,
                _realised.named(calls, 3),
                collateral=_realised.named(calls, 1),
                debt=_realised.named(calls, 2),
                seized=taken,
                repaid=_realised.number(calls, 0),
            ),
            _realised.rows(
                deficits,
                BAD_DEBT,
                market.name,
                _realised.named(deficits, 1),
                debt=_realised.named(deficits, 2),
                bad_debt=_realised.number(deficits, 0),
            ),
        ],
        _tokens(market),
    )


def _tokens(market: AaveMarket) -> list[Token]:
    reserves = market.reserves
    columns = zip(
        reserves.address, reserves.symbol, reserves.unit.tolist(), market.following, strict=True
    )
    return [Token(a, symbol, unit, np.nan, f.driver, f.source) for a, symbol, unit, f in columns]


def _fees(chain: Chain, market: AaveMarket, calls: LogChunk) -> npt.NDArray[np.object_]:
    """What each call brought the treasury, in units: the last transfer of the collateral's aToken
    from the account to the treasury before the call's own log, after the log of the call before."""
    fees = np.zeros(len(calls), object)
    if not len(calls):
        return fees
    of = dict(zip(market.reserves.address, market.reserves.collateral_token, strict=True))
    atokens = [of.get(row.tobytes(), b"") for row in _realised.named(calls, 1)]
    asked = sorted({atoken for atoken in atokens if atoken})
    answers = chain.read([Call(atoken, _TOKEN, "RESERVE_TREASURY_ADDRESS") for atoken in asked])
    treasury = {
        atoken: raw(answer)
        for atoken, answer in zip(asked, answers, strict=True)
        if not isinstance(answer, Failed)
    }
    moved = _realised.Trail(
        _realised.of_blocks(chain, list(treasury), [_TRANSFER], calls.block) if treasury else [],
        lambda chunk: [
            (token.tobytes(), sender.tobytes(), to.tobytes())
            for token, sender, to in zip(
                chunk.address, _realised.named(chunk, 1), _realised.named(chunk, 2), strict=True
            )
        ],
    )
    assert calls.index is not None
    assert calls.transaction is not None
    above: dict[tuple[bytes, bytes], int] = {}
    for k, atoken in enumerate(atokens):
        sent, who = calls.transaction[k].tobytes(), _realised.named(calls, 3)[k].tobytes()
        place = int(calls.index[k])
        if atoken in treasury:
            key = (sent, atoken, who, treasury[atoken])
            fees[k] = moved.last(key, above.get((sent, who), -1), place) or 0
        above[sent, who] = place
    return fees


def worth(chain: Chain, market: AaveMarket, found: Realised) -> Worth:
    """By the pool's oracle at the block; where that quotes in ether, by the ETH / USD feed too."""
    tokens = [token.address for token in found.tokens]
    calls = [Call(market.oracle, _ORACLE, "getAssetPrice", (token,)) for token in tokens]
    spots: dict[str, Any] = dict(getattr(market, "spots", {}))
    if spots:
        calls.append(Call(spots["ETH"].address, _FEED, "latestAnswer"))
    answers = chain.read(calls)
    dollar = market.dollar
    if spots:
        ether = answers.pop()
        if isinstance(ether, Failed) or ether <= 0:
            return valued(found, {})
        dollar = 10**18 * spots["ETH"].scale / ether
    return valued(
        found,
        {
            token: answer / dollar
            for token, answer in zip(tokens, answers, strict=True)
            if not isinstance(answer, Failed) and answer > 0
        },
    )
