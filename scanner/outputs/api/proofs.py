"""The shapes of the certificate, the document and the server's own reports; like models.py."""

from typing import Any, Literal

from pydantic import Field

from scanner.outputs.api.models import SCAN, USD, WETH, Block, Head, Part, _maybe, _of


class Identity(Part):
    """One total of a protocol, and what was found of it."""

    protocol: str = _of("aave_v3")
    market: str = _of("core")
    asset: str = _of(WETH)
    symbol: str = _of("WETH")
    kind: str = _of("variable_debt")
    identity: Literal["exact", "approximate"] = _of("exact")
    debt_found: str = _of("4810000000000000")
    debt_total: str = _of("4810000000000000")
    coverage: float | None = _of(1.0)


class Parity(Part):
    """Our health factors against the protocol's own, at one market."""

    protocol: str = _of("aave_v3")
    market: str = _of("core")
    accounts: int = _of(30_211)
    checked: int = _of(100)
    max_rel_error: float | None = _of(0.0)
    p99_rel_error: float | None = _of(0.0)
    mismatches: int = _of(0)


class Market(Part):
    """One market that was read."""

    protocol: str = _of("aave_v3")
    market: str = _of("core")
    borrowers: int = _of(30_211)
    complete: bool = _of(True)


class PricedToken(Part):
    """One token, its price and what it follows."""

    address: str = _of(WETH)
    symbol: str = _of("WETH")
    price_usd: USD | None = _of(2150.4)
    driver: str | None = _of("ETH")
    sensitivity: float = _of(1.0)
    driver_source: str | None = _of("adapter")


class Unknown(Part):
    """Accounts whose health cannot be known: never taken as safe."""

    protocol: str | None = _of("aave_v3")
    market: str | None = _of("core")
    why: str = _of("oracle reverts")
    accounts: int | None = _of(31)
    debt_usd: USD | None = _of(None)
    debt_raw: list[dict[str, Any]] = _of([])


class Skipped(Part):
    """A thing the scan had to skip."""

    kind: str = _of("oracle_reverted")
    message: str = _of("The oracle of one market reverts.")
    protocol: str | None = _of("aave_v3")
    market: str | None = _of("core")
    fatal: bool = _of(False)


class Already(Part):
    """Positions with a health factor below 1 at the scanned block."""

    positions: int = _of(12)
    collateral_usd: USD = _of(400_000.0)
    debt_usd: USD = _of(390_000.0)
    bad_debt_usd: USD = _of(21_000.0)
    accounts: list[dict[str, Any]] = _of([])


class Certificate(Head):
    """The answer of /v1/certificate."""

    certificate: list[Identity]
    parity: list[Parity]
    markets: list[Market]
    tokens: list[PricedToken]
    unknown: list[Unknown]
    problems: list[Skipped]
    already_liquidatable: Already


class Document(Part):
    """The answer of /v1/scan: the document as the scan wrote it. Its id is in X-Bandscan-Scan."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    chain_id: int = _of(1)
    block: Block
    complete: bool = _of(True)
    shocks: list[str] = _of(["driver:BTC", "driver:ETH"])
    tick_ratio: float = _of(1.0025)
    certificate: list[Identity]
    parity: list[Parity]
    drivers: list[dict[str, Any]] = _of([])
    tokens: list[PricedToken]
    bands: list[dict[str, Any]] = _of([])
    ticks: list[dict[str, Any]] = _of([])
    markets: list[Market]
    already_liquidatable: Already
    unknown: list[Unknown]
    problems: list[Skipped]


Condition = Literal["ok", "stale", "incomplete", "unreadable", "no_scan"]


class ChainHealth(Part):
    """One chain's state."""

    chain_id: int = _of(1)
    chain: str = _of("ethereum")
    status: Condition = _of("ok")
    reason: str | None = _of(None)
    scan_id: str | None = _of(SCAN)
    block_number: int | None = _of(24_512_345)
    age_seconds: float | None = _of(41.3, "Since the scanned block.")


class Health(Part):
    """The answer of /healthz."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    status: Condition = _of("ok")
    reason: str | None = _of(None)
    chains: list[ChainHealth]


class Newer(Part):
    """An incomplete scan that is later than the one served."""

    scan_id: str = _of(SCAN)
    block_number: int = _of(24_512_400)


class ChainStatus(ChainHealth):
    """One chain's state in full."""

    complete: bool | None = _of(True)
    block_timestamp: int | None = _of(1_770_645_900)
    drivers: list[str] = _of(["ETH", "BTC"])
    newer_incomplete: Newer | None


class Watch(Part):
    """The rescans of --watch."""

    every_seconds: float = _of(60.0)
    running: bool = _of(False)
    runs: int = _of(12)
    last_exit_code: int | None = _of(0)
    failures_in_a_row: int = _of(0)
    next_in_seconds: float | None = _of(18.7)


class Status(Part):
    """The answer of /v1/status."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    status: Condition = _of("ok")
    reason: str | None = _of(None)
    version: str = _of("0.1.0")
    stale_after_seconds: float = _of(21_600.0)
    chains: list[ChainStatus]
    watch: Watch | None


class Problem(Part):
    """RFC 9457: why there is no answer, and what to do."""

    schema_: str = Field(alias="schema", examples=["bandscan/1"])
    type: str = _of("urn:bandscan:problem:bad_parameter")
    title: str = _of("A parameter cannot be meant")
    status: int = _of(400)
    detail: str = _of("limit: Input should be less than or equal to 1000")
    parameters: list[dict[str, str]] | None = _maybe(
        [{"parameter": "limit", "message": "Input should be less than or equal to 1000"}]
    )
    reasons: list[str] | None = _maybe(["93.318 % of the USDC debt found in aave_v3 core"])
