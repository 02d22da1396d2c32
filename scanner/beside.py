"""What stands beside each driver: how old its feed's answer is, and how far from a DEX pool.

Both are read at the scanned block, once the drivers are known. Neither enters any price: what
cannot be read is null, and a problem where somebody named it, never a reason to stop.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.deployments.pools import Pool
from scanner.errors import BandscanError, Problem
from scanner.outputs.words import symbol

_FEED, _POOL, _ERC20 = (abi.load(n) for n in ("round_feed", "uniswap_v3_pool", "erc20"))
_MOST_DECIMALS = 36
_FEE_UNIT = 10**6  # Uniswap counts fees in hundredths of a basis point
_ASKED = ("slot0", "token0", "token1", "fee", "liquidity")

Row = dict[str, Any]


def add(chain: Chain, document: Row, pools: Mapping[str, Pool]) -> None:
    """Give every driver of a document `feed_age_seconds` and `dex`, every market's feeds their age.

    feed_age_seconds : int or None
        The block's time less `updatedAt` of the feed's `latestRoundData`: seconds of the chain, not
        of a clock. None where the feed tells no time, or one that the block does not reach.
    dex : dict or None
        `pool`, `token`, `fee` (a fraction), `price_usd`: the pool's marginal price with its dollar
        coin counted as a dollar; `distance`: the driver's spot over it, less 1. None where no pool
        is listed, or it could not be read.
    """
    drivers: Sequence[Row] = document["drivers"]
    feeds = [*drivers, *(f for row in document["markets"] for f in row["driver_feeds"].values())]
    problems: list[Problem] = []
    ages = _ages(chain, sorted({row["feed"] for row in feeds if row["feed"]}), problems)
    for row in feeds:
        row["feed_age_seconds"] = ages.get(row["feed"] or "")
    # Where the axis is a ratio there is no price to hold against a pool's.
    listed = [pools[row["driver"]] for row in drivers if _listed(row, pools)]
    found = _dexes(chain, listed, problems)
    for row in drivers:
        row["dex"] = None
        price = found.get(row["driver"]) if _listed(row, pools) else None
        if price is not None:
            row["dex"] = {**price, "distance": round(row["spot_usd"] / price["price_usd"] - 1, 6)}
    document["problems"] += [
        {"kind": p.kind, "protocol": None, "market": None, "message": p.message, "fatal": False}
        for p in problems
    ]


def _listed(row: Mapping[str, Any], pools: Mapping[str, Pool]) -> bool:
    return row["spot_usd"] is not None and row["driver"] in pools


def _ages(chain: Chain, feeds: Sequence[str], problems: list[Problem]) -> dict[str, int]:
    """Seconds since each feed's last update, at the block; of those that tell it."""
    calls = [Call(feed, _FEED, "latestRoundData") for feed in feeds]
    try:
        answers = chain.read(calls)
    except BandscanError as error:
        problems.append(Problem("feed_age_unread", f"the age of feeds: {error.what}"))
        return {}
    now = chain.block.timestamp
    told = {f: int(a[3]) for f, a in zip(feeds, answers, strict=True) if not isinstance(a, Failed)}
    return {feed: now - at for feed, at in told.items() if 0 < at <= now}


def _dexes(chain: Chain, pools: Sequence[Pool], problems: list[Problem]) -> dict[str, Row]:
    """What each pool says, by driver; a problem for each that says nothing usable."""
    calls = [Call(one.pool, _POOL, getter) for one in pools for getter in _ASKED]
    calls += [Call(a, _ERC20, "decimals") for one in pools for a in (one.token, one.dollar)]
    try:
        answers = chain.read(calls)
    except BandscanError as error:
        problems.append(Problem("pool_unread", f"pools of drivers: {error.what}"))
        return {}
    size, found = len(_ASKED), {}
    decimals = answers[size * len(pools) :]
    for place, one in enumerate(pools):
        told = answers[size * place : size * (place + 1)]
        read = _dex(one, told, decimals[2 * place : 2 * place + 2])
        if isinstance(read, str):
            text = f"the pool of {symbol(one.driver)} (0x{one.pool.hex()}) {read}"
            problems.append(Problem("pool_unread", text))
        else:
            found[one.driver] = read
    return found


def _dex(one: Pool, told: Sequence[Any], decimals: Sequence[Any]) -> Row | str:
    """The pool's row without a distance; else what is wrong with it."""
    if any(isinstance(answer, Failed) for answer in told):
        return "does not answer like a pool of Uniswap v3"
    slot0, token0, token1, fee, liquidity = told
    order = [bytes.fromhex(address[2:]) for address in (token0, token1)]
    if order not in ([one.token, one.dollar], [one.dollar, one.token]):
        return "has other tokens than its row says"
    wrong = [d for d in decimals if isinstance(d, Failed) or d > _MOST_DECIMALS]
    if wrong:
        return "has a token that tells no decimals"
    root = slot0[0]
    if not root:
        return "has no price yet"
    if not liquidity:
        return "has no liquidity at its price"
    # sqrtPriceX96 is the root of token1 for one of token0, in units, times 2**96.
    price = Fraction(root * root, 2**192)
    price = price if order[0] == one.token else 1 / price
    price *= Fraction(10 ** decimals[0], 10 ** decimals[1])
    return {
        "pool": "0x" + one.pool.hex(),
        "token": "0x" + one.token.hex(),
        "fee": fee / _FEE_UNIT,
        "price_usd": float(price),
    }
