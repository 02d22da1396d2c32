"""The ledger's own rules: who is known, what is outdated, what a reorganisation takes back."""

from pathlib import Path

import numpy as np
import pytest

from scanner.core.states import States
from scanner.errors import StoreError
from scanner.store.ledger import Cursor, Ledger

POOL = b"\x87" * 20


def address(*numbers):
    """uint8[n, 20]: one address per number, which is its last eight bytes."""
    rows = [number.to_bytes(20, "big") for number in numbers]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 20)


def numbers(addresses):
    return [int.from_bytes(row.tobytes(), "big") for row in addresses]


def hash_at(block, fork="main"):
    return f"{fork}{block}".encode().ljust(32, b".")


def at(block, fork="main"):
    return Cursor(block, hash_at(block, fork))


def blocks(*values):
    return np.array(values, np.int64)


def states(records):
    """States from {account number: {slot: word}}."""
    slots = [slot for account in records.values() for slot in account]
    words = [word.to_bytes(32, "big") for account in records.values() for word in account.values()]
    return States(
        address(*records),
        np.array([len(account) for account in records.values()], np.int64),
        np.array(slots, np.int64),
        np.frombuffer(b"".join(words), np.uint8).reshape(-1, 32),
    )


def records(loaded):
    """The inverse of `states`."""
    ends = np.cumsum(loaded.counts)
    words = [int.from_bytes(row.tobytes(), "big") for row in loaded.value]
    pairs = list(zip(loaded.slot.tolist(), words, strict=True))
    spans = zip(ends - loaded.counts, ends, strict=True)
    return {
        who: dict(pairs[a:b]) for who, (a, b) in zip(numbers(loaded.accounts), spans, strict=True)
    }


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "store", write=True) as opened:
        yield opened


@pytest.fixture
def market(ledger):
    return ledger.market(1, "aave_v3", "core", POOL)


def test_a_market_keeps_its_number_and_another_pool_is_another_market(tmp_path):
    """The same name on a redeployed pool must not inherit the old pool's borrowers."""
    with Ledger.open(tmp_path / "store", write=True) as ledger:
        first = ledger.market(1, "aave_v3", "core", POOL)
        redeployed = ledger.market(1, "aave_v3", "core", b"\x88" * 20)
    with Ledger.open(tmp_path / "store", write=False) as reader:
        assert reader.market(1, "aave_v3", "core", POOL) == first != redeployed
        with pytest.raises(StoreError, match="bandscan scan"):
            reader.market(10, "aave_v3", "core", POOL)


def test_only_adding_logs_take_in_unknown_accounts(ledger, market):
    """Borrower 1 borrows at 10; 2 only supplies; both move again at 12."""
    who, add = address(1, 2, 1, 2), np.array([True, False, False, False])
    ledger.touch(market, who, blocks(10, 11, 12, 12), at(20), add=add)

    assert numbers(ledger.stale(market)) == [1]
    assert ledger.cursor(market) == at(20)


def test_repeats_in_any_order_count_with_their_latest_block(ledger, market):
    """Touched at 15 and 12, in that order: a state read at 14 is outdated, one at 15 is not."""
    ledger.touch(market, address(1, 1), blocks(15, 12), at(20), add=True)

    ledger.save(market, states({1: {}}), 14)
    assert numbers(ledger.stale(market)) == [1]
    ledger.save(market, states({1: {}}), 15)
    assert numbers(ledger.stale(market)) == []


def test_a_state_is_outdated_by_a_later_touch_only(ledger, market):
    """Read at 20; borrower 2 moves at 25; nobody else is read again."""
    ledger.touch(market, address(3, 1, 2), blocks(10, 10, 10), at(20), add=True)
    ledger.save(market, states({3: {0: 1}, 1: {0: 1}, 2: {0: 1}}), 20)
    ledger.touch(market, address(2, 9), blocks(25, 25), at(30), add=False)

    assert numbers(ledger.stale(market)) == [2]


def test_a_distrusted_market_keeps_its_candidates_and_nothing_else(ledger, market):
    """Totals that do not add up: everybody is read again, from the first log on; nobody is lost."""
    ledger.touch(market, address(1, 2), blocks(10, 18), at(20), add=True)
    ledger.save(market, states({1: {0: 1}, 2: {0: 1}}), 20)

    ledger.distrust(market)

    assert ledger.cursor(market) is None
    assert not ledger.has_states(market)
    assert numbers(ledger.stale(market)) == numbers(ledger.accounts(market)) == [1, 2]


def test_states_come_back_sorted_and_exact(ledger, market):
    """Accounts by address, records by slot, full 256-bit words, an account without records."""
    full = 2**256 - 1
    ledger.touch(market, address(5, 4, 6), blocks(1, 1, 1), at(2), add=True)
    assert not ledger.has_states(market)
    ledger.save(market, states({5: {7: full, 2**32 - 1: 1, 0: 0}, 4: {}}), 2)

    loaded = ledger.load(market)

    assert ledger.has_states(market)
    assert numbers(loaded.accounts) == [4, 5]
    assert list(records(loaded)[5].items()) == [(0, 0), (7, full), (2**32 - 1, 1)]
    assert records(loaded)[4] == {}


def test_saving_again_replaces_and_never_mixes_with_other_markets(ledger, market):
    """Two markets, the same borrower: each keeps its own state."""
    spark = ledger.market(1, "spark", "core", POOL)
    for each in (market, spark):
        ledger.touch(each, address(1), blocks(1), at(2), add=True)
    ledger.save(market, states({1: {0: 10, 1: 11}}), 2)
    ledger.save(spark, states({1: {0: 99}}), 2)
    ledger.save(market, states({1: {1: 12}}), 2)

    assert records(ledger.load(market)) == {1: {1: 12}}
    assert records(ledger.load(spark)) == {1: {0: 99}}


def test_a_state_of_an_unknown_account_is_refused_whole(ledger, market):
    """Account 2 was never touched: storing it silently nowhere would lose a borrower."""
    ledger.touch(market, address(1), blocks(1), at(2), add=True)
    with pytest.raises(ValueError, match="not in the ledger"):
        ledger.save(market, states({1: {0: 1}, 2: {0: 1}}), 2)
    assert not ledger.has_states(market)


def test_columns_that_disagree_are_refused(ledger, market):
    """Two records counted, one given; and a slot that does not fit 32 bits."""
    ledger.touch(market, address(1), blocks(1), at(2), add=True)
    one = states({1: {0: 1}})
    with pytest.raises(ValueError, match="disagree"):
        ledger.save(market, States(one.accounts, np.array([2]), one.slot, one.value), 2)
    with pytest.raises(ValueError, match="32 bits"):
        ledger.save(market, States(one.accounts, one.counts, np.array([2**32]), one.value), 2)


@pytest.mark.parametrize(
    ("block", "upto"),
    [(25, at(20)), (5, at(9)), (5, at(10, "fork"))],
    ids=["log beyond the cursor", "cursor backwards", "other hash at the cursor"],
)
def test_a_touch_that_cannot_be_meant_is_refused(ledger, market, block, upto):
    """The cursor stands at 10 on the main chain."""
    ledger.touch(market, address(), blocks(), at(10), add=True)
    with pytest.raises(ValueError, match=r"block|cursor"):
        ledger.touch(market, address(1), blocks(block), upto, add=True)
    assert ledger.cursor(market) == at(10)
    assert len(ledger.stale(market)) == 0


def test_a_reorganisation_takes_back_what_the_lost_blocks_said(ledger, market):
    """Blocks 16 to 30 are replaced; the newest checkpoint that stands is 15.

    Borrower 1 borrowed at 10 and stood, read at 12. Borrower 2 (10) was read at 20, on a lost
    block. Borrower 3 is known only from lost block 18. Borrower 4 (10) moved at lost block 25.
    """
    ledger.touch(market, address(1, 2, 4), blocks(10, 10, 10), at(12), add=True)
    ledger.save(market, states({1: {0: 1}, 4: {0: 4}}), 12)
    ledger.touch(market, address(), blocks(), at(15), add=True)
    ledger.touch(market, address(3), blocks(18), at(20), add=True)
    ledger.save(market, states({2: {0: 2}, 3: {0: 3}}), 20)
    ledger.touch(market, address(4), blocks(25), at(30), add=True)

    back = ledger.unwind(market, lambda block: hash_at(block, "main" if block <= 15 else "fork"))

    assert back == 15
    assert ledger.cursor(market) == at(15)
    assert records(ledger.load(market)) == {1: {0: 1}, 4: {0: 4}}
    assert numbers(ledger.stale(market)) == [2, 4]
    # On the new chain the lost touch at 25 must not outdate what is read at 17.
    ledger.save(market, states({2: {0: 5}, 4: {0: 5}}), 17)
    assert numbers(ledger.stale(market)) == []


def test_an_account_counts_from_its_first_adding_log(ledger, market):
    """Borrower 1 supplies at 12 and borrows at 18, both in one answer; all after 15 is lost.

    The answer spans the loss only if the checkpoint at 15 is older than it: an endpoint that
    answered a range again. A scan from scratch would not know borrower 1 at 15.
    """
    add = np.array([False, True])
    ledger.touch(market, address(), blocks(), at(15), add=True)
    ledger.touch(market, address(1, 1), blocks(12, 18), at(20), add=add)

    assert ledger.unwind(market, lambda block: hash_at(block) if block <= 15 else None) == 15
    assert len(ledger.stale(market)) == 0


def test_the_cursor_keeps_a_hash_it_once_had(ledger, market):
    """The same block again, this time without hash: dropping it would call the block final."""
    ledger.touch(market, address(), blocks(), at(10), add=True)
    ledger.touch(market, address(), blocks(), Cursor(10, None), add=True)
    assert ledger.cursor(market) == at(10)


def test_nothing_changes_while_the_cursor_is_on_the_chain(ledger, market):
    """One question to the node, about the cursor alone."""
    for block in (10, 20, 30):
        ledger.touch(market, address(1), blocks(block), at(block), add=True)
    asked = []

    def hash_of(block):
        asked.append(block)
        return hash_at(block)

    assert ledger.unwind(market, hash_of) is None
    assert asked == [30]
    assert ledger.cursor(market) == at(30)


def test_a_ledger_without_logs_has_nothing_to_unwind(ledger, market):
    assert ledger.cursor(market) is None
    assert ledger.unwind(market, hash_at) is None


def test_a_checkpoint_without_hash_is_final(ledger, market):
    """The node disowns 20 and 30; 10 had no hash and stands, unasked."""
    ledger.touch(market, address(1), blocks(9), Cursor(10, None), add=True)
    for block in (20, 30):
        ledger.touch(market, address(1), blocks(block), at(block), add=True)

    def hash_of(block):
        assert block != 10
        return hash_at(block, "fork")

    assert ledger.unwind(market, hash_of) == 10
    assert ledger.cursor(market) == Cursor(10, None)
    assert ledger.unwind(market, hash_of) is None


def test_a_chain_that_knows_none_of_our_blocks_starts_the_market_anew(ledger, market):
    """A local node was started again: no block we know exists, so no account is known either."""
    for block in (10, 20, 30):
        ledger.touch(market, address(block), blocks(block), at(block), add=True)
    ledger.save(market, states({10: {0: 1}}), 30)

    assert ledger.unwind(market, lambda block: None) == 0
    assert ledger.cursor(market) is None
    assert len(ledger.stale(market)) == 0
    assert len(ledger.load(market).accounts) == 0


def test_a_failing_node_leaves_the_ledger_as_it_was(ledger, market):
    """The node answers for the cursor and dies at the next question."""
    for block in (10, 20, 30):
        ledger.touch(market, address(1), blocks(block), at(block), add=True)

    def hash_of(block):
        if block == 30:
            return hash_at(block, "fork")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        ledger.unwind(market, hash_of)
    assert ledger.cursor(market) == at(30)


@pytest.mark.parametrize("depth", [1, 3, 63, 64, 200, 900])
def test_a_long_watch_keeps_few_checkpoints_and_still_unwinds(ledger, market, depth):
    """1,000 blocks one by one: at most twice as deep as the reorganisation, in few questions."""
    for block in range(1, 1001):
        ledger.touch(market, address(), blocks(), at(block), add=True)
    asked = []

    def hash_of(block):
        asked.append(block)
        return hash_at(block, "main" if block <= 1000 - depth else "fork")

    back = ledger.unwind(market, hash_of)

    assert 1000 - 2 * depth <= back <= 1000 - depth
    assert depth >= 64 or back == 1000 - depth
    assert len(asked) <= 9


def test_checkpoints_do_not_pile_up(ledger, market):
    """64 newest and one for each power of two of distance up to 3,000, which is twelve."""
    for block in range(1, 3001):
        ledger.touch(market, address(), blocks(), at(block), add=True)
    assert len(ledger._checkpoints(market)) <= 64 + 12


def test_a_random_life_agrees_with_a_plain_dictionary(ledger, market):
    """300 random touches, reads and reorganisations against a model that stores whole logs.

    The model keeps each (account, block, adds) and each read; a reorganisation cuts both.
    """
    random = np.random.default_rng(20)
    logs, reads, points, fork = [], {}, {}, 0
    for step in range(300):
        head = max(points, default=0)
        action = random.choice(["touch", "touch", "read", "reorg"], p=[0.4, 0.2, 0.3, 0.1])
        if action == "touch":
            upto = head + int(random.integers(1, 6))
            n = int(random.integers(0, 8))
            who, when = random.integers(1, 40, n).tolist(), random.integers(head + 1, upto + 1, n)
            adds = random.random(n) < 0.6
            ledger.touch(market, address(*who), when, at(upto, f"f{fork}-"), add=adds)
            points[upto] = hash_at(upto, f"f{fork}-")
            known = {a for a, _, new in logs if new} | set(np.array(who)[adds].tolist())
            said = zip(who, when.tolist(), adds.tolist(), strict=True)
            logs += [log for log in said if log[0] in known]
        elif action == "read":
            stale = numbers(ledger.stale(market))
            chosen = [a for a in stale if random.random() < 0.7]
            ledger.save(market, states({a: {0: step} for a in chosen}), head)
            reads |= dict.fromkeys(chosen, (head, step))
        elif len(points) > 3:
            fork += 1
            keep = sorted(points)[: -int(random.integers(1, 3))]
            points = {b: points[b] for b in keep}
            back = ledger.unwind(market, points.get)
            assert back == keep[-1]
            logs = [log for log in logs if log[1] <= back]
            reads = {a: r for a, r in reads.items() if r[0] <= back}
            known = {a for a, _, new in logs if new}
            logs = [log for log in logs if log[0] in known]
            reads = {a: r for a, r in reads.items() if a in known}
        last = {}
        for account, block, _ in logs:
            last[account] = max(block, last.get(account, 0))
        outdated = {a for a, b in last.items() if a not in reads or reads[a][0] < b}
        assert records(ledger.load(market)) == {a: {0: step} for a, (_, step) in reads.items()}
        assert outdated <= set(numbers(ledger.stale(market))) <= set(last)
    assert fork > 5
    assert len(last) > 20


def test_a_reader_sees_one_state_while_a_scan_writes(tmp_path):
    """The reader began at cursor 10 and neither waits nor jumps; the next reader sees 20."""
    store = Path(tmp_path / "store")
    with Ledger.open(store, write=True) as writer:
        market = writer.market(1, "aave_v3", "core", POOL)
        writer.touch(market, address(1), blocks(5), at(10), add=True)
        with Ledger.open(store, write=False) as reader:
            assert reader.cursor(market) == at(10)
            writer.touch(market, address(2), blocks(15), at(20), add=True)
            assert reader.cursor(market) == at(10)
            assert numbers(reader.stale(market)) == [1]
        with Ledger.open(store, write=False) as reader:
            assert reader.cursor(market) == at(20)
