"""What was found out about one endpoint (probes.py); None is 'not known', never 'no'."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tag:
    """What `safe` or `finalized` means there."""

    number: int
    behind_blocks: int


@dataclass(frozen=True)
class Head:
    """The newest block, and whether later answers named an older one."""

    number: int
    timestamp: int
    age_seconds: int
    went_back_blocks: int = 0


@dataclass(frozen=True)
class Logs:
    """The widest log request that was answered, the narrowest that was refused, and why."""

    blocks: int
    refused_blocks: int | None
    refusal: str | None
    seconds: float


@dataclass(frozen=True)
class OldLogs:
    """Whether logs of old blocks are answered. Never a proof that none is missing."""

    from_block: int
    to_block: int
    answered: bool
    logs: int | None
    refusal: str | None


@dataclass(frozen=True)
class State:
    """How far behind the head state is kept.

    `how` of the oldest block: "proven" (Multicall3, in that block's state, named the block), "lent"
    (code of ours did: before Multicall3, or where it is not), "answered" (it did not refuse).
    """

    blocks: int
    whole: bool
    how: str | None
    refused_blocks: int | None
    refusal: str | None


@dataclass(frozen=True)
class Batch:
    """The largest eth_call that was answered, of those a scan asks for."""

    path: str
    calls: int
    wanted_calls: int
    refusal: str | None
    request_bytes: int
    answer_bytes: int


@dataclass
class Found:
    """Everything measured of one endpoint; None = not known. `reasons`: why that, or why no."""

    endpoint: str
    reachable: bool = False
    chain_id: int | None = None
    client: str | None = None
    head: Head | None = None
    safe: Tag | None = None
    finalized: Tag | None = None
    multicall3: bool | None = None
    reads: bool | None = None  # an eth_call near the head proved its block
    logs: Logs | None = None
    old_logs: OldLogs | None = None
    state: State | None = None
    state_override: bool | None = None
    create_and_revert: bool | None = None
    batch: Batch | None = None
    gzip: bool | None = None
    latency_ms: float | None = None
    requests_per_second: float | None = None  # None: nobody objected
    requests: int = 0
    seconds: float = 0.0
    reasons: dict[str, str] = field(default_factory=dict)
