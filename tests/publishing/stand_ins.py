"""Stands in for `bandscan` and `gh` as commands: small scans on the sample, answers from a file.

`python -m publishing.stand_ins bandscan|gh ARGUMENTS...`; the variable STAND_IN says how the scan
goes, CALLS names the file that every call is written to, ANSWERS the one with GitHub's answers.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType


def further(store: Path) -> None:
    """The ledger is read to a higher block, and one more account is known."""
    import numpy as np

    from scanner.store.ledger import Cursor, Ledger

    with Ledger.open(store, write=True) as ledger:
        market = ledger.market(1, "aave_v3", "core", b"\x87" * 20)
        cursor = ledger.cursor(market)
        block = 1_000 + (cursor.block if cursor else 0)
        account = np.frombuffer(block.to_bytes(20, "big"), np.uint8).reshape(1, 20)
        blocks = np.array([block], np.int64)
        ledger.touch(market, account, blocks, Cursor(block, None), add=True)


def complete(store: Path) -> int:
    from cli import whales_sample

    further(store)
    whales_sample.store(store)
    return 0


def incomplete(store: Path) -> int:
    """Finished, but not all was found; of a block after that of the complete one."""
    from cli import whales_sample

    further(store)
    whales_sample.store(store, complete=False, block=whales_sample.BLOCK + 300)
    return 3


def stopped(store: Path) -> int:
    further(store)
    return 3


def stuck(store: Path) -> int:
    return 3


def refused(store: Path) -> int:
    print("No chain is called so.", file=sys.stderr)
    return 2


def no_endpoint(store: Path) -> int:
    print("::error::no endpoint of ours", file=sys.stderr)
    return 4


def broken(store: Path) -> int:
    """Ends with a code that no scan ends with."""
    return 1


def slow(store: Path) -> int:
    """Goes on until it is told to stop, and stops well."""
    time.sleep(300)
    return 0


def stubborn(store: Path) -> int:
    """Goes on whatever it is told."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return slow(store)


SCANS: dict[str, Callable[[Path], int]] = {
    each.__name__: each
    for each in (
        *(complete, incomplete, stopped, stuck, refused, no_endpoint),
        *(broken, slow, stubborn),
    )
}


def store_in(arguments: list[str]) -> Path:
    named = "--store" in arguments
    return Path(
        arguments[arguments.index("--store") + 1] if named else os.environ["BANDSCAN_STORE"]
    )


def listen(store: Path) -> None:
    """Stop as the real scan does: what was found is kept, exit code 3."""

    def stop(number: int, frame: FrameType | None) -> None:
        further(store)
        os._exit(3)

    signal.signal(signal.SIGTERM, stop)


def bandscan(arguments: list[str]) -> int:
    if arguments[0] == "scan":
        store = store_in(arguments)
        store.mkdir(exist_ok=True)
        return SCANS[os.environ["STAND_IN"]](store)
    if arguments[0] in ("verify", "liquidations"):
        return int(os.environ.get("BESIDE", "0"))
    if os.environ["STAND_IN"] == "no_site":
        return 2
    site = Path(arguments[arguments.index("--out") + 1])
    site.mkdir()
    (site / "index.html").write_text("a page")
    return 0


def gh(arguments: list[str]) -> int:
    answers = json.loads(Path(os.environ["ANSWERS"]).read_text())
    if arguments[0] == "api":
        what = next(name for name in ("caches", "artifacts") if name in arguments[1])
        if what not in answers:
            print("HTTP 503", file=sys.stderr)
            return 1
        print(json.dumps(answers[what]))
        return 0
    folder = Path(arguments[arguments.index("--dir") + 1])
    if answers.get("broken"):
        folder.mkdir()
        (folder / "ledger.sqlite").write_text("half of it")
        return 1
    shutil.copytree(answers["copy"], folder)
    return 0


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    if name == "bandscan":
        listen(store_in(rest))
    with Path(os.environ["CALLS"]).open("a") as calls:
        calls.write(json.dumps([name, *rest]) + "\n")
    sys.exit({"bandscan": bandscan, "gh": gh}[name](rest))
