"""What one liquidation call takes: the real liquidationCall against the scan's own amounts."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from localchain import MAX, LocalChain, Reverted
from localchain.abi import topic
from scanning import CENT, Opened, debtors, open_market

from scanner.protocols._aave_call import first_call

CALLED = topic("LiquidationCall(address,address,address,uint256,uint256,address,bool)")
MOVED = topic("Transfer(address,address,uint256)")
_NUMBER = itertools.count()
HEALTHY = {"core": "45", "origin": "HealthFactorNotBelowThreshold"}  # why the pool refuses


@dataclass(frozen=True)
class Call:
    """One call: the pair by symbol, and amounts in token units."""

    collateral: str
    debt: str
    repaid: int
    taken: int
    fee: int


@dataclass(frozen=True)
class Expected:
    """What the scan says of one account under a shock: p*, one unit beyond, the first call."""

    account: str
    side: int
    raw: int
    after: int
    callable: bool
    seizable: float
    call: Call


def expected(
    chain: LocalChain, opened: Opened, kind: str, name: str, accounts: Sequence[str]
) -> list[Expected]:
    """The scan's word on accounts; at present prices for those without a p*."""
    exposure = opened.survey.expose(kind, name)
    place = {who: k for k, who in enumerate(opened.accounts())}
    people = sorted(accounts, key=lambda who: place[who])
    rows = np.array([place[who] for who in people], np.int64)
    side, raw = exposure.side[rows].astype(np.int64), exposure.raw[rows]
    answer = np.where(side == 0, exposure.shock.present, raw - side)
    first = first_call(opened.book, rows, exposure.shock, answer, exact=True)
    symbols = [*opened.book.market.reserves.symbol, ""]
    seizure = first.seizure
    assert list(first.barred == 0) == list(exposure.callable[rows])
    return [
        Expected(
            who,
            int(side[k]),
            int(raw[k]),
            int(answer[k]),
            bool((first.barred == 0)[k]),
            float(exposure.seizable[rows[k]]),
            Call(
                symbols[first.collateral[k]],
                symbols[first.debt[k]],
                int(seizure.repay[k]),
                int(seizure.taken[k]),
                int(seizure.fee[k]),
            ),
        )
        for k, who in enumerate(people)
    ]


def liquidated(
    chain: LocalChain, account: str, collateral: str, debt: str, amount: int = MAX
) -> Call:
    """A real call, in units, read from its logs."""
    # Everybody calls once: anvil may lose a transaction that is the same as one taken back.
    liquidator = chain.account(f"liquidator {next(_NUMBER)}").address
    receipt = chain.liquidate(account, collateral, debt, amount, liquidator)
    [log] = [log for log in receipt["logs"] if log["topics"][0] == CALLED]
    repaid, to_liquidator = (int(log["data"][2 + 64 * k : 66 + 64 * k], 16) for k in range(2))
    token = chain.tokens[collateral]
    treasury = chain.call(token.atoken, "RESERVE_TREASURY_ADDRESS()(address)")
    fee = sum(
        int(log["data"], 16)
        for log in receipt["logs"]
        if log["address"] == token.atoken
        and log["topics"][0] == MOVED
        and log["topics"][2][26:] == treasury[2:].lower()
        and log["topics"][1][26:] == account[2:]
    )
    return Call(collateral, debt, repaid, to_liquidator + fee, fee)


def check(chain: LocalChain, one: Expected, feed: str) -> None:
    """Refused at p*, accepted one unit beyond, and exactly as much as the scan says."""
    pair = (one.account, one.call.collateral, one.call.debt)
    if one.side:
        with chain.undone():
            chain.set_price(feed, one.raw)
            with pytest.raises(Reverted) as refused:
                liquidated(chain, *pair)
            assert HEALTHY[chain.flavour] in refused.value.reason
    with chain.undone():
        if one.side:
            chain.set_price(feed, one.after)
        supplied = balance(chain, chain.tokens[one.call.collateral].atoken, one.account)
        owed = balance(chain, chain.tokens[one.call.debt].vdebt, one.account)
        price = chain.price_raw(one.call.collateral)
        try:
            call = liquidated(chain, *pair)
        except Reverted:
            # Asking for all would leave dust: this much may be taken, and a thousandth more not.
            with pytest.raises(Reverted, match="MustNotLeaveDust"), chain.undone():
                liquidated(chain, *pair, one.call.repaid * 1001 // 1000)
            call = liquidated(chain, *pair, one.call.repaid)
        emptied = one.call.taken == supplied
        if emptied and call.fee != one.call.fee:
            # The fee goes last, as scaled units of a balance that is used up: a unit may be gone.
            assert 0 < one.call.fee - call.fee <= 2
            call = replace(call, fee=one.call.fee, taken=call.taken + one.call.fee - call.fee)
        assert call == one.call
        # Balances are scaled units: one rounds for the liquidator's part, one for the fee.
        lost = supplied - balance(chain, chain.tokens[one.call.collateral].atoken, one.account)
        assert abs(lost - one.call.taken) <= 2
        left = balance(chain, chain.tokens[one.call.debt].vdebt, one.account)
        if owed >= one.call.repaid and left:  # else stable-rate debt, or the rest was written off
            assert abs(owed - left - one.call.repaid) <= 1
        # The column is computed in floats: to a unit of the token (0.0007 dollars of bitcoin).
        unit = price / 10**8 / chain.tokens[one.call.collateral].unit
        assert one.seizable == pytest.approx(
            one.call.taken * unit, rel=1e-9, abs=1.01 * unit + CENT
        )


def balance(chain: LocalChain, token: str, who: str) -> int:
    """Token units."""
    units: int = chain.call(token, "balanceOf(address)(uint256)", who)
    return units


@pytest.mark.parametrize(
    ("kind", "name", "feed", "every"),
    [("driver", "ETH", "WETH", 4), ("driver", "BTC", "WBTC", 3), ("driver", "LINK", "LINK", 3)],
)
def test_calls_succeed_just_beyond_the_price(
    movable_chain: LocalChain, tmp_path: Path, kind: str, name: str, feed: str, every: int
) -> None:
    """A sample of both sides: refused at p*, accepted beyond, repaid, taken and fee to the unit."""
    opened = open_market(movable_chain, tmp_path / "store")
    exposure = opened.survey.expose(kind, name)
    people = np.array(opened.accounts())
    chosen = [
        who
        for side in (1, -1)
        for who in people[(exposure.side == side) & exposure.callable][::every]
    ]
    found = expected(movable_chain, opened, kind, name, chosen)
    assert {one.side for one in found} == {1, -1}
    for one in found:
        check(movable_chain, one, feed)


def test_the_e_mode_bonus(movable_chain: LocalChain, tmp_path: Path) -> None:
    """wstETH alone falls: who is in the ether e-mode loses 1 % more than repaid, not 6 %."""
    opened = open_market(movable_chain, tmp_path / "store")
    movable_chain.point_token_at_own_feed("wstETH")
    people = [movable_chain.labels[label] for label in ("loop", "e_mode_eth")]
    for one in expected(movable_chain, opened, "token", "wstETH", people):
        check(movable_chain, one, "wstETH")
        with movable_chain.undone():
            movable_chain.set_price("wstETH", one.after)
            paid = one.call.repaid * movable_chain.price_raw("WETH")
            assert one.call.taken * one.after / paid == pytest.approx(1.01, rel=1e-9)


def account(
    chain: LocalChain, name: str, supplies: dict[str, float], borrows: dict[str, float]
) -> str:
    """An account with these whole tokens; what its last debt may, it owes."""
    made = chain.account(f"liquidations: {name}")
    for symbol, amount in supplies.items():
        made.supply(symbol, amount)
    for symbol, amount in borrows.items():
        made.borrow(symbol, amount)
    return made.address


def told(chain: LocalChain, tmp_path: Path, who: str, name: str = "ETH") -> Expected:
    """The scan's word on one account under a driver."""
    opened = open_market(chain, tmp_path / "store")
    [one] = expected(chain, opened, "driver", name, [who])
    return one


def test_half_of_a_large_debt(movable_chain: LocalChain, tmp_path: Path) -> None:
    """10 WETH against 12,000 USDC: the first call repays half, in both generations."""
    who = account(movable_chain, "large", {"WETH": 10}, {"USDC": 12_000})
    one = told(movable_chain, tmp_path, who)
    check(movable_chain, one, "WETH")
    assert one.call.repaid == pytest.approx(6_000 * 10**6, abs=2)


def test_a_small_debt_goes_whole(movable_chain: LocalChain, tmp_path: Path) -> None:
    """0.8 WETH against 1,200 USDC: under 2,000 dollars v3.6 takes all, v3.0 still half."""
    who = account(movable_chain, "small", {"WETH": 0.8}, {"USDC": 1_200})
    one = told(movable_chain, tmp_path, who)
    check(movable_chain, one, "WETH")
    whole = movable_chain.flavour == "origin"
    assert one.call.repaid == pytest.approx((1_200 if whole else 600) * 10**6, abs=2)


def test_no_dust_of_debt_may_be_left(movable_chain: LocalChain, tmp_path: Path) -> None:
    """5,900 DAI and 4,100 USDC owed: half of all would leave 900 DAI, so v3.6 stops at 4,900.

    v3.0 takes half of the one reserve's debt, 2,950.
    """
    who = account(movable_chain, "dust of debt", {"WETH": 8}, {"DAI": 5_900, "USDC": 4_100})
    one = told(movable_chain, tmp_path, who)
    check(movable_chain, one, "WETH")
    assert one.call.debt == "DAI"
    dollars = one.call.repaid / 10**18
    assert dollars == pytest.approx(4_900 if movable_chain.flavour == "origin" else 2_950, rel=1e-6)


def test_no_dust_of_collateral_may_be_left(movable_chain: LocalChain, tmp_path: Path) -> None:
    """5,000 DAI against ether and bitcoin of some 3,000 dollars each: v3.6 leaves 1,000 of it."""
    who = account(movable_chain, "dust", {"WETH": 1.6, "WBTC": 0.048}, {"DAI": 5_000})
    one = told(movable_chain, tmp_path, who)
    check(movable_chain, one, "WETH")
    token = movable_chain.tokens[one.call.collateral]
    left = balance(movable_chain, token.atoken, who) - one.call.taken
    price = one.after if one.call.collateral == "WETH" else movable_chain.price_raw("WBTC")
    if movable_chain.flavour == "origin":
        assert left * price / token.unit / 1e8 == pytest.approx(1_000, rel=1e-5)
    else:
        assert one.call.repaid == pytest.approx(2_500 * 10**18, rel=1e-9)


def test_collateral_caps_the_call(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Five collaterals of 2,500 dollars against one debt: the call ends where one of them does."""
    supplies = {"WETH": 1.06, "wstETH": 0.88, "WBTC": 0.037, "LINK": 167, "DAI": 2_500}
    who = account(movable_chain, "spread", supplies, {"USDC": 8_300})
    one = told(movable_chain, tmp_path, who)
    check(movable_chain, one, "WETH")
    assert one.call.taken == balance(
        movable_chain, movable_chain.tokens[one.call.collateral].atoken, who
    )


def test_all_of_a_debt_below_95_percent(movable_chain: LocalChain, tmp_path: Path) -> None:
    """The already liquidatable at present prices: half at 0.97, everything there is at 0.485."""
    labels = movable_chain.labels
    mild = told(movable_chain, tmp_path, labels["liquidatable"])
    assert mild.side == 0
    check(movable_chain, mild, "WETH")
    debt = balance(movable_chain, movable_chain.tokens["USDC"].vdebt, labels["liquidatable"])
    assert mild.call.repaid == pytest.approx(debt / 2, rel=1e-9)
    bad = told(movable_chain, tmp_path, labels["bad_debt"], "LINK")
    check(movable_chain, bad, "LINK")
    assert bad.call.taken == balance(
        movable_chain, movable_chain.tokens["LINK"].atoken, labels["bad_debt"]
    )


def test_no_pair_takes_more(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Of 24 pairs, six collaterals and four debts, none takes more dollars than the one named."""
    supplies = {"WETH": 9, "wstETH": 7, "WBTC": 0.1, "USDC": 9_000, "DAI": 8_000, "LINK": 700}
    owed = {"USDC": 14_000, "DAI": 13_000, "USDT": 12_000, "WETH": 0.5}
    who = account(movable_chain, "pairs", supplies, owed)
    one = told(movable_chain, tmp_path, who)
    movable_chain.set_price("WETH", one.after)
    worth: dict[tuple[str, str], float] = {}
    held = movable_chain.holdings([who])[who]
    prices = {symbol: movable_chain.price_raw(symbol) for symbol in held}
    for collateral in (s for s, (units, _) in held.items() if units):
        for debt in (s for s, (_, units) in held.items() if units):
            with movable_chain.undone():
                try:
                    call = liquidated(movable_chain, who, collateral, debt)
                except Reverted:
                    continue
            unit = movable_chain.tokens[collateral].unit
            worth[collateral, debt] = call.taken * prices[collateral] / unit / 1e8
    assert len(worth) >= 12
    assert max(worth.values()) == pytest.approx(one.seizable, rel=1e-9, abs=CENT)
    assert worth[one.call.collateral, one.call.debt] == pytest.approx(
        one.seizable, rel=1e-9, abs=CENT
    )


def test_the_smallest_debts_can_be_called(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Debts of a few millionths of a dollar: the scan says callable, and the real call goes."""
    for units in (1, 2, 10):
        made = movable_chain.account(f"liquidations: {units} units")
        # one unit is a millionth of a dollar; twice that in ether, a little more for rounding
        made.supply("WETH", units=(units + 1) * 2 * 10**12 // 2350)
        made.borrow("USDC", units=units)
        one = told(movable_chain, tmp_path, made.address)
        assert (one.side, one.callable) == (1, True)
        check(movable_chain, one, "WETH")


def test_what_is_paused_cannot_be_called(movable_chain: LocalChain, tmp_path: Path) -> None:
    """With ether paused its pairs are refused: bitcoin goes instead, `plain` cannot be called."""
    chain = movable_chain
    both = account(chain, "both", {"WETH": 5, "WBTC": 0.05}, {"USDC": 8_000})
    free = told(chain, tmp_path, both)
    assert free.call.collateral == "WETH"
    configurator = chain.call(chain.provider, "getPoolConfigurator()(address)")
    pause = "setReservePause(address,bool)"
    chain.send(chain.owner, configurator, pause, chain.tokens["WETH"].address, True)

    other = told(chain, tmp_path, both)
    assert (other.callable, other.raw, other.call.collateral) == (True, free.raw, "WBTC")
    check(chain, other, "WETH")
    plain = told(chain, tmp_path, chain.labels["plain"])
    assert (plain.side, plain.callable, plain.seizable) == (1, False, 0)
    chain.set_price("WETH", plain.after)
    with pytest.raises(Reverted) as refused:
        liquidated(chain, plain.account, "WETH", "USDC")
    assert {"core": "29", "origin": "ReservePaused"}[chain.flavour] in refused.value.reason


def test_quick_amounts_equal_exact_ones(movable_chain: LocalChain, tmp_path: Path) -> None:
    """`seizable_usd` is computed in floats: it is the exact amount to a unit of the token."""
    opened = open_market(movable_chain, tmp_path / "store")
    assert set(opened.accounts()) == debtors(movable_chain)
    compared = 0
    for name in ("ETH", "BTC", "LINK"):
        exposure = opened.survey.expose("driver", name)
        rows = np.flatnonzero(exposure.side != 0)
        answer = exposure.raw[rows] - exposure.side[rows]
        exact: Any = first_call(opened.book, rows, exposure.shock, answer, exact=True)
        assert np.allclose(exact.value, exposure.seizable[rows], rtol=1e-9, atol=7e-4 + CENT)
        compared += len(rows)
    assert compared > 50
