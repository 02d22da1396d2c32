"""A scan in a process of its own that kills itself (SIGKILL) at a named place, once.

    python killed_scan.py RPC DEPLOYMENTS STORE PLACE

PLACE is "events" (some logs are noted, no account read), "accounts" (half of the accounts stored),
or "snapshot" (everything stored, the snapshot not yet written).
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from scanner import scan
from scanner.chain.pinned import Chain
from scanner.protocols import aave_v3
from scanner.store import ledger, snapshots


def die(*_: Any, **__: Any) -> None:
    """As the kernel would when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(calls: int, method: Any) -> Any:
    """The method, and death once it has done its work so many times."""
    done = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal done
        result = method(*args, **kwargs)
        done += 1
        if done == calls:
            die()
        return result

    return counted


def main() -> None:
    rpc, deployments, store, place = sys.argv[1:]
    aave_v3._CHUNK = 20  # several steps of accounts
    if place == "events":
        logs = Chain.logs

        def in_ranges(self: Chain, addresses: Any, topics: Any, first: int, **how: Any) -> Any:
            last = self.block.number
            middle = (first + last) // 2
            yield from logs(self, addresses, topics, first, middle, **how)
            yield from logs(self, addresses, topics, middle + 1, last, **how)

        Chain.logs = in_ranges  # type: ignore[method-assign]
        ledger.Ledger.touch = after(1, ledger.Ledger.touch)  # type: ignore[method-assign]
    elif place == "accounts":
        ledger.Ledger.save = after(2, ledger.Ledger.save)  # type: ignore[method-assign]
    else:
        snapshots.write = die  # type: ignore[assignment]
    scan.run(scan.Request(None, (rpc,), (), Path(deployments), Path(store), patience=30))


if __name__ == "__main__":
    main()
