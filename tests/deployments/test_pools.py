"""The shipped pools, each derived anew, and what a user's own [[pool]] rows may say."""

from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from scanner.deployments import driver_tables
from scanner.deployments._toml import read
from scanner.deployments.load import markets
from scanner.deployments.pools import FILE, pools
from scanner.errors import UsageError
from scanner.opening import needed

# Uniswap's deployments documentation; the hash of the pool's code is checked against the published
# artifact in tests/chain/test_beside.py.
FACTORY = dict.fromkeys((1, 10, 137, 42161), "1F98431c8aD98523631AE4a59f267346ea31F984") | {
    8453: "33128a8fC17869897dcE68Ed026d694621f6FDfD"
}
INIT_CODE = bytes.fromhex("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54")
FEES = (100, 500, 3_000, 10_000)
CHAINS = (1, 10, 137, 8453, 42161)

WETH, USDC = "0x" + "11" * 20, "0x" + "22" * 20
ROW = {
    "chain_id": "31337",
    "driver": '"ETH"',
    "pool": f'"0x{"33" * 20}"',
    "token": f'"{WETH}"',
    "dollar": f'"{USDC}"',
}


def derived(chain_id: int, token: bytes, dollar: bytes, fee: int) -> bytes:
    """CREATE2 of the factory."""
    first, second = sorted((token, dollar))
    salt = keccak(encode(["address", "address", "uint24"], [first, second, fee]))
    return keccak(b"\xff" + bytes.fromhex(FACTORY[chain_id]) + salt + INIT_CODE)[12:]


def test_every_shipped_pool_is_the_factorys() -> None:
    rows = [one for chain_id in CHAINS for one in pools(chain_id, None).values()]
    assert len(rows) == len(read(FILE)["pool"]) >= 8
    for one in rows:
        could = {derived(one.chain_id, one.token, one.dollar, fee) for fee in FEES}
        assert one.pool in could, one


def test_every_shipped_pool_prices_its_driver_in_a_dollar_coin() -> None:
    by_address = driver_tables().by_address
    for chain_id in CHAINS:
        for driver, one in pools(chain_id, None).items():
            assert by_address[chain_id, one.token] == driver == one.driver
            assert by_address[chain_id, one.dollar] is None


def text(**changed: str | None) -> str:
    rows = {**ROW, **changed}
    return "[[pool]]\n" + "\n".join(f"{k} = {v}" for k, v in rows.items() if v is not None) + "\n"


def test_a_users_row_comes_before_the_shipped_one(tmp_path: Path) -> None:
    """And a file may bring pools alone: the shipped markets stay."""
    file = tmp_path / "own.toml"
    file.write_text(text(chain_id="1") + text())
    own = pools(1, file)
    assert own["ETH"].pool == bytes.fromhex("33" * 20)
    assert own["BTC"] == pools(1, None)["BTC"]
    assert set(pools(31337, file)) == {"ETH"}
    assert markets(1, None, file, needed()) == markets(1, None, None, needed())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"driver": '"eth"'}, '"ETH"'),
        ({"driver": '"none"'}, "driver"),
        ({"driver": "7"}, "driver"),
        ({"pool": '"0x12"'}, "pool"),
        ({"token": None}, 'The field "token" is missing'),
        ({"dollar": f'"{WETH}"'}, "the same address"),
        ({"chain_id": "0"}, "chain_id"),
        ({"fee": "500"}, 'Unknown field "fee"'),
    ],
)
def test_what_is_wrong_is_named_with_its_row(
    tmp_path: Path, changed: dict[str, str | None], said: str
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text(chain_id="1") + text(**changed))
    for load in (lambda: pools(1, file), lambda: markets(1, None, file, needed())):
        with pytest.raises(UsageError) as caught:
            load()
        assert said in str(caught.value)
        assert "row 2" in str(caught.value)


def test_two_pools_of_one_driver_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text() + text())
    with pytest.raises(UsageError, match="Two pools are given for ETH"):
        pools(31337, file)


def test_a_single_bracket_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text().replace("[[pool]]", "[pool]"))
    with pytest.raises(UsageError, match="double brackets"):
        pools(31337, file)
