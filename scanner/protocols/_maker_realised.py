"""Liquidations that happened on Maker: Bark of the Dog, Bite of the Cat before it, Take of a Clip.

Bark and Bite are the moment the vault is seized: the debt they name is what was owed, without the
penalty (dss, dog.sol: due = dart * rate; cat.sol: tab). Whether its collateral brings that much is
told later by the auction's Takes, which count as sold and never as seized again.
"""

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.positions import Token
from scanner.core.realised import LIQUIDATION, SOLD, Realised, Worth, nothing, put, unknown, valued

from . import LogFilter, _realised
from ._asking import raw
from ._maker_market import MakerMarket, clips, read_ilks, values_of
from ._maker_rules import RAY, WAD

U8 = npt.NDArray[np.uint8]

_SPOTTER, _CLIP = abi.load("maker_spotter"), abi.load("maker_clip")
_BARK, _BITE = abi.load("maker_dog").topic("Bark"), abi.load("maker_cat").topic("Bite")
_TAKE = _CLIP.topic("Take")


def liquidations(chain: Chain, market: MakerMarket, known: U8) -> LogFilter:
    """The Dog's and the Cat's logs, and those of the Clips of every ilk that the store knows."""
    addresses = market.row.addresses
    houses = [addresses[name] for name in ("dog", "cat") if name in addresses]
    auctions = clips(chain, market, _ilks(known)) if "dog" in addresses else {}
    return LogFilter([*houses, *auctions], [_BARK, _BITE, *([_TAKE] if auctions else [])])


def _ilks(keys: U8) -> list[bytes]:
    names = np.unique(keys[:, 20:], axis=0) if len(keys) else keys[:, 20:]
    return [row.tobytes() for row in names if not (row == 0xFF).all()]


def realised(chain: Chain, market: MakerMarket, logs: LogChunk) -> Realised:
    """A row for each vault seized, in DAI as the Vat counts it, and for each sale."""
    if not len(logs):
        return nothing()
    seized = [_realised.of_event(logs, topic) for topic in (_BARK, _BITE)]
    taken = _realised.of_event(logs, _TAKE)
    ilk_of = clips(chain, market, []) if len(taken) else {}
    sold_in = [ilk_of.get(row.tobytes()) for row in taken.address]
    if len(taken) and None in sold_in:
        houses = [row.tobytes() for row in np.unique(taken.address, axis=0)]
        answers = chain.read([Call(one, _CLIP, "ilk") for one in houses])
        named = dict(zip(houses, answers, strict=True))
        sold_in = [bytes(named[row.tobytes()]) for row in taken.address]
    pools = np.concatenate(
        [*(one.topics[:, 1] for one in seized), _words([one for one in sold_in if one])]
    )
    opened = read_ilks(chain, market, np.unique(pools, axis=0))
    of = {one.id: one for one in opened.ilks}
    dai = np.frombuffer(market.vat, np.uint8)
    parts = []
    for one in seized:
        ilks = [of[row.tobytes()] for row in one.topics[:, 1]]
        parts.append(
            _realised.rows(
                one,
                LIQUIDATION,
                [ilk.name for ilk in ilks],
                _realised.named(one, 2),
                owner=np.zeros((len(one), 20), np.uint8),
                pool=one.topics[:, 1],
                collateral=_addresses([ilk.gem for ilk in ilks]),
                debt=np.broadcast_to(dai, (len(one), 20)).copy(),
                seized=_realised.number(one, 0),
                repaid=_cut(_realised.number(one, 2), RAY),
            )
        )
    owed, price = _realised.number(taken, 2), _realised.number(taken, 1)
    lot = np.array([o // p if p else None for o, p in zip(owed, price, strict=True)], object)
    parts.append(
        _realised.rows(
            taken,
            SOLD,
            [of[one].name for one in sold_in if one],
            _realised.named(taken, 2),
            owner=np.zeros((len(taken), 20), np.uint8),
            pool=_words([one for one in sold_in if one]),
            collateral=_addresses([of[one].gem for one in sold_in if one]),
            debt=np.broadcast_to(dai, (len(taken), 20)).copy(),
            seized=lot,
            repaid=_cut(owed, RAY),
        )
    )
    tokens = [
        Token(one.gem, one.symbol, WAD, np.nan, one.driver, one.driver_source)
        for one in opened.ilks
    ]
    return _realised.together(parts, [*tokens, Token(market.vat, "DAI", WAD, 1.0, None, "par")])


def _cut(amounts: npt.NDArray[np.object_], unit: int) -> npt.NDArray[np.object_]:
    return np.asarray(amounts // unit, object)


def _addresses(values: list[bytes]) -> U8:
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, 20)


def _words(values: list[bytes]) -> U8:
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, 32)


def worth(chain: Chain, market: MakerMarket, found: Realised) -> Worth:
    """The collateral by its ilk's oracle at the block (the delayed value that the Vat goes by),
    DAI at one dollar, as a scan counts it."""
    pools = _realised.by_pool(found)
    spotter = market.row.addresses["spotter"]
    answers = chain.read([Call(spotter, _SPOTTER, "ilks", (pool,)) for pool, _ in pools])
    pips = [bytes(20) if isinstance(one, Failed) else raw(one[0]) for one in answers]
    values = values_of(chain, pips)
    whole = unknown(len(found))
    for (_, rows), pip in zip(pools, pips, strict=True):
        part = found.picked(rows)
        prices = {market.vat: 1.0}
        if values[pip][0]:
            prices |= {gem.tobytes(): values[pip][0] / WAD for gem in part.collateral}
        put(whole, rows, valued(part, prices))
    return whole
