"""Which oracles move the Vat's spot of each ilk, and how, asked of the Spotter itself.

An ilk's oracle ("pip") keeps its value to itself; the Spotter reads it and writes the Vat's spot
(Spotter.poke, which anybody may call). So that is what is tried: the pip, or what stands below it,
answers otherwise, the Spotter pokes, the Vat is read. A security module (OSM) takes its value from
a median that says what it quotes (`wat`: "ETHUSD").
"""

from collections.abc import Mapping, Sequence

import numpy as np

from scanner.chain import abi
from scanner.chain.pinned import Call, Chain, Failed
from scanner.errors import Problem

from ._asking import raw
from ._feeds import explore
from ._maker_rules import WAD, poked
from ._probe import Prices, Seen, probed
from ._roots import Root, named_root, roots_of

_VAT, _SPOTTER, _PIP = (abi.load(f"maker_{name}") for name in ("vat", "spotter", "pip"))
_SPOT = 2  # words of Vat.ilks before spot
_CUR = 3  # storage slot of an oracle security module


def spots_follow(
    chain: Chain,
    addresses: tuple[bytes, bytes],
    ilks: Sequence[tuple[bytes, bytes, int, int, int]],
    feeds: Mapping[str, bytes],
    where: tuple[str, str],
    problems: list[Problem],
) -> list[list[Seen]]:
    """The roots that move each ilk's spot; empty lists where the probe was refused.

    Parameters
    ----------
    addresses
        Of Vat and Spotter.
    ilks
        Name (32 bytes), pip, its value [wad; 0 for none], par and mat [ray] of each.
    feeds
        Dollar feeds by driver.
    """
    vat, spotter = addresses
    if not ilks:
        return []
    names = np.frombuffer(b"".join(name for name, *_ in ilks), np.uint8).reshape(-1, 32)
    pokes = [Call(spotter, _SPOTTER, "poke", (name,)) for name, *_ in ilks]
    touched = chain.touched(pokes)
    graph = explore(chain, [], {*touched, *feeds.values()})
    values = {pip: value for _, pip, value, *_ in ilks}
    roots = [*_pips(chain, touched, values, feeds), *roots_of(graph, feeds)]
    asked = Prices(
        targets=_each(vat, len(ilks)),
        data=abi.pack(_VAT.selector("ilks"), names),
        present=[
            int(poked(value, par, mat).item()) if value else 0 for *_, value, par, mat in ilks
        ],
        prepare=(_each(spotter, len(ilks)), abi.pack(_SPOTTER.selector("poke"), names)),
        skip=_SPOT,
    )
    distinct = list({root.address: root for root in roots}.values())
    found = probed(chain, distinct, asked, where, problems)
    return [[] for _ in ilks] if found is None else found.seen


def _pips(
    chain: Chain, touched: set[bytes], values: Mapping[bytes, int], feeds: Mapping[str, bytes]
) -> list[Root]:
    """The ilks' oracles, and security modules below them, with what their medians quote."""
    others = sorted(touched - values.keys())
    hops = chain.read([Call(one, _PIP, "hop") for one in others])
    below = [one for one, hop in zip(others, hops, strict=True) if not isinstance(hop, Failed)]
    answers = {pip: value for pip, value in values.items() if value > 0 and any(pip)}
    for one in below:
        word = int.from_bytes(chain.storage_at(one, _CUR), "big")
        if word >> 128 == 1:
            answers[one] = word % 2**128
    every = sorted(answers)
    sources = chain.read([Call(one, _PIP, "src") for one in every])
    medians = [bytes(20) if isinstance(s, Failed) else raw(s) for s in sources]
    said = chain.read([Call(one, _PIP, "wat") for one in medians])
    return [
        named_root(one, answers[one], WAD, _pair(wat), feeds)
        for one, wat in zip(every, said, strict=True)
    ]


def _pair(wat: bytes | Failed) -> str:
    """ "ETH / USD" of a median's "ETHUSD"; "" for anything else."""
    if isinstance(wat, Failed):
        return ""
    text = bytes(wat).rstrip(b"\0").decode("ascii", "replace")
    return f"{text[:-3]} / USD" if text.endswith("USD") and text[:-3].isalnum() else ""


def _each(address: bytes, count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    return np.broadcast_to(np.frombuffer(address, np.uint8), (count, 20))
