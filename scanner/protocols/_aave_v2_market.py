"""An Aave v2 pool at one block. Its oracle may quote in wei of ether; see `_aave_v2_survey`.

Sources: aave protocol-v2, contracts/protocol/lendingpool/LendingPool.sol, misc/AaveOracle.sol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core import callability
from scanner.core.integers import Integers
from scanner.core.positions import Feed
from scanner.deployments import Market, driver_tables
from scanner.errors import MarketError, Problem

from ._aave_market import AaveMarket, EModes, Reserves
from ._aave_rules import BASE_UNIT, WAD, second_rules
from ._asking import every, raw
from ._drivers import Following, followings
from ._feeds import trace
from ._text import clean_symbol
from ._usd import usd_feeds

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_POOL, _TOKEN = abi.load("aave_v2_pool"), abi.load("aave_v3_token")
_ORACLE, _PROVIDER = abi.load("aave_v3_oracle"), abi.load("aave_v3_addresses_provider")
_ERC20 = abi.load("erc20")
_every = partial(every, doubt="is this no Aave v2 pool?")
_NEWEST = 2
_COLUMNS = ("getReserveData", "getReserveNormalizedIncome", "getReserveNormalizedVariableDebt")


@dataclass(frozen=True)
class SecondMarket(AaveMarket):
    """A pool of Aave v2. `spots` are dollar feeds by driver; empty where prices are in dollars."""

    spots: Mapping[str, Feed] = field(default_factory=dict)

    @property
    def in_ether(self) -> bool:
        """Whether the oracle quotes in wei of ether."""
        return bool(self.spots)


def read_market(chain: Chain, protocol: str, row: Market) -> SecondMarket:
    """The LendingPool of a deployments row, at the pinned block.

    Raises
    ------
    MarketError
        No such pool there, or it quotes in ether and nobody says what that is in dollars.
    """
    pool = row.addresses["pool"]
    where = {"market": f"{protocol}/{row.name}", "pool": "0x" + pool.hex()}
    if not chain.code_at(pool):
        raise MarketError(
            "there is no contract at the pool's address",
            **where,
            fix="check the address and the chain in the deployments file",
        )
    getters = ("LENDINGPOOL_REVISION", "getAddressesProvider", "getReservesList", "paused")
    told = chain.read([Call(pool, _POOL, getter) for getter in getters])
    if any(isinstance(one, Failed) for one in told):
        raise MarketError(
            "the contract does not answer like an Aave v2 pool",
            **where,
            fix="give the address of the LendingPool proxy",
        )
    revision, provider, listed, paused = told
    [oracle] = _every(chain, [Call(raw(provider), _PROVIDER, "getPriceOracle")])
    addresses = [raw(one) for one in listed]
    problems: list[Problem] = []
    symbols, sources, prices = _prices(
        chain, (protocol, row.name), raw(oracle), addresses, problems
    )
    unit, base = chain.read(
        [Call(raw(oracle), _ORACLE, g) for g in ("BASE_CURRENCY_UNIT", "BASE_CURRENCY")]
    )
    in_dollars = unit == BASE_UNIT and (isinstance(base, Failed) or not any(raw(base)))
    tables = driver_tables()
    paths = trace(chain, sources)
    following = followings(
        chain.chain_id,
        addresses,
        symbols,
        sources,
        prices,
        BASE_UNIT if in_dollars else WAD,
        paths,
        row.drivers,
        tables,
    )
    spots, dollar = _spots(chain, row, following) if not in_dollars else ({}, float(BASE_UNIT))
    none = np.zeros(0, np.int64)
    reserves = _reserves(chain, pool, addresses, symbols, sources, prices, bool(paused))
    return SecondMarket(
        protocol=protocol,
        name=row.name,
        chain_id=chain.chain_id,
        pool=pool,
        revision=int(revision),
        newest=_NEWEST,
        rules=second_rules(),
        oracle=raw(oracle),
        timestamp=chain.block.timestamp,
        reserves=reserves,
        emodes=EModes(none, none, none, np.zeros((0, len(reserves)), np.bool_)),
        following=tuple(following),
        problems=tuple(problems),
        dollar=dollar,
        spots=spots,
    )


def _spots(
    chain: Chain, row: Market, following: Sequence[Following]
) -> tuple[dict[str, Feed], float]:
    """Dollar feeds by driver, and a dollar in wei of ether."""
    drivers = {one.driver for one in following if one.driver is not None}
    spots = usd_feeds(chain, row, drivers | {"ETH"})
    if "ETH" not in spots:
        raise MarketError(
            "the pool quotes in ether, and nobody says what that is in dollars",
            market=f"{row.protocol}/{row.name}",
            fix='give a dollar feed in [market.feeds] of the deployments file: ETH = "0x…"',
        )
    ether = spots["ETH"]
    return spots, WAD * ether.scale / ether.present


def _prices(
    chain: Chain,
    where: tuple[str, str],
    oracle: bytes,
    addresses: Sequence[bytes],
    problems: list[Problem],
) -> tuple[list[str], list[bytes], Integers]:
    """Symbols, price sources and prices of the reserves; 0 for one without."""
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
    )
    names = zip(answers[2::3], addresses, strict=True)
    symbols = [clean_symbol(symbol, address) for symbol, address in names]
    prices = np.zeros(len(addresses), object)
    for place, value in enumerate(answers[0::3]):
        if isinstance(value, Failed) or not 0 < value < 2**96:
            failed = isinstance(value, Failed)
            why = "reverts" if failed else f"answers {value}"
            text = f"the oracle {why} for {symbols[place]} (0x{addresses[place].hex()})"
            problems.append(Problem("oracle_reverted" if failed else "oracle_zero", text, *where))
        else:
            prices[place] = int(value)
    sources = [bytes(20) if isinstance(s, Failed) else raw(s) for s in answers[1::3]]
    return symbols, sources, prices


def _reserves(
    chain: Chain,
    pool: bytes,
    addresses: list[bytes],
    symbols: list[str],
    sources: list[bytes],
    prices: Integers,
    paused: bool,
) -> Reserves:
    size = len(addresses)
    answers = _every(chain, [Call(pool, _POOL, fn, (a,)) for fn in _COLUMNS for a in addresses])
    data, income, debt_index = (answers[k * size : (k + 1) * size] for k in range(3))
    config = [row[0][0] if isinstance(row[0], tuple) else row[0] for row in data]
    stable, debt_token = [raw(row[8]) for row in data], [raw(row[9]) for row in data]
    totals = _every(
        chain,
        [Call(t, _TOKEN, "scaledTotalSupply") for t in debt_token]
        + [Call(t, _TOKEN, "totalSupply") for t in stable],
    )

    def bits(low: int, high: int) -> I64:
        mask = (1 << (high - low + 1)) - 1
        return np.array([word >> low & mask for word in config], np.int64)

    decimals = bits(48, 55)
    if (decimals > 18).any():
        raise MarketError(f"a reserve has {int(decimals.max())} decimals; up to 18 are supported")
    none = np.zeros(size, np.int64)
    return Reserves(
        number=np.array([row[11] for row in data], np.int64),
        address=addresses,
        symbol=symbols,
        source=sources,
        unit=10**decimals,
        price=prices,
        threshold=bits(16, 31),
        bonus=bits(32, 47),
        fee=none,
        category=none,
        barred=callability.first_of(
            (np.full(size, paused), callability.PAUSED),
            (bits(56, 56) == 0, callability.INACTIVE),
        ),
        income=[int(value) for value in income],
        debt_index=[int(value) for value in debt_index],
        collateral_token=[raw(row[7]) for row in data],
        debt_token=debt_token,
        stable_token=stable,
        debt_total=[int(total) for total in totals[:size]],
        stable_total=[int(total) for total in totals[size:]],
    )
