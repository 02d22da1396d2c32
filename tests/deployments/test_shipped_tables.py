"""The shipped data: whole, well-formed, without a key, and without an invented block."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from eth_utils.address import to_checksum_address

from scanner import opening
from scanner.deployments import (
    Fields,
    chain_info,
    driver_tables,
    issued_symbols,
    markets,
    stablecoins,
)

FOLDER = Path(__file__).parents[2] / "scanner" / "deployments"
FILES = sorted(FOLDER.glob("*.toml"))
CHAINS = tomllib.loads((FOLDER / "chains.toml").read_text("utf-8"))["chain"]
TOKENS = tomllib.loads((FOLDER / "tokens.toml").read_text("utf-8"))
AAVE = tomllib.loads((FOLDER / "aave_v3.toml").read_text("utf-8"))["market"]
NEEDS = {"aave_v3": Fields(["pool"])}
LOCAL = {31337, 1337}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_says_where_and_when_its_data_come_from(path: Path) -> None:
    text = path.read_text("utf-8")
    header = text[: text.index("\n\n")]
    assert all(line.startswith("#") for line in header.splitlines())
    assert re.search(r"20\d\d-\d\d-\d\d", header)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_address_is_in_lower_case_or_has_a_right_checksum(path: Path) -> None:
    found = re.findall(r"0x[0-9a-fA-F]+", path.read_text("utf-8"))
    assert found
    for text in found:
        assert len(text) == 42
        assert text in (text.lower(), to_checksum_address(text))


def test_every_aave_pool_loads() -> None:
    loaded = [row for chain in CHAINS for row in markets(chain["id"], None, None, NEEDS)]
    assert len(loaded) == len(AAVE) == 24
    assert {row.source for row in loaded} == {"shipped"}
    assert all(len(row.addresses["pool"]) == 20 for row in loaded)


def test_every_named_chain_has_a_market() -> None:
    needs = opening.needed()
    covered = {row.chain_id for row in markets(None, None, None, needs)}
    assert covered == {chain["id"] for chain in CHAINS} - LOCAL


def test_ethereum_has_its_four_pools_and_the_first_block_nobody_published_is_absent() -> None:
    first = {row.name: row.first_block for row in markets(1, ["aave_v3"], None, NEEDS)}
    assert first == {
        "core": 16_291_127,
        "prime": 20_262_371,
        "etherfi": 20_625_517,
        "horizon": None,
    }


def test_pools_without_a_published_first_block_have_none() -> None:
    """The list is the reference's: one more row here would be a guess."""
    bare = {(row["chain_id"], row["name"]) for row in AAVE if "first_block" not in row}
    assert bare == {
        (1, "horizon"),
        (9745, "core"),
        (5000, "core"),
        (143, "core"),
        (196, "core"),
    }


def test_no_pool_and_no_market_name_is_listed_twice() -> None:
    pools = [(row["chain_id"], row["pool"].lower()) for row in AAVE]
    names = [(row["chain_id"], row["name"]) for row in AAVE]
    assert len(set(pools)) == len(pools)
    assert len(set(names)) == len(names)


def test_chain_names_and_aliases_are_unique_lower_case_words() -> None:
    words = [word for row in CHAINS for word in (row["name"], *row.get("aliases", []))]
    assert len(set(words)) == len(words)
    assert all(re.fullmatch(r"[a-z0-9-]*[a-z][a-z0-9-]*", word) for word in words)
    assert len({row["id"] for row in CHAINS}) == len(CHAINS)


@pytest.mark.parametrize("row", CHAINS, ids=lambda row: row["name"])
def test_a_chain_row_holds_known_fields_of_the_right_type(row: dict[str, object]) -> None:
    types = {
        "id": int,
        "name": str,
        "aliases": list,
        "lag": int,
        "multicall3": str,
        "multicall3_block": int,
        "l1_block_number": bool,
        "endpoints": list,
    }
    assert row.keys() <= types.keys()
    assert all(type(value) is types[field] for field, value in row.items())
    assert {"id", "name", "lag"} <= row.keys()


@pytest.mark.parametrize(
    "url", [url for row in CHAINS for url in row.get("endpoints", [])], ids=lambda url: url
)
def test_an_endpoint_is_https_and_carries_no_key(url: str) -> None:
    """A key is a long word of letters and digits in the path, a query, a user or a port."""
    parts = urlsplit(url)
    assert parts.scheme == "https"
    assert (parts.query, parts.fragment, parts.username, parts.port) == ("", "", None, None)
    words = [*parts.path.split("/"), *(parts.hostname or "").split(".")]
    assert not [word for word in words if len(word) >= 16 and "-" not in word]
    assert not [word for word in parts.path.split("/") if len(word) > 8]


def test_every_chain_but_a_local_one_has_an_endpoint_and_none_twice() -> None:
    for row in CHAINS:
        urls = row.get("endpoints", [])
        assert bool(urls) == (row["id"] not in LOCAL)
        assert len(set(urls)) == len(urls)


def test_a_lag_is_zero_only_where_blocks_are_made_on_demand() -> None:
    assert {row["id"] for row in CHAINS if row["lag"] == 0} == LOCAL
    assert chain_info("ethereum").lag == 5
    assert chain_info("base").lag == chain_info("arbitrum").lag == 20


def test_zksync_has_its_own_multicall_and_arbitrum_counts_other_blocks() -> None:
    assert chain_info("zksync").multicall3.hex() == "f9cda624fbc7e059355ce98a31693d299facd963"
    assert chain_info(10).multicall3.hex() == "ca11bde05977b3631167028862be2a173976ca11"
    assert [row["name"] for row in CHAINS if row.get("l1_block_number")] == ["arbitrum"]
    assert chain_info(42161).l1_block_number


def test_a_symbol_follows_one_driver_whatever_its_case() -> None:
    """`of_feed` ignores case, so two spellings may not disagree."""
    seen: dict[str, str] = {}
    symbols = [(symbol, d) for d, listed in TOKENS["symbols"].items() for symbol in listed]
    assert len({symbol for symbol, _ in symbols}) == len(symbols)
    for symbol, driver in symbols:
        assert seen.setdefault(symbol.casefold(), driver) == driver


def test_no_token_address_is_listed_twice() -> None:
    for rows in TOKENS["addresses"].values():
        assert len({token.lower() for token in rows}) == len(rows)


def test_every_driver_of_an_address_is_one_of_the_table_of_symbols() -> None:
    named = {driver for rows in TOKENS["addresses"].values() for driver in rows.values()}
    assert named <= TOKENS["symbols"].keys()


@pytest.mark.parametrize(
    ("chain", "token", "driver"),
    [
        (1, "C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "ETH"),  # WETH
        (1, "7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0", "ETH"),  # wstETH
        (1, "2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", "BTC"),  # WBTC
        (1, "A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", None),  # USDC
        (43114, "49D5c2BdFfac6CE2BFdB6640F4F80f226bc10bAB", "ETH"),  # WETH.e
        (8453, "cbB7C0000aB88B473b1f5aFd9ef808440eed33Bf", "BTC"),  # cbBTC
        (100, "4200000000000000000000000000000000000006", "absent"),  # WETH of Base, not here
    ],
)
def test_a_token_is_known_by_its_chain_and_address(
    chain: int, token: str, driver: str | None
) -> None:
    table = driver_tables().by_address
    assert table.get((chain, bytes.fromhex(token)), "absent") == driver


def test_a_symbol_in_no_table_is_absent_and_not_a_stable() -> None:
    table = driver_tables().by_symbol
    assert table["USDC"] is None
    assert table["weETH"] == "ETH"
    assert table["sAVAX"] == "AVAX"
    assert "UNI" not in table


@pytest.mark.parametrize(
    ("description", "driver"),
    [
        ("ETH / USD", "ETH"),
        ("BTC / USD", "BTC"),
        ("cbBTC / USD", "BTC"),
        ("stETH / USD", "ETH"),
        ("STETH / USD", "ETH"),
        ("USDC / USD", None),
        ("CRVUSD / USD", None),
        ("EURC / USD", "EUR"),
        ("MATIC / USD", "POL"),
        ("ETH/USD", "ETH"),
        ("UNI / USD", "UNI"),
    ],
)
def test_a_dollar_feed_names_its_driver(description: str, driver: str | None) -> None:
    assert driver_tables().of_feed(description) == driver


@pytest.mark.parametrize(
    "description", ["", "WBTC / BTC", "Capped wstETH / stETH(ETH) / USD", "=1+1 / USD", "a b / USD"]
)
def test_another_text_of_a_feed_names_no_driver(description: str) -> None:
    with pytest.raises(KeyError):
        driver_tables().of_feed(description)


def test_the_import_is_light() -> None:
    """Only the standard library: `bandscan --help` lists chains without waiting for numpy."""
    heavy = "{'web3', 'eth_hash', 'eth_utils', 'numpy', 'pandas', 'click', 'rich', 'aiohttp'}"
    code = f"import sys, scanner.deployments; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_stablecoins_are_dollar_tokens_of_named_chains_each_once() -> None:
    """By the token tables, which have their addresses from the pools' own lists; the one that is
    ours is the issuer's, and the same on BNB chain."""
    tables = driver_tables()
    rows = tomllib.loads((FOLDER / "stablecoins.toml").read_text("utf-8"))["chain"]
    assert {row["id"] for row in rows} <= {chain["id"] for chain in CHAINS} - LOCAL
    assert len({row["id"] for row in rows}) == len(rows)
    ours = []
    for row in rows:
        found = stablecoins(row["id"])
        assert 0 < len(found) == len(set(found)) == len(row["tokens"])
        for token in found:
            if (row["id"], token) in tables.by_address:
                assert tables.by_address[row["id"], token] is None
            else:
                ours.append((row["id"], token))
    assert ours == [(1, bytes.fromhex("c5f0f7b66764f6ec8c8dff7ba683102295e16409"))]
    assert ours[0][1] in stablecoins(56)
    assert stablecoins(31337) == ()


def test_receipts_of_other_dollar_tokens_are_no_liquidity() -> None:
    """They would count a dollar twice."""
    assert all(driver_tables().by_symbol.get(name, None) is None for name in issued_symbols())
    assert not issued_symbols() & {"sDAI", "sUSDe", "sUSDS", "syrupUSDC", "syrupUSDT", "stkGHO"}
