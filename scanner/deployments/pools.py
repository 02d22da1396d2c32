"""Which DEX pools an oracle's distance is measured from: the shipped rows, and the user's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import UsageError
from . import _toml
from .drivers import NONE, driver_tables

FILE = Path(__file__).with_name("pools.toml")

_FIELDS = ("chain_id", "driver", "pool", "token", "dollar")
_DRIVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")
_DRIVER_FORM = 'a driver such as "ETH"'


@dataclass(frozen=True)
class Pool:
    """A pool of Uniswap v3 that prices a driver in dollars. Addresses are 20 raw bytes.

    `token` stands for the driver, `dollar` is a dollar coin; in which order the pool has them, it
    says itself.
    """

    chain_id: int
    driver: str
    pool: bytes
    token: bytes
    dollar: bytes


def pools(chain_id: int, file: Path | None) -> dict[str, Pool]:
    """The pools of a chain by driver; rows of the deployments file `file` come first.

    Raises UsageError for anything wrong in `file`.
    """
    rows = dict(_shipped())
    if file is not None:
        rows.update(of_file(_toml.read(file), {"file": _toml.clean(file, 300)}))
    return {driver: one for (chain, driver), one in rows.items() if chain == chain_id}


def of_file(content: Mapping[str, Any], where: dict[str, str]) -> dict[tuple[int, str], Pool]:
    """The [[pool]] rows of a deployments file, checked, by chain and driver."""
    rows = content.get("pool", [])
    if not isinstance(rows, list):
        raise _toml.refuse(rows, "pool", "[[pool]] rows, in double brackets", where)
    found: dict[tuple[int, str], Pool] = {}
    for number, row in enumerate(rows, start=1):
        place = {**where, "pool": f"row {number}"}
        one = _pool(row, place)
        if (one.chain_id, one.driver) in found:
            raise UsageError(
                f"Two pools are given for {one.driver} on chain {one.chain_id}.",
                fix="keep one of them",
                **place,
            )
        found[one.chain_id, one.driver] = one
    return found


def _pool(row: object, where: dict[str, str]) -> Pool:
    if not isinstance(row, dict):
        raise _toml.refuse(row, "pool", "a table: [[pool]]", where)
    _toml.known_fields(row, _FIELDS, where)
    chain_id = _toml.required(row, "chain_id", "an integer, such as 1", where)
    driver = _toml.required(row, "driver", _DRIVER_FORM, where)
    driver = _toml.matching(driver, _DRIVER, "driver", _DRIVER_FORM, where)
    # "eth" beside ETH would be another driver, and its distance never shown.
    spelled = {known.casefold(): known for known in driver_tables().drivers}
    if driver.casefold() == NONE or spelled.get(driver.casefold(), driver) != driver:
        wanted = spelled.get(driver.casefold())
        raise _toml.refuse(driver, "driver", f'"{wanted}"' if wanted else _DRIVER_FORM, where)
    pool, token, dollar = (
        _toml.address(_toml.required(row, name, "an address", where), name, where)
        for name in ("pool", "token", "dollar")
    )
    if token == dollar:
        raise UsageError("The pool's token and its dollar are the same address.", **where)
    chain_id = _toml.integer(chain_id, "chain_id", where, least=1)
    return Pool(chain_id, driver, pool, token, dollar)


@cache
def _shipped() -> dict[tuple[int, str], Pool]:
    return of_file(_toml.read(FILE), {"file": FILE.name})
