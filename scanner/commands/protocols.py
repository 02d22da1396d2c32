"""`bandscan protocols`: which markets are covered, and where their addresses come from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanner import arguments, options
from scanner.commands.answering import tell_several

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen


@click.command(short_help="Which markets are covered, and where their addresses come from.")
@options.covering
def protocols(
    chain: str | None, protocol: tuple[str, ...], deployments: Path | None, **given: Any
) -> int:
    """Which markets a scan reads: protocol, chain, contract, first block, source of the address.

    Isolated markets inside one contract (Morpho Blue, Maker) are found on chain and not listed.
    """
    arguments.different(json=given["json_to"], deployments=deployments)
    from scanner.deployments import chain_info, markets
    from scanner.deployments._toml import checksummed
    from scanner.opening import needed

    fields = needed()
    number = None if chain is None else chain_info(chain).chain_id
    found = markets(number, tuple(dict.fromkeys(protocol)) or None, deployments, fields)
    rows = [
        {
            "protocol": row.protocol,
            "chain": chain_info(row.chain_id).name,
            "chain_id": row.chain_id,
            "market": row.name,
            "address": checksummed(row.addresses[fields[row.protocol].needed[0]]),
            "first_block": row.first_block,
            "source": row.origin if row.source == "shipped" else "your deployments file",
        }
        for row in found
    ]

    def show(screen: "Screen") -> None:
        from scanner.outputs import coverage

        coverage.show(screen, rows)

    return tell_several(given, show, {"schema": "bandscan/1", "protocols": rows}, complete=True)
