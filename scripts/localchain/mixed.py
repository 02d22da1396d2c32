"""Several protocols on one node and one set of feeds: Aave v3, Morpho Blue and Maker."""

from localchain.chain import LocalChain
from localchain.ground import Ground, GroundToken
from localchain.maker import ILKS, Maker
from localchain.morpho import Morpho


class Mixed:
    """Aave v3 as `LocalChain` has it, with Morpho Blue and Maker beside it.

    Morpho's oracles and Aave's read the same feeds. Maker's oracles are set from them by `set_feed`
    and poked, so that one move is felt by all three.
    """

    def __init__(self, aave: LocalChain) -> None:
        self.aave = aave
        tokens = {
            symbol: GroundToken(symbol, token.address, token.decimals)
            for symbol, token in aave.tokens.items()
        }
        self.ground = Ground(aave.node, aave.deployment.feeds, tokens)
        self.morpho, self.maker = Morpho(self.ground), Maker(self.ground)

    def populate(self, n: int, seed: int = 1) -> None:
        """n accounts in each of Morpho and Maker (Aave has its own `populate`)."""
        self.morpho.populate(n, seed)
        self.maker.populate(n, seed)

    def set_feed(self, name: str, raw: int) -> None:
        """Set a feed (8 decimals), and the Maker oracles that stand for it."""
        self.ground.set_feed(name, raw)
        for ilk, feed in ILKS.items():
            if feed == name:
                self.maker.set_value(ilk, raw * 10**10)

    def deployments_toml(self) -> str:
        """All markets in the format of a deployments file."""
        parts = (self.aave, self.morpho, self.maker)
        return "\n".join(part.deployments_toml() for part in parts)
