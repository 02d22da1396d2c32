"""The filters of every endpoint: their form, their bounds, their words in the schema.

Strict: a number is written in digits, a flag is true or false, and what is unknown is refused.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from scanner.core.realised import seconds_of
from scanner.outputs.api.source import Question

MOST_ROWS = 1_000  # in one page
MOST_LEVELS = 64  # `at` in one request

_NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[0-9]{1,9}")


def _number(value: Any) -> Any:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("write a number in digits, as in 1781.09")
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("write a whole number in digits")
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("write true or false")
    return value


def _address(text: str) -> str:
    """In lower case; mixed case must carry its checksum."""
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()):
        from scanner.deployments._toml import checksummed

        if checksummed(bytes.fromhex(digits)) != text:
            raise ValueError("the checksum is wrong: copy it again, or give it in lower case")
    return text.lower()


Price = Annotated[float, Field(ge=1e-12, le=1e15, allow_inf_nan=False), BeforeValidator(_number)]
Dollars = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False), BeforeValidator(_number)]
Rows = Annotated[int, Field(ge=1, le=MOST_ROWS), BeforeValidator(_whole)]
Days = Annotated[int, Field(ge=1, le=3_650), BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Address = Annotated[str, AfterValidator(_address)]
ADDRESS = r"^0x[0-9a-fA-F]{40}$"

Driver = Annotated[
    str,
    Field(
        max_length=256,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
        description="The root price that is shocked, as in /v1/drivers; case does not matter, nor"
        " how a weighted shock is spelled.",
        examples=["ETH"],
    ),
]


class Chosen(BaseModel):
    """What every endpoint takes."""

    model_config = ConfigDict(extra="forbid")

    chain: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,39}$",
        description="A chain's name or id; needed only where the store holds several.",
        examples=["ethereum"],
    )

    def question(self, name: str, **fixed: Any) -> Question:
        """What is asked, without what was not given, so that one question has one form."""
        given = self.model_dump(exclude={"chain", "incomplete", "cursor"}, exclude_none=True)
        filters = {**given, **fixed}
        return Question(
            name,
            tuple(
                (key, tuple(value) if isinstance(value, list) else value)
                for key, value in sorted(filters.items())
                if value != []
            ),
        )


class OfScan(Chosen):
    """What every endpoint that answers from a scan takes."""

    incomplete: Flag = Field(
        False,
        description="Answer from an incomplete scan where there is no complete one;"
        ' the answer then says "complete": false, and every amount is a lower bound.',
    )


class Paged(BaseModel):
    """Endpoints with pages."""

    limit: Rows | None = Field(None, description="At most so many rows.", examples=[50])
    cursor: str | None = Field(
        None,
        pattern=r"^[0-9]{12,20}-[0-9a-f]{8}-[0-9a-f]{8}\.[0-9a-f]{8}\.[0-9]{1,9}$",
        description="Where to go on: the X-Bandscan-Next header of the page before."
        " It belongs to one scan, and is gone (410) with it.",
    )


class Ranged(OfScan):
    """Side, protocol and price range."""

    side: Literal["long", "short"] | None = Field(
        None, description="long: liquidated when the driver falls; short: when it rises."
    )
    protocol: str | None = Field(
        None, pattern=r"^[a-z0-9_]{1,40}$", description="Only this protocol.", examples=["aave_v3"]
    )
    low: Price | None = Field(None, alias="from", description="From this price. [USD]")
    high: Price | None = Field(None, alias="to", description="Up to this price. [USD]")


class Rankable(Ranged, Paged):
    """A minimum of dollars."""

    least: Dollars | None = Field(
        None, alias="min_usd", description="At least so much collateral at risk. [USD]"
    )


class BandFilters(Rankable):
    """Filters of /v1/bands and /v1/ticks."""

    driver: Driver | None = None


class LevelFilters(Ranged):
    """Filters of /v1/levels."""

    driver: Driver
    at: list[Price] = Field(
        default_factory=list,
        max_length=MOST_LEVELS,
        description="A level to sum up to; may be repeated."
        " [USD; times the present prices under a shock whose axis is a ratio]",
        examples=[[1781.0]],
    )


Sort = Literal["distance", "at-risk", "collateral", "debt", "health", "price", "account"]


class PositionFilters(Rankable):
    """Filters of /v1/positions."""

    driver: Driver
    band: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Only the members of this range: its place in `bands` of the driver, from 1.",
        examples=[1],
    )
    sort: Sort | None = Field(
        None, description="What comes first; distance, the nearest to spot, where nobody says."
    )


class AccountFilters(OfScan):
    """Filters of /v1/accounts/{address}."""

    driver: Driver | None = None
    reach: Price | None = Field(
        None,
        description="What to repay, or to add, so that liquidation prices move to this one. [USD]",
        examples=[1500.0],
    )


class HistoryFilters(Chosen, Paged):
    """Filters of /v1/history."""

    driver: Driver | None = Field(
        None, description="One driver's history; without it, the debt of the whole chain."
    )
    days: Days | None = Field(None, description="Only the last so many days.")


class ScanFilters(Chosen, Paged):
    """Filters of /v1/scans."""


def _ago(value: Any) -> Any:
    """Seconds of a length of time, as 24h."""
    return seconds_of(value) if isinstance(value, str) else value


Ago = Annotated[
    int,
    BeforeValidator(_ago),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,2}[mhdw]$"}),
]
BlockNumber = Annotated[int, Field(ge=0, le=10**9 - 1), BeforeValidator(_whole)]


class LiquidationFilters(Chosen):
    """Filters of /v1/liquidations."""

    since: Ago | None = Field(
        None,
        description="How far back from the newest block that was read; 24h where nobody says.",
        examples=["24h"],
    )
    from_block: BlockNumber | None = Field(
        None, description="From this block, instead of `since`.", examples=[24_505_000]
    )
    to_block: BlockNumber | None = Field(None, description="Up to this block.")
    protocol: str | None = Field(
        None, pattern=r"^[a-z0-9_]{1,40}$", description="Only this protocol.", examples=["aave_v3"]
    )
    limit: Rows | None = Field(
        None, description="List at most so many, the largest first; sums are of all."
    )


class BacktestFilters(Chosen):
    """Filters of /v1/backtest."""

    driver: Driver | None = None


class StreamFilters(Chosen):
    """Filters of /v1/stream."""

    driver: Driver | None = None


class Nothing(BaseModel):
    """Endpoints that take no parameter; `extra` makes FastAPI look for them all the same."""

    model_config = ConfigDict(extra="forbid")
