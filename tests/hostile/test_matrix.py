"""Each fault of the catalogue before the mixed chain: it heals, or it is named and nothing is lost.

What heals ends with exit 0 and the document of an undisturbed scan, byte by byte. What cannot, ends
with an exit code that has a name, and a store from which a good endpoint finishes to that document.
Nothing ever ends with exit 0 and another document.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from localchain.mixed import Mixed

from hostile import CATALOGUE, Ask, Fault, HostileProxy, Reply, fault, flip_flop, mentions, mixture
from hostile.catalogue import Variant
from hostile.scans import KEY, Ended, scan

ALL = [variant for variants in CATALOGUE.values() for variant in variants]
ONE = "aave_v3"
# What never heals by one endpoint, by id or by variant: exit code, and what is said of it.
ENDS = {
    "F08": (3, "no endpoint can answer logs of blocks"),
    "F14": (4, "no endpoint is usable"),
    "F22": (3, "the endpoints lack logs that there are"),
    "F25": (3, "the endpoints lack logs that there are"),
    "F26": (3, "the endpoints lack logs that there are"),
    "F27": (3, "the endpoints lack logs that there are"),
    "F28/which": (3, "the endpoints lack logs that there are"),
    "F28/rare": (3, "the endpoints lack logs that there are"),
    "F40/zero": (3, "a multicall answer for another number of calls"),
    "F40/empty": (3, "an empty multicall answer"),
    "F40/inner-zero": (2, "does not answer like"),
    "F40/inner-empty": (2, "does not answer like"),
    "F41/behind": (3, "another block than that of block"),
    "F46/start": (4, "serves chain 56, not 31337"),
    "F48": (4, "no endpoint is usable"),
    "F49": (4, "it redirects elsewhere, which is not followed"),
    "F50": (4, "no endpoint is usable"),
    "F51/block": (3, "another time than that of block"),
}
# What never acts on the one block of this chain, or on what the client never asks.
IDLE = {"F05/infura-filters", "F46/later"}


def name(variant: Variant) -> str:
    return f"{variant.id}/{variant.name}"


def protocols(variant: Variant) -> tuple[str, ...]:
    """All (none named) for lies and for the first form of every fault, else one."""
    many = "bytes" in variant.summary or "results" in variant.summary
    first = CATALOGUE[variant.id][0] is variant
    return () if many or first or variant.klass == "L" else (ONE,)


@pytest.fixture(scope="module")
def clean(mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], bytes]:
    """The documents of undisturbed scans, of all protocols and of one."""
    documents = {}
    for which in ((), (ONE,)):
        ended = scan(mixed, tmp_path_factory.mktemp("clean"), mixed.ground.node.url, only=which)
        assert ended.code == 0, ended.err
        documents[which] = ended.document
    return documents


def and_then(made: Fault, once: Callable[[], object]) -> Fault:
    """The same fault, and something done when it strikes for the first time."""
    done: list[object] = []

    async def act(ask: Ask) -> Reply | None:
        reply = await made.act(ask)
        if reply is not None and not done:
            done.append(once())
        return reply

    return replace(made, act=act)


def quiet(ended: Ended, proxy: HostileProxy, folder: Path) -> None:
    """No key and no address of the endpoint, said or stored."""
    secrets = (KEY, proxy.url.removeprefix("http://").partition("/")[0])
    for secret in secrets:
        assert secret not in ended.err + ended.out
        for path in folder.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("variant", ALL, ids=name)
def test_a_fault_heals_or_is_named(
    mixed: Mixed, clean: dict[tuple[str, ...], bytes], tmp_path: Path, variant: Variant
) -> None:
    which = protocols(variant)
    options: dict[str, Any] = {}
    if variant.name == "which":
        options["which"] = mentions(sorted(mixed.aave.borrowers_ever)[3])
    if variant.name == "rare":
        options["one_in"] = 40
    made = fault(variant.id, variant.name, **options)
    moves = variant.id == "F42"  # state that is gone can only be had of a newer block
    made = and_then(made, mixed.ground.node.mine) if moves else made
    url = mixed.ground.node.url
    with HostileProxy(url, [made], seed=7, path=f"/v2/{KEY}") as proxy, mixed.ground.undone():
        ended = scan(mixed, tmp_path, proxy.url, only=which)
        quiet(ended, proxy, tmp_path)
        want = clean[which]
        if moves or variant.id == "F24":  # another block of the same chain is as good
            block = json.loads(ended.document)["block"]["number"]
            want = scan(mixed, tmp_path / "fresh", url, only=which, block=block).document
        assert bool(proxy.struck) == (name(variant) not in IDLE)
        ends = ENDS.get(name(variant), ENDS.get(variant.id))
        if ends is None:
            assert ended.code == 0, ended.err
            assert ended.document == want
            return
        assert ended.code == ends[0], ended.err
        assert ends[1] in " ".join((ended.err + ended.out).split())
        assert not ended.complete
        resumed = scan(mixed, tmp_path, url, only=which)
        assert resumed.code == 0, resumed.err
        assert resumed.document == want


@pytest.mark.parametrize("seed", [seed for seed in range(21) if seed != 3])  # 3 never acts here
def test_faults_mixed_at_random_heal(
    mixed: Mixed, clean: dict[tuple[str, ...], bytes], tmp_path: Path, seed: int
) -> None:
    """Two to five transient faults at once; 500 more seeds are in scripts/soak."""
    with HostileProxy(mixed.ground.node.url, mixture(seed), seed=seed, path=f"/{KEY}") as proxy:
        ended = scan(mixed, tmp_path, proxy.url)
        assert ended.code == 0, ended.err
        assert ended.document == clean[()]
        assert proxy.struck
        quiet(ended, proxy, tmp_path)


def test_two_endpoints_that_take_turns_in_failing(
    mixed: Mixed, clean: dict[tuple[str, ...], bytes], tmp_path: Path
) -> None:
    """F52: one drops logs, the other objects to every second request."""
    first, second = flip_flop()
    url = mixed.ground.node.url
    with HostileProxy(url, first, seed=3) as one, HostileProxy(url, second, seed=4) as other:
        ended = scan(mixed, tmp_path, one.url, other.url)
        assert ended.code == 0, ended.err
        assert ended.document == clean[()]
        assert one.struck


@pytest.mark.parametrize("id", ["F22", "F25", "F26", "F27", "F28"])
def test_what_one_endpoint_hides_another_tells(
    mixed: Mixed, clean: dict[tuple[str, ...], bytes], tmp_path: Path, id: str
) -> None:
    """An endpoint without some logs first, a good one behind it: exit 0, the whole document."""
    options: dict[str, Any] = {}
    if id == "F28":
        options["which"] = mentions(sorted(mixed.aave.borrowers_ever)[3])
    bad = fault(id, "which" if id == "F28" else "", **options)
    with HostileProxy(mixed.ground.node.url, [bad], seed=7) as proxy:
        ended = scan(mixed, tmp_path, proxy.url, mixed.ground.node.url)
        assert proxy.struck
    assert ended.code == 0, ended.err
    assert ended.document == clean[()]
    assert "asking for all logs again, of endpoint 2 of 2" in ended.err
