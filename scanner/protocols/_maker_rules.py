"""The arithmetic of Maker's vaults, on columns of Python integers (wad 1e18, ray 1e27, rad 1e45).

Source: dss, src/{vat,spot,jug,dog,cat}.sol. The Vat sees neither price nor fee until somebody calls
Spotter.poke and Jug.drip, which anybody may: so both are applied first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core import callability
from scanner.core.integers import Integers

WAD, RAY = 10**18, 10**27


def rpow(base: int, times: int) -> int:
    """base ** times in ray, each product rounded half up (Jug._rpow)."""
    power = base if times % 2 else RAY
    half = RAY // 2
    times //= 2
    while times:
        base = (base * base + half) // RAY
        if times % 2:
            power = (power * base + half) // RAY
        times //= 2
    return power


def dripped(rate: int, fee: int, seconds: int) -> int:
    """An ilk's rate after Jug.drip; `fee` is base + duty per second. [ray]"""
    return rpow(fee, seconds) * rate // RAY


def poked(value: Integers | int, par: int, mat: int) -> Integers:
    """An ilk's spot after Spotter.poke with an oracle value [wad]: price with margin. [ray]"""
    return np.asarray((value * 10**9 * RAY // par) * RAY // mat, object)


def least_value(ink: Integers, debt: Integers, par: Integers, mat: Integers) -> Integers:
    """The least oracle value at which `ink * spot >= debt`; ink above 0. [wad]

    Exact through both divisions of Spotter.poke; `debt` is art * rate. [rad]

    >>> column = lambda n: np.array([n], object)
    >>> least_value(column(10 * WAD), column(9000 * WAD * 11 * RAY // 10), column(RAY),
    ...             column(145 * RAY // 100))[0] / WAD
    1435.5
    """
    spot = _up(debt, ink)
    return _up(_up(spot * mat, RAY) * par, 10**36)


def least_value_of(spot: int, par: int, mat: int) -> int:
    """The least oracle value that is poked to `spot` or more; of a poked spot, the value it was
    poked with, since no two give the same spot (par * mat far below 10**9). [wad]"""
    priced = -(-spot * mat // RAY)
    return -(-priced * par // 10**36)


@dataclass(frozen=True)
class Limits:
    """What one liquidation of an ilk may take. [rad, chop in wad]

    `most` is the room for one call's debt with penalty: for the Dog what is left of Hole and hole,
    for the Cat the lesser of dunk and what is left of its box. `least_room` must be there at all
    (Cat: dust; Dog: anything above 0). `remnant` says whether a rest below dust is taken along
    (Dog) or left (Cat).
    """

    chop: int
    dust: int
    most: int
    least_room: int
    remnant: bool


def seized(ink: Integers, art: Integers, rate: int, limits: Limits) -> tuple[Integers, Integers]:
    """Collateral and normalised debt that one call takes; 0 where it reverts. [wad]

    Source: Dog.bark (with the dusty remnant), Cat.bite 1.2.
    """
    nothing = np.zeros(len(ink), object)
    if limits.most <= 0 or limits.most < limits.least_room or not limits.chop:
        return nothing, nothing
    part = np.minimum(art, limits.most * WAD // rate // limits.chop)
    if limits.remnant:
        rest = (art - part) * rate
        dusty = (part < art) & (rest < limits.dust)
        part = np.where(dusty, art, part)
        part = np.where((part < art) & (part * rate < limits.dust), 0, part)
    taken = np.minimum(ink, ink * part // np.where(art == 0, 1, art))
    fine = (part > 0) & (taken > 0)
    return np.where(fine, taken, 0), np.where(fine, part, 0)


def barred(
    ink: Integers, art: Integers, rate: int, limits: Limits, taken: Integers, *, stopped: bool
) -> npt.NDArray[np.uint8]:
    """Why no auction of these urns can be started, of which one call takes `taken`; 0 where it can.

    Sources: Dog.bark (not-live, liquidation-limit-hit, dusty-auction-from-partial-liquidation,
    null-auction), Clipper.kick (stopped-incorrect), Cat.bite 1.2.
    """
    nothing = (taken == 0).astype(np.bool_)
    full = limits.most <= 0 or limits.most < limits.least_room
    # What does not fit whole is cut to what fits: too little of it is the limit's doing.
    cut = (art * rate * limits.chop > max(limits.most, 0) * WAD).astype(np.bool_)
    return callability.first_of(
        ((ink == 0).astype(np.bool_), callability.NO_COLLATERAL),
        (np.full(len(ink), stopped), callability.STOPPED),
        (np.full(len(ink), full), callability.HOLE_FULL),
        (nothing & cut, callability.HOLE_FULL),
        (nothing, callability.TOO_SMALL),
    )


def _up(number: Integers, divisor: Integers | int) -> Integers:
    return np.asarray(-(-number // divisor), object)
