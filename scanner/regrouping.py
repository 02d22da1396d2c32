"""The band finder once more, over the positions and legs of a stored scan, with other owners."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner.answers.moved import moved
from scanner.core import band_rows
from scanner.core.legs import Legs
from scanner.core.moves import Moves
from scanner.core.positions import Exposure, Holdings, Token
from scanner.core.shocks import RATIO_SCALE, Shock
from scanner.core.strength import strengthened
from scanner.reading import Stored

if TYPE_CHECKING:
    import pandas as pd

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

_KEY = ["protocol", "market", "account"]
_SIGN = {"long": 1, "short": -1, "none": 0}


@dataclass(frozen=True)
class _Kept(Exposure):
    """An exposure whose prices are kept, and not made from a ratio and a spot."""

    prices: F64 = field(default_factory=lambda: np.zeros(0))

    @property
    def price(self) -> F64:
        return self.prices


def bands_again(stored: Stored) -> list[dict[str, Any]]:
    """The document's `bands`, found anew with the `owner` column of the positions as owners.

    With the owners that the scan had they are the document's own.
    """
    table = stored.positions
    names = np.unique(table["owner"].to_numpy(object).astype(str))
    legs = _Joined.of(table, stored.legs)
    found: list[dict[str, Any]] = []
    for row in stored.document["drivers"]:
        name, ratio = row["driver"], row["spot_usd"] is None
        chosen = (table["driver"] == name) & (table["side"] != "none")
        entries = [
            _entry(stored, row, protocol, table[chosen & (table["protocol"] == protocol)],
                   legs, names)
            for protocol in sorted(set(table["protocol"][chosen]))
        ]  # fmt: skip
        for band in band_rows.bands(name, entries, row["spot_usd"] or 1.0, ratio=ratio):
            owner = band["owner"]
            found.append({**band, "owner": owner and str(names[int(owner, 16)])})
    return strengthened(stored.document["ticks"], found)[1]


@dataclass(frozen=True)
class _Joined:
    """The legs, and which position each is of: `position` by the table's rows, `leg` by the legs'
    are the same number for the same account of a market."""

    legs: "pd.DataFrame"
    position: I64
    leg: I64
    units: dict[str, int]

    @classmethod
    def of(cls, table: "pd.DataFrame", legs: "pd.DataFrame") -> "_Joined":
        import pandas as pd

        both = pd.concat([table[_KEY], legs[_KEY]], ignore_index=True)
        number = both.groupby(_KEY, sort=False).ngroup().to_numpy().astype(np.int64)
        return cls(legs, number[: len(table)], number[len(table) :], _units(legs))


def _units(legs: "pd.DataFrame") -> dict[str, int]:
    """What makes one token, by address, from the two spellings of its largest balance."""
    largest = legs.loc[legs.groupby("token")["amount"].idxmax()]
    return {
        token: 10 ** round(math.log10(int(raw) / amount)) if amount > 0 else 1
        for token, raw, amount in zip(
            largest["token"], largest["amount_raw"], largest["amount"], strict=True
        )
    }


def _entry(
    stored: Stored,
    driver: Mapping[str, Any],
    protocol: str,
    rows: "pd.DataFrame",
    joined: _Joined,
    names: npt.NDArray[np.str_],
) -> tuple[Holdings, Exposure]:
    """The positions of one protocol that one driver can liquidate, as the finder takes them."""
    size = len(rows)
    place = np.full(int(max(joined.position.max(initial=0), joined.leg.max(initial=0))) + 1, -1)
    place[joined.position[rows.index.to_numpy(np.int64)]] = np.arange(size)
    position = place[joined.leg]
    mine = np.flatnonzero(position >= 0)
    mine = mine[np.argsort(position[mine], kind="stable")]
    legs = joined.legs.iloc[mine]
    addresses, token = np.unique(legs["token"].to_numpy(object).astype(str), return_inverse=True)
    _, first = np.unique(token, return_index=True)
    symbols, drivers = (legs[name].to_numpy(object)[first] for name in ("symbol", "driver"))
    prices = legs["price_usd"].to_numpy(np.float64)[first]
    shock = _shock(
        stored, driver["driver"], addresses.tolist(), symbols.tolist(), drivers.tolist(), prices
    )
    owners = np.searchsorted(names, rows["owner"].to_numpy(object).astype(str))
    holdings = Holdings(
        protocol=protocol,
        market="",
        tokens=[
            Token(bytes.fromhex(address[2:]), symbol, joined.units[address], float(price), None, "")
            for address, symbol, price in zip(addresses, symbols, prices, strict=True)
        ],
        accounts=np.zeros((size, 20), np.uint8),
        owners=_numbers(owners),
        legs=Legs(
            positions=size,
            position=position[mine].astype(np.int64),
            token=token.astype(np.int32),
            debt=(legs["kind"] == "debt").to_numpy(np.bool_),
            amount=legs["amount"].to_numpy(np.float64),
            value=legs["value_usd"].to_numpy(np.float64),
            weight=legs["weight"].to_numpy(np.float64),
        ),
        amounts=np.array([int(raw) for raw in legs["amount_raw"]], object),
        health_factor=rows["health_factor"].to_numpy(np.float64),
        liquidatable=rows["already_liquidatable"].to_numpy(np.bool_),
    )
    price = rows["liquidation_price_usd"].fillna(rows["liquidation_ratio"])
    side = rows["side"].map(_SIGN).to_numpy().astype(np.int8)
    exposure = _Kept(
        shock=shock,
        touched=np.ones(size, np.bool_),
        side=side,
        raw=np.zeros(size, np.int64),
        ratio=rows["liquidation_ratio"].to_numpy(np.float64),
        at_risk=rows["collateral_at_risk_usd"].to_numpy(np.float64),
        seizable=rows["seizable_usd"].to_numpy(np.float64),
        # Whether, not why: scans of before the reasons can be grouped too.
        barred=(~rows["callable"].to_numpy(np.bool_)).astype(np.uint8),
        prices=price.to_numpy(np.float64),
    )
    return holdings, exposure


def _numbers(owners: I64) -> npt.NDArray[np.uint8]:
    """Whole numbers as 20 bytes each, which sort and compare like them."""
    rows = np.zeros((len(owners), 20), np.uint8)
    rows[:, 12:] = owners.astype(">i8").view(np.uint8).reshape(-1, 8)
    return rows


def _shock(
    stored: Stored,
    name: str,
    addresses: Sequence[str],
    symbols: Sequence[str],
    drivers: Sequence[str],
    prices: F64,
) -> Shock:
    """How the tokens move, as far as the finder asks: by what share of the axis."""
    move = moved(stored, name)
    weights = [move.weight(s, d) for s, d in zip(symbols, drivers, strict=True)]
    curves = [move.curve(address) for address in addresses]
    follows = np.array([weight != 0 for weight in weights], np.bool_) & (prices > 0)
    moves = None
    if any(w and (w != 1 or c is not None) for w, c in zip(weights, curves, strict=True)):
        moves = Moves(RATIO_SCALE, tuple(weights), tuple(curves), (1,) * len(weights))
        follows &= moves.moving
    return Shock(name, move.kind, b"", "", 1, 1, follows, moves=moves)
