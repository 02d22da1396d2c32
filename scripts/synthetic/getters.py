"""The getters that are not asked of everybody: a table of (target, call data) per block."""

from collections.abc import Callable

from scanner.chain import abi
from scanner.chain.abi import Abi
from synthetic.market import REVISION, USD, EMode, Feed, Reserve
from synthetic.world import World

Table = dict[tuple[bytes, bytes], bytes]
Value = int | bytes

MULTICALL3 = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")
_POOL, _TOKEN, _ERC20 = (abi.load(n) for n in ("aave_v3_pool", "aave_v3_token", "erc20"))
_ORACLE, _PROVIDER = abi.load("aave_v3_oracle"), abi.load("aave_v3_addresses_provider")
_ADAPTER, _MULTICALL = abi.load("price_adapter"), abi.load("multicall3")


def table_of(world: World, block: int) -> Table:
    """Every getter but those of `contracts.py`: (target, call data) -> what it returns."""
    made = _Maker()
    market = world.market
    _pool(made, world)
    for place, one in enumerate(market.reserves):
        _reserve(made, world, place, one, block)
        if one.source != one.feed.address:
            _adapter(made, one)
    for mode in market.emodes:
        _emode(made, market.pool, mode)
    for feed in market.feeds:
        _feed(made, feed)
    _multicall(made, world, block)
    return made.table


class _Maker:
    """Puts answers into the table; values are numbers, addresses or words."""

    def __init__(self) -> None:
        self.table: Table = {}

    def at(self, target: bytes, contract: Abi, *argument: Value) -> Callable[..., None]:
        """`at(target, contract)(function, *values)`: what a function of a contract answers."""
        tail = b"".join(map(_word, argument))

        def say(function: str, *values: Value) -> None:
            answer = b"".join(map(_word, values))
            self.table[target, contract.selector(function) + tail] = answer

        return say


def _pool(made: _Maker, world: World) -> None:
    market = world.market
    listed = [one.address for one in market.reserves]
    pool = made.at(market.pool, _POOL)
    pool("POOL_REVISION", REVISION)
    pool("ADDRESSES_PROVIDER", market.provider)
    pool("getReservesList", 32, len(listed), *listed)
    provider = made.at(market.provider, _PROVIDER)
    provider("getPool", market.pool)
    provider("getPriceOracle", market.oracle)
    provider("getPriceOracleSentinel", 0)
    oracle = made.at(market.oracle, _ORACLE)
    oracle("BASE_CURRENCY_UNIT", USD)
    oracle("BASE_CURRENCY", 0)


def _reserve(made: _Maker, world: World, place: int, one: Reserve, block: int) -> None:
    market, people = world.market, world.people
    income, index = one.indices(world.age(block))
    of_asset = made.at(market.pool, _POOL, one.address)
    of_asset("getReserveNormalizedIncome", income)
    of_asset("getReserveNormalizedVariableDebt", index)
    of_asset("getLiquidationGracePeriod", 0)
    of_asset(
        "getReserveData",
        one.configuration,
        income,
        one.supply_rate,
        index,
        one.borrow_rate,
        0,
        world.time(block),
        one.number,
        one.atoken,
        0,
        one.vdebt,
        0,  # interestRateStrategyAddress
        0,
        0,
        0,
    )
    made.at(market.pool, _POOL, one.number)("getReserveAddressById", one.address)
    quoted = made.at(market.oracle, _ORACLE, one.address)
    quoted("getAssetPrice", one.price)
    quoted("getSourceOfAsset", one.source)
    token = made.at(one.address, _ERC20)
    token("symbol", *_text(one.symbol))
    token("decimals", one.decimals)
    made.at(one.atoken, _TOKEN)("scaledTotalSupply", people.total(place, False))
    made.at(one.vdebt, _TOKEN)("scaledTotalSupply", people.total(place, True))


def _emode(made: _Maker, pool: bytes, mode: EMode) -> None:
    say = made.at(pool, _POOL, mode.number)
    say("getEModeCategoryCollateralConfig", mode.ltv, mode.threshold, mode.bonus)
    say("getEModeCategoryCollateralBitmap", mode.bitmap)
    head = (32, mode.ltv, mode.threshold, mode.bonus, 0, 160)
    say("getEModeCategoryData", *head, *_text(f"e-mode {mode.number}")[1:])


def _feed(made: _Maker, feed: Feed) -> None:
    say = made.at(feed.address, _ADAPTER)
    say("latestAnswer", feed.answer)
    say("decimals", 8)
    say("description", *_text(feed.description))
    say("aggregator", feed.address)


def _adapter(made: _Maker, one: Reserve) -> None:
    """A PriceCapAdapter on a root feed whose cap does not bite."""
    assert one.ratio is not None
    say = made.at(one.source, _ADAPTER)
    say("latestAnswer", one.price)
    say("decimals", 8)
    say("description", *_text(f"Capped {one.symbol} / {one.feed.description}"))
    say("BASE_TO_USD_AGGREGATOR", one.feed.address)
    say("getRatio", one.ratio)
    say("RATIO_DECIMALS", 18)
    say("getSnapshotRatio", 2 * one.ratio)
    say("getSnapshotTimestamp", 0)
    say("getMaxRatioGrowthPerSecond", 0)


def _multicall(made: _Maker, world: World, block: int) -> None:
    say = made.at(MULTICALL3, _MULTICALL)
    say("getBlockNumber", block)
    say("getLastBlockHash", world.hash(block - 1))
    say("getCurrentBlockTimestamp", world.time(block))
    say("getChainId", world.shape.chain_id)


def _word(value: Value) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def _text(text: str) -> tuple[Value, ...]:
    """A string as the words of a returned `string`."""
    raw = text.encode()
    padded = raw + bytes(-len(raw) % 32)
    parts = (padded[begin : begin + 32] for begin in range(0, len(padded), 32))
    return (32, len(raw), *parts)
