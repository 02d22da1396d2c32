"""The shapes of history and of the list of scans; like models.py."""

from typing import Literal

from pydantic import Field

from scanner.outputs.api.models import SCAN, USD, Block, Part, Sides, of


class PastBand(Part):
    """A range in one scan of the past."""

    side: Literal["long", "short"] = of("long")
    kind: Literal["band", "wall", "walls"] = of("band")
    low_usd: USD | None = of(1781.09)
    high_usd: USD | None = of(1862.02)
    collateral_at_risk_usd: USD = of(1_195_620_752.24)
    debt_usd: USD = of(992_365_224.36)
    accounts: int = of(8)
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


class History(Part):
    """The answer of /v1/history."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = of(1)
    driver: str = of("ETH")
    scans: list[PastScan] = Field(description="The oldest first.")
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
