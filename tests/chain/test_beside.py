"""Beside each driver: the age of its feed, and the oracle's distance from a real Uniswap pool."""

from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from localchain import LocalChain
from localchain.uniswap import Uniswap, contract

from scanner import scan as scanning
from scanner.errors import UsageError
from scanner.scan import Request

# v3-periphery, contracts/libraries/PoolAddress.sol: POOL_INIT_CODE_HASH.
INIT_CODE = "e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54"


def row(chain: LocalChain, driver: str, pool: str, token: str, dollar: str) -> str:
    """A [[pool]] row of a deployments file; token and dollar by symbol."""
    addresses = {
        "pool": pool,
        "token": chain.tokens[token].address,
        "dollar": chain.tokens[dollar].address,
    }
    rows = [f'{name} = "{to_checksum_address(value)}"' for name, value in addresses.items()]
    return "\n".join(
        ["[[pool]]", f"chain_id = {chain.chain_id}", f'driver = "{driver}"', *rows, ""]
    )


def scan(chain: LocalChain, tmp_path: Path, pools: str = "", *shocks: str) -> dict[str, Any]:
    """The document of a scan with these pools in the deployments file."""
    deployments = tmp_path / "local.toml"
    deployments.write_text(chain.deployments_toml() + "\n" + pools)
    request = Request(
        None,
        (chain.url,),
        (),
        deployments,
        tmp_path / "store",
        shocks=shocks,
        verify=1,
        patience=30,
    )
    return scanning.run(request).document


def driver(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A driver's row."""
    [found] = [one for one in document["drivers"] if one["driver"] == name]
    return dict(found)


def test_the_age_is_the_blocks_time_less_the_feeds(
    movable_chain: LocalChain, tmp_path: Path
) -> None:
    """Seconds of the chain: an hour after ether's feed was set, it is an hour old, others older."""
    chain = movable_chain
    chain.set_price("WETH", chain.price_raw("WETH"))
    chain.pass_time(3_600)
    document = scan(chain, tmp_path)
    assert driver(document, "ETH")["feed_age_seconds"] == 3_600
    now = document["block"]["timestamp"]
    signature = "latestRoundData()(uint80,int256,uint256,uint256,uint80)"
    for one in document["drivers"]:
        updated = chain.call(one["feed"], signature)[3]
        assert one["feed_age_seconds"] == now - updated
        assert one["dex"] is None  # no pool is listed on this chain
    assert driver(document, "BTC")["feed_age_seconds"] > 3_600
    [market] = document["markets"]
    for name, feed in market["driver_feeds"].items():
        assert feed["feed_age_seconds"] == driver(document, name)["feed_age_seconds"]
    assert not [p for p in document["problems"] if p["kind"].startswith(("feed_", "pool_"))]


def test_a_feed_that_tells_no_time_has_no_age(movable_chain: LocalChain, tmp_path: Path) -> None:
    """wstETH's own source, an adapter, answers a price and nothing about rounds."""
    document = scan(movable_chain, tmp_path, "", "token:wstETH", "market")
    adapter = driver(document, "wstETH")
    assert adapter["feed"] is not None
    assert adapter["feed_age_seconds"] is None
    assert driver(document, "market")["feed_age_seconds"] is None


@pytest.mark.parametrize(
    ("name", "token", "fee", "price"),
    [("ETH", "WETH", 500, 2_300.0), ("BTC", "WBTC", 3_000, 70_123.45)],
)
def test_the_distance_from_a_pool(
    movable_chain: LocalChain, tmp_path: Path, name: str, token: str, fee: int, price: float
) -> None:
    """Whichever token the pool has first: among three dollar coins there are both orders."""
    chain = movable_chain
    uniswap, orders = Uniswap(chain), set()
    for dollar in ("USDC", "DAI", "USDT"):
        pair = chain.tokens[token], chain.tokens[dollar]
        pool = uniswap.pool(*pair, fee)
        root = uniswap.start(pool, *pair, price)
        uniswap.fill(pool, fee)
        orders.add(pair[0].address < pair[1].address)
        one = driver(scan(chain, tmp_path, row(chain, name, pool, token, dollar)), name)
        found = one["dex"]
        assert (found["pool"], found["token"], found["fee"]) == (pool, pair[0].address, fee / 1e6)
        assert found["price_usd"] == pytest.approx(price, rel=1e-7)
        assert found["distance"] == pytest.approx(one["spot_usd"] / price - 1, abs=2e-6)
        assert chain.call(pool, "slot0()(uint160,int24,uint16,uint16,uint16,uint8,bool)")[0] == root
    assert orders == {True, False}


def test_a_pool_that_cannot_be_read_is_a_problem_and_null(
    movable_chain: LocalChain, tmp_path: Path
) -> None:
    """No pool, no price, no liquidity, other tokens: named, and everything else as without it."""
    chain = movable_chain
    plain = scan(chain, tmp_path)
    uniswap = Uniswap(chain)
    weth, usdc = chain.tokens["WETH"], chain.tokens["USDC"]
    pool = uniswap.pool(weth, usdc, 500)
    cases = [
        (row(chain, "ETH", chain.pool, "WETH", "USDC"), "does not answer like a pool"),
        (row(chain, "ETH", pool, "WETH", "DAI"), "has other tokens than its row says"),
        (row(chain, "ETH", pool, "WETH", "USDC"), "has no price yet"),
    ]
    for text, why in cases:
        refused(scan(chain, tmp_path, text), why)
    uniswap.start(pool, weth, usdc, 2_300.0)
    refused(scan(chain, tmp_path, row(chain, "ETH", pool, "WETH", "USDC")), "has no liquidity")
    assert plain["complete"]
    shocked = scan(chain, tmp_path, row(chain, "ETH", pool, "WETH", "USDC"), "market")
    assert driver(shocked, "market")["dex"] is None


def refused(document: dict[str, Any], why: str) -> None:
    """The driver has no pool, one problem says why, and the scan is complete."""
    assert driver(document, "ETH")["dex"] is None
    [problem] = [p for p in document["problems"] if p["kind"] == "pool_unread"]
    assert why in problem["message"]
    assert not problem["fatal"]
    assert document["complete"]


def test_a_bad_row_is_refused_before_anything_is_stored(
    core_chain: LocalChain, tmp_path: Path
) -> None:
    text = row(core_chain, "eth", core_chain.pool, "WETH", "USDC")
    with pytest.raises(UsageError, match="driver"):
        scan(core_chain, tmp_path, text)
    assert not (tmp_path / "store").exists()


def test_shipped_addresses_follow_from_the_published_code(core_chain: LocalChain) -> None:
    """The hash that tests/deployments/test_pools.py derives addresses with is this code's, and a
    pool of the real factory stands where it says."""
    code = contract("UniswapV3Pool").bytecode
    assert keccak(bytes.fromhex(code)).hex() == INIT_CODE
    with core_chain.undone():
        uniswap = Uniswap(core_chain)
        pair = [core_chain.tokens[symbol] for symbol in ("WETH", "USDC")]
        pool = uniswap.pool(pair[0], pair[1], 500)
        first, second = sorted(bytes.fromhex(token.address[2:]) for token in pair)
        salt = keccak(encode(["address", "address", "uint24"], [first, second, 500]))
        factory = bytes.fromhex(uniswap.factory[2:])
        derived = keccak(b"\xff" + factory + salt + bytes.fromhex(INIT_CODE))[12:]
        assert pool == "0x" + derived.hex()
