"""Liquidatable is not callable: the pool's own liquidationCall against the flag and its reason."""

from pathlib import Path

import pandas as pd
import pytest
from eth_abi.abi import encode
from localchain import LocalChain, Reverted
from localchain.compile import artifact
from localchain.packages import NODE_MODULES
from scanning import scan
from test_liquidations import Expected, account, check, liquidated, told

from scanner.core.callability import REASONS

CORE = NODE_MODULES / "@aave" / "core-v3" / "artifacts" / "contracts"
SENTINEL = CORE / "protocol" / "configuration" / "PriceOracleSentinel.sol"
SEQUENCER = CORE / "mocks" / "oracle" / "SequencerOracle.sol"
# The pool's words: v3.0 numbers them (Errors.sol), v3.6 names them.
PAUSED = {"core": "29", "origin": "ReservePaused"}
WATCHED = {"core": "59", "origin": "PriceOracleSentinelCheckFailed"}
TOO_SMALL = {"core": "25", "origin": "InvalidBurnAmount"}
NOT_COLLATERAL = {"core": "46", "origin": "CollateralCannotBeLiquidated"}


def reason(chain: LocalChain, tmp_path: Path, who: str, driver: str = "ETH") -> str:
    """Why the scan says that an account cannot be called under a driver (now, if it is liquidatable
    now: whatever the driver)."""
    frame = pd.DataFrame(scan(chain, tmp_path / "scan", verify=1).positions)
    rows = frame[(frame["account"] == who)]
    rows = rows[(rows["driver"] == driver) | rows["already_liquidatable"]]
    [(able, why)] = set(zip(rows["callable"], rows["not_callable_reason"], strict=True))
    assert able == (why == "")
    assert why in REASONS
    assert (rows["seizable_usd"] == 0).all() or able
    return str(why)


def refused(chain: LocalChain, one: Expected, pair: tuple[str, str], why: dict[str, str]) -> None:
    """The real call one unit beyond the price reverts, and by that name."""
    with chain.undone():
        if one.side:
            chain.set_price("WETH", one.after)
        with pytest.raises(Reverted) as caught:
            liquidated(chain, one.account, *pair)
        assert why[chain.flavour] in caught.value.reason


def configure(chain: LocalChain, signature: str, *args: object) -> None:
    """A setting of the pool's configurator."""
    configurator = chain.call(chain.provider, "getPoolConfigurator()(address)")
    chain.send(chain.owner, configurator, signature, *args)


def deploy(chain: LocalChain, folder: Path, *args: object) -> str:
    """A contract of npm @aave/core-v3, from its artifact."""
    made = artifact(folder / f"{folder.stem}.json")
    data = bytes.fromhex(made.bytecode) + encode(made.constructor_types(), args)
    receipt = chain.node.transact(chain.owner, None, data, doing=f"deploying {made.name}")
    return str(receipt["contractAddress"]).lower()


def test_a_paused_reserve(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Of either side: the debt's pause keeps the call away as the collateral's does."""
    chain = movable_chain
    who = account(chain, "paused", {"WETH": 5}, {"DAI": 6_000})
    free = told(chain, tmp_path, who)
    assert reason(chain, tmp_path, who) == ""
    check(chain, free, "WETH")
    for symbol in ("WETH", "DAI"):
        with chain.undone():
            configure(chain, "setReservePause(address,bool)", chain.tokens[symbol].address, True)
            assert reason(chain, tmp_path, who) == "paused"
            refused(chain, free, ("WETH", "DAI"), PAUSED)


def test_a_grace_period(movable_chain: LocalChain, tmp_path: Path) -> None:
    """After a pause v3.1 and later may keep liquidations away for a while; v3.0 knows no such."""
    chain = movable_chain
    if chain.flavour == "core":
        pytest.skip("v3.0 has no grace periods")
    who = account(chain, "grace", {"WETH": 5}, {"DAI": 6_000})
    free = told(chain, tmp_path, who)
    weth = chain.tokens["WETH"].address
    configure(chain, "setReservePause(address,bool)", weth, True)
    configure(chain, "setReservePause(address,bool,uint40)", weth, False, 3_600)
    assert reason(chain, tmp_path, who) == "grace_period"
    refused(chain, free, ("WETH", "DAI"), {"origin": "LiquidationGraceSentinelCheckFailed"})
    chain.pass_time(3_601)
    assert reason(chain, tmp_path, who) == ""
    check(chain, told(chain, tmp_path, who), "WETH")


def test_a_sentinel_that_sees_the_sequencer_down(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Positions at 0.95 or above wait until it is up and its grace period over; those below go."""
    chain = movable_chain
    who = account(chain, "watched", {"WETH": 5}, {"DAI": 6_000})
    free, bad = told(chain, tmp_path, who), chain.labels["bad_debt"]
    now = chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"]
    sequencer = deploy(chain, SEQUENCER, chain.owner)
    sentinel = deploy(chain, SENTINEL, chain.provider, sequencer, 600)
    chain.send(chain.owner, chain.provider, "setPriceOracleSentinel(address)", sentinel)
    answer = "setAnswer(bool,uint256)"
    chain.send(chain.owner, sequencer, answer, True, int(now, 16))
    assert reason(chain, tmp_path, who) == "sentinel"
    refused(chain, free, ("WETH", "DAI"), WATCHED)
    assert reason(chain, tmp_path, bad) == ""
    check(chain, told(chain, tmp_path, bad, "LINK"), "LINK")

    chain.send(chain.owner, sequencer, answer, False, int(now, 16))  # up, but only just
    assert reason(chain, tmp_path, who) == "sentinel"
    refused(chain, free, ("WETH", "DAI"), WATCHED)
    chain.pass_time(601)
    assert reason(chain, tmp_path, who) == ""
    check(chain, told(chain, tmp_path, who), "WETH")


def test_a_debt_without_any_collateral(core_chain: LocalChain, tmp_path: Path) -> None:
    """v3.0 leaves the debt of whoever was liquidated whole: there is nothing left to take."""
    with core_chain.undone():
        who = core_chain.labels["wiped"]
        assert reason(core_chain, tmp_path, who) == "no_collateral"
        held = core_chain.holdings([who])[who]
        [debt] = [symbol for symbol, (_, owed) in held.items() if owed]
        with pytest.raises(Reverted) as caught:
            liquidated(core_chain, who, "WETH", debt)
        assert NOT_COLLATERAL["core"] in caught.value.reason


def test_a_call_that_would_take_less_than_one_unit(
    movable_chain: LocalChain, tmp_path: Path
) -> None:
    """One satoshi-sized unit of bitcoin against some hundred units of a dollar coin."""
    chain = movable_chain
    made = chain.account("callable: too small")
    made.supply("WBTC", units=2)
    # Half of what one unit of bitcoin is worth, in millionths of a dollar.
    made.borrow("USDC", units=chain.price_raw("WBTC") * 10**6 // 10**16 // 2)
    one = told(chain, tmp_path, made.address, "BTC")
    assert reason(chain, tmp_path, made.address, "BTC") == "too_small"
    with chain.undone():
        chain.set_price("WBTC", one.after)
        assert chain.account_data(made.address)["healthFactor"] < 10**18
        with pytest.raises(Reverted) as caught:
            liquidated(chain, made.address, "WBTC", "USDC")
        assert TOO_SMALL[chain.flavour] in caught.value.reason


def test_what_nobody_can_call_is_told_with_ranges_and_sums(
    movable_chain: LocalChain, tmp_path: Path
) -> None:
    """With ether paused every ether long is still at risk, and none of it will be sold."""
    chain = movable_chain
    configure(chain, "setReservePause(address,bool)", chain.tokens["WETH"].address, True)
    finished = scan(chain, tmp_path / "scan", shocks=("driver:ETH",), verify=1)
    frame = pd.DataFrame(finished.positions)
    document = finished.document
    now = document["already_liquidatable"]
    rows = {row["account"]: row for row in now["accounts"]}
    assert {row["not_callable_reason"] for row in rows.values()} >= {"paused"}
    mine = frame.drop_duplicates("account").set_index("account")
    for who, row in rows.items():
        assert row["callable"] == (row["not_callable_reason"] == "") == mine.loc[who, "callable"]
    barred = [row["collateral_usd"] for row in rows.values() if not row["callable"]]
    assert len(rows) == now["positions"]
    assert now["not_callable_usd"] == pytest.approx(sum(barred), abs=0.01)
    for band in document["bands"]:
        inside = frame[(frame["driver"] == "ETH") & (frame["side"] == band["side"])]
        inside = inside[~inside["already_liquidatable"] & ~inside["callable"]]
        assert 0 <= band["not_callable_usd"] <= band["collateral_at_risk_usd"]
        assert band["not_callable_usd"] <= inside["collateral_at_risk_usd"].sum() + 0.01
