"""The liquidity beside the debt: how much of a chain's large dollar tokens there is at the block.

Every token counts a dollar each, its face value: the same on every scan, whatever it trades at.
What backs another token is not taken off (dollars behind DAI or USDe), nor what an issuer or a
bridge holds back; deposits and savings receipts are no tokens of this list.
"""

from collections.abc import Sequence
from typing import Any

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.core.positions import Holdings
from scanner.core.rounding import cents, decimal
from scanner.deployments import issued_symbols, stablecoins
from scanner.errors import Problem, ReadError
from scanner.protocols._text import clean_symbol

_ERC20 = abi.load("erc20")
_ASKED = ("totalSupply", "decimals", "symbol")
_MOST_DECIMALS = 38  # more is no count of anything


def read(chain: Chain, holdings: Sequence[Holdings]) -> tuple[dict[str, Any], list[Problem]]:
    """The supply of the chain's dollar tokens at the pinned block, and what could not be read.

    Of a chain that has no list of them (stablecoins.toml) those of the scan's own markets count
    that follow no driver and are called like one that is issued.

    Returns
    -------
    dict
        `stablecoin_supply_usd` (null unless every token's supply is known), `source` ("shipped",
        "markets"; null where there is no token), `tokens`: address, symbol, decimals,
        supply_raw (string), supply (whole tokens, string); null what could not be read.
    list of Problem
        `supply_unreadable`, one per token; never fatal.
    """
    shipped = stablecoins(chain.chain_id)
    addresses = shipped or _of_markets(holdings)
    source = "shipped" if shipped else "markets" if addresses else None
    if not addresses:
        return {"stablecoin_supply_usd": None, "source": None, "tokens": []}, []
    calls = [Call(address, _ERC20, name) for address in addresses for name in _ASKED]
    try:
        answers = chain.read(calls)
    except ReadError as error:  # a scan is not lost for want of a figure beside it
        answers = [Failed(error.what)] * len(calls)
    rows, problems = [], []
    for place, address in enumerate(addresses):
        row, why = _token(address, *answers[place * len(_ASKED) :][: len(_ASKED)])
        rows.append(row)
        if why:
            text = f"the supply of {row['symbol']} ({row['address']}) cannot be read: {why}"
            problems.append(Problem("supply_unreadable", text))
    total = None if problems else cents(sum(float(row["supply"]) for row in rows))
    return {"stablecoin_supply_usd": total, "source": source, "tokens": rows}, problems


def _of_markets(holdings: Sequence[Holdings]) -> tuple[bytes, ...]:
    """The dollar tokens of the scan's own markets, each once, by address.

    What is only booked at par in a protocol's own contract (Maker's debts, in its vat) is no token.
    """
    names = issued_symbols()
    found = {
        token.address
        for one in holdings
        for token in one.tokens
        if token.driver is None and token.symbol in names and token.driver_source != "par"
    }
    return tuple(sorted(found))


def _token(address: bytes, supply: Any, decimals: Any, symbol: Any) -> tuple[dict[str, Any], str]:
    """A token's row, and why its supply is not known; "" where it is."""
    row: dict[str, Any] = {
        "address": "0x" + address.hex(),
        "symbol": clean_symbol(symbol, address),
        "decimals": None,
        "supply_raw": None,
        "supply": None,
    }
    for answer in (supply, decimals):
        if isinstance(answer, Failed):
            return row, answer.reason
    if decimals > _MOST_DECIMALS:
        return row, f"{decimals} decimals"
    row |= {
        "decimals": decimals,
        "supply_raw": str(supply),
        "supply": decimal(supply, 10**decimals),
    }
    return row, ""
