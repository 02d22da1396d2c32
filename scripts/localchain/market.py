"""The reserves of the local market: what real markets have, in miniature.

Percentages are basis points. Prices are USD with 8 decimals in every feed.
"""

from dataclasses import dataclass

USD = 10**8  # one dollar, as the feeds and the oracle count
ETHER = 10**18

FLAVOURS = ("core", "origin")

# Feeds by description, with the price they start at (dollars); "ETH / USD" follows --spot.
FEEDS = {
    "ETH / USD": 2350,
    "BTC / USD": 68_000,
    "LINK / USD": 15,
    "USDC / USD": 1,
    "DAI / USD": 1,
    "USDT / USD": 1,
    "PT / USD": 0.96,
}
STAKED_ETHER_RATIO = ETHER * 12 // 10  # ether per wstETH
STAKED_ETHER_GROWTH = 968  # most the adapter believes in a year


@dataclass(frozen=True)
class Reserve:
    """Parameters of one asset; `e_mode` is the category it may be collateral in."""

    symbol: str
    decimals: int
    feed: str
    ltv: int
    threshold: int
    bonus: int
    protocol_fee: int
    reserve_factor: int
    base_rate: int
    e_mode: int = 0
    borrowable_in: tuple[int, ...] = ()
    stable_rate: bool = False  # v3.0 only
    flavours: tuple[str, ...] = FLAVOURS


@dataclass(frozen=True)
class EMode:
    """A category of correlated assets."""

    id: int
    label: str
    ltv: int
    threshold: int
    bonus: int
    flavours: tuple[str, ...] = FLAVOURS


RESERVES = (
    Reserve("WETH", 18, "ETH / USD", 8050, 8300, 10500, 1000, 1500, 150, 1, (1,)),
    Reserve("wstETH", 18, "ETH / USD", 7850, 7950, 10600, 1000, 500, 25, 1, (1,)),
    Reserve("WBTC", 8, "BTC / USD", 7300, 7800, 10500, 1000, 2000, 20),
    Reserve("USDC", 6, "USDC / USD", 7500, 7800, 10450, 1000, 1000, 200, 2, (2, 3), True),
    Reserve("DAI", 18, "DAI / USD", 6300, 7700, 10500, 1000, 2500, 200, 2, (2, 3), True),
    Reserve("LINK", 18, "LINK / USD", 6600, 6800, 10700, 1000, 2000, 50),
    Reserve("USDT", 6, "USDT / USD", 0, 0, 0, 1000, 1000, 200),
    # no collateral at all but in a category of its own, as principal tokens are listed
    Reserve("PT", 18, "PT / USD", 0, 0, 0, 1000, 4500, 0, 3, flavours=("origin",)),
)

E_MODES = (
    EMode(1, "ETH correlated", 9300, 9500, 10100),
    EMode(2, "Stablecoins", 9500, 9700, 10100),
    EMode(3, "PT Stablecoins", 8800, 9000, 10400, flavours=("origin",)),
)


@dataclass(frozen=True)
class Token:
    """A listed asset: its contracts (lower-case addresses) and its reserve id.

    `feed` is what the oracle reads; for wstETH an adapter on the ether feed, until it is
    pointed at a feed of its own. `sdebt` is the stable debt token of v3.0.
    """

    symbol: str
    address: str
    decimals: int
    feed: str
    atoken: str
    vdebt: str
    sdebt: str | None
    id: int
    reserve: Reserve

    @property
    def unit(self) -> int:
        """One whole token in its smallest unit."""
        return int(10**self.decimals)

    def units(self, amount: float) -> int:
        """An amount of whole tokens in the token's smallest unit."""
        return round(amount * self.unit)


def reserves_of(flavour: str) -> list[Reserve]:
    """The reserves that a flavour lists, in the order of their ids."""
    return [reserve for reserve in RESERVES if flavour in reserve.flavours]


def e_modes_of(flavour: str) -> list[EMode]:
    """The categories that a flavour has."""
    return [mode for mode in E_MODES if flavour in mode.flavours]
