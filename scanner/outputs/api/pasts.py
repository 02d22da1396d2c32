"""The shapes of history and of the list of scans; like models.py."""

from typing import Any, Literal

from pydantic import Field

from scanner.outputs.api import proofs
from scanner.outputs.api.models import SCAN, USD, Block, Part, Sides, maybe, of


class PastBand(Part):
    """A range in one scan of the past."""

    side: Literal["long", "short"] = of("long")
    kind: Literal["band", "wall", "walls"] = of("band")
    low_usd: USD | None = of(1781.09)
    high_usd: USD | None = of(1862.02)
    low_ratio: float | None = maybe(None, "On an axis of ratios: times the present prices.")
    high_ratio: float | None = maybe(None)
    tick_low: int | None = maybe(2997)
    tick_high: int | None = maybe(3015)
    collateral_at_risk_usd: USD = of(1_195_620_752.24)
    debt_usd: USD = of(992_365_224.36)
    positions: int | None = maybe(8)
    accounts: int = of(8)
    distance: float | None = maybe(-0.134105)
    owner: str | None = maybe(None, "Of a wall.")
    top_account_share: float = of(0.312115)


class TrackedBand(PastBand):
    """A range with the name it keeps from scan to scan."""

    track: str = of("long-2997-24512345")


class Change(Part):
    """What became of one range since the complete scan before."""

    change: Literal["born", "grew", "shrank", "moved", "dissolved"] = of("grew")
    side: Literal["long", "short"] = of("long")
    track: str | None = of("long-2997-24512345")
    before: PastBand | None
    after: PastBand | None
    collateral_change_usd: USD = of(240_500_000.0)


class PastScan(Part):
    """One scan of the past, of one driver."""

    scan_id: str = of(SCAN)
    block: Block
    complete: bool = of(True)
    spot_usd: USD | None = of(2150.4)
    borrowers: int = of(30_211)
    collateral_usd: USD = of(1_409_408_908.8)
    debt_usd: USD = of(999_172_858.76)
    at_risk: Sides
    bands: list[TrackedBand]
    changes: list[Change]


class ChainScan(Part):
    """One scan of the past, of a whole chain; null what it does not record."""

    scan_id: str = of(SCAN)
    block: Block
    complete: bool = of(True)
    debt_usd: USD | None = of(999_172_858.76)
    collateral_usd: USD | None = of(1_409_408_908.8)
    borrowers: int | None = of(30_211)
    positions: int | None = of(31_004)
    stablecoin_supply_usd: USD | None = of(152_300_000_000.0)


class Figure(Part):
    """One figure at both ends of a window."""

    from_: float = Field(alias="from", examples=[1_250_000_000.0])
    to: float = of(1_000_000_000.0)
    change: float = of(-250_000_000.0)
    fraction: float | None = of(-0.2, "null where it was zero.")


class Ends(Part):
    """A scan at one end of a window."""

    scan_id: str = of(SCAN)
    block: Block


class Window(Part):
    """What changed up to the newest complete scan since the one nearest to the window's start."""

    window: Literal["1h", "24h", "7d"] = of("7d")
    seconds: int = of(604_800)
    tolerance_seconds: int = of(43_200, "So far from the window's start a scan may be.")
    from_: Ends | None = Field(alias="from", description="null where no scan is near enough.")
    to: Ends | None
    apart_seconds: int | None = of(603_900, "Between the two scans: the changes are not scaled.")
    changes: dict[str, Figure | None] | None = of(
        {
            "debt_usd": {
                "from": 1_250_000_000.0,
                "to": 1_000_000_000.0,
                "change": -250_000_000.0,
                "fraction": -0.2,
            }
        },
        "By figure: debt_usd, collateral_usd, borrowers, and of a driver spot_usd,"
        " at_risk_long_usd, at_risk_short_usd, of the chain positions, stablecoin_supply_usd."
        " null where nothing can be concluded.",
    )
    why: str | None = of(None, "Why nothing is concluded.")
    stablecoins_why: str | None = maybe(None, "Why nothing is concluded of the supply.")
    by_protocol: list[dict[str, Any]] | None = maybe([], "Of the chain: the same per protocol.")
    by_driver: list[dict[str, Any]] | None = maybe([], "Of the chain: the same per driver.")


class ChainLeverage(proofs.Leverage):
    """The totals of a chain's newest complete scan."""

    scan_id: str = of(SCAN)
    block: Block


class History(Part):
    """The answer of /v1/history."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = of(1)
    driver: str | None = of("ETH", "null: of the whole chain.")
    leverage: ChainLeverage | None = maybe(
        None, "Of the chain: the totals of its newest complete scan; null if not recorded."
    )
    windows: list[Window]
    scans: list[PastScan | ChainScan] = Field(description="The oldest first.")
    problems: list[str] = of([], "Stored scans that cannot be read.")


class ListedScan(Part):
    """One stored scan."""

    scan_id: str = of(SCAN)
    block_number: int = of(24_512_345)
    timestamp: int = of(1_770_645_900)
    complete: bool = of(True)
    tables: bool = of(True, "Whether its positions are still kept.")


class Scans(Part):
    """The answer of /v1/scans."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = of(1)
    scans: list[ListedScan] = Field(description="The newest first.")
    problems: list[str] = of([], "Stored scans that cannot be read.")
