"""SparkLend on a ground: Aave v3.0's real contracts under Spark's name, whose code is theirs."""

from localchain.chain import LocalChain
from localchain.ground import Ground


class Spark:
    """A second Aave on the node, of the v3.0 generation, with feeds and tokens of its own."""

    PROTOCOL = "spark"

    def __init__(self, ground: Ground) -> None:
        self.chain = LocalChain("core", chain_id=ground.chain_id, node=ground.node)

    def populate(self, n: int, seed: int = 1) -> list[str]:
        """n random accounts, all at once."""
        return self.chain.populate(n, 1000 + seed, days=0)  # other people than on Aave

    def feel(self, feed: str, old: int, new: int) -> None:
        """Its own feed of the same description moves by as much."""
        if feed in self.chain.deployment.feeds:
            own = self.chain.deployment.feeds[feed]
            present = self.chain.call(own, "latestAnswer()(int256)")
            self.chain.set_price(feed, present * new // old)

    def deployments_toml(self) -> str:
        """Its row of a deployments file."""
        return self.chain.deployments_toml().replace('"aave_v3"', '"spark"')


def parts(ground: Ground) -> list[Spark]:
    """Its one market; see mixed.py."""
    return [Spark(ground)]
