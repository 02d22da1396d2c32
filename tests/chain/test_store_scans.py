"""Scans that build on earlier ones: what they read again; they say what a fresh one says."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from localchain import LocalChain
from scanning import debtors, kept, parity, scan, table

from scanner.chain.connect import Node
from scanner.protocols import aave_v3

HERE = Path(__file__).parent


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The accounts that each scan asks the chain for, one set per scan that asks for any."""
    asked: list[set[str]] = []
    real = aave_v3.read

    def noted(chain: Any, market: Any, accounts: Any) -> Any:
        asked.append(hexes(accounts))
        return real(chain, market, accounts)

    monkeypatch.setattr(aave_v3, "read", noted)
    return asked


def hexes(accounts: Any) -> set[str]:
    """Addresses of uint8 rows."""
    return {"0x" + bytes(row).hex() for row in accounts}


def same_as_fresh(chain: LocalChain, store: Path, fresh: Path) -> bytes:
    """Scan with the store and into a new one; both give the same bytes, which are returned."""
    again, first = scan(chain, store), scan(chain, fresh)
    assert first.complete
    assert set(table(first)["account"]) == debtors(chain)
    assert again.document_bytes == first.document_bytes
    assert again.path.name == first.path.name
    for name in ("positions.parquet", "legs.parquet", "scan.json"):
        assert (again.path / name).read_bytes() == (first.path / name).read_bytes(), name
    return again.document_bytes


def test_two_scans_of_one_block_are_the_same_bytes(
    flavour_chain: LocalChain, tmp_path: Path, reads: list[set[str]]
) -> None:
    """Again with the same store, and from scratch in another: one document, digit for digit."""
    first = scan(flavour_chain, tmp_path / "one")
    assert reads.pop() > debtors(flavour_chain)
    again = scan(flavour_chain, tmp_path / "one")
    assert reads.pop() == set()  # nobody moved
    other = scan(flavour_chain, tmp_path / "two")
    assert first.document_bytes == again.document_bytes == other.document_bytes
    assert first.path == again.path


def test_only_the_touched_are_read_again(
    movable_chain: LocalChain, tmp_path: Path, reads: list[set[str]]
) -> None:
    """After 25 borrowers moved the second scan reads those 25, and nobody else."""
    cold = scan(movable_chain, tmp_path / "store")
    reads.clear()
    touched = movable_chain.act(25, seed=3)
    assert len(touched) == 25
    warm = scan(movable_chain, tmp_path / "store")
    assert reads == [touched]
    assert warm.document["block"]["number"] > cold.document["block"]["number"]
    assert warm.document_bytes != cold.document_bytes
    same_as_fresh(movable_chain, tmp_path / "store", tmp_path / "fresh")


def _deposit_for(chain: LocalChain) -> set[str]:
    chain.account("benefactor").supply("WETH", 1, to=chain.labels["plain"])
    return {chain.labels["plain"]}


def _atokens_between_borrowers(chain: LocalChain) -> set[str]:
    giver = chain.account("many")
    giver.send_atoken("LINK", 10, chain.labels["short"])
    return {chain.labels["many"], chain.labels["short"]}


def _atokens_from_a_stranger(chain: LocalChain) -> set[str]:
    chain.account("giver").send_atoken("WBTC", 0.05, chain.labels["plain"])
    return {chain.labels["plain"]}


def _delegated_debt(chain: LocalChain) -> set[str]:
    delegator = chain.account("plain")
    delegator.delegate("DAI", 100, chain.account("a friend").address)
    chain.account("a friend").borrow("DAI", 100, debtor=delegator.address)
    return {chain.labels["plain"]}


def _debt_repaid_by_another(chain: LocalChain) -> set[str]:
    friend, usdc = chain.account("a friend").address, chain.tokens["USDC"]
    chain.send(friend, usdc.address, "mint(address,uint256)", friend, 10**9)
    chain.send(friend, usdc.address, "approve(address,uint256)", chain.pool, 10**9)
    signature = "repay(address,uint256,uint256,address)"
    chain.send(friend, chain.pool, signature, usdc.address, 10**9, 2, chain.labels["plain"])
    return {chain.labels["plain"]}


def _liquidation(chain: LocalChain) -> set[str]:
    chain.liquidate(chain.labels["liquidatable"], "WETH", "USDC", 10**9)
    return {chain.labels["liquidatable"]}


def _write_off(chain: LocalChain) -> set[str]:
    chain.liquidate(chain.labels["bad_debt"], "LINK", "DAI")
    return {chain.labels["bad_debt"]}


def _flag_lowered(chain: LocalChain) -> set[str]:
    chain.account("many").use_as_collateral("LINK", False)
    return {chain.labels["many"]}


def _e_mode_left(chain: LocalChain) -> set[str]:
    chain.account("e_mode_eth").enter_e_mode(0)
    return {chain.labels["e_mode_eth"]}


def _first_debt_of_an_old_supplier(chain: LocalChain) -> set[str]:
    chain.account("supply_only").borrow("USDC", 10)
    return {chain.labels["supply_only"]}


def _repaid_borrows_again(chain: LocalChain) -> set[str]:
    chain.account("repaid").borrow("DAI", 10)
    return {chain.labels["repaid"]}


TOUCHES = [
    _deposit_for,
    _atokens_between_borrowers,
    _atokens_from_a_stranger,
    _delegated_debt,
    _debt_repaid_by_another,
    _liquidation,
    _write_off,
    _flag_lowered,
    _e_mode_left,
    _first_debt_of_an_old_supplier,
    _repaid_borrows_again,
]


def test_each_way_to_change_an_account_is_noticed(
    movable_chain: LocalChain, tmp_path: Path, reads: list[set[str]]
) -> None:
    """Whatever touched an account, also by somebody else's hand: it alone is read again."""
    scan(movable_chain, tmp_path / "store", verify=0)
    for touch in TOUCHES:
        reads.clear()
        touched = touch(movable_chain)
        finished = scan(movable_chain, tmp_path / "store")
        assert reads == [touched], touch.__name__
        assert parity(finished)["mismatches"] == 0, touch.__name__
    same_as_fresh(movable_chain, tmp_path / "store", tmp_path / "fresh")


def test_interest_and_prices_need_no_account_read(
    movable_chain: LocalChain, tmp_path: Path, reads: list[set[str]]
) -> None:
    """Three days and another ether price change every document, and no stored state."""
    before = scan(movable_chain, tmp_path / "store")
    reads.clear()
    movable_chain.pass_time(3 * 86_400)
    movable_chain.set_price("WETH", 2_300 * 10**8)
    after = scan(movable_chain, tmp_path / "store")
    assert reads == [set()]
    assert after.document["drivers"] != before.document["drivers"]
    same_as_fresh(movable_chain, tmp_path / "store", tmp_path / "fresh")


@pytest.fixture
def moving(origin_chain: LocalChain) -> Iterator[LocalChain]:
    """One generation, put back after the test: for what does not depend on the contracts."""
    with origin_chain.undone():
        yield origin_chain


@pytest.mark.parametrize("place", ["events", "accounts", "snapshot"])
def test_a_killed_scan_goes_on(
    moving: LocalChain, tmp_path: Path, reads: list[set[str]], place: str
) -> None:
    """Killed with SIGKILL half way, another day the store serves a scan equal to a clean one."""
    store = tmp_path / "store"
    deployments = tmp_path / "deployments.toml"
    moving.write_deployments(deployments)
    command = [sys.executable, str(HERE / "killed_scan.py"), moving.url]
    ended = subprocess.run(
        [*command, str(deployments), str(store), place], capture_output=True, timeout=120
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert not list(store.glob("scans/**/scan.json"))

    unread = kept(moving, store, lambda ledger, market: ledger.stale(market))
    known = kept(moving, store, lambda ledger, market: ledger.accounts(market))
    assert {
        "events": 0 < len(unread) == len(known) < len(moving.borrowers_ever),
        "accounts": 0 < len(unread) == len(known) - 40,
        "snapshot": len(unread) == 0,
    }[place]

    touched = moving.act(10, seed=8)
    resumed = scan(moving, store)
    if place != "events":
        assert reads == [hexes(unread) | touched]
    assert resumed.complete
    same_as_fresh(moving, store, tmp_path / "fresh")


@pytest.mark.parametrize("mined", [0, 40])
def test_a_reorganised_chain(
    movable_chain: LocalChain, tmp_path: Path, mined: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken back and gone another way, shorter or longer: as if scanned for the first time."""
    monkeypatch.setattr(Node, "final", lambda node: None)  # this node's is two blocks old
    store = tmp_path / "store"
    scan(movable_chain, store)
    fork = movable_chain.snapshot()
    movable_chain.act(20, seed=5)
    newcomer = movable_chain.account("on the lost branch")
    newcomer.supply("WETH", 5)
    newcomer.borrow("USDC", 1_000)
    lost = scan(movable_chain, store)
    assert newcomer.address in set(table(lost)["account"])

    movable_chain.revert(fork)
    movable_chain.act(6, seed=6)
    other = movable_chain.account("on the other branch")
    other.supply("WETH", 5)
    other.borrow("USDC", 1_000)
    movable_chain.mine(mined)
    same_as_fresh(movable_chain, store, tmp_path / "fresh")
    found = set(table(scan(movable_chain, store))["account"])
    assert other.address in found
    assert newcomer.address not in found


def test_an_older_block_after_a_newer_one(movable_chain: LocalChain, tmp_path: Path) -> None:
    """Asked for the block before 25 moved, a store that is ahead answers like a fresh one, and
    keeps what it holds."""
    store = tmp_path / "store"
    old = movable_chain.node.head()
    movable_chain.act(25, seed=3)
    late = movable_chain.account("came later")
    late.supply("WETH", 5)
    late.borrow("USDC", 1_000)
    newer = scan(movable_chain, store)
    assert late.address in set(table(newer)["account"])

    def contents(ledger: Any, market: int) -> Any:
        states = ledger.load(market)
        return (
            ledger.cursor(market),
            states.accounts.tobytes(),
            states.slot.tobytes(),
            states.value.tobytes(),
            ledger.stale(market).tobytes(),
        )

    before = kept(movable_chain, store, contents)
    older = scan(movable_chain, store, block=old)
    assert older.document["block"]["number"] == old
    assert late.address not in set(table(older)["account"])
    fresh = scan(movable_chain, tmp_path / "fresh", block=old)
    assert fresh.complete
    assert older.document_bytes == fresh.document_bytes
    assert kept(movable_chain, store, contents) == before
    assert scan(movable_chain, store).document_bytes == newer.document_bytes


def test_the_snapshot_holds_the_tables_of_the_scan(
    flavour_chain: LocalChain, tmp_path: Path
) -> None:
    """The positions in the file are those of the run, column by column."""
    import pandas as pd

    finished = scan(flavour_chain, tmp_path / "store")
    stored = pd.read_parquet(finished.path / "positions.parquet")
    assert list(stored["account"]) == list(finished.positions["account"])
    assert np.array_equal(
        stored["health_factor"], np.asarray(finished.positions["health_factor"]), equal_nan=True
    )
