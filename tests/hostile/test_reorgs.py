"""The chain goes another way while it is scanned: the document is that of the block it ends at."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from localchain.mixed import Mixed
from localchain.node import Node

from hostile import Ask, Fault, HostileProxy, Reply, fault
from hostile.branches import KINDS, Branches, striking
from hostile.chains import bytes_of, clean, small_chain
from hostile.scans import Ended, scan

FINAL = 32  # blocks behind the head, on anvil with 16 slots in an epoch
# Where the reorganisation strikes: method, which request of it, after which first, answered before.
MOMENTS: dict[str, dict[str, Any]] = {
    "opening": {"method": "eth_call", "nth": 3},
    "discovery": {"method": "eth_getLogs"},
    "discovered": {"method": "eth_getLogs", "late": True},
    "reading": {"method": "eth_call", "nth": 1, "after": "eth_getLogs"},
    "read": {"method": "eth_call", "nth": 1, "after": "eth_getLogs", "late": True},
    "translating": {"method": "eth_call", "nth": 4, "after": "eth_getLogs"},
    "the end": {"method": "eth_getBlockByNumber", "nth": 1, "after": "eth_getLogs"},
}


@pytest.fixture
def moving() -> Iterator[Mixed]:
    """A chain of its own: after a dozen reorganisations and reverts anvil loses old states."""
    with small_chain() as made:
        yield made


def block_of(ended: Ended) -> int:
    return int(json.loads(ended.document)["block"]["number"])


def settled(moving: Mixed, folder: Path, ended: Ended, branches: Branches, kind: str) -> None:
    """Exit 0, the clean document of the block, which is of the chain there is, and of it alone."""
    node = moving.ground.node
    assert ended.code == 0, ended.err
    found = json.loads(ended.document)
    at = found["block"]["number"]
    assert found["block"]["hash"] == node.rpc("eth_getBlockByNumber", hex(at), False)["hash"]
    assert ended.complete
    assert ended.document == clean(moving, at)
    again = scan(moving, folder, node.url)
    assert again.document == (ended.document if at == node.head() else clean(moving))
    said = again.document + b"".join(one.read_bytes() for one in newest(folder, again))
    assert not any(branches.owes(who) for who in branches.newcomers)
    assert branches.owes(branches.other) == (kind != "empty")
    assert branches.owes(branches.mover)
    assert not any(bytes.fromhex(who[2:]) in said for who in branches.newcomers)
    assert not any(who[2:].encode() in said.lower() for who in branches.newcomers)


def newest(folder: Path, ended: Ended) -> list[Path]:
    """The tables of the scan of a block."""
    [path] = [
        one.parent
        for one in (folder / "store" / "scans").rglob("scan.json")
        if one.read_bytes() == ended.document
    ]
    return sorted(path.glob("*.parquet"))


@pytest.mark.parametrize(
    ("kind", "depth", "known"),
    [
        ("replaced", 1, False),
        ("replaced", 5, False),
        ("empty", 1, True),
        ("replaced", 1, True),
        ("empty", 5, True),
        ("replaced", 5, True),
        ("longer", 5, True),
        ("shorter", 5, True),
    ],
)
@pytest.mark.parametrize("moment", MOMENTS)
def test_reorganised_while_it_is_scanned(
    moving: Mixed, tmp_path: Path, moment: str, kind: str, depth: int, known: bool
) -> None:
    """It goes on at the new block by itself; nobody of the lost branch is left, no old state.

    `known`: the store holds a scan of the block before the branches part.
    """
    url = moving.ground.node.url
    branches = Branches(moving, depth)
    if known:
        assert scan(moving, tmp_path, url).code == 0
    branches.lose()
    grow = moving.aave.mine if kind == "shorter" else lambda blocks: None
    strike = striking(lambda: branches.take_back(kind), later=lambda: grow(5), **MOMENTS[moment])
    with HostileProxy(url, [strike]) as proxy:
        ended = scan(moving, tmp_path, proxy.url)
        assert proxy.struck
    settled(moving, tmp_path, ended, branches, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [1, 5])
def test_reorganised_between_two_scans(
    moving: Mixed, tmp_path: Path, depth: int, kind: str
) -> None:
    """The store holds the lost branch, and a scan of it that was complete."""
    url = moving.ground.node.url
    branches = Branches(moving, depth)
    branches.lose()
    lost = scan(moving, tmp_path, url)
    assert lost.code == 0
    assert all(branches.owes(who) for who in branches.newcomers)
    branches.take_back(kind)
    ended = scan(moving, tmp_path, url)
    assert "the chain was reorganised; reading again from block" in ended.err
    settled(moving, tmp_path, ended, branches, kind)


def test_a_newer_reorganisation_while_it_heals_from_another(moving: Mixed, tmp_path: Path) -> None:
    """Three in one scan, one at each attempt to read."""
    url = moving.ground.node.url
    branches = Branches(moving, 5)
    branches.lose()
    left = [3]

    def again() -> None:
        if left[0]:
            left[0] -= 1
            moving.ground.node.rpc("anvil_reorg", 5, [])

    strikes = [striking(again, "eth_call", nth, after="eth_getLogs") for nth in (2, 7, 12)]
    with HostileProxy(url, strikes) as proxy:
        ended = scan(moving, tmp_path, proxy.url)
    assert not left[0]
    settled(moving, tmp_path, ended, branches, "empty")


@pytest.mark.parametrize("how", ["shorter", "longer", "reorganised"])
def test_deeper_than_finality_is_refused(moving: Mixed, tmp_path: Path, how: str) -> None:
    """Exit 3 by name, at once and again; no byte of the store changes."""
    chain, url = moving.aave, moving.ground.node.url
    chain.mine(FINAL)
    fork = chain.snapshot()
    height = chain.node.head()
    chain.account("lost").supply("WETH", 5)  # an empty block would be made again as it was
    chain.account("lost").borrow("USDC", 1_000)
    chain.mine(FINAL + 8)
    first = scan(moving, tmp_path, url)
    assert first.code == 0
    before = bytes_of(tmp_path / "store")
    if how == "reorganised":
        chain.rpc("anvil_reorg", chain.node.head() - height, [])
    else:
        chain.revert(fork)
        chain.set_price("WETH", 2_300 * 10**8)
        chain.mine(2 if how == "shorter" else 2 * FINAL)
    for _ in range(2):
        ended = scan(moving, tmp_path, url)
        assert ended.code == 3, ended.err
        assert "was final when this store was last written, and is another one now" in ended.err
        assert "its own --store; nothing in this one was changed" in " ".join(ended.err.split())
        assert "Traceback" not in ended.err
        assert not ended.document
        assert bytes_of(tmp_path / "store") == before
    fresh = tmp_path / "fresh"
    assert scan(moving, fresh, url).document == clean(moving)


def test_just_before_finality_is_no_reason_to_refuse(moving: Mixed, tmp_path: Path) -> None:
    """All blocks but the final one replaced: an ordinary reorganisation, however long."""
    chain, url = moving.aave, moving.ground.node.url
    chain.mine(2 * FINAL)
    branches = Branches(moving, 5)
    branches.lose()
    chain.mine(FINAL - 5)
    assert scan(moving, tmp_path, url).code == 0
    chain.rpc("anvil_reorg", FINAL, [])
    assert not branches.owes(branches.newcomers[0])
    ended = scan(moving, tmp_path, url)
    assert ended.code == 0, ended.err
    assert ended.document == clean(moving)


@pytest.mark.parametrize("variant", ["later", "jump"])
@pytest.mark.parametrize("known", [False, True], ids=["cold", "warm"])
def test_an_endpoint_that_changes_its_chain_among_two(
    moving: Mixed, tmp_path: Path, variant: str, known: bool
) -> None:
    """Also one that names a head far ahead from then on: the other one answers, nothing is lost."""
    url = moving.ground.node.url
    if known:
        assert scan(moving, tmp_path, url).code == 0
        moving.aave.act(3, seed=2)
    with HostileProxy(url, [fault("F46", variant, after=4)]) as proxy:
        for urls in ((proxy.url, url), (url, proxy.url)):
            ended = scan(moving, tmp_path, *urls)
            assert ended.code == 0, ended.err
            assert ended.document == clean(moving)


def test_an_endpoint_of_another_chain_among_two(moving: Mixed, tmp_path: Path) -> None:
    """A real other chain, first or second: told by name and passed over."""
    url = moving.ground.node.url
    other = Node(chain_id=56)
    try:
        other.mine(300)
        for urls in ((other.url, url), (url, other.url)):
            ended = scan(moving, tmp_path, *urls)
            assert ended.code == 0, ended.err
            assert ended.document == clean(moving)
        alone = scan(moving, tmp_path / "alone", other.url)
        assert (alone.code, "serves chain 56, not 31337" in alone.err) == (4, True)
        assert not (tmp_path / "alone" / "store").exists()
    finally:
        other.close()


@pytest.mark.parametrize("moment", ["discovery", "reading", "the end"])
@pytest.mark.parametrize("known", [False, True], ids=["cold", "warm"])
def test_an_address_that_leads_to_another_chain_in_the_midst(
    moving: Mixed, tmp_path: Path, moment: str, known: bool
) -> None:
    """Everything is answered by another chain from there on: refused by name, the rest is kept."""
    url = moving.ground.node.url
    if known:
        assert scan(moving, tmp_path, url).code == 0
        moving.aave.act(3, seed=2)
    other = Node(chain_id=56)
    try:
        other.mine(300)
        turned: list[bool] = []

        async def act(ask: Ask) -> Reply | None:
            if not turned:
                return None
            return ask.result(other.rpc(ask.method, *ask.params))

        switch = striking(lambda: turned.append(True), **MOMENTS[moment])
        elsewhere = Fault(id="elsewhere", variant="", act=act)
        with HostileProxy(url, [switch, elsewhere]) as proxy:
            ended = scan(moving, tmp_path, proxy.url, patience=5)
        assert turned
        assert ended.code == 3, ended.err
        assert "chain id" in ended.err or "serves chain 56, not 31337" in ended.err
        assert not ended.document
        assert "Traceback" not in ended.err
        resumed = scan(moving, tmp_path, url)
        assert resumed.code == 0, resumed.err
        assert resumed.document == clean(moving)
        turned.clear()
        switch = striking(lambda: turned.append(True), **MOMENTS[moment])
        with HostileProxy(url, [switch, elsewhere]) as proxy:
            moving.aave.act(3, seed=4)
            both = scan(moving, tmp_path, proxy.url, url)
        assert both.code == 0, both.err
        assert both.document == clean(moving)
    finally:
        other.close()
