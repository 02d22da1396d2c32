"""The probe sees what the contracts do when their feeds really move.

The referee is the chain: every feed is set to other answers, in blocks that are undone, and the
protocol's own oracle is asked. What the document says of each token and root is held against it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from localchain import FLAVOURS, LocalChain, adapters
from localchain import morpho as morphos
from localchain.compound import Compound
from localchain.ground import Ground
from localchain.maker import ILKS, WAD, Maker
from localchain.morpho import Morpho
from localchain.node import Node
from proxy import Proxy
from scanning import priced, scan
from test_prices import beyond

from scanner import scan as scanning
from scanner.core.tracing import CLOSE
from scanner.scan import Finished, Request

RATIOS = (0.5, 0.7, 0.99, 1.01, 1.3, 2.0)
CAP = 104 * 10**6

Token = dict[str, Any]


def rows(finished: Finished) -> dict[str, Token]:
    """The document's tokens by symbol."""
    return {row["symbol"]: row for row in finished.document["tokens"]}


def root(token: Token, feed: str) -> dict[str, Any] | None:
    """What a token's row says of a feed; None where it does not move it."""
    found = [one for one in token["roots"] if one["feed"] == feed.lower()]
    assert len(found) <= 1
    return found[0] if found else None


def follows(told: dict[str, Any] | None, ratio: float) -> float:
    """The price over its present one, as the document has it, where the root is at `ratio`."""
    if told is None:
        return 1.0
    if told["curve"] is None:
        return 1 + told["sensitivity"] * (ratio - 1)
    at, value = np.array(told["curve"]).T
    place = int(np.clip(np.searchsorted(at, ratio) - 1, 0, len(at) - 2))
    slope = (value[place + 1] - value[place]) / (at[place + 1] - at[place])
    return float(value[place] + slope * (ratio - at[place]))


@dataclass(frozen=True)
class World:
    """What the referee needs of a market: its feeds by address, how to set one and how to ask."""

    feeds: Mapping[str, int]
    set_feed: Callable[[str, int], None]
    prices: Callable[[], dict[str, int]]
    undone: Callable[[], AbstractContextManager[Any]]


def agrees(world: World, tokens: Mapping[str, Token], inverse: frozenset[str] = frozenset()) -> int:
    """Hold every token and root against the chain; how many pairs move.

    Within 1e-9, or two units of the oracle's integer where that is more. `inverse` are tokens that
    are below the line of the price that is asked for.
    """
    before, moved = world.prices(), 0
    assert all(before.values())
    for feed, answer in world.feeds.items():
        for ratio in RATIOS:
            with world.undone():
                world.set_feed(feed, round(answer * ratio))
                after = world.prices()
            real = round(answer * ratio) / answer
            for name, price in before.items():
                told = root(tokens[name], feed)
                moved += told is not None and ratio == 0.7
                seen = after[name] / price
                if name in inverse:
                    seen = 1 / seen
                slack = max(CLOSE, told["error"] if told else 0.0) * seen + 2.1 / price
                assert abs(follows(told, real) - seen) <= slack, (name, feed, ratio)
    assert world.prices() == before
    return moved


def of_aave(chain: LocalChain) -> World:
    """Every feed of an Aave market, and what its oracle says of every reserve."""
    feeds = {
        address.lower(): int(chain.call(address, "latestAnswer()(int256)"))
        for address in chain.deployment.feeds.values()
    }
    return World(
        feeds,
        chain.set_price,
        lambda: {symbol: chain.price_raw(symbol) for symbol in chain.tokens},
        chain.undone,
    )


@pytest.fixture(scope="module", params=FLAVOURS)
def plain(request: pytest.FixtureRequest) -> Iterator[LocalChain]:
    """Both generations in turn, with a few accounts."""
    with LocalChain(request.param) as chain:
        chain.specials()
        yield chain


def test_every_asset_and_root_of_both_generations(plain: LocalChain, tmp_path: Path) -> None:
    finished = scan(plain, tmp_path / "store")
    tokens = rows(finished)
    assert agrees(of_aave(plain), tokens) == len(plain.tokens)
    assert {row["driver_source"] for row in tokens.values()} == {"probe"}
    assert finished.document["problems"] == []
    staked = root(tokens["wstETH"], plain.deployment.feeds["ETH / USD"])
    assert staked is not None
    assert (staked["sensitivity"], staked["sensitivity_up"], staked["bent"]) == (1.0, 1.0, False)
    assert (tokens["wstETH"]["driver"], tokens["wstETH"]["sensitivity"]) == ("ETH", 1.0)
    assert (tokens["USDC"]["driver"], tokens["USDC"]["sensitivity"]) == (None, 0.0)


def test_adapters_of_every_kind(plain: LocalChain, tmp_path: Path) -> None:
    """Caps over and under which a stable stands, two feeds, a principal token, a pool's share."""
    with plain.undone():
        tokens, feeds = plain.tokens, plain.deployment.feeds
        kept, known = dict(tokens), dict(feeds)
        try:
            plain.set_price("DAI", 105 * 10**6)
            for symbol in ("USDT", "DAI"):
                adapters.cap(plain, symbol, CAP)
            pegged = adapters.peg(plain, "WBTC", "WBTC / BTC", 99_870_000)
            assert pegged not in feeds.values()
            adapters.share(plain, "LINK", "ETH / USD", 1_000 * 10**8, 10**18 // 3)
            if "PT" in tokens:
                adapters.principal(plain, "PT", "ETH / USD")
            found = rows(scan(plain, tmp_path / "store"))
            pairs = agrees(of_aave(plain), found)
            assert pairs == len(tokens) + 1  # WBTC has two
            capped_under, capped_over = (found[symbol]["roots"][0] for symbol in ("USDT", "DAI"))
            assert (capped_under["sensitivity"], capped_under["sensitivity_up"]) == (1.0, 1.0)
            assert [1.04, 1.04] in capped_under["curve"]
            assert (capped_over["sensitivity"], capped_over["sensitivity_up"]) == (0.0, 0.0)
            assert capped_under["bent"]
            assert capped_over["bent"]
            assert found["DAI"]["driver"] is None

            bitcoin = found["WBTC"]
            assert (bitcoin["driver"], bitcoin["driver_source"]) == ("BTC", "probe")
            assert [(one["description"], one["driver"]) for one in bitcoin["roots"]] == [
                ("BTC / USD", "BTC"),
                ("WBTC / BTC", None),
            ]
            assert all(one["sensitivity"] == 1.0 for one in bitcoin["roots"])

            share = found["LINK"]
            dollars = 1_000 * 10**8
            part = plain.price_raw("LINK") - dollars
            assert share["driver"] == "ETH"
            assert share["sensitivity"] == pytest.approx(part / (part + dollars), abs=CLOSE)
            if "PT" in tokens:
                assert (found["PT"]["driver"], found["PT"]["sensitivity"]) == ("ETH", 1.0)
        finally:
            tokens.update(kept)
            feeds.clear()
            feeds.update(known)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_prices_through_adapters_are_the_pools_own(flavour: str, tmp_path: Path) -> None:
    """Healthy at p* and liquidatable one unit beyond, with legs that follow ether up to a cap, not
    until it falls below one, by a half, and by a ratio that no getter tells."""
    with LocalChain(flavour) as chain:
        chain.specials()
        chain.populate(60, 5)
        ether = chain.deployment.feeds["ETH / USD"]
        adapters.put(chain, "LINK", "StableCapAdapter", ether, 2_200 * 10**8)
        adapters.put(chain, "WBTC", "StableCapAdapter", ether, 2_500 * 10**8)
        adapters.share(chain, "DAI", "ETH / USD", 53 * 10**6, 10**18 // 5_000)
        adapters.share(chain, "USDT", "ETH / USD", 0, 1_234_567_890_123_456_780 // 2_900)
        finished = scan(chain, tmp_path / "store")
        assert finished.document["problems"] == []
        told = {name: (row["driver"], row["sensitivity"]) for name, row in rows(finished).items()}
        assert (told["LINK"], told["WBTC"]) == (("ETH", 0.0), ("ETH", 1.0))
        assert told["DAI"] == ("ETH", pytest.approx(0.47, abs=CLOSE))
        assert told["USDT"] == ("ETH", 1.0)
        found = priced(finished, "ETH")
        assert len(found) > 40
        assert {"long", "short"} <= set(found["side"])
        assert beyond(chain, found, "ETH / USD") == []


def test_a_smooth_bend_says_how_far_it_may_be_off(plain: LocalChain, tmp_path: Path) -> None:
    with plain.undone():
        kept = dict(plain.tokens)
        try:
            adapters.share(plain, "LINK", "ETH / USD", 2_000 * 10**8, 10**18, product=True)
            found = rows(scan(plain, tmp_path / "store"))
            agrees(of_aave(plain), found)
        finally:
            plain.tokens.update(kept)
    [told] = found["LINK"]["roots"]
    assert (told["driver"], told["bent"]) == ("ETH", True)
    assert told["sensitivity"] == pytest.approx(0.5, abs=1e-7)
    assert CLOSE < told["error"] < 1e-4


def test_an_oracle_that_is_not_fooled_is_not_believed(plain: LocalChain, tmp_path: Path) -> None:
    """Where the stub with the feed's own answer gives another price, the tables tell."""
    with plain.undone():
        kept = dict(plain.tokens)
        try:
            adapters.suspicious(plain, "WETH", "ETH / USD")
            finished = scan(plain, tmp_path / "store")
        finally:
            plain.tokens.update(kept)
    row = rows(finished)["WETH"]
    assert (row["driver"], row["driver_source"], row["roots"]) == ("ETH", "symbol", [])
    [problem] = finished.document["problems"]
    assert (problem["kind"], problem["fatal"]) == ("probe_doubted", False)
    assert finished.document["complete"]


def refusing(question: dict[str, Any], _: int) -> dict[str, Any] | tuple[int, bytes]:
    """A node that takes no third parameter of eth_call and knows no access lists."""
    if question["method"] == "eth_createAccessList":
        return 200, b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"%b"}}' % (
            question["id"],
            b"the method eth_createAccessList does not exist/is not available",
        )
    if question["method"] == "eth_call" and len(question["params"]) > 2:
        return 200, b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32602,"message":"%b"}}' % (
            question["id"],
            b"too many arguments, want at most 2",
        )
    return question


def test_without_overrides_the_getters_tell_and_it_is_said(
    plain: LocalChain, tmp_path: Path
) -> None:
    deployments = tmp_path / "local.toml"
    plain.write_deployments(deployments)
    with Proxy(plain.url) as endpoint:
        endpoint.before = refusing
        finished = scanning.run(
            Request(
                chain=None,
                rpc=(endpoint.url,),
                protocols=(),
                deployments=deployments,
                store=tmp_path / "store",
                block="latest",
                shocks=(),
                verify=None,
                patience=30,
            )
        )
    document = finished.document
    assert document["complete"]
    [problem] = document["problems"]
    assert (problem["kind"], problem["fatal"]) == ("probe_refused", False)
    assert {row["driver_source"] for row in document["tokens"]} == {"adapter"}
    # Everything but who says so is the same.
    other = scan(plain, tmp_path / "other").document
    for key in ("bands", "ticks", "drivers", "certificate", "parity"):
        assert document[key] == other[key], key
    alike = [
        {k: v for k, v in row.items() if k not in ("driver_source", "roots")}
        for row in other["tokens"]
    ]
    assert alike == [
        {k: v for k, v in row.items() if k not in ("driver_source", "roots")}
        for row in document["tokens"]
    ]


# --- the other protocols


@pytest.fixture
def ground() -> Iterator[Ground]:
    node = Node()
    try:
        yield Ground(node)
    finally:
        node.close()


def scanned(part: Any, folder: Path) -> Finished:
    """A scan of one market of the ground."""
    deployments = folder / "deployments.toml"
    deployments.write_text(part.deployments_toml())
    return scanning.run(
        Request(
            chain=None,
            rpc=(part.node.url,),
            protocols=(),
            deployments=deployments,
            store=folder / "store",
            block="latest",
            shocks=(),
            verify=None,
            patience=30,
        )
    )


def on_ground(ground: Ground, prices: Callable[[], dict[str, int]]) -> World:
    """Every feed of the ground, and prices to ask for."""
    feeds = {address.lower(): ground.feed(address) for address in ground.feeds.values()}
    return World(feeds, ground.set_feed, prices, ground.undone)


def test_every_asset_of_compound(ground: Ground, tmp_path: Path) -> None:
    """Its oracle has no getters: the node says what its answers touch."""
    compound = Compound(ground)
    compound.populate(8, 3)
    finished = scanned(compound, tmp_path)
    tokens = rows(finished)
    world = on_ground(ground, lambda: {name: compound.price(name) for name in compound.TOKENS})
    assert agrees(world, tokens) == len(compound.TOKENS)
    assert {row["driver_source"] for row in tokens.values()} == {"probe"}
    assert (tokens["ETH"]["driver"], tokens["WBTC"]["driver"]) == ("ETH", "BTC")


def test_every_ilk_of_maker(ground: Ground, tmp_path: Path) -> None:
    """An ilk's oracle is its root: the Vat's spot follows it after a poke."""
    maker = Maker(ground)
    maker.populate(12, 3)
    finished = scanned(maker, tmp_path)
    pips = {maker.pip(ilk).lower(): ilk for ilk in ILKS}
    before = {pip: maker.ilk(ilk)[2] for pip, ilk in pips.items()}
    listed = [row for row in finished.document["tokens"] if row["symbol"] != "DAI"]
    assert len(listed) >= 3
    for token in listed:
        [told] = token["roots"]
        assert (told["sensitivity"], told["sensitivity_up"], told["bent"]) == (1.0, 1.0, False)
        ilk = pips[told["feed"]]
        assert ilk.startswith(token["symbol"])
        for ratio in RATIOS:
            with ground.undone():
                maker.set_value(ilk, round(ground.feed(ILKS[ilk]) * ratio) * WAD // 10**8)
                real = maker.ilk(ilk)[2] / before[told["feed"]]
            assert follows(told, ratio) == pytest.approx(real, rel=CLOSE)


PAIRS = {
    # market: root, and the token that it moves
    "ether": ("ETH / USD", "WETH"),
    "staked": ("ETH / USD", "wstETH"),
    "bitcoin": ("BTC / USD", "WBTC"),
    "short": ("ETH / USD", "WETH"),
    "link": ("LINK / USD", "LINK"),
}


def test_every_oracle_of_morpho(ground: Ground, tmp_path: Path) -> None:
    """A feed above the line moves the collateral, one below it the loan."""
    morpho = Morpho(ground)
    morpho.populate(30, 3)
    tokens = rows(scanned(morpho, tmp_path))
    for market, (description, symbol) in PAIRS.items():
        feed = ground.feeds[description]
        inverse = frozenset([symbol]) if market == "short" else frozenset[str]()
        world = World(
            {feed.lower(): ground.feed(description)},
            ground.set_feed,
            lambda market=market, symbol=symbol: {symbol: morpho.price(market)},
            ground.undone,
        )
        assert agrees(world, tokens, inverse) == 1, market
    assert {tokens[s]["driver_source"] for s in ("WETH", "wstETH", "WBTC", "LINK")} == {"probe"}
    assert (tokens["wstETH"]["driver"], tokens["WBTC"]["driver"]) == ("ETH", "BTC")
    assert tokens["USDC"]["driver"] is None


def test_a_junk_oracle_moves_nobody_to_another_driver(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may lend on staked ether by bitcoin's price: then the oracles do not agree, and the
    token is told by the tables. Its row names both feeds."""
    junk = ("wstETH", "USDC", "BTC / USD", None, 1.0, 86, False)
    monkeypatch.setitem(morphos.MARKETS, "junk", junk)
    morpho = Morpho(ground)
    people = morpho.populate(30, 3)
    morpho.borrow(people[0], "junk", 900.0, 0.5)
    morpho.borrow(people[1], "staked", 0.1, 0.5)
    tokens = rows(scanned(morpho, tmp_path))
    staked = tokens["wstETH"]
    assert (staked["driver"], staked["driver_source"], staked["sensitivity"]) == (
        "ETH",
        "symbol",
        1.0,
    )
    assert {one["driver"] for one in staked["roots"]} == {"BTC", "ETH"}
    assert (tokens["WETH"]["driver_source"], tokens["WBTC"]["driver_source"]) == ("probe", "probe")
