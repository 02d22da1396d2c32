"""Data only: which chains, markets and tokens are known, and the loaders of these tables.

    chains.toml     chains: names, safe lag, Multicall3, endpoints that need no key
    aave_v3.toml    one file per protocol: its markets and their first blocks
    tokens.toml     which driver a token follows, by address, symbol and feed description
    feeds.toml      dollar price feeds by chain and driver
    pools.toml      a DEX pool by chain and driver, to hold oracles against
    stablecoins.toml   the large dollar tokens of each chain

A protocol adds its own `<protocol>.toml`; it is found by listing the folder.
"""

from .chains import ChainInfo, chain_info
from .drivers import DriverTables, driver_tables
from .load import Fields, Market, markets
from .stablecoins import issued_symbols, stablecoins

__all__ = [
    "ChainInfo",
    "DriverTables",
    "Fields",
    "Market",
    "chain_info",
    "driver_tables",
    "issued_symbols",
    "markets",
    "stablecoins",
]
