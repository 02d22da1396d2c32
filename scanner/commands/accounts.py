"""`bandscan accounts`: who is known to have borrowed, and that as a list for others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanner import arguments, options
from scanner.commands.answering import tell_several

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen


@click.command(short_help="Who is known to have borrowed; as a list for `scan --accounts`.")
@options.listing
def accounts(chain: str | int | None, store: Path, export: Path | None, **given: Any) -> int:
    """How many accounts of each market the store knows, and through which block.

    With --export they are written as a list. `bandscan scan --accounts FILE` begins with such a
    list instead of years of logs, and the protocol's own totals prove it complete or not.
    """
    arguments.different(json=given["json_to"], export=export)
    from scanner import borrowers
    from scanner.deployments import chain_info
    from scanner.store.ledger import Ledger

    number = None if chain is None else chain_info(chain).chain_id
    with Ledger.open(store, write=False) as ledger:
        found = list(borrowers.stored(ledger, number))
    rows = [
        {
            "chain_id": chain_id,
            "chain": chain_info(chain_id).name,
            "protocol": protocol,
            "market": market,
            "accounts": len(keys),
            "through": through,
        }
        for chain_id, protocol, market, keys, through in found
    ]
    if export is not None:
        columns: dict[str, list[Any]] = {name: [] for name in borrowers.COLUMNS}
        for chain_id, protocol, market, keys, through in found:
            for name, value in (
                ("chain_id", chain_id),
                ("protocol", protocol),
                ("market", market),
                ("through", through),
            ):
                columns[name] += [value] * len(keys)
            columns["account"] += ["0x" + bytes(key).hex() for key in keys]
        borrowers.write(export, columns)

    def show(screen: "Screen") -> None:
        from scanner.outputs import coverage

        coverage.show_accounts(screen, rows)
        if export is not None:
            screen.print(f"written to {export}", soft_wrap=True)

    return tell_several(given, show, {"schema": "bandscan/1", "accounts": rows}, complete=True)
