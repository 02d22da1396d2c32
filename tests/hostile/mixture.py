"""Random mixtures of what a good client must get over, and the pair of F52."""

import random
from collections.abc import Callable
from typing import Any

from hostile.catalogue import CATALOGUE, fault
from hostile.fault import Fault

Options = dict[str, Any]


def _finite(dice: random.Random) -> Options:
    return {"times": dice.randint(1, 3), "first": dice.randint(1, 8)}


def _blocks(dice: random.Random) -> Options:
    return {"limit": dice.randint(15, 200)}


def _results(dice: random.Random) -> Options:
    return {"limit": dice.randint(10, 60)}


def _bytes(dice: random.Random) -> Options:
    return {"limit": dice.randint(12_000, 40_000)}


# Nothing here takes long: no stalls, waits of a second at most. (id, variants or all, options)
_CHOICES: tuple[tuple[str, tuple[str, ...], Callable[[random.Random], Options]], ...] = (
    ("F01", (), _results),
    ("F02", ("results",), _results),
    ("F02", ("blocks",), _blocks),
    ("F03", (), _blocks),
    ("F04", (), _results),
    ("F05", ("geth", "reth", "besu", "publicnode", "merkle", "infura-range", "arc"), _blocks),
    ("F06", (), _blocks),
    ("F07", (), _blocks),
    ("F10", ("seconds", "date"), lambda dice: {**_finite(dice), "times": 1, "wait": 1}),
    ("F10", ("absent",), _finite),
    ("F11", (), _finite),
    ("F12", (), lambda dice: {**_finite(dice), "backoff": 0.5}),
    ("F13", (), _finite),
    ("F15", (), _finite),
    ("F16", (), _finite),
    ("F17", (), _finite),
    ("F18", (), _finite),
    ("F19", ("reset", "reset-at-once", "close", "mid-chunk", "no-last-chunk"), _finite),
    ("F20", ("cut", "large-length", "small-length", "cut-json", "gzip-cut", "gzip-crc"), _finite),
    ("F23", (), lambda dice: {"times": dice.randint(1, 3)}),
    ("F32", (), lambda dice: {}),
    ("F36", ("geth", "reth"), _bytes),
    ("F36", ("multicall",), lambda dice: {"limit": dice.randint(10, 60)}),
    ("F37", (), _bytes),
    ("F38", (), _bytes),
    ("F39", ("geth", "proxyd", "nginx"), lambda dice: {"limit": dice.randint(24_000, 80_000)}),
    ("F43", (), _finite),
    ("F51", ("past", "future"), lambda dice: {}),
)


def mixture(seed: int) -> list[Fault]:
    """Two to five different faults of class T that end soon or leave a way round."""
    dice = random.Random(seed)
    faults: list[Fault] = []
    count = dice.randint(2, 5)
    while len(faults) < count:
        id_, names, options = dice.choice(_CHOICES)
        if id_ in {one.id for one in faults}:
            continue
        name = dice.choice(names or [one.name for one in CATALOGUE[id_]])
        faults.append(fault(id_, name, **options(dice)))
    return faults


def flip_flop() -> tuple[list[Fault], list[Fault]]:
    """F52, for two proxies before one node: one lies at odd calls, the other limits the rate."""
    return [fault("F52", "A")], [fault("F52", "B")]
