"""Liquidations for the API's tests: three of them in the hours before the whales' scan."""

from pathlib import Path

import numpy as np
from cli import whales_sample

from scanner.core.positions import Token
from scanner.core.realised import LIQUIDATION, Realised, Worth
from scanner.store.events import BLOCK_PRICES, Events, Mark, Read, Span

WETH, USDC = bytes.fromhex("c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"), b"\xa0" * 20
TOKENS = (
    Token(WETH, "WETH", 10**18, float("nan"), "ETH", "table"),
    Token(USDC, "USDC", 10**6, float("nan"), None, "table"),
)
# blocks before the scan, collateral, debt, their units, their dollars
ROWS = [
    (300, WETH, USDC, 5 * 10**18, 8_571 * 10**6, 9_000.0, 8_571.0),
    (290, WETH, USDC, 2 * 10**18, 3_400 * 10**6, 3_570.0, 3_400.0),
    (20, USDC, WETH, 2_100 * 10**6, 10**18, 2_100.0, 2_000.0),
]


def add(store: Path, *, chain_id: int = 1, block: int = whales_sample.BLOCK) -> None:
    """Read a day's blocks into the store, up to `block`, as `bandscan liquidations` would have."""
    size = len(ROWS)
    number = np.array([block - row[0] for row in ROWS], np.int64)
    none = np.full(size, None, object)
    account = np.frombuffer(
        b"".join(bytes.fromhex(whales_sample.address(1 + k % 2)[2:]) for k in range(size)), np.uint8
    ).reshape(-1, 20)
    first = block - 7_200
    rows = Realised(
        kind=np.full(size, LIQUIDATION, np.int8),
        block=number,
        index=np.arange(size),
        part=np.zeros(size, np.int64),
        hash=np.full((size, 32), 0x5E, np.uint8),
        transaction=np.repeat(np.arange(1, size + 1, dtype=np.uint8), 32).reshape(size, 32),
        account=account,
        owner=account,
        market=np.full(size, "core", object),
        pool=np.zeros((size, 32), np.uint8),
        collateral=_tokens([row[1] for row in ROWS]),
        debt=_tokens([row[2] for row in ROWS]),
        seized=np.array([row[3] for row in ROWS], object),
        shares=none,
        repaid=np.array([row[4] for row in ROWS], object),
        bad_debt=none,
        tokens=TOKENS,
    )
    worth = Worth(
        np.array([row[6] for row in ROWS]),
        np.array([row[5] for row in ROWS]),
        np.full(size, np.nan),
        none,
    )
    times = [_time(block, int(one)) for one in number]
    with Events.open(store, write=True) as events:
        source = events.source(chain_id, "aave_v3", "core", b"\x87" * 20)
        span = Span(first, block, None, "two endpoints")
        events.keep(source, span, Read(rows, times, worth, [BLOCK_PRICES] * size))
        marks = [first - 1, first, block]
        events.mark(chain_id, [Mark(one, b"\x5e" * 32, _time(block, one)) for one in marks])


def _time(head: int, block: int) -> int:
    return whales_sample.TIME + 12 * (block - head)


def _tokens(addresses: list[bytes]) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    return np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 20)
