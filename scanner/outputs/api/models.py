"""The shape of every answer, for the schema only: bodies are ready bytes and are not built here.

Each field carries an example; the schema's examples are put together from them. Answers may grow
keys, so unknown ones are allowed.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def _of(example: Any, description: str | None = None, **more: Any) -> Any:
    """A field that is always there."""
    return Field(examples=[example], description=description, **more)


def _maybe(example: Any, description: str | None = None) -> Any:
    """A field that may be left out."""
    return Field(None, examples=[example], description=description)


USD = float
ADDRESS = "0x6d1c0e7f9f6dd1f0cbad4a3a3f4a6a3f3a1b2c3d"
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
SCAN = "000024512345-5e5e5e5e-9683b45a"


class Part(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="allow")


class Block(Part):
    """The block that was scanned."""

    number: int = _of(24_512_345)
    hash: str = _of("0x" + "5e" * 32)
    timestamp: int = _of(1_770_645_900, "Unix seconds.")


class CertificateSummary(Part):
    """The certificate in a few numbers."""

    reserves: int = _of(48, "Totals reconciled with the protocol's own.")
    exact: int = _of(48, "Those equal to the last unit.")
    approximate: int = _of(0, "Those within their stated bound.")
    lowest_coverage: float | None = _of(1.0, "Debt found over the protocol's total, the worst.")
    accounts: int = _of(30_211)
    checked: int = _of(100, "Accounts compared with the protocol's own view.")
    mismatches: int = _of(0)
    max_rel_error: float | None = _of(0.0)
    unknown: int = _of(0)
    problems: int = _of(0)


class Head(Part):
    """Which scan it is, and what that scan is worth."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = _of(1)
    scan_id: str = _of(SCAN)
    block: Block
    complete: bool = _of(True, "Whether no borrower is missing.")
    certificate_summary: CertificateSummary


class Token(Part):
    """Collateral of a range in one token."""

    address: str = _of(WETH)
    symbol: str = _of("WETH", "For show only.")
    amount: str = _of("650612.0")
    usd: USD = _of(1_195_620_752.24)


class Band(Part):
    """A band, a wall, or a row of walls."""

    driver: str = _of("ETH")
    side: Literal["long", "short"] = _of("long")
    kind: Literal["band", "wall", "walls"] = _of("band")
    quality: str | None = _of("strong")
    low_usd: USD | None = _of(1781.09, "null under the market shock, which has low_ratio.")
    high_usd: USD | None = _of(1862.02)
    tick_low: int = _of(2997)
    tick_high: int = _of(3015)
    collateral_at_risk_usd: USD = _of(1_195_620_752.24)
    collateral_tokens: list[Token]
    dominant_token: str | None = _of("WETH")
    normal_usd: USD | None = _of(91_970_827.1, "What its surroundings would put there.")
    chance_bound: float | None = _of(0.004)
    seizable_usd: USD = _of(520_991_742.79)
    debt_usd: USD = _of(992_365_224.36)
    positions: int = _of(8)
    accounts: int = _of(8)
    large_accounts: int = _of(6)
    effective_accounts: float = _of(4.9)
    top_account_share: float = _of(0.312115)
    distance: float = _of(-0.134105, "Of the near edge from spot, as a fraction.")
    by_protocol: dict[str, USD] = _of({"aave_v3": 1_195_620_752.24})
    owner: str | None = _maybe(None, "Of a wall.")


class Sides(Part):
    """Dollars below and above spot."""

    long: USD = _of(1_198_782_752.24)
    short: USD = _of(3_000_000.0)


class DriverRow(Part):
    """One driver."""

    driver: str = _of("ETH")
    spot_usd: USD | None = _of(2150.4)
    feed: str | None = _of("0x5424384b256154046e9667ddfaaa5e550145215e")
    description: str | None = _of("ETH / USD")
    borrowers: int = _of(30_211)
    debt_usd: USD = _of(999_172_858.76)
    collateral_usd: USD = _of(1_409_408_908.8)
    at_risk: Sides
    below: Band | None = Field(description="The nearest range on the long side.")
    above: Band | None = Field(description="The nearest range on the short side.")


class Drivers(Head):
    """The answer of /v1/drivers."""

    drivers: list[DriverRow]


class Bands(Head):
    """The answer of /v1/bands."""

    driver: str | None = _of("ETH")
    bands: list[Band]


class Tick(Part):
    """One price bucket."""

    driver: str = _of("ETH")
    side: Literal["long", "short"] = _of("long")
    tick: int = _of(3015)
    low_usd: USD | None = _of(1859.562811)
    high_usd: USD | None = _of(1864.211718)
    collateral_at_risk_usd: USD = _of(373_171_152.24)
    debt_usd: USD = _of(309_732_056.36)
    positions: int = _of(1)


class Ticks(Head):
    """The answer of /v1/ticks."""

    driver: str | None = _of("ETH")
    tick_ratio: float = _of(1.0025)
    ticks: list[Tick]


class Level(Part):
    """One occupied tick, with all between spot and it."""

    driver: str = _of("ETH")
    side: Literal["long", "short"] = _of("long")
    tick: int = _of(3029)
    level_usd: USD | None = _of(1925.710215)
    distance: float = _of(-0.104487)
    collateral_at_risk_usd: USD = _of(193_000.0, "From spot to this level.")
    debt_usd: USD = _of(160_190.0)
    seizable_usd: USD = _of(84_099.75)
    positions: int = _of(1)
    tick_collateral_at_risk_usd: USD = _of(193_000.0, "In this tick alone.")
    tick_debt_usd: USD = _of(160_190.0)
    tick_seizable_usd: USD = _of(84_099.75)
    tick_positions: int = _of(1)


class Point(Part):
    """All that is liquidatable at one price."""

    level_usd: USD | None = _of(1781.0)
    side: Literal["long", "short"] = _of("long")
    distance: float = _of(-0.171782)
    collateral_at_risk_usd: USD = _of(1_196_002_752.24)
    debt_usd: USD = _of(992_682_284.36)
    seizable_usd: USD = _of(521_158_199.29)
    positions: int = _of(10)
    accounts: int = _of(10)


class Asked(Point):
    """One price asked for, and the same move the other way."""

    opposite: Point | None
    long_short_ratio: float | None = _of(398.667584)


class Balance(Part):
    """The longs below one price against the shorts above another."""

    long_level_usd: USD | None = _of(1781.0)
    long_usd: USD | None = _of(1_196_002_752.24)
    short_level_usd: USD | None = _of(2519.8)
    short_usd: USD | None = _of(3_000_000.0)
    long_short_ratio: float | None = _of(398.667584)


class Levels(Head):
    """The answer of /v1/levels."""

    driver: str = _of("ETH")
    spot_usd: USD | None = _of(2150.4)
    tick_ratio: float = _of(1.0025)
    levels: list[Level]
    at: list[Asked]
    balance: Balance | None = _maybe(None, "Of the prices asked for, where they lie on both sides.")


class Position(Part):
    """One position under one driver."""

    protocol: str = _of("aave_v3")
    market: str = _of("core")
    account: str = _of(ADDRESS)
    owner: str = _of(ADDRESS)
    driver: str = _of("ETH")
    side: Literal["long", "short", "none"] = _of("long")
    liquidation_price_usd: USD | None = _of(1862.02)
    liquidation_ratio: float | None = _of(0.865895)
    liquidation_price_raw: str = _of("186202000000", "p* as the feed's integer.")
    price_feed: str = _of("0x5424384b256154046e9667ddfaaa5e550145215e")
    price_scale: int = _of(100_000_000)
    health_factor: float | None = _of(1.154875)
    collateral_usd: USD = _of(430_965_964.8)
    debt_usd: USD = _of(309_732_056.36)
    collateral_at_risk_usd: USD = _of(373_171_152.24)
    seizable_usd: USD = _of(162_609_329.59)
    callable: bool = _of(True)
    already_liquidatable: bool = _of(False)
    largest_collateral: str = _of("WETH")
    largest_debt: str = _of("USDC")
    distance: float | None = _maybe(-0.134105)


class Positions(Head):
    """The answer of /v1/positions."""

    driver: str = _of("ETH")
    matching: int = _of(374, "On all pages together.")
    already_liquidatable: int = _of(12, "Positions without a price, in no list.")
    positions: list[Position]


class Leg(Part):
    """One collateral or one debt of a position."""

    protocol: str = _of("aave_v3")
    market: str = _of("core")
    account: str = _of(ADDRESS)
    token: str = _of(WETH)
    symbol: str = _of("WETH")
    kind: Literal["collateral", "debt"] = _of("collateral")
    counted: bool = _of(True)
    amount_raw: str = _of("200412000000000000000000")
    amount: float = _of(200_412.0)
    price_usd: USD | None = _of(2150.4)
    value_usd: USD | None = _of(430_965_964.8)
    weight: float = _of(0.83)
    driver: str = _of("ETH")


class Account(Head):
    """The answer of /v1/accounts/{address}."""

    account: str = _of(ADDRESS)
    positions: list[Position]
    legs: list[Leg]


class PastBand(Part):
    """A range in one scan of the past."""

    side: Literal["long", "short"] = _of("long")
    kind: Literal["band", "wall", "walls"] = _of("band")
    low_usd: USD | None = _of(1781.09)
    high_usd: USD | None = _of(1862.02)
    collateral_at_risk_usd: USD = _of(1_195_620_752.24)
    debt_usd: USD = _of(992_365_224.36)
    accounts: int = _of(8)
    top_account_share: float = _of(0.312115)


class TrackedBand(PastBand):
    """A range with the name it keeps from scan to scan."""

    track: str = _of("long-2997-24512345")


class Change(Part):
    """What became of one range since the complete scan before."""

    change: Literal["born", "grew", "shrank", "moved", "dissolved"] = _of("grew")
    side: Literal["long", "short"] = _of("long")
    track: str | None = _of("long-2997-24512345")
    before: PastBand | None
    after: PastBand | None
    collateral_change_usd: USD = _of(240_500_000.0)


class PastScan(Part):
    """One scan of the past, of one driver."""

    scan_id: str = _of(SCAN)
    block: Block
    complete: bool = _of(True)
    spot_usd: USD | None = _of(2150.4)
    borrowers: int = _of(30_211)
    collateral_usd: USD = _of(1_409_408_908.8)
    debt_usd: USD = _of(999_172_858.76)
    at_risk: Sides
    bands: list[TrackedBand]
    changes: list[Change]


class History(Part):
    """The answer of /v1/history."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = _of(1)
    driver: str = _of("ETH")
    scans: list[PastScan] = Field(description="The oldest first.")
    problems: list[str] = _of([], "Stored scans that cannot be read.")


class ListedScan(Part):
    """One stored scan."""

    scan_id: str = _of(SCAN)
    block_number: int = _of(24_512_345)
    timestamp: int = _of(1_770_645_900)
    complete: bool = _of(True)
    tables: bool = _of(True, "Whether its positions are still kept.")


class Scans(Part):
    """The answer of /v1/scans."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = _of(1)
    scans: list[ListedScan] = Field(description="The newest first.")
    problems: list[str] = _of([], "Stored scans that cannot be read.")
