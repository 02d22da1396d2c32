"""The options of the commands and their help; what their values look like is in arguments.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from scanner import arguments
from scanner.reading import SORTS

Command = Callable[..., Any]

EXAMPLES = """\b
Examples:
  bandscan scan --chain ethereum
  bandscan scan --rpc http://localhost:8545 --deployments mine.toml --json scan.json
  bandscan bands ETH
  bandscan ticks ETH --from 1700 --to 1900
  bandscan positions ETH --side long --sort at-risk --limit 50
  bandscan levels ETH --at 1781
  bandscan history ETH --days 7
  bandscan liquidations --chain ethereum --since 24h
  bandscan backtest ETH
  bandscan watch --chain ethereum
  bandscan doctor --rpc http://localhost:8545
  bandscan account 0x6d1c0e7f9f6dd1f0cbad4a3a3f4a6a3f3a1b2c3d

\b
Exit codes:
  0  complete
  2  usage; nothing stored was touched
  3  incomplete or stopped; everything found is kept, the next run goes on
  4  no endpoint usable
"""

SCAN_EXAMPLES = """\b
Examples:
  bandscan scan --chain ethereum
  bandscan scan --chain ethereum --verify all --positions ethereum.parquet
  bandscan scan --chain ethereum --block 24512345 --shock driver:ETH --json - > scan.json
  bandscan scan --rpc http://localhost:8545 --deployments mine.toml --store ./store

The first scan of a chain reads its history once; a later one reads only what changed.
"""

DOCTOR_EXAMPLES = """\b
Examples:
  bandscan doctor --rpc http://localhost:8545
  bandscan doctor --rpc https://one.example/key --rpc https://two.example/key --chain ethereum
  bandscan doctor --chain base --json
"""

VERIFY_EXAMPLES = """\b
Examples:
  bandscan verify --rpc http://localhost:8545
  bandscan verify ETH --band 1 --rpc http://localhost:8545
  bandscan verify --account 0x0000000000000000000000000000000000000001 --json
"""


def _default_store() -> Path:
    from scanner.store import default_directory

    return default_directory()


def _all(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order of the help text."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def chain(text: str) -> Callable[[Command], Command]:
    """Which chain is meant; `text` is its help."""
    return click.option("--chain", metavar="NAME|ID", callback=arguments.chain, help=text)


store = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    envvar="BANDSCAN_STORE",
    show_envvar=True,
    default=_default_store,
    show_default="the platform's user data directory",
    help="The directory that holds everything that lasts.",
)


def _json(text: str) -> Callable[[Command], Command]:
    return click.option(
        "--json",
        "json_to",
        type=arguments.Target(stdout=True),
        is_flag=False,
        flag_value="-",
        help=text,
    )


_markets = _all(
    click.option(
        "--protocol", metavar="NAME", multiple=True, help="Only this protocol; may be repeated."
    ),
    click.option(
        "--deployments",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="TOML with markets to add or replace: forks, testnets, local nodes.",
    ),
)

covering = _all(
    chain("Only the markets of this chain."),
    _markets,
    _json("JSON instead of a table, to a file, or to stdout where none is named."),
)

_rpc = click.option(
    "--rpc",
    metavar="URL",
    multiple=True,
    callback=arguments.endpoints,
    help="A JSON-RPC endpoint; several are tried in this order. Never stored, never shown."
    " The chain's public ones where none is given."
    "  [env var: BANDSCAN_RPC, several separated by blanks or commas]",
)

examining = _all(
    _rpc,
    chain("Which chain they should serve; the first one's where none is named."),
    _markets,
    click.option(
        "--patience",
        type=arguments.Positive("SECONDS"),
        default=60.0,
        show_default=True,
        help="How long to examine; what was not asked by then is unknown.",
    ),
    _json("JSON instead of a table, to a file, or to stdout where none is named."),
    click.option("--wide", is_flag=True, help="All columns, at any width."),
)

listing = _all(
    chain("Only the markets of this chain."),
    store,
    click.option(
        "--export",
        type=arguments.Target(".csv", ".parquet"),
        metavar="FILE.csv|FILE.parquet",
        help="Write the accounts as a list for `bandscan scan --accounts`.",
    ),
    _json("JSON instead of a table, to a file, or to stdout where none is named."),
)

realising = _all(
    click.option(
        "--since",
        type=arguments.Ago(),
        metavar=arguments.Ago.name,
        help="How far back from the newest block; 24h where nothing is said.",
    ),
    click.option("--from-block", "first", type=click.IntRange(min=0), metavar="N", help="From it."),
    click.option("--to-block", "last", type=click.IntRange(min=0), metavar="N", help="Up to it."),
    click.option(
        "--top",
        "limit",
        type=click.IntRange(min=1),
        metavar="N",
        help="List so many, the largest first; 20 in the terminal, all in JSON.",
    ),
    click.option("--offline", is_flag=True, help="Answer from what was read before."),
    chain("Which chain; needed only where the store holds several, or none."),
    _rpc,
    _markets,
    store,
    click.option(
        "--patience",
        type=arguments.Positive("SECONDS"),
        default=600.0,
        show_default=True,
        help="How long to wait without progress before stopping; what was read is kept.",
    ),
    _json("JSON instead of tables, to a file, or to stdout where none is named."),
    click.option("--wide", is_flag=True, help="All columns and full addresses, at any width."),
)

scanning = _all(
    chain("Which chain; the one of the endpoint where none is named."),
    _rpc,
    _markets,
    store,
    click.option(
        "--block",
        type=arguments.Block(),
        metavar=arguments.Block.name,
        default="latest",
        show_default=True,
        help="The block to scan; latest is the newest one that is safe to pin.",
    ),
    click.option(
        "--shock",
        type=arguments.Shock(),
        metavar=arguments.Shock.name,
        multiple=True,
        callback=arguments.shocks,
        help="Which prices move together; may be repeated. Every driver found where none is given.",
    ),
    click.option(
        "--verify",
        type=arguments.Verify(),
        metavar=arguments.Verify.name,
        default="100",
        show_default=True,
        help="How many accounts to compare with the protocol's own view.",
    ),
    _json("The whole document, to a file, or to stdout where none is named."),
    click.option(
        "--positions",
        "positions_to",
        type=arguments.Target(".parquet", ".csv"),
        metavar="FILE.parquet|FILE.csv",
        help="Every position, one row for each driver.",
    ),
    click.option(
        "--stats",
        "stats_to",
        type=arguments.Target(),
        help="Facts of this run (seconds, requests, bytes) as JSON.",
    ),
    click.option(
        "--accounts",
        "accounts_from",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE.csv|FILE.parquet",
        help="Begin with a list of borrowers instead of years of logs; the protocol's totals prove"
        " it complete, and only where they do not are logs searched.",
    ),
    click.option(
        "--anyway",
        is_flag=True,
        help="Begin even where the endpoint would need more than a day.",
    ),
    click.option(
        "--patience",
        type=arguments.Positive("SECONDS"),
        default=600.0,
        show_default=True,
        help="How long to wait without progress before stopping; what was read is kept.",
    ),
    click.option(
        "--keep",
        type=arguments.Keep(),
        metavar=arguments.Keep.name,
        default="30",
        show_default=True,
        help="How many days of history to keep, one scan for every 6 hours; besides, every scan of"
        " the last 2 days and one a day for ever. Positions are kept for 7 days.",
    ),
    click.option(
        "--quiet", is_flag=True, help="Print nothing but errors, and what --json asks for."
    ),
)

reading = _all(
    chain("Which chain; needed only where the store holds several."),
    store,
    _json("JSON instead of a table, to a file, or to stdout where none is named."),
    click.option("--wide", is_flag=True, help="All columns and full addresses, at any width."),
)

verifying = _all(
    click.option(
        "--account",
        type=arguments.Account(),
        metavar="ADDRESS",
        help="Only the prices of this account, or of what it owns.",
    ),
    click.option(
        "--band",
        type=click.IntRange(min=1),
        metavar="N",
        help="Only the members of the driver's band or wall of that number.",
    ),
    click.option("--all", "every", is_flag=True, help="Every price; the default."),
    chain("Which chain; needed only where the store holds several."),
    _rpc,
    click.option(
        "--deployments",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The file that the scan was given, where it was given one.",
    ),
    store,
    click.option(
        "--patience",
        type=arguments.Positive("SECONDS"),
        default=600.0,
        show_default=True,
        help="How long to wait without progress before stopping.",
    ),
    _json("JSON instead of a table, to a file, or to stdout where none is named."),
    click.option(
        "--stats",
        "stats_to",
        type=arguments.Target(),
        help="Facts of this run (requests, trials in each) as JSON.",
    ),
    click.option("--wide", is_flag=True, help="All columns and full addresses, at any width."),
)

side = click.option(
    "--side",
    type=click.Choice(["long", "short"]),
    help="Only what can be liquidated when the driver falls (long) or rises (short).",
)

prices = _all(
    click.option("--from", "low", type=arguments.Positive("PRICE"), help="From this price. [USD]"),
    click.option("--to", "high", type=arguments.Positive("PRICE"), help="Up to this price. [USD]"),
)

group = click.option(
    "--group",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Accounts of one owner, a line `account,group` each: they count as one account, and bands"
    " are found anew so.",
)

reach = _all(
    click.option("--driver", metavar="NAME", help="Only what this driver does to the account."),
    click.option(
        "--reach",
        type=arguments.Positive("PRICE"),
        help="What to repay, or to add, so that the liquidation price moves to this one. [USD]",
    ),
)

band = click.option(
    "--band",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the members of this band or wall, by its number in `bandscan bands`.",
)

order = _all(
    click.option(
        "--sort",
        type=click.Choice(list(SORTS)),
        default="distance",
        show_default=True,
        help="What comes first: nearest to spot, largest, least healthy ...",
    ),
    click.option(
        "--limit",
        "--top",
        "limit",
        type=click.IntRange(min=1),
        metavar="N",
        help="At most so many; 20 in the terminal and all of them in JSON where nothing is said.",
    ),
)
