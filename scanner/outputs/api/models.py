"""The shape of every answer, for the schema only: bodies are ready bytes and are not built here.

Each field carries an example; the schema's examples are put together from them. Answers may grow
keys, so unknown ones are allowed.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def of(example: Any, description: str | None = None, **more: Any) -> Any:
    """A field that is always there."""
    return Field(examples=[example], description=description, **more)


def maybe(example: Any, description: str | None = None) -> Any:
    """A field that may be left out."""
    return Field(None, examples=[example], description=description)


USD = float
ADDRESS = "0x6d1c0e7f9f6dd1f0cbad4a3a3f4a6a3f3a1b2c3d"
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
SCAN = "000024512345-5e5e5e5e-9683b45a"


STRENGTH = (
    "Its collateral over the most that any equally wide range within 20 % of its price holds,"
    " same driver and side: 1 is the strongest around. Not comparable between scans."
)


NOT_CALLABLE = "Of the collateral at risk, that of positions nobody can call at present."


class Part(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="allow")


class Block(Part):
    """The block that was scanned."""

    number: int = of(24_512_345)
    hash: str = of("0x" + "5e" * 32)
    timestamp: int = of(1_770_645_900, "Unix seconds.")


class CertificateSummary(Part):
    """The certificate in a few numbers."""

    reserves: int = of(48, "Totals reconciled with the protocol's own.")
    exact: int = of(48, "Those equal to the last unit.")
    approximate: int = of(0, "Those within their stated bound.")
    lowest_coverage: float | None = of(1.0, "Debt found over the protocol's total, the worst.")
    accounts: int = of(30_211)
    checked: int = of(100, "Accounts compared with the protocol's own view.")
    mismatches: int = of(0)
    max_rel_error: float | None = of(0.0)
    unknown: int = of(0)
    problems: int = of(0)


class Grouping(Part):
    """That a file of groups was applied (`--group FILE`); nothing of its path."""

    sha256: str = of("5e" * 32, "Of the file.")
    groups: int = of(3)
    accounts: int = of(9, "Listed in the file.")
    found: int = of(7, "Of those, in this scan.")


class Head(Part):
    """Which scan it is, and what that scan is worth."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = of(1)
    scan_id: str = of(SCAN)
    block: Block
    complete: bool = of(True, "Whether no borrower is missing.")
    certificate_summary: CertificateSummary
    grouping: Grouping | None = maybe(None, "Only where a file of groups was given.")


class Token(Part):
    """Collateral of a range in one token."""

    address: str = of(WETH)
    symbol: str = of("WETH", "For show only.")
    amount: str = of("650612.0")
    usd: USD = of(1_195_620_752.24)


class Band(Part):
    """A band, a wall, or a row of walls."""

    driver: str = of("ETH")
    side: Literal["long", "short"] = of("long")
    kind: Literal["band", "wall", "walls"] = of("band")
    quality: str | None = of("strong")
    low_usd: USD | None = of(
        1781.09, "null under market and weighted shocks, which have low_ratio."
    )
    high_usd: USD | None = of(1862.02)
    tick_low: int = of(2997)
    tick_high: int = of(3015)
    collateral_at_risk_usd: USD = of(1_195_620_752.24)
    strength: float | None = maybe(1.0, STRENGTH)
    collateral_tokens: list[Token]
    dominant_token: str | None = of("WETH")
    normal_usd: USD | None = of(91_970_827.1, "What its surroundings would put there.")
    chance_bound: float | None = of(0.004)
    low_ratio: float | None = maybe(None, "On an axis of ratios: times the present prices.")
    high_ratio: float | None = maybe(None)
    seizable_usd: USD = of(520_991_742.79)
    not_callable_usd: USD | None = maybe(0.0, NOT_CALLABLE)
    debt_usd: USD = of(992_365_224.36)
    positions: int = of(8)
    accounts: int = of(8)
    large_accounts: int = of(6)
    effective_accounts: float = of(4.9)
    top_account_share: float = of(0.312115)
    distance: float = of(-0.134105, "Of the near edge from spot, as a fraction.")
    by_protocol: dict[str, USD] = of({"aave_v3": 1_195_620_752.24})
    owner: str | None = maybe(None, "Of a wall.")


class Sides(Part):
    """Dollars below and above spot."""

    long: USD = of(1_198_782_752.24)
    short: USD = of(3_000_000.0)


class Dex(Part):
    """What a DEX pool of the driver says beside its feed."""

    pool: str = of("0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640")
    token: str = of(WETH)
    fee: float = of(0.0005, "A fraction.")
    price_usd: USD = of(2149.2, "Its marginal price, its dollar coin counted as a dollar.")
    distance: float = of(0.000558, "The driver's spot over it, less 1.")


class DriverHead(Part):
    """One driver."""

    driver: str = of("ETH")
    spot_usd: USD | None = of(2150.4)
    feed: str | None = of("0x5424384b256154046e9667ddfaaa5e550145215e")
    description: str | None = of("ETH / USD")
    feed_age_seconds: int | None = maybe(
        1_234, "Of the feed's last update at the block; null where it tells none."
    )
    dex: Dex | None = maybe(None, "A DEX pool of the driver, where one is listed and was read.")
    borrowers: int = of(30_211)
    debt_usd: USD = of(999_172_858.76)
    collateral_usd: USD = of(1_409_408_908.8)


class DriverRow(DriverHead):
    """One driver, and the ranges nearest to spot."""

    at_risk: Sides
    below: Band | None = Field(description="The nearest range on the long side.")
    above: Band | None = Field(description="The nearest range on the short side.")


class Drivers(Head):
    """The answer of /v1/drivers."""

    drivers: list[DriverRow]


class Bands(Head):
    """The answer of /v1/bands."""

    driver: str | None = of("ETH")
    bands: list[Band]


class Tick(Part):
    """One price bucket."""

    driver: str = of("ETH")
    side: Literal["long", "short"] = of("long")
    tick: int = of(3015)
    low_usd: USD | None = of(1859.562811)
    high_usd: USD | None = of(1864.211718)
    collateral_at_risk_usd: USD = of(373_171_152.24)
    strength: float | None = maybe(1.0, STRENGTH)
    debt_usd: USD = of(309_732_056.36)
    positions: int = of(1)
    low_ratio: float | None = maybe(None, "On an axis of ratios: times the present prices.")
    high_ratio: float | None = maybe(None)
    by_protocol: dict[str, USD] | None = maybe({"aave_v3": 373_171_152.24})


class Ticks(Head):
    """The answer of /v1/ticks."""

    driver: str | None = of("ETH")
    tick_ratio: float = of(1.0025)
    ticks: list[Tick]


class Level(Part):
    """One occupied tick, with all between spot and it."""

    driver: str = of("ETH")
    side: Literal["long", "short"] = of("long")
    tick: int = of(3029)
    level_usd: USD | None = of(1925.710215, "null on an axis of ratios, which has level_ratio.")
    level_ratio: float | None = maybe(None, "Times the present prices: market, weighted shocks.")
    distance: float = of(-0.104487)
    collateral_at_risk_usd: USD = of(193_000.0, "From spot to this level.")
    debt_usd: USD = of(160_190.0)
    seizable_usd: USD = of(84_099.75)
    not_callable_usd: USD | None = maybe(0.0, NOT_CALLABLE)
    positions: int = of(1)
    tick_collateral_at_risk_usd: USD = of(193_000.0, "In this tick alone.")
    tick_debt_usd: USD = of(160_190.0)
    tick_seizable_usd: USD = of(84_099.75)
    tick_not_callable_usd: USD | None = maybe(0.0)
    tick_positions: int = of(1)
    strength: float = of(0.000517, "Of this tick alone: " + STRENGTH)


class Point(Part):
    """All that is liquidatable at one price."""

    level_usd: USD | None = of(1781.0)
    level_ratio: float | None = maybe(None)
    side: Literal["long", "short"] = of("long")
    distance: float = of(-0.171782)
    collateral_at_risk_usd: USD = of(1_196_002_752.24)
    debt_usd: USD = of(992_682_284.36)
    seizable_usd: USD = of(521_158_199.29)
    not_callable_usd: USD | None = maybe(0.0, NOT_CALLABLE)
    positions: int = of(10)
    accounts: int = of(10)
    strength: float = of(0.190914, "Of the tick that the price lies in.")


class Asked(Point):
    """One price asked for, and the same move the other way."""

    opposite: Point | None
    long_short_ratio: float | None = of(398.667584)


class Balance(Part):
    """The longs below one price against the shorts above another."""

    long_level_usd: USD | None = of(1781.0)
    long_usd: USD | None = of(1_196_002_752.24)
    long_level_ratio: float | None = maybe(None)
    short_level_ratio: float | None = maybe(None)
    short_level_usd: USD | None = of(2519.8)
    short_usd: USD | None = of(3_000_000.0)
    long_short_ratio: float | None = of(398.667584)


class Levels(Head):
    """The answer of /v1/levels."""

    driver: str = of("ETH")
    spot_usd: USD | None = of(2150.4)
    tick_ratio: float = of(1.0025)
    levels: list[Level]
    at: list[Asked]
    balance: Balance | None = maybe(None, "Of the prices asked for, where they lie on both sides.")


class Position(Part):
    """One position under one driver."""

    protocol: str = of("aave_v3")
    market: str = of("core")
    account: str = of(ADDRESS)
    owner: str = of(ADDRESS)
    driver: str = of("ETH")
    side: Literal["long", "short", "none"] = of("long")
    liquidation_price_usd: USD | None = of(1862.02)
    liquidation_ratio: float | None = of(0.865895)
    liquidation_price_raw: str = of("186202000000", "p* as the feed's integer.")
    price_feed: str = of("0x5424384b256154046e9667ddfaaa5e550145215e")
    price_scale: float = of(100_000_000.0, "Raw units of one; a power of ten.")
    health_factor: float | None = of(1.154875)
    collateral_usd: USD = of(430_965_964.8)
    debt_usd: USD = of(309_732_056.36)
    collateral_at_risk_usd: USD = of(373_171_152.24)
    seizable_usd: USD = of(162_609_329.59)
    callable: bool = of(True)
    not_callable_reason: str | None = maybe("", "Why not; empty where it is callable.")
    already_liquidatable: bool = of(False)
    largest_collateral: str = of("WETH")
    largest_debt: str = of("USDC")
    pre_liquidation_price_usd: USD | None = maybe(
        None, "Where a pre-liquidation that the owner has let happen begins (Morpho)."
    )
    distance: float | None = maybe(-0.134105)


class GroupTotals(Part):
    """What one group of a file of groups has in the positions that match."""

    group: str = of("Example Capital")
    positions: int = of(4)
    accounts: int = of(4)
    collateral_usd: USD = of(430_965_964.8)
    debt_usd: USD = of(309_732_056.36)
    collateral_at_risk_usd: USD = of(373_171_152.24)
    seizable_usd: USD = of(162_609_329.59)
    nearest: float = of(1862.02, "Of its prices the one nearest to spot.")
    distance: float = of(-0.134105, "Of that one.")


class Positions(Head):
    """The answer of /v1/positions."""

    driver: str = of("ETH")
    matching: int = of(374, "On all pages together.")
    already_liquidatable: int = of(12, "Positions without a price, in no list.")
    groups: list[GroupTotals] | None = maybe(None, "Only where a file of groups was given.")
    positions: list[Position]


class Leg(Part):
    """One collateral or one debt of a position."""

    protocol: str = of("aave_v3")
    market: str = of("core")
    account: str = of(ADDRESS)
    token: str = of(WETH)
    symbol: str = of("WETH")
    kind: Literal["collateral", "debt"] = of("collateral")
    counted: bool = of(True)
    amount_raw: str = of("200412000000000000000000")
    amount: float = of(200_412.0)
    price_usd: USD | None = of(2150.4)
    value_usd: USD | None = of(430_965_964.8)
    weight: float = of(0.83)
    driver: str = of("ETH")


class Move(Part):
    """How much of one token moves a liquidation price to the one asked for."""

    token: str = of(WETH)
    symbol: str = of("WETH", "For show only.")
    amount_raw: str | None = of("1500000000000000000", "Token units; null where it cannot be done.")
    amount: float | None = of(1.5, "Whole tokens.")
    usd: USD | None = of(3225.6, "At the scanned block's price.")
    liquidation_price_usd: float | None = of(
        1500.0, "The price afterwards; null where none is left. A ratio under the market shock."
    )
    reason: str | None = of(None, "Why it cannot be done by this token.")


class ReachPosition(Part):
    """What to repay, or to add, in one position; each alone is enough."""

    protocol: str = of("aave_v3")
    market: str = of("core")
    account: str = of(ADDRESS)
    owner: str = of(ADDRESS)
    side: Literal["long", "short"] = of("long", "short where the price lies above spot.")
    rule: Literal["integers", "closed_form"] | None = of(
        "integers", "By the protocol's own integers, or in closed form to the safe side."
    )
    why: str | None = of(None, "Why nothing can be said.")
    needed: bool | None = of(True, "false where it is healthy there already.")
    repay: list[Move]
    add: list[Move]


class Reach(Part):
    """How to move liquidation prices to a chosen one."""

    driver: str = of("ETH")
    price_usd: USD | None = of(1500.0, "null under the market shock, which has price_ratio.")
    price_ratio: float | None = maybe(None, "Times the present prices.")
    positions: list[ReachPosition]


class Account(Head):
    """The answer of /v1/accounts/{address}."""

    account: str = of(ADDRESS)
    driver: str | None = of("ETH", "The driver that was asked for.")
    positions: list[Position]
    legs: list[Leg]
    reach: Reach | None = Field(description="null where no price to reach was asked for.")
