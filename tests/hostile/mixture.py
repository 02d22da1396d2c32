"""Random mixtures of what a good client must get over, and the pair of F52."""

import random
from collections.abc import Callable
from typing import Any

from hostile.catalogue import CATALOGUE, fault
from hostile.fault import Fault

Options = dict[str, Any]


def _soon(dice: random.Random) -> Options:
    """Somewhere in the middle of even a short scan."""
    return {"times": dice.randint(1, 2), "first": dice.randint(11, 18)}


def _rate(dice: random.Random, **more: Any) -> Options:
    """Once, after some answers and before anything else: from these a client learns the rate."""
    return {"times": 1, "first": dice.randint(8, 10), **more}


def _blocks(dice: random.Random) -> Options:
    return {"limit": dice.randint(15, 200)}


def _results(dice: random.Random) -> Options:
    return {"limit": dice.randint(10, 60)}


def _bytes(dice: random.Random) -> Options:
    return {"limit": dice.randint(12_000, 40_000)}


# Nothing here takes long: no stalls, waits of a second at most. (id, variants or all, options)
_Choice = tuple[str, tuple[str, ...], Callable[[random.Random], Options]]
_CHOICES: tuple[_Choice, ...] = (
    ("F01", (), _results),
    ("F02", ("results",), _results),
    ("F02", ("blocks",), _blocks),
    ("F03", (), _blocks),
    ("F04", (), _results),
    ("F05", ("geth", "reth", "besu", "publicnode", "merkle", "infura-range", "arc"), _blocks),
    ("F06", (), _blocks),
    ("F07", (), _blocks),
    ("F15", ("html-200", "html-403", "html-502", "html-522", "empty", "upstream"), _soon),
    ("F17", ("no-backend", "timeout", "bad-response"), _soon),
    ("F18", (), _soon),
    ("F19", ("reset", "reset-at-once", "close", "mid-chunk", "no-last-chunk"), _soon),
    ("F20", ("cut", "large-length", "small-length", "cut-json", "gzip-cut", "gzip-crc"), _soon),
    ("F23", (), lambda dice: {"times": dice.randint(1, 3)}),
    ("F32", (), lambda dice: {}),
    ("F36", ("geth", "reth"), _bytes),
    ("F36", ("multicall",), lambda dice: {"limit": dice.randint(10, 60)}),
    ("F37", (), _bytes),
    ("F38", (), _bytes),
    ("F39", ("geth", "proxyd", "nginx"), lambda dice: {"limit": dice.randint(24_000, 80_000)}),
    ("F43", (), lambda dice: {"times": dice.randint(1, 3), "first": dice.randint(1, 6)}),
    ("F51", ("past", "future"), lambda dice: {}),
)
_RATES: tuple[_Choice, ...] = (
    ("F10", ("seconds", "date"), lambda dice: _rate(dice, wait=1)),
    ("F10", ("absent",), _rate),
    ("F11", (), _rate),
    ("F12", (), lambda dice: _rate(dice, backoff=0.5)),
    ("F13", (), _rate),
    ("F16", (), _rate),
    ("F17", ("capacity", "rate", "too-many"), _rate),
)


def mixture(seed: int) -> list[Fault]:
    """Two to five different faults of class T that end soon or leave a way round.

    At most one of them limits the rate.
    """
    dice = random.Random(seed)
    faults: list[Fault] = []
    count = dice.randint(2, 5)
    limited = dice.random() < 0.5
    while len(faults) < count:
        id_, names, options = dice.choice(_CHOICES if faults or not limited else _RATES)
        if id_ in {one.id for one in faults}:
            continue
        name = dice.choice(names or [one.name for one in CATALOGUE[id_]])
        faults.append(fault(id_, name, **options(dice)))
    return faults


def flip_flop() -> tuple[list[Fault], list[Fault]]:
    """F52, for two proxies before one node: one lies at odd calls, the other limits the rate."""
    return [fault("F52", "A")], [fault("F52", "B")]
