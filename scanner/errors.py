"""What can go wrong, as the user meets it.

    BandscanError            printed by the CLI as it stands, never with a traceback
    ├── UsageError           bad input; nothing stored is touched (exit 2)
    │   └── MarketError      a market that is not what its row says
    ├── StoreError           the store is newer, damaged or busy (exit 2), or not writable (exit 3)
    │   ├── NotRead          nothing of the kind was ever read into the store
    │   └── ScanGone         a stored scan was removed by retention while it was read
    ├── ReadError            reading stopped half way; what was found is kept (exit 3)
    │   ├── StateGone        no endpoint has the state of the pinned block any more
    │   ├── OverridesRefused no endpoint takes the state overrides that a trial needs
    │   └── Reorganised      the pinned block left the chain while it was read
    └── EndpointError        no endpoint usable before anything was read (exit 4)

A thing that was skipped while the rest went on is no exception but a `Problem`:
data, collected, counted and shown with the result.
"""

from dataclasses import dataclass


class BandscanError(Exception):
    """What failed, where, and what to do about it.

    Parameters
    ----------
    what : str
        One sentence.
    fix : str
        What the user can do; may be empty.
    where : str
        Labelled context lines ("chain", "file", ...). Never an RPC URL.
    """

    exit_code = 3

    def __init__(self, what: str, *, fix: str = "", **where: object) -> None:
        self.what = what
        self.fix = fix
        rows = {**where, "fix": fix} if fix else where
        width = max((len(name) for name in rows), default=0)
        super().__init__("\n".join([what, *(f"  {k:<{width}}  {v}" for k, v in rows.items())]))


class UsageError(BandscanError):
    """An option, a file or a block that cannot be meant; nothing stored was touched."""

    exit_code = 2


class MarketError(UsageError):
    """A market that cannot be read as what its deployments row says it is.

    In the user's own file that is bad input. A shipped market is left out and named, and the scan
    is incomplete: the others must not fall with it.
    """


class StoreError(BandscanError):
    """The store cannot be read (exit 2) or written (`exit_code=3`)."""

    exit_code = 2

    def __init__(self, what: str, *, exit_code: int = 2, fix: str = "", **where: object) -> None:
        super().__init__(what, fix=fix, **where)
        self.exit_code = exit_code


class NotRead(StoreError):
    """What is asked about was never read: there is no answer, which is not an answer of none."""


class ScanGone(StoreError):
    """A stored scan that retention removed after it was listed: look again for the newest."""


class ReadError(BandscanError):
    """The chain stopped answering half way; everything found so far is kept."""

    exit_code = 3


class StateGone(ReadError):
    """No endpoint keeps the state of the pinned block any more: it has grown too old."""


class OverridesRefused(ReadError):
    """No endpoint takes state overrides: the protocols cannot be asked about other prices."""


class Reorganised(ReadError):
    """The pinned block is no longer the chain's: what was read of it is thrown away."""


class EndpointError(BandscanError):
    """No endpoint could be used before anything was read."""

    exit_code = 4


@dataclass(frozen=True)
class Problem:
    """A thing the scan had to skip, and why.

    `kind` is a stable word for programs (`oracle_reverted`), `message` is for people. A fatal
    problem makes the scan incomplete (exit code 3).
    """

    kind: str
    message: str
    protocol: str | None = None
    market: str | None = None
    fatal: bool = False
