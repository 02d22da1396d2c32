"""The referee itself: are the real contracts there, and is everybody what their label says?"""

import doctest
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import localchain
import pytest
from eth_utils.crypto import keccak
from localchain import MAX, LocalChain, LocalChainError, Reverted, abi, packages

SCRIPTS = Path(localchain.__file__).parents[1]
ONE = 10**18  # a health factor of one
CENT = 10**6  # in raw units of a feed

CONFIGURE = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
CONFIGURATION = "getUserConfiguration(address)(uint256)"
SCALED = "scaledBalanceOf(address)(uint256)"


def health(chain: LocalChain, account: str) -> int:
    return chain.account_data(account)["healthFactor"]


def balance(chain: LocalChain, contract: str, holder: str) -> int:
    units: int = chain.call(contract, "balanceOf(address)(uint256)", holder)
    return units


def e_mode(chain: LocalChain, account: str) -> int:
    category: int = chain.call(chain.pool, "getUserEMode(address)(uint256)", account)
    return category


def is_collateral(chain: LocalChain, account: str, symbol: str) -> bool:
    bits: int = chain.call(chain.pool, CONFIGURATION, account)
    return bool(bits >> (2 * chain.tokens[symbol].id + 1) & 1)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z")


# --- contracts ----------------------------------------------------------------


def test_the_pools_are_the_two_published_generations(
    core_chain: LocalChain, origin_chain: LocalChain
) -> None:
    """POOL_REVISION is 1 in v3.0 and 10 in v3.6; only v3.0 has stable debt."""
    question = "POOL_REVISION()(uint256)"

    assert core_chain.call(core_chain.pool, question) == 1
    assert origin_chain.call(origin_chain.pool, question) == 10
    assert core_chain.tokens["USDC"].sdebt is not None
    assert origin_chain.tokens["USDC"].sdebt is None


def test_multicall3_has_the_code_of_real_chains(flavour_chain: LocalChain) -> None:
    """Its code hash is the one every chain reports, and it answers."""
    code = flavour_chain.rpc("eth_getCode", flavour_chain.multicall3, "latest")
    expected = "d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891"

    assert keccak(hexstr=code).hex() == expected
    number = flavour_chain.call(flavour_chain.multicall3, "getBlockNumber()(uint256)")
    assert number == flavour_chain.node.head()


def test_reserves_are_listed_in_order_with_their_decimals(flavour_chain: LocalChain) -> None:
    """Ids follow the list; decimals are 18, 8 and 6; every price is in USD with 8 decimals."""
    listed = flavour_chain.call(flavour_chain.pool, "getReservesList()(address[])")

    assert list(listed) == [token.address for token in flavour_chain.tokens.values()]
    assert {token.decimals for token in flavour_chain.tokens.values()} == {18, 8, 6}
    assert flavour_chain.price_raw("WETH") == 2350 * 10**8
    assert flavour_chain.price_raw("WBTC") == 68_000 * 10**8
    unit = flavour_chain.call(flavour_chain.oracle, "BASE_CURRENCY_UNIT()(uint256)")
    assert unit == 10**8


def test_no_event_of_the_market_is_older_than_its_first_block(flavour_chain: LocalChain) -> None:
    """The pool has no code before `first_block`, and logs from then on."""
    before = hex(flavour_chain.first_block - 1)
    everything = {"address": flavour_chain.pool, "fromBlock": "0x0", "toBlock": "latest"}

    assert flavour_chain.rpc("eth_getCode", flavour_chain.pool, before) == "0x"
    logs = flavour_chain.rpc("eth_getLogs", everything)
    assert min(int(log["blockNumber"], 16) for log in logs) >= flavour_chain.first_block


def test_a_revert_is_told_in_words(core_chain: LocalChain, origin_chain: LocalChain) -> None:
    """v3.0 reverts with a number, v3.6 with a custom error: both become names."""
    with core_chain.undone(), pytest.raises(Reverted) as core:
        core_chain.liquidate(core_chain.labels["plain"], "WETH", "USDC")
    with origin_chain.undone(), pytest.raises(Reverted) as origin:
        origin_chain.liquidate(origin_chain.labels["plain"], "WETH", "USDC")

    assert core.value.reason == "45 (HEALTH_FACTOR_NOT_BELOW_THRESHOLD)"
    assert origin.value.reason == "HealthFactorNotBelowThreshold()"


# A3-1: 1 WBTC at 27,000 USD, threshold 86 %, debt 20,500 USDC; the price falls by 16 %.
# What the liquidator gets with a protocol fee of 0 and of 10 % of the bonus.
@pytest.mark.parametrize("fee", [(0, 47_453_703), (1000, 47_227_733)], ids=["no fee", "10 %"])
@pytest.mark.parametrize(
    ("flavour", "before", "after"),
    [
        ("core", 951453658536585366, 999907330464390244),
        ("origin", 951453658536585365, 999907330464000000),
    ],
)
def test_the_published_liquidation_comes_out_to_the_last_digit(
    flavour: str, before: int, after: int, fee: tuple[int, int]
) -> None:
    """Vector A3-1: health factor, half the debt repaid, collateral received, health after."""
    rate, received = fee
    with LocalChain(flavour) as chain:
        wbtc, configurator = chain.tokens["WBTC"], chain.deployment.configurator
        chain.send(chain.owner, configurator, CONFIGURE, wbtc.address, 8000, 8600, 10500)
        signature = "setLiquidationProtocolFee(address,uint256)"
        chain.send(chain.owner, configurator, signature, wbtc.address, rate)
        chain.set_price("WBTC", 27_000 * 10**8)
        chain.account("supplier").supply("USDC", 1_000_000)
        borrower = chain.account("borrower")
        borrower.supply("WBTC", 1)
        borrower.borrow("USDC", 20_500)
        chain.set_price("WBTC", 27_000 * 84 * 10**6)

        assert health(chain, borrower.address) == before
        chain.liquidate(borrower.address, "WBTC", "USDC")

        liquidator = chain.account("liquidator").address
        assert balance(chain, chain.tokens["USDC"].vdebt, borrower.address) == 10_250 * 10**6
        assert balance(chain, wbtc.address, liquidator) == received
        assert health(chain, borrower.address) == after


# --- prices -------------------------------------------------------------------


def test_staked_ether_follows_the_ether_feed_through_an_adapter(movable_chain: LocalChain) -> None:
    """wstETH is worth 1.2 ether, whatever the ether costs."""
    movable_chain.set_price("WETH", 2000 * 10**8)

    assert movable_chain.price_raw("wstETH") == 2400 * 10**8


def test_the_adapter_has_the_getters_of_real_ones(flavour_chain: LocalChain) -> None:
    """A scanner walks from it to the ether feed; the ratio is not capped."""
    adapter = flavour_chain.tokens["wstETH"].feed
    ether_feed = flavour_chain.tokens["WETH"].feed

    def ask(signature: str) -> object:
        return flavour_chain.call(adapter, signature)

    assert ask("BASE_TO_USD_AGGREGATOR()(address)") == ether_feed
    assert ask("getRatio()(int256)") == 12 * 10**17
    assert ask("RATIO_DECIMALS()(uint8)") == 18
    assert ask("isCapped()(bool)") is False
    assert ask("getSnapshotRatio()(uint256)") == 12 * 10**17
    assert ask("decimals()(uint8)") == 8
    assert flavour_chain.call(ether_feed, "description()(string)") == "ETH / USD"


def test_a_ratio_that_grows_too_fast_is_capped(movable_chain: LocalChain) -> None:
    """The adapter believes 9.68 % a year: no doubling overnight."""
    ratio_provider = movable_chain.deployment.ratio_provider
    movable_chain.send(movable_chain.owner, ratio_provider, "set(int256)", 24 * 10**17)
    adapter = movable_chain.tokens["wstETH"].feed

    assert movable_chain.call(adapter, "isCapped()(bool)") is True
    assert 1.2 < movable_chain.price("wstETH") / movable_chain.price("WETH") < 1.2 * 1.0968


def test_a_token_with_a_feed_of_its_own_moves_alone(movable_chain: LocalChain) -> None:
    """The new feed starts at the present price, and nobody else listens to it."""
    before = {symbol: movable_chain.price_raw(symbol) for symbol in movable_chain.tokens}
    movable_chain.point_token_at_own_feed("WETH")
    unchanged = {symbol: movable_chain.price_raw(symbol) for symbol in movable_chain.tokens}
    movable_chain.set_price("WETH", 1000 * 10**8)

    assert unchanged == before
    assert movable_chain.price_raw("WETH") == 1000 * 10**8
    assert movable_chain.price_raw("wstETH") == before["wstETH"]


def test_an_adapter_cannot_be_set(flavour_chain: LocalChain) -> None:
    """Setting the price of wstETH by itself needs a feed of its own first."""
    with pytest.raises(LocalChainError, match="point_token_at_own_feed"):
        flavour_chain.set_price("wstETH", 10**8)


def test_a_probe_says_what_the_moved_oracle_says(movable_chain: LocalChain) -> None:
    """For everybody: the same health factor by probe as after really setting the feed."""
    users = [*movable_chain.labels.values(), *movable_chain.ledger.wallets]
    price = 1_900 * 10**8 + 12_345
    probed = movable_chain.probe(users, "WETH", [price] * len(users))
    untouched = movable_chain.price_raw("WETH")
    movable_chain.set_price("WETH", price)

    assert untouched == 2350 * 10**8
    assert probed == [row["healthFactor"] for row in movable_chain.accounts_data(users)]


# --- people -------------------------------------------------------------------


def test_the_ledger_knows_every_debt_of_the_pool(flavour_chain: LocalChain) -> None:
    """Scaled debts of all in `borrowers_ever` add up to the total of each debt token, exactly."""
    for token in flavour_chain.tokens.values():
        total = flavour_chain.call(token.vdebt, "scaledTotalSupply()(uint256)")
        owed = sum(flavour_chain.call(token.vdebt, SCALED, a) for a in flavour_chain.borrowers_ever)
        assert owed == total, token.symbol


def test_interest_has_accrued(flavour_chain: LocalChain) -> None:
    """Indices are not one any more, so that rounding is put to the test."""
    usdc = flavour_chain.tokens["USDC"].address
    for side in ("Income", "VariableDebt"):
        question = f"getReserveNormalized{side}(address)(uint256)"
        assert flavour_chain.call(flavour_chain.pool, question, usdc) > 10**27


def test_random_borrowers_look_like_a_market(flavour_chain: LocalChain) -> None:
    """About 2.5 legs each; nobody under water; most health factors above 1.1, some below."""
    people = flavour_chain.ledger.wallets
    held = flavour_chain.holdings(people)
    factors = [
        row["healthFactor"] / ONE
        for row in flavour_chain.accounts_data(people)
        if row["totalDebtBase"]
    ]
    legs = sum((a > 0) + (d > 0) for legs in held.values() for a, d in legs.values())

    assert len(people) == 60
    assert 2.1 < legs / len(people) < 2.9
    assert min(factors) > 1
    assert sum(factor > 1.1 for factor in factors) > 0.7 * len(factors)
    assert any(factor < 1.1 for factor in factors)


def test_the_same_seed_gives_the_same_chain(flavour_chain: LocalChain) -> None:
    """Addresses, balances and market data are those of any chain made the same way."""
    with LocalChain(flavour_chain.flavour) as twin:
        twin.specials()
        people = twin.populate(60, 20260207)

        assert people == flavour_chain.ledger.wallets
        assert twin.ledger == flavour_chain.ledger
        assert twin.pool == flavour_chain.pool
        assert twin.holdings(people) == flavour_chain.holdings(people)
        assert twin.accounts_data(people) == flavour_chain.accounts_data(people)
        assert (
            twin.rpc("eth_getBlockByNumber", "latest", False)["hash"]
            == (flavour_chain.rpc("eth_getBlockByNumber", hex(twin.node.head()), False)["hash"])
        )


@pytest.mark.parametrize("spot", [900, 6500])
def test_everybody_finds_a_place_at_another_price_of_ether(spot: int) -> None:
    """Nothing is tuned to the usual price: all are made, at health factors as ever."""
    with LocalChain("origin", spot=spot) as chain:
        labels = chain.specials()
        people = chain.populate(40, seed=2)
        whales = chain.whales([spot * 0.9, spot * 1.3], 1_000)
        factors = [row["healthFactor"] for row in chain.accounts_data(people)]

        assert chain.price("WETH") == spot
        assert min(factors) > ONE
        assert ONE < health(chain, labels["plain"]) < 2 * ONE
        assert health(chain, labels["liquidatable"]) < ONE
        assert health(chain, whales[0].address) > ONE > health(chain, whales[1].address)


def test_another_seed_gives_other_people(movable_chain: LocalChain) -> None:
    """No address in common, no balance either."""
    before = movable_chain.holdings(movable_chain.ledger.wallets)
    others = movable_chain.holdings(movable_chain.populate(20, 2))

    assert not before.keys() & others.keys()
    assert not [held for held in others.values() if held and held in before.values()]


def stored(chain: LocalChain, accounts: list[str]) -> dict[str, tuple[object, ...]]:
    """What the contracts keep of each account: time stands still, so units stand for shares."""
    held, flags = chain.holdings(accounts), chain.configurations(accounts)
    return {account: (flags[account], held[account]) for account in accounts}


@pytest.mark.parametrize("seed", range(1, 6))
def test_only_those_who_act_change(movable_chain: LocalChain, seed: int) -> None:
    """`act(25)` changes the stored state of exactly the 25 accounts it returns."""
    everybody = [*movable_chain.ledger.wallets, *movable_chain.labels.values()]
    before = stored(movable_chain, everybody)
    touched = movable_chain.act(25, seed=seed)
    after = stored(movable_chain, everybody)

    assert len(touched) == 25
    assert {account for account in everybody if after[account] != before[account]} == touched


def test_whatever_happens_inside_undone_is_taken_back(flavour_chain: LocalChain) -> None:
    """Chain, ledger, prices and sources are as before."""
    head, ledger = flavour_chain.node.head(), flavour_chain.ledger.copy()
    feed = flavour_chain.tokens["WETH"].feed
    with flavour_chain.undone():
        flavour_chain.whales([1800], 100)
        flavour_chain.point_token_at_own_feed("WETH")

    assert flavour_chain.node.head() == head
    assert flavour_chain.ledger == ledger
    assert flavour_chain.tokens["WETH"].feed == feed
    now = flavour_chain.node.now()
    with flavour_chain.undone():
        flavour_chain.mine(2)
        assert flavour_chain.node.now() == now  # time still stands


# --- special cases ------------------------------------------------------------


def test_every_special_case_has_an_account_of_its_own(flavour_chain: LocalChain) -> None:
    """All labels point to different accounts; one case each exists in one flavour only."""
    labels = flavour_chain.labels

    assert len(set(labels.values())) == len(labels) >= 26
    assert ("stable_rate" in labels) == (flavour_chain.flavour == "core")
    assert ("pt" in labels) == (flavour_chain.flavour == "origin")


@pytest.mark.parametrize(
    ("label", "supplied", "owed"),
    [
        ("plain", {"WETH"}, {"USDC"}),
        ("short", {"USDC"}, {"WETH"}),
        ("mixed", {"WETH", "WBTC"}, {"USDC"}),
        (
            "many",
            {"WETH", "wstETH", "WBTC", "USDC", "DAI", "LINK"},
            {"USDC", "DAI", "USDT", "WETH"},
        ),
        ("same_asset", {"WETH"}, {"WETH", "USDC"}),
        ("loop", {"wstETH"}, {"WETH"}),
        ("e_mode_stable", {"USDC"}, {"DAI"}),
        ("e_mode_foreign", {"WETH", "WBTC"}, {"WETH"}),
        ("collateral_off", {"WETH", "WBTC"}, {"DAI"}),
        ("zero_threshold", {"WETH", "USDT"}, {"DAI"}),
        ("supplied_for", {"WETH"}, {"USDC"}),
        ("transfer_in", {"WETH"}, {"USDC"}),
        ("transfer_in_idle", {"WETH", "WBTC"}, {"USDC"}),
        ("delegator", {"WETH"}, {"USDC"}),
        ("delegatee", set(), set()),
        ("supply_only", {"WETH", "USDC"}, set()),
        ("repaid", {"WETH"}, set()),
        ("closed", set(), set()),
    ],
)
def test_special_cases_hold_what_their_label_says(
    flavour_chain: LocalChain, label: str, supplied: set[str], owed: set[str]
) -> None:
    """Collateral and debt by symbol."""
    account = flavour_chain.labels[label]
    held = flavour_chain.holdings([account])[account]

    assert {symbol for symbol, (units, _) in held.items() if units} == supplied
    assert {symbol for symbol, (_, units) in held.items() if units} == owed


def test_who_ever_had_debt_is_written_down(flavour_chain: LocalChain) -> None:
    """The delegator owes, not who borrowed for it; the repaid count, suppliers do not."""
    labels, ever = flavour_chain.labels, flavour_chain.borrowers_ever

    assert {labels[name] for name in ("delegator", "repaid", "closed", "wiped")} <= ever
    assert not {labels[name] for name in ("delegatee", "supply_only")} & ever


def test_e_modes_are_entered_and_left(flavour_chain: LocalChain) -> None:
    """Thresholds are the category's: 95 % for ether, 97 % for dollars; 83 % after leaving."""
    labels = flavour_chain.labels
    expected = {"e_mode_eth": 1, "loop": 1, "e_mode_foreign": 1, "e_mode_stable": 2}
    expected["e_mode_left"] = 0
    thresholds = {"loop": 9500, "e_mode_stable": 9700, "e_mode_left": 8300}

    assert {name: e_mode(flavour_chain, labels[name]) for name in expected} == expected
    for name, threshold in thresholds.items():
        data = flavour_chain.account_data(labels[name])
        assert data["currentLiquidationThreshold"] == threshold
    foreign = flavour_chain.account_data(labels["e_mode_foreign"])
    assert 7800 < foreign["currentLiquidationThreshold"] < 9500


def test_a_principal_token_is_collateral_in_its_e_mode_only(origin_chain: LocalChain) -> None:
    """Threshold 0 outside, 90 % inside."""
    account = origin_chain.labels["pt"]

    assert e_mode(origin_chain, account) == 3
    assert origin_chain.account_data(account)["currentLiquidationThreshold"] == 9000
    assert origin_chain.tokens["PT"].reserve.threshold == 0


def test_collateral_flags_are_as_labelled(flavour_chain: LocalChain) -> None:
    """Lowered by hand; never raised at threshold 0; received aTokens count in v3.0 only."""
    labels = flavour_chain.labels

    assert is_collateral(flavour_chain, labels["collateral_off"], "WETH")
    assert not is_collateral(flavour_chain, labels["collateral_off"], "WBTC")
    assert not is_collateral(flavour_chain, labels["zero_threshold"], "USDT")
    assert is_collateral(flavour_chain, labels["transfer_in"], "WETH")
    received = is_collateral(flavour_chain, labels["transfer_in_idle"], "WBTC")
    assert received == (flavour_chain.flavour == "core")


def test_stable_rate_debt_is_a_token_of_its_own(core_chain: LocalChain) -> None:
    """DAI at the stable rate, USDC at the variable one."""
    account, dai = core_chain.labels["stable_rate"], core_chain.tokens["DAI"]
    assert dai.sdebt is not None

    assert balance(core_chain, dai.sdebt, account) > 7_000 * ONE
    assert balance(core_chain, dai.vdebt, account) == 0
    assert balance(core_chain, core_chain.tokens["USDC"].vdebt, account) > 2_000 * 10**6


def test_small_debts_are_small(flavour_chain: LocalChain) -> None:
    """Five cents; and one unit of DAI, which v3.0 values at nothing and v3.6 at 1e-8 dollars."""
    dust = flavour_chain.account_data(flavour_chain.labels["dust"])
    wei = flavour_chain.account_data(flavour_chain.labels["dust_1wei"])
    core = flavour_chain.flavour == "core"

    assert dust["totalDebtBase"] == pytest.approx(5 * CENT, rel=0.01)
    scaled = flavour_chain.call(
        flavour_chain.tokens["DAI"].vdebt, SCALED, flavour_chain.labels["dust_1wei"]
    )
    assert scaled == 1
    assert (wei["healthFactor"] == MAX) == core


def test_the_liquidatable_can_be_liquidated(movable_chain: LocalChain) -> None:
    """liquidatable and bad_debt are under water now; liquidated has come up again."""
    labels = movable_chain.labels
    bad = movable_chain.account_data(labels["bad_debt"])

    assert health(movable_chain, labels["liquidatable"]) < ONE
    assert bad["healthFactor"] < ONE
    assert bad["totalCollateralBase"] < bad["totalDebtBase"]
    assert ONE < health(movable_chain, labels["liquidated"]) < 2 * ONE
    receipt = movable_chain.liquidate(labels["liquidatable"], "WETH", "USDC")
    assert receipt["status"] == "0x1"


def test_debt_without_collateral_stays_or_is_written_off(flavour_chain: LocalChain) -> None:
    """After all collateral was liquidated v3.0 leaves the debt, v3.6 burns it."""
    data = flavour_chain.account_data(flavour_chain.labels["wiped"])

    assert data["totalCollateralBase"] == 0
    assert (data["totalDebtBase"] > 0) == (flavour_chain.flavour == "core")


# --- whales and crowd ---------------------------------------------------------

FEBRUARY = [1781.09, 1791, 1807, 1808, 1842, 1862.02]


def test_whales_sit_on_their_price_to_the_cent(movable_chain: LocalChain) -> None:
    """By the contract: healthy at the price, not one raw unit below; sizes add up."""
    whales = movable_chain.whales(FEBRUARY, total_eth=650_000)
    accounts = [whale.address for whale in whales]
    raw = [round(price * 10**8) for price in FEBRUARY]

    assert [whale.price for whale in whales] == FEBRUARY
    assert sum(whale.ether for whale in whales) == pytest.approx(650_000)
    assert min(movable_chain.probe(accounts, "WETH", raw)) >= ONE
    for below in (1, CENT):
        lower = [price - below for price in raw]
        assert max(movable_chain.probe(accounts, "WETH", lower)) < ONE


def test_small_fish_sit_on_their_price_too(movable_chain: LocalChain) -> None:
    """Five accounts of about eight ether each: to the last digit of the feed."""
    fish = movable_chain.whales([1500, 1600.01, 1700.02, 1800.03, 1900.04], total_eth=40)
    accounts = [one.address for one in fish]

    at = movable_chain.probe(accounts, "WETH", [one.price_raw for one in fish])
    below = movable_chain.probe(accounts, "WETH", [one.price_raw - 1 for one in fish])
    assert min(at) >= ONE > max(below)


def test_a_whale_is_really_liquidated_one_cent_lower(movable_chain: LocalChain) -> None:
    """liquidationCall reverts at the price and succeeds a cent below."""
    (whale,) = movable_chain.whales([1791], total_eth=100_000)
    movable_chain.set_price("WETH", 1791 * 10**8)
    with pytest.raises(Reverted, match=r"(?i)health_?factor_?not_?below"):
        movable_chain.liquidate(whale.address, "WETH", whale.debt)
    movable_chain.set_price("WETH", 1791 * 10**8 - CENT)

    assert movable_chain.liquidate(whale.address, "WETH", whale.debt)["status"] == "0x1"


def test_time_may_not_move_whales(movable_chain: LocalChain) -> None:
    """Interest would: passing time is refused as long as there are whales."""
    movable_chain.whales([1791], total_eth=1_000)
    head = movable_chain.node.head()

    for let_time_pass in (lambda: movable_chain.pass_time(60), lambda: movable_chain.populate(5)):
        with pytest.raises(LocalChainError, match="whales"):
            let_time_pass()
    assert movable_chain.node.head() == head
    assert len(movable_chain.populate(5, seed=9, days=0)) == 5


def test_a_crowd_has_the_size_asked_for_and_no_giants(movable_chain: LocalChain) -> None:
    """520 accounts, 1.3 million ether, none above 1.5 %, liquidatable from 25 to 95 % of spot."""
    crowd = movable_chain.crowd(520, total_eth=1_300_000, seed=3)
    rows = movable_chain.accounts_data(crowd)
    ether = [row["totalCollateralBase"] / 2350e8 for row in rows]
    factors = [row["healthFactor"] / ONE for row in rows]

    assert sum(ether) == pytest.approx(1_300_000, rel=1e-6)
    assert max(ether) < 0.015 * sum(ether)
    assert 1 / 0.951 < min(factors) < 1 / 0.85
    assert 1 / 0.45 < max(factors) < 1 / 0.249
    kinds = movable_chain.holdings(crowd).values()
    assert 40 < sum("wstETH" in held for held in kinds) < 110


# --- process and packages -----------------------------------------------------


def test_anvil_is_gone_after_the_with() -> None:
    """Also when the block ends by an exception; what anvil wrote is removed."""
    chain = LocalChain("core")
    alive_before = alive(chain.node.pid)
    with pytest.raises(ZeroDivisionError), chain:
        raise ZeroDivisionError

    assert alive_before
    assert not alive(chain.node.pid)
    assert not chain.node.home.exists()
    chain.close()  # a second time is no error


def test_the_examples_in_the_texts_are_true() -> None:
    """Doctests of the signatures' module."""
    assert doctest.testmod(abi) == (0, 2)


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The command line, with a small chain."""
    options = ["--flavour", "core", "--borrowers", "5", "--whales", "1800,1900.5", "--whale-eth"]
    options += ["1000", "--chain-id", "4242", "--spot", "2500", "--ready", str(tmp_path / "ready")]
    options += ["--deployments", str(tmp_path / "deployments.toml")]
    return [sys.executable, str(SCRIPTS / "localchain"), *options]


def wait_for(path: Path, process: subprocess.Popen[str]) -> dict[str, object]:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    facts: dict[str, object] = json.loads(path.read_text())
    return facts


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["SIGTERM", "SIGINT", "SIGKILL"],
)
def test_the_command_announces_its_chain_and_ends_with_it(
    command: list[str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """The URL on a line, files written; whatever ends the command ends anvil."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        facts = wait_for(tmp_path / "ready", process)
        assert alive(int(str(facts["anvil"])))
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)

    assert process.returncode == code
    assert out == f"{facts['url']}\n"
    market = tomllib.loads((tmp_path / "deployments.toml").read_text())["market"][0]
    assert market["pool"].lower() == facts["pool"]
    assert (market["protocol"], market["name"], market["chain_id"]) == ("aave_v3", "local", 4242)
    assert market["first_block"] == facts["first_block"]
    assert facts["chain_id"] == 4242
    prices = [whale["price"] for whale in facts["whales"]]  # type: ignore[attr-defined]
    assert prices == [1800, 1900.5]
    deadline = time.monotonic() + 10  # the kernel's signal may take a moment
    while alive(int(str(facts["anvil"]))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(str(facts["anvil"])))


@pytest.fixture
def wishes(tmp_path: Path) -> Path:
    """A folder with the list of packages, and none of them installed."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SCRIPTS / "localchain" / name, tmp_path)
    return tmp_path


def test_a_missing_node_is_named(monkeypatch: pytest.MonkeyPatch, wishes: Path) -> None:
    """Without Node.js and without installed packages the message says what to install."""
    monkeypatch.setenv("PATH", str(wishes))

    with pytest.raises(LocalChainError, match=r"node is missing: install Node.js 20"):
        packages.ensure_packages(wishes)


def test_what_npm_says_is_passed_on(monkeypatch: pytest.MonkeyPatch, wishes: Path) -> None:
    """A failing npm ends with its own words."""
    for name, answer in (("node", "echo v22.1.0"), ("npm", "echo no space left; exit 7")):
        tool = wishes / name
        tool.write_text(f"#!/bin/sh\n{answer}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wishes}{os.pathsep}{os.environ['PATH']}")

    with pytest.raises(LocalChainError, match=r"(?s)exit 7.*no space left"):
        packages.ensure_packages(wishes)


def test_the_lock_file_names_no_registry() -> None:
    """Packages come from whatever registry the machine is set to."""
    text = (SCRIPTS / "localchain" / "package-lock.json").read_text()

    assert "http" not in text
    assert "resolved" not in text
