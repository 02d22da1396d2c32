"""The shapes of the certificate, the document and the server's own reports; like models.py."""

from typing import Any, Literal

from pydantic import Field

from scanner.outputs.api.models import (
    ADDRESS,
    SCAN,
    USD,
    WETH,
    Band,
    Block,
    DriverHead,
    Head,
    Part,
    Tick,
    maybe,
    of,
)


class Identity(Part):
    """One total of a protocol, and what was found of it."""

    protocol: str = of("aave_v3")
    market: str = of("core")
    asset: str = of(WETH)
    symbol: str = of("WETH")
    kind: str = of("variable_debt")
    identity: Literal["exact", "approximate"] = of("exact")
    debt_found: str = of("4810000000000000")
    debt_total: str = of("4810000000000000")
    coverage: float | None = of(1.0)
    bound: float | None = maybe(None, "Of an approximate identity: the gap that is tolerated.")


class Parity(Part):
    """Our health factors against the protocol's own, at one market."""

    protocol: str = of("aave_v3")
    market: str = of("core")
    accounts: int = of(30_211)
    checked: int = of(100)
    unread: int | None = maybe(0, "Chosen as well, but the protocol gave no view of them.")
    max_rel_error: float | None = of(0.0)
    p99_rel_error: float | None = of(0.0)
    mismatches: int = of(0)


class RootFeed(Part):
    """A market's root feed of a driver."""

    feed: str = of("0x5424384b256154046e9667ddfaaa5e550145215e")
    description: str | None = of("ETH / USD")
    price_usd: USD = of(2150.4)
    feed_age_seconds: int | None = maybe(36, "Since its last update, at the block; null: unknown.")


class Market(Part):
    """One market that was read."""

    protocol: str = of("aave_v3")
    market: str = of("core")
    pool: str | None = maybe("0x87870bca3f3fd6335c3f4ce8392d69350b4fa4e2")
    revision: int | None = maybe(11)
    version: str | None = maybe("3.7", "The first release with these rules.")
    reserves: int | None = maybe(48)
    borrowers: int | None = of(30_211, "null where the market could not be read.")
    unknown_accounts: int | None = maybe(0)
    complete: bool = of(True)
    details: dict[str, Any] | None = maybe({}, "What is the protocol's own to say.")
    driver_feeds: dict[str, RootFeed] | None = maybe({}, "The market's own root feed, by driver.")


class Root(Part):
    """A feed that moves a token's price, and how: ratios of price and of the feed's answer."""

    feed: str = of("0x5424384b256154046e9667ddfaaa5e550145215e")
    description: str | None = of("ETH / USD")
    driver: str | None = of("ETH")
    sensitivity: float = of(1.0, "When the feed falls.")
    sensitivity_up: float = of(1.0, "When it rises.")
    bent: bool = of(False)
    error: float = of(0.0, "How far a price may be off the curve, as a part of it.")
    curve: list[list[float]] | None = of(None, "Knots: answer and price over their present ones.")


class PricedToken(Part):
    """One token, its price and what it follows."""

    address: str = of(WETH)
    symbol: str = of("WETH")
    price_usd: USD | None = of(2150.4)
    driver: str | None = of("ETH")
    sensitivity: float = of(1.0)
    driver_source: str | None = of("adapter")
    roots: list[Root] | None = maybe([], "The feeds that were seen to move it.")


class Unknown(Part):
    """Accounts whose health cannot be known: never taken as safe."""

    protocol: str | None = of("aave_v3")
    market: str | None = of("core")
    why: str = of("oracle reverts")
    asset: str | None = maybe(WETH)
    accounts: int | None = of(31)
    debt_usd: USD | None = of(None)
    debt_raw: list[dict[str, Any]] = of([])


class Skipped(Part):
    """A thing the scan had to skip."""

    kind: str = of("oracle_reverted")
    message: str = of("The oracle of one market reverts.")
    protocol: str | None = of("aave_v3")
    market: str | None = of("core")
    fatal: bool = of(False)


class AlreadyAccount(Part):
    """One of them; the largest debts are listed."""

    protocol: str = of("aave_v3")
    market: str = of("core")
    account: str = of(ADDRESS)
    health_factor: float | None = of(0.98)
    collateral_usd: USD = of(40_000.0)
    debt_usd: USD = of(39_000.0)
    callable: bool | None = maybe(True)
    not_callable_reason: str | None = maybe("", "Why not; empty where it is callable.")


class Already(Part):
    """Positions with a health factor below 1 at the scanned block."""

    positions: int = of(12)
    collateral_usd: USD = of(400_000.0)
    debt_usd: USD = of(390_000.0)
    bad_debt_usd: USD = of(21_000.0)
    not_callable_usd: USD | None = maybe(0.0, "Collateral of those that nobody can call.")
    accounts: list[AlreadyAccount]


class Certificate(Head):
    """The answer of /v1/certificate."""

    certificate: list[Identity]
    parity: list[Parity]
    markets: list[Market]
    tokens: list[PricedToken]
    unknown: list[Unknown]
    problems: list[Skipped]
    already_liquidatable: Already


class Tokens(Head):
    """The answer of /v1/tokens."""

    tokens: list[PricedToken]


class Totals(Part):
    """Debt, counted collateral and borrowers, each position once."""

    debt_usd: USD = of(999_172_858.76)
    collateral_usd: USD = of(1_409_408_908.8)
    borrowers: int = of(30_211, "Owners, each once.")
    positions: int = of(31_004)


class ProtocolTotals(Totals):
    """One protocol's."""

    protocol: str = of("aave_v3")


class DriverTotals(Totals):
    """Of the positions, whole, that a driver moves: rows of several drivers overlap."""

    driver: str = of("ETH")


class Covered(Part):
    """One deployment that was scanned."""

    protocol: str = of("aave_v3")
    market: str = of("core")
    address: str = of("0x87870bca3f3fd6335c3f4ce8392d69350b4fa4e2")


class DollarToken(Part):
    """One dollar token of the chain; null what it did not answer."""

    address: str = of("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48")
    symbol: str = of("USDC", "For show only.")
    decimals: int | None = maybe(6)
    supply_raw: str | None = maybe("52100000000000000", "totalSupply at the block.")
    supply: str | None = of("52100000000.0", "Whole tokens.")


class Liquidity(Part):
    """What there is of the chain's large dollar tokens, a dollar each."""

    stablecoin_supply_usd: USD | None = of(
        52_100_000_000.0, "null unless the supply of every token is known."
    )
    source: Literal["shipped", "markets"] | None = of(
        "shipped", "shipped: bandscan's list for the chain; markets: those of the scan's markets."
    )
    tokens: list[DollarToken]


class Leverage(Totals):
    """The totals of a scan, and the liquidity beside them."""

    by_protocol: list[ProtocolTotals]
    by_driver: list[DriverTotals]
    several_drivers: Totals | None = Field(
        description="In more than one row of by_driver; null where not every driver was scanned."
    )
    no_driver: Totals | None = Field(description="In no row of by_driver.")
    scope: list[Covered]
    liquidity: Liquidity | None


class Counts(Part):
    """Liquidation prices, by what the protocol said about them."""

    positions: int = of(38_112)
    proven: int = of(38_112, "Healthy at the price, liquidatable one feed unit beyond.")
    off: int = of(0)
    cannot: int = of(0)


class ProvenGroup(Counts):
    """One driver in one market. Debts under a dollar are in `dust` alone."""

    driver: str = of("ETH")
    protocol: str = of("aave_v3")
    market: str = of("core")
    dust: Counts


class NotProven(Part):
    """A price that is off, or that could not be asked about."""

    driver: str = of("ETH")
    protocol: str = of("aave_v3")
    market: str = of("core")
    account: str = of("0x" + "0" * 39 + "1")
    side: Literal["long", "short"] = of("long")
    debt_usd: USD = of(1_200_000.0)
    liquidation_price_usd: USD | None = of(1781.09)
    liquidation_price_raw: str = of("178109000000")
    price_feed: str = of("0x5f4ec3df9cbd43714fe2740f5e3616155c5b8419")
    status: Literal["off", "cannot"] = of("off")
    found_raw: str | None = of("178109000001", "The last healthy price as the protocol has it.")
    off_units: str | None = of("1")
    off_by: float | None = of(5.6e-12, "The same as a fraction of the price.")
    why: str | None = of(None)


class Proof(Head, Counts):
    """The answer of /v1/proof. `verified`: "prices"; "parity" where no endpoint took overrides and
    only health factors were compared; null where nobody has verified this scan."""

    verified: Literal["prices", "parity"] | None = of("prices")
    reason: str | None = of(None)
    drivers: list[str] = of(["BTC", "ETH"], "Those whose prices were all put to the protocols.")
    dust: Counts
    proof: list[ProvenGroup]
    failures: list[NotProven]
    parity: list[Parity]


class Document(Part):
    """The answer of /v1/scan: the document as the scan wrote it. Its id is in X-Bandscan-Scan."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = of(1)
    block: Block
    complete: bool = of(True)
    shocks: list[str] = of(["driver:BTC", "driver:ETH"])
    tick_ratio: float = of(1.0025)
    certificate: list[Identity]
    parity: list[Parity]
    drivers: list[DriverHead]
    tokens: list[PricedToken]
    bands: list[Band]
    ticks: list[Tick]
    markets: list[Market]
    leverage: Leverage | None = maybe(None, "Scans of the first release have none.")
    already_liquidatable: Already
    unknown: list[Unknown]
    problems: list[Skipped]


Condition = Literal["ok", "stale", "incomplete", "unreadable", "no_scan"]


class ChainHealth(Part):
    """One chain's state."""

    chain_id: int = of(1)
    chain: str = of("ethereum")
    status: Condition = of("ok")
    reason: str | None = of(None)
    scan_id: str | None = of(SCAN)
    block_number: int | None = of(24_512_345)
    age_seconds: float | None = of(41.3, "Since the scanned block.")


class Health(Part):
    """The answer of /healthz."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    status: Condition = of("ok")
    reason: str | None = of(None)
    chains: list[ChainHealth]


class Newer(Part):
    """An incomplete scan that is later than the one served."""

    scan_id: str = of(SCAN)
    block_number: int = of(24_512_400)


class ChainStatus(ChainHealth):
    """One chain's state in full."""

    complete: bool | None = of(True)
    block_timestamp: int | None = of(1_770_645_900)
    drivers: list[str] = of(["ETH", "BTC"])
    newer_incomplete: Newer | None


class Watch(Part):
    """The rescans of --watch."""

    every_seconds: float = of(60.0)
    running: bool = of(False)
    runs: int = of(12)
    last_exit_code: int | None = of(0)
    failures_in_a_row: int = of(0)
    next_in_seconds: float | None = of(18.7)


class Status(Part):
    """The answer of /v1/status."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    status: Condition = of("ok")
    reason: str | None = of(None)
    version: str = of("0.1.0")
    stale_after_seconds: float = of(21_600.0)
    chains: list[ChainStatus]
    watch: Watch | None


class Problem(Part):
    """RFC 9457: why there is no answer, and what to do."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    type: str = of("urn:bandscan:problem:bad_parameter")
    title: str = of("A parameter cannot be meant")
    status: int = of(400)
    detail: str = of("limit: Input should be less than or equal to 1000")
    parameters: list[dict[str, str]] | None = maybe(
        [{"parameter": "limit", "message": "Input should be less than or equal to 1000"}]
    )
    reasons: list[str] | None = maybe(["93.318 % of the USDC debt found in aave_v3 core"])
    drivers: list[str] | None = maybe(["ETH"], "All that the scan has.")
    protocols: list[str] | None = maybe(["aave_v3"], "All that the scan has.")
    chain_id: int | None = maybe(1)
    scan_id: str | None = maybe(SCAN)
    block: dict[str, int] | None = maybe({"number": 24_512_345, "timestamp": 1_770_645_900})
    complete: bool | None = maybe(False)
