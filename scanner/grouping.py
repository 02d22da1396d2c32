"""`--group FILE`: which accounts belong to one owner, by somebody who knows.

A text file, a line per account, the group's name behind a comma; blank lines and lines that start
with # are skipped, a first line `account,group` as well:

    # the desk of Example Capital
    0x6d1c0e7f9f6dd1f0cbad4a3a3f4a6a3f3a1b2c3d,Example Capital
    0x87870bca3f3fd6335c3f4ce8392d69350b4fa4e2,Example Capital
"""

import csv
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.errors import UsageError
from scanner.outputs.words import one_line
from scanner.reading import Stored
from scanner.regrouping import bands_again

if TYPE_CHECKING:
    import pandas as pd

_ACCOUNT = re.compile(r"0x[0-9a-fA-F]{40}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LARGEST = 64 * 2**20  # bytes
_LONGEST = 100  # characters of a name


@dataclass(frozen=True)
class Groups:
    """The groups of one file: `of` has the name by account (lower case), `digest` is the file's
    SHA-256."""

    of: Mapping[str, str]
    digest: str

    @cached_property
    def names(self) -> list[str]:
        """Every group, by name."""
        return sorted(set(self.of.values()))


@dataclass(frozen=True)
class Grouped(Stored):
    """A stored scan in which the owner of a listed account (or of an account that a listed one
    owns) is its group's name, and bands are found anew so."""

    groups: Groups

    @cached_property
    def positions(self) -> "pd.DataFrame":
        """The positions table; `owner` is the group's name where there is one."""
        frame = self.snapshot.positions()
        of = self.groups.of
        name = frame["account"].map(of).fillna(frame["owner"].map(of))
        frame["owner"] = name.fillna(frame["owner"])
        return frame

    @property
    def grouping(self) -> dict[str, Any]:
        """What an answer says of the file; its path is nobody's business."""
        there = set(self.snapshot.positions()["account"]) if self.groups.of else set()
        return {
            "sha256": self.groups.digest,
            "groups": len(self.groups.names),
            "accounts": len(self.groups.of),
            "found": len(there & self.groups.of.keys()),
        }

    def groups_named(self) -> list[str]:
        """The names that the file gives."""
        return self.groups.names

    def alias(self, address: str) -> str:
        """The group that an address is in, else itself."""
        return self.groups.of.get(address, address)


def read(path: Path) -> Groups:
    """The groups in a file.

    Raises
    ------
    UsageError
        With the line: no account, a wrong checksum, no name, or an account in two groups.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise _bad(path, "it is larger than any that can be meant", 0)
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise _bad(path, error.strerror or "it cannot be read", 0) from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _bad(path, "it is no UTF-8", line) from error
    of: dict[str, str] = {}
    first: dict[str, int] = {}
    for line, row in enumerate(text.split("\n"), 1):
        if not row.strip() or row.lstrip().startswith("#"):
            continue
        try:
            [fields] = csv.reader([row], skipinitialspace=True, strict=True)
        except (csv.Error, ValueError) as error:
            raise _bad(path, "the line cannot be read", line) from error
        if len(fields) != 2:
            raise _bad(path, "a line is account,group", line)
        account, name = (field.strip() for field in fields)
        if not of and (account.lower(), name.lower()) == ("account", "group"):
            continue
        account = _account(path, account, line)
        _named(path, name, line)
        if of.setdefault(account, name) != name:
            told = f"{account} is in two groups (see line {first[account]})"
            raise _bad(path, told, line)
        first.setdefault(account, line)
    if not of:
        raise _bad(path, "it lists nobody", 0)
    return Groups(of, hashlib.sha256(content).hexdigest())


def applied(stored: Stored, groups: Groups) -> Grouped:
    """The scan with the groups as owners: bands found anew, borrowers counted anew."""
    made = Grouped(stored.snapshot, stored.document, stored.newer, groups)
    frame = made.positions
    counts = frame.groupby("driver")["owner"].nunique()
    document = {
        **stored.document,
        "drivers": [
            {**row, "borrowers": int(counts.get(row["driver"], 0))}
            for row in stored.document["drivers"]
        ],
        "bands": bands_again(made),
    }
    again = Grouped(stored.snapshot, document, stored.newer, groups)
    again.__dict__["positions"] = frame  # read and named once
    return again


def _account(path: Path, text: str, line: int) -> str:
    from scanner.deployments._toml import checksummed

    if not _ACCOUNT.fullmatch(text):
        raise _bad(path, f'"{one_line(text)[:60]}" is no account: 0x and 40 digits', line)
    digits = text[2:]
    mixed = digits not in (digits.lower(), digits.upper())
    if mixed and checksummed(bytes.fromhex(digits)) != text:
        raise _bad(path, f'the checksum of "{text}" is wrong', line)
    return text.lower()


def _named(path: Path, name: str, line: int) -> None:
    if not name:
        raise _bad(path, "the group has no name", line)
    if len(name) > _LONGEST or _CONTROL.search(name):
        raise _bad(path, f"a name has up to {_LONGEST} characters, none to steer a terminal", line)
    if name.lower().startswith("0x"):
        raise _bad(path, "a name may not look like an address", line)


def _bad(path: Path, why: str, line: int) -> UsageError:
    where: dict[str, object] = {"file": path}
    if line:
        where["line"] = line
    return UsageError(
        f"the file of groups cannot be used: {why}",
        **where,
        fix="a line per account: 0x…,name of its group; # begins a comment",
    )
