"""Which driver a token follows, as far as a table can tell (tokens.toml).

The tables are the last resort of design section 2: a deployments file and the market's own price
adapter come first. `None` means "follows no driver" (a dollar stable); a token that is in no
table is not `None` but absent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from . import _toml

FILE = Path(__file__).with_name("tokens.toml")
FEEDS = Path(__file__).with_name("feeds.toml")
NONE = "none"  # how a file says "follows no driver"

_USD_FEED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._+-]{0,31}) ?/ ?USD")


@dataclass(frozen=True)
class DriverTables:
    """Read-only tables; every value is a driver's name, or None for "follows no driver".

    `by_address` is keyed by chain id and 20 raw bytes, `by_symbol` by the token's own symbol
    (upper and lower case matter), `by_description` by a price feed's `description()`.
    """

    by_address: Mapping[tuple[int, bytes], str | None]
    by_symbol: Mapping[str, str | None]
    by_description: Mapping[str, str | None]

    @property
    def drivers(self) -> frozenset[str]:
        """Every driver that a table names."""
        return frozenset(
            driver
            for table in (self.by_symbol, self.by_description)
            for driver in table.values()
            if driver is not None
        )

    def of_feed(self, description: str) -> str | None:
        """The driver that a dollar feed quotes, from its `description()`.

        An alias of the table wins; else "X / USD" is what the symbol X follows (feeds write
        "STETH / USD": case is ignored), or X itself. Raises KeyError for any other text, such
        as the factor feed "WBTC / BTC".

        >>> of_feed = driver_tables().of_feed
        >>> of_feed("ETH / USD"), of_feed("cbBTC / USD"), of_feed("UNI / USD")
        ('ETH', 'BTC', 'UNI')
        >>> of_feed("USDC / USD") is None
        True
        """
        text = " ".join(description.split())
        if text in self.by_description:
            return self.by_description[text]
        found = _USD_FEED.fullmatch(text)
        if not found:
            raise KeyError(_toml.clean(description))
        folded = {symbol.casefold(): driver for symbol, driver in self.by_symbol.items()}
        return folded.get(found[1].casefold(), found[1])


@cache
def driver_tables() -> DriverTables:
    """The shipped tables. Tests check their form, so nothing is checked here."""
    tables = _toml.read(FILE)
    return DriverTables(
        by_address=MappingProxyType(
            {
                (int(chain), bytes.fromhex(token[2:])): _driver(driver)
                for chain, rows in tables["addresses"].items()
                for token, driver in rows.items()
            }
        ),
        by_symbol=MappingProxyType(
            {
                symbol: _driver(driver)
                for driver, symbols in tables["symbols"].items()
                for symbol in symbols
            }
        ),
        by_description=MappingProxyType(
            {text: _driver(driver) for text, driver in tables["descriptions"].items()}
        ),
    )


def usd_feeds(chain_id: int) -> dict[str, bytes]:
    """The shipped dollar price feeds of a chain by driver; empty where none is known."""
    return dict(_feeds().get(chain_id, {}))


@cache
def _feeds() -> dict[int, dict[str, bytes]]:
    return {
        int(chain): {driver: bytes.fromhex(feed[2:]) for driver, feed in rows.items()}
        for chain, rows in _toml.read(FEEDS).get("feeds", {}).items()
    }


def _driver(word: str) -> str | None:
    return None if word == NONE else word
