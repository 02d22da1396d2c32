"""Bandscan: the open, reproducible map of DeFi liquidations.

    from scanner import connect, open_store

The client is imported when it is asked for, so that the command line stays light.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanner.client import connect, open_site, open_store

__version__ = "0.1.0"

__all__ = ["__version__", "connect", "open_site", "open_store"]

_OF_THE_CLIENT = ("connect", "open_site", "open_store")


def __getattr__(name: str) -> Any:
    if name in _OF_THE_CLIENT:
        from scanner import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
