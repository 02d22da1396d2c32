"""The shapes of liquidations that happened and of the back-test; like models.py."""

from typing import Literal

from pydantic import Field

from scanner.outputs.api.models import ADDRESS, SCAN, USD, WETH, Part, of

USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
HASH, SENT = "0x" + "5e" * 32, "0x" + "7a" * 32


class Edge(Part):
    """A block at which a window begins or ends."""

    number: int | None = of(24_505_170)
    hash: str | None = of(HASH)
    timestamp: int | None = of(1_770_559_511, "Unix seconds.")


class Window(Part):
    """What was asked about."""

    seconds: int | None = of(86_400, "null where blocks were asked for.")
    from_: Edge = Field(alias="from")
    to: Edge


class Missing(Part):
    """Blocks that were not read."""

    from_: int = Field(alias="from", examples=[24_505_170])
    to: int = of(24_505_200)


class ReadMarket(Part):
    """How much of the window was read of one market."""

    protocol: str = of("aave_v3")
    market: str | None = of("core", "null: nothing of the protocol was ever read.")
    complete: bool = of(True)
    missing_blocks: list[Missing] = of([])
    asked: list[str] = of(["two endpoints"], "By which ways logs were asked for.")


class Sums(Part):
    """Dollars at the blocks of the events."""

    debt_repaid_usd: USD = of(412_000_000.0)
    collateral_seized_usd: USD = of(441_000_000.0)
    events: int = of(1_043)
    accounts: int = of(611)


class Totals(Sums):
    """Of the whole window."""

    bad_debt_usd: USD = of(120_000.0, "Written off.")
    transactions: int = of(998)
    events_per_account: float | None = of(1.71)
    sold_usd: USD = of(0.0, "Collateral that protocols sold later; part of no other sum.")
    sold_for_usd: USD = of(0.0)
    unpriced: int = of(0, "Rows with an amount without a price, left out of the sums.")


class SideSums(Sums):
    """One way of being liquidated."""

    side: Literal["long", "short", "pair", "loop", "unknown"] = of("long")


class Largest(Part):
    """The most that one transaction repaid of one account."""

    transaction: str = of(SENT)
    block: int = of(24_508_800)
    timestamp: int = of(1_770_603_000)
    protocol: str = of("aave_v3")
    market: str = of("core")
    account: str = of(ADDRESS)
    debt_repaid_usd: USD = of(21_000_000.0)
    collateral_seized_usd: USD = of(22_100_000.0)
    events: int = of(2)


class Hour(Sums):
    """A full hour of the clock."""

    from_: int = Field(alias="from", examples=[1_770_602_400], description="Unix seconds.")
    to: int = of(1_770_606_000)


class ProtocolSums(Sums):
    """One protocol."""

    protocol: str = of("aave_v3")


class DriverSums(Sums):
    """One driver: of the collateral, or of the debt where the collateral is a dollar stable."""

    driver: str | None = of("ETH", "null: dollar stables on both sides.")
    long_usd: USD = of(402_000_000.0)
    short_usd: USD = of(4_000_000.0)
    pair_usd: USD = of(1_000_000.0)
    loop_usd: USD = of(5_000_000.0)


class PriceSource(Part):
    """How many rows were valued by what."""

    source: str | None = of("block", '"block", "scan <id>", or null for none.')
    rows: int = of(1_043)


class EventBlock(Part):
    """The block of an event."""

    number: int = of(24_508_800)
    hash: str = of(HASH)


class Liquidation(Part):
    """One liquidation and one collateral of it."""

    kind: Literal["liquidation", "bad_debt"] = of("liquidation")
    side: Literal["long", "short", "pair", "loop", "unknown"] = of("long")
    protocol: str = of("aave_v3")
    market: str = of("core")
    account: str = of(ADDRESS)
    owner: str | None = of(ADDRESS)
    transaction: str = of(SENT)
    log_index: int = of(41)
    part: int = of(0, "Place among the collaterals that one call took.")
    block: EventBlock
    timestamp: int = of(1_770_603_000)
    collateral_token: str | None = of(WETH)
    collateral_symbol: str | None = of("WETH")
    collateral_driver: str | None = of("ETH")
    collateral_raw: str | None = of("5000000000000000000")
    collateral_amount: float | None = of(5.0)
    collateral_shares_raw: str | None = of(None, "cTokens, where those are what is seized.")
    collateral_usd: USD | None = of(9_000.0)
    debt_token: str | None = of(USDC)
    debt_symbol: str | None = of("USDC")
    debt_driver: str | None = of(None)
    debt_raw: str | None = of("8571000000")
    debt_amount: float | None = of(8_571.0)
    debt_usd: USD | None = of(8_571.0)
    bad_debt_raw: str | None = of(None)
    bad_debt_usd: USD | None = of(None)
    price_source: str | None = of("block")


class Liquidations(Part):
    """The answer of /v1/liquidations."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = of(1)
    window: Window
    complete: bool = of(True, "Whether all markets were read over the whole window.")
    markets: list[ReadMarket]
    totals: Totals
    sides: list[SideSums]
    long_share: float | None = of(0.987715, "Longs of longs, shorts and pairs; loops apart.")
    largest: Largest | None
    by_hour: list[Hour]
    by_protocol: list[ProtocolSums]
    by_driver: list[DriverSums]
    price_sources: list[PriceSource]
    matching: int = of(1_043, "Rows in all; `liquidations` may list fewer.")
    liquidations: list[Liquidation]


class TestedScan(Part):
    """The scan that listed a range."""

    scan_id: str = of(SCAN)
    block_number: int = of(24_512_345)
    timestamp: int = of(1_770_645_900)
    complete: bool = of(True)


class Crossing(Part):
    """That the price has been in a range since, and who says so."""

    by: Literal["scan", "liquidations"] = of("scan")
    whole: bool = of(True, "Whether it went beyond the far edge.")
    price_usd: USD | None = of(1_702.5, "The farthest spot of a later scan.")
    timestamp: int = of(1_770_732_300)
    scan_id: str | None = of("000024519545-6f6f6f6f-1b2c3d4e")


class Outcome(Part):
    """What became of the collateral at risk; the six parts add up to it."""

    liquidated_usd: USD = of(610_000_000.0)
    left_usd: USD = of(300_000_000.0, "What liquidations left to the accounts they were about.")
    repaid_usd: USD = of(250_000_000.0, "Repaid, topped up, withdrawn or moved in time.")
    still_there_usd: USD = of(35_620_752.24)
    not_reached_usd: USD = of(0.0)
    unknown_usd: USD = of(0.0)
    compared_with: str | None = of("000024519545-6f6f6f6f-1b2c3d4e")
    liquidations: int = of(57)
    accounts_liquidated: int = of(6)
    debt_repaid_usd: USD | None = of(
        505_000_000.0, "At the blocks of the events; null: one has no price."
    )
    collateral_seized_usd: USD | None = of(
        530_000_000.0, "At the blocks of the events; null: one has no price."
    )


class TestedBand(Part):
    """A range of an earlier scan."""

    scan: TestedScan
    driver: str = of("ETH")
    side: Literal["long", "short"] = of("long")
    kind: Literal["band", "wall", "walls"] = of("band")
    low_usd: USD = of(1781.09)
    high_usd: USD = of(1862.02)
    collateral_at_risk_usd: USD = of(1_195_620_752.24)
    positions: int = of(8)
    accounts: int = of(8)
    crossed: Crossing | None
    outcome: Outcome | None


class Backtest(Part):
    """The answer of /v1/backtest."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = of(1)
    driver: str | None = of("ETH")
    scans: int = of(12, "Earlier scans whose positions are still kept.")
    complete: bool = of(True, "False where something is unknown.")
    bands: list[TestedBand]
    problems: list[str] = of([])
