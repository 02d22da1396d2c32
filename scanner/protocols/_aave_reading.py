"""Reading an Aave v3 pool at the pinned block: reserves, e-modes, indices, prices, totals.

Layout of the configuration word: DataTypes.ReserveConfigurationMap (aave-v3-origin,
src/contracts/protocol/libraries/types/DataTypes.sol). Everything governance can change is read
afresh in every scan: it moves the health of everybody and touches no account.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core import callability
from scanner.core.integers import Integers
from scanner.deployments import driver_tables
from scanner.errors import MarketError, Problem, ReadError

from ._aave_market import AaveMarket, EModes, Reserves
from ._aave_rules import BASE_UNIT, LATEST_REVISION, Rules, rules_of
from ._asking import every, raw
from ._drivers import Following, followings
from ._probe import asked_by, pairs_of, probed
from ._roots import candidates
from ._text import clean_symbol

I64 = npt.NDArray[np.int64]

_POOL = abi.load("aave_v3_pool")
_TOKEN = abi.load("aave_v3_token")
_ORACLE = abi.load("aave_v3_oracle")
_PROVIDER = abi.load("aave_v3_addresses_provider")
_ERC20 = abi.load("erc20")
_SENTINEL = abi.load("aave_v3_sentinel")

_answers = partial(every, doubt="is this no Aave v3 pool?")
_NO_ADDRESS = bytes(20)


def read_market(
    chain: Chain,
    protocol: str,
    name: str,
    pool: bytes,
    declared: Mapping[bytes, str | None],
    newest: int = LATEST_REVISION,
    feeds: Mapping[str, bytes] = MappingProxyType({}),
) -> AaveMarket:
    """The pool's configuration, indices, prices and totals at the pinned block.

    `declared` are the deployments file's drivers by token address, `feeds` the chain's dollar feeds
    by driver; a pool whose revision is above `newest` is read by the rules of that one and checked
    whole.

    Raises
    ------
    MarketError
        The address has no code or does not answer like an Aave v3 pool.
    """
    where = {"market": f"{protocol}/{name}", "pool": "0x" + pool.hex()}
    if not chain.code_at(pool):
        raise MarketError(
            "there is no contract at the pool's address",
            **where,
            fix="check the address and the chain in the deployments file",
        )
    revision, provider, listed = chain.read(
        [
            Call(pool, _POOL, "POOL_REVISION"),
            Call(pool, _POOL, "ADDRESSES_PROVIDER"),
            Call(pool, _POOL, "getReservesList"),
        ]
    )
    if isinstance(revision, Failed) or isinstance(provider, Failed) or isinstance(listed, Failed):
        raise MarketError(
            "the contract does not answer like an Aave v3 pool",
            **where,
            fix="give the address of the Pool proxy",
        )
    rules = rules_of(min(int(revision), newest))
    [oracle] = chain.read([Call(raw(provider), _PROVIDER, "getPriceOracle")])
    if isinstance(oracle, Failed):
        raise MarketError("the pool's address provider names no price oracle", **where)
    problems: list[Problem] = []
    reserves = _read_reserves(chain, protocol, name, pool, raw(oracle), rules, listed, problems)
    none = np.zeros(0, np.int64)
    no_emodes = EModes(none, none, none, np.zeros((0, len(reserves)), np.bool_))
    following = follow_prices(
        chain,
        (protocol, name),
        raw(oracle),
        (reserves.address, reserves.symbol, reserves.source),
        reserves.price,
        BASE_UNIT,
        declared,
        feeds,
        problems,
    )
    return AaveMarket(
        protocol=protocol,
        name=name,
        chain_id=chain.chain_id,
        pool=pool,
        revision=int(revision),
        newest=newest,
        rules=rules,
        oracle=raw(oracle),
        timestamp=chain.block.timestamp,
        reserves=reserves,
        emodes=no_emodes,
        following=following,
        problems=tuple(problems),
        watched=rules.sentinel and _forbidden(chain, raw(provider)),
    )


def _forbidden(chain: Chain, provider: bytes) -> bool:
    """Whether the provider's price oracle sentinel forbids liquidations, if it has one.

    Source: v3.0 to v3.6 ValidationLogic.validateLiquidationCall (a position below a health factor
    of 0.95 may be liquidated all the same); PriceOracleSentinel.isLiquidationAllowed: on an L2 not
    while its sequencer is down, nor in the grace period after it. A sentinel that reverts makes
    the pool's call revert, and so does a provider that does.
    """
    [address] = chain.read([Call(provider, _PROVIDER, "getPriceOracleSentinel")])
    if isinstance(address, Failed):
        return True  # the pool asks the same
    if not any(raw(address)):
        return False
    [allowed] = chain.read([Call(raw(address), _SENTINEL, "isLiquidationAllowed")])
    return isinstance(allowed, Failed) or not allowed


def follow_prices(
    chain: Chain,
    where: tuple[str, str],
    oracle: bytes,
    reserves: tuple[list[bytes], list[str], list[bytes]],
    prices: Integers,
    unit: int,
    declared: Mapping[bytes, str | None],
    feeds: Mapping[str, bytes],
    problems: list[Problem],
) -> tuple[Following, ...]:
    """What each reserve follows; `reserves` are addresses, symbols and price sources."""
    addresses, symbols, sources = reserves
    reads = [Call(oracle, _ORACLE, "getAssetPrice", (address,)) for address in addresses]
    graph, roots = candidates(chain, sources, reads, feeds)
    asked = asked_by(reads, [int(price) for price in prices])
    found = probed(chain, roots, asked, where, problems, pairs_of(graph, roots, sources))
    paths = {one: graph.path(one) for one in graph.getters}
    tables, seen = driver_tables(), None if found is None else found.seen
    return tuple(
        followings(
            chain.chain_id, addresses, symbols, sources, prices, unit, paths, declared, tables, seen
        )
    )


def with_emodes(chain: Chain, market: AaveMarket, used: Iterable[int]) -> AaveMarket:
    """The market with the e-modes that accounts use (their numbers are not dense)."""
    numbers = sorted({int(n) for n in used} - {0})
    size = len(market.reserves)
    threshold, bonus = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.int64)
    collateral = np.zeros((len(numbers), size), np.bool_)
    if market.rules.category_emode:
        calls = [Call(market.pool, _POOL, "getEModeCategoryData", (n,)) for n in numbers]
        rows = _answers(chain, calls, ReadError)
        for place, (number, row) in enumerate(zip(numbers, rows, strict=True)):
            threshold[place], bonus[place] = row[1], row[2]
            if int(row[3], 16) if isinstance(row[3], str) else any(row[3]):
                raise MarketError(
                    f"e-mode {number} replaces prices by a source of its own; no known pool does",
                    market=f"{market.protocol}/{market.name}",
                )
            collateral[place] = market.reserves.category == number
    else:
        configs = _answers(
            chain,
            [Call(market.pool, _POOL, "getEModeCategoryCollateralConfig", (n,)) for n in numbers],
            ReadError,
        )
        bitmaps = _answers(
            chain,
            [Call(market.pool, _POOL, "getEModeCategoryCollateralBitmap", (n,)) for n in numbers],
            ReadError,
        )
        for place, (config, bitmap) in enumerate(zip(configs, bitmaps, strict=True)):
            threshold[place], bonus[place] = config[1], config[2]
            collateral[place] = [bitmap >> int(i) & 1 == 1 for i in market.reserves.number]
    emodes = EModes(np.array(numbers, np.int64), threshold, bonus, collateral)
    return replace(market, emodes=emodes)


def _read_reserves(
    chain: Chain,
    protocol: str,
    name: str,
    pool: bytes,
    oracle: bytes,
    rules: Rules,
    listed: Iterable[str],
    problems: list[Problem],
) -> Reserves:
    addresses = [raw(a) for a in listed]
    asked = ["getReserveData", "getReserveNormalizedIncome", "getReserveNormalizedVariableDebt"]
    if rules.grace:
        asked.append("getLiquidationGracePeriod")
    answers = _answers(chain, [Call(pool, _POOL, fn, (a,)) for fn in asked for a in addresses])
    size = len(addresses)
    columns = {fn: answers[k * size : (k + 1) * size] for k, fn in enumerate(asked)}
    data = columns["getReserveData"]
    config = [row[0][0] if isinstance(row[0], tuple) else row[0] for row in data]
    grace = columns.get("getLiquidationGracePeriod", [0] * len(data))

    answers = chain.read(
        [
            call
            for address in addresses
            for call in (
                Call(oracle, _ORACLE, "getAssetPrice", (address,)),
                Call(oracle, _ORACLE, "getSourceOfAsset", (address,)),
                Call(address, _ERC20, "symbol"),
            )
        ]
        + [
            Call(oracle, _ORACLE, "BASE_CURRENCY_UNIT"),
            Call(oracle, _ORACLE, "BASE_CURRENCY"),
        ]
    )
    *answers, base_unit, base_currency = answers
    if base_unit != BASE_UNIT or isinstance(base_currency, Failed) or any(raw(base_currency)):
        raise MarketError(
            "the market's oracle does not quote in US dollars with 8 decimals",
            market=f"{protocol}/{name}",
            fix="this scanner reads dollar-quoted Aave v3 markets",
        )
    price, source, symbol = answers[0::3], answers[1::3], answers[2::3]
    symbols = [clean_symbol(s, a) for s, a in zip(symbol, addresses, strict=True)]
    prices = np.zeros(len(addresses), np.int64)
    for place, value in enumerate(price):
        if isinstance(value, Failed) or not 0 < value < 2**53:
            why = "reverts" if isinstance(value, Failed) else f"answers {value}"
            problems.append(
                Problem(
                    kind="oracle_reverted" if isinstance(value, Failed) else "oracle_zero",
                    message=f"the oracle {why} for {symbols[place]} (0x{addresses[place].hex()})",
                    protocol=protocol,
                    market=name,
                )
            )
        else:
            prices[place] = value

    stable = [raw(row[9]) if rules.stable_debt else _NO_ADDRESS for row in data]
    debt_token = [raw(row[10]) for row in data]
    has_stable = [place for place, token in enumerate(stable) if any(token)]
    totals = _answers(
        chain,
        [Call(t, _TOKEN, "scaledTotalSupply") for t in debt_token]
        + [Call(stable[i], _TOKEN, "totalSupply") for i in has_stable],
    )
    stable_totals = [0] * size
    for place, total in zip(has_stable, totals[size:], strict=True):
        stable_totals[place] = total

    def field(low: int, high: int) -> I64:
        mask = (1 << (high - low + 1)) - 1
        return np.array([word >> low & mask for word in config], np.int64)

    decimals = field(48, 55)
    if (decimals > 18).any():
        raise MarketError(
            f"a reserve has {int(decimals.max())} decimals; up to 18 are supported",
            market=f"{protocol}/{name}",
        )
    in_grace = np.array([g >= chain.block.timestamp for g in grace], np.bool_) & rules.grace
    return Reserves(
        number=np.array([row[7] for row in data], np.int64),
        address=addresses,
        symbol=symbols,
        source=[_NO_ADDRESS if isinstance(s, Failed) else raw(s) for s in source],
        unit=10**decimals,
        price=prices,
        threshold=field(16, 31),
        bonus=field(32, 47),
        fee=field(152, 167),
        category=field(168, 175) if rules.category_emode else np.zeros(len(data), np.int64),
        barred=callability.first_of(
            (field(56, 56) == 0, callability.INACTIVE),
            (field(60, 60) == 1, callability.PAUSED),
            (in_grace, callability.GRACE),
        ),
        income=[int(v) for v in columns["getReserveNormalizedIncome"]],
        debt_index=[int(v) for v in columns["getReserveNormalizedVariableDebt"]],
        collateral_token=[raw(row[8]) for row in data],
        debt_token=debt_token,
        stable_token=stable,
        debt_total=[int(t) for t in totals[:size]],
        stable_total=[int(t) for t in stable_totals],
    )
