"""How each token moves under a shock of a stored scan, as its document says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from scanner.core import weighted
from scanner.core.curves import Curve
from scanner.reading import Stored

_SURE = 1e-9


@dataclass(frozen=True)
class Moved:
    """One shock.

    Attributes
    ----------
    kind : str
        "driver", "token", "market" or "shock".
    weights : dict of Fraction
        How much of a shock each driver makes, by driver; empty for the other kinds.
    curves : dict of Curve
        How a token follows its root feed where that is not in proportion, by address.
    errors : dict of float
        How far a token's price may be off its curve, as a part of it, by address.
    """

    kind: str
    name: str
    weights: Mapping[str, Fraction]
    curves: Mapping[str, Curve]
    errors: Mapping[str, float]

    def weight(self, symbol: str, driver: str) -> Fraction:
        """How much of the shock a token's root makes; 0 where the token stays."""
        if self.kind == "token":
            return Fraction(symbol == self.name)
        if self.kind == "market":
            return Fraction(bool(driver))
        return self.weights.get(driver, Fraction(0)) if driver else Fraction(0)

    def curve(self, address: str) -> Curve | None:
        """None where the token moves in proportion to its root."""
        return None if self.kind == "token" else self.curves.get(address)

    def sure(self, address: str) -> bool:
        """Whether the token's price is known to better than a billionth wherever it goes."""
        return self.kind == "token" or self.errors.get(address, 0.0) <= _SURE


def moved(stored: Stored, driver: str) -> Moved:
    """The shock that is called so."""
    kind = "driver"
    for text in stored.document["shocks"]:
        if weighted.named(text) == driver:
            kind = text.partition(":")[0]
    weights = {"shock": weighted.weights_of(driver)} if kind == "shock" else {}
    curves, errors = {}, {}
    for token in stored.document["tokens"]:
        if curve := _curve(token):
            curves[token["address"]] = curve
            errors[token["address"]] = token["roots"][0]["error"]
    return Moved(kind, driver, weights.get(kind, {driver: Fraction(1)}), curves, errors)


def _curve(token: Mapping[str, Any]) -> Curve | None:
    """Of the feed it follows, the first of its roots; scans before the probe have none."""
    if token["driver"] is None:
        return None
    for root in token.get("roots", ())[:1]:
        if root["curve"] is not None:
            at, value = np.array(root["curve"], np.float64).T
            curve = Curve(at, value)
            return None if curve.proportional else curve
    return None
