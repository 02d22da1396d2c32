"""The proxy itself: every fault strikes as promised, and nothing else changes."""

import http.client
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from hostile import CATALOGUE, NOT_APPLICABLE, Ask, Fault, HostileProxy, Reply, fault, mixture
from hostile.asking import QUESTIONS, ask
from hostile.catalogue import Variant
from hostile.upstream import Upstream, answer

# What a variant needs to be quick, or to have something to strike at.
OPTIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("F05", "infura-filters"): {"limit": 0},
    ("F05", "proxyd-size"): {"limit": 1000},
    ("F19", "stall"): {"hold": 0.05},
    ("F19", "stall-body"): {"hold": 0.05},
    ("F19", "trickle"): {"every": 0.001},
    ("F28", "which"): {"which": lambda log: log["blockNumber"] == "0x64"},
    ("F28", "rare"): {"one_in": 10},
    ("F42", ""): {"first": 1},
    ("F46", "later"): {"after": 1},
    ("F46", "jump"): {"after": 1},
    ("F48", "gzip-bomb"): {"size": 16 << 20},
    ("F48", "nested"): {"depth": 10_000},
    ("F24", "outlier"): {},
}
SHORT = {"F19": "eth_blockNumber", "F24": "eth_blockNumber", "F43": "eth_call"}
ALL = [pytest.param(one, id=f"{one.id}-{one.name}") for one in itertools.chain(*CATALOGUE.values())]


@pytest.fixture(scope="module")
def node() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def _method(one: Variant) -> str:
    """A request that the variant acts on."""
    if one.id in SHORT:
        return SHORT[one.id]
    if one.methods is None:
        return "eth_chainId" if one.id == "F46" else "eth_call"
    return next(method for method in QUESTIONS if method in one.methods)


@pytest.mark.parametrize("one", ALL)
def test_each_variant_strikes_once_and_then_passes(node: Upstream, one: Variant) -> None:
    """With `times` 1 the first answer is not the node's and the second is."""
    options = OPTIONS.get((one.id, one.name), OPTIONS.get((one.id, ""), {}))
    method = _method(one)
    truth = answer(method, QUESTIONS[method])
    start = (
        2 if (one.id, one.name) in {("F24", "sawtooth"), ("F24", "outlier"), ("F52", "B")} else 1
    )
    options = {**options, "times": 2 if one.id == "F24" and start == 2 else 1}
    made = fault(one.id, one.name, **options)
    with HostileProxy(node.url, [made]) as proxy:
        heard = ask(proxy.url, method)
        if start == 2:
            heard = ask(proxy.url, method)
        clean = ask(proxy.url, method)
        assert clean.end == "kept"
        assert clean.answer == {"jsonrpc": "2.0", "id": 5, "result": truth}
        if one.name != "trickle":  # the same bytes, only late
            assert (heard.raw, heard.end) != (clean.raw, clean.end)
        assert proxy.struck[one.id] == made.times
        assert proxy.asked == [method] * (start + 1)


def test_the_table_is_complete() -> None:
    """Every row of the specification is there, or the reason why it is not."""
    there = set(CATALOGUE) | set(NOT_APPLICABLE)
    assert {f"F{number:02}" for number in range(1, 53)} <= there
    assert all(
        one.klass in ("T", "L", "P") and one.summary for one in itertools.chain(*CATALOGUE.values())
    )
    names = [(one.id, one.name) for one in itertools.chain(*CATALOGUE.values())]
    assert len(set(names)) == len(names)


def test_honest_without_faults(node: Upstream) -> None:
    """A hundred requests of one kept connection pass, whatever the path."""
    with HostileProxy(node.url, path="/v2/k3y") as proxy:
        line = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        for number in range(100):
            question = {"jsonrpc": "2.0", "id": number, "method": "eth_blockNumber", "params": []}
            line.request("POST", "/v2/k3y?a=b", json.dumps(question))
            response = line.getresponse()
            assert json.loads(response.read()) == {
                "jsonrpc": "2.0",
                "id": number,
                "result": "0x3e8",
            }
        line.close()
        assert proxy.url.endswith("/v2/k3y")
        assert proxy.asked == ["eth_blockNumber"] * 100
        assert not proxy.struck


def test_first_times_and_methods(node: Upstream) -> None:
    """A fault sleeps until its n-th request of its methods, strikes so often, and is over."""
    made = fault("F13", methods={"eth_chainId"}, first=3, times=2)
    with HostileProxy(node.url, [made]) as proxy:
        heard = []
        for _ in range(7):
            assert ask(proxy.url, "eth_blockNumber").answer["result"] == "0x3e8"
            heard.append("error" in ask(proxy.url, "eth_chainId").answer)
    assert heard == [False, False, True, True, False, False, False]


def test_chance_follows_the_seed(node: Upstream) -> None:
    """The same seed strikes at the same requests, another one at others."""

    def struck(seed: int) -> list[int]:
        with HostileProxy(
            node.url, [fault("F18", times=None, probability=0.5)], seed=seed
        ) as proxy:
            return [ask(proxy.url, "eth_chainId").status for _ in range(20)]

    first = struck(7)
    assert first == struck(7) != struck(8)
    assert set(first) == {200, 503}


def test_faults_compose(node: Upstream) -> None:
    """The first fault is nearest to the client; what it leaves alone, the next one sees."""
    pair = [fault("F32", "reversed"), fault("F02", "blocks", limit=100)]
    with HostileProxy(node.url, pair) as proxy:
        assert "error" in ask(proxy.url, "eth_getLogs").answer
        near = ask(proxy.url, "eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x40"})
        assert [log["blockNumber"] for log in near.result] == [
            "0x3c",
            "0x32",
            "0x28",
            "0x1e",
            "0x14",
            "0xa",
        ]
        assert proxy.struck == {"F02": 1, "F32": 1}
        proxy.set()
        assert len(ask(proxy.url, "eth_getLogs").result) == 112


def test_a_fault_of_ones_own(node: Upstream) -> None:
    """`Fault` takes any coroutine function."""

    async def act(asked: Ask) -> Reply | None:
        return asked.result(hex(await asked.head() + 1))

    with HostileProxy(node.url, [Fault("X", "", act)]) as proxy:
        assert ask(proxy.url, "eth_blockNumber").result == "0x3e9"


def test_a_node_that_is_not_there() -> None:
    """502 and plain text, as of any gateway."""
    with Upstream() as gone:
        url = gone.url
    with HostileProxy(url) as proxy:
        assert ask(proxy.url, "eth_chainId").status == 502


def test_mixtures_are_seeded_and_mild() -> None:
    """Two to five different transient faults, none that a good client cannot get over."""
    seen: set[str] = set()
    for seed in range(200):
        faults = mixture(seed)
        shown = [(one.id, one.variant, one.times, one.first) for one in faults]
        assert shown == [(one.id, one.variant, one.times, one.first) for one in mixture(seed)]
        assert 2 <= len({one.id for one in faults}) == len(faults) <= 5
        assert all(one.klass == "T" and not one.permanent for one in faults)
        seen |= {one.id for one in faults}
    assert len(seen) > 20
