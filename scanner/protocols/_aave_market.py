"""An Aave v3 pool at one block, as columns: read by `_aave_reading`, computed with by the rest."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core.integers import Integers
from scanner.errors import Problem

from ._aave_rules import BASE_UNIT, LATEST_REVISION, Rules
from ._drivers import Following

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reserves:
    """The pool's reserves as columns; arrays have one entry per reserve.

    Attributes
    ----------
    number : int64 array
        The reserve's id: its place in the users' bitmaps.
    address, symbol, source : lists
        Underlying token, its symbol (for show only) and its price source in the oracle.
    unit : int64 array
        10**decimals.
    price : int64 array, or Python integers in an object array
        Oracle price in USD * 1e8 (Aave v2: in wei of ether); 0 where the oracle gave none.
    threshold, bonus, fee, category : int64 arrays
        Liquidation threshold, bonus and protocol fee [basis points], legacy e-mode category.
    barred : uint8 array
        Why the reserve cannot be a side of a liquidation call (`core.callability`): inactive,
        paused or in a grace period; 0 where it can.
    income, debt_index : lists of int
        Normalized income and variable debt, accrued to the block's timestamp. [ray]
    collateral_token, debt_token, stable_token : lists of bytes
        aToken, variable and stable debt token (20 bytes; zero where there is none).
    """

    number: I64
    address: list[bytes]
    symbol: list[str]
    source: list[bytes]
    unit: I64
    price: Integers
    threshold: I64
    bonus: I64
    fee: I64
    category: I64
    barred: U8
    income: list[int]
    debt_index: list[int]
    collateral_token: list[bytes]
    debt_token: list[bytes]
    stable_token: list[bytes]
    debt_total: list[int]
    stable_total: list[int]

    def __len__(self) -> int:
        return len(self.address)


@dataclass(frozen=True)
class EModes:
    """E-modes in use. Row k of `collateral` says which reserves (by index) e-mode `number[k]`
    counts with `threshold[k]` and `bonus[k]` [basis points]."""

    number: I64
    threshold: I64
    bonus: I64
    collateral: Bool


@dataclass(frozen=True)
class AaveMarket:
    """One pool at one block.

    `watched` says that a price oracle sentinel keeps liquidations of positions with a health factor
    of 0.95 or more from being made (v3.0 to v3.6).
    """

    protocol: str
    name: str
    chain_id: int
    pool: bytes
    revision: int
    rules: Rules
    oracle: bytes
    timestamp: int
    reserves: Reserves
    emodes: EModes
    following: tuple[Following, ...]
    problems: tuple[Problem, ...]
    newest: int = LATEST_REVISION
    dollar: float = BASE_UNIT  # a dollar in the oracle's unit
    watched: bool = False

    @property
    def known_revision(self) -> bool:
        """False for a revision newer than the newest whose rules are here."""
        return 1 <= self.revision <= self.newest
