"""Names and colours of protocols, explorers of chains, and file names for drivers."""

import re
from collections.abc import Iterable, Mapping

from scanner.outputs.words import one_line, symbol

# Display names; a protocol that is not here is shown by its own name.
_PROTOCOLS = {
    "aave_v3": "Aave v3",
    "aave_v2": "Aave v2",
    "spark": "Spark",
    "morpho_blue": "Morpho",
    "compound_v3": "Compound v3",
    "compound_v2": "Compound v2",
    "maker": "Maker",
    "venus": "Venus",
    "liquity": "Liquity",
    "curve_llamma": "Curve",
    "fluid": "Fluid",
    "euler_v2": "Euler v2",
}
# The colour (a number in the style sheet) that a protocol always has.
_COLOURS = {"aave_v3": 0, "spark": 1, "morpho_blue": 2, "compound_v3": 3, "maker": 4}
OTHER = "other"
SLOTS = 5

# Where an account can be looked up, by chain id.
EXPLORERS = {
    1: "https://etherscan.io",
    10: "https://optimistic.etherscan.io",
    56: "https://bscscan.com",
    100: "https://gnosisscan.io",
    137: "https://polygonscan.com",
    146: "https://sonicscan.org",
    324: "https://era.zksync.network",
    1088: "https://andromeda-explorer.metis.io",
    1868: "https://soneium.blockscout.com",
    5000: "https://mantlescan.xyz",
    8453: "https://basescan.org",
    42161: "https://arbiscan.io",
    42220: "https://celoscan.io",
    43114: "https://snowscan.xyz",
    57073: "https://explorer.inkonchain.com",
    59144: "https://lineascan.build",
    534352: "https://scrollscan.com",
}
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
# Folders of the site itself, and names that some file systems refuse.
_TAKEN = {
    "v1",
    "data",
    "index",
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10)),
}


def protocol(name: str) -> str:
    """
    >>> protocol("morpho_blue"), protocol("a new_one")
    ('Morpho', 'a new_one')
    """
    return _PROTOCOLS.get(name, symbol(name))


def slots(amounts: Mapping[str, float]) -> dict[str, int]:
    """The colour of each protocol, its own where it has one; the largest first.

    Above five protocols the four largest keep one and all others share the last, as "other".

    >>> slots({"aave_v3": 5.0, "fluid": 3.0}), slots({x: 1.0 for x in "abcdef"})["f"]
    ({'aave_v3': 0, 'fluid': 1}, 4)
    """
    ranked = sorted(amounts, key=lambda name: (-amounts[name], name))
    shown = ranked if len(ranked) <= SLOTS else ranked[: SLOTS - 1]
    free = list(range(SLOTS if len(ranked) <= SLOTS else SLOTS - 1))
    found = {}
    for name in shown:
        if _COLOURS.get(name) in free:
            found[name] = _COLOURS[name]
            free.remove(found[name])
    for name in shown:
        if name not in found:
            found[name] = free.pop(0)
    return {name: found.get(name, SLOTS - 1) for name in ranked}


def account_url(chain_id: int, account: str) -> str:
    """Where an account can be looked up; empty for a chain without a known explorer."""
    base = EXPLORERS.get(chain_id, "")
    return f"{base}/address/{account}" if base and _ADDRESS.fullmatch(account) else ""


def slugs(drivers: Iterable[str]) -> dict[str, str]:
    """A safe and distinct file name for each driver, whatever its token calls itself.

    >>> slugs(["ETH", "eth", "../etc", "v1", "ΞΞ"])
    {'ETH': 'eth', 'eth': 'eth-2', '../etc': 'etc', 'v1': 'v1-2', 'ΞΞ': 'driver'}
    """
    found: dict[str, str] = {}
    taken = set()
    for name in drivers:
        plain = re.sub(r"[^a-z0-9]+", "-", one_line(name).lower()).strip("-")[:32].strip("-")
        base = plain or "driver"
        slug, number = base, 2
        while slug in taken or slug in _TAKEN:
            slug, number = f"{base}-{number}", number + 1
        taken.add(slug)
        found[name] = slug
    return found
