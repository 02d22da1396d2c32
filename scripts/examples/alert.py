#!/usr/bin/env python3
"""Tell when spot comes near a price at which much is liquidated.

    python scripts/examples/alert.py --api http://127.0.0.1:8080 --within 5 --over 100e6 --dry-run
    BANDSCAN_ALERT="ntfys://my-topic" python scripts/examples/alert.py --store ./store --every 60

Reads a server (--api; its token from BANDSCAN_TOKEN), a store on this machine (--store), or a
published report (--site). Sends through apprise, which knows a hundred services; its URLs hold
secrets, so they come from BANDSCAN_ALERT, several separated by blanks.

What was told is remembered and not told again until spot has moved away and come back. A scan that
is old (--stale) is told too: silence must not look like safety.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scanner.client import Reader, connect, open_site, open_store
from scanner.errors import BandscanError
from scanner.outputs.words import symbol

AWAY = 1.5  # times --within: so far spot must go before the same range is told again


@dataclass(frozen=True)
class Near:
    """A range near spot; its ticks say which one it is, from scan to scan."""

    driver: str
    side: str
    tick_low: int
    tick_high: int

    def same(self, other: "Near") -> bool:
        """Whether the two lie on one another."""
        return (
            (self.driver, self.side) == (other.driver, other.side)
            and self.tick_low <= other.tick_high
            and other.tick_low <= self.tick_high
        )


Found = list[tuple[Near, Mapping[str, Any], float]]  # range, its row, spot


def nearby(reader: Reader, wanted: Sequence[str], within: float, over: float) -> Found:
    """The ranges of at least `over` dollars whose near edge is at most `within` of spot away.

    `wanted`: drivers; all where it is empty. Drivers without a price in dollars are left out; where
    none is left, or one that is wanted is not there, silence would look like safety: an error.
    """
    found: Found = []
    names = {name.casefold() for name in wanted}
    rows = reader.drivers()["drivers"]
    there = [row["driver"] for row in rows if row["spot_usd"] is not None]
    if not there or names - {name.casefold() for name in there}:
        raise BandscanError(
            "The scan has no such driver with a price in dollars.",
            drivers=", ".join(map(symbol, there)) or "none",
        )
    for row in rows:
        name, spot = row["driver"], row["spot_usd"]
        if spot is None or (names and name.casefold() not in names):
            continue
        for band in reader.bands(name)["bands"]:
            if abs(band["distance"]) <= within and band["collateral_at_risk_usd"] >= over:
                place = Near(name, band["side"], band["tick_low"], band["tick_high"])
                found.append((place, band, spot))
    return found


def sentence(band: Mapping[str, Any], spot: float) -> str:
    """What to tell of one range."""
    verb = {"long": "falls", "short": "rises"}[band["side"]]
    edges = dict.fromkeys(f"${band[key]:,.2f}" for key in ("low_usd", "high_usd"))
    holders = "one account" if band["accounts"] == 1 else f"{band['accounts']:,} accounts"
    return (
        f"{band['driver']} at ${spot:,.2f} is {abs(band['distance']):.1%} from {'-'.join(edges)}:"
        f" if it {verb} there, ${band['collateral_at_risk_usd'] / 1e6:,.1f}M of {holders}"
        " can be liquidated."
    )


class Memory:
    """What was told, in a file, so that a restart does not tell it again."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._told: list[Near] = []
        self.stale = False  # whether it was told that the scan is old
        if file is not None and file.exists():
            try:
                kept = json.loads(file.read_text())
                self._told, self.stale = [Near(**row) for row in kept["told"]], kept["stale"]
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise BandscanError("The memory is damaged.", file=file, fix="remove it") from error

    def fresh(self, near: Near) -> bool:
        """Whether nothing was told of it yet."""
        return not any(near.same(one) for one in self._told)

    def keep(self, near: Sequence[Near], told: Sequence[Near]) -> None:
        """Remember `told`, follow what drifts, forget what is no longer among `near`."""
        kept = [one for one in near if not self.fresh(one)]
        self._told = list(dict.fromkeys([*kept, *told]))
        if self._file is not None:
            aside = self._file.with_name(f".{self._file.name}.part")
            state = {"told": [asdict(one) for one in self._told], "stale": self.stale}
            try:
                aside.write_text(json.dumps(state))
                os.replace(aside, self._file)
            except OSError as error:
                why = f"What was told cannot be remembered: {error.strerror}."
                raise BandscanError(why, file=self._file, fix="name another --memory") from error


def look(
    reader: Reader,
    memory: Memory,
    send: Callable[[str], None],
    wanted: Sequence[str],
    within: float,
    over: float,
    stale: float,
) -> int:
    """Look once, tell what is new; how many ranges that were. `stale`: hours."""
    around = nearby(reader, wanted, within * AWAY, over)
    hours = (time.time() - reader.drivers()["block"]["timestamp"]) / 3600
    told = []
    try:
        for near, band, spot in around:
            if abs(band["distance"]) <= within and memory.fresh(near):
                send(sentence(band, spot))
                told.append(near)
        if hours > stale and not memory.stale:
            send(f"The newest scan is {hours:,.0f} hours old: silence does not mean safety.")
        memory.stale = hours > stale
    finally:  # what was sent before a failure was sent
        memory.keep([near for near, _, _ in around], told)
    return len(told)


def sender(*, dry: bool, urls: str) -> Callable[[str], None]:
    """What sends a message; `dry`: prints it."""
    if dry:
        return lambda text: print(text, flush=True)
    try:
        import apprise
    except ImportError:
        sys.exit("alert: apprise is missing: pip install apprise, or try --dry-run")
    service = apprise.Apprise()
    if not urls.split() or not all(service.add(url) for url in urls.split()):
        sys.exit("alert: set BANDSCAN_ALERT to where apprise shall send, as in ntfys://my-topic")

    def send(text: str) -> None:
        if not service.notify(title="bandscan", body=text):
            raise BandscanError("The message could not be sent.", fix="it is tried again")

    return send


def reader_of(asked: argparse.Namespace) -> Reader:
    """The store, the server or the site."""
    if asked.api:
        return connect(asked.api, os.environ.get("BANDSCAN_TOKEN"), chain=asked.chain)
    return open_store(asked.store, asked.chain) if asked.store else open_site(asked.site)


def turns(every: float | None) -> Iterator[None]:
    """One turn, or one after the other for ever."""
    yield
    while every is not None:
        time.sleep(every)
        yield


def positive(text: str) -> float:
    """A number above 0: with nan or a negative one the bot would be silent for ever."""
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError
    return value


def main(words: Sequence[str] | None = None) -> int:
    """Exit code 0 where it could look, whatever it saw; 1 where it could not."""
    shape = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--api", metavar="URL", help="a server, as bandscan serve starts one")
    place.add_argument("--store", metavar="DIR", help="a store on this machine")
    place.add_argument("--site", metavar="URL|DIR", help="a published report")
    parser.add_argument("--chain", help="where there are several")
    parser.add_argument("--driver", action="append", default=[], help="only this one; may repeat")
    parser.add_argument(
        "--within", type=positive, default=5.0, metavar="PERCENT", help="of spot (5)"
    )
    parser.add_argument("--over", type=positive, default=10e6, metavar="DOLLARS", help="(10e6)")
    parser.add_argument(
        "--stale", type=positive, default=24, metavar="HOURS", help="an old scan (24)"
    )
    parser.add_argument("--every", type=positive, metavar="SECONDS", help="look again and again")
    parser.add_argument("--memory", type=Path, metavar="FILE", help="remember across restarts")
    parser.add_argument("--dry-run", action="store_true", help="print instead of sending")
    asked = parser.parse_args(words)
    send = sender(dry=asked.dry_run, urls=os.environ.get("BANDSCAN_ALERT", ""))
    try:
        reader, memory = reader_of(asked), Memory(asked.memory)
    except BandscanError as error:
        sys.exit(f"alert: {error}")
    code = 0
    for _ in turns(asked.every):
        try:
            percent, over = asked.within / 100, asked.over
            look(reader, memory, send, asked.driver, percent, over, asked.stale)
            code = 0
        except BandscanError as error:
            print(f"alert: {error}", file=sys.stderr, flush=True)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
