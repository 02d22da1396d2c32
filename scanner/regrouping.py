"""The band finder once more, over the positions and legs of a stored scan, with other owners."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner.core import band_rows, callability
from scanner.core.curves import Curve
from scanner.core.legs import Legs
from scanner.core.moves import Moves
from scanner.core.positions import Exposure, Holdings, Token
from scanner.core.shocks import RATIO_SCALE, Shock
from scanner.core.weighted import kind_and_name, weights_of
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
    return found


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
    kind = _kind(stored, driver["driver"])
    follows = {"driver": drivers == driver["driver"], "token": symbols == driver["driver"]}
    moves = _moves(stored, kind, driver["driver"], addresses.tolist(), drivers.tolist())
    if moves is not None:
        follows[kind] = moves.moving
    moving = np.asarray(follows.get(kind, drivers != ""), np.bool_) & (prices > 0)
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
        shock=Shock(driver["driver"], kind, b"", "", 1, 1, moving, moves=moves),
        touched=np.ones(size, np.bool_),
        side=side,
        raw=np.zeros(size, np.int64),
        ratio=rows["liquidation_ratio"].to_numpy(np.float64),
        at_risk=rows["collateral_at_risk_usd"].to_numpy(np.float64),
        seizable=rows["seizable_usd"].to_numpy(np.float64),
        barred=callability.codes(rows["not_callable_reason"].to_numpy(object)),
        prices=price.to_numpy(np.float64),
    )
    return holdings, exposure


def _moves(
    stored: Stored, kind: str, name: str, addresses: Sequence[str], drivers: Sequence[str]
) -> Moves | None:
    """How tokens move that do not all do so one for one; None where they do."""
    if kind == "token":
        return None
    of = weights_of(name) if kind == "shock" else {name: Fraction(1)}
    weights = [
        Fraction(bool(driver)) if kind == "market" else of.get(driver, Fraction(0))
        for driver in drivers
    ]
    told = {row["address"]: row for row in stored.document["tokens"]}
    curves = [
        _curve(told.get(address, {}), driver)
        for address, driver in zip(addresses, drivers, strict=True)
    ]
    plain = zip(weights, curves, strict=True)
    if all(weight == 0 or (weight == 1 and curve is None) for weight, curve in plain):
        return None
    return Moves(RATIO_SCALE, weights, curves, [RATIO_SCALE] * len(weights))


def _curve(token: Mapping[str, Any], driver: str) -> Curve | None:
    """How a token's row says that it follows its driver; None for in proportion."""
    for root in token.get("roots", ()):
        if root["driver"] == driver and root["curve"]:
            knots = np.array(root["curve"], np.float64)
            curve = Curve(knots[:, 0], knots[:, 1])
            return None if curve.proportional else curve
    return None


def _numbers(owners: I64) -> npt.NDArray[np.uint8]:
    """Whole numbers as 20 bytes each, which sort and compare like them."""
    rows = np.zeros((len(owners), 20), np.uint8)
    rows[:, 12:] = owners.astype(">i8").view(np.uint8).reshape(-1, 8)
    return rows


def _kind(stored: Stored, driver: str) -> str:
    for text in stored.document["shocks"]:
        kind, name = kind_and_name(str(text))
        if name == driver:
            return kind
    return "driver"
