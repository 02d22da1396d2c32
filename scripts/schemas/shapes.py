"""The shapes of what the API does not serve; like scanner/outputs/api/models.py."""

from typing import Any, Literal

from pydantic import Field

from scanner.chain.found import Batch, Head, Logs, OldLogs, State, Tag
from scanner.outputs.api import pasts
from scanner.outputs.api.models import ADDRESS, SCAN, USD, Block, Part, of
from scanner.outputs.api.models import Head as ScanHead

SCHEMA = Field(alias="schema", examples=["bandscan/1"])


class Market(Part):
    """One market that a scan reads."""

    protocol: str = of("aave_v3")
    chain: str = of("ethereum")
    chain_id: int = of(1)
    market: str = of("core")
    address: str = of("0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2", "With its checksum.")
    first_block: int | None = of(16_291_127, "null: found by bisection.")
    source: str = of("bgd-labs/aave-address-book")


class Protocols(Part):
    """Which markets a scan reads."""

    schema_: str = SCHEMA
    protocols: list[Market]


class Known(Part):
    """The accounts of one market that the store knows."""

    chain_id: int = of(1)
    chain: str = of("ethereum")
    protocol: str = of("aave_v3")
    market: str = of("core")
    accounts: int = of(152_000)
    through: int | None = of(24_512_345, "The block up to which they are known.")


class KnownAccounts(Part):
    """Who is known to have borrowed."""

    schema_: str = SCHEMA
    accounts: list[Known]


class FirstScan(Part):
    """What the logs of a first scan cost there."""

    markets: int = of(12)
    from_block: int = of(7_710_671)
    blocks: int = of(16_801_674)
    log_requests: int = of(1_681)
    seconds: float = of(840.5)


class Endpoint(Part):
    """One endpoint, by its number: its URL is a secret. null is not known, never no."""

    endpoint: str = of("endpoint 1 of 2")
    usable: bool = of(True)
    obstacle: str | None = of(None, "Why no scan can be made there.")
    reachable: bool = of(True)
    chain_id: int | None = of(1)
    client: str | None = of("reth/v1.9")
    head: Head | None
    safe: Tag | None
    finalized: Tag | None
    multicall3: bool | None = of(True)
    reads: bool | None = of(True, "An eth_call near the head proved its block.")
    logs: Logs | None
    old_logs: OldLogs | None
    state: State | None
    state_override: bool | None = of(True)
    create_and_revert: bool | None = of(True)
    batch: Batch | None
    gzip: bool | None = of(True)
    latency_ms: float | None = of(41.0)
    requests_per_second: float | None = of(None, "null: nobody objected.")
    requests: int = of(64)
    seconds: float = of(4.2)
    reasons: dict[str, str] = of({}, "By field: why it is not known, or why no.")
    first_scan: FirstScan | None
    advice: list[str] = of([], "The gravest first.")


class Doctor(Part):
    """What was found out about endpoints."""

    schema_: str = SCHEMA
    chain_id: int | None = of(1)
    chain: str | None = of("ethereum")
    usable: bool = of(True, "Whether one of them can be used.")
    endpoints: list[Endpoint]


class MaybeSides(Part):
    """Dollars below and above spot; null where the scan has not the driver."""

    long: USD | None = of(1_198_782_752.24)
    short: USD | None = of(3_000_000.0)


class Side(ScanHead):
    """One of the two scans that are compared; its totals are null where it has not the driver."""

    spot_usd: USD | None = of(2150.4)
    borrowers: int | None = of(30_211)
    collateral_usd: USD | None = of(1_409_408_908.8)
    debt_usd: USD | None = of(999_172_858.76)
    at_risk: MaybeSides


class Place(Part):
    """An account's price and dollars in one of the scans."""

    liquidation_price_usd: USD | None = of(1862.02)
    liquidation_ratio: float | None = of(0.865895)
    collateral_at_risk_usd: USD = of(373_171_152.24)


class Mover(Part):
    """What one member of a range did, the largest change first."""

    account: str = of(ADDRESS)
    protocol: str = of("aave_v3")
    market: str = of("core")
    before: Place | None = Field(description="null where it had no such price.")
    after: Place | None
    change_usd: USD = of(240_500_000.0)


class Compared(Part):
    """What became of one range."""

    change: Literal["born", "grew", "shrank", "moved", "dissolved", "same"] = of("moved")
    side: Literal["long", "short"] = of("long")
    before: dict[str, Any] | None = Field(description="The range as in `bands`.")
    after: dict[str, Any] | None
    collateral_change_usd: USD = of(240_500_000.0)
    accounts: list[Mover] | None = Field(description="null where positions are no longer kept.")


class Diff(Part):
    """Two scans of a driver compared."""

    schema_: str = SCHEMA
    chain_id: int = of(1)
    driver: str = of("ETH")
    from_: Side = Field(alias="from")
    to: Side
    changes: list[Compared]


class Diffs(Part):
    """Two scans compared, driver by driver."""

    schema_: str = SCHEMA
    drivers: list[Diff]


class ToldBand(pasts.PastBand):
    """A range as a watch tells it."""

    large_accounts: int | None = of(6)


class Told(Part):
    """What became of one range since it was last told of."""

    schema_: str = SCHEMA
    chain_id: int = of(1)
    block: Block
    driver: str = of("ETH")
    spot_usd: USD | None = of(2150.4)
    change: Literal["born", "grew", "shrank", "moved", "dissolved"] = of("grew")
    side: Literal["long", "short"] = of("long")
    since: Block | None = Field(description="The block it was last told of.")
    before: ToldBand | None
    after: ToldBand | None
    collateral_change_usd: USD = of(240_500_000.0)


class ScanEvent(Part):
    """A new scan."""

    schema_: str = SCHEMA
    chain_id: int = of(1)
    scan_id: str = of(SCAN)
    block: Block
    complete: bool = of(True)
    changes: int = of(3, "Of ranges of all drivers.")


class BandEvent(pasts.Change):
    """A range that changed."""

    schema_: str = SCHEMA
    chain_id: int = of(1)
    scan_id: str = of(SCAN)
    block: Block
    complete: bool = of(True)
    driver: str = of("ETH")
    spot_usd: USD | None = of(2150.4)


class Stats(Part):
    """Facts of a run: no part of the document, so that the same block gives the same bytes."""

    seconds: float = of(41.3)
    requests: int = of(212)
    bytes_sent: int = of(1_200_000)
    bytes_received: int = of(9_800_000)
    retries: int = of(0)


class SiteDriver(Part):
    """Where a driver's documents and page lie."""

    driver: str = of("ETH")
    documents: str = of("v1/eth/")
    page: str | None = of("eth/index.html", "null where it has none.")


class SiteFile(Part):
    """One document or table."""

    path: str = of("v1/eth/bands.json")
    bytes: int = of(4_096)


class SiteIndex(ScanHead):
    """What a report holds, for programs."""

    filters: str = of("none: `bandscan serve` answers the same paths with filters")
    drivers: list[SiteDriver]
    files: list[SiteFile]
