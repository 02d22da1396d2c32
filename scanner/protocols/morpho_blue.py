"""Morpho Blue: isolated markets of one collateral and one loan token, open to anybody.

Liquidatable when  collateral * price / 1e36 * LLTV < borrowed assets  (Morpho._isHealthy; exact
inverse in `_morpho_rules`). A position is (account, market id), so the store's keys hold both.
Borrowers are all `onBehalf` of Borrow events; shares and collateral change only in a position's own
events. Completeness: in every market the sum of borrow shares equals totalBorrowShares, exactly.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.log_columns import LogChunk
from scanner.chain.pinned import Chain
from scanner.core.states import States
from scanner.deployments import Market
from scanner.errors import MarketError

from . import SOME, LogFilter
from ._morpho_market import MorphoMarket, read_markets
from ._morpho_realised import liquidations, realised, worth
from ._morpho_survey import MorphoSurvey

__all__ = [
    "ADDRESSES",
    "KEY",
    "NAME",
    "OPTIONAL",
    "liquidations",
    "log_filter",
    "open_market",
    "read",
    "realised",
    "shocks",
    "survey",
    "touched",
    "worth",
]

NAME = "morpho_blue"
ADDRESSES = ("morpho",)
OPTIONAL = ("pre_liquidation_factory",)
KEY = 52  # account and market id

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_MORPHO = abi.load("morpho_blue")
_AT_ONCE = 64  # storage slots of one call
_CHUNK = 4_096  # positions read and stored in one step
_GAS_PER_SLOT = 3_500
_POSITIONS = 2  # storage slot of the mapping (MorphoStorageLib.POSITION_SLOT)

# Which topic of an event names the position's account; topic 1 is the market id.
_NAMED = {
    "Borrow": 2,
    "WithdrawCollateral": 2,
    "SupplyCollateral": 3,
    "Repay": 3,
    "Liquidate": 3,
}
_EARLY = abi.load("morpho_pre_liquidation").topic("CreatePreLiquidation")
_CONTRACT = 1  # slot of a pre-liquidation contract's record, where a position's word has slot 0
TOTALS_PROVE = False  # a market that no log named has a total that nobody asks for
_BORROW, _CREATED = _MORPHO.topic("Borrow"), _MORPHO.topic("CreateMarket")


def open_market(chain: Chain, row: Market) -> MorphoMarket:
    """Morpho of a deployments row; its markets are known when the accounts are read."""
    morpho = row.addresses["morpho"]
    if not chain.code_at(morpho):
        raise MarketError(
            "there is no contract at Morpho's address",
            market=f"{NAME}/{row.name}",
            morpho="0x" + morpho.hex(),
            fix="check the address and the chain in the deployments file",
        )
    return MorphoMarket(NAME, row, morpho, chain.block.timestamp)


def shocks(market: MorphoMarket) -> set[str]:
    """Nothing is known before the positions are: which markets there are is told by them."""
    return {SOME}


def log_filter(market: MorphoMarket, *, known: bool) -> LogFilter:
    """Borrow events alone while no state is stored (`known` false); else all that touch state.

    And the markets themselves, under the account of zero: one of which every log was lost is a gap
    in the totals then, and not forgotten. And pre-liquidation contracts, where a factory is named.
    """
    events = ["CreateMarket", *(_NAMED if known else ("Borrow",))]
    topics = [_MORPHO.topic(event) for event in events]
    factory = market.row.addresses.get("pre_liquidation_factory")
    if factory is None:
        return LogFilter([market.morpho], topics)
    return LogFilter([market.morpho, factory], [*topics, _EARLY])


def touched(market: MorphoMarket, logs: LogChunk) -> tuple[U8, I64, Bool]:
    """Positions named by a chunk of logs, the blocks, and whether the log makes a borrower."""
    first = logs.topics[:, 0]
    rows, places = [], []
    for event, topic in _NAMED.items():
        hit = np.flatnonzero((first == np.frombuffer(_MORPHO.topic(event), np.uint8)).all(axis=1))
        rows.append(hit)
        places.append(np.full(len(hit), topic))
    row, place = np.concatenate(rows), np.concatenate(places)
    key = np.concatenate([logs.topics[row, place, 12:], logs.topics[row, 1]], axis=1)
    add = (first[row] == np.frombuffer(_BORROW, np.uint8)).all(axis=1)
    new = np.flatnonzero((first == np.frombuffer(_CREATED, np.uint8)).all(axis=1))
    made = np.concatenate([np.zeros((len(new), 20), np.uint8), logs.topics[new, 1]], axis=1)
    early = np.flatnonzero((first == np.frombuffer(_EARLY, np.uint8)).all(axis=1))
    contracts = np.full((len(early), KEY), 0xFF, np.uint8)
    contracts[:, :20] = logs.topics[early, 1, 12:]
    return (
        np.concatenate([key, made, contracts]),
        np.concatenate([logs.block[row], logs.block[new], logs.block[early]]),
        np.concatenate([add, np.ones(len(new) + len(early), np.bool_)]),
    )


def read(chain: Chain, market: MorphoMarket, keys: U8) -> Iterator[tuple[States, U8]]:
    """Borrow shares and collateral of positions, as Morpho stores them: one word each.

    By `extSloads`, many slots a call: a third of the gas of `position()` and a ninth of the bytes.
    """
    for begin in range(0, len(keys), _CHUNK):
        part = keys[begin : begin + _CHUNK]
        words, good = _sloads(chain, market.morpho, _slots(part))
        early = is_contract(part)
        words[early] = part[early, 20:]  # nothing is stored of one but that it is there
        some = np.asarray(words.any(axis=1), np.bool_)[good]
        slot = np.where(early[good][some], _CONTRACT, 0).astype(np.int64)
        yield States(part[good], some.astype(np.int64), slot, words[good][some]), part[~good]


def is_contract(keys: U8) -> Bool:
    """Which keys are of a pre-liquidation contract instead of a position."""
    return np.asarray((keys[:, 20:] == 0xFF).all(axis=1), np.bool_)


def _slots(keys: U8) -> U8:
    """Storage slot of each position's borrow shares and collateral. Shape (n, 32).

    MorphoStorageLib.positionBorrowSharesAndCollateralSlot: keccak(user . keccak(id . 2)) + 1. There
    is no vectorised Keccak: one call a position, a few microseconds each.
    """
    from eth_hash.auto import keccak

    mapping = _POSITIONS.to_bytes(32, "big")
    inner: dict[bytes, bytes] = {}
    slots = bytearray()
    for key in (row.tobytes() for row in keys):
        market = key[20:]
        if market not in inner:
            inner[market] = keccak(market + mapping)
        base = int.from_bytes(keccak(bytes(12) + key[:20] + inner[market]), "big")
        slots += ((base + 1) % 2**256).to_bytes(32, "big")
    return np.frombuffer(bytes(slots), np.uint8).reshape(-1, 32)


def _sloads(chain: Chain, morpho: bytes, slots: U8) -> tuple[U8, Bool]:
    """Words at storage slots, and which were read. Shapes (n, 32) and (n,)."""
    size = len(slots)
    calls = -(-size // _AT_ONCE)
    padded = np.zeros((calls * _AT_ONCE, 32), np.uint8)
    padded[:size] = slots
    data = np.zeros((calls, 4 + 32 * (2 + _AT_ONCE)), np.uint8)
    data[:, :4] = np.frombuffer(_MORPHO.selector("extSloads"), np.uint8)
    data[:, 4 + 31], data[:, 4 + 63] = 32, _AT_ONCE  # offset and length of the array
    data[:, 68:] = padded.reshape(calls, -1)
    target, words = np.frombuffer(morpho, np.uint8), 2 + _AT_ONCE
    answer = chain.bulk(target, data, words, gas=_GAS_PER_SLOT * _AT_ONCE)
    found = answer.words[:, 2:].reshape(-1, 32)[:size]
    return found, np.repeat(answer.ok, _AT_ONCE)[:size]


def survey(chain: Chain, market: MorphoMarket, states: States, failed: U8) -> MorphoSurvey:
    """Legs, prices, identities and referee of all markets; see `_morpho_survey`."""
    early = is_contract(states.accounts)
    contracts, states = states.accounts[early, :20], _without(states, early)
    ids = np.unique(states.accounts[:, 20:], axis=0)
    survey = MorphoSurvey(read_markets(chain, market, ids), states, failed)
    if "pre_liquidation_factory" in market.row.addresses:
        survey.add_early(chain, contracts)
    return survey


def _without(states: States, left: Bool) -> States:
    """The states of all accounts but some."""
    keep = np.repeat(~left, states.counts)
    return States(
        states.accounts[~left], states.counts[~left], states.slot[keep], states.value[keep]
    )
