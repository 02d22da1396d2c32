"""A finished scan of 33 positions, small enough to redo by hand; every sum is made from the rows.

Six whales hold 650,412 WETH, each liquidated between $1,781.09 and $1,862.02; a crowd of 24 holds
100 WETH each, at $1,010, $1,050, ... $1,930 (two of them inside the whales' range); one borrower is
short, one holds WBTC, one loops wstETH against WETH.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from scanner.store import snapshots

SPOT, BTC_SPOT = 2150.40, 68_000.0
THRESHOLD = 0.83
BLOCK, TIME = 24_512_345, 1_770_645_900  # 2026-02-09 14:05 UTC
HASH = bytes.fromhex("5e" * 32)
POOL = "0x87870bca3f3fd6335c3f4ce8392d69350b4fa4e2"
WETH, USDC, WBTC, WSTETH = (f"0x{digit * 40}" for digit in "abcd")
FEED = "0x" + "e" * 40
WHALES = (
    (200_412, 1862.02),
    (150_000, 1850.00),
    (120_000, 1833.50),
    (80_000, 1820.25),
    (60_000, 1795.00),
    (40_000, 1781.09),
)
SHORT_PRICE = 2500.0
PRICES = {WETH: SPOT, USDC: 1.0, WBTC: BTC_SPOT, WSTETH: SPOT * 1.2}
SYMBOLS = {WETH: "WETH", USDC: "USDC", WBTC: "WBTC", WSTETH: "wstETH"}
FOLLOWS = {WETH: "ETH", USDC: "", WBTC: "BTC", WSTETH: "ETH"}


def address(number: int) -> str:
    return f"0x{number:040x}"


def scan(*, complete: bool = True, block: int = BLOCK, symbol: str = "WETH") -> dict[str, Any]:
    """document, positions and legs. An incomplete one missed 6.682 % of the USDC debt."""
    holders: list[tuple[int, str, float, str, float]] = []  # account, collateral, debt
    for number, (amount, price) in enumerate(WHALES, 1):
        holders.append((number, WETH, amount, USDC, amount * THRESHOLD * price))
    for number in range(24):
        holders.append((100 + number, WETH, 100, USDC, 100 * THRESHOLD * (1010 + 40 * number)))
    holders.append((300, USDC, 3_000_000, WETH, 3_000_000 * 0.78 / SHORT_PRICE))
    holders.append((301, WBTC, 50, USDC, 50 * THRESHOLD * 60_000))
    holders.append((302, WSTETH, 1_000, WETH, 1_000))
    holders.append((303, WETH, 10, USDC, 20_000))  # 10 * 2150.40 * 0.83 = 17,848 < 20,000
    rows = [_position(*holder, symbol) for holder in holders]
    rows.sort(key=lambda row: (row["driver"], row["side"], row["account"]))
    legs = [leg for holder in holders for leg in _legs(*holder, symbol)]
    return {
        "document": _document(rows, legs, complete, block, symbol),
        "positions": _columns(rows),
        "legs": _columns(legs),
    }


def store(directory: Path, **changes: Any) -> Path:
    """A store that holds this scan."""
    made = scan(**changes)
    document = made["document"]
    snapshots.write(
        directory,
        document["chain_id"],
        document["block"]["number"],
        HASH,
        document["complete"],
        as_bytes(document),
        made["positions"],
        made["legs"],
    )
    return directory


def as_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def _position(
    number: int, collateral: str, amount: float, debt: str, owed: float, symbol: str
) -> dict[str, Any]:
    weight = 0.78 if collateral == USDC else THRESHOLD if collateral != WSTETH else 0.93
    counted = amount * PRICES[collateral] * weight
    health = counted / (owed * PRICES[debt])
    driver = FOLLOWS[collateral] or FOLLOWS[debt]
    side, price = "none", math.nan
    if health < 1:
        side = "long"
    elif collateral in (WETH, WBTC):
        side, price = "long", owed / (amount * weight)
    elif collateral == USDC:
        side, price = "short", amount * weight / owed
    at_price = {"long": price, "short": PRICES[collateral], "none": 0.0}[side]
    if health < 1:
        at_price = PRICES[collateral]
    symbols = {**SYMBOLS, WETH: symbol}
    return {
        "protocol": "aave_v3",
        "market": "core",
        "account": address(number),
        "owner": address(number),
        "driver": driver,
        "side": side,
        "liquidation_price_usd": price,
        "liquidation_ratio": price / PRICES[WETH if driver == "ETH" else WBTC],
        "liquidation_price_raw": "" if math.isnan(price) else str(round(price * 10**8)),
        "price_feed": "" if math.isnan(price) else FEED,
        "price_scale": 0 if math.isnan(price) else 10**8,
        "health_factor": health,
        "collateral_usd": amount * PRICES[collateral],
        "debt_usd": owed * PRICES[debt],
        "collateral_at_risk_usd": amount * at_price,
        "seizable_usd": 0.0 if side == "none" else owed * PRICES[debt] / 2 * 1.05,
        "callable": True,
        "not_callable_reason": "",
        "already_liquidatable": health < 1,
        "largest_collateral": symbols[collateral],
        "largest_debt": symbols[debt],
        "pre_liquidation_price_usd": math.nan,
    }


def _legs(
    number: int, collateral: str, amount: float, debt: str, owed: float, symbol: str
) -> list[dict[str, Any]]:
    symbols = {**SYMBOLS, WETH: symbol}
    return [
        {
            "protocol": "aave_v3",
            "market": "core",
            "account": address(number),
            "token": token,
            "symbol": symbols[token],
            "kind": kind,
            "counted": True,
            "amount_raw": str(round(tokens * 10**6)),
            "amount": float(tokens),
            "price_usd": PRICES[token],
            "value_usd": tokens * PRICES[token],
            "weight": THRESHOLD if kind == "collateral" else 1.0,
            "driver": FOLLOWS[token],
        }
        for token, kind, tokens in ((collateral, "collateral", amount), (debt, "debt", owed))
    ]


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    return {
        name: values if isinstance(values[0], str) else np.array(values)
        for name, values in columns.items()
    }


def _document(
    rows: list[dict[str, Any]],
    legs: list[dict[str, Any]],
    complete: bool,
    block: int,
    symbol: str,
) -> dict[str, Any]:
    now = [row for row in rows if row["already_liquidatable"]]
    priced = [row for row in rows if not math.isnan(row["liquidation_price_usd"])]
    members = [
        row
        for row in priced
        if row["side"] == "long" and 1781.09 <= row["liquidation_price_usd"] <= 1862.021
    ]
    at_risk = sum(row["collateral_at_risk_usd"] for row in members)
    owners = {row["account"] for row in members}
    weth = sum(
        leg["amount"] for leg in legs if leg["account"] in owners and leg["kind"] == "collateral"
    )
    band = {
        "driver": "ETH",
        "side": "long",
        "kind": "band",
        "quality": "strong",
        "low_usd": 1781.09,
        "high_usd": 1862.02,
        "tick_low": _tick(1781.09),
        "tick_high": _tick(1862.02),
        "collateral_at_risk_usd": at_risk,
        "collateral_tokens": [
            {"address": WETH, "symbol": symbol, "amount": f"{weth:.1f}", "usd": at_risk}
        ],
        "dominant_token": symbol,
        "normal_usd": at_risk / 13,
        "chance_bound": 0.004,
        "seizable_usd": sum(row["seizable_usd"] for row in members),
        "not_callable_usd": 0.0,
        "debt_usd": sum(row["debt_usd"] for row in members),
        "positions": len(members),
        "accounts": len(members),
        "large_accounts": 6,
        "effective_accounts": 4.9,
        "top_account_share": max(row["collateral_at_risk_usd"] for row in members) / at_risk,
        "distance": 1862.02 / SPOT - 1,
        "by_protocol": {"aave_v3": at_risk},
    }
    usdc_debt = round(sum(leg["amount"] for leg in legs if _owes(leg, USDC)) * 10**6)
    weth_debt = round(sum(leg["amount"] for leg in legs if _owes(leg, WETH)) * 10**6)
    found = usdc_debt if complete else usdc_debt * 93_318 // 100_000
    problem = {
        "kind": "endpoint_stopped",
        "protocol": "aave_v3",
        "market": "core",
        "message": "The endpoint stopped answering after 17 of 18 batches.",
        "fatal": True,
    }
    unknown = {
        "protocol": "aave_v3",
        "market": "core",
        "why": "not read",
        "accounts": 3,
        "debt_usd": None,
        "debt_raw": [],
    }
    return {
        "schema": "bandscan/1",
        "chain_id": 1,
        "block": {"number": block, "hash": "0x" + HASH.hex(), "timestamp": TIME},
        "complete": complete,
        "shocks": ["driver:BTC", "driver:ETH"],
        "tick_ratio": 1.0025,
        "certificate": [
            _certificate(USDC, "USDC", found, usdc_debt),
            _certificate(WETH, symbol, weth_debt, weth_debt),
        ],
        "parity": [
            {
                "protocol": "aave_v3",
                "market": "core",
                "accounts": len(rows),
                "checked": 20,
                "max_rel_error": 0.0,
                "p99_rel_error": 0.0,
                "mismatches": 0,
            }
        ],
        "drivers": [
            _driver("BTC", BTC_SPOT, [row for row in rows if row["driver"] == "BTC"]),
            _driver("ETH", SPOT, [row for row in rows if row["driver"] == "ETH"]),
        ],
        "tokens": [
            {
                "address": token,
                "symbol": {**SYMBOLS, WETH: symbol}[token],
                "price_usd": PRICES[token],
                "driver": FOLLOWS[token],
                "sensitivity": 1.0 if FOLLOWS[token] else 0.0,
                "driver_source": "adapter",
            }
            for token in PRICES
        ],
        "bands": [band],
        "ticks": _ticks(priced),
        "markets": [
            {
                "protocol": "aave_v3",
                "market": "core",
                "pool": POOL,
                "revision": 7,
                "reserves": 4,
                "accounts_seen": 60,
                "borrowers": len(rows),
                "complete": complete,
                "driver_feeds": {
                    "ETH": {"feed": FEED, "description": "ETH / USD", "price_usd": SPOT}
                },
            }
        ],
        "already_liquidatable": {
            "positions": len(now),
            "collateral_usd": sum(row["collateral_usd"] for row in now),
            "debt_usd": sum(row["debt_usd"] for row in now),
            "bad_debt_usd": 0.0,
            "accounts": [],
        },
        "unknown": [] if complete else [unknown],
        "problems": [] if complete else [problem],
    }


def _owes(leg: dict[str, Any], token: str) -> bool:
    return bool(leg["token"] == token and leg["kind"] == "debt")


def _certificate(token: str, symbol: str, found: int, total: int) -> dict[str, Any]:
    return {
        "protocol": "aave_v3",
        "market": "core",
        "asset": token,
        "symbol": symbol,
        "kind": "variable_debt",
        "identity": "exact",
        "debt_found": str(found),
        "debt_total": str(total),
        "coverage": found / total,
    }


def _driver(name: str, spot: float, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "driver": name,
        "spot_usd": spot,
        "feed": FEED,
        "description": f"{name} / USD",
        "borrowers": len(rows),
        "debt_usd": sum(row["debt_usd"] for row in rows),
        "collateral_usd": sum(row["collateral_usd"] for row in rows),
    }


def _tick(price: float) -> int:
    return math.floor(math.log(price) / math.log(1.0025))


def _ticks(priced: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in priced:
        key = (row["driver"], row["side"], _tick(row["liquidation_price_usd"]))
        groups.setdefault(key, []).append(row)
    return [
        {
            "driver": driver,
            "side": side,
            "tick": tick,
            "low_usd": 1.0025**tick,
            "high_usd": 1.0025 ** (tick + 1),
            "collateral_at_risk_usd": sum(row["collateral_at_risk_usd"] for row in rows),
            "debt_usd": sum(row["debt_usd"] for row in rows),
            "positions": len(rows),
        }
        for (driver, side, tick), rows in sorted(groups.items())
    ]
