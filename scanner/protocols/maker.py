"""Maker (Sky): vaults ("urns") of one collateral type ("ilk") each, against DAI.

Liquidatable when  ink * spot < art * rate  with spot above 0 (Dog.bark, Cat.bite), after whoever
likes has called Spotter.poke and Jug.drip (`_maker_rules`). A position is (urn, ilk), so the
store's keys hold both. The deployed Vat writes an anonymous note per call: frob, fork and grab name
every urn there is. CDP manager ids are kept under keys of their own, to tell who owns an urn.
Completeness: per ilk the sum of art equals Art, exactly.
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
from ._maker_market import MakerMarket, read_ilks
from ._maker_realised import liquidations, realised, worth
from ._maker_survey import ART, INK, MakerSurvey, owners, positions_of

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

NAME = "maker"
ADDRESSES = ("vat", "spotter", "jug")
OPTIONAL = ("dog", "cat", "cdp_manager", "ilk_registry")
KEY = 52  # urn and ilk

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_VAT = abi.load("maker_vat")
_MANAGER = abi.load("maker_manager")
_CHUNK = 4_000
_NEW_CDP = _MANAGER.topic("NewCdp")


def open_market(chain: Chain, row: Market) -> MakerMarket:
    """The Vat and what belongs to it; its ilks are known when the urns are read."""
    where = {"market": f"{NAME}/{row.name}"}
    if "dog" not in row.addresses and "cat" not in row.addresses:
        raise MarketError(
            "nobody is named who liquidates",
            **where,
            fix='give "dog" (or, before liquidations 2.0, "cat") in the deployments file',
        )
    for name, address in row.addresses.items():
        if not chain.code_at(address):
            raise MarketError(
                f"there is no contract at the address of {name}",
                **where,
                address="0x" + address.hex(),
                fix="check the address and the chain in the deployments file",
            )
    return MakerMarket(NAME, row, chain.block.timestamp)


def shocks(market: MakerMarket) -> set[str]:
    """Which ilks there are is told by the urns."""
    return {SOME}


def log_filter(market: MakerMarket, *, known: bool) -> LogFilter:
    """The Vat's notes of calls that move ink or art, and new CDPs; `known` changes nothing.

    A note has no event of its own: its first topic is the selector of the call.
    """
    topics = [_VAT.selector(call).ljust(32, b"\0") for call in ("frob", "fork", "grab")]
    manager = market.row.addresses.get("cdp_manager")
    if manager is None:
        return LogFilter([market.vat], topics)
    return LogFilter([market.vat, manager], [*topics, _NEW_CDP])


def touched(market: MakerMarket, logs: LogChunk) -> tuple[U8, I64, Bool]:
    """Urns named by a chunk of notes (LibNote: ilk, then the addresses), and new CDPs."""
    first = logs.topics[:, 0]
    rows, places = [], []
    for call, named in (("frob", (2,)), ("fork", (2, 3)), ("grab", (2,))):
        topic = np.frombuffer(_VAT.selector(call).ljust(32, b"\0"), np.uint8)
        hit = np.flatnonzero((first == topic).all(axis=1))
        for topic_of in named:
            rows.append(hit)
            places.append(np.full(len(hit), topic_of))
    row, place = np.concatenate(rows), np.concatenate(places)
    urns = np.concatenate([logs.topics[row, place, 12:], logs.topics[row, 1]], axis=1)
    new = np.flatnonzero((first == np.frombuffer(_NEW_CDP, np.uint8)).all(axis=1))
    cdps = np.full((len(new), KEY), 0xFF, np.uint8)
    cdps[:, :20] = logs.topics[new, 3, 12:]
    blocks = np.concatenate([logs.block[row], logs.block[new]])
    return np.concatenate([urns, cdps]), blocks, np.ones(len(blocks), np.bool_)


def read(chain: Chain, market: MakerMarket, keys: U8) -> Iterator[tuple[States, U8]]:
    """ink and art of urns; of a CDP of the manager its urn, which never changes."""
    for begin in range(0, len(keys), _CHUNK):
        part = keys[begin : begin + _CHUNK]
        cdp = is_cdp(part)
        words = np.zeros((len(part), 2, 32), np.uint8)
        good = np.ones(len(part), np.bool_)
        calls = abi.pack(_VAT.selector("urns"), part[~cdp, 20:], part[~cdp, :20])
        answer = chain.bulk(np.frombuffer(market.vat, np.uint8), calls, words=2)
        words[~cdp], good[~cdp] = answer.words, answer.ok
        # A row that names no manager any more: its old ids tell nothing.
        if cdp.any() and "cdp_manager" in market.row.addresses:
            manager = np.frombuffer(market.row.addresses["cdp_manager"], np.uint8)
            ids = abi.pack(_MANAGER.selector("urns"), part[cdp, :20])
            answer = chain.bulk(manager, ids, words=1)
            words[cdp, 0], good[cdp] = answer.words[:, 0], answer.ok
        kept = np.asarray(words.any(axis=2), np.bool_) & good[:, None]
        slot = np.broadcast_to(np.array([INK, ART]), kept.shape)[kept]
        counts = kept.sum(axis=1)[good].astype(np.int64)
        yield States(part[good], counts, slot.astype(np.int64), words[kept]), part[~good]


def is_cdp(keys: U8) -> Bool:
    """Which keys are of a CDP's number instead of an urn."""
    return np.asarray((keys[:, 20:] == 0xFF).all(axis=1), np.bool_)


def survey(chain: Chain, market: MakerMarket, states: States, failed: U8) -> MakerSurvey:
    """Legs, prices, identities and referee of all ilks; see `_maker_survey`."""
    book = positions_of(states, is_cdp(states.accounts))
    market = read_ilks(chain, market, np.unique(book.keys[:, 20:], axis=0))
    return MakerSurvey(market, book, owners(chain, market, book), failed)
