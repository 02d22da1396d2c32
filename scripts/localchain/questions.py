"""Questions to the real contracts about many accounts at once, through the Prober contract."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from localchain import abi

if TYPE_CHECKING:
    from localchain.chain import LocalChain

T = TypeVar("T")

ACCOUNT_DATA = (
    "totalCollateralBase",
    "totalDebtBase",
    "availableBorrowsBase",
    "currentLiquidationThreshold",
    "ltv",
    "healthFactor",
)
_CHUNK = 2_000  # accounts per eth_call


def accounts_data(chain: "LocalChain", users: Sequence[str]) -> list[dict[str, int]]:
    """getUserAccountData of each, by the names of its outputs."""
    rows: list[dict[str, int]] = []
    for part in _parts(users):
        words = _ask(chain, "accounts(address,address[])", chain.pool, part)
        rows += [
            dict(zip(ACCOUNT_DATA, words[at : at + 6], strict=True))
            for at in range(0, len(words), 6)
        ]
    return rows


def health_factors(
    chain: "LocalChain", users: Sequence[str], feed: str, prices: Sequence[int]
) -> list[int]:
    """Health factor of users[i] if the feed answered prices[i]."""
    if len(users) != len(prices):
        raise ValueError("one price for each user")
    if any(price <= 0 for price in prices):
        raise ValueError("the oracle refuses prices of zero and below")
    signature = "healthFactors(address,address,address[],int256[])"
    return [
        factor
        for some, answers in zip(_parts(users), _parts(prices), strict=True)
        for factor in _ask(chain, signature, chain.pool, feed, some, answers)
    ]


def configurations(chain: "LocalChain", users: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Bitmap and e-mode by user: bit 2i is debt in reserve i, bit 2i + 1 the collateral flag."""
    found: dict[str, tuple[int, int]] = {}
    for part in _parts(users):
        words = _ask(chain, "configurations(address,address[])", chain.pool, part)
        found |= dict(zip(part, zip(words[::2], words[1::2], strict=True), strict=True))
    return found


def holdings(chain: "LocalChain", users: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Units of aToken and of variable debt, by user and symbol, where there are any."""
    tokens = list(chain.tokens.values())
    n = len(tokens)
    asked = [t.atoken for t in tokens] + [t.vdebt for t in tokens]
    found = {}
    for part in _parts(users):
        words = _ask(chain, "balances(address[],address[])", asked, part)
        for i, user in enumerate(part):
            row = words[2 * n * i : 2 * n * (i + 1)]
            pairs = zip(tokens, row[:n], row[n:], strict=True)
            found[user] = {t.symbol: (a, d) for t, a, d in pairs if a or d}
    return found


def _ask(chain: "LocalChain", signature: str, *args: object) -> list[int]:
    """The elements of the one uint256[] that the prober answers with."""
    data = abi.encode_call(signature, *args)
    answer = chain.node.raw_call(chain.deployment.prober, data)
    return [int.from_bytes(answer[at : at + 32], "big") for at in range(64, len(answer), 32)]


def _parts(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[at : at + _CHUNK] for at in range(0, len(items), _CHUNK)]
