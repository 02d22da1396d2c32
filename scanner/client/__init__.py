"""The Python client: the same questions and answers for a store, a server and a published site.

    from scanner import connect, open_store

    bands = open_store("store").bands("ETH")          # a store on this machine
    bands = connect("http://127.0.0.1:8080").bands("ETH")
    bands = open_site("https://example.github.io/bandscan").bands("ETH")

reader.py    what can be asked
local.py     a store
network.py   a server
site.py      a site
answer.py    answers as dicts and tables
errors.py    what can go wrong
"""

from pathlib import Path

from scanner.client.answer import Answer, Positions
from scanner.client.errors import Incomplete, Refused, Replaced, ServiceError, Unreachable
from scanner.client.reader import Reader

__all__ = [
    "Answer",
    "Incomplete",
    "Positions",
    "Reader",
    "Refused",
    "Replaced",
    "ServiceError",
    "Unreachable",
    "connect",
    "open_site",
    "open_store",
]


def open_store(
    path: str | Path, chain: str | int | None = None, *, incomplete: bool = False
) -> Reader:
    """Read the newest scan of a store on this machine.

    Parameters
    ----------
    chain : str, int or None
        Name or id; needed only where the store holds several.
    incomplete : bool
        Whether an incomplete scan will do where there is no complete one.
    """
    from scanner.client.local import LocalSource

    return Reader(LocalSource(Path(path), chain, incomplete=incomplete))


def connect(
    url: str,
    token: str | None = None,
    timeout: float = 10.0,
    *,
    chain: str | int | None = None,
    incomplete: bool = False,
) -> Reader:
    """Ask a server, as `bandscan serve` starts one; nothing is asked before the first question.

    Parameters
    ----------
    url : str
        As in http://127.0.0.1:8080.
    token : str or None
        What the server was started with.
    timeout : float
        For every single wait. [s]
    chain, incomplete
        As for `open_store`.

    Raises
    ------
    UsageError
        `url` is none.
    """
    from scanner.client.network import Http, NetworkSource

    return Reader(NetworkSource(Http(url, token, timeout), chain, incomplete=incomplete))


def open_site(place: str | Path, timeout: float = 10.0) -> Reader:
    """Read a published report: its address, or the folder that `bandscan report --out` wrote.

    A site answers without filters; `positions` gives the nearest ones only.
    """
    from scanner.client.site import SiteSource

    return Reader(SiteSource(str(place), timeout))
