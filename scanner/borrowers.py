"""Lists of borrowers as files: who ever borrowed, so that nobody has to replay years of logs.

A list is CSV or Parquet with one row for an account of a market:

    account     0x and 40 hexadecimal digits; 104 where a position is one of an isolated market
    protocol, market, chain_id   (may be left out) where it borrowed; candidates everywhere else
    through     (may be left out) the block up to which the list is complete

A list is never believed. Accounts that do not borrow cost a read each and change nothing; whether
somebody is missing, the protocol's totals tell.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner.errors import UsageError
from scanner.outputs.files import whole
from scanner.store.ledger import Ledger

if TYPE_CHECKING:
    import pandas as pd

U8 = npt.NDArray[np.uint8]

COLUMNS = ("chain_id", "protocol", "market", "account", "through")
_ACCOUNT = re.compile(r"0x(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{104})")


@dataclass(frozen=True)
class Listed:
    """Keys of one market, uint8[n, width] sorted, and the block through which they are all."""

    accounts: U8
    through: int | None


class BorrowerList:
    """The rows of one file."""

    def __init__(self, frame: "pd.DataFrame") -> None:
        self._frame = frame

    def __len__(self) -> int:
        return len(self._frame)

    def of(self, chain_id: int, protocol: str, market: str, width: int) -> Listed | None:
        """The keys of `width` bytes for a market; None where the list has none."""
        frame = self._frame
        for column, wanted in (("chain_id", chain_id), ("protocol", protocol), ("market", market)):
            if column in frame:
                frame = frame[frame[column].isna() | (frame[column] == wanted)]
        frame = frame[frame["account"].str.len() == 2 + 2 * width]
        if frame.empty:
            return None
        joined = bytes.fromhex("".join(text[2:] for text in frame["account"]))
        rows = np.unique(np.frombuffer(joined, np.uint8).reshape(-1, width), axis=0)
        known = "through" in frame and not frame["through"].isna().any()
        return Listed(rows, int(frame["through"].min()) if known else None)


def read(path: Path) -> BorrowerList:
    """The list in a file.

    Raises
    ------
    UsageError
        Not CSV or Parquet, without accounts, or with something that is none.
    """
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError, ImportError, pd.errors.ParserError) as error:
        raise _bad(path, "it is no readable CSV or Parquet file", 0) from error
    if "account" not in frame:
        raise _bad(path, "it has no column `account`", 1)
    frame = frame[[column for column in COLUMNS if column in frame]].copy()
    if frame.empty:
        raise _bad(path, "it lists nobody", 1)
    text = frame["account"].astype("string")
    wrong = ~text.str.fullmatch(_ACCOUNT).fillna(value=False).to_numpy(bool)
    if wrong.any():
        line = int(np.flatnonzero(wrong)[0])
        raise _bad(path, "an account that is none", line + 2)
    frame["account"] = text.astype(object)
    for column in ("chain_id", "through"):
        if column not in frame:
            continue
        numbers = pd.to_numeric(frame[column], errors="coerce")
        said = frame[column].notna()
        wrong = (said & (numbers.isna() | (numbers < 0) | (numbers % 1 != 0))).to_numpy(bool)
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0])
            raise _bad(path, f"`{column}` is no number", line + 2)
        frame[column] = numbers
    return BorrowerList(frame)


def write(path: Path, rows: Mapping[str, Sequence[Any]]) -> None:
    """Write a list, whole or not at all, in the format of the suffix; StoreError where it fails."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    with whole(path) as stream:
        if path.suffix.lower() == ".parquet":
            frame.to_parquet(stream, index=False)
        else:
            frame.to_csv(stream, index=False, lineterminator="\n")


def stored(ledger: Ledger, chain_id: int | None) -> Iterator[tuple[int, str, str, U8, int | None]]:
    """(chain id, protocol, market, accounts, through) of each market in a ledger."""
    from scanner.protocols import adapters, key_width

    for number, chain, protocol, market in ledger.markets():
        if chain_id in (None, chain) and protocol in adapters():
            cursor = ledger.cursor(number)
            accounts = ledger.accounts(number, key_width(adapters()[protocol]))
            yield chain, protocol, market, accounts, cursor.block if cursor else None


def _bad(path: Path, why: str, line: int) -> UsageError:
    where: dict[str, object] = {"file": path}
    if line:
        where["line"] = line
    return UsageError(
        f"the list of accounts cannot be used: {why}",
        **where,
        fix="CSV or Parquet with a column `account`, as `bandscan accounts --export` writes it",
    )
