"""Which markets to scan: the shipped rows, and those of the user's deployments file."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import UsageError
from . import _toml, pools
from .drivers import NONE, driver_tables, usd_feeds

FOLDER = Path(__file__).parent
NOT_MARKETS = {"chains.toml", "feeds.toml", "pools.toml", "stablecoins.toml", "tokens.toml"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_DRIVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")
_NAME_FORM = "1 to 80 letters, digits, dots, dashes or underscores"
_DRIVER_FORM = 'a driver such as "ETH", or "none" for a token that follows none'


@dataclass(frozen=True)
class Fields:
    """The address fields of a protocol's rows: those that must be there, those that may."""

    needed: Sequence[str]
    optional: Sequence[str] = ()


@dataclass(frozen=True)
class Market:
    """One market of one protocol on one chain.

    `addresses` holds the contracts that the protocol names (`{"pool": …}` for Aave v3), 20 raw
    bytes each. `drivers` are the file's own answers to "which driver does this token follow?"
    by token address; None means that it follows none. `feeds` are dollar price feeds by driver:
    the row's own, over the chain's (feeds.toml). `origin` says where a shipped row's addresses
    come from. `first_block` is None where nobody wrote
    it down: it is then found on chain, never guessed.
    """

    protocol: str
    name: str
    chain_id: int
    first_block: int | None
    addresses: dict[str, bytes]
    drivers: dict[bytes, str | None] = field(default_factory=dict)
    source: Literal["shipped", "file"] = "shipped"
    feeds: dict[str, bytes] = field(default_factory=dict)
    origin: str = ""

    @property
    def key(self) -> tuple[str, int, str]:
        """What makes a row the same market as another."""
        return self.protocol, self.chain_id, self.name


def markets(
    chain_id: int | None,
    protocols: Sequence[str] | None,
    file: Path | None,
    needs: Mapping[str, Fields],
) -> list[Market]:
    """The markets of one chain (None: of all), sorted by protocol, chain and name.

    Parameters
    ----------
    protocols
        Only these; None for all.
    file
        A deployments file: its rows add markets, and replace shipped ones of equal protocol,
        chain and name. All its rows are checked, those of other chains too.
    needs
        The address fields of each protocol that can be scanned,
        `{"aave_v3": Fields(["pool"])}`. A shipped row of another protocol is passed over.

    Raises UsageError for an unknown protocol and for anything wrong in `file`.
    """
    for word in protocols or ():
        if word not in needs:
            raise _unknown_protocol(word, needs, {})
    found = {row.key: row for row in _shipped(needs)}
    if file is not None:
        rows = _from_file(file, needs)
        found.update((row.key, row) for row in rows)
        _refuse_twins(found.values(), needs, {"file": _toml.clean(file, 300)})
    return [
        found[key]
        for key in sorted(found)
        if chain_id in (None, found[key].chain_id) and (protocols is None or key[0] in protocols)
    ]


def _shipped(needs: Mapping[str, Fields]) -> Iterator[Market]:
    for path in sorted(FOLDER.glob("*.toml")):
        if path.name not in NOT_MARKETS:
            content = _toml.read(path)
            for row in content["market"]:
                if row["protocol"] in needs:
                    market = _market(row, needs, {"file": path.name}, "shipped")
                    yield replace(market, origin=content.get("sources", {}).get("addresses", ""))


def _from_file(path: Path, needs: Mapping[str, Fields]) -> list[Market]:
    """Every row of the user's file, checked."""
    content = _toml.read(path)
    where = {"file": _toml.clean(path, 300)}
    _toml.known_fields(content, ["market", "pool"], where)
    if pools.of_file(content, where) and "market" not in content:
        return []  # pools beside the shipped markets
    rows = _toml.required(content, "market", "one [[market]] or more", where)
    if not isinstance(rows, list) or not rows:
        raise _toml.refuse(rows, "market", "one [[market]] or more, in double brackets", where)
    seen: dict[tuple[str, int, str], int] = {}
    found = []
    for number, row in enumerate(rows, start=1):
        place = {**where, "market": _label(row, number)}
        market = _market(row, needs, place, "file")
        if market.key in seen:
            raise UsageError(
                f"This market is the same as row {seen[market.key]}: "
                "protocol, chain_id and name are equal.",
                fix="give one of them another name, or take it out",
                **place,
            )
        seen[market.key] = number
        found.append(market)
    return found


def _label(row: object, number: int) -> str:
    """How a message names a row: by what it says of itself, and by its place in the file."""
    words = [row.get(name) for name in ("protocol", "name")] if isinstance(row, dict) else []
    said = " ".join(_toml.clean(word) for word in words if isinstance(word, str) and word)
    return f"{said} (row {number})" if said else f"row {number}"


def _market(
    row: object,
    needs: Mapping[str, Fields],
    where: dict[str, str],
    source: Literal["shipped", "file"],
) -> Market:
    if not isinstance(row, dict):
        raise _toml.refuse(row, "market", "a table: [[market]]", where)
    protocol = _toml.required(row, "protocol", f"one of {', '.join(sorted(needs))}", where)
    if not isinstance(protocol, str):
        raise _toml.refuse(protocol, "protocol", f"one of {', '.join(sorted(needs))}", where)
    if protocol not in needs:
        raise _unknown_protocol(protocol, needs, where)
    fields = needs[protocol]
    every = [*fields.needed, *fields.optional]
    known = ["protocol", "name", "chain_id", "first_block", *every, "drivers", "feeds"]
    _toml.known_fields(row, known, where)
    name = _toml.required(row, "name", _NAME_FORM, where)
    chain_id = _toml.required(row, "chain_id", "an integer, such as 1", where)
    first = row.get("first_block")
    return Market(
        protocol=protocol,
        name=_toml.matching(name, _NAME, "name", _NAME_FORM, where),
        chain_id=_toml.integer(chain_id, "chain_id", where, least=1),
        first_block=None if first is None else _toml.integer(first, "first_block", where, least=0),
        addresses={
            item: _toml.address(_toml.required(row, item, "an address", where), item, where)
            for item in every
            if item in row or item in fields.needed
        },
        drivers=_drivers(row.get("drivers", {}), where),
        source=source,
        feeds={**usd_feeds(chain_id), **_feeds(row.get("feeds", {}), where)},
    )


def _feeds(table: Any, where: dict[str, str]) -> dict[str, bytes]:
    form = 'a table: [market.feeds], a driver such as "ETH" and its dollar feed'
    if not isinstance(table, dict):
        raise _toml.refuse(table, "feeds", form, where)
    return {
        _driver(driver, f"feeds.{driver}", where): _toml.address(feed, f"feeds.{driver}", where)
        for driver, feed in table.items()
    }


def _driver(value: object, item: str, where: dict[str, str]) -> str:
    """A driver's name; "eth" beside ETH would be another one and leave ETH's bands."""
    driver = _toml.matching(value, _DRIVER, item, _DRIVER_FORM, where)
    spelled = {known.casefold(): known for known in (*driver_tables().drivers, NONE)}
    if spelled.get(driver.casefold(), driver) != driver:
        raise _toml.refuse(value, item, f'"{spelled[driver.casefold()]}"', where)
    return driver


def _drivers(table: Any, where: dict[str, str]) -> dict[bytes, str | None]:
    if not isinstance(table, dict):
        raise _toml.refuse(table, "drivers", f"a table: [market.drivers], {_DRIVER_FORM}", where)
    found: dict[bytes, str | None] = {}
    for token, value in table.items():
        raw = _toml.address(token, "drivers", where)
        item = f"drivers.{token}"
        driver = _toml.matching(value, _DRIVER, item, _DRIVER_FORM, where)
        if raw in found:
            raise UsageError(
                f"The token {token} has two drivers.", **where, field=item, expected="one"
            )
        driver = _driver(driver, item, where)
        found[raw] = None if driver == NONE else driver
    return found


def _refuse_twins(
    rows: Iterable[Market], needs: Mapping[str, Fields], where: dict[str, str]
) -> None:
    """Two names for the same main contract would count every position twice.

    The main one is the first that the protocol needs: positions are kept there, whatever else a
    row names or leaves out.
    """
    seen: dict[tuple[str, int, bytes], Market] = {}
    for row in rows:
        main = needs[row.protocol].needed[0]
        twin = seen.setdefault((row.protocol, row.chain_id, row.addresses[main]), row)
        if twin is not row:
            fields = main
            shipped = next((one.name for one in (twin, row) if one.source == "shipped"), None)
            raise UsageError(
                f'The markets "{twin.name}" and "{row.name}" have the same {fields}; '
                "every position would count twice.",
                fix=f'to replace the shipped market, call yours "{shipped}"'
                if shipped
                else "take one of them out",
                **where,
                market=f"{row.protocol} {row.name}",
            )


def _unknown_protocol(word: str, needs: Mapping[str, Fields], where: dict[str, str]) -> UsageError:
    hint = _toml.near(word, needs)
    return UsageError(
        f'Unknown protocol "{_toml.clean(word)}".',
        fix=f"did you mean {hint}?" if hint else "",
        **where,
        known=", ".join(sorted(needs)),
    )
