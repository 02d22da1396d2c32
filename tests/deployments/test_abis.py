"""The trimmed ABIs of Aave v3: every topic and selector, recomputed from the JSON.

The expected hex is written down here: a changed name or type in the JSON changes the hash and
fails.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

ABIS = Path(__file__).parents[2] / "abis"
NAMES = (
    "aave_v3_pool",
    "aave_v3_token",
    "aave_v3_oracle",
    "aave_v3_addresses_provider",
    "aave_v3_sentinel",
    "price_adapter",
    "round_feed",
    "uniswap_v3_pool",
    "erc20",
)

TOPICS = {
    "aave_v3_pool": {
        "Borrow": "b3d084820fb1a9decffb176436bd02558d15fac9b0ddfed8c465bc7359d7dce0",
        "Repay": "a534c8dbe71f871f9f3530e97a74601fea17b426cae02e1c5aee42c96c784051",
        "LiquidationCall": "e413a321e8681d831f4dbccbca790d2952b56f977908e45be37335533e005286",
        "Supply": "2b627736bca15cd5381dcf80b0bf11fd197d01a037c52b927a881a10fb73ba61",
        "Withdraw": "3115d1449a7b732c986cba18244e897a450f61e1bb8d589cd2e69e6c8924f9f7",
        "ReserveUsedAsCollateralEnabled": (
            "00058a56ea94653cdf4f152d227ace22d4c00ad99e2a43f58cb7d9e3feb295f2"
        ),
        "ReserveUsedAsCollateralDisabled": (
            "44c58d81365b66dd4b1a7f36c25aa97b8c71c361ee4937adc1a00000227db5dd"
        ),
        "UserEModeSet": "d728da875fc88944cbf17638bcbe4af0eedaef63becd1d1c57cc097eb4608d84",
        "DeficitCreated": "2bccfb3fad376d59d7accf970515eb77b2f27b082c90ed0fb15583dd5a942699",
        "MintUnbacked": "f25af37b3d3ec226063dc9bdc103ece7eb110a50f340fe854bb7bc1b0676d7d0",
        "SwapBorrowRateMode": "7962b394d85a534033ba2efcf43cd36de57b7ebeb3de0ca4428965d9b3ddc481",
        "RebalanceStableBorrowRate": (
            "9f439ae0c81e41a04d3fdfe07aed54e6a179fb0db15be7702eb66fa8ef6f5300"
        ),
    },
    "aave_v3_token": {
        "BalanceTransfer": "4beccb90f994c31aced7a23b5611020728a23d8ec5cddd1a3e9d97b96fda8666",
        "Transfer": "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
    },
}

# the parameter that names the account, and its place in the topics (0 is the event itself)
ACCOUNT_TOPIC = {
    "Borrow": ("onBehalfOf", 2),
    "Repay": ("user", 2),
    "LiquidationCall": ("user", 3),
    "Supply": ("onBehalfOf", 2),
    "Withdraw": ("user", 2),
    "ReserveUsedAsCollateralEnabled": ("user", 2),
    "ReserveUsedAsCollateralDisabled": ("user", 2),
    "UserEModeSet": ("user", 1),
    "DeficitCreated": ("user", 1),
    "MintUnbacked": ("onBehalfOf", 2),
    "SwapBorrowRateMode": ("user", 2),
    "RebalanceStableBorrowRate": ("user", 2),
}

SELECTORS = {
    "aave_v3_pool": {
        "POOL_REVISION": "0148170e",
        "ADDRESSES_PROVIDER": "0542975c",
        "getReservesList": "d1946dbc",
        "getReserveData": "35ea6a75",
        "getReserveAddressById": "52751797",
        "getReserveNormalizedIncome": "d15e0053",
        "getReserveNormalizedVariableDebt": "386497fd",
        "getUserConfiguration": "4417a583",
        "getUserEMode": "eddf1b79",
        "getUserAccountData": "bf92857c",
        "getEModeCategoryData": "6c6f6ae1",
        "getEModeCategoryCollateralConfig": "b286f467",
        "getEModeCategoryCollateralBitmap": "b0771dba",
        "getLiquidationGracePeriod": "5c9a8b18",
    },
    "aave_v3_token": {
        "symbol": "95d89b41",
        "decimals": "313ce567",
        "balanceOf": "70a08231",
        "totalSupply": "18160ddd",
        "scaledBalanceOf": "1da24f3e",
        "scaledTotalSupply": "b1bf962d",
        "principalBalanceOf": "c634dfaa",
        "getUserStableRate": "e78c9b3b",
        "getUserLastUpdated": "79ce6b8c",
        "RESERVE_TREASURY_ADDRESS": "ae167335",
    },
    "aave_v3_oracle": {
        "BASE_CURRENCY": "e19f4700",
        "BASE_CURRENCY_UNIT": "8c89b64f",
        "getAssetPrice": "b3596f07",
        "getSourceOfAsset": "92bf2be0",
        "getFallbackOracle": "6210308c",
    },
    "aave_v3_addresses_provider": {
        "getPool": "026b1d5f",
        "getPriceOracle": "fca513a8",
        "getPriceOracleSentinel": "5eb88d3d",
    },
    "price_adapter": {
        "latestAnswer": "50d25bcd",
        "decimals": "313ce567",
        "description": "7284e416",
        "aggregator": "245a7bfc",
        "BASE_TO_USD_AGGREGATOR": "d221087c",
        "RATIO_PROVIDER": "dc4a4be8",
        "RATIO_DECIMALS": "a83622e0",
        "getRatio": "ec1ebd7a",
        "isCapped": "671528d4",
        "getSnapshotRatio": "fe4d9e79",
        "getSnapshotTimestamp": "deb8c641",
        "getMaxRatioGrowthPerSecond": "f6ba77de",
        "ASSET_TO_USD_AGGREGATOR": "4ebdc284",
        "getPriceCap": "4c7afe60",
        "PEG_TO_BASE": "de4aedab",
        "ASSET_TO_PEG": "910bb70c",
        "BASE_TO_PEG": "6753b8c4",
        "DENOMINATOR": "918f8674",
        "DECIMALS": "2e0f2625",
        "price": "a035b1fe",
        "ethSource": "5b7312a2",
        "PENDLE_PRINCIPAL_TOKEN": "df904837",
        "ASSET_TO_BASE": "843e20f1",
        "priceFeedA": "383cae1d",
        "priceFeedB": "14c04ff1",
        "underlyingPriceFeed": "2ac0a1a5",
        "stETHtoETHPriceFeed": "ed1a68d1",
        "WBTCToBTCPriceFeed": "2c3596f2",
        "BTCToUSDPriceFeed": "1de5ffd5",
        "BASE_FEED_1": "f50a4718",
        "BASE_FEED_2": "dc53858c",
        "QUOTE_FEED_1": "56095e11",
        "QUOTE_FEED_2": "acfbd39e",
        "latestRoundData": "feaf968c",
    },
    "aave_v3_sentinel": {"isLiquidationAllowed": "7a5d20ea"},
    "round_feed": {"latestRoundData": "feaf968c"},
    "uniswap_v3_pool": {
        "slot0": "3850c7bd",
        "token0": "0dfe1681",
        "token1": "d21220a7",
        "fee": "ddca3f43",
        "liquidity": "1a686502",
    },
    "erc20": {
        "symbol": "95d89b41",
        "decimals": "313ce567",
        "totalSupply": "18160ddd",
        "name": "06fdde03",
    },
}


def entries(name: str) -> list[dict[str, Any]]:
    """The functions and events of one file."""
    content: list[dict[str, Any]] = json.loads((ABIS / f"{name}.json").read_text("utf-8"))
    return content


def shape(parameter: dict[str, Any]) -> str:
    """The canonical type of a parameter, tuples spelled out."""
    kind: str = parameter["type"]
    if kind.startswith("tuple"):
        return f"({','.join(map(shape, parameter['components']))}){kind.removeprefix('tuple')}"
    return kind


def digest(entry: dict[str, Any]) -> str:
    """The Keccak hash of the canonical signature, in hex."""
    return keccak(text=f"{entry['name']}({','.join(map(shape, entry['inputs']))})").hex()


def outputs(name: str, function: str) -> list[str]:
    """The canonical types that a function answers with."""
    found = next(entry for entry in entries(name) if entry["name"] == function)
    return [shape(output) for output in found["outputs"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_event_has_its_topic_and_no_other_is_listed(name: str) -> None:
    found = {e["name"]: digest(e) for e in entries(name) if e["type"] == "event"}
    assert found == TOPICS.get(name, {})


@pytest.mark.parametrize("name", NAMES)
def test_every_function_has_its_selector_and_no_other_is_listed(name: str) -> None:
    functions = [e for e in entries(name) if e["type"] == "function"]
    assert {e["name"]: digest(e)[:8] for e in functions} == SELECTORS[name]
    assert len(functions) == len(SELECTORS[name])


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_is_a_view_function_or_a_named_event(name: str) -> None:
    for entry in entries(name):
        assert entry["type"] in ("function", "event")
        if entry["type"] == "function":
            assert entry["stateMutability"] == "view"
            assert entry["outputs"]
        else:
            assert entry["anonymous"] is False
            assert all(type(each["indexed"]) is bool for each in entry["inputs"])


def test_the_touched_account_stands_in_the_topic_that_discovery_reads() -> None:
    events = {e["name"]: e for e in entries("aave_v3_pool") if e["type"] == "event"}
    assert events.keys() == ACCOUNT_TOPIC.keys()
    for name, (account, place) in ACCOUNT_TOPIC.items():
        indexed = [each["name"] for each in events[name]["inputs"] if each["indexed"]]
        assert indexed[place - 1] == account


def test_structs_answer_with_the_words_that_the_reader_counts() -> None:
    """Legacy reserve data: 15 words since 3.0; a 3.0 e-mode carries a price source and a label."""
    reserve = outputs("aave_v3_pool", "getReserveData")
    assert reserve == [
        "((uint256),uint128,uint128,uint128,uint128,uint128,uint40,uint16,"
        "address,address,address,address,uint128,uint128,uint128)"
    ]
    assert reserve[0].count(",") == 14
    assert outputs("aave_v3_pool", "getEModeCategoryData") == [
        "(uint16,uint16,uint16,address,string)"
    ]
    assert outputs("aave_v3_pool", "getEModeCategoryCollateralConfig") == ["(uint16,uint16,uint16)"]
    assert outputs("aave_v3_pool", "getUserAccountData") == ["uint256"] * 6
    assert outputs("aave_v3_pool", "getUserConfiguration") == ["(uint256)"]


def test_a_price_is_signed_at_the_feed_and_unsigned_at_the_oracle() -> None:
    """A feed that answers -1 must be read as -1, not as a price of 2^256 - 1."""
    assert outputs("price_adapter", "latestAnswer") == ["int256"]
    assert outputs("price_adapter", "getPriceCap") == ["int256"]
    assert outputs("aave_v3_oracle", "getAssetPrice") == ["uint256"]
