"""All faults by id: `fault("F10", "date")` makes one, `CATALOGUE` lists them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hostile.fault import Act, Fault

Maker = Callable[..., Act]


@dataclass(frozen=True)
class Variant:
    """A form of a fault, with what it does unless told otherwise."""

    id: str
    name: str
    make: Maker = field(repr=False)
    klass: str
    summary: str
    methods: frozenset[str] | None
    first: int
    times: int | None
    heals: bool

    @property
    def permanent(self) -> bool:
        """Whether, unless told otherwise, a client with no other endpoint never gets the truth."""
        return self.times is None and not self.heals


CATALOGUE: dict[str, list[Variant]] = {}
NOT_APPLICABLE: dict[str, str] = {
    "F11/batch": "a 429 per item needs a batch; the client sends single objects only",
    "F34/batch": "swapped, missing and extra items need a batch; the client sends none",
    "F35": "caps on batch arrays; the client sends none, Multicall3 and the lens are its batches",
    "F44": "by anvil_reorg in test_reorgs.py",
    "F45": "the client names blocks by number only, never by an EIP-1898 object",
}


def add(
    id: str,
    name: str,
    make: Maker,
    klass: str,
    summary: str,
    *,
    methods: Iterable[str] | None = None,
    first: int = 1,
    times: int | None = None,
    heals: bool = False,
) -> None:
    """Put a variant into the catalogue; `make` gets the options that `fault` does not know."""
    known = frozenset(methods) if methods is not None else None
    variants = CATALOGUE.setdefault(id, [])
    if any(variant.name == name for variant in variants):
        raise ValueError(f"{id} {name} is there already")
    variants.append(Variant(id, name, make, klass, summary, known, first, times, heals))


def variant(id: str, name: str = "") -> Variant:
    """A variant by name; the first one of the id without."""
    found = [one for one in CATALOGUE[id] if name in ("", one.name)]
    if not found:
        raise KeyError(f"{id} has no {name}, but {[one.name for one in CATALOGUE[id]]}")
    return found[0]


def fault(id: str, name: str = "", **options: Any) -> Fault:
    """A fault. Options: methods, first, times, probability, and those of the variant.

    >>> fault("F10", "seconds", times=1, wait=2).times
    1
    """
    made = variant(id, name)
    methods = options.pop("methods", made.methods)
    return Fault(
        id=made.id,
        variant=made.name,
        klass=made.klass,
        summary=made.summary,
        methods=None if methods is None else frozenset(methods),
        first=options.pop("first", made.first),
        times=options.pop("times", made.times),
        probability=options.pop("probability", 1.0),
        heals=made.heals,
        act=made.make(**options),
    )
