"""What ./scripts/demo does: a local chain with the February whales, scanned as it grows; a report.

Six accounts hold about 650,000 ETH against stablecoins, liquidated from $1,781.09 to $1,862.02,
in a crowd of 520 that holds twice as much, spot 2,350: positions in real Aave v3 contracts, with
borrowers of Morpho Blue and Maker beside them on one chain. Before the whales came the chain is
scanned twice, six hours apart, so that there is a history to show.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localchain import LocalChain, LocalChainError
from localchain.mixed import Mixed

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / ".demo"
WHALES = [1781.09, 1791.0, 1807.0, 1808.0, 1842.0, 1862.02]
PARTS = ("maker", "morpho")  # beside Aave v3: small packages, three shapes of protocol
OTHERS = 30  # borrowers of each other protocol
WHALE_ETH, CROWD, CROWD_ETH, SPOT = 650_000, 520, 1_300_000, 2350
STORE = ["--store", ".demo/store"]
MARKETS = ["--chain", "31337", "--deployments", ".demo/deployments.toml"]
SCAN = ["scan", *MARKETS, *STORE]


def main() -> int:
    """Build the chain, scan it as it grows, show bands, write the report, say what comes next."""
    with only_demo():
        tell("building a local chain: Aave v3.6, Morpho Blue and Maker from npm, real contracts")
        with LocalChain("origin", spot=SPOT) as chain:
            mixed = Mixed(chain, PARTS)
            for moment in story(mixed):
                tell(moment)
                (DEMO / "deployments.toml").write_text(mixed.deployments_toml())
                if not chain.whale_list and bandscan([*SCAN, "--quiet"], chain.url):
                    return 1
            tell(
                f"{len(chain.borrowers_ever)} accounts borrowed on Aave; {len(WHALES)} of them hold"
                f" {WHALE_ETH:,} ETH, the crowd {CROWD_ETH:,} ETH; {OTHERS} people on Morpho and"
                f" {OTHERS} on Maker"
            )
            code = show(chain.url)
        if code == 0:
            farewell()
        return code


def story(mixed: Mixed) -> Iterator[str]:
    """Special cases and random borrowers, six hours later the crowd, and last the whales.

    Yields at each moment that is worth a scan, saying what has happened.
    """
    chain = mixed.aave
    chain.specials()
    chain.populate(40)
    mixed.populate(OTHERS)
    mixed.set_feed("ETH / USD", 2_480 * 10**8)
    yield "a first scan: random borrowers and the special cases, ether at $2,480"
    chain.pass_time(6 * 3600)
    mixed.set_feed("ETH / USD", SPOT * 10**8)
    chain.crowd(CROWD, CROWD_ETH)
    yield f"a second scan, six hours later: a crowd of {CROWD}, ether at ${SPOT:,}"
    chain.pass_time(6 * 3600)
    chain.whales(WHALES, WHALE_ETH)
    yield "six hours later: the whales"


def show(url: str) -> int:
    """The scan as a user runs it, the bands from the store, the proof of its prices, the report."""
    for arguments in (
        [*SCAN, "--json", ".demo/scan.json"],
        ["bands", "ETH", *STORE],
        ["levels", "ETH", "--at", "1781", *STORE],
        ["verify", *MARKETS, *STORE],
        ["liquidations", "--since", "24h", *MARKETS, *STORE],
        ["report", "--out", ".demo/site", *STORE],
    ):
        shown = "$ bandscan " + " ".join(arguments)
        print(f"\n{shown}\n", flush=True)
        code = bandscan(arguments, url)
        if code:
            return code
    return 0


def bandscan(arguments: list[str], url: str) -> int:
    """Run the command of this checkout's virtual environment; its exit code."""
    command = Path(sys.executable).with_name("bandscan")
    environment = os.environ | {"BANDSCAN_RPC": url}
    return subprocess.run([command, *arguments], cwd=ROOT, env=environment, check=False).returncode


def farewell() -> None:
    """What is where now, and what to do next."""
    print(
        "\nThe report is .demo/site/index.html: open it in a browser, no server is needed.\n"
        "The store is in .demo/store, the whole result in .demo/scan.json. More of it:\n"
        "  .venv/bin/bandscan history ETH --store .demo/store\n"
        "  .venv/bin/bandscan positions ETH --store .demo/store\n"
        "  .venv/bin/bandscan serve --store .demo/store\n"
        "\nA real chain, over a public endpoint (or your own: --rpc URL):\n"
        "  .venv/bin/bandscan scan --chain ethereum\n"
        "  .venv/bin/bandscan bands ETH",
        flush=True,
    )


@contextmanager
def only_demo() -> Iterator[None]:
    """One demo at a time in a checkout; the store starts empty."""
    DEMO.mkdir(exist_ok=True)
    with (DEMO / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            tell("another demo is running in this checkout; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in ("store", "site"):
            shutil.rmtree(DEMO / folder, ignore_errors=True)
        (DEMO / "scan.json").unlink(missing_ok=True)
        yield


def tell(message: str) -> None:
    """One line of progress on stderr."""
    print(f"demo: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LocalChainError as error:
        tell(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        tell("stopped")
        sys.exit(130)
