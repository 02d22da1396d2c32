"""The vectors A3-1 to A3-7 on the real pools of v3.0 and v3.6: the pool's numbers, and the scan's.

The pure arithmetic of all versions is held against them in tests/protocols/test_aave_vectors.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from localchain import FLAVOURS, LocalChain
from localchain.abi import topic
from scanning import open_market
from test_liquidations import expected, liquidated

USD = 10**8
MAX = 2**256 - 1
DEFICIT = topic("DeficitCreated(address,address,uint256)")


@pytest.fixture(scope="module", params=FLAVOURS)
def chain(request: pytest.FixtureRequest) -> Iterator[LocalChain]:
    """Without interest, so indices are one. Bitcoin at 27,000 USD, threshold 86 %, bonus 5 %."""
    with LocalChain(request.param) as made:
        made.set_price("WBTC", 27_000 * USD)
        made.set_price("WETH", 1_800 * USD)
        configure(made, "WBTC", 8_000, 8_600)
        yield made


@pytest.fixture(autouse=True)
def undone(chain: LocalChain) -> Iterator[None]:
    """Every test begins with the same chain."""
    with chain.undone():
        yield


def govern(chain: LocalChain, signature: str, *args: object) -> None:
    """A setting of the pool's configurator."""
    configurator = chain.call(chain.provider, "getPoolConfigurator()(address)")
    chain.send(chain.owner, configurator, signature, *args)


def configure(chain: LocalChain, symbol: str, ltv: int, threshold: int) -> None:
    """A collateral with these basis points and a bonus of 5 %."""
    signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
    govern(chain, signature, chain.tokens[symbol].address, ltv, threshold, 10_500)


def fee(chain: LocalChain, symbol: str, points: int) -> None:
    """The protocol's share of the bonus. [basis points]"""
    signature = "setLiquidationProtocolFee(address,uint256)"
    govern(chain, signature, chain.tokens[symbol].address, points)


def provide(chain: LocalChain, **amounts: float) -> None:
    """What can be borrowed."""
    for symbol, amount in amounts.items():
        chain.ensure_liquidity(chain.tokens[symbol], chain.tokens[symbol].units(amount))


def health(chain: LocalChain, who: str) -> int:
    return int(chain.account_data(who)["healthFactor"])


def call(
    chain: LocalChain, tmp_path: Path, who: str, driver: str, pair: tuple[str, str]
) -> tuple[int, int]:
    """What the real call repays and gives its caller; the scan says the same at present prices."""
    opened = open_market(chain, tmp_path / "store")
    [one] = expected(chain, opened, "driver", driver, [who])
    assert (one.side, one.callable) == (0, True)
    made = liquidated(chain, who, *pair)
    assert made == one.call
    return made.repaid, made.taken - made.fee


@pytest.mark.parametrize(
    ("fall", "share", "core", "origin", "repaid", "received"),
    [
        (16, 0, 951453658536585366, 951453658536585365, 10_250_000_000, 47_453_703),
        (16, 1_000, 951453658536585366, 951453658536585365, 10_250_000_000, 47_227_733),
        (20, 1_000, 906146341463414634, 906146341463414634, 20_500_000_000, 99_178_240),
        (30, 1_000, 792878048780487805, 792878048780487804, 18_000_000_000, 99_523_809),
    ],
)
def test_one_call(
    chain: LocalChain,
    tmp_path: Path,
    fall: int,
    share: int,
    core: int,
    origin: int,
    repaid: int,
    received: int,
) -> None:
    """A3-1 to A3-4."""
    old = chain.flavour == "core"
    fee(chain, "WBTC", share)
    provide(chain, USDC=100_000)
    made = chain.account("vectors")
    made.supply("WBTC", 1)
    made.borrow("USDC", 20_500)
    chain.set_price("WBTC", 27_000 * USD * (100 - fall) // 100)
    assert health(chain, made.address) == (core if old else origin)
    assert call(chain, tmp_path, made.address, "BTC", ("WBTC", "USDC")) == (repaid, received)
    if fall == 16:
        after = 999907330464390244 if old else 999907330464000000
        assert health(chain, made.address) == after
    if fall == 30:
        owed = chain.call(chain.tokens["USDC"].vdebt, "balanceOf(address)(uint256)", made.address)
        assert owed == (2_500 * 10**6 if old else 0)
        assert health(chain, made.address) == (0 if old else MAX)
        logs = chain.rpc("eth_getLogs", {"fromBlock": "0x0", "topics": [DEFICIT]})
        assert [int(log["data"], 16) for log in logs] == ([] if old else [2_500 * 10**6])


def test_a_small_position_goes_whole(chain: LocalChain, tmp_path: Path) -> None:
    """A3-5; v3.0, which knows no 2,000 USD, takes the whole because of 0.93."""
    fee(chain, "WBTC", 1_000)
    provide(chain, USDC=100_000)
    made = chain.account("vectors")
    made.supply("WBTC", 1)
    made.borrow("USDC", 1_500)
    chain.set_price("WBTC", 1_620 * USD)
    assert health(chain, made.address) == 928800000000000000
    found = call(chain, tmp_path, made.address, "BTC", ("WBTC", "USDC"))
    assert found == (1_500_000_000, 96_759_259)


def test_a_liquid_e_mode(chain: LocalChain, tmp_path: Path) -> None:
    """A3-6, on v3.6: p* to the unit of the feed, and the e-mode's bonus."""
    if chain.flavour == "core":
        pytest.skip("v3.0 has no liquid e-modes")
    provide(chain, USDC=100_000)
    signature = "setEModeCategory(uint8,uint16,uint16,uint16,string)"
    govern(chain, signature, 1, 9_000, 9_300, 10_100, "ETH")
    govern(chain, "setAssetBorrowableInEMode(address,uint8,bool)", usdc(chain), 1, True)
    fee(chain, "WETH", 1_000)
    made = chain.account("vectors")
    made.supply("WETH", 10)
    made.supply("WBTC", 1)
    made.enter_e_mode(1)
    made.borrow("USDC", 37_000)
    data = chain.account_data(made.address)
    assert data["totalCollateralBase"] == 4_500_000_000_000
    assert data["totalDebtBase"] == 3_700_000_000_000
    assert data["healthFactor"] == 1080000000000000000
    [one] = expected(chain, open_market(chain, tmp_path / "first"), "driver", "ETH", [made.address])
    assert (one.side, one.raw) == (1, 148_172_043_011)
    for price, factor in (
        (148_172_043_011, 1000000000000621621),
        (148_172_043_010, 999999999998108108),
        (1_400 * USD, 979459459459459459),
    ):
        chain.set_price("WETH", price)
        assert health(chain, made.address) == factor
    # The pair of the vector; the scan names bitcoin's, which takes more.
    found = liquidated(chain, made.address, "WETH", "USDC")
    assert (found.repaid, found.taken - found.fee) == (13_861_386_139, 9990099009900990099)
    assert health(chain, made.address) == 1003517329926887965


def usdc(chain: LocalChain) -> str:
    return chain.tokens["USDC"].address


def test_the_examples_of_v3_3(chain: LocalChain, tmp_path: Path) -> None:
    """A3-7: 900 of 900 at 0.96, and a whole debt of 3,000 of three; v3.0 halves both."""
    old = chain.flavour == "core"
    configure(chain, "WETH", 8_000, 8_600)
    provide(chain, USDC=100_000, DAI=100_000, USDT=100_000)
    small = chain.account("vectors, small")
    small.supply("WETH", 1)
    small.borrow("DAI", 900)
    three = chain.account("vectors, three")
    three.supply("WETH", 7.5)
    for symbol in ("DAI", "USDC", "USDT"):
        three.borrow(symbol, 3_000)
    configure(chain, "WETH", 7_000, 7_200)
    chain.set_price("WETH", 1_200 * USD)
    assert health(chain, small.address) == 960000000000000000
    repaid, _ = call(chain, tmp_path, small.address, "ETH", ("WETH", "DAI"))
    assert repaid == (450 if old else 900) * 10**18

    configure(chain, "WETH", 9_000, 9_500)  # 9,000 of ether, 9,000 of debt
    chain.set_price("WETH", 1_212 * USD)
    assert 95 * 10**16 < health(chain, three.address) < 10**18
    made = liquidated(chain, three.address, "WETH", "DAI")
    assert made.repaid == (1_500 if old else 3_000) * 10**18
