"""All protocols on one node and one set of feeds.

Found by listing this folder: a module that offers `parts(ground)` stands on the ground it is given
and returns its markets. Aave v3 is the first, because the ground is made of its feeds and tokens.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from localchain.chain import LocalChain
from localchain.ground import Ground, GroundToken


class Part(Protocol):
    """A market on the common ground."""

    PROTOCOL: str

    def populate(self, n: int, seed: int = 1) -> Any:
        """n accounts that borrow."""

    def feel(self, feed: str, old: int, new: int) -> None:
        """Follow a feed of the ground (a description) that was `old` and is `new`, where no
        contract of the market reads it by itself."""

    def deployments_toml(self) -> str:
        """Its row of a deployments file."""


@cache
def makers() -> dict[str, Callable[[Ground], list[Part]]]:
    """What each module of this folder puts on a ground, by the module's name."""
    found = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if info.name.startswith("__") or info.name == "mixed":
            continue
        module = importlib.import_module(f"localchain.{info.name}")
        if hasattr(module, "parts"):
            found[info.name] = module.parts
    return found


class Mixed:
    """Aave v3 as `LocalChain` has it, with the other protocols beside it.

    Parameters
    ----------
    aave : LocalChain
    only : iterable of str, optional
        Names of the modules to take; all where it is left out.
    """

    def __init__(self, aave: LocalChain, only: Iterable[str] | None = None) -> None:
        self.aave = aave
        tokens = {
            symbol: GroundToken(symbol, token.address, token.decimals)
            for symbol, token in aave.tokens.items()
        }
        self.ground = Ground(aave.node, aave.deployment.feeds, tokens)
        wanted = sorted(makers() if only is None else only)
        self.parts = [part for name in wanted for part in makers()[name](self.ground)]

    @property
    def protocols(self) -> list[str]:
        """Of all markets, Aave v3 among them."""
        return sorted({"aave_v3", *(part.PROTOCOL for part in self.parts)})

    def part(self, protocol: str) -> Any:
        """The first market of a protocol."""
        return next(part for part in self.parts if protocol == part.PROTOCOL)

    def populate(self, n: int, seed: int = 1) -> None:
        """n accounts in each market but Aave's, which has its own `populate`."""
        for part in self.parts:
            part.populate(n, seed)

    def set_feed(self, name: str, raw: int) -> None:
        """Set a feed (8 decimals), and what stands for it in markets that read another one."""
        old = self.ground.feed(name)
        self.ground.set_feed(name, raw)
        for part in self.parts:
            part.feel(name, old, raw)

    def deployments_toml(self) -> str:
        """All markets in the format of a deployments file."""
        rows = [part.deployments_toml() for part in self.parts]
        return "\n".join([self.aave.deployments_toml(), *rows])
